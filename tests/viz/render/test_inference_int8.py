"""Previews whose super-resolution computes in 8-bit integers: close, faster, and only previews."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import pytest
import torch

from tests.viz.render.inference_cases import CONFIGS, generator, nothing, person, pictures
from training.networks.generator import Generator
from viz.render.inference import calibration, format_trials
from viz.render.inference.cpu import int8
from viz.render.inference.cpu.int8 import Int8Superresolution
from viz.render.inference.format_trials import psnr
from viz.render.inference.plan import Plan
from viz.render.inference.stages import PreparedStages
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.jobs import finish
from viz.state.types import Orbit, Preview, SessionState

SMALL = Plan(int8_previews=True)
needs_int8 = pytest.mark.skipif(
    not int8.is_available(torch.device("cpu")), reason="no VNNI on this processor"
)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def small() -> Generator:
    config = replace(CONFIGS["4X"], superresolution_channels=(16, 12), superresolution_clamp=256.0)
    return generator(config)


@needs_int8
@pytest.mark.parametrize("name", ["8XDC", "8X", "4X", "2X"])
def test_a_preview_is_close_to_float32(name):
    G = generator(CONFIGS[name])
    int8.compiled().result()
    stages, exact = PreparedStages(G, SMALL), PreparedStages(G, Plan())
    ws, _ = person(G, 0)
    _, raw, _ = pictures(stages, G)
    assert stages.prepare_int8(raw, ws, nothing)
    for scale in (1.0, 0.5):
        ours = stages.superresolve(raw, ws, nothing, scale, int8=True)
        usual = exact.superresolve(raw, ws, nothing, scale)
        assert ours.shape == usual.shape
        assert not torch.equal(ours, usual), "it was used"
        largest = float(usual.abs().max())
        assert psnr(ours / largest, usual / largest) > 38


@needs_int8
def test_full_pictures_are_the_same_with_and_without_previews(small, monkeypatch):
    int8.compiled().result()
    monkeypatch.setattr(calibration, "plan_for", lambda _: SMALL)
    renderer, state = Renderer(small), SessionState(orbit=Orbit(yaw=3.0))
    full = layouts.full_request(state)
    before = Renderer(small).render(full)
    preview = renderer.render(replace(full, preview=Preview(int8=True)))
    after = renderer.render(full)
    assert preview.precision == "int8"
    assert before.precision == after.precision == "float32"
    assert (before.pictures[0] == after.pictures[0]).all()
    assert (preview.pictures[0] != after.pictures[0]).any()
    demanded = replace(full.quality, precision="float32")
    exact = renderer.render(replace(full, quality=demanded, preview=Preview(int8=True)))
    assert exact.precision == "float32"
    assert (exact.pictures[0] == after.pictures[0]).all()


def test_without_numba_previews_are_the_usual_ones(small, monkeypatch):
    nothing_found: Future[None] = Future()
    nothing_found.set_result(None)
    monkeypatch.setattr(int8, "compiled", lambda: nothing_found)
    stages, (ws, _) = PreparedStages(small, SMALL), person(small, 0)
    _, raw, usual = pictures(stages, small)
    assert not stages.prepare_int8(raw, ws, nothing)
    assert torch.equal(stages.superresolve(raw, ws, nothing, int8=True), usual)


@needs_int8
def test_a_person_s_numbers_may_grow_and_another_person_has_their_own(small):
    int8.compiled().result()
    stages, exact = PreparedStages(small, SMALL), PreparedStages(small, Plan())
    ws, _ = person(small, 0)
    _, raw, _ = pictures(stages, small)
    stages.prepare_int8(raw, ws, nothing)
    for seed, factor in ((0, 1.1), (1, 1.0)):
        ws, _ = person(small, seed)
        more = replace(raw, features=raw.features * factor)
        assert stages.prepare_int8(more, ws, nothing)
        ours = stages.superresolve(more, ws, nothing, int8=True)
        usual = exact.superresolve(more, ws, nothing)
        assert psnr(ours / usual.abs().max(), usual / usual.abs().max()) > 38


def measured(G: Generator) -> Plan:
    return finish(format_trials.measure(G))


@needs_int8
def test_a_measurement_takes_it_where_it_gains_and_is_close(small, monkeypatch):
    monkeypatch.setattr(format_trials, "computes_bfloat16", lambda: False)
    assert not measured(small).int8_previews, "a small model gains nothing noticeable"
    monkeypatch.setattr(format_trials, "_LEAST_SAVING", -1.0)
    monkeypatch.setattr(format_trials, "_LEAST_INT8_GAIN", 0.0)
    monkeypatch.setattr(format_trials, "_LEAST_INT8_PSNR", 30.0)
    assert measured(small).int8_previews
    right = Int8Superresolution.__call__

    def wrong(self, *arguments):
        return right(self, *arguments) + 0.5

    with monkeypatch.context() as patch:
        patch.setattr(Int8Superresolution, "__call__", wrong)
        assert not measured(small).int8_previews
    with monkeypatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
        assert not measured(small).int8_previews


@needs_int8
def test_an_operator_that_fails_is_not_used(small, monkeypatch):
    monkeypatch.setattr(format_trials, "computes_bfloat16", lambda: False)

    def fails(*_: object) -> None:
        raise RuntimeError("Unsupported")

    monkeypatch.setattr(torch.ops.onednn, "qconv2d_pointwise", fails)
    assert not measured(small).int8_previews
