"""Directions that a model has learnt: found, kept, and taken steps along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.viz.state.made_shifts import shift_along
from training.camera import Camera
from training.named_directions import NamedDirection, encoded
from training.networks.generator import Generator
from viz.render import latents
from viz.render.directions import direction_files
from viz.render.directions import direction_finder as directions
from viz.state import session
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.person import Latent, Motion, Shift, with_shift
from viz.state.types import SessionState


def test_components_are_those_of_a_singular_value_decomposition(small_generator: Generator) -> None:
    found = finish(directions.find(small_generator, people=1500))
    w = torch.cat(list(directions.sampled_w(small_generator, 1500))).numpy()
    _, lengths, axes = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)
    deviations = lengths / np.sqrt(len(w))
    assert np.linalg.norm(found.components, axis=1) == pytest.approx(deviations, rel=1e-4)
    assert found.explained == pytest.approx(deviations**2 / (deviations**2).sum(), rel=1e-4)
    for component, axis, deviation in zip(found.components[:6], axes, deviations, strict=False):
        assert abs(component @ axis) / deviation > np.cos(np.radians(1))


def test_factors_change_styles_most(small_generator: Generator) -> None:
    """The first unit direction changes the styles of all layers more than any other one does."""
    factors = directions.style_factors(small_generator)
    layers = [
        small_generator.backbone.get_submodule(f"synthesis.b{side}.{name}.affine")
        for side in (8, 16)
        for name in ("conv0", "conv1", "torgb")
    ]

    def change(direction: torch.Tensor) -> float:
        zero = torch.zeros(1, len(direction))
        steps = [layer(direction[None].float()) - layer(zero) for layer in layers]
        return sum(float(step.square().sum()) for step in steps)

    chance = torch.Generator().manual_seed(0)
    others = torch.randn(50, factors.shape[1], generator=chance)
    others /= others.norm(dim=1, keepdim=True)
    assert change(factors[0]) > max(change(other) for other in others)
    assert torch.allclose(factors @ factors.T, torch.eye(len(factors)).double(), atol=1e-9)


def test_motion_directions_are_those_that_move_something(small_generator: Generator) -> None:
    found = finish(directions.find(small_generator, people=300))
    assert len(found.motions)
    assert np.linalg.norm(found.motions, axis=1) == pytest.approx(1, abs=1e-5)
    assert found.moved[0] == 1
    assert (np.diff(found.moved) <= 0).all()


def test_they_are_found_once(
    small_generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directions, "user_folder", lambda _: tmp_path)
    monkeypatch.setattr(directions, "PEOPLE", 300)
    path = Path(finish(directions.cached(small_generator)))
    stamp, first = path.stat().st_mtime_ns, direction_files.load(path)
    assert Path(finish(directions.cached(small_generator))).stat().st_mtime_ns == stamp
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="contains no directions"):
        direction_files.load(path)
    again = direction_files.load(Path(finish(directions.cached(small_generator))))
    assert np.array_equal(first.components, again.components), "damaged files are found anew"


def test_steps_shift_the_codes(small_generator: Generator) -> None:
    G, camera = small_generator, Camera.orbit(0, 0)
    direction = np.linspace(-1, 1, G.config.w_dim, dtype=np.float32)
    layers = (1, 2)
    plain = latents.intermediate_latents(G, Latent(x=3), camera)
    shifted = Latent(x=3, shifts=(shift_along("a", direction, 2.0, layers),))
    change = latents.intermediate_latents(G, shifted, camera) - plain
    for layer in range(G.config.num_ws):
        expected = 2 * direction if layer in layers else np.zeros_like(direction)
        assert change[0, layer].numpy() == pytest.approx(expected, abs=1e-5)
    step = np.ones(G.config.motion_dim, np.float32)
    moved = latents.motion_code(Motion(shifts=(shift_along("b", step, -0.5),)), len(step))
    assert moved - latents.motion_code(Motion(), len(step)) == pytest.approx(-0.5, abs=1e-6)
    state = SessionState(latent=shifted)
    assert session.from_json(session.to_json(state)) == state
    assert Latent.at(9, shifted).shifts == shifted.shifts, "another person, the same step"
    with pytest.raises(UserError, match="has 3 numbers"):
        wrong = Latent(shifts=(shift_along("c", step[:3], 1.0),))
        latents.intermediate_latents(G, wrong, camera)


def test_one_step_a_direction_and_layers() -> None:
    step = shift_along("a", np.ones(4, np.float32), 1.0)
    coarse = shift_along("a", np.ones(4, np.float32), 1.0, (0, 1))
    shifts = with_shift(with_shift((), step), coarse)
    assert shifts == (step, coarse)
    assert with_shift(shifts, shift_along("a", np.ones(4, np.float32), 0.0)) == (coarse,)


def test_directions_of_other_tools(tmp_path: Path) -> None:
    np.save(tmp_path / "age.npy", np.ones((1, 8)))
    assert direction_files.load_vector(tmp_path / "age.npy", 8).tolist() == [1.0] * 8
    for name, array in {"long": np.ones(9), "none": np.zeros(8), "odd": np.full(8, np.nan)}.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(UserError, match=f"{name}.npy must hold"):
            direction_files.load_vector(tmp_path / f"{name}.npy", 8)


def test_named_directions_go_to_a_file_and_back(tmp_path: Path) -> None:
    dims = {"person": 8, "motion": 4}
    named = [
        NamedDirection("Skin", "person", encoded(np.arange(8))),
        NamedDirection("Smile", "motion", encoded(np.ones(4)), encoded(np.zeros(4))),
        NamedDirection("Sway", "motion", encoded(np.arange(4))),
    ]
    path = tmp_path / "mine.npz"
    direction_files.save_named(path, named)
    assert direction_files.load_named(path, dims) == named
    with np.load(path, allow_pickle=False) as data:
        assert data["motion_names"].tolist() == ["Smile", "Sway"]
        assert data["person"].shape == (1, 8)
    np.savez(tmp_path / "plain.npz", person=np.ones((2, 8)))
    names = [d.name for d in direction_files.load_named(tmp_path / "plain.npz", dims)]
    assert names == ["plain 1", "plain 2"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"w": np.ones((1, 8))}, "contains no directions"),
        ({"person": np.ones((1, 9))}, "it has 9 numbers where this model's code has 8"),
        ({"person": np.ones(8)}, "person must be floating-point numbers"),
        ({"person": np.ones((2, 8)), "person_names": np.array(["a"])}, "a name and a base for"),
        ({"person": np.full((1, 8), np.inf)}, "its numbers are damaged"),
        ({"person": np.array([[{}] * 8])}, "is not an .npz file that NumPy can read"),
    ],
)
def test_other_files_are_refused_with_a_sentence(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match=f"bad.npz.*{words}"):
        direction_files.load_named(tmp_path / "bad.npz", {"person": 8, "motion": 4})


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", person=np.zeros(2**26 + 1, np.uint8))
    (tmp_path / "text.npz").write_text("no archive")
    for name, words in {
        "bomb": "unpacks to more",
        "text": "is not an .npz file",
        "none": "no such",
    }.items():
        with pytest.raises(UserError, match=f"{name}.npz .*{words}"):
            direction_files.load_named(tmp_path / f"{name}.npz", {"person": 4000, "motion": 4})


def test_a_muted_step_does_nothing_and_a_named_one_sets_the_motion() -> None:
    first, other = Motion(x=1), Motion(x=2)
    step = Shift("Smile", encoded(np.eye(6)[0]), 1.5, base=encoded(np.zeros(6)))
    codes = [latents.motion_code(replace(m, shifts=(step,)), 6) for m in (first, other)]
    assert [code[0, 0] for code in codes] == pytest.approx([1.5, 1.5])
    muted = replace(first, shifts=(replace(step, muted=True),))
    assert np.array_equal(latents.motion_code(muted, 6), latents.motion_code(first, 6))
