"""Rays compiled for a processor, against the mathematics in `training.rendering`."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.viz.render.inference_cases import (
    CONFIGS,
    error,
    generator,
    person,
    pictures,
    raw_errors,
    ray_settings,
)
from training import rendering
from training.camera import FRONTAL
from training.camera import rays as camera_rays
from training.networks.decoder import Decoder
from viz.render.inference import stages
from viz.render.inference.cpu import background, rays
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import Texels
from viz.render.inference.stage_interface import Pixels
from viz.render.inference.stages import PreparedStages, ReferenceStages
from viz.state.errors import SupersededError

BOX = 0.9


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@dataclass(frozen=True)
class Case:
    """A field of random numbers, and rays through it."""

    sizes: tuple[int, int, int] = (16, 64, 32)
    """Channels, hidden units and features."""
    depth_samples: int = 24
    importance_samples: int = 24
    white: bool = False
    sharp: float = 3.0
    """How much sigma varies."""
    ray_range: tuple[float, float] = (0.0, 1.3)
    lr_mul: float = 1.0


CASES = {
    "the demo": Case(white=True),
    "as published": Case((32, 64, 32), 48, 48),
    "no powers of two": Case((5, 24, 7), 5, 7, lr_mul=0.5),
    "coarse only": Case(importance_samples=0),
    "fewest samples": Case(depth_samples=2, importance_samples=1),
    "three samples": Case(depth_samples=3, importance_samples=5),
    "four samples": Case(depth_samples=4, importance_samples=40),
    "surfaces": Case(sharp=60.0),
    "beside the box": Case(ray_range=(3.0, 4.0)),
    "no length": Case(ray_range=(0.4, 0.4)),
}


class Field:
    """A case's planes, decoder and rays."""

    def __init__(self, case: Case) -> None:
        draws = torch.Generator().manual_seed(0)
        self.case = case
        self.decoder = Decoder(*case.sizes, case.lr_mul)
        for parameter in self.decoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
        self.decoder.net.get_parameter("2.weight")[0] *= case.sharp
        self.planes = torch.randn(1, 3, case.sizes[0], 16, 16, generator=draws)
        self.directions = F.normalize(torch.randn(300, 3, generator=draws), dim=1)
        self.origin = torch.tensor([0.1, 0.2, -0.3])
        self.points = torch.rand(5000, 3, generator=draws) * 1.4 - 0.7
        self.options = {
            "depth_samples": case.depth_samples,
            "importance_samples": case.importance_samples,
            "white_background": case.white,
        }

    def exact(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.decoder(rendering.sample_planes(self.planes, points, BOX))

    def texels(self) -> Texels:
        return Texels.of(self.planes, BOX, torch.float32)

    def fast(self) -> rays.CompiledRays:
        found = rays.compiled(self.decoder).result()
        assert found is not None
        return found

    def cast(self, check=lambda: None, fewer: Tensor | None = None) -> Pixels:
        ray_range = torch.tensor([self.case.ray_range])
        return self.fast().cast(
            self.texels(),
            self.origin,
            self.directions,
            ray_range,
            **self.options,
            fewer=fewer,
            check=check,
        )


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_the_reference(name):
    field = Field(CASES[name])
    ours = field.cast()
    exact = rendering.cast(
        field.exact,
        field.origin[None],
        field.directions[None],
        torch.tensor([field.case.ray_range]),
        **field.options,
    )
    assert float((ours.features - exact.features[0]).abs().max()) < 1e-3
    assert float((ours.depth - exact.depth[0]).abs().max()) < 1e-3
    assert float((ours.opacity - exact.opacity[0]).abs().max()) < 1e-3
    assert error(ours.features, exact.features[0]) < 1e-4
    assert error(ours.depth, exact.depth[0]) < 1e-4


@pytest.mark.parametrize("name", ["the demo", "no powers of two"])
def test_sigma_at_points_is_the_decoder_s(name):
    field = Field(CASES[name])
    exact = field.exact(field.points[None])[0][0]
    assert error(field.fast().sigma(field.texels(), field.points), exact) < 1e-5


def test_pixels_depend_on_neither_threads_nor_neighbours(monkeypatch):
    field = Field(CASES["the demo"])
    first = field.cast()
    threads = torch.get_num_threads()
    try:
        for count, at_once in ((1, 2**20), (3, 100), (threads, 1)):
            torch.set_num_threads(count)
            monkeypatch.setattr(rays, "SAMPLES_AT_ONCE", at_once)
            again = field.cast()
            assert torch.equal(first.features, again.features)
            assert torch.equal(first.depth, again.depth)
            assert torch.equal(first.opacity, again.opacity)
    finally:
        torch.set_num_threads(threads)


def look(planes: Tensor | None = None) -> tuple[Field, Tensor]:
    """A camera's rays through a field of fog, and those of a picture of half the side."""
    field, c = Field(Case(ray_range=(2.2, 3.2))), torch.from_numpy(FRONTAL.numbers())[None]
    field.planes = field.planes if planes is None else planes
    (field.origin,), (field.directions,) = camera_rays(c, 24)
    return field, camera_rays(c, 12)[1][0]


def test_rays_that_share_a_first_pass_meet_what_each_would_have_met():
    smooth = F.interpolate(Field(Case()).planes[0], 4, mode="area")
    field, fewer = look(F.interpolate(smooth, 16, mode="bilinear")[None])
    own, shared = field.cast(), field.cast(fewer=fewer)
    assert error(shared.features, own.features) < 0.02
    assert error(shared.opacity, own.opacity) < 0.02
    assert error(shared.depth, own.depth) < 0.02


def test_rays_that_share_a_first_pass_see_nothing_in_empty_space():
    field, fewer = look()
    field.decoder.net.get_parameter("2.bias")[0] = -100
    shared = field.cast(fewer=fewer)
    assert torch.equal(shared.opacity, torch.zeros(24 * 24))
    assert torch.equal(shared.features, field.cast().features)
    assert error(shared.depth, field.cast().depth) < 0.05


def test_numbers_that_are_none_in_a_shared_pass_do_no_harm():
    field, fewer = look()
    right = field.cast(fewer=fewer).features.reshape(24, 24, -1)
    fewer[12 * 11 :] = float("nan")
    assert torch.equal(field.cast(fewer=fewer).features.reshape(24, 24, -1)[:20], right[:20])
    field.planes[:] = float("nan")
    assert field.cast(fewer=fewer).features.shape == (24 * 24, 32)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), 1e38])
