"""Measures in which formats a model's stages are fastest while pictures stay close to float32's.

A half format is chosen for a stage if it saves a noticeable amount of time and a test picture stays
close to float32's; the same goes for 8-bit integers in previews. Candidates run in turns, so that a
changing load slows all of them alike.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from training.networks import generator as networks
from training.reasons import first_line
from viz.render.inference.convolutions import can_fuse
from viz.render.inference.cpu import int8
from viz.render.inference.cpu.background import wait_for
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Format, Plan
from viz.render.inference.radiance_field import PlaneField
from viz.render.inference.stage_interface import RaySettings, Stages, no_check
from viz.render.inference.stages import PreparedStages, ReferenceStages

log = logging.getLogger(__name__)

T = TypeVar("T")

PlanSteps = Generator[tuple[str, float], None, Plan]
"""Yields what is being done and the fraction done; returns the plan."""

_LEAST_GAIN = 1.15
"""Least speed-up of a half format."""
_LEAST_SAVING = 0.004
"""Least time that it saves per picture, seconds: for less, exactness is worth more."""
_LEAST_SAVING_ON_GPU = 5e-5
"""The same on a GPU, where a whole picture takes a few milliseconds."""
_LEAST_PSNR = 45.0
"""Lowest PSNR of its test picture against float32's, dB."""
_LEAST_INT8_GAIN = 1.25
"""Least speed-up of the super-resolution of previews in 8-bit integers."""
_LEAST_INT8_PSNR = 40.0
"""Lowest PSNR of its picture, dB: the errors look like faint noise, and only during movement."""
_ENOUGH, _MOST_RUNS = 0.1, 6
"""Measuring a stage in a format ends after this many seconds, or this many runs."""
_STAGES = ("backbone", "rays", "superresolution")
_RAYS = 32
"""Side of the raw test picture, pixels."""


def computes_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16. On other x86 processors oneDNN emulates it,
    which is slower than float32 but could seem faster if the load ended between measurements."""
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def measure(G: networks.Generator) -> PlanSteps:
    """The plan for a CPU."""
    yield "Measuring this machine", 0.0
    plan = Plan()
    if can_fuse(G.device, torch.bfloat16) and computes_bfloat16():
        plan = _with_half_formats(G)
    yield "Measuring this machine", 0.5
    if int8.is_available(G.device) and G.superresolution is not None:
        plan = replace(plan, int8_previews=_int8_pays(G, plan))
    yield "Measuring this machine", 1.0
    return plan


def _with_half_formats(G: networks.Generator) -> Plan:
    exact = Trial(G, PreparedStages(G, Plan()))
    half = Trial(G, PreparedStages(G, Plan.uniform("bfloat16")))
    stages = "backbone", "superresolution"
    for stage in stages:
        _race((exact, stage), (half, stage))
    chosen: dict[str, Format] = {}
    for stage in stages:
        full, short = exact.seconds.get(stage, 0.0), half.seconds.get(stage, 0.0)
        gains = full > _LEAST_GAIN * short and full - short > _LEAST_SAVING
        close = psnr(half.pictures[stage], exact.pictures[stage]) >= _LEAST_PSNR
        chosen[stage] = "bfloat16" if gains and close else "float32"
        log.info("%s: %.1f ms, %.1f ms in bfloat16", stage, 1000 * full, 1000 * short)
    return Plan.of(chosen["backbone"], chosen["superresolution"])


def _int8_pays(G: networks.Generator, plan: Plan) -> bool:
    """Whether a preview's super-resolution is much faster in 8-bit integers, and close enough."""
    wait_for(int8.compiled(), no_check)
    try:
        test = Trial(G, PreparedStages(G, replace(plan, int8_previews=True)), int8=True)
        _race((test, "superresolution"), (test, "int8"))
    except Exception as error:  # torch's operators are internal, and may change
        log.info("Previews cannot be computed in 8-bit integers: %s", first_line(error))
        return False
    full, short = test.seconds["superresolution"], test.seconds["int8"]
    close = psnr(test.pictures["int8"], test.pictures["superresolution"])
    log.info("previews: %.1f ms, %.1f in int8, %.0f dB", 1000 * full, 1000 * short, close)
    gains = full > _LEAST_INT8_GAIN * short and full - short > _LEAST_SAVING
    return gains and close >= _LEAST_INT8_PSNR


