"""What is held out for scores is never trained on."""

import pickle

import numpy as np
import pytest

from tests.data.tiny_frames import frame_picture
from training.data import DatasetError, Loader, open_source
from training.data.held_out_clips import is_held_out, part


def renamed(index) -> None:
    """Two clips of each person."""
    for k, clip in enumerate(index["clips"]):
        clip["name"] = f"person{k // 2}_clip{k}"


def test_both_parts_are_all_clips_and_share_no_person(write_set):
    source = open_source(write_set(clips=24, change=renamed))
    kept, held = (part(source, 0.3, held_out=flag) for flag in (False, True))
    assert sorted([*kept.names, *held.names]) == sorted(source.names)
    people = [{name.partition("_")[0] for name in some.names} for some in (kept, held)]
    assert not people[0] & people[1]
    assert kept.names and held.names
    number = int(held.names[0].rpartition("clip")[2])
    again = pickle.loads(pickle.dumps(held))
    assert np.array_equal(again.pictures(0, [5]).images[0], frame_picture(number, 5))
    assert np.array_equal(again.annotations(0).cameras, source.annotations(number).cameras)
    assert part(source, 0, held_out=True) is source


def test_a_share_is_about_that_of_the_people():
    held = sum(is_held_out(f"id{k:05d}_a_{k}", 0.1) for k in range(5000))
    assert held / 5000 == pytest.approx(0.1, abs=0.015)


def test_training_sees_nothing_that_is_held_out(write_set):
    path = write_set(clips=24, change=renamed)
    held = part(open_source(path), 0.3, held_out=True).names
    with Loader.open(path, 16, 4, held_out_share=0.3) as loader:
        names = loader.dataset.source.names
        seen = {names[clip] for _ in range(12) for clip in next(loader).clip.tolist()}
    assert len(seen) == 24 - len(held)
    assert not seen & set(held)


def test_a_share_that_leaves_nothing_says_so(write_set):
    source = open_source(write_set(clips=1))
    with pytest.raises(DatasetError, match=r"No clip of .* is held out at a held-out"):
        part(source, 1e-9, held_out=True)
