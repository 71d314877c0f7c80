"""A generator's stages: the reference networks on any device, and prepared ones for a CPU."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch
from torch import Tensor

from training import rendering
from training.camera import rays
from training.networks.generator import Generator, RawRender
from training.networks.layers import SynthesisLayer
from training.networks.superresolution import Superresolution
from viz.render.inference.cpu import int8, winograd
from viz.render.inference.cpu.background import wait_for
from viz.render.inference.cpu.cpu_layers import CpuBackend, CpuLayer, CpuToRGB
from viz.render.inference.cpu.int8 import Int8Superresolution
from viz.render.inference.cpu.rays import CompiledRays, compiled
from viz.render.inference.cpu.winograd import Transforms
from viz.render.inference.plan import Format, Plan
from viz.render.inference.radiance_field import PlaneField, Texels
from viz.render.inference.stage_interface import PEOPLE, Check, RadianceField, RaySettings
from viz.render.inference.synthesis import BackboneStage, BoundLayer, SuperresolutionStage


class ReferenceStages:
    """The reference networks, with convolutions under autocast."""

    compiling = convolutions_compiling = False

    def __init__(self, G: Generator, plan: Plan) -> None:
        self.G = G
        self._autocast = (G.device.type, plan.dtype)

    def prepare(self, ws: Tensor) -> None:
        """Does nothing, as the networks need no preparation."""

    def take_weights(self) -> None:
        """Does nothing, as the networks use the generator's weights themselves."""

    def _run(self, check: Check, compute: Callable[[], Tensor]) -> Tensor:
        hooks = [
            module.register_forward_pre_hook(lambda *_: check())
            for module in self.G.modules()
            if isinstance(module, SynthesisLayer)  # the longest work without a check of its own
        ]
        device, dtype = self._autocast
        exact = dtype == torch.float32  # not every device has autocast for float32
        try:
            with contextlib.nullcontext() if exact else torch.autocast(device, dtype):
                return compute().float()
        finally:
            for hook in hooks:
                hook.remove()

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> PlaneField:
        t = None if motion is None else motion.new_ones(1, 1)
        return PlaneField(self._run(check, lambda: self.G.planes(ws, motion, t)))

    def render(
        self, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
    ) -> RawRender:
        return render_by_networks(self.G, field, ws, settings, check)

    def prepare_int8(self, raw: RawRender, ws: Tensor, check: Check) -> bool:
        """Always False: the networks compute in floating point only."""
        return False

    def superresolve(
        self, raw: RawRender, ws: Tensor, check: Check, scale: float = 1.0, *, int8: bool = False
    ) -> Tensor:
        del int8
        module = self.G.superresolution
        if module is None or scale == 1:
            return self._run(check, lambda: self.G.superresolve(raw, ws))
        whole = seen_whole(raw.image, scale)
        return self._run(check, lambda: module(raw.features, raw.image, ws[:, -1], whole))


def render_by_networks(
    G: Generator, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
) -> RawRender:
    """The raw picture of any stages' field, by the reference networks."""
    return G.render(
        field.planes(),
        ws,
        settings.c,
        resolution=settings.resolution,
        depth_samples=settings.depth_samples,
        importance_samples=settings.importance_samples,
        ray_range=settings.ray_range,
        with_normals=settings.with_normals,
        on_chunk=check,
    )


def seen_whole(image: Tensor, scale: float) -> int:
    """Side of the raw picture of which the super-resolution is to regard this one as a crop, so
    that its output is smaller by a factor of `scale`."""
    return round(image.shape[-1] / scale)


T = TypeVar("T")


