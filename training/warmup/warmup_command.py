"""Supervised warm-up: trains a small, good model in little time, on data whose people are known.

Examples:
    python -m training.synthetic heads.zip --model ICT --people 5000 --still --shared-cameras
    python -m training.warmup --data heads.zip --out runs/warm
    python -m training.train demo --data heads.zip --start-from runs/warm/generator.safetensors

First the volume renderer is trained on random rays, then together with the super-resolution on
crops of pictures. A run can be stopped at any time and resumed with --resume.
"""

from __future__ import annotations

import copy
import logging
import math
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from training import checkpoint
from training.config import GeneratorConfig, raise_if, too_small
from training.data import Batch, DatasetError, Loader
from training.distributed import World
from training.networks.generator import Generator
from training.train.kept_settings import require_same_networks
from training.train.logs import Logs
from training.train.run_command import command, follow
from training.train.run_folder import RunFolder, TrainingState
from training.train.step import Draws
from training.train.train_config import PRESETS, RunSettings
from training.train.training_run import TrainingRun
from training.warmup import held_out, lessons
from training.warmup.known_codes import Codes, prepare
from training.warmup.optimizers import Muon, hidden_weights
from training.warmup.picture_parts import Parts, render_parts
from training.warmup.warmup_losses import Targets, WarmupLossConfig, picture_losses, ray_losses

log = logging.getLogger(__name__)

_AVERAGED = 4096
"""Number of people over whom w is averaged."""
_OF_FRAMES = "images", "cameras", "t", "depth", "mask"
"""What a batch has for each frame of a clip."""
_READS_MOTION = re.compile(r"motion_time_fuser\.(affine|motion_mlp)\b")


@dataclass(frozen=True, kw_only=True)
class WarmupConfig(RunSettings):
    """One supervised warm-up."""

    data: str
    """Data set with identity, motion, depth and mask, as made by `training.synthetic`."""
    out: str = "runs/warmup"
    start_from: str = ""
    """Checkpoint from which to initialise the generator, such as another run's
    generator.safetensors. It is assumed to read the codes, so there are no lessons."""
    held_out: str = ""
    """Data set of other people, to measure on; empty for none."""
    updates: int = 12_000
    """Updates on rays."""
    superresolution_updates: int = 6_000
    """Further updates on rays and crops of final pictures."""
    batch: int = 8
    """Pairs of frames per update."""
    lr: float = 3e-3
    """Learning rate of Adam; cosine decay after 30 % of the run, or of its stage for the
    super-resolution."""
    matrix_lr: float = 3.5
    """Factor on the learning rate of the backbone's weight matrices, which are trained by Muon."""
    density_lr: float = 4.0
    """Factor on the learning rate of the decoder, whose density spans tens of units."""
    mapping_lr: float = 100.0
    """Factor on the learning rate of the mapping, whose weights are stored 100 times as large."""
    teach: int = 4000
    """Steps of pretraining the layers that read the codes, see `training.warmup.lessons`; 0 for
    data not made by `training.synthetic`."""
    taught_lr: float = 0.2
    """Further factor on the learning rate of those layers if they were pretrained."""
    ema: float = 0.997
    """Decay of the generator's moving average."""
    compile: bool = False
    """Compile the networks with torch.compile, which needs a C++ compiler: with bfloat16, more than
    twice as fast on a CPU that supports it."""
    pairs_every: int = 3
    """One update in this many shows two frames of each clip, which teach motion; the others show
    one frame each of twice as many clips, as people are learnt the faster the more of them one
    update sees. With crops of final pictures, every update shows two frames."""
    workers: int = 1
    """Number of data-loading processes."""
    loss: WarmupLossConfig = field(default_factory=WarmupLossConfig)
    generator: GeneratorConfig = PRESETS["demo"].generator

    def __post_init__(self) -> None:
        small = too_small(
            self,
            batch=1,
            updates=0,
            superresolution_updates=0,
            teach=0,
            pairs_every=1,
            workers=0,
        )
        raise_if(self.problems() + small)

    @property
    def total(self) -> int:
        """Updates of both stages together."""
        has_second = self.generator.superresolution_layout is not None
        return self.updates + (self.superresolution_updates if has_second else 0)

    def has_pairs(self, number: int) -> bool:
        """Whether an update, counted from 0, shows two frames of each clip."""
        return number >= self.updates or number % self.pairs_every == 0

    def clips(self, updates: int) -> int:
        """Clips that this many updates show, counted as often as they are shown."""
        on_rays = min(updates, self.updates)
        return self.batch * (updates + on_rays - math.ceil(on_rays / self.pairs_every))


