"""Directions with names in the metadata of checkpoints."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training import named_directions
from training.checkpoint import CheckpointError, annotate, read, save
from training.named_directions import KEY, MOST, NamedDirection, encoded, stepped
from training.networks.generator import Generator
from training.synthetic.traits import IDENTITY_DIM, PLACES, identity_from_u

W, M = 8, 4
SMILE = NamedDirection("Smile", "motion", encoded(np.ones(M)), encoded(np.zeros(M)), "Up.")
SKIN = NamedDirection("Skin", "person", encoded(np.ones(W)))


def metadata(*entries: Any) -> dict[str, str]:
    return {KEY: json.dumps(entries)}


def test_a_checkpoint_carries_them_and_keeps_its_weights(
    small_generator: Generator, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    save(path, small_generator, notes="A note.", half=True, metadata={"people": "3"})
    before, size = read(path), path.stat().st_size
    annotate(path, {KEY: named_directions.to_text([SMILE, SKIN])})
    after = read(path)
    assert named_directions.read(after.metadata, W, M) == ((SMILE, SKIN), [])
    assert (after.notes, after.metadata["people"]) == (before.notes, "3")
    assert all(torch.equal(after.tensors[name], before.tensors[name]) for name in before.tensors)
    assert path.stat().st_size < size + 2000, "still half precision"
    (tmp_path / "other.safetensors").write_bytes(b"\x05\0\0\0\0\0\0\0{nope")
    for name in ("other.safetensors", "none.safetensors"):
        with pytest.raises(CheckpointError, match=name):
            annotate(tmp_path / name, {})
    assert (tmp_path / "other.safetensors").read_bytes().endswith(b"nope")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vector": encoded(np.ones(W + 1))}, "it has 9 numbers where this model's code has 8"),
        ({"vector": encoded(np.full(W, np.nan))}, "its numbers are damaged"),
        ({"vector": "%%%"}, "its numbers are damaged"),
        ({"vector": encoded(np.zeros(W))}, "its vector is 0"),
        ({"vector": encoded(np.full(W, 1e30))}, "its numbers are damaged"),
        ({"name": " "}, "it has no readable name"),
        ({"name": "a\x1b[31m"}, "it has no readable name"),
        ({"name": 3}, "its fields must be texts"),
        ({"code": "depth"}, 'its code must be "person" or "motion"'),
        ({"base": encoded(np.ones(W))}, "only motions have a base"),
    ],
)
def test_a_bad_entry_is_left_out_with_a_sentence(change: dict[str, Any], words: str) -> None:
    bad = asdict(SKIN) | change
    found, problems = named_directions.read(metadata(asdict(SMILE), bad), W, M)
    assert found == (SMILE,)
    assert problems == [f"Named direction 2 in this file is ignored: {words}."]


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "3", '{"a": 1}', " " * 4_000_001])
def test_no_text_stops_a_model_from_opening(text: str) -> None:
    found, problems = named_directions.read({KEY: text}, W, M)
    assert found == ()
    assert len(problems) == 1


def test_their_number_and_length_are_bounded() -> None:
    many = [asdict(SKIN) | {"name": f"{k} {'x' * 100}"} for k in range(MOST + 5)]
    found, problems = named_directions.read(metadata(*many, 7), W, M)
    assert len(found) == MOST
    assert max(len(direction.name) for direction in found) == named_directions.LONGEST_NAME
    assert problems == [f"Of the {MOST + 6} named directions in this file {MOST} are read."]
    assert named_directions.read({}, W, M) == ((), [])


def test_a_base_makes_all_motions_come_to_the_same() -> None:
    rng = np.random.default_rng(0)
    vector, base = np.array([0.5, 0, 0, 0], np.float32), np.array([1, 2, 0, 0], np.float32)
    codes = rng.standard_normal((3, M)).astype(np.float32)
    found = np.stack([stepped(code, vector, -2.0, base) for code in codes])
    assert found[:, :2] == pytest.approx(np.tile([0.0, 2.0], (3, 1)), abs=1e-6)
    assert found[:, 2:] == pytest.approx(codes[:, 2:], abs=1e-6), "the rest stays"
    assert stepped(codes[0], vector, 2.0) == pytest.approx(codes[0] + [1, 0, 0, 0])
    zero = stepped(codes[0], vector, 0.0, np.zeros(M, np.float32))
    assert zero == pytest.approx([0, *codes[0][1:]], abs=1e-6), "a base of 0 is one, too"


def test_a_trait_is_where_it_is_said_to_be() -> None:
    """What a number's name says changes with it, and the shape of the face does not."""
    changes = {
        "melanin": "melanin",
        "dark": "hair",
        "shade": "hair",
        "iris": "iris",
        "shirt": "shirt",
        "collar": "collar",
        "light": "light",
        "made_up": "lips",
        "beard_density": "beard",
    }
    for name, trait in changes.items():
        u = np.zeros(IDENTITY_DIM)
        u[PLACES["beard"]], u[PLACES["made_up"]], u[PLACES["style"]] = 0.8, 1.0, -0.3
        low, high = u.copy(), u.copy()
        low[PLACES[name]], high[PLACES[name]] = -1.4, 1.4
        before, after = identity_from_u(low), identity_from_u(high)
        assert np.any(getattr(before, trait) != getattr(after, trait)), name
        assert np.array_equal(before.shape, after.shape)
    for place, style in ((-1.6, "bald"), (1.3, "long")):
        u = np.zeros(IDENTITY_DIM)
        u[PLACES["style"]] = place
        assert identity_from_u(u).style == style
