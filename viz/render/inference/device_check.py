"""Checks that a device renders what the CPU does: one small picture of each model, when it is first
loaded there.

Nobody has tried every GPU, driver and version of PyTorch. So a GPU is used only as far as it proves
correct: with the prepared stages, else with the reference networks, else the CPU is used.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import platform
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from training.checkpoint import mark_of
from training.networks import generator as networks
from training.reasons import first_line
from training.user_folders import user_folder
from viz.render.inference import calibration, format_trials, kept_plans
from viz.render.inference.plan import Format, Plan
from viz.render.inference.select import can_prepare, prepared
from viz.render.inference.stage_interface import RaySettings, Stages, no_check
from viz.render.inference.stages import ReferenceStages

log = logging.getLogger(__name__)

_VERSION = 1
"""Part of the cache file's name: raise it when the stages or the check change."""
_SIDE, _SAMPLES = 32, 12
"""Largest side of the raw check picture, pixels, and most samples of each pass."""
_LEAST_PSNR: dict[Format, float] = {"float32": 55.0, "float16": 38.0, "bfloat16": 33.0}
"""Lowest PSNR against the CPU's picture, dB: the loss from rounding in each format, and some
margin."""
_RUNS = 3
"""A CUDA graph is warmed up, recorded and only then replayed."""


@dataclass(frozen=True)
class PlacedModel:
    """A model on the device that it renders on."""

    G: networks.Generator
    reference: bool = False
    """Whether only the reference networks may be used."""
    notes: tuple[str, ...] = ()
    """What the user should know about it, one sentence each."""


Steps = Generator[tuple[str, float], None, PlacedModel]
"""Yields what is being done and the fraction done."""


def place(G: networks.Generator, device: torch.device, *, remember: bool = True) -> Steps:
    """Steps of bringing a model from the processor to a device, calibrated and checked there.

    Args:
        G: the model on the processor.
        device: where it is to render.
        remember: whether a model that passed before is trusted, and one that passes is recorded.

    Returns:
        the model where it renders correctly: on the device, or on the CPU.

    Raises:
        torch.OutOfMemoryError: when the device has too little memory.
    """
    if device.type == "cpu":
        yield from calibration.find(G)
        return PlacedModel(G)
    try:
        with torch.inference_mode(False):  # as the model itself was made
            moved = copy.deepcopy(G).to(device)
        placed = yield from choose(moved, G, remember=remember)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # drivers and libraries have many ways to fail
        placed = PlacedModel(G, notes=(_on_processor(device, f"fail ({first_line(error)})"),))
    for note in placed.notes:
        log.warning("%s", note)
    if placed.G is G:
        yield from calibration.find(G)
    return placed


def choose(moved: networks.Generator, G: networks.Generator, *, remember: bool = True) -> Steps:
    """Steps of finding the fastest way on a device that gives the CPU's picture.

    Args:
        moved: the model on the device.
        G: the same on the processor; used if no way on the device is correct.
        remember: as `place`.
    """
    plan, trouble = Plan(reference=True), ""
    try:
        plan = yield from calibration.find(moved)
        if plan.reference and can_prepare(moved):  # calibration has seen them
            trouble = "do not give the right picture"
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        trouble = f"fail ({first_line(error)})"
    mark = _mark(moved, plan)
    if remember and not trouble and mark.exists():
        return PlacedModel(moved)
    yield "Checking the device's pictures", 0.95
    with torch.inference_mode():
        exact = check_pictures(ReferenceStages(G, Plan(reference=True)), G)
    name = device_words(moved.device)
    if not trouble:
        trouble = _trouble(moved, plan, exact)
        if not trouble:
            if remember:
                _keep(mark)
            return PlacedModel(moved)
    # The reference networks may fail in half formats, too: float32 is the safest.
    if plain := _trouble(moved, Plan(reference=True), exact):
        return PlacedModel(G, notes=(_on_processor(moved.device, plain),))
    note = f"On {name} the fast networks {trouble}: the plain ones are used, which are slower."
    return PlacedModel(moved, reference=True, notes=(note,))


def _trouble(G: networks.Generator, plan: Plan, exact: list[Tensor]) -> str:
    """What is wrong with a plan's pictures, as the end of a sentence; empty if they are correct."""
    try:
        with torch.inference_mode():
            stages = prepared(G, plan)
            pictures = [check_pictures(stages, G) for _ in range(_RUNS)][-1]
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # drivers and libraries have many ways to fail
        return f"fail ({first_line(error)})"
    formats: set[Format] = {plan.backbone, plan.rays, plan.superresolution}
    least = min(_LEAST_PSNR[name] for name in formats)
    found = [format_trials.psnr(*pair) for pair in zip(pictures, exact, strict=True)]
    log.info("Check of %s with %s: %s dB", G.device, plan, [round(x) for x in found if x < 1e3])
    # Written so that what is not a number fails, too.
    return "" if all(x >= least for x in found) else "give a wrong picture"


def check_pictures(stages: Stages, G: networks.Generator) -> list[Tensor]:
    """The raw picture, its opacity as -1 to 1, and the final picture of the average person with
    some motion, float32 on the processor."""
    config, options, device = G.config, G.config.rendering, G.device
    ws = G.average_ws.contiguous()
    motion = None
    if config.has_motion:
        draws = torch.Generator().manual_seed(0)
        motion = 0.5 * torch.randn(1, config.motion_dim, generator=draws).to(device)
    settings = replace(
        RaySettings.trained(G),
        resolution=min(_SIDE, options.raw_resolution),
        depth_samples=min(_SAMPLES, options.depth_samples),
        importance_samples=min(_SAMPLES, options.importance_samples),
    )
    raw = stages.render(stages.planes(ws, motion, no_check), ws, settings, no_check)
    image = stages.superresolve(raw, ws, no_check)
    return [x.float().cpu() for x in (raw.image, 2 * raw.opacity - 1, image)]


def device_words(device: torch.device) -> str:
    """A device's name for display."""
    if device.type == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    return "this Mac's GPU" if device.type == "mps" else f"the device {device}"


def _on_processor(device: torch.device, trouble: str) -> str:
    return f"On {device_words(device)} the networks {trouble}: the CPU is used, which is slower."


def _mark(G: networks.Generator, plan: Plan) -> Path:
    """The marker file that records that a model passed the check on this device with a plan."""
    if G.device.type == "cuda":
        found = kept_plans.gpu(G.device) | {"cuda": str(torch.version.cuda)}
    else:
        found = {"device": str(G.device), "system": platform.platform(), "torch": torch.__version__}
    known = [_VERSION, found, asdict(plan), G.config.to_dict(), mark_of(G)]
    name = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]
    return user_folder("cache") / "device_check" / name


def _keep(mark: Path) -> None:
    with contextlib.suppress(OSError):  # then the next load checks again
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
