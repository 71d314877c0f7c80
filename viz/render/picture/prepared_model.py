"""A model made ready to render: its stages for each plan, and their cached results."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from training.camera import Camera
from training.networks.generator import Generator, RawRender
from viz.render.inference import calibration
from viz.render.inference.plan import Plan
from viz.render.inference.select import can_prepare, open_stages
from viz.render.inference.stage_interface import Stages
from viz.render.picture import depth_range
from viz.render.picture.stage_cache import StageCache
from viz.render.tuning import TunedGenerators, mix_of
from viz.state.types import Preview, Quality, Shot

MIN_RAW_RESOLUTION = 16
"""Smallest raw picture of a preview, pixels."""
_STAGE_BYTES = {
    "planes": 32 * 2**20,
    "render": 16 * 2**20,
    "superresolution": 16 * 2**20,
    "probe": 16 * 2**20,
    "backdrop": 16 * 2**20,
}
"""Memory for results that change while the clip plays or the camera turns. Only the latest of them
are of use, as the window caches finished pictures."""
_LEAST_ALONE = 8
"""Samples of a ray's second pass that suffice without a first one of its own."""
_LEAST_SHARED, _ENOUGH_SHARED = 12, 24
"""Samples of a first pass that rays share. Fewer than the first number miss surfaces: a ray next to
them would show a hole. Up to the second, which costs little, none is left out, or the second pass
ends up beside surfaces that rays meet at a slant."""
_SOLID = 0.5
"""Opacity above which a pixel's depth is shown unchanged."""
_IDLE_BYTES = 4 * 2**20
"""Memory for results of pictures rendered ahead, which must not displace those of the picture
shown."""
_GPU_FACTOR = 4
"""Factor on the stages' memory on a GPU, whose models are larger."""


@dataclass(frozen=True)
class SampleCounts:
    """Resolutions and sample counts that result from a quality and a preview."""

    resolution: int
    depth_samples: int
    importance_samples: int
    shared: int
    """Samples of a first pass that neighbouring rays may share; 0 lets none share."""
    superresolution: bool
    final_scale: float = 1.0
    """Factor on the side of the picture that the super-resolution makes."""
    int8: bool = False
    """Whether the super-resolution may compute in 8-bit integers."""


class PreparedModel:
    """One model with its prepared weights and caches.

    Args:
        G: the model.
        max_cache_bytes: memory for cached results.
        reference: whether only the reference networks work on this device.
    """

    def __init__(
        self, G: Generator, max_cache_bytes: int = 2**30, *, reference: bool = False
    ) -> None:
        self.G, self._reference = G, reference
        factor = 1 if G.device.type == "cpu" else _GPU_FACTOR
        limits = {stage: factor * size for stage, size in _STAGE_BYTES.items()}
        self.cache = StageCache(max_cache_bytes, limits)
        self.idle_cache = StageCache(_IDLE_BYTES)
        self.stage_runs: dict[str, int] = dict.fromkeys(
            ("mapping", "planes", "render", "superresolution", "backdrop", "mesh", "probe"), 0
        )
        """How often each stage was computed since the model was loaded."""
        self._stages: tuple[Plan, Stages] | None = None
        self._tuned = TunedGenerators(G)
        self._found: Plan | None = None

    @functools.cached_property
    def _can_prepare(self) -> bool:
        return can_prepare(self.G)

    def depth_range(
        self, camera: Camera, chosen: tuple[float, float] | None
    ) -> tuple[float, float]:
        """World distances at the two ends of the depth colours for a camera: the chosen ones, or
        the range over which it sees the surface; without a surface, the range of its rays."""
        if chosen is not None:
            return chosen
        options = self.G.config.rendering
        whole = camera.ray_range(options.ray_start, options.ray_end)
        return self._surface.distances(camera) or whole

    def depth_places(
        self,
        raw: RawRender,
        camera: Camera,
        chosen: tuple[float, float] | None,
        fades: bool = True,
    ) -> Tensor:
        """Each pixel's depth as a fraction of the depth range, 0..1 [h, w].

        With `fades`, pixels of low opacity go towards the far end, so that what is hardly visible
        in the picture does not stand out in the depth.
        """
        near, far = self.depth_range(camera, chosen)
        place = ((raw.depth[0, 0].float() - near) / max(far - near, 1e-6)).clamp(0, 1)
        if not fades:
            return place
        solid = (raw.opacity[0, 0].float() / _SOLID).clamp(max=1)
        return 1 - (1 - place) * solid

    @functools.cached_property
    def _surface(self) -> depth_range.SurfacePoints:
        return depth_range.find_surface(self.G)

    def side(self, quality: Quality) -> int:
        """Side of the final picture, pixels."""
        effort = self.effort(quality, None)
        return self.G.config.image_resolution if effort.superresolution else effort.resolution

    def effort(self, quality: Quality, preview: Preview | None) -> SampleCounts:
        """Resolutions and samples of a request: as trained unless chosen, fewer for a preview."""
        options = self.G.config.rendering
        resolution = quality.raw_resolution or options.raw_resolution
        depth = quality.depth_samples or options.depth_samples
        importance = quality.importance_samples
        importance = options.importance_samples if importance is None else importance
        final_scale, int8, shared = 1.0, False, 0
        if preview is not None:
            resolution = max(min(MIN_RAW_RESOLUTION, resolution), round(resolution * preview.scale))
            most, depth = depth, max(4, round(depth * preview.samples))
            importance = round(importance * preview.samples)
            enough = importance >= _LEAST_ALONE and most >= _LEAST_SHARED
            if preview.samples < 1 and enough and resolution >= MIN_RAW_RESOLUTION:
                shared = max(depth, min(most, _ENOUGH_SHARED))
            final_scale, int8 = preview.final_scale, preview.int8
        enlarges = quality.superresolution
        return SampleCounts(resolution, depth, importance, shared, enlarges, final_scale, int8)

    def plan(self, quality: Quality) -> Plan:
        """How pictures of a quality are computed: in its precision, or with "auto" as calibration
        found best."""
        name, kind = quality.precision, self.G.device.type
        if kind not in ("cpu", "cuda"):
            return Plan(reference=True)  # half formats are prepared for those two only
        if self._reference:
            return Plan.uniform("float32" if name == "auto" else name, reference=True)
        if name == "auto":
            if self._found is None:
                self._found = calibration.plan_for(self.G)
            return self._found
        if not self._can_prepare:
            return Plan.uniform(name, reference=True)
        if kind == "cuda":
            return Plan.on_gpu(name)
        # On a processor the prepared stages know the formats that it has units for.
        return Plan.uniform(name, reference=name == "float16")

    def dtype(self, quality: Quality) -> torch.dtype:
        """Number format of the convolutions."""
        return self.plan(quality).dtype

    def generator(self, shot: Shot, own: bool = False) -> Generator:
        """The model with the weights of a shot's people, for use at once.

        Args:
            shot: whose people may be tuned.
            own: whether it must not change, as for a job of many steps.
        """
        return self._tuned.generator(mix_of(shot.latent, self.G.config.num_ws), own)

    def stages(self, plan: Plan, shot: Shot | None = None) -> Stages:
        """The stages of the model, or of a shot's people, for a plan; weights prepared for another
        plan are dropped."""
        mix = () if shot is None else mix_of(shot.latent, self.G.config.num_ws)
        if mix:
            return self._tuned.stages(mix, plan)
        if self._stages is None or self._stages[0] != plan:
            self._stages = None
            self._stages = plan, open_stages(self.G, plan)
        return self._stages[1]
