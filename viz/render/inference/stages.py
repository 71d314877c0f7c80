"""A generator's stages for pictures: the one way by which the renderer computes them."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from training import rendering
from training.camera import rays
from training.networks.generator import Generator, RawRender
from training.networks.layers import SynthesisLayer, resample_filter
from training.networks.superresolution import Superresolution
from viz.render.inference.plan import Plan
from viz.render.inference.radiance_field import Head, Scene, Texels
from viz.render.inference.rays import Thrift, cast
from viz.render.inference.synthesis import BackboneStage, SetBlock, SuperresolutionStage

log = logging.getLogger(__name__)

PEOPLE = 3
"""People whose modulated weights are kept: two in before / after, and one more."""

Check = Callable[[], None]


class Moment(Protocol):
    """A person at a time in the clip, as a field of density and colour features."""

    @property
    def nbytes(self) -> int: ...

    def planes(self) -> Tensor:
        """Tri-planes float32 [1, 3, C, H, W] that sample to the same features."""
        ...

    def sample(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Sigma [1, P] and colour features [1, P, C] at world points [1, P, 3]."""
        ...


@dataclass(frozen=True)
class Look:
    """What a raw picture shows and how finely."""

    c: Tensor
    """Camera [1, 25]."""
    ray_range: Tensor
    """Start and end of the rays, world units [1, 2]."""
    resolution: int
    depth_samples: int
    importance_samples: int
    with_normals: bool = False


class Stages(Protocol):
    """What `viz.render.renderer` asks for; one person at a time."""

    def prepare(self, ws: Tensor) -> None:
        """Does for a person what would make pictures of them take longer at first."""
        ...

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> Moment:
        """ws [1, num_ws, w_dim] and z_motion * t [1, motion_dim] (None for a still model)."""
        ...

    def render(self, moment: Moment, ws: Tensor, look: Look, check: Check) -> RawRender: ...

    def superresolve(self, raw: RawRender, ws: Tensor, check: Check) -> Tensor:
        """Final picture [1, 3, H, W], about -1 to 1."""
        ...


def open_stages(G: Generator, plan: Plan) -> Stages:
    """The stages of a generator in the way that a plan says."""
    if plan.reference:
        return ReferenceStages(G, plan)
    return _device_stages(G, plan) if G.device.type == "cuda" else PreparedStages(G, plan)


def _device_stages(G: Generator, plan: Plan) -> Stages:
    """The stages prepared for a GPU and tried out, or the networks where they do not run."""
    from viz.render.inference.gpu.device_stages import DeviceStages

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


