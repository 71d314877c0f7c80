"""Renders a `RenderRequest` to a `RenderResult`, caching each stage's results by their inputs.

So an orbit reuses the planes, and scrubbing reuses the ws, without any explicit invalidation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from torch import Tensor

from training.networks.generator import RawRender
from viz.render.picture import layer_probe
from viz.render.picture.picture_job import PictureJob
from viz.render.picture.prepared_model import PreparedModel
from viz.state.errors import UserError
from viz.state.types import MeshData, Quality, RenderRequest, RenderResult, Shot


class Renderer(PreparedModel):
    """Renders shots of one model. Used from one thread, in inference mode."""

    beside: Mapping[str, Renderer] = MappingProxyType({})
    """Renderers of the models that are loaded, this one included, by the fingerprint of their
    weights; see `viz.render.comparing.side_by_side`."""

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
            idle: whether the picture is rendered ahead, and will not be shown yet.

        Raises:
            UserError: when the request cannot be met.
        """
        start = time.perf_counter()
        job = PictureJob(self, request, check, idle)
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
            tuple(job.map_range(shot) for shot in request.shots),
            probe,
            values,
            stage_ms,
            (time.perf_counter() - start) * 1000,
            job.precision,
            job.makeshift,
        )

    def raw(self, shot: Shot, quality: Quality, with_normals: bool = False) -> RawRender:
        """The volume-rendered output of a shot at full quality, before it is turned into
        colours."""
        view = "normals" if with_normals else "raw"
        request = RenderRequest((replace(shot, view=view),), quality)
        return PictureJob(self, request, lambda: None).raw(request.shots[0])

    def image(self, shot: Shot, quality: Quality) -> Tensor:
        """The final picture of a shot at full quality, [1, 3, H, W], about -1 to 1."""
        return PictureJob(self, RenderRequest((shot,), quality), lambda: None).image(shot)

    def backdrop(self, shot: Shot, quality: Quality) -> Tensor:
        """The model's own background at full quality, in the final or the raw picture according to
        the shot's view, [1, 3, H, W], about 0..1."""
        return PictureJob(self, RenderRequest((shot,), quality), lambda: None).backdrop(shot)

    def mesh(self, shot: Shot, quality: Quality) -> MeshData:
        """The surface of a shot at full quality.

        Raises:
            UserError: when there is no surface at the density level.
        """
        job = PictureJob(self, RenderRequest((replace(shot, view="mesh"),), quality), lambda: None)
        mesh = job.mesh(job.request.shots[0])
        if mesh is None:
            raise UserError(job.problems[0])
        return mesh

    def planes(self, shot: Shot, quality: Quality) -> Tensor:
        """Planes [1, 3, C, P, P] of a shot."""
        return PictureJob(self, RenderRequest((shot,), quality), lambda: None).planes(shot)

    def ws(self, shot: Shot) -> Tensor:
        """ws [1, num_ws, w_dim] of a shot."""
        return PictureJob(self, RenderRequest((shot,)), lambda: None).ws(shot)
