"""The training loop; read it from top to bottom.

Each update runs the phases of `training.train.step`. The batch is cut into micro-batches, which the
processes share; gradients are summed over both. No random generator's state is stored: every draw
is seeded by its position in the run, so a saved state consists of networks, optimisers and one
counter.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from training import checkpoint
from training.distributed import World
from training.networks.discriminators import ImageDiscriminator, VideoDiscriminator
from training.networks.generator import Generator
from training.reasons import first_line
from training.train import losses, published_state
from training.train.run_folder import RunError, RunFolder, TrainingState
from training.train.step import PHASES, Clips, Draws, Phase, Schedule, Step
from training.train.train_config import TrainConfig
from training.train.training_run import TrainingRun

log = logging.getLogger(__name__)


_HALF_SCALE = 2.0**12
"""Loss scale in float16; the gradients are divided by it. StyleGAN uses none, but here a quarter of
the generator's gradient was lost without it (256 px, measured against float32): most pixels'
contributions underflow. The largest was about 0.02, which even scaled is 800 times below
overflow."""


class ClipStream(Protocol):
    """The loop's data; the same update and micro-batch numbers always give the same clips."""

    def clips(self, update: int, micro_batch: int) -> Clips:
        """Real clips, on the loop's device."""
        ...

    def cameras(self, draws: Draws, count: int) -> Tensor:
        """Cameras of both frames of `count` random clips [2 * count, 25]."""
        ...


class Judge(Protocol):
    """Scores the averaged generator."""

    name: str
    """Name of the metric."""
    of: str
    """What exactly is measured: only scores of the same thing can be compared."""

    def __call__(self) -> float:
        """The score; lower is better. Every process calls it and gets the same result."""
        ...


@dataclass
class Networks:
    """The networks of a run on their device."""

    G: Generator
    G_ema: Generator
    D_image: ImageDiscriminator
    D_video: VideoDiscriminator

    @classmethod
    def build(cls, config: TrainConfig, device: torch.device, *, anew: bool = True) -> Networks:
        """New networks; the same for the same seed.

        Args:
            config: of the run.
            device: of the networks.
            anew: whether they begin a run, and so take the weights of `start_from`, if any.

        Raises:
            training.checkpoint.CheckpointError: when the weights to start from cannot be read.
        """
        torch.manual_seed(config.seed)
        G, D_image, D_video = networks_of(config)
        if config.start_from and anew:
            checkpoint.start_from(G, config.start_from)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        for module in (G, D_image, D_video):
            module.to(device, memory_format=layout)  # pyright: ignore[reportCallIssue]
        G_ema = copy.deepcopy(G).eval().requires_grad_(False)
        return cls(G, G_ema, D_image, D_video)


def networks_of(config: TrainConfig) -> tuple[Generator, ImageDiscriminator, VideoDiscriminator]:
    """Networks of the configured sizes, with random weights."""
    return (
        Generator(config.generator),
        ImageDiscriminator(config.discriminator),
        VideoDiscriminator(config.discriminator),
    )


