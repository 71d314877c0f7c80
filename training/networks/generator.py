"""The PV3D generator (Xu et al., 2023, arXiv 2212.06384), stage by stage.

    ws     = G.mapping(z, c0)                # who
    planes = G.planes(ws, z_motion, t)       # doing what, when
    raw    = G.render(planes, ws, c)         # seen from where
    image  = G.superresolve(raw, ws)

Each stage depends only on its arguments, so a caller can keep the results of the earlier ones.
Parameter names are those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import rendering
from training.camera import FRONTAL, rays
from training.config import GeneratorConfig
from training.networks.backbone import CAMERA_NUMBERS, Backbone
from training.networks.decoder import Decoder
from training.networks.layers import Noise, ToRGB
from training.networks.superresolution import Superresolution
from training.rendering import Jitter

_POINTS_AT_ONCE = 2**19
"""Maximum number of points decoded at once without gradients: limits a pass to about 700 MB."""


@dataclass(frozen=True)
class RawRender:
    """A volume-rendered picture of M cameras, h x w pixels."""

    features: Tensor
    """[M, C, h, w], about -1 to 1: the super-resolution's input."""
    image: Tensor
    """[M, 3, h, w], about -1 to 1: the raw picture."""
    depth: Tensor
    """Expected distance from the camera, world units [M, 1, h, w]."""
    opacity: Tensor
    """[M, 1, h, w] in 0..1."""
    normals: Tensor | None = None
    """Unit vectors in world coordinates [M, 3, h, w], only on request."""


@dataclass(frozen=True)
class Frame:
    """Result of `Generator.forward`."""

    image: Tensor
    """Final picture [M, 3, H, W], about -1 to 1."""
    raw: RawRender
    """The volume-rendered picture it was made from."""


