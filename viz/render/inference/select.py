"""Selects the implementation of a generator's stages."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from training.networks.generator import Generator
from training.networks.layers import resample_filter
from training.reasons import first_line
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.inference.stage_interface import Stages
from viz.render.inference.stages import PreparedStages, ReferenceStages

log = logging.getLogger(__name__)


def open_stages(G: Generator, plan: Plan) -> Stages:
    """The stages of a generator for a plan."""
    try:
        return prepared(G, plan)
    except Exception as error:  # drivers and libraries have many ways to fail
        log.warning(
            "The model could not be optimized, so the plain one is used: %s", first_line(error)
        )
        return ReferenceStages(G, replace(plan, reference=True))


def prepared(G: Generator, plan: Plan) -> Stages:
    """The stages as `open_stages` gives them, but if they cannot be prepared the error is
    raised."""
    if plan.reference or G.device.type not in ("cpu", "cuda"):
        return ReferenceStages(G, plan)
    if G.device.type == "cpu":
        return PreparedStages(G, plan)
    return device_stages(G, plan)


def device_stages(G: Generator, plan: Plan) -> Stages:
    """The stages prepared for a GPU, after a trial run."""
    stages = DeviceStages(G, plan)
    with torch.inference_mode():
        stages.prepare(G.average_ws.contiguous())
    return stages


def can_prepare(G: Generator) -> bool:
    """Whether the prepared stages compute what this generator does."""
    usual = resample_filter().to(G.device)
    return G.device.type in ("cpu", "cuda") and all(
        torch.allclose(buffer, usual)
        for name, buffer in G.named_buffers()
        if name.endswith("resample_filter")
    )
