"""Losses of the supervised warm-up, on data sets that describe their people and motions by numbers.

A frame's person, motion, camera, colours, depth and outline are known, so the generator can be
fitted to random rays of full-resolution pictures without a discriminator. Its codes stay full
Gaussians: the known numbers are a projection of them, and the rest is noise to be ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training import rendering
from training.camera import rays
from training.config import RenderingConfig
from training.data import Batch
from training.networks.backbone import MotionTimeFuser
from training.networks.generator import Generator
from training.networks.layers import FullyConnected, SynthesisLayer
from training.replacing import replacing
from training.train.step import Draws

_OPAQUE = 0.99
_STRAY = 0.02
"""Of the weights that read a code, the share that may read its random part: rounding."""
_FAR_STEPS, _NEAR_STEPS = 8, 10
"""Samples along a ray: over its whole range, and around the known surface."""
_CLEAR_CHANGE = 0.1
"""Difference of two colours, in -1..1, that counts as half a change."""
_MARGIN = 4
"""Raw pixels that the super-resolution looks beyond those it enlarges."""


@dataclass(frozen=True)
class WarmupLossConfig:
    """Weights of the warm-up's losses; what worked on synthetic heads."""

    l2: float = 2.0
    """Squared colour error beside the absolute one."""
    opacity: float = 0.5
    """Cross-entropy of opacity and mask."""
    depth: float = 3.0
    """Difference of depths where the head is opaque."""
    occupancy: float = 0.3
    """Density in free space, and its lack just below the surface."""
    change: float = 0.9
    """Error of the change between a clip's two frames: without it faces hardly move."""
    change_squared: float = 15.0
    """Its square. The error alone asks for the median of what may happen, and where a thin edge
    moves that is no change at all."""
    rays: int = 512
    """Rays of a frame."""
    detail: float = 0.2
    """Share of the rays that go where pictures have detail: outlines, eyes, hair."""
    moving: float = 0.3
    """Share of the rays that go where a clip's two frames differ: eyes and mouth."""
    moving_weight: float = 4.0
    """Weight of the latter rays' colours."""
    picture: float = 1.0
    """Error of the final picture and of its edges, in its stage."""
    picture_squared: float = 4.0
    """Square of that error."""
    picture_moving: float = 4.0
    """Further weight of all three where a clip's two frames differ."""
    picture_change: float = 16.0
    """Squared error of the change between a clip's two final pictures."""
    part: int = 40
    """Side of the part of the raw picture that becomes a final picture there, pixels."""
    part_moving: float = 0.7
    """Share of those parts that are centred where a clip's two frames differ."""