@dataclass(frozen=True)
class PlaneMoment:
    """A moment as the reference has it."""

    G: Generator
    tensor: Tensor

    @property
    def nbytes(self) -> int:
        return self.tensor.nbytes

    def planes(self) -> Tensor:
        return self.tensor

    def sample(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.G.sample(self.tensor, points)


class ReferenceStages:
    """The networks as they are, convolutions under autocast."""

    def __init__(self, G: Generator, plan: Plan) -> None:
        self.G = G
        self._autocast = (G.device.type, plan.dtype)

    def prepare(self, ws: Tensor) -> None:
        """There is nothing to prepare."""

    def _run(self, check: Check, compute: Callable[[], Tensor]) -> Tensor:
        hooks = [
            module.register_forward_pre_hook(lambda *_: check())
            for module in self.G.modules()
            if isinstance(module, SynthesisLayer)  # the longest work without an own checkpoint
        ]
        device, dtype = self._autocast
        try:
            with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                return compute().float()
        finally:
            for hook in hooks:
                hook.remove()

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> PlaneMoment:
        t = None if motion is None else motion.new_ones(1, 1)
        return PlaneMoment(self.G, self._run(check, lambda: self.G.planes(ws, motion, t)))

    def render(self, moment: Moment, ws: Tensor, look: Look, check: Check) -> RawRender:
        return self.G.render(
            moment.planes(),
            ws,
            look.c,
            resolution=look.resolution,
            depth_samples=look.depth_samples,
            importance_samples=look.importance_samples,
            ray_range=look.ray_range,
            with_normals=look.with_normals,
            on_chunk=check,
        )

    def superresolve(self, raw: RawRender, ws: Tensor, check: Check) -> Tensor:
        return self._run(check, lambda: self.G.superresolve(raw, ws))


T = TypeVar("T")


class _Kept:
    """Results for the latest few ws."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, tuple[Tensor, Any]] = OrderedDict()

    def get(self, ws: Tensor, make: Callable[[], T]) -> T:
        """The result for a ws: kept where the very same numbers came before."""
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
    """The stages prepared for a processor. Weights are laid out when a stage first runs.

    Args:
        G: with its trained weights, which must stay as they are.
        plan: number formats.
        thrift: what rays may leave out.
    """

    def __init__(self, G: Generator, plan: Plan, thrift: Thrift | None = None) -> None:
        self.G, self.plan = G, plan
        self.thrift = Thrift() if thrift is None else thrift
        self._backbone: BackboneStage | None = None
        self._superresolution: SuperresolutionStage | None = None
        self._head: Head | None = None
        self._people, self._pictures = _Kept(), _Kept()

    def prepare(self, ws: Tensor) -> None:
        """Lays out all weights for a person, so that pictures of them take no longer at first."""
        self._set_backbone(ws)
        if self.G.superresolution is not None:
            self._set_superresolution(self.G.superresolution, ws)

    def _set_backbone(self, ws: Tensor) -> tuple[BackboneStage, Head, list[SetBlock]]:
        if self._backbone is None:
            dtype = getattr(torch, self.plan.backbone)
            self._backbone = BackboneStage(self.G.backbone.synthesis, dtype)
        if self._head is None:
            self._head = Head(self.G.decoder, getattr(torch, self.plan.rays))
        backbone = self._backbone
        return backbone, self._head, self._people.get(ws, lambda: backbone.set(ws))

    def _set_superresolution(
        self, module: Superresolution, ws: Tensor
    ) -> tuple[SuperresolutionStage, list[SetBlock]]:
        if self._superresolution is None:
            dtype = getattr(torch, self.plan.superresolution)
            self._superresolution = SuperresolutionStage(module, dtype)
        stage, w = self._superresolution, ws[:, -1]
        return stage, self._pictures.get(w, lambda: stage.set(w))

    def planes(self, ws: Tensor, motion: Tensor | None, check: Check) -> Scene:
        backbone, head, parts = self._set_backbone(ws)
        config = self.G.config
        image = backbone(parts, motion, check)
        planes = image.reshape(1, 3, config.plane_channels, *image.shape[2:])
        box = config.rendering.box_warp
        texels = Texels.of(planes, box, getattr(torch, self.plan.texels))
        return Scene(texels, head)

    def render(self, moment: Moment, ws: Tensor, look: Look, check: Check) -> RawRender:
        if not isinstance(moment, Scene):
            raise TypeError("these stages render the moments that they made")
        side = look.resolution
        origins, directions = rays(look.c, side)
        found = cast(
            moment,
            origins[0],
            directions[0],
            look.ray_range,
            depth_samples=look.depth_samples,
            importance_samples=look.importance_samples,
            white_background=self.G.config.rendering.white_background,
            thrift=self.thrift,
            check=check,
        )
        features = found.features.t().reshape(1, -1, side, side).contiguous()
        normals = None
        if look.with_normals:
            check()
            normals = self._normals(moment, origins, directions, found.depth)
            normals = normals[0].t().reshape(1, 3, side, side)
        return RawRender(
            features=features,
            image=self.G.raw_image(features, ws),
            depth=found.depth.reshape(1, 1, side, side),
            opacity=found.opacity.reshape(1, 1, side, side),
            normals=normals,
        )

    def _normals(self, scene: Scene, origins: Tensor, directions: Tensor, depth: Tensor) -> Tensor:
        points = origins[:, None] + depth[None, :, None] * directions
        step = self.G.config.rendering.box_warp / self.G.config.plane_resolution
        return rendering.normals(scene.sigma, points, step)

    def superresolve(self, raw: RawRender, ws: Tensor, check: Check) -> Tensor:
        module = self.G.superresolution
        if module is None:
            return raw.image
        stage, parts = self._set_superresolution(module, ws)
        return stage(parts, raw.features, raw.image, check)
