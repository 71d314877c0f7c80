"""Probes a layer: shows its activation for a shot as a picture."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from training.networks.backbone import SynthesisBlock
from training.networks.generator import Generator, RawRender, parameter_count
from training.networks.layers import SynthesisLayer, ToRGB
from viz.state.errors import UserError
from viz.state.maps.colormaps import color_table
from viz.state.types import LayerInfo, Probe, ProbeResult, Shot

_KINDS: dict[type, str] = {SynthesisLayer: "convolution", ToRGB: "toRGB", SynthesisBlock: "block"}


class ProbedStages(Protocol):
    """The stages whose layers can be probed."""

    def run_planes(self, shot: Shot) -> Tensor: ...
    def raw(self, shot: Shot) -> RawRender: ...
    def run_superresolution(self, shot: Shot) -> Tensor: ...


class _ReachedError(Exception):
    """Ends a stage once the layer looked for has run."""


def layers(G: Generator) -> tuple[LayerInfo, ...]:
    """Layers that can be probed and their shapes, from the parameters: nothing is computed."""
    raw = G.config.rendering.raw_resolution
    found = []
    for name, module in G.named_modules():
        if isinstance(module, SynthesisBlock):
            channels, size = module.conv1.bias.shape[0], module.conv1.noise_const.shape[0]
        elif isinstance(module, SynthesisLayer):
            channels, size = module.bias.shape[0], module.noise_const.shape[0]
        elif isinstance(module, ToRGB):
            block = G.get_submodule(name.rpartition(".")[0])
            is_block = isinstance(block, SynthesisBlock)
            channels = module.bias.shape[0]
            size = block.conv1.noise_const.shape[0] if is_block else raw
        else:
            continue
        shape, kind = (channels, size, size), _KINDS[type(module)]
        found.append(LayerInfo(name, kind, shape, parameter_count(module)))
    return tuple(found)


def sees_camera(layer: str) -> bool:
    """Whether a layer's activation depends on the camera."""
    return not layer.startswith("backbone.")


def look(activation: Tensor, probe: Probe) -> ProbeResult:
    """A channel of an activation [C, h, w] as a picture, or its spectrum."""
    activation = activation.float()
    shape = tuple(activation.shape)
    channel = min(probe.channel, shape[0] - 1)
    plane = activation.mean(dim=0) if channel < 0 else activation[channel]
    mean, std = plane.mean().item(), plane.std(correction=0).item()
    if probe.spectrum:
        power = torch.fft.fftshift(torch.fft.fft2(plane - plane.mean())).abs().square()
        plane = torch.log10(power + 1e-12)
    least, most = plane.min().item(), plane.max().item()
    lo, hi = probe.range or probe.held or (least, most)
    place = (plane - lo) / max(hi - lo, 1e-12)
    index = (place * 255).round().clamp(0, 255).nan_to_num().to(torch.uint8).cpu().numpy()
    picture = np.ascontiguousarray(color_table(probe.colors)[index])
    return ProbeResult(probe, picture, shape, lo, hi, least, most, mean, std)


def activation(G: Generator, stages: ProbedStages, shot: Shot, name: str) -> Tensor:
    """A layer's activation for a shot [C, h, w].

    Raises:
        UserError: when the model has no such layer, or it does not run for the shot.
    """
    modules = dict(G.named_modules())
    module = modules.get(name)
    if module is None or type(module) not in _KINDS:
        raise UserError(f"This model has no layer called {name}.")
    seen: list[Tensor] = []

    def keep(_, __, output):
        # A block also returns its picture.
        seen.append((output[0] if isinstance(output, tuple) else output)[0])
        raise _ReachedError

    stage = stages.run_superresolution if sees_camera(name) else stages.run_planes
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
