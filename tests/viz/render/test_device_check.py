"""Models on devices that render wrongly or fail: what then renders, and what the user is told.

There is no GPU here: a processor plays one, whose prepared stages and networks are made to fail.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.viz.render.inference_cases import CONFIGS, generator
from training.networks.generator import Generator
from viz import doctor
from viz.render import models
from viz.render.geometry.density_field import DensityField
from viz.render.inference import calibration, device_check
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.inference.stage_interface import Stages
from viz.render.inference.stages import ReferenceStages
from viz.render.renderer import Renderer
from viz.state.jobs import finish
from viz.state.types import Quality, SessionState

Open = Callable[[Generator, Plan], Stages]


@pytest.fixture(name="G")
def small_generator() -> Generator:
    return generator(CONFIGS["2X"])


@pytest.fixture(autouse=True)
def new_device(monkeypatch, tmp_path):
    """Nothing was tried before, and nothing is measured."""
    monkeypatch.setattr(device_check, "user_folder", lambda _: tmp_path)

    def find(_: Generator):
        return Plan()
        yield

    monkeypatch.setattr(calibration, "find", find)


def play(monkeypatch, prepared: Open, plain: Open = ReferenceStages) -> list[Plan]:
    """Makes stages open these ways on the device; returns the plans that are opened."""
    opened: list[Plan] = []

    def chosen(G: Generator, plan: Plan) -> Stages:
        opened.append(plan)
        return plain(G, plan) if plan.reference else prepared(G, plan)

    monkeypatch.setattr(device_check, "prepared", chosen)
    return opened


def gpu_stages(G: Generator, plan: Plan) -> Stages:
    return DeviceStages(G, plan, kernels=False)


def failing(G: Generator, plan: Plan) -> Stages:
    raise RuntimeError("no kernel image\nand more")


class Wrong(ReferenceStages):
    """A device that computes, but not this."""

    def superresolve(self, raw, ws, check, scale=1.0, *, int8=False):
        return super().superresolve(raw, ws, check, scale, int8=int8) + 0.05


class NotANumber(ReferenceStages):
    def superresolve(self, raw, ws, check, scale=1.0, *, int8=False):
        return super().superresolve(raw, ws, check, scale, int8=int8) * float("nan")


def test_a_device_that_is_right_is_checked_once(G, monkeypatch):
    opened = play(monkeypatch, gpu_stages)
    moved = copy.deepcopy(G)
    for _ in range(2):
        placed = finish(device_check.choose(moved, G))
        assert placed == device_check.PlacedModel(moved)
    assert opened == [Plan()]
    G.get_parameter("decoder.net.2.bias").add_(1)  # another model is new there
    finish(device_check.choose(copy.deepcopy(G), G))
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("prepared", "trouble"),
    [
        (failing, "fail (no kernel image)"),
        (Wrong, "give a wrong picture"),
        (NotANumber, "give a wrong picture"),
    ],
)
def test_where_the_fast_way_is_wrong_the_networks_run_as_they_are(
    G, monkeypatch, prepared, trouble
):
    play(monkeypatch, prepared)
    moved = copy.deepcopy(G)
    placed = finish(device_check.choose(moved, G))
    assert placed.G is moved
    assert placed.reference
    assert placed.notes == (
        f"On the device cpu the fast networks {trouble}: the plain ones are used, "
        "which are slower.",
    )
    again = finish(device_check.choose(moved, G))
    assert again.notes == placed.notes, "what failed is told at every load"
    renderer = Renderer(placed.G, reference=placed.reference)
    assert renderer.plan(Quality()) == Plan(reference=True)
    half = Plan.uniform("bfloat16", reference=True)
    assert renderer.plan(Quality(precision="bfloat16")) == half


@pytest.mark.parametrize("plain", [failing, Wrong])
def test_where_nothing_is_right_the_processor_renders(G, monkeypatch, plain):
    play(monkeypatch, failing, plain)
    placed = finish(device_check.choose(copy.deepcopy(G), G))
    assert placed.G is G
    assert not placed.reference
    (note,) = placed.notes
    assert note.startswith("On the device cpu the networks ")
    assert note.endswith(": the CPU is used, which is slower.")


def test_where_measuring_fails_the_networks_run_as_they_are(G, monkeypatch):
    def broken(_: Generator):
        raise RuntimeError("driver too old")
        yield

    monkeypatch.setattr(calibration, "find", broken)
    placed = finish(device_check.choose(copy.deepcopy(G), G))
    assert placed.reference
    assert "fail (driver too old)" in placed.notes[0]


def test_too_little_memory_is_no_fault_of_the_device(G, monkeypatch):
    def full(G: Generator, plan: Plan) -> Stages:
        raise torch.OutOfMemoryError

    play(monkeypatch, full)
    with pytest.raises(torch.OutOfMemoryError):
        finish(device_check.choose(copy.deepcopy(G), G))


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["8XDC", "still, no raw layer", "none"])
def test_half_formats_have_the_room_that_rounding_takes(name, half, monkeypatch):
    G = generator(CONFIGS[name])
    if G.superresolution is not None:
        for block in (0, 1):
            G.get_parameter(f"superresolution.block{block}.torgb.weight").mul_(0.2)

    def find(_: Generator):
        return Plan.on_gpu(half)
        yield

    monkeypatch.setattr(calibration, "find", find)
    play(monkeypatch, gpu_stages)
    assert not finish(device_check.choose(copy.deepcopy(G), G)).notes


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="mps works here")
def test_a_model_loads_on_the_processor_where_the_device_takes_nothing(caplog):
    loaded = finish(models.load_model("", torch.device("mps")))
    assert loaded.info.device == "cpu"
    note = loaded.info.notes[-1]
    assert note.startswith("On this Mac's GPU the networks fail (")
    assert note in caplog.text
    assert loaded.G.device == torch.device("cpu")
    assert not loaded.reference


def test_the_processor_is_not_checked(G, monkeypatch):
    opened = play(monkeypatch, failing)
    placed = finish(device_check.place(G, torch.device("cpu")))
    assert placed == device_check.PlacedModel(G)
    assert not opened


def test_on_other_devices_the_networks_run_in_float32(G, monkeypatch):
    renderer = Renderer(G)
    monkeypatch.setattr(Generator, "device", property(lambda _: torch.device("mps")))
    for name in ("auto", "float32", "float16", "bfloat16"):
        plan = renderer.plan(replace(Quality(), precision=name))
        assert plan == Plan(reference=True)
        assert isinstance(renderer.stages(plan), ReferenceStages)


@pytest.mark.parametrize("works", [True, False])
def test_the_doctor_tells_of_the_device(works, monkeypatch):
    """A processor plays the device: only its name is another."""
    place = device_check.place

    def played(G, device, *, remember):
        assert not remember
        if not works:  # as where the driver is missing
            return place(G, torch.device("mps"), remember=remember)
        play(monkeypatch, gpu_stages)
        return device_check.choose(copy.deepcopy(G), G, remember=False)

    monkeypatch.setattr(models, "pick_device", lambda: torch.device("mps"))
    monkeypatch.setattr(device_check, "place", played)
    finding = doctor.pictures()
    assert finding.ok is works
    assert works or not finding.needed
    expected = "mps renders what the processor does" if works else "the CPU is used"
    assert expected in finding.text
    assert "\n" not in finding.text


class NoFloat64(TorchDispatchMode):
    """Refuses, as Apple's GPUs do, float64 on a device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for x in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64:
                assert x.device.type == "cpu", func
        return found


@pytest.mark.parametrize("name", ["8XDC", "still, no raw layer"])
def test_nothing_needs_float64_or_cuda_of_other_devices(name):
    """On a device of shapes without numbers: what is called there is what counts."""
    G = generator(CONFIGS[name]).to("meta")
    renderer, quality = Renderer(G), Quality()
    shot = SessionState().shot()
    shot = replace(shot, latent=replace(shot.latent, x=0.5, psi=0.7), t=0.4)
    with torch.inference_mode(), NoFloat64():
        image = renderer.image(shot, quality)
        raw = renderer.raw(shot, quality, with_normals=True)
        assert raw.normals is not None
        field = DensityField(G, renderer.planes(shot, quality))
        sigma = field.over(*(torch.linspace(-0.3, 0.3, n, device="meta") for n in (3, 4, 5)))
        first, _ = field.spans(np.linspace(-0.3, 0.3, 9), 4)
    assert image.shape == (1, 3, G.config.image_resolution, G.config.image_resolution)
    assert sigma.shape == (3, 4, 5)
    assert first.device == G.device
