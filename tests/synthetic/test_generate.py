"""The command: the same bytes however it is run, and nothing lost when it is killed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("moderngl", reason="moderngl (the extra 'synthetic') is not installed")

from training.camera import Camera
from training.synthetic.generate import GenerateConfig, generate, main, plan_clip


@pytest.fixture(scope="module")
def config(
    model_path: Path, cache: Path, renderer: object, tmp_path_factory: pytest.TempPathFactory
) -> GenerateConfig:
    """Settings of a small set; `renderer` is asked for because it skips without OpenGL."""
    return GenerateConfig(
        out=tmp_path_factory.mktemp("heads") / "set",
        model=model_path,
        people=2,
        clips_per_person=2,
        frames=3,
        resolution=48,
        landmarks=True,
        cache=cache,
    )


@pytest.fixture(scope="module")
def made(config: GenerateConfig) -> Path:
    """The set of `config`, drawn without interruption."""
    generate(config)
    return config.out


def _contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_the_format(made: Path, config: GenerateConfig):
    index = json.loads((made / "dataset.json").read_text())
    assert index["format"] == "pv3d-clips"
    assert index["version"] == 1
    assert (index["resolution"], index["fps"], len(index["clips"])) == (48, 25, 4)
    near, far = index["depth_range"]
    assert near < 2.25 < 3.3 < far
    for i, clip in enumerate(index["clips"]):
        assert clip["t"] == [0, 0.5, 1]
        for key in ("frames", "cameras", "depth", "mask", "landmarks"):
            assert len(clip[key]) == 3
        for frame, depth, mask in zip(clip["frames"], clip["depth"], clip["mask"], strict=True):
            colour = Image.open(made / frame)
            assert (colour.mode, colour.size) == ("RGB", (48, 48))
            values, cover = np.array(Image.open(made / depth)), np.array(Image.open(made / mask))
            assert values.dtype == np.uint16
            assert cover.dtype == np.uint8
            assert ((values == 65535) == (cover == 0)).all()
            assert (np.array(colour)[cover == 0] == 255).all()
        for numbers, planned in zip(clip["cameras"], plan_clip(config, i).cameras, strict=True):
            stored = Camera.from_numbers(numbers)
            assert stored == planned
            assert np.array_equal(Camera.from_numbers(stored.numbers()).numbers(), stored.numbers())


def test_killed_and_started_again(made: Path, config: GenerateConfig, tmp_path: Path):
    again = dataclasses.replace(config, out=tmp_path / "set")
    command = [sys.executable, "-m", "training.synthetic", str(again.out)]
    command += ["--model", str(config.model), "--cache", str(config.cache), "--landmarks"]
    command += ["--people=2", "--clips-per-person=2", "--frames=3", "--resolution=48"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (again.out / "000000").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert (again.out / "000000").exists()
    (again.out / "000003.part").mkdir(exist_ok=True)  # whatever the kill left behind
    (again.out / "000003.part" / "000.png").write_bytes(b"cut")
    before = (again.out / "000000" / "clip.json").stat().st_mtime_ns
    generate(again)
    assert (again.out / "000000" / "clip.json").stat().st_mtime_ns == before
    assert _contents(again.out) == _contents(made)


def test_processes_and_zip_change_nothing(made: Path, config: GenerateConfig, tmp_path: Path):
    packed = dataclasses.replace(config, out=tmp_path / "set.zip", processes=2)
    generate(packed)
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]
    expected = _contents(made)
    with zipfile.ZipFile(packed.out) as archive:
        assert all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
        assert len(archive.namelist()) == 1 + 4 * 9
        for name in archive.namelist():
            assert archive.read(name) == expected[name]
    with pytest.raises(ValueError, match="already exists"):
        generate(packed)


def test_more_people_later_and_other_settings_never(
    made: Path, config: GenerateConfig, tmp_path: Path
):
    one = dataclasses.replace(config, out=tmp_path / "set", people=1)
    generate(one)
    assert len(json.loads((one.out / "dataset.json").read_text())["clips"]) == 2
    generate(dataclasses.replace(one, people=2))
    assert _contents(one.out) == _contents(made)
    with pytest.raises(ValueError, match="frames was 3"):
        generate(dataclasses.replace(one, frames=4))


def test_foreign_folders_stay_untouched(config: GenerateConfig, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        generate(dataclasses.replace(config, out=tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_plans(config: GenerateConfig):
    plans = [plan_clip(config, i) for i in range(4)]
    assert np.array_equal(plans[0].identity, plans[1].identity)
    assert not np.array_equal(plans[0].identity, plans[2].identity)
    assert not np.array_equal(plans[0].motion, plans[1].motion)
    assert plans[0].cameras[0] != plans[0].cameras[2]
    assert plans[0].cameras[0] != plans[1].cameras[0]
    fixed = dataclasses.replace(config, still=True, shared_cameras=True, views=2)
    first, other_view, second = (plan_clip(fixed, i) for i in range(3))
    assert set(first.cameras) == set(second.cameras)
    assert len(set(first.cameras)) == 1
    assert np.array_equal(first.motion, other_view.motion)
    assert first.cameras != other_view.cameras


def test_cameras_all_around(config: GenerateConfig):
    def angles(share: float) -> np.ndarray:
        """Yaw and pitch of 400 people's cameras, in degrees [400, 2]."""
        plans = dataclasses.replace(config, clips_per_person=1, frames=1, still=True, around=share)
        x, y, z = np.array([plan_clip(plans, i).cameras[0].position for i in range(400)]).T
        return np.degrees(np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=1))

    front, everywhere, mixed = angles(0), angles(1), angles(0.4)
    assert np.abs(front).max(axis=0) == pytest.approx((40, 23), abs=0.01)
    side, up = np.abs(everywhere).T
    counts = np.histogram(side, (0, 45, 90, 135, 180))[0]
    assert (np.diff(counts) < 0).all()
    assert counts[3] > 15
    assert 30 < up.max() <= 35.01
    kept = (mixed == front).all(axis=1)
    assert 0.55 < kept.mean() < 0.65
    assert (mixed[~kept] == everywhere[~kept]).all()


def test_a_set_begun_before_an_option_existed_goes_on(config: GenerateConfig, tmp_path: Path):
    older = dataclasses.replace(config, out=tmp_path / "set", people=1, clips_per_person=1)
    generate(older)
    path = older.out / "settings.json"
    settings = json.loads(path.read_text())
    del settings["around"]
    path.write_text(json.dumps(settings))
    generate(older)
    with pytest.raises(ValueError, match=r"around was 0\.0"):
        generate(dataclasses.replace(older, around=0.5))


def test_the_command_explains_what_is_wrong(
    config: GenerateConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("PV3D_ICT_MODEL", raising=False)
    for arguments, message in (
        (["--frames=0", "--seed=-1"], "frames is 0; it must be 1 to 1000; seed is -1"),
        (["--around=2"], "around is 2.0; it must be 0 to 1"),
        ([], "ICT-FaceKit"),
        (["--model", str(tmp_path / "absent")], "does not exist"),
    ):
        assert main([str(tmp_path / "set"), *arguments]) == 1
        assert message in capsys.readouterr().err
