"""The renderer's own way through a generator, against the networks as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.viz.render.inference_cases import (
    CONFIGS,
    error,
    generator,
    nothing,
    person,
    pictures,
    raw_errors,
    ray_settings,
    shaped,
)
from training.camera import Camera
from training.networks.generator import RawRender
from viz.render.inference.cpu import cpu_layers, rays
from viz.render.inference.format_trials import psnr
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import Texels
from viz.render.inference.select import can_prepare, open_stages
from viz.render.inference.stages import PreparedStages, ReferenceStages
from viz.state.errors import SupersededError


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("band", [2**23, 2**12], ids=["whole", "bands"])
@pytest.mark.parametrize("name", CONFIGS)
def test_in_float32_the_numbers_are_the_networks_own(name, band, monkeypatch):
    monkeypatch.setattr(cpu_layers, "_BAND_BYTES", band)
    monkeypatch.setattr(rays, "SAMPLES_AT_ONCE", 1000)
    G = generator(CONFIGS[name])
    reference = ReferenceStages(G, Plan(reference=True))
    field, raw, image = pictures(PreparedStages(G, Plan()), G)
    exact_field, exact_raw, exact_image = pictures(reference, G)
    points = (torch.rand(1, 2000, 3) - 0.5) * 1.2
    # The planes that stand for the field's may be others, but what is sampled is the same.
    for ours, exact in zip(
        *(G.sample(f.planes(), points) for f in (field, exact_field)), strict=True
    ):
        assert error(ours, exact) < 1e-5
    assert max(raw_errors(raw, exact_raw)) < 1e-4
    assert image.shape == exact_image.shape
    assert error(image, exact_image) < 1e-4


@pytest.mark.parametrize("name", ["8XDC", "4X", "none", "still, no raw layer"])
def test_in_bfloat16_pictures_stay_close(name):
    G = generator(CONFIGS[name])
    for p in ("superresolution.block0.torgb.weight", "superresolution.block1.torgb.weight"):
        if p in dict(G.named_parameters()):
            G.get_parameter(p).mul_(0.2)  # into the range that is shown
    ours = pictures(open_stages(G, Plan.uniform("bfloat16")), G)
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G)
    assert psnr(ours[1].image, exact[1].image) > 40
    assert psnr(ours[2], exact[2]) > 40


@pytest.mark.parametrize("resolution", [9, 16, 40])
def test_other_resolutions_go_through_the_super_resolution(resolution):
    G = generator(CONFIGS["2X"])
    settings = ray_settings(G, resolution=resolution)
    ours = pictures(PreparedStages(G, Plan()), G, settings=settings)
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, settings=settings)
    assert error(ours[2], exact[2]) < 1e-4


def test_larger_inputs_where_the_super_resolution_only_ever_enlarges():
    G = generator(CONFIGS["8X"])
    reference, ours = ReferenceStages(G, Plan(reference=True)), PreparedStages(G, Plan())
    draws = torch.Generator().manual_seed(0)
    features = torch.rand(1, 8, 160, 160, generator=draws)
    plain = torch.zeros(1, 1, 160, 160)
    raw = RawRender(features, features[:, :3], plain, plain)
    ws, _ = person(G)
    pair = [stages.superresolve(raw, ws, nothing) for stages in (ours, reference)]
    assert pair[0].shape == (1, 3, 640, 640)
    assert error(*pair) < 1e-4


def test_people_take_turns():
    G = generator(CONFIGS["2X"])
    stages = PreparedStages(G, Plan())
    alone = [pictures(PreparedStages(G, Plan()), G, seed)[2] for seed in range(5)]
    for seed in (0, 1, 0, 2, 3, 4, 0, 1):  # more of them than are kept
        assert torch.equal(pictures(stages, G, seed)[2], alone[seed])


def test_normals_are_the_reference_s():
    G = shaped(generator(CONFIGS["none"]))
    settings = ray_settings(G, with_normals=True)
    ours = pictures(PreparedStages(G, Plan()), G, settings=settings)[1].normals
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, settings=settings)[1].normals
    assert ours is not None
    assert exact is not None
    assert float((ours - exact).abs().quantile(0.98)) < 1e-2
    assert float(exact.square().sum(dim=1).mean()) > 0.5


CAMERAS = {
    "front": Camera.orbit(0, 0),
    "side": Camera.orbit(70, -20),
    "far": Camera.orbit(10, 0, radius=4.0),
    "beside": Camera.orbit(0, 0, pivot=(0.7, 0.2, 0.2)),
}


@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("camera", CAMERAS)
def test_something_solid_is_the_reference_s_from_everywhere(camera, white):
    config = CONFIGS["none"]
    options = replace(config.rendering, white_background=white, raw_resolution=32)
    G = shaped(generator(replace(config, rendering=options)))
    settings = ray_settings(G, CAMERAS[camera])
    ours = pictures(PreparedStages(G, Plan()), G, settings=settings)[1]
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, settings=settings)[1]
    assert float((ours.features - exact.features).abs().max()) < 1e-3
    assert float((ours.opacity - exact.opacity).abs().max()) < 1e-3
    # Where hardly anything is hit, depth is a quotient of numbers close to nothing.
    solid = exact.opacity > 0.01
    assert float(((ours.depth - exact.depth).abs() * solid).max()) < 1e-3
    empty = (exact.opacity == 0) & (ours.opacity == 0)
    assert float((exact.opacity == 0).sum() - empty.sum()) <= 0.01 * empty.numel()
    assert torch.equal(ours.depth[empty], exact.depth[empty])


def test_a_field_takes_no_more_memory_than_its_planes():
    G = generator(CONFIGS["none"])
    ws, motion = person(G)
    ours = PreparedStages(G, Plan()).planes(ws, motion, nothing).nbytes
    assert ours < 1.0 * ReferenceStages(G, Plan(reference=True)).planes(ws, motion, nothing).nbytes


# Being interrupted, and what cannot be prepared


@pytest.mark.parametrize("plan", [Plan(), Plan(reference=True)], ids=["prepared", "reference"])
def test_every_stage_can_be_abandoned_anywhere(plan, monkeypatch):
    monkeypatch.setattr(cpu_layers, "_BAND_BYTES", 2**14)
    monkeypatch.setattr(rays, "SAMPLES_AT_ONCE", 1000)
    G = generator(CONFIGS["2X"])
    stages = open_stages(G, plan)
    ws, motion = person(G)
    exact = pictures(stages, G)[2]

    def run(allowed: int) -> bool:
        left = [allowed]

        def check() -> None:
            left[0] -= 1
            if left[0] < 0:
                raise SupersededError

        try:
            field = stages.planes(ws, motion, check)
            stages.superresolve(stages.render(field, ws, ray_settings(G), check), ws, check)
        except SupersededError:
            return False
        return True

    allowed = 0
    while not run(allowed):
        allowed += 1
        if allowed % 8 == 1:
            assert torch.equal(pictures(stages, G)[2], exact), "nothing is left behind"
    assert allowed > 12


def test_the_reference_leaves_the_networks_as_they_were():
    G = generator(CONFIGS["none"])
    stages = ReferenceStages(G, Plan(reference=True))
    pictures(stages, G)
    with pytest.raises(SupersededError):
        stages.planes(*person(G), abandon)
    assert not any(module._forward_pre_hooks for module in G.modules())


def abandon() -> None:
    raise SupersededError


def test_another_low_pass_filter_is_left_to_the_networks():
    G = generator(CONFIGS["none"])
    assert can_prepare(G)
    G.get_buffer("backbone.synthesis.b8.conv0.resample_filter").fill_(1 / 16)
    assert not can_prepare(G)


def test_stages_take_their_own_fields_only():
    G = generator(CONFIGS["none"])
    ws, motion = person(G)
    foreign = ReferenceStages(G, Plan(reference=True)).planes(ws, motion, nothing)
    with pytest.raises(TypeError):
        PreparedStages(G, Plan()).render(foreign, ws, ray_settings(G), nothing)
    assert isinstance(PreparedStages(G, Plan()).planes(ws, motion, nothing), Texels)
