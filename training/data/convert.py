"""Converts videos and their cameras into the project's data set format: `training.dataset convert`.

Each video becomes one part file in a work folder beside the target; a part is complete or absent,
and named by a hash of everything that it was made from. So a conversion that was killed resumes
where it stopped and gives the same bytes as an uninterrupted one. In the end the work folder is as
large as the target.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from training.camera import FRONTAL, cropped
from training.data.camera_numbers import require_cameras
from training.data.clips import FORMAT, INDEX_NAME, VERSION
from training.data.picture_files import encode_png, resize
from training.data.source import ClipError, DatasetError, Problem
from training.data.storage import stored
from training.data.times import CLIP_FRAMES
from training.data.video import Video, open_video
from training.data.voxceleb import fit_cameras, read_cameras
from training.data.workers import core_count, settle_worker
from training.reasons import reason
from training.replacing import replacing
from training.terminal import report_seconds

VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg"}
_CLIP_NAME = "clip.json"
_SAME_RATE = 0.05
"""Frame rates whose ratio differs from 1 by less than this count as equal (23.976, 24 and 25)."""


@dataclass(frozen=True)
class ConvertOptions:
    """Convert videos into a data set. Videos that cannot be used are listed in OUT.rejects.json.
    If it is interrupted, run it again to resume."""

    videos: Annotated[Path, tyro.conf.Positional]
    """A video, or a folder that is searched for videos."""
    output: Annotated[Path, tyro.conf.Positional]
    """The .zip file to write."""
    cameras: str
    """Folder with NAME.json for each video NAME, in the published form (a list with [..., 25
    numbers] per frame), or "frontal" for the frontal camera in every frame."""
    resolution: int = 256
    """Side of the frames in pixels."""
    fps: float = 25.0
    """Frames per second; frames of faster videos are dropped."""
    crop: Literal["none", "center"] = "none"
    """What to do with videos that are not square: reject them, or crop the centre. Cameras are
    those of the whole picture; they are adjusted to the crop."""
    min_frames: int = CLIP_FRAMES
    """Shortest clip to keep, in frames at `fps`."""
    enlarge: bool = False
    """Whether videos smaller than `resolution` are enlarged instead of rejected."""
    workers: int = 0
    """Number of processes; 0 for one per core."""

    def check(self) -> None:
        """Checks the options.

        Raises:
            DatasetError: for the first invalid one.
        """
        if self.output.suffix != ".zip":
            raise DatasetError(f"The output {self.output} must end in .zip.")
        if self.output.exists():
            raise DatasetError(f"{self.output} exists already; move it away first.")
        if not self.videos.exists():
            raise DatasetError(f"There is no video and no folder at {self.videos}.")
        if self.cameras != "frontal" and not Path(self.cameras).is_dir():
            raise DatasetError(
                f'The cameras are "{self.cameras}", which is neither a folder nor "frontal".'
            )
        if not (4 <= self.resolution <= 8192 and self.fps > 0 and self.min_frames >= 1):
            raise DatasetError("resolution (4 to 8192), fps and min_frames must be positive.")


@dataclass(frozen=True)
class Converted:
    """The result of a conversion."""

    clips: int
    frames: int
    rejects: list[Problem]


@dataclass(frozen=True)
class _Job:
    """One video."""

    name: str
    video: Path
    cameras: Path | None
    """None for the frontal camera."""


def convert(options: ConvertOptions) -> Converted:
    """Writes the data set and, where videos were rejected, the list of them.

    Raises:
        DatasetError: when the options are invalid, no video is usable, or the disk is full.
    """
    options.check()
    jobs, rejects = _find_jobs(options)
    work = options.output.with_name(options.output.name + ".work")
    try:
        work.mkdir(parents=True, exist_ok=True)
        parts = {job.name: work / f"{_key(job, options)}.part" for job in jobs}
        rejects += _run(jobs, parts, options)
        _write_rejects(options.output, rejects)
        used = [parts[job.name] for job in jobs if parts[job.name].exists()]
        if not used:
            raise DatasetError(
                f"None of {len(rejects)} videos can be used; the first is {rejects[0].clip}: "
                f"{rejects[0].reason}."
            )
        frames = _assemble(used, options)
        shutil.rmtree(work)
    except OSError as error:
        raise DatasetError(
            f"The conversion stopped: {reason(error)} ({error.filename}). "
            "Fix that, then run it again to continue."
        ) from error
    except BrokenProcessPool as error:
        raise DatasetError(
            "A process of the conversion was killed, perhaps for lack of memory; run it again with "
            "fewer --workers to continue."
        ) from error
    return Converted(len(used), frames, sorted(rejects))


def _find_jobs(options: ConvertOptions) -> tuple[list[_Job], list[Problem]]:
    """All videos in order of their names, and rejects that share a name with another."""
    root = options.videos
    files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
    base = root.parent if root.is_file() else root
    jobs: dict[str, _Job] = {}
    rejects: list[Problem] = []
    for file in files:
        if file.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        name = file.relative_to(base).with_suffix("").as_posix()
        cameras = None if options.cameras == "frontal" else Path(options.cameras) / f"{name}.json"
        if name in jobs:
            rejects.append(
                Problem(file.relative_to(base).as_posix(), "has the same name as another video")
            )
        else:
            jobs[name] = _Job(name, file, cameras)
    if not jobs:
        raise DatasetError(f"There are no videos in {root}.")
    return [jobs[name] for name in sorted(jobs)], rejects


def _key(job: _Job, options: ConvertOptions) -> str:
    """Hash of everything that a part depends on."""
    facts: list[object] = [job.name, options.resolution, options.fps, options.crop]
    facts += [options.min_frames, options.enlarge]
    for file in (job.video, job.cameras):
        if file is not None and file.exists():
            stat = file.stat()
            facts += [stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _run(jobs: list[_Job], parts: dict[str, Path], options: ConvertOptions) -> list[Problem]:
    """Makes the missing parts, with a progress bar; returns the rejects."""
    left = [job for job in jobs if not parts[job.name].exists()]
    rejects: list[Problem] = []
    done, interval = len(jobs) - len(left), report_seconds()
    with tqdm(total=len(jobs), initial=done, unit="video", mininterval=interval) as bar:
        for job, problem in _results(left, parts, options):
            if problem is not None:
                rejects.append(Problem(job.name, problem))
                bar.set_postfix(rejected=len(rejects), refresh=False)
            bar.update()
    return rejects


def _results(
    jobs: list[_Job], parts: dict[str, Path], options: ConvertOptions
) -> Iterator[tuple[_Job, str | None]]:
    """Yields each finished video with the reason why it was rejected, or None."""
    workers = min(options.workers or core_count(), len(jobs))
    if workers <= 1:
        for job in jobs:
            yield job, _convert_video(job, parts[job.name], options)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=settle_worker)
    try:
        futures = {pool.submit(_convert_video, job, parts[job.name], options): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _convert_video(job: _Job, part: Path, options: ConvertOptions) -> str | None:
    """Writes the part of one video; returns the reason if it is rejected."""
    temporary = part.with_name(f"{part.name}.{os.getpid()}")
    try:
        with open_video(job.video) as video:
            numbers = frame_numbers(video.times, options.fps)
            if len(numbers) < options.min_frames:
                raise ClipError(f"is too short: {len(numbers)} frames of {options.min_frames}")
            box = square_box(video, options)
            cameras = _cameras(job, video, box)[numbers]
            require_cameras(cameras)
            with zipfile.ZipFile(temporary, "w") as archive:
                for k, picture in enumerate(video.frames(numbers.tolist())):
                    data = encode_png(resize(picture, options.resolution, box))
                    archive.writestr(f"{k:05d}.png", data)
                clip = {"name": job.name, "cameras": _rounded(cameras)}
                archive.writestr(_CLIP_NAME, json.dumps(clip))
    except ClipError as error:
        temporary.unlink(missing_ok=True)
        return str(error)
    temporary.replace(part)
    return None


def frame_numbers(times: np.ndarray, fps: float) -> np.ndarray:
    """Frames to keep for `fps` frames per second: at each time, the nearest one.

    Args:
        times: seconds of the frames, float64 [F], ascending from 0.
        fps: target frame rate.

    Returns:
        int64 [n], ascending.

    Raises:
        ClipError: when the video is slower, as the model would learn stutter from repeated frames.
    """
    length = float(times[-1])
    source = (len(times) - 1) / length if length > 0 else fps
    if abs(source / fps - 1) <= _SAME_RATE:
        return np.arange(len(times))
    if source < fps:
        raise ClipError(f"has {source:.4g} frames a second; {fps:g} are needed")
    moments = np.arange(int(length * fps + 1e-6) + 1) / fps
    return np.searchsorted((times[1:] + times[:-1]) / 2, moments)


def square_box(video: Video, options: ConvertOptions) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in stored pixels of the part to keep, which is square when shown.

    Raises:
        ClipError: when the video is not square and may not be cropped, or is too small.
    """
    width, height, aspect = video.width, video.height, video.pixel_aspect
    if abs(width * aspect / height - 1) < 0.01:
        taken = (float(width), float(height))
    elif options.crop == "center":
        side = min(width * aspect, height)
        taken = (side / aspect, side)
    else:
        raise ClipError(f"is {width} x {height} pixels, not square; --crop center takes its middle")
    if min(taken) < options.resolution and not options.enlarge:
        raise ClipError(
            f"gives only {min(taken):.0f} of {options.resolution} pixels; --enlarge allows it"
        )
    left, top = (width - taken[0]) / 2, (height - taken[1]) / 2
    return left, top, left + taken[0], top + taken[1]