class Trainer(TrainingRun):
    """One run.

    Args:
        config: its settings.
        data: real clips and cameras.
        world: this process among its siblings.
        folder: folder for the states.
        judge: makes a judge for the averaged generator; its scores select the best one.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: ClipStream,
        world: World,
        folder: RunFolder,
        judge: Callable[[Generator], Judge] | None = None,
    ) -> None:
        self.config, self.data = config, data
        goes_on = config.resume and bool(folder.states())
        self.networks = Networks.build(config, world.device, anew=not goes_on)
        options, nets = config.optimizer, self.networks
        self.optimizers = {
            "G": _adam(nets.G, options.g_lr, options.g_beta2),
            "D_image": _adam(nets.D_image, options.d_lr, options.d_beta2),
            "D_video": _adam(nets.D_video, options.d_lr, options.d_beta2),
        }
        modules: dict[str, nn.Module] = {name: getattr(nets, name) for name in self.optimizers}
        parts = {**modules, "G_ema": nets.G_ema}
        if config.start_from and not goes_on:
            published_state.take_over(config.start_from, parts, self.optimizers)
        state = TrainingState(
            parts,
            {f"optimizer {name}": (o, modules[name]) for name, o in self.optimizers.items()},
            update=config.begin_at,
        )
        super().__init__(config, world, folder, state)
        self.judge = judge(nets.G_ema) if judge is not None and config.score_every else None
        self.step = Step(config, nets.G, nets.D_image, nets.D_video)
        if config.compile:
            _compile([nets.G.backbone.synthesis, nets.D_image, nets.D_video], world.device)
        self._loss_scale = _HALF_SCALE if config.precision == "float16" else 1.0
        self.seconds: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
        """Time spent in each phase since the start, seconds."""

    @property
    def total(self) -> int:
        return self.config.updates

    def advance(self, number: int) -> dict[str, float]:
        with self._profiled(number):
            values = super().advance(number)
        return values | self._score() if self._is_scored() else values

    @contextlib.contextmanager
    def _profiled(self, number: int) -> Iterator[None]:
        """Profiles the block if the session's update with this number is to be profiled."""
        if number != self.config.profile or not self.world.first:
            yield
            return
        with torch.profiler.profile(profile_memory=True, record_shapes=True) as profile:
            yield
        path = self.folder.profile(self.state.update)
        profile.export_chrome_trace(str(path))
        log.info("The profile of update %d is in %s.", self.state.update, path)

    def update(self) -> dict[str, float]:
        """One update of all networks; its losses and logits by name, averaged over the batch."""
        config, number = self.config, self.state.update
        schedule = Schedule.at(number, config)
        values: dict[str, float] = {}
        for index, phase in enumerate(PHASES):
            if number % self.step.interval(phase) == 0:
                start = time.perf_counter()
                values |= self.run_phase(phase, index, number, schedule)
                self._synchronize()
                self.seconds[phase] += time.perf_counter() - start
        self._average()
        self.state.update = number + 1
        return values

    def run_phase(
        self, phase: Phase, index: int, number: int, schedule: Schedule
    ) -> dict[str, float]:
        """Forward, backward and optimiser step of one phase."""
        config, world, nets = self.config, self.world, self.networks
        names = ["G"] if phase.startswith("G") else ["D_image", "D_video"]
        modules: list[nn.Module] = [getattr(nets, name) for name in names]
        for module in (nets.G, nets.D_image, nets.D_video):
            module.requires_grad_(module in modules)
            module.zero_grad(set_to_none=True)
        count = config.batch // config.micro_batch
        totals: dict[str, Tensor] = {}
        w_sum: Tensor | None = None
        for micro in world.share(count):
            draws = Draws((config.seed, number, index, micro), world.device)
            clips = self.data.clips(number, micro)
            c = self.data.cameras(draws, config.micro_batch)
            outcome = self.step.compute[phase](clips, c, schedule, draws)
            loss = torch.stack(list(outcome.losses.values())).sum() / count
            (loss * self._loss_scale).backward()
            logits = {f"logits/{name}": value for name, value in outcome.logits.items()}
            for name, value in (outcome.losses | logits).items():
                totals[name] = totals.get(name, 0) + value.detach() / count
            if outcome.w_sum is not None:
                w_sum = outcome.w_sum if w_sum is None else w_sum + outcome.w_sum
        self._apply(names, modules)
        if w_sum is not None:
            self._average_w(w_sum)
        return self._shared(phase, totals)

    def _apply(self, names: list[str], modules: list[nn.Module]) -> None:
        """Sums gradients over the processes, replaces non-finite values as the published loop does,
        and steps the optimisers."""
        parameters = [p for module in modules for p in module.parameters() if p.grad is not None]
        gradients = [p.grad for p in parameters if p.grad is not None]
        self.world.sum_(gradients)
        for gradient in gradients:
            if self._loss_scale != 1:
                gradient /= self._loss_scale
            torch.nan_to_num(gradient, nan=0.0, posinf=1e5, neginf=-1e5, out=gradient)
        for name in names:
            self.optimizers[name].step()

    def _shared(self, phase: Phase, totals: dict[str, Tensor]) -> dict[str, float]:
        """Values summed over the processes, each of which has computed a part of the batch."""
        if self.world.size > 1 and not totals:
            raise RuntimeError(
                f"No clips of {phase} are left for a process: use fewer, or a larger batch."
            )
        tensors = [totals[name] for name in totals]
        self.world.sum_(tensors)
        return {name: tensor.item() for name, tensor in zip(totals, tensors, strict=True)}

    def _average_w(self, drawn: Tensor) -> None:
        """Updates the running mean of w, towards which truncation pulls, from a sum [w_dim]."""
        self.world.sum_([drawn])
        beta = self.config.optimizer.w_avg_beta
        average = self.networks.G.backbone.mapping.w_avg
        average.lerp_(drawn / (2 * self.config.batch), 1 - beta)

    def _average(self) -> None:
        """Updates the moving average of the generator's weights."""
        options, config = self.config.optimizer, self.config
        half_life = options.ema_kimg * config.batch / 32
        seen = self.state.update * config.batch
        keep = losses.ema_weight(config.batch, seen, half_life, options.ema_ramp_up)
        with torch.no_grad():
            ours, averages = self.networks.G.parameters(), self.networks.G_ema.parameters()
            for parameter, average in zip(ours, averages, strict=True):
                average.lerp_(parameter, 1 - keep)
            buffers = zip(self.networks.G.buffers(), self.networks.G_ema.buffers(), strict=True)
            for buffer, average in buffers:
                average.copy_(buffer)

    def write_generator(self) -> None:
        notes = f"Training, {self.state.update} updates."
        checkpoint.save(self.folder.generator, self.networks.G_ema, notes=notes)

    def _is_scored(self) -> bool:
        if self.judge is None:
            return False
        number, config = self.state.update, self.config
        # Also after the first update, so that a missing detector is noticed at once rather than
        # after hours.
        return number in (1, config.updates) or number % config.score_every == 0

    def _score(self) -> dict[str, float]:
        """The averaged generator's score by name; saves the generator if it is the best so far."""
        judge, state = self.judge, self.state
        assert judge is not None
        score = judge()
        if state.score_of != judge.of:
            state.best_score, state.score_of = None, judge.of
        if math.isfinite(score) and (state.best_score is None or score < state.best_score):
            state.best_score = score
            if self.world.first:
                self._keep_best(judge, score)
        return {f"score/{judge.name}": score}

    def _keep_best(self, judge: Judge, score: float) -> None:
        number = self.state.update
        notes = f"Training, {number} updates: the best {judge.name} so far, {score:.5g}."
        facts = {"score": repr(score), "score_of": judge.of, "update": str(number)}
        try:
            checkpoint.save(self.folder.best, self.networks.G_ema, notes=notes, metadata=facts)
        except (OSError, checkpoint.CheckpointError) as e:
            log.warning("The best generator, of update %d, is not saved: %s", number, e)

    def _synchronize(self) -> None:
        if self.world.device.type == "cuda":
            torch.cuda.synchronize(self.world.device)


def _compile(modules: list[nn.Module], device: torch.device) -> None:
    """Compiles the modules with torch.compile.

    Raises:
        RunError: when the machine lacks a compiler.
    """
    try:
        torch.compile(torch.sin)(torch.zeros(8, device=device))
    except Exception as e:  # torch has a separate error type for everything that can be missing
        needed = "Triton" if device.type == "cuda" else "a C++ compiler"
        raise RunError(
            f"--compile needs {needed}, which does not work here ({first_line(e)}); train without "
            "it."
        ) from e
    for module in modules:
        module.compile()


def _adam(module: nn.Module, lr: float, beta2: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr, betas=(0.0, beta2), eps=1e-8)
