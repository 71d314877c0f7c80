"""The command that renders a data set of synthetic heads."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from training.camera import Camera, wrapped
from training.config import outside, too_small
from training.data.workers import core_count, settle_worker
from training.replacing import replacing
from training.synthetic import synthetic_clips
from training.synthetic.expression import MOTION_DIM, expr_weights, head_pose
from training.synthetic.head_renderer import Background, HeadRenderer, background
from training.synthetic.ict import ModelError, Progress, cached_compact, load_model
from training.synthetic.traits import IDENTITY_DIM, identity_from_u
from training.terminal import parsed, report_seconds

_PROG = "python -m training.synthetic"
MODEL_VARIABLE = "PV3D_ICT_MODEL"
"""Environment variable used if --model is not given."""

_YAW_LIMIT, _PITCH_LIMIT = 40.0, 23.0
_AROUND_YAW_STD, _AROUND_PITCH_STD, _AROUND_PITCH_LIMIT = 80.0, 17.0, 35.0
"""Spread of the cameras all around the head: a sixth as dense behind it as in front."""


@dataclass(frozen=True)
class GenerateConfig:
    """Draw portrait clips of synthetic heads with exact cameras, depth and masks."""

    out: Annotated[Path, tyro.conf.Positional]
    """The data set: a folder, or a file that ends in .zip. Packing a zip temporarily takes twice
    its size."""
    model: Path | None = None
    """A checkout of ICT-FaceKit or the compact file made from one; default: $PV3D_ICT_MODEL."""
    people: int = 100
    """Number of people. More can be added later: only the new ones are drawn."""
    clips_per_person: int = 2
    """Number of motions of each person."""
    views: int = 1
    """Number of cameras for each motion; each makes a clip."""
    frames: int = 16
    """Frames per clip, from t = 0 to t = 1."""
    resolution: int = 256
    """Side of the pictures in pixels."""
    seed: int = 0
    """Determines everything: clips with the same seed and number are equal byte for byte."""
    yaw_std: float = 17.0
    """Standard deviation of the cameras' yaw, degrees; at most 40 to either side."""
    pitch_std: float = 8.5
    """Standard deviation of the cameras' pitch, degrees; at most 23 up or down."""
    around: float = 0.0
    """Fraction of the cameras placed all around the head, up to 35 degrees up and down; a quarter
    of them are behind the ears, the fewest straight behind. The others are in front."""
    still: bool = False
    """Keep the camera still within a clip. Otherwise it moves in place of the head, as in PV3D."""
    shared_cameras: bool = False
    """Use the same cameras for all motions of a person: with `still`, only the face moves between
    them."""
    background: Background = "white"
    """Background of the heads; "backdrop" gives each person a coloured one."""
    depth: bool = True
    """Write the distances along the rays."""
    mask: bool = True
    """Write the coverage."""
    landmarks: bool = False
    """Write the 68 landmarks of each frame into dataset.json (1.5 kB per frame)."""
    processes: int = 1
    """Number of drawing processes."""
    cache: Path | None = None
    """Folder for what is computed once for a model; default: the user's cache."""

    def problems(self) -> list[str]:
        """Everything that is wrong with the values, as sentences; empty if nothing is."""
        found = too_small(self, people=1, clips_per_person=1, views=1, processes=1)
        found += outside(self, frames=(1, 1000), resolution=(16, 4096), around=(0, 1))
        return found + too_small(self, seed=0, yaw_std=0, pitch_std=0)

    @property
    def clip_count(self) -> int:
        return self.people * self.clips_per_person * self.views

    @property
    def is_zip(self) -> bool:
        return self.out.suffix.lower() == ".zip"

    @property
    def folder(self) -> Path:
        """The folder that the clips are written to."""
        return self.out.with_name(f"{self.out.name}.parts") if self.is_zip else self.out

    def content(self) -> dict[str, object]:
        """The settings that determine the contents of a clip."""
        kept = dataclasses.asdict(self)
        for name in ("out", "model", "people", "processes", "cache"):
            del kept[name]
        return kept


def clip_name(index: int) -> str:
    return f"{index:06d}"


