"""Scores of a run's averaged generator, by which the best one is kept."""

from __future__ import annotations

from pathlib import Path

from training.distributed import World
from training.metrics import METRICS, MetricsConfig, MetricsError
from training.metrics.metric_session import Session
from training.networks.generator import Generator
from training.train.train_config import TrainConfig


class Score:
    """Measures one generator repeatedly, with the same people, cameras and real pictures.

    It uses its own random generators, so measuring does not affect training. All processes call
    it, share the work and get the same number.

    Args:
        config: of the run.
        world: this process, and the others that share the work.
        folder: the run's folder, which stores the real pictures' statistics.
        G: the averaged generator.

    Raises:
        MetricsError: when the detector that the metric needs is not given.
    """

    def __init__(self, config: TrainConfig, world: World, folder: Path, G: Generator) -> None:
        options = config.score
        self.name = options.metric
        """Name of the metric; lower is better."""
        self.of = f"{options.metric} of {options.samples} samples, seed {config.seed}"
        if options.held_out_share:
            self.of += f", {options.held_out_share:g} held out"
        """What exactly is measured: only scores of the same thing can be compared."""
        detector = Path(options.detector) if options.detector else None
        if options.metric != "swd" and detector is None:
            raise MetricsError(f"The score {options.metric} needs --score.detector.")
        measured = MetricsConfig(
            folder / "generator.safetensors",
            data=Path(config.data),
            held_out_share=options.held_out_share,
            metrics=options.metric,
            video_detector=detector,
            image_detector=detector,
            run_torchscript=options.run_torchscript,
            clips=options.samples,
            pictures=options.samples,
            batch=config.micro_batch,
            seed=config.seed,
            cache=folder / "statistics",
        )
        self._session = Session(G, measured, world, quiet=True)

    def __call__(self) -> float:
        """The score now; lower is better.

        Raises:
            MetricsError, training.metrics.detectors.DetectorError, training.data.DatasetError: when
                it cannot be measured, as a sentence.
        """
        value = METRICS[self.name].measure(self._session, [self.name])[self.name].value
        assert value is not None  # these metrics have a value for every set of pictures
        return value
