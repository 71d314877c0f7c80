"""Directions with names: made from what the codes mean, and measured on people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.checkpoint import save
from training.config import GeneratorConfig
from training.named_directions import NamedDirection, encoded
from training.networks.generator import Generator
from training.synthetic.expression import MOTION_DIM
from training.synthetic.traits import IDENTITY_DIM
from training.warmup.known_codes import Codes
from training.warmup.meanings import ENDS, POSES, pose_direction
from training.warmup.name_directions import People, effect, main


@pytest.fixture(scope="module")
def taught(small_config: GeneratorConfig) -> tuple[Generator, Codes]:
    """A generator that reads the codes of synthetic heads."""
    torch.manual_seed(0)
    config = replace(small_config, z_dim=96, motion_dim=24)
    G = Generator(config).eval().requires_grad_(False)
    codes = Codes.draw(IDENTITY_DIM, MOTION_DIM, G)
    codes.begin(G)
    G.get_parameter("decoder.net.2.bias")[0] += 4  # opaque
    return G, codes


def test_only_generators_that_read_the_codes_have_meanings(
    taught: tuple[Generator, Codes], small_config: GeneratorConfig
) -> None:
    G, codes = taught
    assert codes.are_read_by(G)
    assert not codes.are_read_by(Generator(replace(small_config, z_dim=96, motion_dim=24)))


def test_a_pose_sets_the_numbers_of_a_motion(taught: tuple[Generator, Codes]) -> None:
    _, codes = taught
    for pose in POSES:
        vector, base = pose_direction(codes, pose)
        for end, numbers in zip(ENDS, (pose.low, pose.high), strict=True):
            expected = np.zeros(MOTION_DIM)
            expected[list(numbers)] = list(numbers.values())
            found = (base + end * vector) @ codes.motion.numpy().T
            assert found == pytest.approx(expected, abs=1e-5), pose.name


@torch.inference_mode()
def test_the_measure_tells_inside_from_outside(taught: tuple[Generator, Codes]) -> None:
    G, _ = taught
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.standard_normal((8, G.config.z_dim)).astype(np.float32))
    marks = np.tile(np.linspace(0.3, 0.7, 68)[None, :, None], (8, 1, 2))
    motions = rng.standard_normal((8, G.config.motion_dim)).astype(np.float32)
    people = People(G.mapping(z), motions, marks)
    vector = encoded(0.005 * rng.standard_normal(G.config.w_dim))
    anywhere = effect(G, people, NamedDirection("A", "person", vector), "")
    mouth = effect(G, people, NamedDirection("A", "person", vector), "mouth")
    assert anywhere.monotone == 8, "a small step is almost linear"
    assert np.isnan(anywhere.outside)
    assert mouth.ratio == pytest.approx(mouth.inside / mouth.outside)
    assert mouth.ratio < 3, "it is all over the picture"
    assert not mouth.passes
    none = NamedDirection("B", "motion", encoded(np.full(24, 1e-9)), encoded(np.zeros(24)))
    assert not effect(G, people, none, "").passes, "it changes nothing"


def test_without_the_face_model_nothing_is_written(
    taught: tuple[Generator, Codes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.safetensors"
    save(path, taught[0])
    before = path.read_bytes()
    assert main([str(path), "--model", str(tmp_path / "none")]) == 1
    assert "none does not exist" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main([str(tmp_path / "gone.safetensors"), "--model", "none"]) == 1
