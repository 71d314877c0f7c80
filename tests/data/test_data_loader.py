import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.tiny_frames import SIDE, frame_camera, frame_picture
from training.camera import rays
from training.data import ClipDataset, DatasetError, Loader, open_source
from training.data.picture_files import resize

TRAINER = """
import multiprocessing, pathlib, sys, time
from training.data import Loader

loader = Loader.open(pathlib.Path(sys.argv[1]), 8, 2, workers=2, start_method="fork")
next(loader)
print(*(process.pid for process in multiprocessing.active_children()), flush=True)
time.sleep(float(sys.argv[2]))
"""


def start_trainer(path: Path, seconds: float) -> tuple[subprocess.Popen[str], list[int]]:
    """A process that reads one batch and waits; and its two workers."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(path), str(seconds)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ignores(pid: int, number: int) -> bool:
    """Whether a process has come as far as to ignore a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.split("SigIgn:")[1].split()[0], 16)
    return bool(mask >> (number - 1) & 1)


def same(first, second) -> bool:
    return all(
        torch.equal(getattr(first, name), getattr(second, name))
        for name in ("images", "cameras", "t", "clip", "mirrored")
    )


def take(loader: Loader, count: int) -> list:
    with loader:
        return list(itertools.islice(loader, count))


def test_a_sample_is_two_frames_with_their_cameras_and_times(write_set):
    dataset = ClipDataset(open_source(write_set(clips=4)), 8, mirror=False)
    for k in range(40):
        sample = dataset[k]
        assert sample.images.shape == (2, 3, 8, 8)
        assert sample.images.dtype == torch.uint8
        clip, frames = int(sample.clip), (sample.t[:, 0] * 15).round().long().tolist()
        assert frames == sorted(frames)
        for image, camera, frame in zip(sample.images, sample.cameras, frames, strict=True):
            expected = resize(frame_picture(clip, frame), 8)
            assert np.array_equal(image.movedim(0, -1), expected)
            assert np.array_equal(camera, frame_camera(clip, frame).numbers())


def test_mirrored_samples_mirror_everything(write_set):
    source = open_source(write_set(clips=3, extras=True))
    plain = ClipDataset(source, SIDE, seed=3, mirror=False)
    dataset = ClipDataset(source, SIDE, seed=3)
    turned = 0
    for k in range(60):
        sample, other = dataset[k], plain[k]
        assert int(sample.clip) == int(other.clip)
        if not sample.mirrored:
            assert same(sample, other)
            continue
        turned += 1
        assert torch.equal(sample.images, other.images.flip(-1))
        assert sample.depth is not None
        assert other.depth is not None
        assert sample.mask is not None
        assert other.mask is not None
        assert torch.equal(sample.depth, other.depth.flip(-1))
        assert torch.equal(sample.mask, other.mask.flip(-1))
        there, here = rays(sample.cameras, SIDE)[1], rays(other.cameras, SIDE)[1]
        here = here.reshape(2, SIDE, SIDE, 3).flip(2).reshape(2, -1, 3)
        assert torch.equal(there, here * torch.tensor([-1.0, 1, 1]))
    assert 15 <= turned <= 45


def test_every_clip_comes_once_in_each_pass_and_in_new_order(write_set):
    dataset = ClipDataset(open_source(write_set(clips=6)), SIDE)
    passes = [[int(dataset[k].clip) for k in range(6 * n, 6 * n + 6)] for n in range(3)]
    assert all(sorted(order) == list(range(6)) for order in passes)
    assert passes[0] != passes[1] or passes[1] != passes[2]


def test_windows_of_longer_clips(write_set):
    dataset = ClipDataset(open_source(write_set(clips=1, frames=40)), SIDE, mirror=False, stride=2)
    starts = set()
    for k in range(200):
        sample = dataset[k]
        frames = sample.images[:, 1, 0, 0].numpy().astype(int)
        index = (sample.t[:, 0] * 15).round().int().numpy()
        start = frames - 2 * index
        assert start[0] == start[1]
        starts.add(int(start[0]))
    assert starts == set(range(10))


def test_stored_times_win(write_set):
    dataset = ClipDataset(open_source(write_set(clips=1, frames=10, extras=True)), SIDE)
    sample = dataset[5]
    frames = sample.images[:, 1, 0, 0].float()
    assert torch.allclose(sample.t[:, 0], frames / 20)


def test_cameras_without_pictures_are_those_of_the_sample(write_set):
    dataset = ClipDataset(open_source(write_set()), SIDE, seed=5)
    for k in range(10):
        cameras, t = dataset.cameras(k)
        assert torch.equal(cameras, dataset[k].cameras)
        assert torch.equal(t, dataset[k].t)


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_give_the_sequence_of_one_process(write_set, zip_set, start_method):
    dataset = ClipDataset(open_source(zip_set(write_set(extras=True))), SIDE, seed=2)
    alone = take(Loader(dataset, 3), 4)
    several = take(Loader(dataset, 3, workers=2, start_method=start_method), 4)
    assert all(same(a, b) for a, b in zip(alone, several, strict=True))
    assert alone[0].identity is not None
    assert alone[0].identity.shape == (3, 3)


