"""Looking into a layer: its activation for a shot, as a picture."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from training.config import GeneratorConfig
from training.networks.backbone import SynthesisBlock
from training.networks.generator import Generator, RawRender, parameter_count
from training.networks.layers import SynthesisLayer, ToRGB
from viz.colors import ACTIVATION_LUT
from viz.errors import UserError
from viz.types import LayerInfo, Probe, ProbeResult, Shot

_KINDS: dict[type, str] = {SynthesisLayer: "convolution", ToRGB: "toRGB", SynthesisBlock: "block"}


class Stages(Protocol):
    """The stages that have layers with pictures."""

    def run_planes(self, shot: Shot) -> Tensor: ...
    def raw(self, shot: Shot) -> RawRender: ...
    def run_superresolution(self, shot: Shot) -> Tensor: ...


class _ReachedError(Exception):
    """Ends a stage once the layer looked for has run."""


def layers(config: GeneratorConfig) -> tuple[LayerInfo, ...]:
    """Layers with pictures in the order in which they run, with shapes, without computing any."""
    with torch.device("meta"):
        G = Generator(config).requires_grad_(False)
        found: list[LayerInfo] = []
        for name, module in G.named_modules():
            kind = _KINDS.get(type(module))
            if kind is None:
                continue

            def note(module, _, output, name=name, kind=kind):
                shape = tuple(_picture(output).shape[1:])
                found.append(LayerInfo(name, kind, shape, parameter_count(module)))

            module.register_forward_hook(note)
        ws = torch.empty(1, config.num_ws, config.w_dim)
        motion = torch.empty(1, config.motion_dim) if config.has_motion else None
        G.planes(ws, motion, torch.empty(1, 1))
        size = config.rendering.raw_resolution
        features = torch.empty(1, config.feature_channels, size, size)
        if G.to_img_raw is not None:
            G.to_img_raw(features, ws[:, 0])
        if G.superresolution is not None:
            G.superresolution(features, torch.empty(1, 3, size, size), ws[:, -1])
    return tuple(found)


def look(G: Generator, stages: Stages, shot: Shot, probe: Probe) -> ProbeResult:
    """The activation of a layer for a shot.

    Raises:
        UserError: when the model has no such layer, or it does not run for the shot.
    """
    activation = _activation(G, stages, shot, probe.layer).float()  # [C, h, w]
    shape = tuple(activation.shape)
    channel = min(probe.channel, shape[0] - 1)
    plane = activation.mean(dim=0) if channel < 0 else activation[channel]
    mean, std = plane.mean().item(), plane.std(correction=0).item()
    if probe.spectrum:
        power = torch.fft.fftshift(torch.fft.fft2(plane - plane.mean())).abs().square()
        plane = torch.log10(power + 1e-12)
    lo, hi = plane.min().item(), plane.max().item()
    place = (plane - lo) / max(hi - lo, 1e-12)
    index = (place * 255).round().clamp(0, 255).nan_to_num().to(torch.uint8).cpu().numpy()
    picture = np.ascontiguousarray(ACTIVATION_LUT[index])
    return ProbeResult(probe, picture, shape, lo, hi, mean, std)


def _activation(G: Generator, stages: Stages, shot: Shot, name: str) -> Tensor:
    modules = dict(G.named_modules())
    module = modules.get(name)
    if module is None or type(module) not in _KINDS:
        raise UserError(f"This model has no layer called {name}.")
    seen: list[Tensor] = []

    def keep(_, __, output):
        seen.append(_picture(output)[0])
        raise _ReachedError

    stage = stages.run_planes if name.startswith("backbone.") else stages.run_superresolution
    if name == "to_img_raw":
        return stages.raw(shot).image[0]  # the layer's output is the raw picture itself
    hook = module.register_forward_hook(keep)
    try:
        stage(shot)
    except _ReachedError:
        return seen[0]
    finally:
        hook.remove()
    raise UserError(f"The layer {name} does not run for this picture.")


def _picture(output: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The activation [1, C, h, w] of a layer; a block also returns its picture."""
    return output[0] if isinstance(output, tuple) else output
