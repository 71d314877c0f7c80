"""One update of PV3D's training: four phases, each of which computes losses on micro-batches.

Every random draw comes from generators seeded by (seed, update, phase, micro-batch), so results do
not depend on restarts or on the number of processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from training.data.times import draw_times
from training.networks.discriminators import (
    ImageDiscriminator,
    VideoDiscriminator,
    frame_pairs,
    resize,
)
from training.networks.generator import Generator
from training.rendering import Jitter
from training.train import losses
from training.train.train_config import TrainConfig

T = TypeVar("T")
Phase = Literal["Gmain", "Greg", "Dmain", "Dreg"]
PHASES: tuple[Phase, ...] = ("Gmain", "Greg", "Dmain", "Dreg")
"""The phases in the order in which they run; the two regularisations do not run at every update."""


@dataclass(frozen=True)
class Clips:
    """A micro-batch of n clips, two frames each, clip by clip."""

    images: Tensor
    """[2n, 3, H, W] in -1..1."""
    c: Tensor
    """Cameras [2n, 25]."""
    t: Tensor
    """Times [2n, 1]."""


@dataclass(frozen=True)
class Outcome:
    """The result of one phase on a micro-batch."""

    losses: dict[str, Tensor]
    """Scalars by name; their sum is minimised."""
    logits: dict[str, Tensor] = field(default_factory=dict)
    """Mean logits of the discriminators by name, for the logs: they are far apart where a
    discriminator easily tells real from generated."""
    w_sum: Tensor | None = None
    """Sum of w over the generated clips [w_dim], for its running mean."""


@dataclass(frozen=True)
class Schedule:
    """Settings that change during training, at one update."""

    swap_probability: float
    blur_sigma: float
    raw_resolution: int

    @classmethod
    def at(cls, update: int, config: TrainConfig) -> Schedule:
        """Values at an update, counted from 0."""
        loss, kimg = config.loss, update * config.batch / 1000
        final = config.generator.rendering.raw_resolution
        raw_start = final if loss.raw_start is None else loss.raw_start
        return cls(
            losses.ramp(kimg, loss.swap_start, loss.swap_end, loss.swap_kimg),
            losses.ramp(kimg, loss.blur_sigma, 0.0, loss.blur_kimg * config.micro_batch / 32),
            round(losses.ramp(kimg, raw_start, final, loss.raw_kimg)),
        )


class Draws:
    """Random numbers of one phase of one micro-batch."""

    def __init__(self, key: tuple[int, ...], device: torch.device) -> None:
        state = np.random.SeedSequence(key).generate_state(2, np.uint64)
        self.device = device
        self.cpu = torch.Generator().manual_seed(int(state[0] >> 1))
        """For the few draws that determine what is generated: the same on every device."""
        self.local = torch.Generator(device).manual_seed(int(state[1] >> 1))
        """For the many draws along the rays and in the layers."""
        self.jitter: Jitter = self.local
        """Where samples lie within their intervals along the rays."""

    def normal(self, *shape: int) -> Tensor:
        """Codes of this shape, N(0, 1)."""
        return torch.randn(shape, generator=self.cpu).to(self.device)

    def times(self, count: int, at_frames: bool) -> Tensor:
        """Times of generated pairs [count, 2, 1], see `draw_times`."""
        return draw_times(self.cpu, count, at_frames=at_frames).to(self.device)

    def points(self, *shape: int) -> Tensor:
        """Uniform points in a cube, [*shape, 3] in -1..1."""
        return 2 * torch.rand((*shape, 3), generator=self.local, device=self.device) - 1

    def offsets(self, *shape: int) -> Tensor:
        """Offsets to nearby points, N(0, 1) [*shape, 3]."""
        return torch.randn((*shape, 3), generator=self.local, device=self.device)


class Step:
    """The losses of each phase; `D_image` judges single frames, `D_video` pairs of frames."""

    def __init__(
        self,
        config: TrainConfig,
        G: Generator,
        D_image: ImageDiscriminator,
        D_video: VideoDiscriminator,
    ) -> None:
        self.config = config
        self.G, self.D_image, self.D_video = G, D_image, D_video
        self.compute: dict[Phase, Callable[[Clips, Tensor, Schedule, Draws], Outcome]] = {
            "Gmain": self.generator_main,
            "Greg": self.generator_density,
            "Dmain": self.discriminator_main,
            "Dreg": self.discriminator_r1,
        }

    def interval(self, phase: Phase) -> int:
        """Number of updates between two runs of the phase."""
        loss = self.config.loss
        return {"Greg": loss.density_interval, "Dreg": loss.r1_interval}.get(phase, 1)

    def autocast(self, enabled: bool = True) -> contextlib.AbstractContextManager:
        """Convolutions in the run's number format, or in float32 where it is not `enabled`."""
        if self.config.precision == "float32" or not enabled:
            return contextlib.nullcontext()
        return torch.autocast(self.G.device.type, getattr(torch, self.config.precision))

    def _checkpointed(self, compute: Callable[[], T], draws: Draws | None = None) -> T:
        """The result of `compute`. With gradient checkpointing its activations are discarded, and
        it runs again in the backward pass, with the same draws."""
        if not (self.config.checkpointing and torch.is_grad_enabled()):
            return compute()
        local = None if draws is None else draws.local
        before = None if local is None else local.get_state()

        def again() -> T:
            if local is not None and before is not None:
                local.set_state(before)
            return compute()

        return checkpoint(again, use_reentrant=False)  # pyright: ignore[reportReturnType]

    def _times(self, c: Tensor, draws: Draws) -> Tensor:
        """Times [2n, 1] of generated clips, one for each camera in c [2n, 25]."""
        return draws.times(c.shape[0] // 2, self.config.loss.times_at_frames).reshape(-1, 1)

    def _planes(self, c: Tensor, t: Tensor, schedule: Schedule, draws: Draws):
        """ws and planes of random people and motions, for cameras c [2n, 25] and times
        t [2n, 1]."""
        config, count = self.config.generator, c.shape[0] // 2
        z = draws.normal(count, config.z_dim).repeat_interleave(2, dim=0)
        z_motion = draws.normal(count, max(config.motion_dim, 1)).repeat_interleave(2, dim=0)
        c0 = losses.swapped_cameras(c, schedule.swap_probability, draws.cpu)
        noise = draws.local if self.config.random_noise else "const"
        ws = self.G.mapping(z, c0)
        moves = z_motion if config.has_motion else None

        def planes() -> Tensor:
            with self.autocast(self.config.half_backbone):
                return self.G.planes(ws, moves, t, noise=noise).float()

        return ws, self._checkpointed(planes, draws)

    def _fake(self, c: Tensor, schedule: Schedule, draws: Draws):
        """Frames of generated clips: ws, images [2n, 3, H, W], raw images [2n, 3, h, w],
        t [2n, 1]."""
        t = self._times(c, draws)
        ws, planes = self._planes(c, t, schedule, draws)

        def pictures() -> tuple[Tensor, Tensor]:
            resolution = schedule.raw_resolution
            raw = self.G.render(planes, ws, c, resolution=resolution, jitter=draws.jitter)
            with self.autocast():
                return self.G.superresolve(raw, ws).float(), raw.image.float()

        image, raw = self._checkpointed(pictures, draws)
        return ws, image, raw, t

    def _judge(self, image: Tensor, raw: Tensor, c: Tensor, t: Tensor, sigma: float):
        """Logits of both discriminators, [2n, 1] and [n, 1], for pictures blurred by sigma."""
        image = losses.blur(image, sigma)

        def image_logits() -> Tensor:
            with self.autocast():
                return self.D_image(image, raw, c).float()

        def video_logits() -> Tensor:
            with self.autocast():
                return self.D_video(frame_pairs(image, t), c.reshape(-1, 50)).float()

        return self._checkpointed(image_logits), self._checkpointed(video_logits)

    def _real_raw(self, images: Tensor, schedule: Schedule) -> Tensor:
        """Real frames at the raw resolution, blurred like the final ones."""
        return losses.blur(resize(images, schedule.raw_resolution), schedule.blur_sigma)

    def generator_main(self, clips: Clips, c: Tensor, schedule: Schedule, draws: Draws) -> Outcome:
        """The generator's adversarial losses against both discriminators."""
        del clips
        _, image, raw, t = self._fake(c, schedule, draws)
        logits = self._judge(image, raw, c, t, schedule.blur_sigma)
        weight = self.config.loss
        return Outcome(
            {
                "G/image": weight.image_weight * losses.generator_loss(logits[0]),
                "G/video": weight.video_weight * losses.generator_loss(logits[1]),
            }
        )

    def generator_density(
        self, clips: Clips, c: Tensor, schedule: Schedule, draws: Draws
    ) -> Outcome:
        """Density regularisation at random points of the box."""
        del clips
        loss = self.config.loss
        t = self._times(c, draws)
        _, planes = self._planes(c, t, schedule, draws)
        shape = c.shape[0], loss.density_points
        points = draws.points(*shape)
        nearby = points + loss.density_distance * draws.offsets(*shape)
        sigma = self.G.sample(planes, torch.cat([points, nearby], dim=1))[0]
        change = losses.density_loss(*sigma.chunk(2, dim=1))
        return Outcome({"G/density": loss.density_weight * loss.density_interval * change})

    def discriminator_main(
        self, clips: Clips, c: Tensor, schedule: Schedule, draws: Draws
    ) -> Outcome:
        """The discriminators' adversarial losses."""
        with torch.no_grad():
            ws, image, raw, t = self._fake(c, schedule, draws)
        sigma = schedule.blur_sigma
        fake = self._judge(image, raw, c, t, sigma)
        real_raw = self._real_raw(clips.images, schedule)
        real = self._judge(clips.images, real_raw, clips.c, clips.t, sigma)
        weight = self.config.loss
        logits = {"real image": real[0], "real video": real[1]}
        logits |= {"generated image": fake[0], "generated video": fake[1]}
        return Outcome(
            {
                "D/image": weight.image_weight * losses.discriminator_loss(real[0], fake[0]),
                "D/video": weight.video_weight * losses.discriminator_loss(real[1], fake[1]),
            },
            {name: found.detach().mean() for name, found in logits.items()},
            ws[:, 0].sum(dim=0),
        )

    def discriminator_r1(
        self, clips: Clips, c: Tensor, schedule: Schedule, draws: Draws
    ) -> Outcome:
        """R1 on real frames and pairs, in float32, as squared gradients overflow float16."""
        del c, draws
        loss = self.config.loss
        images = losses.blur(clips.images, schedule.blur_sigma)
        raw = self._real_raw(clips.images, schedule).requires_grad_()
        pairs = frame_pairs(images, clips.t).requires_grad_()
        images = images.detach().requires_grad_()
        # Calls `forward` directly: torch.compile does not support second derivatives.
        image_logits = self.D_image.forward(images, raw, clips.c)
        video_logits = self.D_video.forward(pairs, clips.c.reshape(-1, 50))
        image_penalty = losses.r1_penalty(image_logits, [images, raw])
        video_penalty = losses.r1_penalty(video_logits, [pairs])
        scale = loss.r1_gamma / 2 * loss.r1_interval
        return Outcome(
            {
                "D/image R1": scale * loss.image_weight * image_penalty.mean(),
                "D/video R1": scale * loss.video_weight * video_penalty.mean(),
            }
        )