def test_a_resumed_run_continues_the_sequence(write_set):
    dataset = ClipDataset(open_source(write_set()), SIDE, seed=4)
    whole = take(Loader(dataset, 4), 6)
    first = Loader(dataset, 4, workers=1)
    take(first, 2)
    assert first.position == 8
    rest = take(Loader(dataset, 4, position=first.position), 4)
    again = take(first, 4)
    assert all(same(a, b) for a, b in zip(whole[2:], rest, strict=True))
    assert all(same(a, b) for a, b in zip(whole[2:], again, strict=True))


def test_ranks_share_the_batches_of_one_process(write_set):
    dataset = ClipDataset(open_source(write_set()), SIDE)
    whole = take(Loader(dataset, 6), 3)
    parts = [take(Loader(dataset, 2, rank=r, world_size=3), 3) for r in range(3)]
    for step, batch in enumerate(whole):
        for rank in range(3):
            part = parts[rank][step]
            assert torch.equal(part.images, batch.images[rank::3])
            assert torch.equal(part.cameras, batch.cameras[rank::3])


def test_other_seeds_give_other_sequences(write_set):
    source = open_source(write_set())
    first, second = (take(Loader(ClipDataset(source, SIDE, seed=s), 8), 1)[0] for s in (0, 1))
    assert not torch.equal(first.images, second.images)


def test_a_corrupt_clip_gives_its_place_to_the_next(write_set, caplog):
    path = write_set(clips=5)
    for file in (path / "000002").iterdir():
        file.write_bytes(file.read_bytes()[:50])
    dataset = ClipDataset(open_source(path), SIDE)
    with caplog.at_level(logging.WARNING):
        loader = Loader(dataset, 5)
        batches = take(loader, 4)
    clips = torch.stack([batch.clip for batch in batches])
    assert 2 not in clips
    assert list(loader.skipped) == ["000002"]
    assert "cut off" in loader.skipped["000002"]
    assert len(caplog.records) == 1, "reported once"
    again = take(Loader(dataset, 5, workers=2), 4)
    assert all(same(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_set_without_one_good_clip_ends_in_a_sentence(write_set, workers):
    path = write_set(clips=3)
    for file in path.rglob("*.png"):
        file.write_bytes(b"")
    loader = Loader(ClipDataset(open_source(path), SIDE), 2, workers=workers)
    with pytest.raises(DatasetError, match="none of 3 clips in a row can be read") as caught:
        take(loader, 1)
    assert "\n" not in str(caught.value)


def test_bad_cameras_and_short_clips_are_skipped(write_set):
    def spoil(index):
        index["clips"][0]["cameras"] = [[0.0] * 25] * 16
        for key in ("frames", "cameras"):
            index["clips"][1][key] = index["clips"][1][key][:10]

    loader = Loader(ClipDataset(open_source(write_set(clips=3, change=spoil)), SIDE), 3)
    assert torch.equal(take(loader, 1)[0].clip, torch.tensor([2, 2, 2]))
    assert "is not a rotation" in loader.skipped["000000"]
    assert "has 10 frames; 16 are needed" in loader.skipped["000001"]


def test_clips_left_out_at_opening_are_counted(write_set, caplog):
    path = write_set(clips=3, change=lambda index: index["clips"][0].pop("cameras"))
    with caplog.at_level(logging.WARNING), Loader.open(path, 8, 2) as loader:
        assert list(loader.skipped) == ["000000"]
        assert next(loader).images.shape == (2, 2, 3, 8, 8)
    assert "1 clips are left out" in caplog.text


def test_pictures_are_not_enlarged(write_set):
    with pytest.raises(DatasetError, match=r"16 px; 32 px cannot"):
        ClipDataset(open_source(write_set()), 32)


def test_index_written_by_others_may_have_more_keys(write_set):
    path = write_set(clips=1)
    index = json.loads((path / "dataset.json").read_text("utf-8"))
    index["clips"][0]["note"] = "from elsewhere"
    (path / "dataset.json").write_text(json.dumps(index), "utf-8")
    assert len(open_source(path).names) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_workers_outlive_a_sigterm_but_not_their_trainer(write_set):
    process, workers = start_trainer(write_set(), 60)
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while not all(ignores(pid, signal.SIGINT) for pid in workers):  # one may still be starting
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    time.sleep(0.3)
    assert all(running(pid) for pid in workers)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_trainer_that_ends_without_closing_does_not_hang(write_set):
    process, _ = start_trainer(write_set(), 0)
    assert process.wait(timeout=30) == 0