@dataclass(frozen=True)
class ClipPlan:
    """The content of one clip."""

    identity: np.ndarray
    """u, float64 [IDENTITY_DIM]."""
    motion: np.ndarray
    """m, float64 [MOTION_DIM]."""
    timesteps: list[float]
    cameras: list[Camera]


def plan_clip(config: GenerateConfig, index: int) -> ClipPlan:
    """The plan of clip `index`, which depends only on the settings and the index.

    Numbers are rounded as they are stored, so that the stored ones give the same pictures.
    """
    person, rest = divmod(index, config.clips_per_person * config.views)
    motion, view = divmod(rest, config.views)

    def draw(count: int, *key: int) -> np.ndarray:
        return np.random.default_rng([config.seed, *key]).standard_normal(count).round(4)

    u, m = draw(IDENTITY_DIM, 0, person), draw(MOTION_DIM, 1, person, motion)
    place = person, view, 0 if config.shared_cameras else 1 + motion
    yaw, pitch = _angles(config, *draw(2, 2, *place))
    if np.random.default_rng([config.seed, 3, *place]).random() < config.around:
        yaw, pitch = _angles_around(*draw(2, 4, *place))
    last = max(config.frames - 1, 1)
    timesteps = [round(k / last, 6) for k in range(config.frames)]
    cameras = []
    for t in timesteps:
        turn, nod = (0.0, 0.0) if config.still else head_pose(m, t)
        numbers = Camera.orbit(yaw + turn, pitch + nod).numbers()
        cameras.append(Camera.from_numbers(numbers.astype(np.float64).round(7)))
    return ClipPlan(u, m, timesteps, cameras)


def _angles(config: GenerateConfig, aside: float, up: float) -> tuple[float, float]:
    """Yaw and pitch of a camera in front, degrees, from two samples of N(0, 1)."""
    yaw = np.clip(aside * config.yaw_std, -_YAW_LIMIT, _YAW_LIMIT)
    pitch = np.clip(up * config.pitch_std, -_PITCH_LIMIT, _PITCH_LIMIT)
    return float(yaw), float(pitch)


def _angles_around(aside: float, up: float) -> tuple[float, float]:
    """Likewise for a camera anywhere, with yaw from -180 to 180."""
    yaw = wrapped(aside * _AROUND_YAW_STD)
    pitch = np.clip(up * _AROUND_PITCH_STD, -_AROUND_PITCH_LIMIT, _AROUND_PITCH_LIMIT)
    return float(yaw), float(pitch)


def draw_clip(config: GenerateConfig, renderer: HeadRenderer, index: int) -> None:
    """Draws clip `index` and writes it into the data set's folder."""
    plan = plan_clip(config, index)
    traits = identity_from_u(plan.identity)
    behind = background(config.background, traits, config.resolution)
    renderer.set_identity(traits)
    pictures: dict[str, list[np.ndarray]] = {"frames": []}
    landmarks = []
    for t, camera in zip(plan.timesteps, plan.cameras, strict=True):
        renderer.set_pose(expr_weights(plan.motion, t))
        frame = renderer.draw(camera)
        pictures["frames"].append(frame.over(behind))
        if config.depth:
            depth = synthetic_clips.encode_depth(frame.depth(synthetic_clips.DEPTH_RANGE[1]))
            pictures.setdefault("depth", []).append(depth)
        if config.mask:
            mask = np.round(frame.alpha * 255).astype(np.uint8)
            pictures.setdefault("mask", []).append(mask)
        if config.landmarks:
            landmarks.append(renderer.landmarks(camera).round(4).tolist())
    record: dict[str, object] = {
        "cameras": [(*c.cam2world, *c.intrinsics) for c in plan.cameras],
        "identity": plan.identity.tolist(),
        "motion": plan.motion.tolist(),
        "t": plan.timesteps,
    }
    if config.landmarks:
        record["landmarks"] = landmarks
    synthetic_clips.write_clip(config.folder, clip_name(index), pictures, record)


@contextmanager
def _preparations() -> Iterator[Progress]:
    """Shows the progress of the work before and after drawing."""
    layout = "{desc}: {percentage:3.0f}%"
    with tqdm(total=1.0, bar_format=layout, leave=False, mininterval=report_seconds()) as bar:

        def show(what: str, share: float) -> None:
            bar.set_description_str(what, refresh=False)
            bar.update(share - bar.n)

        yield show