class _PersonCache:
    """Results for the most recently used ws."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, tuple[Tensor, Any]] = OrderedDict()

    def get(self, ws: Tensor, make: Callable[[], T]) -> T:
        """The result for a ws: the cached one for equal numbers, or else a new one."""
        for key, (known, value) in self._entries.items():
            if known is ws or torch.equal(known, ws):
                self._entries.move_to_end(key)
                return value
        value = make()
        self._entries[id(ws)] = ws, value
        while len(self._entries) > PEOPLE:
            self._entries.popitem(last=False)
        return value


class PreparedStages:
    """The stages prepared for a CPU. Weights are laid out when a stage first runs. Compiled
    functions cast rays; where compiling fails, the networks do.

    Args:
        G: with its trained weights, which must stay as they are.
        plan: number formats.
    """

    def __init__(self, G: Generator, plan: Plan) -> None:
        self.G, self.plan = G, plan
        self.take_weights()

    def take_weights(self) -> None:
        """See `Stages.take_weights`."""
        self._backbone: BackboneStage[CpuLayer | CpuToRGB] | None = None
        self._superresolution: SuperresolutionStage[CpuLayer | CpuToRGB] | None = None
        self._int8: Int8Superresolution | None = None
        self._people, self._pictures = _PersonCache(), _PersonCache()
        self._int8_people = _PersonCache()
        self._found_rays: Future[CompiledRays | None] | None = None
        self._found_transforms: dict[Format, Future[Transforms | None]] = {}

    @property
    def _rays(self) -> Future[CompiledRays | None]:
        if self._found_rays is None:
            self._found_rays = compiled(self.G.decoder)
        return self._found_rays

    @property
    def compiling(self) -> bool:
        """Whether the functions that cast rays are being compiled, or loaded from disk."""
        return not self._rays.done()

    @property
    def convolutions_compiling(self) -> bool:
        """Whether the functions that convolutions use are."""
        formats = self.plan.backbone, self.plan.superresolution
        return not all(self._transforms(name).done() for name in formats)

    def _transforms(self, name: Format) -> Future[Transforms | None]:
        """The compiled transforms for convolutions in a format."""
        if name not in self._found_transforms:
            self._found_transforms[name] = winograd.compiled(self.G, getattr(torch, name))
        return self._found_transforms[name]

    def _backend(self, name: Format, check: Check) -> CpuBackend:
        """The backend for a format; waits for functions that are still compiling."""
        return CpuBackend(getattr(torch, name), wait_for(self._transforms(name), check))

    def prepare(self, ws: Tensor) -> None:
        """Lays out all weights for a person, so that their first picture is not slow."""
        self._bind_backbone(ws, lambda: None)
        if self.G.superresolution is not None:
            self._bind_superresolution(self.G.superresolution, ws, lambda: None)

    def _bind_backbone(
        self, ws: Tensor, check: Check
    ) -> tuple[BackboneStage[CpuLayer | CpuToRGB], list[BoundLayer]]:
        if self._backbone is None:
            backend = self._backend(self.plan.backbone, check)
            self._backbone = BackboneStage(self.G.backbone.synthesis, backend)
        stage = self._backbone
        return stage, self._people.get(ws, lambda: list(stage.bind(stage.set(ws))))

    def _bind_superresolution(
        self, module: Superresolution, ws: Tensor, check: Check
    ) -> tuple[SuperresolutionStage[CpuLayer | CpuToRGB], list[BoundLayer]]:
        if self._superresolution is None:
            backend = self._backend(self.plan.superresolution, check)
            self._superresolution = SuperresolutionStage(module, backend)
        stage = self._superresolution
        return stage, self._pictures.get(ws[:, -1], lambda: list(stage.bind(stage.set(ws))))

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> Texels:
        backbone, layers = self._bind_backbone(ws, check)
        config = self.G.config
        image = backbone(layers, motion, check)
        planes = image.reshape(1, 3, config.plane_channels, *image.shape[2:])
        return Texels.of(planes, config.rendering.box_warp, torch.float32)

    def render(
        self, field: RadianceField, ws: Tensor, settings: RaySettings, check: Check
    ) -> RawRender:
        if not isinstance(field, Texels):
            raise TypeError("these stages render only fields that they made themselves")
        wait = settings.wait or not self.compiling
        fast = wait_for(self._rays, check) if wait else None
        if fast is None:
            return render_by_networks(self.G, field, ws, settings, check)
        side = settings.resolution
        origins, directions = rays(settings.c, side)
        fewer = rays(settings.c, (side + 1) // 2)[1][0] if settings.shared else None
        found = fast.cast(
            field,
            origins[0],
            directions[0],
            settings.ray_range,
            depth_samples=settings.shared or settings.depth_samples,
            importance_samples=settings.importance_samples,
            white_background=self.G.config.rendering.white_background,
            fewer=fewer,
            check=check,
        )
        normals = None
        if settings.with_normals:
            points = origins[0] + found.depth[:, None] * directions[0]
            normals = self._normals(fast, field, points, check)
        return found.raw_render(self.G, ws, side, normals)

    def _normals(self, fast: CompiledRays, texels: Texels, points: Tensor, check: Check) -> Tensor:
        """Unit vectors [P, 3] at world points [P, 3]."""
        step = self.G.config.rendering.box_warp / self.G.config.plane_resolution
        return rendering.normals(lambda at: fast.sigma(texels, at, check), points, step)

    def _int8_person(
        self, raw: RawRender, ws: Tensor, check: Check
    ) -> tuple[Int8Superresolution, list[BoundLayer]] | None:
        """The super-resolution in 8-bit integers and its layers for a person; None where it does
        not pay, or its functions are still compiling."""
        module = self.G.superresolution
        if module is None or not self.plan.int8_previews:
            return None
        if self._int8 is None:
            found = int8.compiled()
            passes = found.result() if found.done() else None
            if passes is None:
                return None
            self._int8 = Int8Superresolution(module, passes)
        stage = self._int8
        layers = self._int8_people.get(
            ws[:, -1], lambda: stage.person(ws, raw.features, raw.image, check)
        )
        return stage, layers

    def prepare_int8(self, raw: RawRender, ws: Tensor, check: Check) -> bool:
        return self._int8_person(raw, ws, check) is not None

    def superresolve(
        self, raw: RawRender, ws: Tensor, check: Check, scale: float = 1.0, *, int8: bool = False
    ) -> Tensor:
        module = self.G.superresolution
        if module is None:
            return raw.image
        small = self._int8_person(raw, ws, check) if int8 else None
        stage, layers = small or self._bind_superresolution(module, ws, check)
        return stage(layers, raw.features, raw.image, check, seen_whole(raw.image, scale))
