"""A generator's stages on a GPU: prepared networks, a CUDA graph for each stage and shape, and rays
cast by Triton's kernels where they work.

Nothing here waits for the device, so that the CPU stays ahead of it. The stages run on a CPU as
well, without graphs, so that they can be compared with the networks of `training` anywhere.
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training import rendering
from training.camera import rays
from training.networks.generator import Generator, RawRender
from training.reasons import first_line
from viz.render.inference.gpu import kernel
from viz.render.inference.gpu.gpu_layers import GpuBackend, GpuLayer, GpuToRGB
from viz.render.inference.gpu.graphs import CapturedGraph, GraphPool
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import PreparedDecoder, Texels
from viz.render.inference.stage_interface import PEOPLE, Check, RadianceField, RaySettings, no_check
from viz.render.inference.stages import render_by_networks
from viz.render.inference.synthesis import BackboneStage, SuperresolutionStage

log = logging.getLogger(__name__)

_LARGEST = 6e4
"""Largest magnitude of planes in float16; larger ones are clamped."""


@dataclass(frozen=True)
class _Rays:
    """What a recording of the ray stage is specific to."""

    resolution: int
    depth_samples: int
    importance_samples: int
    with_normals: bool
    by_kernel: bool


class _Networks:
    """The functions that are recorded as CUDA graphs. Each takes a setting, which a recording is
    specific to, and tensors, whose values may change."""

    def __init__(self, G: Generator, plan: Plan, *, kernels: bool) -> None:
        self.G = G
        self.texels: torch.dtype = getattr(torch, plan.texels)
        backend = GpuBackend(getattr(torch, plan.backbone), kernels=kernels)
        self.backbone = BackboneStage(G.backbone.synthesis, backend)
        self.superresolution: SuperresolutionStage[GpuLayer | GpuToRGB] | None = None
        if G.superresolution is not None:
            backend = GpuBackend(getattr(torch, plan.superresolution), kernels=kernels)
            self.superresolution = SuperresolutionStage(G.superresolution, backend)
        self.decoder: PreparedDecoder | None = None
        if kernels:
            self.decoder = PreparedDecoder.of(G.decoder, getattr(torch, plan.rays))

    def set(self, setting: Hashable, ws: Tensor) -> tuple[Tensor, ...]:
        del setting
        backbone = self.backbone.set(ws)
        if self.superresolution is None:
            return (backbone,)
        return backbone, self.superresolution.set(ws)

    def planes(self, setting: Hashable, row: Tensor, *motion: Tensor) -> tuple[Tensor, ...]:
        del setting
        moved = motion[0] if motion else None
        image = self.backbone(self.backbone.bind(row), moved, no_check)
        planes = image.reshape(1, 3, self.G.config.plane_channels, *image.shape[2:])
        if self.texels == torch.float16:
            planes = planes.clamp(-_LARGEST, _LARGEST)
        return (Texels.of(planes, self.G.config.rendering.box_warp, self.texels).table,)

    def render(
        self, setting: _Rays, table: Tensor, ws: Tensor, c: Tensor, ray_range: Tensor
    ) -> tuple[Tensor, ...]:
        config = self.G.config
        texels = Texels(table, config.plane_resolution, config.rendering.box_warp)
        settings = RaySettings(
            c,
            ray_range,
            setting.resolution,
            setting.depth_samples,
            setting.importance_samples,
            setting.with_normals,
        )
        if setting.by_kernel:
            raw = self._cast(texels, ws, settings)
        else:
            raw = render_by_networks(self.G, texels, ws, settings, no_check)
        found = (raw.features, raw.image, raw.depth, raw.opacity)
        return found if raw.normals is None else (*found, raw.normals)

    def _cast(self, texels: Texels, ws: Tensor, settings: RaySettings) -> RawRender:
        options, side = self.G.config.rendering, settings.resolution
        assert self.decoder is not None
        origins, directions = rays(settings.c, side)
        found = kernel.cast(
            texels,
            self.decoder,
            origins[0],
            directions[0],
            settings.ray_range,
            depth_samples=settings.depth_samples,
            importance_samples=settings.importance_samples,
            white_background=options.white_background,
        )
        normals = None
        if settings.with_normals:
            planes = texels.planes()
            points = origins[:, None] + found.depth[None, :, None] * directions
            step = options.box_warp / self.G.config.plane_resolution
            normals = rendering.normals(lambda at: self.G.sample(planes, at)[0], points, step)[0]
        return found.raw_render(self.G, ws, side, normals)

    def superresolve(
        self, setting: Hashable, row: Tensor, features: Tensor, image: Tensor
    ) -> tuple[Tensor, ...]:
        del setting
        stage = self.superresolution
        assert stage is not None
        return (stage(stage.bind(row), features, image, no_check),)


class DeviceStages:
    """The stages prepared for a GPU; weights are laid out at once.

    Args:
        G: with its trained weights, which must stay as they are.
        plan: number formats.
        kernels: whether to use Triton's kernels; None to use them if they work.
        place: the memory pool of the recordings; None for one of their own.
    """

    compiling = convolutions_compiling = False

    def __init__(
        self,
        G: Generator,
        plan: Plan,
        *,
        kernels: bool | None = None,
        place: GraphPool | None = None,
    ) -> None:
        self.G, self.plan = G, plan
        self._place = place or GraphPool(G.device)
        self._lay_out(kernel.available(G.device) if kernels is None else kernels)

    def _lay_out(self, kernels: bool) -> None:
        place = self._place
        with place.entered():
            self._networks = _Networks(self.G, self.plan, kernels=kernels)
        self._kernels = self._by_kernel = kernels
        self._set = CapturedGraph(self._networks.set, place)
        self.planes_graph = CapturedGraph(self._networks.planes, place)
        self.render_graph = CapturedGraph(self._networks.render, place)
        self._superresolve = CapturedGraph(self._networks.superresolve, place)
        self.people: OrderedDict[int, tuple[Tensor, tuple[Tensor, ...]]] = OrderedDict()

    def take_weights(self) -> None:
        """See `Stages.take_weights`. Recordings read the weights at fixed addresses, so that they
        are overwritten in place."""
        self.people.clear()
        with self._place.entered():
            fresh = _Networks(self.G, self.plan, kernels=self._kernels)
            olds, news = [*_tensors(self._networks)], [*_tensors(fresh)]
            alike = [old.shape for old in olds] == [new.shape for new in news]
            for old, new in zip(olds, news, strict=True) if alike else ():
                old.copy_(new)
        if not alike:  # a layer has begun or ceased to add noise
            self._place.settle()
            self._lay_out(self._kernels)

    def _convolved(self, run: Callable[[], tuple[Tensor, ...]]) -> Tensor:
        """The result of a network of convolutions; if it fails with Triton's kernels, it runs again
        without them, now and from then on."""
        try:
            return run()[0]
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a compiler's or driver's, of any kind
            if not self._kernels:
                raise
            reason = first_line(error)
            log.warning("The networks run without Triton, more slowly: %s", reason)
            with contextlib.suppress(RuntimeError):  # the device may still report the failure
                self._place.settle()  # recordings that may still run are dropped
            self._lay_out(kernels=False)
            return run()[0]

    def prepare(self, ws: Tensor) -> None:
        """Runs all stages for a person as often as it takes to record them, so that their first
        picture of the usual size is not slow."""
        config, device = self.G.config, self.G.device
        motion = torch.zeros(1, config.motion_dim, device=device) if config.has_motion else None
        settings = RaySettings.trained(self.G)
        for _ in range(2):
            self.people.clear()
            raw = self.render(self.planes(ws, motion, no_check), ws, settings, no_check)
            self.superresolve(raw, ws, no_check)

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> Texels:
        check()
        moved = () if motion is None else (motion,)
        table = self._convolved(lambda: self.planes_graph(None, self._person(ws)[0], *moved))
        config = self.G.config
        return Texels(table, config.plane_resolution, config.rendering.box_warp)

    def render(
        self, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
    ) -> RawRender:
        if not isinstance(field, Texels):
            raise TypeError("these stages render only fields that they made themselves")
        check()
        found = None
        if self._fits(settings):
            try:
                found = self._rendered(field, ws, settings, by_kernel=True)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # a compiler's or driver's, of any kind
                reason = first_line(error)
                log.warning("Rays are cast without Triton, more slowly: %s", reason)
                self._by_kernel = False
        if found is None:
            found = self._rendered(field, ws, settings, by_kernel=False)
        features, image, depth, opacity, *normals = found
        return RawRender(features, image, depth, opacity, normals[0] if normals else None)

    def prepare_int8(self, raw: RawRender, ws: Tensor, check: Check) -> bool:
        """Always False: a GPU has faster formats."""
        return False

    def superresolve(
        self, raw: RawRender, ws: Tensor, check: Check, scale: float = 1.0, *, int8: bool = False
    ) -> Tensor:
        # Graphs are recorded for the full size, which takes a GPU only a few milliseconds.
        del int8, scale
        if self.G.superresolution is None:
            return raw.image
        check()
        return self._convolved(
            lambda: self._superresolve(None, self._person(ws)[1], raw.features, raw.image)
        )

    def _person(self, ws: Tensor) -> tuple[Tensor, ...]:
        """The networks' inputs for a person, cached for the most recent few. The tensor object
        identifies the person, as comparing numbers would wait for the GPU."""
        known = self.people.get(id(ws))
        if known is None or known[0] is not ws:
            known = self.people[id(ws)] = ws, self._set(None, ws)
        self.people.move_to_end(id(ws))
        while len(self.people) > PEOPLE:
            self.people.popitem(last=False)
        return known[1]

    def _fits(self, settings: RaySettings) -> bool:
        """Whether Triton's kernels can cast the rays."""
        decoder = self._networks.decoder
        return (
            self._by_kernel
            and decoder is not None
            and kernel.can_cast(decoder, settings.depth_samples, settings.importance_samples)
        )

    def _rendered(
        self, texels: Texels, ws: Tensor, settings: RaySettings, *, by_kernel: bool
    ) -> tuple[Tensor, ...]:
        setting = _Rays(
            settings.resolution,
            settings.depth_samples,
            settings.importance_samples,
            settings.with_normals,
            by_kernel,
        )
        return self.render_graph(setting, texels.table, ws, settings.c, settings.ray_range)


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors that prepared networks hold, always in the same order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif type(value).__module__.startswith(__name__.rpartition(".gpu.")[0]):
        for part in vars(value).values():
            yield from _tensors(part)
