"""Settings of a training run. The dataclass makes the command line, and its JSON is kept in the
run's folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from training.config import (
    DiscriminatorConfig,
    GeneratorConfig,
    RenderingConfig,
    raise_if,
    too_small,
)

AmpPrecision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class LossConfig:
    """Weights and intervals of the losses."""

    image_weight: float = 1.0
    """Weight of the image discriminator's losses."""
    video_weight: float = 0.65
    """Weight of the video discriminator's losses."""
    r1_gamma: float = 2.0
    """Weight of the R1 penalty; half of it times the squared gradient norm."""
    r1_interval: int = 16
    """Updates between R1 steps; the penalty is multiplied by it."""
    density_weight: float = 0.6
    """Weight of the density regularisation."""
    density_interval: int = 4
    """Updates between density steps; the loss is multiplied by it."""
    density_points: int = 1000
    """Points at which density is compared with its neighbourhood."""
    density_distance: float = 0.004
    """Standard deviation of the neighbours' offsets, world units."""
    swap_start: float = 1.0
    """Probability at the start that the mapping sees another clip's camera."""
    swap_end: float = 0.5
    """That probability after `swap_kimg`."""
    swap_kimg: float = 1000.0
    """Thousands of clips over which it falls."""
    blur_sigma: float = 10.0
    """Blur of the image discriminator's input at the start, pixels."""
    blur_kimg: float = 200.0
    """Thousands of clips over which the blur vanishes, for a micro-batch of 32 and in proportion to
    it: the published run counts the clips of one GPU, which corresponds to a micro-batch here."""
    raw_start: int | None = None
    """Raw resolution at the start, pixels; None for the final one from the beginning."""
    raw_kimg: float = 1000.0
    """Thousands of clips over which the raw resolution rises to the final one."""
    times_at_frames: bool = False
    """Generate pairs only at the 16 times of a clip's frames, as real pairs are, rather than at any
    time in the clip."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam's settings, adjusted for lazy regularisation as the published ones are."""

    g_lr: float = 0.002
    """Learning rate of the generator."""
    g_beta2: float = 0.99 ** (4 / 5)
    """Decay of the generator's second moments."""
    d_lr: float = 0.002 * 16 / 17
    """Learning rate of both discriminators."""
    d_beta2: float = 0.99 ** (16 / 17)
    """Decay of the discriminators' second moments."""
    ema_kimg: float = 10.0
    """Half-life of the generator's moving average in thousands of clips, for a batch of 32 and in
    proportion to it."""
    ema_ramp_up: float = 0.05
    """Bounds the half-life to this fraction of the clips seen so far, so that the average forgets
    the beginning."""
    w_avg_beta: float = 0.998
    """Decay of the running mean of w."""