def _cameras(job: _Job, video: Video, box: tuple[float, float, float, float]) -> np.ndarray:
    """Cameras of all frames of the cropped video, float32 [F, 25]."""
    if job.cameras is None:
        return np.tile(FRONTAL.numbers(), (video.frame_count, 1))
    cameras = fit_cameras(read_cameras(job.cameras), video.frame_count)
    left, top, right, bottom = box
    width, height = video.width, video.height
    if (right - left, bottom - top) == (width, height):
        return cameras
    part = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return cropped(cameras, *part)


def _rounded(values: np.ndarray) -> list[list[float]]:
    """float32 [n, m] as numbers of at most 9 digits, which round back to the same float32."""
    return [[float(f"{v:.9g}") for v in row] for row in values.tolist()]


def _assemble(parts: list[Path], options: ConvertOptions) -> int:
    """Writes the zip from the parts, in order; returns the number of frames."""
    clips: list[dict[str, Any]] = []
    with replacing(options.output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for number, part in enumerate(parts):
            with zipfile.ZipFile(part) as source:
                clip = json.loads(source.read(_CLIP_NAME))
                frames = [f"{number:06d}/{k:05d}.png" for k in range(len(clip["cameras"]))]
                for k, name in enumerate(frames):
                    archive.writestr(stored(name), source.read(f"{k:05d}.png"))
            clips.append({"name": clip["name"], "frames": frames, "cameras": clip["cameras"]})
        index = {
            "format": FORMAT,
            "version": VERSION,
            "resolution": options.resolution,
            "fps": options.fps,
            "clips": clips,
        }
        archive.writestr(stored(INDEX_NAME), json.dumps(index))
    return sum(len(clip["frames"]) for clip in clips)


def _write_rejects(output: Path, rejects: list[Problem]) -> None:
    path = output.with_name(output.name.removesuffix(".zip") + ".rejects.json")
    if not rejects:
        path.unlink(missing_ok=True)
        return
    lines = [{"video": problem.clip, "reason": problem.reason} for problem in sorted(rejects)]
    path.write_text(json.dumps(lines, indent=1), "utf-8")
