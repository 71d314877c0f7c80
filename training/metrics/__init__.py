"""Metrics of generators: FVD, FID, identity, and the agreement of views; see `evaluate.METRICS`."""

from training.metrics.evaluate import METRICS, MetricReport, evaluate
from training.metrics.frechet import Moments, frechet_distance
from training.metrics.metric_options import MetricsConfig
from training.metrics.metric_session import MetricsError, Result

__all__ = [
    "METRICS",
    "MetricReport",
    "MetricsConfig",
    "MetricsError",
    "Moments",
    "Result",
    "evaluate",
    "frechet_distance",
]
