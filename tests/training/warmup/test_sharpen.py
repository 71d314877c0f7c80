"""Sharpening a super-resolution with a discriminator, on balls whose pictures are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.training.warmup.balls import (
    in_two_stages,
    settings,
    start,
    write_balls,
    write_wide,
)
from training import checkpoint
from training.camera import Camera
from training.checkpoint import load_generator
from training.data.sampling import open_source
from training.distributed import World
from training.networks.generator import Generator
from training.train.run_folder import RunFolder
from training.train.step import Draws
from training.warmup.known_codes import Codes
from training.warmup.picture_parts import Parts
from training.warmup.raw_pictures import RawPictures, turned
from training.warmup.sharpen import SharpenConfig, Sharpening, facing, main
from training.warmup.warmup_losses import WarmupLossConfig


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    return write_wide(tmp_path_factory.mktemp("balls") / "wide")


@pytest.fixture(scope="module")
def warmed(wide: Path, tmp_path_factory) -> Path:
    """A generator after two updates of a warm-up, with a named person in its metadata."""
    run = tmp_path_factory.mktemp("warm")
    list(start(in_two_stages(wide, run, updates=1, superresolution_updates=1)).run())
    path = run / "generator.safetensors"
    checkpoint.annotate(path, {"people": "3, 5"})
    return path


def short(wide: Path, warmed: Path, out: Path, **changes) -> SharpenConfig:
    config = SharpenConfig(
        data=str(wide),
        start_from=str(warmed),
        out=str(out),
        updates=4,
        save_every=2,
        r1_every=3,
        loss=WarmupLossConfig(part=12),
    )
    return replace(config, **changes)


def sharpening(config: SharpenConfig) -> Sharpening:
    folder = RunFolder(config.out)
    folder.begin(config, config.resume)
    run = Sharpening(config, World(), folder)
    run.restore()
    return run


def test_only_the_super_resolution_changes(wide, warmed, tmp_path):
    run = sharpening(short(wide, warmed, tmp_path / "run"))
    values = list(run.run())
    assert len(values) == 4
    assert all(np.isfinite(list(v.values())).all() for v in values)
    assert {"picture", "view", "adversarial", "discriminator"} < set(values[0])
    before, after = checkpoint.read(warmed), checkpoint.read(run.folder.generator)
    changed = {k for k, x in after.tensors.items() if not torch.equal(x, before.tensors[k])}
    assert {name.split(".")[0] for name in changed} == {"superresolution"}
    assert after.metadata["people"] == "3, 5"
    codes = Codes.load(run.folder.path / "codes.safetensors", load_generator(warmed))
    assert codes.identity.shape == (3, 16)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(wide, warmed, tmp_path):
    expected = list(sharpening(short(wide, warmed, tmp_path / "whole")).run())
    config = short(wide, warmed, tmp_path / "parts")
    values = list(sharpening(replace(config, stop_after=2)).run())
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts" / "raw").rglob("*.*")}
    assert len([path for path in kept if path.is_file()]) == 2
    values += list(sharpening(replace(config, resume=True)).run())
    assert values == expected
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert main(["--resume", "--out", str(tmp_path / "parts"), "--updates", "5"]) == 0
    assert [path.stem for path in RunFolder(tmp_path / "parts").states()][-1] == "000000005"


def test_kept_pictures_are_the_generators_and_the_data_sets(wide, warmed, tmp_path):
    G, source = load_generator(warmed), open_source(wide)
    codes = Codes.draw(3, 2, G)
    raw = RawPictures(G, codes, source, 10, 4.0, tmp_path)
    assert list(raw.make())[-1] == 2
    kept = raw.read([1])
    notes = source.annotations(1)
    draws = Draws((1,), G.device)
    z = codes.z(torch.from_numpy(notes.identity)[None], draws.normal(1, 16))
    z_motion = codes.z_motion(torch.from_numpy(notes.motion)[None], draws.normal(1, 16))
    with torch.no_grad():
        c = torch.from_numpy(notes.cameras[3:4])
        expected = G(z, z_motion, torch.ones(1, 1), c).raw.features
    assert torch.allclose(kept.features[:, 1], expected, atol=1e-3)
    assert np.array_equal(kept.images[0, 1].permute(1, 2, 0), source.pictures(1, [3]).images[0])
    assert kept.features.shape == (1, 3, 8, 16, 16)
    assert kept.w.shape == (1, 16)


def test_a_turned_camera_looks_at_the_same_from_as_far(tmp_path):
    numbers = Camera.orbit(20, -5).numbers()
    before = Camera.from_numbers(numbers)
    seen = {turned(numbers, 4.0, seed).tobytes() for seed in range(5)}
    assert len(seen) == 5
    for found in seen:
        camera = Camera.from_numbers(np.frombuffer(found, np.float32))
        a, b = before.position, camera.position
        assert np.linalg.norm(b) == pytest.approx(np.linalg.norm(a), rel=1e-5)
        angle = np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
        assert angle == pytest.approx(4.0, abs=0.01)
        ahead = before.rotation.T @ (np.zeros(3) - a), camera.rotation.T @ (np.zeros(3) - b)
        assert np.allclose(*ahead, atol=1e-5), "the origin stays where it is in the picture"


def test_another_view_is_looked_up_where_it_shows_the_same():
    whole, scale = 32, 4
    picture = torch.rand(2, 3, scale * whole, scale * whole)
    moved = picture.roll((8, -12), dims=(2, 3))  # 2 raw pixels down, 3 to the left
    places = torch.zeros(2, 3, whole, whole)
    places[:, 0], places[:, 1], places[:, 2] = -3 / whole, 2 / whole, 1
    places[1, 2, :, :16] = 0
    draws = Draws((1,), torch.device("cpu"))
    frames = torch.randint(0, 255, (4, 3, 128, 128), dtype=torch.uint8)
    parts = Parts.draw(frames, whole, WarmupLossConfig(part=12, part_moving=0), draws)
    parts = replace(parts, corner=torch.tensor([[10, 12], [14, 10]]))
    there, grid, seen = facing(places, parts, scale)
    assert there.corner.tolist() == [[12, 9], [16, 7]]
    carried = F.grid_sample(there.cut(moved), grid, mode="bicubic", align_corners=False)
    assert torch.allclose(carried, parts.cut(picture), atol=1e-4)
    assert seen[0].all()
    assert not seen[1, :, :, :24].any()
    assert seen[1, :, :, 30:].all()


def test_the_discriminator_tells_pictures_apart_and_is_heeded(wide, warmed, tmp_path):
    config = replace(short(wide, warmed, tmp_path / "still"), lr=0.0, updates=30, save_every=30)
    values = list(sharpening(config).run())
    assert values[-1]["real"] > values[-1]["fake"] + 0.5
    assert values[-1]["discriminator"] < 0.8 * values[0]["discriminator"]
    assert values[-1]["adversarial"] > values[0]["adversarial"]
    made = []
    for weight in (0.0, 1.0):
        config = short(wide, warmed, tmp_path / str(weight), adversarial=weight)
        run = sharpening(config)
        list(run.run())
        made.append(torch.cat([x.flatten() for x in run.average.parameters()]))
    assert not torch.equal(*made)


def test_what_cannot_be_sharpened_is_refused(wide, warmed, tmp_path, capsys):
    def refused(*options: str) -> str:
        assert main(["--out", str(tmp_path / "run"), *options]) == 1
        return capsys.readouterr().err

    data, origin = ["--data", str(wide)], ["--start-from", str(warmed)]
    assert "no such file" in refused(*data, "--start-from", str(tmp_path / "none"))
    assert "none" in refused("--data", str(tmp_path / "none"), *origin)
    with pytest.raises(ValueError, match=r"clips is 0.*batch is 0"):
        SharpenConfig(data="", start_from="", clips=0, batch=0)
    in_the_way = tmp_path / "run" / "raw"
    in_the_way.write_text("a file")
    assert "raw" in (said := refused(*data, *origin))
    assert "cannot be written" in said
    in_the_way.unlink()
    small = write_balls(tmp_path / "small", 1, seed=0)
    assert "no clips of 128 px" in refused("--data", str(small), *origin)
    flat = start(settings(small, tmp_path / "flat", updates=1, batch=1))
    list(flat.run())
    path = str(flat.folder.generator)
    assert "no super-resolution" in refused("--data", str(small), "--start-from", path)
    other = Generator(load_generator(warmed).config)
    checkpoint.save(tmp_path / "other.safetensors", other)
    said = refused(*data, "--start-from", str(tmp_path / "other.safetensors"))
    assert "not trained by training.warmup" in said
