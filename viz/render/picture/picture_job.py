"""Computes what one request asks for, stage by stage; each stage's results are cached."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.networks.generator import RawRender
from viz.render import geometry, latents
from viz.render.inference.plan import Plan
from viz.render.inference.stage_interface import RadianceField, RaySettings, Stages
from viz.render.inference.stages import ReferenceStages
from viz.render.picture import layer_probe, map_pictures
from viz.render.picture.host_copies import from_host, to_host, to_uint8
from viz.render.picture.prepared_model import PreparedModel
from viz.render.picture.stage_clock import StageClock
from viz.state.animation.blending import people
from viz.state.errors import UserError
from viz.state.files import file_stamp
from viz.state.types import MeshData, PixelValues, RenderRequest, Shot

PREVIEW_MESH_RESOLUTION = 96
"""Most grid points along each side for the mesh of a preview."""


class PictureJob:
    """One request that is being rendered.

    Args:
        model: the prepared model.
        request: what to render.
        check: called between parts of the work; an exception from it abandons the work.
        idle: whether the pictures are rendered ahead, in a cache of their own.
    """

    def __init__(
        self,
        model: PreparedModel,
        request: RenderRequest,
        check: Callable[[], None],
        idle: bool = False,
    ) -> None:
        self.model = model
        self.G = model.G
        self.request = request
        self.check = check
        self._idle = idle
        self.cache = model.idle_cache if idle else model.cache
        self.plan = model.plan(request.quality)
        self.effort = model.effort(request.quality, request.preview)
        # Previews do not wait for compiling. No full picture may reuse their results then, or its
        # pixels would depend on timing.
        stages = model.stages(self.plan)  # those of people with tuned weights are ready soon after
        self._meanwhile = request.preview is not None and stages.compiling
        self._by_networks = request.preview is not None and stages.convolutions_compiling
        if self._by_networks:
            self.plan = Plan(reference=True)
        self.makeshift = self._meanwhile or self._by_networks
        self.precision: str = self.plan.precision
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
            return ReferenceStages(self.model.generator(shot), self.plan)
        return self.model.stages(self.plan, shot)

    def _stage(self, name: str, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The cached result of a stage, or a new one."""
        found = self.cache.get((name, key))
        if found is None:
            self.check()
            with self.clock.stage(name):
                found = compute()
            if not self._idle:
                self.model.stage_runs[name] += 1
            self.cache.put((name, key), found)
        return found

    def _ws_key(self, shot: Shot) -> Hashable:
        conditioned = self.G.config.c_scale != 0
        files = tuple(file_stamp(who.ws_file) for who, _ in people(shot.latent) if who.ws_file)
        return shot.latent, files, shot.conditioning if conditioned else None

    def ws(self, shot: Shot) -> Tensor:
        """Intermediate latents [1, num_ws, w_dim]."""
        return self._stage(
            "mapping",
            self._ws_key(shot),
            lambda: latents.intermediate_latents(self.G, shot.latent, shot.conditioning),
        )

    def _planes_key(self, shot: Shot) -> Hashable:
        # Only the product of time and strength matters; where it is 0, the motion code does not.
        moves, driven = self.G.config.has_motion, shot.driven if self.G.config.has_motion else None
        moved = shot.t * shot.motion.strength if moves else 0.0
        if driven is not None and driven.share == 1:
            moved = 0.0
        motion = replace(shot.motion, strength=1.0) if moved else None
        return self._ws_key(shot), motion, moved, driven, self.plan

    def field(self, shot: Shot) -> RadianceField:
        """The shot's radiance field, as the stages render it."""
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
        effort = replace(self.effort, superresolution=False, final_scale=1.0, int8=False)
        return self._planes_key(shot), shot.camera, effort, self._meanwhile

    def raw(self, shot: Shot) -> RawRender:
        """The volume-rendered picture; with normals if any shot of the request needs them."""
        key = self._raw_key(shot)
        full_key = (key, True)  # a picture with normals also serves where none are needed
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
            self.effort.shared,
            wait=not self._meanwhile,
        )
        return self.stages(shot).render(field, ws, settings, self.check)

    def image(self, shot: Shot) -> Tensor:
        """Final picture [1, 3, H, W]."""
        raw = self.raw(shot)
        if not self._enlarges:
            return raw.image
        scale, int8 = self.effort.final_scale, self.effort.int8 and self.plan.int8_previews
        return self._stage(
            "superresolution",
            (self._raw_key(shot), scale, int8),
            lambda: self._superresolved(shot, scale, int8),
        )

    def _superresolved(self, shot: Shot, scale: float, int8: bool) -> Tensor:
        stages, raw, ws = self.stages(shot), self.raw(shot), self.ws(shot)
        if int8:
            with self.clock.stage("weights"):  # once per person: no part of a preview's time
                int8 = stages.prepare_int8(raw, ws, self.check)
            self.precision = "int8" if int8 else self.precision
        return self._enlarged(stages.superresolve(raw, ws, self.check, scale, int8=int8))

    def _enlarged(self, picture: Tensor) -> Tensor:
        """A picture [1, 3, h, w] of the model's full size."""
        size = self.G.config.image_resolution
        if picture.shape[-1] >= size:
            return picture
        return F.interpolate(picture, (size, size), mode="bilinear", align_corners=False)

    def activation(self, shot: Shot, layer: str) -> Tensor:
        """A layer's output for the shot [C, h, w]."""
        seen = self._raw_key(shot) if layer_probe.sees_camera(layer) else self._planes_key(shot)
        return self._stage(
            "probe",
            (layer, seen),
            lambda: layer_probe.activation(
                self.model.generator(shot), _Exact(self, shot), shot, layer
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
        maps, raw = self.request.maps, self.raw(shot)
        own = maps.background == "model"
        if shot.view == "opacity":
            return map_pictures.colored(
                map_pictures.opacity_places(raw, maps), maps.table("opacity")
            )
        if shot.view in ("image", "raw"):
            picture = self.image(shot) if shot.view == "image" else raw.image
            if own:
                return to_uint8(picture)
            picture, backdrop = picture.float() * 0.5 + 0.5, self.backdrop(shot)
            alpha = map_pictures.alpha_of(raw, picture, backdrop)
            head = map_pictures.head_alone(picture, alpha, backdrop)
        else:
            if shot.view == "normals":
                assert raw.normals is not None
                if own:
                    return to_uint8(raw.normals * raw.opacity)
                colors = raw.normals.float() * 0.5 + 0.5
            else:
                place = self.model.depth_places(raw, shot.camera, maps.depth_range, own)
                table = map_pictures.colored(place, maps.table("depth"))
                if own:
                    return table
                colors = table.permute(2, 0, 1)[None].float() / 255
            alpha = raw.opacity.float()
            head = colors * alpha
        return to_uint8(map_pictures.before(head, alpha, maps) * 2 - 1)

    def backdrop(self, shot: Shot) -> Tensor:
        """The model's picture of empty space, as large as the shot's picture, about 0..1
        [1, 3, H, W]."""
        raw, ws = self.raw(shot), self.ws(shot)
        enlarged = shot.view == "image" and self._enlarges
        scale = self.effort.final_scale if enlarged else None

        def paint() -> Tensor:
            nothing = 1.0 if self.G.config.rendering.white_background else -1.0
            features = torch.full_like(raw.features, nothing)
            image = self.model.generator(shot).raw_image(features, ws)
            if scale is not None:
                empty = replace(raw, features=features, image=image)
                stages = self.stages(shot)
                image = self._enlarged(stages.superresolve(empty, ws, self.check, scale))
            return image.float() * 0.5 + 0.5

        key = (self._ws_key(shot), self.plan, tuple(raw.image.shape), scale)
        return self._stage("backdrop", key, paint)

    @property
    def _enlarges(self) -> bool:
        """Whether the final picture is made by the super-resolution."""
        return self.G.superresolution is not None and self.effort.superresolution

    def map_range(self, shot: Shot) -> tuple[float, float] | None:
        """The numbers at both ends of the colour map, if the shot's view is a map with one number
        per pixel."""
        maps = self.request.maps
        if shot.view == "depth":
            return self.model.depth_range(shot.camera, maps.depth_range)
        return (maps.opacity_range or (0.0, 1.0)) if shot.view == "opacity" else None

    def values(self, shot: Shot) -> PixelValues | None:
        """Depth, opacity and normals at each pixel of the raw picture; None for a mesh."""
        if shot.view == "mesh":
            return None
        raw = self.raw(shot)
        assert raw.normals is not None
        maps = torch.cat([raw.depth, raw.opacity, raw.normals], dim=1)[0]  # [5, h, w]
        with self.clock.stage("copy"):
            found = to_host(maps.float()).numpy()
        return PixelValues(found[0], found[1], np.ascontiguousarray(found[2:].transpose(1, 2, 0)))

    def mesh(self, shot: Shot) -> MeshData | None:
        """The surface, if the shot's view is a mesh; None for one that cannot be extracted."""
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
                    self.model.generator(shot),
                    self.planes(shot),
                    self.ws(shot),
                    resolution=resolution,
                    density=quality.mesh_level,
                    check=self.check,
                ),
            )
        except UserError as e:  # other shots can still be shown
            self.problems.append(str(e))
            return None


class _Exact:
    """A job's stages run by the reference networks, whose layers can be probed."""

    def __init__(self, job: PictureJob, shot: Shot) -> None:
        self.job = job
        G = job.model.generator(shot)
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
