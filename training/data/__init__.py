"""Training data: clips on disk become endless, resumable batches of frame pairs."""

from training.data.loader import Loader
from training.data.sampling import Batch, ClipDataset, Sample, open_source
from training.data.source import ClipError, ClipSource, DatasetError, Problem
from training.data.times import CLIP_FRAMES, draw_times, pair_indices

__all__ = [
    "CLIP_FRAMES",
    "Batch",
    "ClipDataset",
    "ClipError",
    "ClipSource",
    "DatasetError",
    "Loader",
    "Problem",
    "Sample",
    "draw_times",
    "open_source",
    "pair_indices",
]
