"""The stages prepared for a GPU: here on the CPU against the networks as they are, and on a GPU
where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

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
from viz.render.inference import select, stage_interface
from viz.render.inference.format_trials import psnr
from viz.render.inference.gpu import kernel
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.gpu.graphs import CapturedGraph, GraphPool
from viz.render.inference.plan import Plan
from viz.render.inference.select import open_stages
from viz.render.inference.stages import ReferenceStages
from viz.render.picture.host_copies import to_host
from viz.render.renderer import Renderer
from viz.state.errors import SupersededError
from viz.state.types import Quality, RenderRequest, SessionState

EXACT = Plan(reference=True)
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


def without_kernels(G, plan: Plan | None = None) -> DeviceStages:
    return DeviceStages(G, plan or Plan(), kernels=False)


# The stages, on the CPU ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGS)
def test_in_float32_the_numbers_are_the_networks_own(name):
    G = generator(CONFIGS[name])
    field, raw, image = pictures(without_kernels(G), G)
    exact_field, exact_raw, exact_image = pictures(ReferenceStages(G, EXACT), G)
    points = (torch.rand(1, 2000, 3) - 0.5) * 1.2
    for ours, exact in zip(
        *(G.sample(f.planes(), points) for f in (field, exact_field)), strict=True
    ):
        assert error(ours, exact) < 1e-4
    assert max(raw_errors(raw, exact_raw)) < 1e-4
    assert image.shape == exact_image.shape
    assert error(image, exact_image) < 1e-4
    assert {x.dtype for x in (raw.features, raw.image, raw.depth, image)} == {torch.float32}


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["8XDC", "4X", "still, no raw layer"])
def test_in_half_formats_pictures_stay_close(name, half):
    G = generator(CONFIGS[name])
    for p in ("superresolution.block0.torgb.weight", "superresolution.block1.torgb.weight"):
        G.get_parameter(p).mul_(0.2)  # into the range that is shown
    ours = pictures(without_kernels(G, Plan.on_gpu(half)), G)
    exact = pictures(ReferenceStages(G, EXACT), G)
    assert psnr(ours[1].image, exact[1].image) > 40
    assert psnr(ours[2], exact[2]) > 40
    assert ours[0].nbytes < 0.75 * exact[0].nbytes
    assert ours[2].dtype == torch.float32


def test_float16_holds_weights_and_styles_of_any_size():
    G = generator(CONFIGS["2X"])
    exact = pictures(ReferenceStages(G, EXACT), G)[2]
    for name, value in G.named_parameters():
        layer = name.rpartition(".")[0]
        if ".conv" in name and name.endswith("weight") and "affine" not in name:
            value.mul_(3e3)  # demodulation takes it out again
            for part in ("weight", "bias"):
                G.get_parameter(f"{layer}.affine.{part}").mul_(3e3)
    assert error(pictures(ReferenceStages(G, EXACT), G)[2], exact) < 1e-3
    image = pictures(without_kernels(G, Plan.on_gpu("float16")), G)[2]
    assert error(image, exact) < 2e-2


def test_planes_out_of_float16_s_range_stay_finite():
    G = generator(CONFIGS["none"])
    G.get_parameter("backbone.synthesis.b64.torgb.weight").mul_(1e7)
    _, raw, _ = pictures(without_kernels(G, Plan.of("bfloat16", "bfloat16", rays="float16")), G)
    assert raw.features.isfinite().all()


@pytest.mark.parametrize("resolution", [9, 40])
def test_other_resolutions_go_through_the_super_resolution(resolution):
    G = generator(CONFIGS["2X"])
    settings = ray_settings(G, resolution=resolution)
    ours, exact = (
        pictures(s, G, settings=settings)[2]
        for s in (without_kernels(G), ReferenceStages(G, EXACT))
    )
    assert error(ours, exact) < 1e-4


def test_larger_inputs_where_the_super_resolution_only_ever_enlarges():
    G = generator(CONFIGS["8X"])
    features = torch.rand(1, 8, 160, 160, generator=torch.Generator().manual_seed(0))
    plain = torch.zeros(1, 1, 160, 160)
    raw = RawRender(features, features[:, :3], plain, plain)
    ws, _ = person(G)
    pair = [
        s.superresolve(raw, ws, nothing) for s in (without_kernels(G), ReferenceStages(G, EXACT))
    ]
    assert pair[0].shape == (1, 3, 640, 640)
    assert error(*pair) < 1e-4


def test_people_take_turns():
    G = generator(CONFIGS["2X"])
    device = without_kernels(G)
    alone = [pictures(without_kernels(G), G, seed)[2] for seed in range(5)]
    for seed in (0, 1, 0, 2, 3, 4, 0, 1):  # more of them than are kept
        assert torch.equal(pictures(device, G, seed)[2], alone[seed])
    assert len(device.people) == stage_interface.PEOPLE


def test_normals_are_the_reference_s():
    G = shaped(generator(CONFIGS["none"]))
    settings = ray_settings(G, with_normals=True)
    ours = pictures(without_kernels(G), G, settings=settings)[1].normals
    exact = pictures(ReferenceStages(G, EXACT), G, settings=settings)[1].normals
    assert ours is not None
    assert exact is not None
    assert float((ours - exact).abs().quantile(0.98)) < 1e-2
    assert float(exact.square().sum(dim=1).mean()) > 0.5


def test_every_stage_can_be_abandoned_before_it_begins():
    G = generator(CONFIGS["2X"])
    device = without_kernels(G)
    ws, motion = person(G)
    field, raw, _ = pictures(device, G)

    def abandon() -> None:
        raise SupersededError

    for stage in (
        lambda: device.planes(ws, motion, abandon),
        lambda: device.render(field, ws, ray_settings(G), abandon),
        lambda: device.superresolve(raw, ws, abandon),
    ):
        with pytest.raises(SupersededError):
            stage()


def test_stages_take_their_own_fields_only():
    G = generator(CONFIGS["none"])
    ws, motion = person(G)
    foreign = ReferenceStages(G, EXACT).planes(ws, motion, nothing)
    with pytest.raises(TypeError):
        without_kernels(G).render(foreign, ws, ray_settings(G), nothing)


def test_rays_go_on_without_a_kernel_that_fails(monkeypatch, caplog):
    calls = []

    def failing(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise RuntimeError("out of resources\nand more")

    monkeypatch.setattr(kernel, "cast", failing)
    monkeypatch.setattr(kernel, "finish", kernel.finish_reference)
    G = generator(CONFIGS["none"])
    device = DeviceStages(G, Plan(), kernels=True)
    exact = pictures(ReferenceStages(G, EXACT), G)[1]
    for _ in range(3):
        assert max(raw_errors(pictures(device, G)[1], exact)) < 1e-4
    assert len(calls) == 1
    assert [record.message for record in caplog.records] == [
        "Rays are cast without Triton, more slowly: out of resources"
    ]


def test_networks_go_on_without_a_kernel_that_fails_later(monkeypatch, caplog):
    """As for a preview of another size than the model was prepared with."""
    G = generator(CONFIGS["2X"])
    exact = pictures(ReferenceStages(G, EXACT), G, settings=ray_settings(G, resolution=9))[2]
    monkeypatch.setattr(kernel, "cast", failing_kernel)
    monkeypatch.setattr(kernel, "finish", failing_kernel)
    device = DeviceStages(G, Plan(), kernels=True)
    for _ in range(2):
        ours = pictures(device, G, settings=ray_settings(G, resolution=9))[2]
        assert error(ours, exact) < 1e-4
    assert [record.message for record in caplog.records] == [
        "The networks run without Triton, more slowly: no such kernel"
    ]


def failing_kernel(*_: Any, **__: Any) -> None:
    raise RuntimeError("no such kernel")


def test_without_pinned_memory_pictures_are_copied(monkeypatch, caplog):
    def unpinned(*_: Any, pin_memory: bool = False, **__: Any) -> None:
        raise RuntimeError("cannot pin" if pin_memory else "?")

    caplog.set_level(logging.INFO)
    picture = torch.rand(3, 4)
    on_gpu = SimpleNamespace(
        device=torch.device("cuda", 0), shape=(3, 4), dtype=torch.float32, cpu=lambda: picture
    )
    monkeypatch.setattr(torch, "empty", unpinned)
    assert to_host(cast(Tensor, on_gpu)) is picture
    assert "without pinned memory: cannot pin" in caplog.text


def test_a_model_that_cannot_be_prepared_runs_as_it_is(monkeypatch, caplog):
    def failing(*_: Any) -> None:
        raise RuntimeError("no such kernel image")

    G = generator(CONFIGS["none"])
    monkeypatch.setattr(select, "prepared", select.device_stages)  # as on a GPU
    assert isinstance(open_stages(G, Plan()), DeviceStages)
    monkeypatch.setattr(DeviceStages, "prepare", failing)
    plain = open_stages(G, Plan.on_gpu("bfloat16"))
    assert isinstance(plain, ReferenceStages)
    assert "no such kernel image" in caplog.text
    assert pictures(plain, G)[2].isfinite().all()


# Recordings ---------------------------------------------------------------------------------------


class Tape(GraphPool):
    """Records as a GPU does: a recording runs on the tensors that it was made with, and gives its
    results where it gave the first ones."""

    def __init__(self, fails: str = "") -> None:
        super().__init__(torch.device("cpu"))
        self.records, self.fails, self.made, self.settled = True, fails, 0, 0

    def _step(self, name: str) -> None:
        if self.fails == name:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    def warm_up(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        self._step("warm-up")
        return run()

    def record(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Any, tuple[Tensor, ...]]:
        self._step("recording")
        self.made += 1
        fixed, step = run(), self._step

        class Graph:
            def replay(self) -> None:
                step("replay")
                for place, result in zip(fixed, run(), strict=True):
                    place.copy_(result)

        for place in fixed:
            place.fill_(float("nan"))  # recording computes nothing
        return Graph(), fixed

    def settle(self) -> None:
        self.settled += 1

    def renew(self) -> None:
        pass


def scaled(setting: float, *x: Tensor) -> tuple[Tensor, ...]:
    return tuple(setting * part for part in x)


def test_on_a_processor_functions_are_called():
    replay = CapturedGraph(scaled, GraphPool(torch.device("cpu")))
    for k in range(4):
        x = torch.full((3,), float(k))
        assert replay(2.0, x)[0].tolist() == [2 * k] * 3
    assert replay.recorded == 0


def test_a_recording_gives_what_the_function_does():
    tape = Tape()
    replay = CapturedGraph(scaled, tape)
    kept = []
    for k in range(6):
        x, y = torch.full((3,), float(k)), torch.full((2, 2), k + 0.5)
        kept.append(replay(3.0, x, y))
        assert torch.equal(x, torch.full((3,), float(k))), "inputs stay as they are"
    for k, (x, y) in enumerate(kept):
        assert x.tolist() == [3.0 * k] * 3, "results are the caller's own"
        assert y.flatten().tolist() == [3 * k + 1.5] * 4
    assert tape.made == replay.recorded == 1, "the second call records, the first one warms up"


def test_settings_shapes_and_formats_have_their_own_recordings():
    tape = Tape()
    replay = CapturedGraph(scaled, tape)
    inputs = [torch.ones(2), torch.ones(3), torch.ones(2, dtype=torch.float64)]
    for _ in range(3):
        for x in inputs:
            for setting in (2.0, 5.0):
                (found,) = replay(setting, x)
                assert found.dtype == x.dtype
                assert torch.equal(found, setting * x)
    assert tape.made == replay.recorded == 6


def test_the_least_recently_used_recordings_are_dropped():
    tape = Tape()
    replay = CapturedGraph(scaled, tape, most=3)
    for size in (1, 1, 2, 2, 3, 3, 1, 4, 4, 1):
        assert replay(2.0, torch.ones(size))[0].tolist() == [2.0] * size
    assert tape.made == 4
    assert replay.recorded == 3
    assert tape.settled == 1, "a recording that is dropped may still run"
    replay(2.0, torch.ones(2))
    assert tape.made == 4, "size 2 was dropped, and warms up again"


@pytest.mark.parametrize("step", ["warm-up", "recording", "replay"])
def test_what_cannot_be_recorded_is_called(step, caplog):
    tape = Tape(fails=step)
    replay = CapturedGraph(scaled, tape)
    for _ in range(2):
        for size in (1, 2, 1, 2, 1):
            assert replay(2.0, torch.ones(size))[0].tolist() == [2.0] * size
    assert replay.recorded == 0
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.records[0].message.endswith("stream is capturing")


def test_an_error_of_the_function_is_told():
    def broken(*_: Any) -> tuple[Tensor, ...]:
        raise ValueError("wrong shape")

    for place in (Tape(), GraphPool(torch.device("cpu"))):
        with pytest.raises(ValueError, match="wrong shape"):
            CapturedGraph(broken, place)(None, torch.ones(1))


def test_whole_stages_run_from_recordings():
    G = generator(CONFIGS["2X"])
    tape = Tape()
    device = DeviceStages(G, Plan(), kernels=False, place=tape)
    exact = [pictures(ReferenceStages(G, EXACT), G, seed)[2] for seed in range(4)]
    for turn in range(3):
        for seed in range(4):
            assert error(pictures(device, G, seed)[2], exact[seed]) < 1e-4, (turn, seed)
    assert tape.made == 4
    turned = ray_settings(G, Camera.orbit(-40, 10))
    one, two = (pictures(s, G, 1, turned)[2] for s in (device, ReferenceStages(G, EXACT)))
    assert error(one, two) < 1e-4
    assert tape.made == 4, "another camera is no other recording"


# On a GPU -----------------------------------------------------------------------------------------


@on_gpu
@pytest.mark.parametrize("kernels", [False, None], ids=["networks", "kernels"])
@pytest.mark.parametrize("name", CONFIGS)
def test_on_a_gpu_the_numbers_are_the_networks_own(name, kernels):
    G = generator(CONFIGS[name]).cuda()
    device = DeviceStages(G, Plan(), kernels=kernels)
    exact = pictures(ReferenceStages(G, EXACT), G)
    for _ in range(3):  # called, recorded, replayed
        ours = pictures(device, G)
        assert max(raw_errors(ours[1], exact[1])) < 1e-4
        assert error(ours[2], exact[2]) < 1e-4
    assert device.planes_graph.recorded == device.render_graph.recorded == 1


@on_gpu
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_on_a_gpu_half_formats_stay_close(half):
    G = generator(replace(CONFIGS["2X"])).cuda()
    device = open_stages(G, Plan.on_gpu(half))
    assert isinstance(device, DeviceStages)
    exact = pictures(ReferenceStages(G, EXACT), G)
    for _ in range(3):
        ours = pictures(device, G)
        assert psnr(ours[1].image, exact[1].image) > 40
        assert error(ours[2], exact[2]) < 3e-2


@on_gpu
def test_a_gpu_is_measured_and_renders():
    G = generator(CONFIGS["2X"]).cuda()
    renderer = Renderer(G)
    request = RenderRequest((SessionState().shot(),))
    first, second = (renderer.render(request).pictures[0] for _ in range(2))
    assert first is not None
    assert second is not None
    assert not renderer.plan(Quality()).reference
    assert (first == second).all()
    assert renderer.plan(Quality(precision="float16")) == Plan.on_gpu("float16")
