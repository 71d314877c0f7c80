"""The renderer's own way through a generator, against the networks as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.viz.render.inference_cases import (
    CONFIGS,
    error,
    generator,
    look,
    nothing,
    person,
    pictures,
    raw_errors,
    shaped,
)
from training.camera import Camera
from training.networks.generator import Generator, RawRender
from viz.render.inference import rays, synthesis
from viz.render.inference.calibration import psnr
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import Head, Scene, Texels
from viz.render.inference.rays import EVERYTHING, Thrift
from viz.render.inference.stages import PreparedStages, ReferenceStages, can_prepare, open_stages
from viz.state.errors import SupersededError


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("band", [2**23, 2**12], ids=["whole", "bands"])
@pytest.mark.parametrize("name", CONFIGS)
def test_in_float32_the_numbers_are_the_networks_own(name, band, monkeypatch):
    monkeypatch.setattr(synthesis, "_BAND_BYTES", band)
    monkeypatch.setattr(rays, "POINTS_AT_ONCE", 1000)
    G = generator(CONFIGS[name])
    reference = ReferenceStages(G, Plan(reference=True))
    moment, raw, image = pictures(PreparedStages(G, Plan(), EVERYTHING), G)
    exact_moment, exact_raw, exact_image = pictures(reference, G)
    points = (torch.rand(1, 2000, 3) - 0.5) * 1.2
    for ours, exact in zip(moment.sample(points), exact_moment.sample(points), strict=True):
        assert error(ours, exact) < 1e-5
    # The planes that stand for the moment's may be others, but what is sampled is the same.
    assert error(G.sample(moment.planes(), points)[0], exact_moment.sample(points)[0]) < 1e-5
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
    what = look(G, resolution=resolution)
    ours = pictures(PreparedStages(G, Plan(), EVERYTHING), G, what=what)
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, what=what)
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
    what = look(G, with_normals=True)
    ours = pictures(PreparedStages(G, Plan(), EVERYTHING), G, what=what)[1].normals
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, what=what)[1].normals
    assert ours is not None
    assert exact is not None
    assert float((ours - exact).abs().quantile(0.98)) < 1e-2
    assert float(exact.square().sum(dim=1).mean()) > 0.5


# What rays leave out


CAMERAS = {
    "front": Camera.orbit(0, 0),
    "side": Camera.orbit(70, -20),
    "far": Camera.orbit(10, 0, radius=4.0),
    "beside": Camera.orbit(0, 0, pivot=(0.7, 0.2, 0.2)),
}


@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("camera", CAMERAS)
def test_what_is_left_out_does_not_show(camera, white):
    config = CONFIGS["none"]
    options = replace(config.rendering, white_background=white, raw_resolution=32)
    G = shaped(generator(replace(config, rendering=options)))
    what = look(G, CAMERAS[camera])
    exact = pictures(ReferenceStages(G, Plan(reference=True)), G, what=what)[1]
    all_of_it = pictures(PreparedStages(G, Plan(), EVERYTHING), G, what=what)[1]
    only_empty = pictures(PreparedStages(G, Plan(), Thrift(True, 0, 0)), G, what=what)[1]
    thrifty = pictures(PreparedStages(G, Plan()), G, what=what)[1]
    assert error(only_empty.features, all_of_it.features) < 1e-6
    assert float((only_empty.opacity - all_of_it.opacity).abs().max()) < 1e-6
    assert float((only_empty.depth - all_of_it.depth).abs().max()) < 1e-4
    assert psnr(thrifty.image, exact.image) > 60
    assert float((thrifty.opacity - exact.opacity).abs().max()) < 1e-3
    solid = exact.opacity > 0.1
    assert float(((thrifty.depth - exact.depth).abs() * solid).max()) < 2e-3


def test_bounds_hold_and_find_what_is_empty():
    G = shaped(generator(CONFIGS["none"]))
    scene = PreparedStages(G, Plan()).planes(*person(G), nothing)
    bounds = scene.bounds()
    assert bounds is not None
    points = (torch.rand(1, 100_000, 3) - 0.5) * 1.1
    places = scene.texels.places(points[0].t().contiguous())
    x, y, z = (places / scene.block).int()
    assert float((scene.sigma(points)[0] - bounds[z, y, x]).max()) < 1e-3
    assert float((bounds < -15).float().mean()) > 0.3


def test_a_fog_has_no_bounds_worth_the_while():
    G = generator(CONFIGS["none"])
    assert PreparedStages(G, Plan()).planes(*person(G), nothing).bounds() is None


def test_fewer_samples_are_looked_at(monkeypatch):
    G = shaped(generator(CONFIGS["none"]))
    counts = []
    decode = Head.decode

    def counting(self: Head, features: Tensor, hidden: Tensor) -> Tensor:
        counts.append(features.shape[0])
        return decode(self, features, hidden)

    monkeypatch.setattr(Head, "decode", counting)
    pictures(PreparedStages(G, Plan(), EVERYTHING), G)
    everything, counts[:] = sum(counts), []
    pictures(PreparedStages(G, Plan()), G)
    assert sum(counts) < 0.85 * everything


def test_planes_out_of_float16_s_range_are_kept_in_float32():
    planes = torch.randn(1, 3, 4, 16, 16)
    assert Texels.of(planes, 1.0, torch.float16).table.dtype == torch.float16
    texels = Texels.of(planes * 1e6, 1.0, torch.float16)
    assert texels.table.dtype == torch.float32
    assert texels.table.isfinite().all()


def test_kept_moments_take_less_memory_in_half_formats():
    G = generator(CONFIGS["none"])
    full, half = (
        PreparedStages(G, plan).planes(*person(G), nothing).nbytes
        for plan in (Plan(), Plan.uniform("bfloat16"))
    )
    assert half < 0.75 * full
    assert full < person_planes_bytes(G) * 1.2


def person_planes_bytes(G: Generator) -> int:
    ws, motion = person(G)
    return ReferenceStages(G, Plan(reference=True)).planes(ws, motion, nothing).nbytes


# Being interrupted, and what cannot be prepared


@pytest.mark.parametrize("plan", [Plan(), Plan(reference=True)], ids=["prepared", "reference"])
def test_every_stage_can_be_abandoned_anywhere(plan, monkeypatch):
    monkeypatch.setattr(synthesis, "_BAND_BYTES", 2**14)
    monkeypatch.setattr(rays, "POINTS_AT_ONCE", 1000)
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
            moment = stages.planes(ws, motion, check)
            stages.superresolve(stages.render(moment, ws, look(G), check), ws, check)
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


def test_stages_take_their_own_moments_only():
    G = generator(CONFIGS["none"])
    ws, motion = person(G)
    foreign = ReferenceStages(G, Plan(reference=True)).planes(ws, motion, nothing)
    with pytest.raises(TypeError):
        PreparedStages(G, Plan()).render(foreign, ws, look(G), nothing)
    assert isinstance(PreparedStages(G, Plan()).planes(ws, motion, nothing), Scene)