class Generator(nn.Module):
    """Renders appearance, motion, time and camera to a picture by way of tri-planes."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.superresolution = (
            Superresolution(config) if config.superresolution_layout is not None else None
        )
        self.decoder = Decoder(
            config.plane_channels,
            config.decoder_hidden,
            config.feature_channels,
            config.decoder_lr_mul,
        )
        self.to_img_raw = (
            ToRGB(config.feature_channels, 3, config.w_dim, clamp=config.superresolution_clamp)
            if config.raw_layer
            else None
        )

    @property
    def device(self) -> torch.device:
        return self.backbone.mapping.w_avg.device

    def mapping(
        self,
        z: Tensor,
        c0: Tensor | None = None,
        *,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Intermediate latents of people.

        Args:
            z: appearance codes [N, z_dim], N(0, 1).
            c0: conditioning cameras [N, 25]; None for the frontal one.
            truncation_psi: 1 for no truncation, 0 for the average person.
            truncation_cutoff: number of leading layers that are truncated; None for all.

        Returns:
            ws [N, num_ws, w_dim].
        """
        c0 = self._cameras(c0, z)
        self._check(z, "z", (self.config.z_dim,))
        w = self.backbone.mapping(z, c0 * self.config.c_scale)
        ws = w[:, None].expand(-1, self.config.num_ws, -1)
        if truncation_psi == 1:
            return ws
        ws = ws.clone()
        truncated = ws[:, :truncation_cutoff]
        average = self.backbone.mapping.w_avg
        ws[:, :truncation_cutoff] = average + truncation_psi * (truncated - average)
        return ws

    @property
    def average_ws(self) -> Tensor:
        """ws of the average person [1, num_ws, w_dim]."""
        return self.backbone.mapping.w_avg.expand(1, self.config.num_ws, -1)

    def average_planes(self) -> Tensor:
        """Tri-planes of the average person at rest [1, 3, plane_channels, H, W]."""
        zeros = self.average_ws.new_zeros
        return self.planes(self.average_ws, zeros(1, self.config.motion_dim), zeros(1, 1))

    def planes(
        self, ws: Tensor, z_motion: Tensor | None, t: Tensor | None, *, noise: Noise = "const"
    ) -> Tensor:
        """Tri-planes of people in motion.

        Args:
            ws: [N, num_ws, w_dim].
            z_motion: motion codes [N, motion_dim], N(0, 1); ignored without motion layers.
            t: times [N, 1], 0 (rest pose) to 1 (last frame of a clip); likewise.
            noise: per-pixel noise of the layers, see `layers.Noise`.

        Returns:
            [N, 3, plane_channels, plane_resolution, plane_resolution].
        """
        config = self.config
        self._check(ws, "ws", (config.num_ws, config.w_dim))
        motion = None
        if config.has_motion:
            if z_motion is None or t is None:
                raise ValueError("This generator moves: it needs z_motion and t.")
            self._check(z_motion, "z_motion", (config.motion_dim,))
            self._check(t, "t", (1,))
            motion = z_motion * t
        synthesis = self.backbone.synthesis
        drawn = isinstance(noise, torch.Generator)
        maps = synthesis.draw_noise(len(ws), noise) if drawn else noise
        planes = synthesis(ws, motion, maps)
        size = config.plane_resolution
        return planes.reshape(-1, 3, config.plane_channels, size, size)

    def render(
        self,
        planes: Tensor,
        ws: Tensor,
        c: Tensor,
        *,
        resolution: int | tuple[int, int] | None = None,
        jitter: Jitter = None,
        depth_samples: int | None = None,
        importance_samples: int | None = None,
        ray_range: Tensor | None = None,
        with_normals: bool = False,
        on_chunk: Callable[[], None] | None = None,
    ) -> RawRender:
        """Volume-rendered pictures.

        Args:
            planes: [N, 3, C, H, W].
            ws: [N, num_ws, w_dim]; the raw layer uses the first.
            c: cameras [M, 25], M a multiple of N: the first M / N see the first planes, and so on.
            resolution: (height, width) in pixels or a side; None for the trained one.
            jitter: where samples lie within their intervals, see `rendering.Jitter`.
            depth_samples: of the first pass; None for the trained number.
            importance_samples: of the second pass; None for the trained number, 0 for none.
            ray_range: start and end of the rays of each camera, world units [M, 2]; None for the
                trained range.
            with_normals: whether to find normals too.
            on_chunk: called between chunks of rays; an exception from it abandons the picture.
        """
        options = self.config.rendering
        depth_samples = options.depth_samples if depth_samples is None else depth_samples
        if importance_samples is None:
            importance_samples = options.importance_samples
        resolution = options.raw_resolution if resolution is None else resolution
        height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
        self._check(ws, "ws", (self.config.num_ws, self.config.w_dim))
        self._check(c, "c", (CAMERA_NUMBERS,))
        people, cameras = planes.shape[0], c.shape[0]
        if cameras % people or ws.shape[0] != people:
            raise ValueError(
                f"{cameras} cameras and {ws.shape[0]} ws do not match {people} tri-planes."
            )
        if ray_range is None:
            ray_range = c.new_tensor([[options.ray_start, options.ray_end]]).expand(cameras, 2)
        origins, directions = rays(c, (height, width))

        def field(points: Tensor) -> tuple[Tensor, Tensor]:
            sigma, features = self.sample(planes, points.reshape(people, -1, 3))
            return sigma.reshape(cameras, -1), features.reshape(cameras, -1, features.shape[-1])

        samples = max(depth_samples, importance_samples, 6 if with_normals else 1)
        chunk = height * width
        if not torch.is_grad_enabled():
            chunk = max(1, _POINTS_AT_ONCE // (samples * cameras))
        parts: list[rendering.RayResult] = []
        found_normals: list[Tensor] = []
        for directions_part in torch.split(directions, chunk, dim=1):
            if on_chunk is not None:
                on_chunk()
            part = rendering.cast(
                field,
                origins,
                directions_part,
                ray_range,
                depth_samples=depth_samples,
                importance_samples=importance_samples,
                white_background=options.white_background,
                jitter=jitter,
            )
            parts.append(part)
            if with_normals:
                points = origins[:, None] + part.depth[..., None] * directions_part
                step = options.box_warp / self.config.plane_resolution
                found = rendering.normals(lambda p: field(p)[0], points, step)
                found_normals.append(found)

        def picture(parts: list[Tensor]) -> Tensor:  # of [M, R, C] each, to [M, C, h, w]
            joined = torch.cat(parts, dim=1)
            return joined.transpose(1, 2).reshape(cameras, -1, height, width)

        features = picture([part.features for part in parts])
        return RawRender(
            features=features,
            image=self.raw_image(features, ws),
            depth=picture([part.depth[..., None] for part in parts]),
            opacity=picture([part.opacity[..., None] for part in parts]),
            normals=picture(found_normals) if with_normals else None,
        )

    def superresolve(self, raw: RawRender, ws: Tensor) -> Tensor:
        """Final pictures.

        Args:
            raw: of M cameras.
            ws: [N, num_ws, w_dim], M a multiple of N as in `render`; the last is used.

        Returns:
            [M, 3, H, W], about -1 to 1; the raw picture without super-resolution.
        """
        if self.superresolution is None:
            return raw.image
        w = _one_each(ws[:, -1], raw.features.shape[0])
        return self.superresolution(raw.features, raw.image, w)

    def sample(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density and colour features of planes [N, 3, C, H, W] at world points [N, P, 3].

        Returns:
            sigma [N, P], before its softplus (density is softplus(sigma - 1)), and features
            [N, P, feature_channels], about 0 to 1.
        """
        box_warp = self.config.rendering.box_warp
        return self.decoder(rendering.sample_planes(planes, points, box_warp))

    def point_colors(self, features: Tensor, ws: Tensor) -> Tensor:
        """Colours [N, P, 3], 0..1, of points with these features [N, P, feature_channels], from
        `sample`, as the raw layer with ws [N, num_ws, w_dim] shows them on an opaque surface."""
        pixels = (features * 2 - 1).transpose(1, 2)[..., None]  # [N, C, P, 1]
        image = self.raw_image(pixels, ws)
        return (image[..., 0].transpose(1, 2) * 0.5 + 0.5).clamp(0, 1)

    def forward(
        self,
        z: Tensor,
        z_motion: Tensor | None,
        t: Tensor | None,
        c: Tensor,
        c0: Tensor | None = None,
        *,
        truncation_psi: float = 1.0,
        jitter: Jitter = None,
        noise: Noise = "const",
    ) -> Frame:
        """Runs all stages; see each for its arguments."""
        ws = self.mapping(z, c0, truncation_psi=truncation_psi)
        raw = self.render(self.planes(ws, z_motion, t, noise=noise), ws, c, jitter=jitter)
        return Frame(self.superresolve(raw, ws), raw)

    def raw_image(self, features: Tensor, ws: Tensor) -> Tensor:
        """Raw pictures [M, 3, h, w] of composited features [M, C, h, w] in -1..1; ws as in
        `render`."""
        if self.to_img_raw is None:
            return features[:, :3]
        return self.to_img_raw(features, _one_each(ws[:, 0], features.shape[0]))

    def _cameras(self, c0: Tensor | None, z: Tensor) -> Tensor:
        if c0 is None:
            frontal = torch.as_tensor(FRONTAL.numbers()).to(z.device, z.dtype)
            return frontal.expand(z.shape[0], -1)
        self._check(c0, "c0", (CAMERA_NUMBERS,))
        return c0.expand(z.shape[0], -1)

    def _check(self, x: Tensor, name: str, shape: tuple[int, ...]) -> None:
        if tuple(x.shape[1:]) != shape:
            expected = ", ".join(["N", *map(str, shape)])
            raise ValueError(f"{name} has shape {list(x.shape)}; this model takes [{expected}].")


def _one_each(w: Tensor, count: int) -> Tensor:
    """w [N, D] -> [count, D], each row repeated for count / N consecutive cameras."""
    return w if w.shape[0] == count else w.repeat_interleave(count // w.shape[0], dim=0)


def to_uint8(pictures: Tensor) -> Tensor:
    """Pictures in -1..1 as uint8, rounded as in the published scripts' files."""
    return (pictures.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def parameter_count(module: nn.Module) -> int:
    """Number of parameters of a module."""
    return sum(math.prod(p.shape) for p in module.parameters())
