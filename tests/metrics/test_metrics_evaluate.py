"""Whole measurements: every metric, the cache, the command, and several processes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from training.checkpoint import save
from training.data.sampling import open_source
from training.distributed import World
from training.metrics import METRICS, MetricsConfig, MetricsError, Moments, evaluate
from training.metrics.__main__ import main
from training.metrics.clip_windows import Windows, draw_codes, generate
from training.metrics.distribution import ahead
from training.metrics.frechet import frechet_distance
from training.metrics.metric_session import Mean

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def config(tmp_path_factory, tiny_generator, scripts, write_clips):
    """Settings of a measurement of everything that takes seconds."""
    folder = tmp_path_factory.mktemp("evaluate")
    save(folder / "G.safetensors", tiny_generator)
    generator = torch.Generator().manual_seed(0)
    codes = {
        "identity": torch.randn(2, 8, generator=generator),
        "motion": torch.randn(1, 8, generator=generator),
    }
    save_file(codes, folder / "codes.safetensors")
    return MetricsConfig(
        folder / "G.safetensors",
        data=write_clips([16, 20, 35, 16, 7], depth=True),
        metrics=",".join(METRICS),
        video_detector=scripts["video"],
        image_detector=scripts["image"],
        face_recogniser=scripts["face"],
        run_torchscript=True,
        codes=folder / "codes.safetensors",
        clips=6,
        pictures=8,
        views=3,
        orbits=2,
        batch=2,
        side=16,
        orbit_frames=3,
        device="cpu",
        cache=folder / "cache",
    )


@pytest.fixture(scope="module")
def report(config):
    return evaluate(config, World())


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_a_number(report, name):
    result = report.results[name]
    assert result.value is not None
    assert np.isfinite(result.value)
    assert result.samples == {"swd": 8, "fvd": 6, "fid": 6 * 16, "flicker": 2}.get(name, 3)


def test_fvd_is_the_distance_of_the_clips_features(report, config, tiny_generator):
    """Recomputed step by step; clip 4 is too short, and only clip 2 has a second window."""
    windows = Windows(open_source(config.data))
    cameras = torch.from_numpy(np.stack([windows.cameras(k) for k in range(6)]))
    fake = generate(tiny_generator, draw_codes(tiny_generator, 0, range(6)), cameras, side=16)
    usable = [k for k in range(6) if windows.clip(k) == 2 or (k < 5 and windows.clip(k) != 4)]
    real = torch.stack([windows.real_clip(k, 16) for k in usable])
    assert report.results["fvd"].facts == {"real": len(usable)}

    def moments(clips):
        found = Moments(6)
        x = clips.float() / 127.5 - 1
        found.add(torch.cat([x[:, 0].mean((2, 3)), x[:, -1].mean((2, 3))], 1))
        return found

    expected = frechet_distance(moments(real), moments(fake))
    assert report.results["fvd"].value == pytest.approx(expected, rel=1e-3)


def test_real_statistics_are_kept_by_all_that_they_depend_on(report, config, capsys):
    kept = sorted(config.cache.iterdir())
    assert [path.name.split("-")[0] for path in kept] == ["fid", "fvd", "swd"]
    dates = [path.stat().st_mtime_ns for path in kept]
    only = replace(config, metrics="fvd")
    again = evaluate(only, World())
    assert "real clips" not in capsys.readouterr().err
    assert again.results["fvd"] == report.results["fvd"]
    assert [path.stat().st_mtime_ns for path in kept] == dates
    evaluate(replace(only, seed=1), World())
    assert len(list(config.cache.iterdir())) == 4
    kept[1].write_bytes(b"damaged")
    mended = evaluate(only, World())
    assert mended.results["fvd"].value == pytest.approx(report.results["fvd"].value, rel=1e-9)
    assert kept[1].stat().st_size > 100


def test_depth_error_is_also_told_in_percent_of_the_box(report):
    result = report.results["depth"]
    assert result.value is not None
    assert result.facts["percent_of_box"] == pytest.approx(100 * result.value)


def test_the_table_and_the_file_hold_every_result(report, tmp_path):
    lines = str(report).split("\n")
    assert [line.split()[0] for line in lines] == ["metric", *METRICS]
    report.save(tmp_path / "new" / "result.json")
    data = json.loads((tmp_path / "new" / "result.json").read_text("utf-8"))
    assert list(data["results"]) == list(METRICS)
    assert data["results"]["fvd"]["value"] == report.results["fvd"].value
    assert data["settings"]["clips"] == 6
    assert set(data["sha256"]) >= {"checkpoint", "video_detector"}


def test_all_that_is_missing_is_said_at_once(config, tmp_path):
    bare = MetricsConfig(tmp_path / "none.safetensors", metrics="fvd,identity,depth")
    with pytest.raises(MetricsError) as caught:
        evaluate(bare, World())
    words = ("--data and --video-detector", "--face-recogniser", "--codes")
    assert all(word in str(caught.value) for word in words)
    with pytest.raises(MetricsError, match="no metric psnr"):
        evaluate(replace(bare, metrics="warp,psnr"), World())
    with pytest.raises(ValueError, match=r"clips is 1.*batch is 0"):
        MetricsConfig(tmp_path, clips=1, batch=0)


def arguments(config, out):
    return [
        *("--checkpoint", str(config.checkpoint), "--data", str(config.data)),
        *("--metrics", "fvd,warp,depth,swd", "--video-detector", str(config.video_detector)),
        *("--run-torchscript", "--codes", str(config.codes), "--out", str(out)),
        *(
            "--clips",
            "6",
            "--pictures",
            "8",
            "--views",
            "3",
            "--batch",
            "2",
            "--side",
            "16",
            "--device",
            "cpu",
        ),
        *("--cache", str(out.parent / "cache")),
    ]


def test_two_processes_measure_what_one_does(report, config, tmp_path):
    out = tmp_path / "two.json"
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run(
        [sys.executable, *command, "-m", "training.metrics", *arguments(config, out)],
        cwd=ROOT,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )
    data = json.loads(out.read_text("utf-8"))
    assert data["processes"] == 2
    for name, entry in data["results"].items():
        expected = report.results[name]
        assert entry["samples"] == expected.samples
        assert entry["value"] == pytest.approx(expected.value, rel=1e-3)


def test_the_command(config, tmp_path, capsys):
    out = tmp_path / "result.json"
    assert main(arguments(config, out)) == 0
    captured = capsys.readouterr()
    assert "generated clips: 100%" in captured.err
    assert captured.out.split("\n")[1].startswith("fvd")
    assert out.exists()
    untrusted = [a for a in arguments(config, out) if a != "--run-torchscript"]
    assert main(untrusted) == 1
    assert "a program; add --run-torchscript if you trust it" in capsys.readouterr().err


def test_means_leave_out_what_is_not_known():
    mean = Mean()
    mean.add(torch.tensor([1.0, float("nan"), 3.0]))
    mean.add(torch.tensor([8.0]))
    result = mean.result(World())
    assert result.value == pytest.approx(4)
    assert result.samples == 3
    assert result.standard_error == pytest.approx(np.std([1, 3, 8], ddof=1) / 3**0.5)
    assert result.facts == {"left_out": 1}
    assert Mean().result(World()).value is None


def test_reading_ahead_keeps_the_order_and_passes_errors_on():
    assert list(ahead(lambda k: k * k, range(20), 3)) == [k * k for k in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda k: 1 // (k - 5), range(20), 3))