def projection(rows: int, columns: int, seed: int) -> Tensor:
    """Orthonormal rows [rows, columns] that are the same everywhere for the same numbers."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(columns, rows, generator=generator, dtype=torch.float64)
    basis, triangle = torch.linalg.qr(draws)
    # The sign of a QR decomposition's columns is the library's choice; this makes it ours.
    return (basis * torch.diagonal(triangle).sign()).t().float()


@dataclass(frozen=True)
class Codes:
    """Gaussian codes whose projections are the data set's numbers."""

    identity: Tensor
    """Orthonormal rows [I, z_dim]: z @ identity.T are a person's numbers."""
    motion: Tensor
    """Orthonormal rows [M, motion_dim]: likewise for z_motion and a motion's numbers."""

    @classmethod
    def draw(cls, identity_dim: int, motion_dim: int, G: Generator) -> Codes:
        """Bases for a generator's codes, always the same ones.

        Args:
            identity_dim: numbers of a person, I.
            motion_dim: numbers of a motion, M.
            G: whose codes they become.

        Raises:
            ValueError: when the generator's codes are too short.
        """
        config = G.config
        if identity_dim > config.z_dim or motion_dim > config.motion_dim:
            raise ValueError(
                f"{identity_dim} identity and {motion_dim} motion numbers do not fit into codes of "
                f"{config.z_dim} and {config.motion_dim}."
            )
        return cls(
            projection(identity_dim, config.z_dim, seed=1).to(G.device),
            projection(motion_dim, config.motion_dim, seed=2).to(G.device),
        )

    @classmethod
    def load(cls, path: Path, G: Generator) -> Codes:
        """Bases that `save` wrote, on the generator's device.

        Raises:
            ValueError: when they cannot be used, or belong to another generator.
        """
        try:
            state = load_file(path)
            identity, motion = state["identity"].float(), state["motion"].float()
        except (OSError, SafetensorError, KeyError) as error:
            raise ValueError(f"{path} holds no bases of codes ({error}).") from error
        dims = G.config.z_dim, G.config.motion_dim
        if identity.ndim != 2 or motion.ndim != 2 or (identity.shape[1], motion.shape[1]) != dims:
            raise ValueError(
                f"{path} belongs to another generator: its bases are {list(identity.shape)} and "
                f"{list(motion.shape)}, and this one's codes have {dims[0]} and {dims[1]} numbers."
            )
        return cls(identity.to(G.device), motion.to(G.device))

    def save(self, path: Path) -> None:
        """Writes the bases as `load` and `python -m training.metrics --codes` take them."""
        tensors = {"identity": self.identity.cpu(), "motion": self.motion.cpu()}
        with replacing(path) as part:
            save_file(tensors, part)

    def z(self, identity: Tensor, noise: Tensor) -> Tensor:
        """identity [n, I], N(0, 1), and noise [n, z_dim] -> z [n, z_dim], N(0, 1)."""
        return _with_numbers(identity, noise, self.identity)

    def z_motion(self, motion: Tensor, noise: Tensor) -> Tensor:
        """motion [n, M], N(0, 1), and noise [n, motion_dim] -> z_motion [n, motion_dim]."""
        return _with_numbers(motion, noise, self.motion)

    @torch.no_grad()
    def confine(self, G: Generator) -> None:
        """Removes what reads the codes' random part from the weights that read the codes.

        That part carries no information, but its hundreds of random numbers would drown the few
        dozen known ones for thousands of updates, the more so as Adam steps just as far along
        directions whose gradients are noise.
        """
        for weight, basis in self._readers(G):
            weight.copy_(weight @ basis.t() @ basis)

    @torch.no_grad()
    def are_read_by(self, G: Generator) -> bool:
        """Whether a generator reads the known part of these codes and hardly anything else."""
        return all(
            float((weight - weight @ basis.t() @ basis).norm() / weight.norm()) < _STRAY
            for weight, basis in self._readers(G)
        )

    @torch.no_grad()
    def begin(self, G: Generator) -> None:
        """Lets a new generator read the known part of its codes and nothing else.

        Half of the first units of the mapping and of each motion layer mix the numbers, as usual.
        The others get a single number each, and their bend a place of its own among its values: a
        trait may depend on one number in any way, as the colour of clothes and a blink do, and
        mixtures come to see that late.
        """
        self.confine(G)
        for weight, basis in self._readers(G):  # as strong as before it read less
            weight.mul_(math.sqrt(basis.shape[1] / basis.shape[0]))
        fc0 = G.backbone.mapping.get_submodule("fc0")
        assert isinstance(fc0, FullyConnected)
        _read_singly(fc0, self.identity)
        for fuser in fusers(G):
            _read_singly(fuser.affine, self.motion)

    def _readers(self, G: Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights [w_dim, D] of the layers that read a code, and the basis [K, D] of its known
        part."""
        fc0 = G.backbone.mapping.get_parameter("fc0.weight")
        yield fc0[:, : self.identity.shape[1]], self.identity
        for fuser in fusers(G):
            yield fuser.affine.weight, self.motion


def fusers(G: Generator) -> Iterator[MotionTimeFuser]:
    """The motion layers, from coarse to fine."""
    return (module for module in G.modules() if isinstance(module, MotionTimeFuser))


def _read_singly(layer: FullyConnected, basis: Tensor) -> None:
    """Makes the second half of a layer's units read one number of the basis [K, D] each."""
    numbers, mixing = len(basis), len(layer.bias) // 2
    unit = torch.arange(len(layer.bias) - mixing, device=layer.bias.device)
    number, turn = unit % numbers, unit // numbers
    of_number = (len(unit) - 1 - number) // numbers + 1  # units that read the same one
    sign = 1.0 - 2 * (turn % 2)
    bend = torch.special.ndtri((turn + 0.5) / of_number)
    layer.weight[mixing:] = 0
    layer.weight[mixing:, : basis.shape[1]] = sign[:, None] * basis[number] / layer.gain
    layer.bias[mixing:] = -sign * bend / layer.lr_mul


def _with_numbers(numbers: Tensor, noise: Tensor, basis: Tensor) -> Tensor:
    """Noise [n, D] whose projection on the basis [K, D] is replaced by the numbers [n, K]."""
    return noise + (numbers - noise @ basis.t()) @ basis


def prepare(G: Generator, codes: Codes) -> None:
    """Starts a new generator where the warm-up gets going.

    Density starts low with a strong slope, motion starts small, the codes' random parts are not
    read, the layers' stored noise maps are trained like weights, without which few steps learn only
    coarse shapes, and the super-resolution begins by enlarging the raw picture.
    """
    codes.begin(G)
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.startswith("superresolution.") and name.endswith(
                (".torgb.weight", ".torgb.bias")
            ):
                parameter.zero_()
        G.get_parameter("decoder.net.2.weight")[0] *= 8
        G.get_parameter("decoder.net.2.bias")[0] = -5
        for name, module in G.named_modules():
            if name.endswith("motion_time_fuser.conv") and isinstance(module, SynthesisLayer):
                module.affine.weight.mul_(0.3)
    train_noise_maps(G, strength=0.2)


def train_noise_maps(G: Generator, strength: float | None = None) -> None:
    """Makes the backbone's stored noise maps trainable; their names and values stay.

    Args:
        G: the generator.
        strength: new strength of the maps; None leaves it.
    """
    for module in G.backbone.synthesis.modules():
        if isinstance(module, SynthesisLayer) and "noise_const" in module._buffers:
            noise = module._buffers.pop("noise_const")
            assert noise is not None
            module.register_parameter("noise_const", nn.Parameter(noise))
            if strength is not None:
                nn.init.constant_(module.noise_strength, strength)


@dataclass(frozen=True)
class Targets:
    """What is known of R rays in each of M = 2n frames."""

    pixels: Tensor
    """Index into the picture, rows first, int64 [M, R]; the same for both frames of a clip."""
    weight: Tensor
    """Of the colour losses [M, R]."""
    color: Tensor
    """[M, R, 3] in -1..1."""
    mask: Tensor
    """Opacity [M, R] in 0..1."""
    depth: Tensor
    """Distance along the ray [M, R], world units; meaningless where nothing is opaque."""

    @classmethod
    def draw(cls, batch: Batch, config: WarmupLossConfig, draws: Draws) -> Targets:
        """Random rays of a batch that has depth and mask.

        Raises:
            ValueError: when the data set has no depth or mask.
        """
        if batch.depth is None or batch.mask is None:
            raise ValueError("The warm-up needs a data set with depth and mask pictures.")
        images = batch.images.flatten(0, 1).float() / 127.5 - 1  # [M, 3, H, W]
        side, clips = images.shape[-1], images.shape[0] // 2
        detailed, moving = round(config.detail * config.rays), round(config.moving * config.rays)
        spread = torch.randint(
            side * side,
            (clips, config.rays - detailed - moving),
            generator=draws.local,
            device=images.device,
        )
        chosen = [
            torch.multinomial(where, count, replacement=True, generator=draws.local)
            for where, count in zip(_interest(images), (detailed, moving), strict=True)
            if count
        ]
        pixels = torch.cat([spread, *chosen], dim=1).repeat_interleave(2, dim=0)
        weight = torch.ones(pixels.shape, device=images.device)
        weight[:, config.rays - moving :] = config.moving_weight
        flat = images.flatten(2)  # [M, 3, H * W]
        color = flat.gather(2, pixels[:, None].expand(-1, 3, -1)).transpose(1, 2)
        mask = (batch.mask.flatten(0, 1).flatten(1).float() / 255).gather(1, pixels)
        depth = batch.depth.flatten(0, 1).flatten(1).gather(1, pixels)
        return cls(pixels, weight, color, mask, depth)


def _interest(images: Tensor) -> tuple[Tensor, Tensor]:
    """Where edges are, and where a clip's two frames differ, in n clips' frames [2n, 3, H, W]:
    [n, H * W] each, positive."""
    light = images.mean(dim=1)  # [M, H, W]
    across = F.pad((light[:, :, 1:] - light[:, :, :-1]).abs(), (0, 1))
    down = F.pad((light[:, 1:] - light[:, :-1]).abs(), (0, 0, 0, 1))
    edges = (across + down).reshape(-1, 2, *light.shape[1:]).mean(dim=1)
    change = (images[0::2] - images[1::2]).abs().mean(dim=1)
    reach = max(light.shape[-1] // 32, 1) * 2 + 1
    maps = torch.stack([edges, change], dim=1)  # [n, 2, H, W]
    maps = F.avg_pool2d(maps, reach, stride=1, padding=reach // 2)
    return (maps[:, 0] + 1e-3).flatten(1), (maps[:, 1] + 1e-4).flatten(1)


def _guided_depths(targets: Targets, options: RenderingConfig, draws: Draws) -> Tensor:
    """Depths of samples [M, R, S], rising: over the whole ray, and close to the known surface.

    Both frames of a clip take the same draws: else their colours would differ by the sampling's
    noise, and the loss of the change would see little but that.
    """
    start, end = options.ray_start, options.ray_end
    device = targets.depth.device
    clips, rays_each = targets.depth.shape[0] // 2, targets.depth.shape[1]

    def uniform(count: int) -> Tensor:
        """[M, R, count] in 0..1."""
        found = torch.rand((clips, rays_each, count), generator=draws.local, device=device)
        return found.repeat_interleave(2, dim=0)

    def steps(count: int) -> Tensor:
        """Jittered even steps 0..1 [M, R, count]."""
        return (torch.arange(count, device=device) + uniform(count)) / count

    width = 0.07 * (0.25 + 1.5 * uniform(1))
    near = targets.depth[..., None] + (steps(_NEAR_STEPS) * 2 - 1) * width
    anywhere = start + (end - start) * steps(_NEAR_STEPS)
    hit = (targets.mask > 0.5)[..., None]
    far = start + (end - start) * steps(_FAR_STEPS)
    return torch.cat([far, torch.where(hit, near, anywhere)], dim=-1).sort(dim=-1).values


def ray_losses(
    G: Generator,
    planes: Tensor,
    ws: Tensor,
    c: Tensor,
    side: int,
    targets: Targets,
    config: WarmupLossConfig,
    draws: Draws,
) -> dict[str, Tensor]:
    """Losses of the volume renderer on known rays, weighted.

    Args:
        G: the generator.
        planes: [M, 3, C, H, W].
        ws: [M, num_ws, w_dim].
        c: cameras [M, 25].
        side: of the pictures that the rays were drawn from, pixels.
        targets: what is known.
        config: weights.
        draws: of the samples along the rays.
    """
    options = G.config.rendering
    origins, directions = rays(c, side)
    index = targets.pixels[..., None].expand(-1, -1, 3)
    directions = directions.gather(1, index)  # [M, R, 3]
    depths = _guided_depths(targets, options, draws)
    points = origins[:, None, None] + depths[..., None] * directions[:, :, None]
    sigma, features = G.sample(planes, points.flatten(1, 2))
    sigma, features = sigma.reshape(depths.shape), features.reshape(*depths.shape, -1)
    result = rendering.composite(depths, sigma, features, white_background=options.white_background)
    color = G.raw_image(result.features.transpose(1, 2)[..., None], ws)[..., 0].transpose(1, 2)
    error = color - targets.color
    change = error[0::2] - error[1::2]
    opaque = targets.mask > _OPAQUE
    depth_error = (result.depth - targets.depth).abs() * opaque
    weight = targets.weight
    return {
        "color": (error.abs().mean(-1) * weight).mean(),
        "color squared": config.l2 * (error.square().mean(-1) * weight).mean(),
        "change": (
            (config.change * change.abs() + config.change_squared * change.square()).mean(-1)
            * weight[0::2]
        ).mean(),
        "opacity": config.opacity * _mask_error(result.opacity, targets.mask),
        "depth": config.depth * depth_error.mean(),
        "occupancy": config.occupancy * _occupancy(sigma, depths, targets),
    }


def _mask_error(opacity: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy: unlike a difference it still pulls where a ray is all but empty; there the
    density has hardly any slope, and would otherwise never come back."""
    opacity = opacity.clamp(1e-4, 1 - 1e-4)
    # Written out, because torch's own raises an error for a NaN, which a diverged run meets.
    return -(mask * opacity.log() + (1 - mask) * (1 - opacity).log()).mean()


def _occupancy(sigma: Tensor, depths: Tensor, targets: Targets) -> Tensor:
    """Asks for emptiness in front of the surface and beside the head, and for matter just below
    the surface; in softplus of sigma, scaled so that its turn lies at a clear surface's density."""
    behind = depths - targets.depth[..., None]
    opaque = (targets.mask > _OPAQUE)[..., None]
    beside = (targets.mask < 1 - _OPAQUE)[..., None]
    free = (opaque & (behind < -0.02)) | beside
    solid = opaque & (behind > 0.004) & (behind < 0.06)
    logit = sigma / 16 - 1.5
    return (F.softplus(logit) * free).mean() + 1.5 * (F.softplus(-logit) * solid).mean()


@dataclass(frozen=True)
class Parts:
    """A square part of each of n raw pictures, and of the final ones that come of them."""

    corner: Tensor
    """Row and column of its first pixel, int64 [n, 2]."""
    side: int
    """In pixels of the raw picture."""
    whole: int
    """Side of the raw picture."""

    @classmethod
    def draw(cls, images: Tensor, whole: int, config: WarmupLossConfig, draws: Draws) -> Parts:
        """Parts of n clips, some of them centred where its two frames differ.

        Args:
            images: both frames of each, uint8 [2n, 3, H, W].
            whole: side of the raw pictures.
            config: how large, and how many of them go where something moves.
            draws: of the places.
        """
        side, device = min(config.part, whole), images.device
        small = F.interpolate(images.float() / 127.5 - 1, (whole, whole), mode="area")
        moving = torch.multinomial(_interest(small)[1], 1, generator=draws.local)[:, 0]
        anywhere = torch.randint(whole * whole, moving.shape, generator=draws.local, device=device)
        chance = torch.rand(moving.shape, generator=draws.local, device=device)
        centre = torch.where(chance < config.part_moving, moving, anywhere)
        corner = torch.stack([centre // whole, centre % whole], dim=1) - side // 2
        return cls(corner.clamp(0, whole - side), side, whole)

    def of_frames(self, frames: int) -> Parts:
        """The same parts for each of a clip's frames, those of a clip side by side."""
        return replace(self, corner=self.corner.repeat_interleave(frames, dim=0))

    def pixels(self, scale: int = 1) -> Tensor:
        """Indices into pictures `scale` times as large as the raw one, rows first, int64
        [n, (scale * side) ** 2]."""
        steps = torch.arange(scale * self.side, device=self.corner.device)
        rows, columns = (scale * self.corner[:, k, None] + steps for k in (0, 1))
        return (rows[:, :, None] * (scale * self.whole) + columns[:, None, :]).flatten(1)

    def cut(self, pictures: Tensor) -> Tensor:
        """The parts of pictures [n, C, k * whole, k * whole]: [n, C, k * side, k * side]."""
        scale = pictures.shape[-1] // self.whole
        index = self.pixels(scale)[:, None].expand(-1, pictures.shape[1], -1)
        return pictures.flatten(2).gather(2, index).unflatten(2, (scale * self.side, -1))

    def inside(self, scale: int) -> Tensor:
        """1 where a part of a final picture is as in the whole, 0 close to where it was cut:
        float32 [n, 1, scale * side, scale * side]."""
        steps = torch.arange(self.side, device=self.corner.device)
        margin = min(_MARGIN, (self.side - 1) // 2)
        at_start, at_end = self.corner == 0, self.corner + self.side == self.whole  # [n, 2]
        far = (steps >= margin) | at_start[..., None]
        far = far & ((steps < self.side - margin) | at_end[..., None])  # [n, 2, side]
        both = (far[:, 0, :, None] & far[:, 1, None, :]).float()[:, None]
        return both.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def render_parts(
    G: Generator, planes: Tensor, ws: Tensor, c: Tensor, parts: Parts
) -> tuple[Tensor, Tensor]:
    """Feature pictures [n, C, side, side] and raw pictures [n, 3, side, side] of parts; the other
    arguments as in `Generator.render`, one of each for a part. Samples lie where they do when a
    picture is shown, so that a clip's frames differ by its motion alone."""
    options = G.config.rendering
    origins, directions = rays(c, parts.whole)
    directions = directions.gather(1, parts.pixels()[..., None].expand(-1, -1, 3))

    def field(points: Tensor) -> tuple[Tensor, Tensor]:
        return G.sample(planes, points)

    result = rendering.cast(
        field,
        origins,
        directions,
        c.new_tensor([[options.ray_start, options.ray_end]]).expand(len(c), 2),
        depth_samples=options.depth_samples,
        importance_samples=options.importance_samples,
        white_background=options.white_background,
    )
    features = result.features.transpose(1, 2).unflatten(2, (parts.side, parts.side))
    return features, G.raw_image(features, ws)


def picture_losses(
    image: Tensor, target: Tensor, inside: Tensor, config: WarmupLossConfig
) -> dict[str, Tensor]:
    """Losses of colours, of their change between a clip's two frames, and of edges at two scales.

    Args:
        image: both frames of n clips [2n, 3, H, W] in -1..1, those of a clip side by side.
        target: what they should be.
        inside: 1 where they count, [2n, 1, H, W].
        config: weights.
    """
    moving = (target[0::2] - target[1::2]).abs().mean(dim=1, keepdim=True)
    moving = F.avg_pool2d(moving, 5, stride=1, padding=2).repeat_interleave(2, dim=0)
    share = inside.mean()
    weight = inside * (1 + config.picture_moving * moving / (moving + _CLEAR_CHANGE)) / share
    error = image - target
    change = error[0::2] - error[1::2]
    losses = {
        "picture": config.picture * (error.abs() * weight).mean(),
        "picture squared": config.picture_squared * (error.square() * weight).mean(),
        "picture change": config.picture_change * (change.square() * weight[0::2]).mean(),
    }
    error = error * inside
    edges = torch.zeros((), device=image.device)
    for _ in range(2):
        for axis in (2, 3):
            edges = edges + error.diff(dim=axis).abs().mean()
        error = F.avg_pool2d(error, 2)
    losses["edges"] = config.picture * edges / share
    return losses