class Warmup(TrainingRun):
    """One run of both stages.

    Args:
        config: its settings.
        here: provides the device; the warm-up is for one process.
        folder: folder for the states.

    Raises:
        training.data.DatasetError: when the data cannot be used.
    """

    def __init__(self, config: WarmupConfig, here: World, folder: RunFolder) -> None:
        self.config = config
        side, raw = config.generator.image_resolution, config.generator.rendering.raw_resolution
        if side % raw:
            raise ValueError(
                f"The final picture, {side} px, must be a whole multiple of the raw one, {raw} px: "
                "choose another raw resolution."
            )
        data, workers = Path(config.data), config.workers
        self.loader = Loader.open(
            data, side, config.batch, mirror=False, seed=config.seed, workers=workers
        )
        first = self.loader.dataset[0]
        if first.identity is None or first.motion is None or first.depth is None:
            raise DatasetError(
                f"{config.data} has no identity, motion and depth: make a data set with "
                "`python -m training.synthetic`."
            )
        if config.teach:
            lessons.check(len(first.identity), len(first.motion), config.data)
        torch.manual_seed(config.seed)
        self.G = Generator(config.generator).to(here.device)
        self.codes = Codes.draw(len(first.identity), len(first.motion), self.G)
        self.codes.save(folder.path / "codes.safetensors")
        prepare(self.G, self.codes, lessons.changes() if config.teach else ())
        if config.start_from and not (config.resume and folder.states()):
            checkpoint.start_from(self.G, config.start_from)
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        hidden = hidden_weights(self.G)
        self.optimizers = (
            torch.optim.Adam(self._groups(hidden), config.lr, betas=(0.9, 0.99)),
            Muon(
                [
                    {
                        "params": [weight],
                        "factor": config.matrix_lr * self._factor(name),
                        "enlarges": _enlarges(name),
                    }
                    for name, weight in hidden.items()
                ]
            ),
        )
        state = TrainingState(
            {"G": self.G, "G_ema": self.G_ema},
            {"optimizer": (self.optimizers[0], self.G), "muon": (self.optimizers[1], self.G)},
        )
        if config.compile:
            self.G.backbone.synthesis.compile(dynamic=False)
            self.G.decoder.compile(dynamic=False)
            if self.G.superresolution is not None:
                self.G.superresolution.compile(dynamic=False)
        super().__init__(config, here, folder, state)

    def _groups(self, hidden: Collection[str]) -> list[dict]:
        """The parameters trained by Adam: all but the hidden weights, grouped by learning rate."""
        groups: defaultdict[tuple[float, bool], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in self.G.named_parameters():
            if name not in hidden:
                groups[self._factor(name), _enlarges(name)].append(parameter)
        return [
            {"params": found, "factor": factor, "enlarges": enlarges}
            for (factor, enlarges), found in groups.items()
        ]

    def _factor(self, name: str) -> float:
        """Factor on the learning rate of a parameter."""
        config = self.config
        if name.startswith("decoder."):
            return config.density_lr
        taught = config.taught_lr if config.teach else 1.0
        if name.startswith("backbone.mapping.fc"):
            return taught * config.mapping_lr
        return taught if _READS_MOTION.search(name) else 1.0

    @property
    def total(self) -> int:
        return self.config.total

    def prepare(self) -> bool:
        """Pretrains the layers that read the codes in a new run, with a progress bar. If it is
        interrupted, the run starts over."""
        steps = self.config.teach
        if self.state.update or not steps or self.config.start_from:
            return True
        draws = Draws((self.config.seed, 0, 1), self.world.device)
        with tqdm(total=lessons.length(self.G, steps), unit="step", desc="Lessons") as bar:
            for what in lessons.teach_heads(self.G, self.codes, steps, draws):
                if self.stopping:
                    return False
                bar.set_postfix_str(what, refresh=False)
                bar.update()
        self.G_ema.load_state_dict(self.G.state_dict())
        return True

    def update(self) -> dict[str, float]:
        """One update of the current stage."""
        config, number = self.config, self.state.update
        on_rays = number < config.updates
        position = config.clips(number)
        if self.loader.position != position:  # the run continues where another stopped
            self.loader.close()
            self.loader.position = position
        draws = Draws((config.seed, number), self.world.device)
        batch = next(self.loader).to(self.world.device)
        if not config.has_pairs(number):
            batch = one_frame_each(batch, next(self.loader).to(self.world.device), draws)
        if self.G.superresolution is not None:
            self.G.superresolution.requires_grad_(not on_rays)
        losses = self._losses(batch, draws, pictures=not on_rays)
        self.G.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate(number, group["enlarges"]) * group["factor"]
            optimizer.step()
        self.codes.confine(self.G)
        self._average(number)
        self.state.update = number + 1
        return {name: value.item() for name, value in losses.items()}

    def _rate(self, number: int, enlarges: bool) -> float:
        """Learning rate of the super-resolution or of the rest: a short linear warm-up, constant up
        to 30 % of its training, then cosine decay to 2 %."""
        done, length = self._done(number, enlarges)
        share = done / max(length, 1)
        fall = 0.5 * (1 + math.cos(math.pi * max(share - 0.3, 0) / 0.7))
        return self.config.lr * min(1.0, (done + 1) / 150) * (0.02 + 0.98 * fall)

    def _done(self, number: int, enlarges: bool) -> tuple[int, int]:
        """Updates done and total updates that train the super-resolution, or the rest."""
        begin = self.config.updates if enlarges else 0
        return max(number - begin, 0), self.config.total - begin

    def _average(self, number: int) -> None:
        with torch.no_grad():
            pairs = zip(self.G_ema.parameters(), self.G.named_parameters(), strict=True)
            for average, (name, parameter) in pairs:
                if parameter.requires_grad:
                    done, _ = self._done(number, _enlarges(name))
                    keep = min(self.config.ema, 1 - 1 / (0.1 * done + 1))  # early values fade fast
                    average.lerp_(parameter, 1 - keep)

    @torch.no_grad()
    def _average_w(self) -> None:
        """Computes the average person, towards which truncation pulls."""
        z = Draws((self.config.seed,), self.world.device).normal(_AVERAGED, self.G_ema.config.z_dim)
        self.G_ema.backbone.mapping.w_avg.copy_(self.G_ema.mapping(z)[:, 0].mean(dim=0))

    def scene(self, batch: Batch, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """ws, planes and cameras of the 2n frames of a batch, [2n, ...] each."""
        assert batch.identity is not None
        assert batch.motion is not None
        config, count = self.config.generator, len(batch.identity)
        noise = draws.normal(count, config.z_dim).repeat_interleave(2, dim=0)
        ws = self.G.mapping(self.codes.z(_of_frames(batch.identity), noise))
        noise = draws.normal(count, config.motion_dim).repeat_interleave(2, dim=0)
        z_motion = self.codes.z_motion(_of_frames(batch.motion), noise)
        with self.autocast():
            planes = self.G.planes(ws, z_motion, batch.t.flatten(0, 1))
        return ws, planes.float(), batch.cameras.flatten(0, 1)

    def _losses(self, batch: Batch, draws: Draws, pictures: bool) -> dict[str, Tensor]:
        """Losses of random rays and, on request, of crops of final pictures."""
        config = self.config.loss
        assert batch.identity is not None
        if batch.identity.ndim == 3:  # a pair's frames have nothing in common
            config = replace(config, moving=0.0, change=0.0, change_squared=0.0)
        targets = Targets.draw(batch, config, draws)
        ws, planes, c = self.scene(batch, draws)
        side = batch.images.shape[-1]
        losses = ray_losses(self.G, planes, ws, c, side, targets, config, draws)
        if not pictures:
            return losses
        assert self.G.superresolution is not None
        whole = self.config.generator.rendering.raw_resolution
        # Both frames of every other clip, as the extent of motion is hard to learn.
        own = torch.arange(len(c), device=c.device).unflatten(0, (-1, 2))
        own = own[self.state.update % min(2, len(own)) :: 2].flatten()
        images = batch.images.flatten(0, 1)[own]
        parts = Parts.draw(images, whole, config, draws).of_frames(2)
        features, raw = render_parts(self.G, planes[own], ws[own], c[own], parts)
        with self.autocast():
            image = self.G.superresolution(features, raw, ws[own, -1], whole)
        target = parts.cut(images).float() / 127.5 - 1
        inside = parts.inside(side // whole)
        return losses | picture_losses(image.float(), target, inside, config)

    def write_generator(self) -> None:
        """Writes the averaged generator."""
        self._average_w()
        notes = f"Supervised warm-up, {self.state.update} updates."
        checkpoint.save(self.folder.generator, self.G_ema, notes=notes)


def _enlarges(name: str) -> bool:
    """Whether a parameter is of the super-resolution."""
    return name.startswith("superresolution.")


def one_frame_each(first: Batch, second: Batch, draws: Draws) -> Batch:
    """A batch of pairs of two people: a random frame of each of the N clips of two batches.

    Its identity and motion have numbers for each frame, [N, 2, ...].
    """
    clip = torch.arange(len(first.images), device=first.images.device)
    parts = []
    for batch in (first, second):
        frame = torch.randint(2, clip.shape, generator=draws.local, device=clip.device)
        parts.append(
            {
                name: values[clip, frame] if name in _OF_FRAMES else values
                for name in (*_OF_FRAMES, "identity", "motion")
                if (values := getattr(batch, name)) is not None
            }
        )
    return replace(first, **{name: torch.stack([p[name] for p in parts], 1) for name in parts[0]})


def _of_frames(numbers: Tensor) -> Tensor:
    """Numbers [N, K] of clips, or [N, 2, K] of their frames, for each frame [2N, K]."""
    return numbers.flatten(0, 1) if numbers.ndim == 3 else numbers.repeat_interleave(2, dim=0)


def train(config: WarmupConfig, here: World) -> None:
    """Trains for one session of a run, with a progress bar and logs.

    Raises:
        RunError: when the run's folder cannot be used.
        training.data.DatasetError: when the data cannot be used.
    """
    folder = RunFolder(config.out)
    if config.resume:
        require_same_networks(folder, config, lambda settings: [Generator(settings.generator)])
    folder.begin(config, config.resume)
    warmup = Warmup(config, here, folder)

    def log_samples(logs: Logs, _: dict[str, float]) -> None:
        number = warmup.state.update
        if number % config.save_every:
            return
        logs.samples(number, warmup.G_ema)
        if config.held_out:
            found = held_out.measure(warmup.G_ema, warmup.codes, Path(config.held_out))
            logs.numbers(number, found)

    try:
        follow(warmup, config.log_every, log_samples)
    finally:
        warmup.loader.close()


def main(arguments: list[str] | None = None) -> int:
    """Trains as the command line says; the exit status is 1 if there is something that the user
    must fix."""
    prog = "python -m training.warmup"
    return command(WarmupConfig(data=""), arguments, train, prog, __doc__)
