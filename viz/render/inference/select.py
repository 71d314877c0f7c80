"""Which way a generator's stages are computed."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from training.networks.generator import Generator
from training.networks.layers import resample_filter
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.inference.stage_interface import Stages
from viz.render.inference.stages import PreparedStages, ReferenceStages

log = logging.getLogger(__name__)


def open_stages(G: Generator, plan: Plan) -> Stages:
    """The stages of a generator in the way that a plan says."""
    if plan.reference:
        return ReferenceStages(G, plan)
    return _device_stages(G, plan) if G.device.type == "cuda" else PreparedStages(G, plan)


def _device_stages(G: Generator, plan: Plan) -> Stages:
    """The stages prepared for a GPU and tried out, or the networks where they do not run."""
    try:
        stages = DeviceStages(G, plan)
        with torch.inference_mode():
            average = G.backbone.mapping.w_avg
            stages.prepare(average.expand(1, G.config.num_ws, -1).contiguous())
    except Exception as error:  # drivers and libraries have many ways to fail
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        log.warning("The model could not be prepared for this GPU and runs as it is: %s", reason)
        return ReferenceStages(G, replace(plan, reference=True))
    return stages


def can_prepare(G: Generator) -> bool:
    """Whether the prepared stages compute what this generator does."""
    usual = resample_filter().to(G.device)
    return G.device.type in ("cpu", "cuda") and all(
        torch.allclose(buffer, usual)
        for name, buffer in G.named_buffers()
        if name.endswith("resample_filter")
    )
