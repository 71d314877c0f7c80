"""Renders a `RenderRequest` to a `RenderResult`, caching each stage's results by their inputs.

An orbit reuses planes, a scrub reuses ws, without any explicit invalidation.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.camera import Camera
from training.networks.generator import Generator, RawRender
from training.reasons import first_line
from viz.render import depth_range, geometry, latents, layer_probe
from viz.render.inference import calibration
from viz.render.inference.plan import Plan
from viz.render.inference.select import can_prepare, open_stages
from viz.render.inference.stage_interface import RadianceField, RaySettings, Stages
from viz.render.inference.stages import ReferenceStages
from viz.render.stage_cache import StageCache
from viz.render.tuning import TunedGenerators, mix_of
from viz.state.animation.blending import people
from viz.state.colormaps import DEPTH_LUT
from viz.state.errors import UserError
from viz.state.files import file_stamp
from viz.state.types import (
    MeshData,
    PixelValues,
    Preview,
    Quality,
    RenderRequest,
    RenderResult,
    Shot,
)

log = logging.getLogger(__name__)

MIN_RAW_RESOLUTION = 16
"""Smallest raw picture of a preview, pixels."""
PREVIEW_MESH_RESOLUTION = 96
"""Most points along each side of a preview's mesh grid."""
_STAGE_BYTES = {
    "planes": 32 * 2**20,
    "render": 16 * 2**20,
    "superresolution": 16 * 2**20,
    "probe": 16 * 2**20,
}
"""Memory for results that change while the clip plays or the camera turns. Finished pictures are
cached on the window's side, so that only the latest of these are of use."""
_SOLID = 0.5
"""Opacity above which a pixel's depth is shown unchanged."""
_IDLE_BYTES = 4 * 2**20
"""Memory for results of pictures that are rendered in idle time: those of the shown picture must
not make room for them."""
_GPU_FACTOR = 4
"""Factor on that memory on a GPU, whose models are larger."""


@dataclass(frozen=True)
class SampleCounts:
    """Resolutions and sample counts that result from a quality and a preview."""

    resolution: int
    depth_samples: int
    importance_samples: int
    superresolution: bool
    final_scale: float = 1.0
    """Factor on the side of the picture that the super-resolution makes."""


class StageClock:
    """Milliseconds by stage; on CUDA measured by events, so that measuring does not wait for the
    GPU."""

    def __init__(self, device: torch.device) -> None:
        self._cuda, self._mps = device.type == "cuda", device.type == "mps"
        self._spans: list[tuple[str, str | None, Any, Any]] = []
        self._open: list[str] = []

    def _now(self) -> Any:
        if self._mps:
            torch.mps.synchronize()
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        outer = self._open[-1] if self._open else None
        self._open.append(name)
        start = self._now()
        try:
            yield
        finally:
            self._spans.append((name, outer, start, self._now()))
            self._open.pop()

    def milliseconds(self) -> dict[str, float]:
        """Totals by stage, each without its nested stages; waits for the last one to end."""
        if self._cuda and self._spans:
            self._spans[-1][3].synchronize()
        totals: dict[str, float] = {}
        for name, outer, start, end in self._spans:
            spent = start.elapsed_time(end) if self._cuda else (end - start) * 1000
            totals[name] = totals.get(name, 0.0) + spent
            if outer is not None:
                totals[outer] = totals.get(outer, 0.0) - spent
        return totals