@dataclass(frozen=True)
class ScoreConfig:
    """How the averaged generator is scored during a run; the best one is saved."""

    metric: Literal["swd", "fid", "fvd"] = "swd"
    """As in `python -m training.metrics`; swd compares patches and needs no detector."""
    samples: int = 1000
    """Generated pictures, or clips for fid and fvd."""
    detector: str = ""
    """The network that fid or fvd needs: see --video-detector and --image-detector of `python -m
    training.metrics --help`."""
    run_torchscript: bool = False
    """Allow a detector in a TorchScript file, which is a program that runs on this machine."""
    held_out_share: float = 0.0
    """Fraction of the data set's people, 0 to below 1, who are left out of training and used for
    scores, such as 0.02; 0 scores against the training data. Clips count as one person if their
    names agree up to the first underscore."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings that all training runs have."""

    out: str = "runs/new"
    """Folder of the run."""
    resume: bool = False
    """Continue from the newest state in the folder."""
    seed: int = 0
    """Seed of the weights and of every random draw: runs with the same seed are the same."""
    precision: AmpPrecision = "float32"
    """Number format of the convolutions."""
    compile: bool = False
    """Compile the networks with torch.compile, which needs a C++ compiler, or Triton on a GPU."""
    device: str = "auto"
    """Where to train; auto is the process's GPU, or the CPU if there is none."""
    log_every: int = 20
    """Updates between log entries."""
    save_every: int = 500
    """Updates between saved states."""
    keep: int = 2
    """Number of states to keep, the newest ones."""
    stop_after: int | None = None
    """Updates after which this session stops; it can be resumed."""

    def problems(self) -> list[str]:
        """Sentences on values that are too small."""
        return too_small(self, log_every=1, save_every=1, keep=1, seed=0)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunSettings):
    """One training run."""

    data: str = ""
    """Data set: a folder or a stored zip of clips, or VoxCeleb's published layout."""
    start_from: str = ""
    """Checkpoint from which to initialise the generator: ours, PV3D's or EG3D's. A published PV3D
    checkpoint also provides the discriminators and the optimisers' states."""
    begin_at: int = 0
    """Updates that count as done when the run begins, for runs that start from a trained
    checkpoint: the schedules of blur, camera swapping and raw resolution start there."""
    updates: int = 300_000
    """Updates in all."""
    batch: int = 32
    """Clips per update, over all processes."""
    micro_batch: int = 4
    """Clips that go through the networks at once; must divide the batch. Results depend on it, but
    not on the number of processes that share the micro-batches."""
    flip: bool = True
    """Mirror clips, with their cameras, with probability 1/2."""
    random_noise: bool = True
    """Draw new noise for the layers instead of using the stored maps."""
    precision: AmpPrecision = "float32"
    """Number format of the convolutions in the super-resolution and in the discriminators' finest
    blocks; all else, and all weights, stay float32."""
    half_backbone: bool = False
    """Use that format in the backbone as well, which the published run computes in float32."""
    checkpointing: bool = False
    """Recompute activations in the backward pass instead of keeping them (gradient checkpointing):
    less memory, about a third more time, the same results."""
    channels_last: bool = False
    """Store pictures channels-last, which is faster on tensor cores."""
    workers: int = 2
    """Data-loading processes for each training process."""
    log_every: int = 10
    keep: int = 3
    sample_every: int = 500
    """Updates between sheets of samples; 0 for none."""
    score_every: int = 1000
    """Updates between scores of the averaged generator; 0 for none. The first and the last update
    are scored too."""
    profile: int | None = None
    """Update of this session, from 1, to profile: kernels and memory go into the run's folder, for
    chrome://tracing or https://ui.perfetto.dev. Choose one after the first, which does the
    set-up."""
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)

    def __post_init__(self) -> None:
        problems = self.problems() + too_small(self, updates=1, batch=1, micro_batch=1)
        problems += too_small(self, begin_at=0, sample_every=0, score_every=0, workers=0)
        of_loss = too_small(self.loss, r1_interval=1, density_interval=1)
        of_score = too_small(self.score, samples=2)
        problems += [f"loss.{text}" for text in of_loss] + [f"score.{text}" for text in of_score]
        if self.micro_batch == 1 and max(self.loss.swap_start, self.loss.swap_end) > 0:
            problems.append(
                "micro_batch is 1, and the mapping's cameras are swapped between the clips of a "
                "micro-batch: it must be at least 2, or loss.swap_start and loss.swap_end 0"
            )
        if not 0 <= self.score.held_out_share < 1:
            share = self.score.held_out_share
            problems.append(f"score.held_out_share is {share}; it must be 0 to below 1")
        if self.micro_batch > 0 and self.batch % self.micro_batch:
            problems.append(
                f"batch {self.batch} is not a multiple of micro_batch {self.micro_batch}"
            )
        sides = self.generator.image_resolution, self.discriminator.resolution
        if sides[0] != sides[1]:
            problems.append(
                f"the generator makes {sides[0]} px pictures, the discriminator takes {sides[1]} px"
            )
        group = self.discriminator.group_size
        for what, count in (("pictures", 2 * self.micro_batch), ("clips", self.micro_batch)):
            if count % min(group, max(count, 1)):
                problems.append(
                    f"a micro-batch of {count} {what} cannot be split into groups of {group}"
                )
        raise_if(problems)


_RES64 = TrainConfig(batch=16, micro_batch=2, precision="float16")
_SMALL = GeneratorConfig(
    z_dim=64,
    w_dim=64,
    plane_resolution=32,
    plane_channels=8,
    channel_base=512,
    channel_max=32,
    motion_dim=64,
    decoder_hidden=16,
    feature_channels=8,
    superresolution="2X",
    superresolution_channels=(16, 8),
    rendering=RenderingConfig(16, 16, 16, white_background=True),
)
_DEMO = GeneratorConfig(
    z_dim=256,
    w_dim=512,
    plane_resolution=128,
    plane_channels=16,
    channel_base=4096,
    channel_max=256,
    motion_dim=256,
    decoder_hidden=64,
    feature_channels=32,
    superresolution="4X",
    superresolution_channels=(64, 32),
    rendering=RenderingConfig(64, 24, 24, white_background=True),
)

PRESETS: dict[str, TrainConfig] = {
    "voxceleb-res64": _RES64,
    "voxceleb-res128": replace(
        _RES64,
        generator=GeneratorConfig(rendering=RenderingConfig(raw_resolution=128)),
        loss=LossConfig(raw_start=64),
    ),
    "demo": TrainConfig(
        updates=100_000,
        batch=16,
        random_noise=False,  # the warm-up trains the stored maps
        generator=_DEMO,
        discriminator=DiscriminatorConfig(resolution=256, channel_base=8192, channel_max=256),
    ),
    "tiny": TrainConfig(
        updates=400,
        batch=4,
        workers=0,
        save_every=100,
        sample_every=100,
        score_every=100,
        generator=_SMALL,
        discriminator=DiscriminatorConfig(resolution=128, channel_base=512, channel_max=32),
        loss=LossConfig(blur_sigma=4.0, blur_kimg=0.5, swap_kimg=2.0),
        score=ScoreConfig(samples=200),
    ),
}
"""Runs by name: the published ones, the bundled demo model's, and one for a laptop's CPU."""

DESCRIPTIONS: dict[str, str] = {
    "voxceleb-res64": "The published model for VoxCeleb: 512 px, volume rendering at 64 px.",
    "voxceleb-res128": "The same with volume rendering rising from 64 to 128 px.",
    "demo": "The size of the bundled model: 256 px, for synthetic heads after `training.warmup`.",
    "tiny": "128 px in minutes on a laptop's CPU, to try a data set or the program out.",
}
"""Descriptions of the presets, in the order in which they are listed."""
