"""Finds the fastest plan that keeps the picture, by measuring; once per machine and model.

A half format is taken for a stage where it saves a noticeable time and a test picture stays close
to that of float32. The finding is kept in the user's cache folder, so that each start, with a
window or without one, takes the same way and gives the same pixels.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import platformdirs
import torch
from torch import Tensor

from training.camera import FRONTAL
from training.networks import generator as networks
from viz.inference.convolutions import can_fuse
from viz.inference.plan import Format, Plan
from viz.inference.stages import Look, PreparedStages, can_prepare

log = logging.getLogger(__name__)

T = TypeVar("T")

Steps = Generator[tuple[str, float], None, Plan]
"""Yields what is being done and the share that is done."""

_VERSION = 1
"""Part of the name of what is kept: raise it where the stages change."""
_LEAST_GAIN = 1.15
"""How many times as fast a half format must be."""
_LEAST_SAVING = 0.004
"""Seconds that it must save in a picture: below, exactness is worth more."""
_LEAST_PSNR = 45.0
"""Closeness of its test picture to float32's, dB."""
_ENOUGH, _MOST_RUNS = 0.1, 6
"""Seconds of measuring after which a stage's time is known, and most runs that take less."""
_RAYS = 32
"""Side of the test picture's raw picture, pixels."""

_found: dict[str, Plan] = {}
"""Plans by key, for the rest of this process."""


def plan_for(G: networks.Generator) -> Plan:
    """The plan of a model on this machine, measured where it is not known; waits for it."""
    steps = find(G)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def find(G: networks.Generator) -> Steps:
    """Steps of finding the plan of a model on this machine; nothing to do where it is known."""
    if not can_prepare(G):
        on_gpu = G.device.type == "cuda"
        return Plan.uniform("bfloat16" if on_gpu else "float32", reference=True)
    key = _key(G)
    plan = _found.get(key) or _read(_path(key), key)
    if plan is None:
        plan = yield from _measure(G)
        plan = _publish(_path(key), key, plan)
    _found[key] = plan
    return plan


# What is kept -------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What the speed of this machine depends on. Not the number of threads, which differs between
    the window and a rank of many: both shall give the same pixels."""
    return {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": str(os.cpu_count()),
        "torch": torch.__version__,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _key(G: networks.Generator) -> str:
    """Everything that the plan depends on, as text."""
    known = {"version": _VERSION, "machine": machine(), "model": G.config.to_dict()}
    return json.dumps(known, sort_keys=True)


def _path(key: str) -> Path:
    folder = platformdirs.user_cache_path("pv3d-visualizer", appauthor=False) / "calibration"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _read(path: Path, key: str) -> Plan | None:
    """The plan kept in a file; None where there is none for this key, or the file is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["key"] != key:
            return None
        plan = Plan(**data["plan"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usual = [Plan.of(*pair) for pair in itertools.product(("float32", "bfloat16"), repeat=2)]
    return plan if plan in usual else None


def _publish(path: Path, key: str, plan: Plan) -> Plan:
    """Keeps a plan, unless another process was first: then that one's counts."""
    text = json.dumps({"key": key, "plan": asdict(plan)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(text)
        try:
            os.link(file.name, path)  # fails where another has one
            return plan
        except OSError:
            other = _read(path, key)
            if other is None:  # damaged, or a file system without links
                Path(file.name).replace(path)
            return other or plan
        finally:
            Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        log.info("The calibration cannot be kept: %s", error)
    return plan


# Measuring ----------------------------------------------------------------------------------------


def _measure(G: networks.Generator) -> Steps:
    if not can_fuse(G.device, torch.bfloat16):
        return Plan()  # there is nothing to choose from
    yield "Measuring this machine", 0.0
    exact = _Test(G, "float32")
    exact.run()
    yield "Measuring this machine", 0.5
    half = _Test(G, "bfloat16")
    half.run()
    chosen: dict[str, Format] = {}
    for stage in ("backbone", "superresolution"):
        full, short = exact.seconds.get(stage, 0.0), half.seconds.get(stage, 0.0)
        gains = full > _LEAST_GAIN * short and full - short > _LEAST_SAVING
        close = psnr(half.pictures[stage], exact.pictures[stage]) >= _LEAST_PSNR
        chosen[stage] = "bfloat16" if gains and close else "float32"
        log.info("%s: %.1f ms, %.1f ms in bfloat16", stage, 1000 * full, 1000 * short)
    yield "Measuring this machine", 1.0
    return Plan.of(chosen["backbone"], chosen["superresolution"])


class _Test:
    """A test picture of one person in one format, and the seconds of its stages."""

    def __init__(self, G: networks.Generator, name: Format) -> None:
        self.G = G
        self.stages = PreparedStages(G, Plan.uniform(name))
        self.seconds: dict[str, float] = {}
        self.pictures: dict[str, Tensor] = {}

    @torch.inference_mode()
    def run(self) -> None:
        G, stages, options = self.G, self.stages, self.G.config.rendering
        draws = torch.Generator().manual_seed(0)
        z = torch.randn(1, G.config.z_dim, generator=draws)
        ws = G.mapping(z, truncation_psi=0.7)
        motion = None
        if G.config.has_motion:
            motion = 0.5 * torch.randn(1, G.config.motion_dim, generator=draws)
        stages.prepare(ws)
        moment = self._timed("backbone", lambda: stages.planes(ws, motion, _nothing))
        look = Look(
            torch.from_numpy(FRONTAL.numbers())[None],
            torch.tensor([[options.ray_start, options.ray_end]]),
            min(_RAYS, options.raw_resolution),
            options.depth_samples,
            options.importance_samples,
        )
        raw = stages.render(moment, ws, look, _nothing)
        self.pictures["backbone"] = raw.image
        image = self._timed("superresolution", lambda: stages.superresolve(raw, ws, _nothing))
        self.pictures["superresolution"] = image

    def _timed(self, stage: str, run: Callable[[], T]) -> T:
        """Runs once, or the quicker the oftener, and keeps the least time: the first run also
        makes the programs that later ones use, and others have their share of the machine."""
        seconds, spent = [], 0.0
        while True:
            start = time.perf_counter()
            result = run()
            seconds.append(time.perf_counter() - start)
            spent += seconds[-1]
            if spent > _ENOUGH or len(seconds) == _MOST_RUNS:
                self.seconds[stage] = min(seconds)
                return result


def psnr(picture: Tensor, exact: Tensor) -> float:
    """Closeness of two pictures as they are shown, in dB: colours reach from -1 to 1."""
    error = float((picture.clamp(-1, 1) - exact.clamp(-1, 1)).square().mean())
    return 10 * math.log10(4 / error) if error else math.inf


def _nothing() -> None:
    """Checks nothing."""