def measure_on_gpu(G: networks.Generator) -> PlanSteps:
    """The plan for a GPU; one with the reference networks if the prepared stages do not work."""
    yield "Measuring this machine", 0.0
    exact = Trial(G, ReferenceStages(G, Plan(reference=True)), whole=True)
    tests: dict[Format, Trial] = {}
    formats: list[Format] = ["float32", "float16"]
    if torch.cuda.is_bf16_supported(including_emulation=False):
        formats.append("bfloat16")
    for k, name in enumerate(formats):
        yield "Measuring this machine", (k + 1) / (len(formats) + 1)
        try:
            tests[name] = Trial(G, DeviceStages(G, Plan.on_gpu(name)), whole=True)
        except Exception as error:  # drivers and libraries have many ways to fail
            reason = first_line(error)
            log.warning("The model cannot be optimized for this GPU in %s: %s", name, reason)
    yield "Measuring this machine", 1.0
    plain = Plan.uniform("bfloat16" if "bfloat16" in formats else "float16", reference=True)
    if "float32" not in tests:
        return plain
    try:
        for stage in _STAGES:
            _race(*((test, stage) for test in tests.values()))
    except Exception as error:
        log.warning("The optimized model fails on this GPU: %s", first_line(error))
        return plain
    found = tests["float32"].pictures
    # Written so that NaN fails, too.
    if not all(psnr(found[k], exact.pictures[k]) >= _LEAST_PSNR for k in _STAGES):
        log.warning(
            "The optimized model gives different pictures on this GPU, so the plain one is used."
        )
        return plain
    # float16 is the only half format that a GPU's plans have for rays.
    rays: Format = "float32" if fastest("rays", tests, exact) == "float32" else "float16"
    backbone = fastest("backbone", tests, exact)
    return Plan.of(backbone, fastest("superresolution", tests, exact), rays=rays)


def fastest(stage: str, tests: dict[Format, Trial], exact: Trial) -> Format:
    """The fastest format of a stage among those that gain noticeably and stay close."""
    full = tests["float32"].seconds[stage]
    best: Format = "float32"
    for name, test in tests.items():
        short, close = test.seconds[stage], psnr(test.pictures[stage], exact.pictures[stage])
        log.info("%s: %.2f ms in %s, %.0f dB", stage, 1000 * short, name, close)
        gains = full > _LEAST_GAIN * short and full - short > _LEAST_SAVING_ON_GPU
        if gains and close >= _LEAST_PSNR and short < tests[best].seconds[stage]:
            best = name
    return best


class Trial:
    """A test picture of one person, computed by given stages, and the time that each stage takes.

    Args:
        G: the model.
        stages: how the picture is computed.
        whole: whether rays are measured, too, and on a picture of the trained size.
        int8: whether the super-resolution runs in 8-bit integers, too, as the stage "int8".
    """

    def __init__(
        self, G: networks.Generator, stages: Stages, *, whole: bool = False, int8: bool = False
    ) -> None:
        self.G, self.whole = G, whole
        self.seconds: dict[str, float] = {}
        """The shortest time of each stage: other programs may slow down any run."""
        self.pictures: dict[str, Tensor] = {}
        self.runs: dict[str, Callable[[], object]] = {}
        """What is measured for each stage; it has run once, which also compiles it."""
        self._begin(stages, int8)

    @torch.inference_mode()
    def _begin(self, stages: Stages, int8: bool) -> None:
        G, device = self.G, self.G.device
        draws = torch.Generator().manual_seed(0)
        z = torch.randn(1, G.config.z_dim, generator=draws)
        ws = G.mapping(z.to(device), truncation_psi=0.7)
        motion = None
        if G.config.has_motion:
            motion = 0.5 * torch.randn(1, G.config.motion_dim, generator=draws).to(device)
        stages.prepare(ws)
        settings = RaySettings.trained(G)
        if not self.whole:
            settings = replace(settings, resolution=min(_RAYS, settings.resolution))
        field = self._first("backbone", lambda: stages.planes(ws, motion, no_check))
        exact = ReferenceStages(G, Plan(reference=True))  # exact rays, to compare planes alone
        raw = exact.render(PlaneField(field.planes()), ws, settings, no_check)
        self.pictures["backbone"] = raw.image
        if self.whole:
            raw = self._first("rays", lambda: stages.render(field, ws, settings, no_check))
            self.pictures["rays"] = raw.image
        self.pictures["superresolution"] = self._first(
            "superresolution", lambda: stages.superresolve(raw, ws, no_check)
        )
        if int8:
            stages.prepare_int8(raw, ws, no_check)
            self.pictures["int8"] = self._first(
                "int8", lambda: stages.superresolve(raw, ws, no_check, int8=True)
            )

    def _first(self, stage: str, run: Callable[[], T]) -> T:
        self.runs[stage] = run
        return run()

    @torch.inference_mode()
    def measure(self, stage: str) -> float:
        """Runs a stage once more; returns the seconds."""
        self._settle()
        start = time.perf_counter()
        self.runs[stage]()
        self._settle()
        spent = time.perf_counter() - start
        self.seconds[stage] = min(spent, self.seconds.get(stage, math.inf))
        return spent

    def _settle(self) -> None:
        """Waits until a GPU has finished."""
        if self.G.device.type == "cuda":
            torch.cuda.synchronize(self.G.device)


def _race(*runs: tuple[Trial, str]) -> None:
    """Measures stages of trials in turns."""
    spent = 0.0
    for _ in range(_MOST_RUNS):
        spent += sum(test.measure(stage) for test, stage in runs)
        if spent > _ENOUGH * len(runs):
            return


def psnr(picture: Tensor, exact: Tensor) -> float:
    """PSNR of two pictures as they are shown, in dB; colours are clamped to -1..1."""
    error = float((picture.clamp(-1, 1) - exact.clamp(-1, 1)).square().mean())
    return 10 * math.log10(4 / error) if error else math.inf
