"""All metrics of one generator: `METRICS` lists them, `evaluate` measures them, and `MetricReport`
holds the results."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from training.checkpoint import load_generator
from training.distributed import World
from training.metrics import consistency, distribution, published_views, sliced, truth
from training.metrics.metric_options import MetricsConfig
from training.metrics.metric_session import MetricsError, Result, Session
from training.networks.generator import Generator
from training.replacing import replacing

FORMAT = "pv3d-metrics"
VERSION = 1


@dataclass(frozen=True)
class Metric:
    """One metric."""

    description: str
    unit: str
    better: Literal["lower", "higher"]
    measure: Callable[[Session, list[str]], dict[str, Result]]
    """Measures all metrics that share it at once, from the same samples."""
    needs: tuple[str, ...] = ()
    """Settings that must be given."""


_published = published_views.measure_published
_views, _orbits = consistency.measure_views, consistency.measure_orbits

METRICS: dict[str, Metric] = {
    "identity": Metric(
        "similarity of front and side views at two times, as published",
        "cosine",
        "higher",
        _published,
        ("face_recogniser",),
    ),
    "chamfer": Metric(
        "distance between front and side surfaces at two times, as published",
        "squared distance, summed",
        "lower",
        _published,
    ),
    "warp": Metric(
        "difference between front and warped side views at two times, as published",
        "0 to 255",
        "lower",
        _published,
    ),
    "identity_face": Metric(
        "similarity of the face in front and side views",
        "cosine",
        "higher",
        _views,
        ("face_recogniser",),
    ),
    "chamfer_mean": Metric(
        "mean distance between front and side surfaces", "world units", "lower", _views
    ),
    "warp_visible": Metric(
        "difference between front and warped side views, visible pixels only",
        "0 to 1",
        "lower",
        _views,
    ),
    "flicker": Metric("change of a static scene along an orbit", "0 to 1", "lower", _orbits),
    "depth": Metric(
        "depth error against ground truth", "world units", "lower", truth.measure, ("data", "codes")
    ),
    "swd": Metric(
        "difference between the patches of pictures",
        "sliced Wasserstein distance x 1000",
        "lower",
        sliced.measure,
        ("data",),
    ),
    "fvd": Metric(
        "Fréchet video distance",
        "squared distance",
        "lower",
        distribution.measure,
        ("data", "video_detector"),
    ),
    "fid": Metric(
        "Fréchet distance of frames",
        "squared distance",
        "lower",
        distribution.measure,
        ("data", "image_detector"),
    ),
}
"""Every metric by the name that the command line takes."""


@dataclass(frozen=True)
class MetricReport:
    """The results."""

    results: dict[str, Result]
    """By metric."""
    config: MetricsConfig
    processes: int
    seconds: float

    def save(self, path: Path) -> None:
        """Writes it as JSON, whole or not at all.

        Raises:
            OSError: when it cannot be written.
        """
        settings = dataclasses.asdict(self.config)
        data: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "results": {name: self._entry(name) for name in self.results},
            "settings": settings,
            "sha256": {name: _sha256(v) for name, v in settings.items() if _is_file(v)},
            "processes": self.processes,
            "seconds": round(self.seconds, 1),
            "torch": str(torch.__version__),
        }
        text = json.dumps(data, indent=1, default=str, allow_nan=False)
        with replacing(path) as part:
            part.write_text(text + "\n", "utf-8")

    def _entry(self, name: str) -> dict[str, Any]:
        metric = METRICS[name]
        return {
            **dataclasses.asdict(self.results[name]),
            "description": metric.description,
            "unit": metric.unit,
            "better": metric.better,
        }

    def __str__(self) -> str:
        """A table: metric, value with standard error, unit, direction and samples."""
        rows = [_row(name, result) for name, result in self.results.items()]
        rows = [("metric", "value", "unit", "better", "samples"), *rows]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
        ]
        return "\n".join(line.rstrip() for line in lines)


def _row(name: str, result: Result) -> tuple[str, str, str, str, str]:
    metric = METRICS[name]
    value = "none" if result.value is None else f"{result.value:.5g}"
    if result.standard_error is not None:
        value += f" ± {result.standard_error:.1g}"
    facts = (f"{key} {number:.6g}" for key, number in result.facts.items())
    samples = ", ".join([str(result.samples), *facts])
    return name, value, metric.unit, metric.better, samples


def evaluate(config: MetricsConfig, world: World, *, G: Generator | None = None) -> MetricReport:
    """Measures a generator; every process calls it and gets the same report.

    Args:
        config: settings.
        world: this process, and the others that share the work.
        G: the generator; None loads `config.checkpoint`.

    Raises:
        MetricsError, DetectorError, DatasetError, CheckpointError: one sentence for the user.
    """
    start = time.monotonic()
    names = config.names
    _check(config, names)
    if G is None:
        G = load_generator(config.checkpoint, world.device, config.weights)
    session = Session(G, config, world)
    found: dict[str, Result] = {}
    for name in names:
        if name not in found:
            measure = METRICS[name].measure
            found |= measure(session, [n for n in names if METRICS[n].measure is measure])
    results = {name: found[name] for name in names}
    return MetricReport(results, config, world.size, time.monotonic() - start)


def _check(config: MetricsConfig, names: list[str]) -> None:
    """Checks that the metrics exist and have what they need, before hours are spent on others.

    Raises:
        MetricsError: naming everything that is missing.
    """
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        what = f"There is no metric {', '.join(unknown)}" if unknown else "No metric is chosen"
        raise MetricsError(f"{what}; there are {', '.join(METRICS)}.")
    missing = []
    for name in names:
        needed = [n for n in METRICS[name].needs if getattr(config, n) is None]
        if needed:
            options = " and ".join(f"--{need.replace('_', '-')}" for need in needed)
            missing.append(f"{name} needs {options}")
    if missing:
        raise MetricsError(f"{'; '.join(missing)}.")


def _is_file(value: object) -> bool:
    return isinstance(value, Path) and value.is_file()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
