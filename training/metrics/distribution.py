"""FVD and FID: generated clips against real ones, as distributions of features.

The protocol of PV3D (arXiv 2212.06384): 5,000 clips of 16 frames with cameras of the data set.
Pictures are compared at the smaller of the generator's and the data set's resolutions, and as
8-bit ones on both sides.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.data.clips import INDEX_NAME
from training.data.source import ClipError, ClipSource
from training.data.voxceleb import LIST_NAME
from training.metrics.clip_windows import draw_codes, generate
from training.metrics.detectors import IMAGE, VIDEO, Detector
from training.metrics.frechet import Moments, frechet_distance
from training.metrics.metric_session import MetricsError, Result, Session
from training.replacing import replacing
from training.user_folders import user_folder

logger = logging.getLogger(__name__)

CACHE_VERSION = 2
"""Increased whenever the computation of the statistics changes."""
_READERS = 4
"""Threads that decode real clips."""

T = TypeVar("T")


def measure(session: Session, names: list[str]) -> dict[str, Result]:
    """fvd, fid or both, from the same clips.

    Raises:
        MetricsError: when a detector or the data set is missing or has too few clips.
        DetectorError, DatasetError: when one is unusable.
    """
    config, world = session.config, session.world
    detectors: dict[str, Detector] = {}
    if "fvd" in names:
        detectors["fvd"] = session.detector(config.video_detector, VIDEO)
    if "fid" in names:
        detectors["fid"] = session.detector(config.image_detector, IMAGE)
    side = min(session.source.resolution, session.G.config.image_resolution)
    real = real_moments(session, detectors, side)
    few = [name for name in names if real[name].count < 2]
    if few:
        raise MetricsError(f"{config.data} has too few usable clips for {' and '.join(few)}.")
    fake = {name: Moments(detector.dim) for name, detector in detectors.items()}
    for numbers in session.batches(config.clips, "generated clips"):
        cameras = np.stack([session.windows.cameras(k) for k in numbers])
        clips = generate(
            session.G,
            draw_codes(session.G, config.seed, numbers),
            torch.from_numpy(cameras).to(session.G.device),
            side=side,
            truncation_psi=config.truncation_psi,
        )
        _add(fake, detectors, clips)
    results = {}
    for name in names:
        generated = fake[name].over(world)
        value = frechet_distance(real[name], generated)
        results[name] = Result(value, generated.count, facts={"real": real[name].count})
    return results


def _add(moments: dict[str, Moments], detectors: dict[str, Detector], clips: Tensor) -> None:
    """Adds clips uint8 [N, T, 3, H, W]: as a whole for fvd, frame by frame for fid."""
    for name, detector in detectors.items():
        features = detector(clips if name == "fvd" else clips.flatten(0, 1))
        if not features.isfinite().all():
            raise MetricsError(f"The {detector.kind.name} gives numbers that are not finite.")
        moments[name].add(features)


def real_moments(session: Session, detectors: dict[str, Detector], side: int) -> dict[str, Moments]:
    """Statistics of real clips of `side` pixels for the detector of each metric, "fvd" or "fid"; in
    every process, from the cache if possible."""
    world = session.world
    facts = {"version": CACHE_VERSION, "clips": session.config.clips, "side": side}
    paths = {
        name: cache_path(session, name, metric=name, detector=detector.sha256, **facts)
        for name, detector in detectors.items()
    }
    found = {}
    for name, path in paths.items():
        kept = read_moments(path, detectors[name].dim)
        # All processes must agree, as some may not see the cache, or see it later.
        if not world.any(kept is None) and kept is not None:
            found[name] = kept
    left = {name: detector for name, detector in detectors.items() if name not in found}
    if left:
        for name, moments in _measure_real(session, left, side).items():
            found[name] = moments
            if world.first and moments.count >= 2:
                write_moments(paths[name], moments)
    return found


def _measure_real(
    session: Session, detectors: dict[str, Detector], side: int
) -> dict[str, Moments]:
    moments = {name: Moments(detector.dim) for name, detector in detectors.items()}
    numbers = session.world.share(session.config.clips)
    skipped: dict[str, str] = {}

    def read(k: int) -> Tensor | None:
        try:
            return session.windows.real_clip(k, side)
        except ClipError as error:
            if k < len(session.source.names):  # later, short clips merely run out of windows
                skipped[session.source.names[session.windows.clip(k)]] = str(error)
            return None

    batch: list[Tensor] = []
    with session.progress(len(numbers), "real clips") as bar:
        for clip in ahead(read, numbers, 2 * session.config.batch):
            bar.update()
            if clip is not None:
                batch.append(clip)
            if len(batch) == session.config.batch:
                _add(moments, detectors, torch.stack(batch))
                batch = []
    if batch:
        _add(moments, detectors, torch.stack(batch))
    if skipped:
        first, reason = next(iter(skipped.items()))
        logger.warning("%d real clips are left out, %s: %s", len(skipped), first, reason)
    return {name: part.over(session.world) for name, part in moments.items()}


def ahead(function: Callable[[int], T], numbers: Iterable[int], depth: int) -> Iterator[T]:
    """function(k) for each number, in order, computed by threads up to `depth` items ahead."""
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(_READERS)
    try:
        for k in numbers:
            waiting.append(pool.submit(function, k))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def cache_path(session: Session, name: str, **facts: object) -> Path:
    """File of a metric's statistics of real clips, named by all that they depend on: the data set,
    the seed and the stride, and further facts that JSON can hold."""
    config = session.config
    facts |= {"data": fingerprint(session.source), "seed": config.seed, "stride": config.stride}
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    return (config.cache or user_folder("cache") / "metrics") / f"{name}-{key}.safetensors"


def fingerprint(source: ClipSource) -> str:
    """Hash that identifies a data set without reading its pictures: of its path, the names of its
    clips, and the size and date of the zip file or of the index in its folder."""
    path = source.path
    facts: list[object] = [str(path.resolve()), source.resolution, source.names]
    for file in (path, path / INDEX_NAME, path / LIST_NAME):
        if file.is_file():
            stat = file.stat()
            facts += [file.name, stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def read_moments(path: Path, dim: int) -> Moments | None:
    """Cached statistics of `dim` features; None if there are no usable ones."""
    try:
        state = load_file(path)
        moments = Moments(dim)
        if state["mean"].shape != moments.mean.shape or state["scatter"].shape != (dim, dim):
            return None
        moments.count = int(state["count"])
        moments.mean, moments.scatter = state["mean"], state["scatter"]
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        return None
    return moments


def write_moments(path: Path, moments: Moments) -> None:
    """Caches statistics, as `write_tensors` does."""
    state = {
        "count": torch.tensor(moments.count),
        "mean": moments.mean.contiguous(),
        "scatter": moments.scatter.contiguous(),
    }
    write_tensors(path, state)


def write_tensors(path: Path, state: dict[str, Tensor]) -> None:
    """Caches statistics; warns if they cannot be written."""
    try:
        with replacing(path) as part:
            save_file(state, part)
    except (OSError, SafetensorError) as error:
        logger.warning("The statistics of the real clips cannot be cached: %s", error)
