"""Checks a data set: `python -m training.dataset check`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from training.camera import PIVOT, RADIUS, fov_from_focal
from training.data.camera_numbers import require_cameras
from training.data.sampling import open_source
from training.data.source import Annotations, ClipError, ClipSource, Problem
from training.data.times import CLIP_FRAMES
from training.data.workers import core_count
from training.terminal import report_seconds

_AT_ONCE = 16
"""Frames decoded at once, to limit memory on long clips."""
_SHOWN = 20
"""Maximum number of clips that a list in the report names."""


@dataclass(frozen=True)
class CheckOptions:
    """Check that a data set can be trained on. The exit status is 0 when every clip can be used."""

    path: Annotated[Path, tyro.conf.Positional]
    """Data set: a folder or zip with dataset.json, or the published VoxCeleb folder."""
    sample: int | None = None
    """Decode one frame of each of this many clips instead of every frame: fast, but misses most
    damage."""


@dataclass
class DataReport:
    """Findings of a check."""

    lines: list[str] = field(default_factory=list)
    """Facts for the user."""
    problems: list[Problem] = field(default_factory=list)
    """Clips that cannot be used, and why."""
    notes: list[Problem] = field(default_factory=list)
    """Clips that are usable despite a flaw, and which flaw."""

    def __str__(self) -> str:
        lines = list(self.lines)
        if self.notes:
            lines += [f"{len(self.notes)} clips are adapted:", *_shown(self.notes)]
        verdict = f"{len(self.problems)} problems:" if self.problems else "no problems"
        return "\n".join([*lines, verdict, *_shown(self.problems)])


def _shown(found: list[Problem]) -> list[str]:
    lines = [f"  {p.clip}: {p.reason}" for p in found[:_SHOWN]]
    return lines + ([f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])


def check(options: CheckOptions) -> DataReport:
    """Reads all annotations and decodes all frames, or a sample of them, with a progress bar.

    Raises:
        DatasetError: when the data set cannot be used at all.
    """
    source = open_source(options.path)
    report = DataReport(problems=list(source.problems), notes=source.notes)
    clips = len(source.names)
    sample = clips if options.sample is None else min(max(options.sample, 0), clips)
    sampled = set(np.linspace(0, clips - 1, sample).astype(int).tolist())
    cameras: list[np.ndarray] = []
    lengths: list[int] = []
    decoded = 0

    def look(clip: int) -> tuple[Annotations, int] | ClipError:
        try:
            notes = _check_clip(source, clip)
            frames = range(notes.frame_count)
            if options.sample is not None:
                frames = [notes.frame_count // 2] if clip in sampled else []
            return notes, _decode(source, clip, frames)
        except ClipError as error:
            return error

    with ThreadPoolExecutor(core_count()) as pool:
        looks = pool.map(look, range(clips))
        bar = tqdm(looks, total=clips, unit="clip", mininterval=report_seconds())
        for clip, found in enumerate(bar):
            if isinstance(found, ClipError):
                report.problems.append(Problem(source.names[clip], str(found)))
                continue
            notes, count = found
            lengths.append(notes.frame_count)
            cameras.append(notes.cameras[:: max(notes.frame_count // 4, 1)])
            decoded += count
    report.lines.append(f"{options.path}: {source.resolution} px")
    report.lines.append(f"{clips + len(source.problems)} clips, {len(lengths)} usable")
    if lengths:
        report.lines.append(
            f"{sum(lengths)} frames, {min(lengths)} to {max(lengths)} a clip; {decoded} decoded"
        )
        report.lines += camera_lines(np.concatenate(cameras).astype(np.float64))
    return report


def _check_clip(source: ClipSource, clip: int) -> Annotations:
    """The annotations of a clip, once they and its files have been checked."""
    notes = source.annotations(clip)
    if notes.t is None and notes.frame_count < CLIP_FRAMES:
        raise ClipError(f"has {notes.frame_count} frames; {CLIP_FRAMES} are needed")
    require_cameras(notes.cameras)
    source.verify(clip)
    return notes


def _decode(source: ClipSource, clip: int, frames: Sequence[int]) -> int:
    """Decodes frames to check that they can be; returns how many."""
    for start in range(0, len(frames), _AT_ONCE):
        source.pictures(clip, frames[start : start + _AT_ONCE])
    return len(frames)


def camera_lines(cameras: np.ndarray) -> list[str]:
    """Sentences on where cameras [n, 25] are and look, with notes on anything unusual."""
    poses = cameras[:, :16].reshape(-1, 4, 4)
    positions, forward = poses[:, :3, 3], poses[:, :3, 2]
    radius = np.linalg.norm(positions, axis=1)
    yaw = np.degrees(np.arctan2(positions[:, 0], positions[:, 2]))
    pitch = np.degrees(np.arcsin(np.clip(positions[:, 1] / np.maximum(radius, 1e-9), -1, 1)))
    fov = np.array([fov_from_focal(focal) for focal in cameras[:, 16]])
    pivot = np.round(nearest_point(positions, forward), 3) + 0.0  # no -0.000
    lines = [
        f"cameras: radius {_span(radius, 3)}, yaw {_span(yaw, 1)}, pitch {_span(pitch, 1)}, "
        f"field of view {_span(fov, 1)} degrees",
        "cameras look at ({:.3f}, {:.3f}, {:.3f})".format(*pivot),
    ]
    if abs(float(np.median(radius)) / RADIUS - 1) > 0.1:
        lines.append(f"note: the published models take cameras at radius {RADIUS}")
    if np.linalg.norm(pivot - np.asarray(PIVOT)) > 0.2:
        lines.append(f"note: the published cameras look at {PIVOT}")
    return lines


def nearest_point(positions: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """The point [3] with the least squared distance to lines from [n, 3] along unit [n, 3].

    A small weight on PIVOT decides where the lines do not determine it, as with a single camera.
    """
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]  # [n, 3, 3]
    weight = 1e-6 * len(positions)
    matrix = across.sum(0) + weight * np.eye(3)
    target = (across @ positions[:, :, None]).sum(0)[:, 0] + weight * np.asarray(PIVOT)
    return np.linalg.solve(matrix, target)


def _span(values: np.ndarray, digits: int) -> str:
    low, high = float(values.min()), float(values.max())
    middle = float(np.median(values))
    if f"{low:.{digits}f}" == f"{high:.{digits}f}":
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