def _check_folder(config: GenerateConfig) -> None:
    """Creates the folder, or checks that its clips have the same settings.

    Raises:
        ValueError: if it contains something else.
    """
    if config.is_zip and config.out.exists():
        raise ValueError(f"{config.out} already exists; delete it to make it again.")
    settings = config.folder / "settings.json"
    content = json.loads(json.dumps(config.content()))
    if settings.is_file():
        before = json.loads(json.dumps(GenerateConfig(config.out).content()))
        found = before | json.loads(settings.read_text())  # older ones lack newer settings
        other = [f"{k} was {found.get(k)!r}" for k in content if found.get(k) != content[k]]
        if other:
            raise ValueError(
                f"{config.folder} was started with other settings: {', '.join(other)}. "
                "Use those again, or choose another folder."
            )
        return
    if config.folder.exists() and any(config.folder.iterdir()):
        raise ValueError(f"{config.folder} is not empty and holds no clips of this program.")
    with replacing(settings) as part:
        part.write_text(json.dumps(content))


_worker: list[tuple[GenerateConfig, HeadRenderer]] = []
"""The settings and renderer of this process, if it is one of several."""


def _start_worker(config: GenerateConfig, model: Path) -> None:
    """Sets up a drawing process."""
    settle_worker()
    share = max(1, core_count() // config.processes)
    os.environ.setdefault("LP_NUM_THREADS", str(share))  # of Mesa's software renderer
    renderer = HeadRenderer(load_model(model), config.resolution, cache=config.cache)
    _worker.append((config, renderer))


def _work(index: int) -> int:
    draw_clip(*_worker[0], index)
    return index


def _draw_all(config: GenerateConfig, model: Path, todo: list[int]) -> Iterator[int]:
    """Draws the clips `todo`, in this process or in several; yields the index of each finished
    one."""
    with _preparations() as show:
        renderer = HeadRenderer(
            load_model(model), config.resolution, cache=config.cache, progress=show
        )
    if config.processes == 1:
        for index in todo:
            draw_clip(config, renderer, index)
            yield index
        return
    renderer.close()
    pool = ProcessPoolExecutor(
        config.processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(config, model),
    )
    try:
        for done in as_completed([pool.submit(_work, index) for index in todo]):
            yield done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def generate(config: GenerateConfig) -> None:
    """Draws the data set of `config`, or what is missing from it.

    Raises:
        ValueError: for unusable settings; its subclass ModelError for an unusable face model.
        RuntimeError: if there is no OpenGL.
        OSError: if a file cannot be written; finished clips stay.
    """
    problems = config.problems()
    if problems:
        raise ValueError("; ".join(problems) + ".")
    given = config.model or (Path(v) if (v := os.environ.get(MODEL_VARIABLE)) else None)
    if given is None:
        raise ModelError(
            "Give the face model with --model: a checkout of "
            "https://github.com/USC-ICT/ICT-FaceKit, or the compact file made from one."
        )
    _check_folder(config)
    with _preparations() as show:
        model = cached_compact(given, config.cache, show)
    names = [clip_name(i) for i in range(config.clip_count)]
    todo = [
        i for i, name in enumerate(names) if not synthetic_clips.is_finished(config.folder, name)
    ]
    count, interval = len(names), report_seconds()
    try:
        with tqdm(total=count, initial=count - len(todo), unit="clip", mininterval=interval) as bar:
            for _ in _draw_all(config, model, todo) if todo else ():
                bar.update()
    finally:
        header = {"resolution": config.resolution, "fps": 25, "settings": config.content()}
        synthetic_clips.write_index(config.folder, names, header)
    if config.is_zip:
        with _preparations() as show:
            synthetic_clips.pack(config.folder, config.out, lambda share: show("Packing", share))
    print(f"Saved {config.out}: {count} clips of {config.frames} frames", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    example = "heads.zip --model ICT-FaceKit --people 1000 --clips-per-person 2"
    config = parsed(GenerateConfig, _PROG, arguments, example)
    try:
        generate(config)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to continue.", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0