def test_numbers_that_are_none_do_no_harm(wrong):
    field = Field(CASES["the demo"])
    right = field.cast()
    field.directions[::2] = wrong
    assert torch.equal(field.cast().features[1::2], right.features[1::2]), "other rays stay right"
    field.planes[..., :8] = wrong
    assert field.cast().features.shape == right.features.shape
    assert field.fast().sigma(field.texels(), torch.full((10, 3), wrong)).shape == (10,)


def test_planes_that_are_not_numbers_are_seen():
    field = Field(CASES["the demo"])
    field.planes[:] = float("nan")
    assert field.cast().features.isnan().all()


def test_a_picture_can_be_abandoned_at_every_band(monkeypatch):
    monkeypatch.setattr(rays, "SAMPLES_AT_ONCE", 1000)
    field, calls = Field(CASES["the demo"]), []

    def check() -> None:
        calls.append(1)
        if len(calls) == allowed:
            raise SupersededError

    for allowed in range(1, 15):
        calls.clear()
        with pytest.raises(SupersededError):
            field.cast(check)
        assert len(calls) == allowed


def test_parts_of_the_work_use_one_thread_each():
    """Torch gave each of them as many again, which made it slower."""
    found: list[int] = []

    def part(start: int, end: int) -> None:
        torch.ones(200_000).exp_()  # what torch would split
        found.append(torch.get_num_threads())

    everywhere = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        background.in_parts(part, 6, 1)
        assert found == [1] * 6
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(everywhere)


def test_without_numba_the_networks_render(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "viz.render.inference.cpu.compiled_functions", None)
    background.warn_once.cache_clear()
    G = generator(CONFIGS["none"])
    settings = ray_settings(G, with_normals=True)
    ours = pictures(PreparedStages(G, Plan()), G, settings=settings)[1]
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, settings=settings)[1]
    assert max(raw_errors(ours, exact)) < 1e-4
    assert ours.normals is not None
    (record,) = caplog.records
    assert record.message.startswith("Rays are cast without numba, many times as slowly: ")


def test_pictures_wait_for_the_compiler_and_can_be_abandoned_meanwhile(monkeypatch):
    compiling: Future[rays.CompiledRays | None] = Future()
    monkeypatch.setattr(stages, "compiled", lambda decoder: compiling)
    G = generator(CONFIGS["none"])
    ours = PreparedStages(G, Plan())
    ws, motion = person(G)
    field = ours.planes(ws, motion, lambda: None)
    checks = []

    def check() -> None:
        checks.append(1)
        if len(checks) == 3:
            raise SupersededError

    with pytest.raises(SupersededError):
        ours.render(field, ws, ray_settings(G), check)
    assert ours.compiling
    meanwhile = ours.render(field, ws, ray_settings(G, wait=False), lambda: None)
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G)[1]
    assert max(raw_errors(meanwhile, exact)) < 1e-4
    compiling.set_result(rays.compiled(G.decoder).result())
    assert not ours.compiling
    again = ours.render(field, ws, ray_settings(G), lambda: None)
    assert max(raw_errors(again, exact)) < 1e-4