class Renderer:
    """Renders shots of one model. Used from one thread, in inference mode.

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
        self._idle_cache = StageCache(_IDLE_BYTES)
        self.stage_runs: dict[str, int] = dict.fromkeys(
            ("mapping", "planes", "render", "superresolution", "mesh", "probe"), 0
        )
        """How often each stage was computed since the model was loaded."""
        self._stages: tuple[Plan, Stages] | None = None
        self._tuned = TunedGenerators(G)
        self._found: Plan | None = None

    @functools.cached_property
    def _can_prepare(self) -> bool:
        return can_prepare(self.G)

    def render(
        self,
        request: RenderRequest,
        check: Callable[[], None] = lambda: None,
        *,
        idle: bool = False,
    ) -> RenderResult:
        """Answers a request.

        Args:
            request: what to show.
            check: called between parts of the work; an exception from it abandons the request.
            idle: whether the picture is for later, and will not be shown as it is.

        Raises:
            UserError: when the request cannot be met.
        """
        start = time.perf_counter()
        job = _Job(self, request, check, idle)
        probe, values = None, ()
        with job.cache.request():
            pictures = tuple(job.picture(shot) for shot in request.shots)
            meshes = tuple(job.mesh(shot) for shot in request.shots)
            if request.values:
                values = tuple(job.values(shot) for shot in request.shots)
            if request.probe is not None:
                with job.clock.stage("probe"):
                    activation = job.activation(request.shots[0], request.probe.layer)
                    probe = layer_probe.look(activation, request.probe)
        stage_ms = job.clock.milliseconds()
        return RenderResult(
            request,
            pictures,
            meshes,
            tuple(dict.fromkeys(job.problems)),
            tuple(job.depth_range(shot) for shot in request.shots),
            probe,
            values,
            stage_ms,
            (time.perf_counter() - start) * 1000,
            job.plan.precision,
        )

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
    def _surface(self) -> depth_range.Surface:
        return depth_range.find_surface(self.G)

    def raw(self, shot: Shot, quality: Quality, with_normals: bool = False) -> RawRender:
        """The volume-rendered output of a shot at full quality, before it is turned into
        colours."""
        view = "normals" if with_normals else "raw"
        request = RenderRequest((replace(shot, view=view),), quality)
        return _Job(self, request, lambda: None).raw(request.shots[0])

    def image(self, shot: Shot, quality: Quality) -> Tensor:
        """The final picture of a shot at full quality, [1, 3, H, W], about -1 to 1."""
        return _Job(self, RenderRequest((shot,), quality), lambda: None).image(shot)

    def mesh(self, shot: Shot, quality: Quality) -> MeshData:
        """The surface of a shot at full quality.

        Raises:
            UserError: when there is none at the density level.
        """
        job = _Job(self, RenderRequest((replace(shot, view="mesh"),), quality), lambda: None)
        mesh = job.mesh(job.request.shots[0])
        if mesh is None:
            raise UserError(job.problems[0])
        return mesh

    def side(self, quality: Quality) -> int:
        """Side of the final picture, pixels."""
        effort = self.effort(quality, None)
        return self.G.config.image_resolution if effort.superresolution else effort.resolution

    def planes(self, shot: Shot, quality: Quality) -> Tensor:
        """Planes [1, 3, C, P, P] of a shot."""
        return _Job(self, RenderRequest((shot,), quality), lambda: None).planes(shot)

    def ws(self, shot: Shot) -> Tensor:
        """ws [1, num_ws, w_dim] of a shot."""
        return _Job(self, RenderRequest((shot,)), lambda: None).ws(shot)

    def effort(self, quality: Quality, preview: Preview | None) -> SampleCounts:
        """Resolutions and samples of a request: as trained unless chosen, fewer for a preview."""
        options = self.G.config.rendering
        resolution = quality.raw_resolution or options.raw_resolution
        depth = quality.depth_samples or options.depth_samples
        importance = quality.importance_samples
        importance = options.importance_samples if importance is None else importance
        final_scale = 1.0
        if preview is not None:
            resolution = max(min(MIN_RAW_RESOLUTION, resolution), round(resolution * preview.scale))
            depth = max(4, round(depth * preview.samples))
            importance = round(importance * preview.samples)
            final_scale = preview.final_scale
        return SampleCounts(resolution, depth, importance, quality.superresolution, final_scale)

    def plan(self, quality: Quality) -> Plan:
        """How pictures of a quality are computed: in its precision, or as calibration found
        best."""
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


class _Job:
    """One request under way."""

    def __init__(
        self,
        renderer: Renderer,
        request: RenderRequest,
        check: Callable[[], None],
        idle: bool = False,
    ) -> None:
        self.renderer = renderer
        self.G = renderer.G
        self.request = request
        self.check = check
        self._idle = idle
        self.cache = renderer._idle_cache if idle else renderer.cache
        self.plan = renderer.plan(request.quality)
        self.effort = renderer.effort(request.quality, request.preview)
        # Previews need not wait, but a full picture may not be made of their results, or it would
        # depend on timing.
        stages = renderer.stages(self.plan)  # those of tuned people are done soon after
        self._meanwhile = request.preview is not None and stages.compiling
        self._by_networks = request.preview is not None and stages.convolutions_compiling
        if self._by_networks:
            self.plan = Plan(reference=True)
        self.clock = StageClock(self.G.device)
        self.problems: list[str] = []
        self._normals_wanted = {
            self._raw_key(shot)
            for shot in request.shots
            if shot.view == "normals" or request.values
        }

    def stages(self, shot: Shot) -> Stages:
        """The stages of a shot's people, for use at once."""
        if self._by_networks:  # without dropping the prepared ones
            return ReferenceStages(self.renderer.generator(shot), self.plan)
        return self.renderer.stages(self.plan, shot)

    def _stage(self, name: str, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The cached result of a stage, or a new one."""
        found = self.cache.get((name, key))
        if found is None:
            self.check()
            with self.clock.stage(name):
                found = compute()
            if not self._idle:
                self.renderer.stage_runs[name] += 1
            self.cache.put((name, key), found)
        return found

    def _ws_key(self, shot: Shot) -> Hashable:
        conditioned = self.G.config.c_scale != 0
        files = tuple(file_stamp(who.ws_file) for who, _ in people(shot.latent) if who.ws_file)
        return shot.latent, files, shot.conditioning if conditioned else None

    def ws(self, shot: Shot) -> Tensor:
        return self._stage(
            "mapping",
            self._ws_key(shot),
            lambda: latents.intermediate_latents(self.G, shot.latent, shot.conditioning),
        )

    def _planes_key(self, shot: Shot) -> Hashable:
        # Only the product of time and strength matters, and if it is 0 the motion code does not.
        moves, driven = self.G.config.has_motion, shot.driven if self.G.config.has_motion else None
        moved = shot.t * shot.motion.strength if moves else 0.0
        if driven is not None and driven.share == 1:
            moved = 0.0
        motion = replace(shot.motion, strength=1.0) if moved else None
        return self._ws_key(shot), motion, moved, driven, self.plan

    def field(self, shot: Shot) -> RadianceField:
        return self._stage(
            "planes",
            self._planes_key(shot),
            lambda: self.stages(shot).planes(self.ws(shot), self.motion(shot), self.check),
        )

    def planes(self, shot: Shot) -> Tensor:
        """Planes float32 [1, 3, C, P, P]."""
        return self.field(shot).planes()

    def motion(self, shot: Shot) -> Tensor | None:
        """Motion code times time [1, motion_dim]; None for a still model."""
        config = self.G.config
        if not config.has_motion:
            return None
        code = torch.from_numpy(latents.motion_code(shot.motion, config.motion_dim))
        code = from_host(code, self.G.device) * (shot.t * shot.motion.strength)
        if shot.driven is not None:
            driver = torch.from_numpy(shot.driven.numbers(config.motion_dim))[None]
            code = torch.lerp(code, from_host(driver, self.G.device), shot.driven.share)
        own = latents.own_expression(self.G, shot.latent)
        return code if own is None else code + from_host(torch.from_numpy(own), self.G.device)

    def _raw_key(self, shot: Shot) -> Hashable:
        effort = replace(self.effort, superresolution=False, final_scale=1.0)
        return self._planes_key(shot), shot.camera, effort, self._meanwhile

    def raw(self, shot: Shot) -> RawRender:
        key = self._raw_key(shot)
        full_key = (key, True)  # a picture with normals serves where none are asked for, too
        kept = self.cache.get(("render", full_key))
        if kept is not None:
            return kept
        with_normals = key in self._normals_wanted
        return self._stage(
            "render",
            full_key if with_normals else key,
            lambda: self._run_render(shot, with_normals),
        )

    def _run_render(self, shot: Shot, with_normals: bool) -> RawRender:
        field, ws = self.field(shot), self.ws(shot)
        options = self.G.config.rendering
        start, end = shot.camera.ray_range(options.ray_start, options.ray_end)
        settings = RaySettings(
            from_host(torch.from_numpy(shot.camera.numbers())[None], ws.device),
            from_host(torch.tensor([[start, end]]), ws.device),
            self.effort.resolution,
            self.effort.depth_samples,
            self.effort.importance_samples,
            with_normals,
            wait=not self._meanwhile,
        )
        return self.stages(shot).render(field, ws, settings, self.check)

    def image(self, shot: Shot) -> Tensor:
        """Final picture [1, 3, H, W]."""
        raw = self.raw(shot)
        if self.G.superresolution is None or not self.effort.superresolution:
            return raw.image
        scale = self.effort.final_scale
        return self._stage(
            "superresolution",
            (self._raw_key(shot), scale),
            lambda: self._enlarged(
                self.stages(shot).superresolve(self.raw(shot), self.ws(shot), self.check, scale)
            ),
        )

    def _enlarged(self, picture: Tensor) -> Tensor:
        """A picture [1, 3, h, w] of the model's full size."""
        size = self.G.config.image_resolution
        if picture.shape[-1] >= size:
            return picture
        return F.interpolate(picture, (size, size), mode="bilinear", align_corners=False)

    def activation(self, shot: Shot, layer: str) -> Tensor:
        """What a layer gives for the shot, [C, h, w]."""
        seen = self._raw_key(shot) if layer_probe.sees_camera(layer) else self._planes_key(shot)
        return self._stage(
            "probe",
            (layer, seen),
            lambda: layer_probe.activation(
                self.renderer.generator(shot), _Exact(self, shot), shot, layer
            ),
        )

    def picture(self, shot: Shot) -> np.ndarray | None:
        """What the shot's view shows, uint8 [H, W, 3]; None for a mesh."""
        if shot.view == "mesh":
            return None
        colors = self._colors(shot)
        with self.clock.stage("copy"):
            return to_host(colors).numpy()

    def _colors(self, shot: Shot) -> Tensor:
        """uint8 [H, W, 3] on the model's device."""
        if shot.view in ("image", "raw"):
            picture = self.image(shot) if shot.view == "image" else self.raw(shot).image
            return to_uint8(picture)
        raw = self.raw(shot)
        if shot.view == "opacity":
            return to_uint8(raw.opacity.expand(-1, 3, -1, -1) * 2 - 1)
        if shot.view == "normals":
            assert raw.normals is not None
            return to_uint8(raw.normals * raw.opacity)
        place = self.renderer.depth_places(raw, shot.camera, self.request.depth_range)
        index = (place * 255).round().long()
        return torch.from_numpy(DEPTH_LUT).to(index.device)[index]

    def depth_range(self, shot: Shot) -> tuple[float, float] | None:
        """Distances at the ends of the depth colours, where the shot's view is the depth."""
        if shot.view != "depth":
            return None
        return self.renderer.depth_range(shot.camera, self.request.depth_range)

    def values(self, shot: Shot) -> PixelValues | None:
        """The numbers behind a shot's picture; None for a mesh."""
        if shot.view == "mesh":
            return None
        raw = self.raw(shot)
        assert raw.normals is not None
        maps = torch.cat([raw.depth, raw.opacity, raw.normals], dim=1)[0]  # [5, h, w]
        with self.clock.stage("copy"):
            found = to_host(maps.float()).numpy()
        return PixelValues(found[0], found[1], np.ascontiguousarray(found[2:].transpose(1, 2, 0)))

    def mesh(self, shot: Shot) -> MeshData | None:
        """The surface, where the shot's view is a mesh."""
        if shot.view != "mesh":
            return None
        quality = self.request.quality
        resolution = quality.mesh_resolution
        if self.request.preview is not None and self.request.preview.coarse_mesh:
            fine = (self._planes_key(shot), resolution, quality.mesh_level)
            kept = self.cache.get(("mesh", fine))
            if kept is not None:  # as in an orbit, which does not change the surface
                return kept
            resolution = min(resolution, PREVIEW_MESH_RESOLUTION)
        try:
            return self._stage(
                "mesh",
                (self._planes_key(shot), resolution, quality.mesh_level),
                lambda: geometry.extract_mesh(
                    self.renderer.generator(shot),
                    self.planes(shot),
                    self.ws(shot),
                    resolution=resolution,
                    density=quality.mesh_level,
                    check=self.check,
                ),
            )
        except UserError as e:  # the other shots can still be shown
            self.problems.append(str(e))
            return None


class _Exact:
    """A job's stages run by the reference networks, whose layers can be probed."""

    def __init__(self, job: _Job, shot: Shot) -> None:
        self.job = job
        G = job.renderer.generator(shot)
        self.stages = ReferenceStages(G, Plan(reference=True))

    def run_planes(self, shot: Shot) -> Tensor:
        """Planes [1, 3, C, P, P], computed anew."""
        job = self.job
        return self.stages.planes(job.ws(shot), job.motion(shot), job.check).planes()

    def raw(self, shot: Shot) -> RawRender:
        return self.job.raw(shot)

    def run_superresolution(self, shot: Shot) -> Tensor:
        """Final picture [1, 3, H, W], computed anew."""
        return self.stages.superresolve(self.job.raw(shot), self.job.ws(shot), self.job.check)


def from_host(x: Tensor, device: torch.device) -> Tensor:
    """Copies a small tensor to a device. CUDA copies such sizes from the host at once, so that
    there is no wait; elsewhere the copy is synchronous, as x may be freed."""
    return x.to(device, non_blocking=device.type == "cuda")


def to_host(x: Tensor) -> Tensor:
    """Copies a tensor to the CPU. From a CUDA GPU it goes directly into pinned memory, and only
    this copy is waited for; if no memory can be pinned, the whole GPU is."""
    if x.device.type != "cuda":
        return x.cpu()
    try:
        host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
    except RuntimeError as error:  # the system limits pinned memory
        log.info("A picture is copied without pinned memory: %s", first_line(error))
        return x.cpu()
    host.copy_(x, non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(x.device))
    done.synchronize()
    return host


def to_uint8(picture: Tensor) -> Tensor:
    """[1, 3, H, W] in -1..1 to uint8 [H, W, 3], as the published scripts round it."""
    levels = (picture[0].float() * 127.5 + 128).clamp(0, 255)
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous()
