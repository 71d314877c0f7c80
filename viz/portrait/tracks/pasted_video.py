"""A driven head pasted back into its driver's video, as a video or as numbered frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from viz.exports import writing
from viz.exports.frame_options import VIDEOS, FrameOptions, Look, Movement, VideoOptions
from viz.exports.pictures import png
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.exports.pictures.frames import frame_paths
from viz.exports.recipes import Recipe
from viz.exports.schedule import Take, take
from viz.exports.video import encoders
from viz.exports.video.sound import add_sound
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.camera.cropping import crop
from viz.portrait.faces.warping import to_pixels
from viz.portrait.tracks.film import open_film
from viz.portrait.tracks.pasting import Backdrop, Colors, into_frame
from viz.render.renderer import Renderer
from viz.state.driving import driven
from viz.state.driving.motion_track import MotionTrack
from viz.state.errors import UserError
from viz.state.files import new_file
from viz.state.jobs import Steps
from viz.state.types import Orbit, SessionState

Writer = tuple[Callable[[np.ndarray], None], Callable[[Path, float], Iterator[float]]]
"""Adds a frame, uint8 [H, W, 3]; and finishes, given the film and the second at which the frames
begin in it, yielding fractions."""

_COMPARED = 7
"""Number of frames used for matching colours."""
_LOOKED_BEHIND = 24
"""Number of frames used for finding the background."""


def export_into_video(
    renderer: Renderer,
    state: SessionState,
    path: Path,
    film: str = "",
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of pasting the person of a session, moved by its track, into the track's video; returns
    the path.

    The head is seen from the driver's own camera, as it would not fit the body otherwise; the
    video's sound is kept.

    Args:
        state: with the person and the track.
        path: a video (.mp4, .mov), or a folder for numbered PNGs.
        film: the track's video; empty to search for it beside the track and among opened files.

    Raises:
        UserError: when the video is missing or a different one, or the output cannot be written.
    """
    drive = state.drive
    if drive is None or not drive.track:
        raise UserError("No motion track drives the person: open one first.")
    track = driven.load(drive.track)
    film = film or driven.require_film(drive.track, track)
    state = replace(
        state,
        orbit=Orbit(),
        drive=replace(drive, active=True, turning=1.0),
        playback=replace(state.playback, speed=1.0, loop="once"),
    )
    moment = take(state, Movement())
    writer = _video if path.suffix else _folder
    first, last = driven.ends(drive, track)
    count = last - first + 1
    with ExitStack() as stack:
        opened = stack.enter_context(open_film(Path(film), track.first + first, count))
        if opened.count < count:
            raise UserError(
                f"{Path(film).name} is shorter than the track: choose the video that "
                "the track was made from."
            )
        colors = yield from _colors(renderer, moment, track, Path(film), first)
        backdrop = yield from _backdrop(track, Path(film), first, count, renderer.G.device)
        out = writer(renderer, state, moment, track.size, path, overwrite)
        add, finish = stack.enter_context(out)
        frames = FrameRenderer(renderer, Look(views=("image",)))
        for k, pixels in enumerate(opened.frames()):
            _require_size(pixels, track, film)
            words, done = f"Frame {k + 1} of {count}", 0.1 + 0.85 * k / count
            head = yield from frames.steps(moment.at(k), words, done)
            fit = fit_of(track, first + k)
            there = pixels.to(renderer.G.device)
            made = into_frame(there, to_pixels(head).to(there), fit, colors, backdrop)
            add((made * 255).round().byte().permute(1, 2, 0).cpu().numpy())
        for done in finish(Path(film), (track.first + first) / track.fps):
            yield f"Writing {path.name}", 0.95 + 0.05 * done
    return path


def fit_of(track: MotionTrack, frame: int) -> CameraFit:
    """Camera and crop of a track's frame."""
    return CameraFit.from_numbers((*track.cameras[frame], *track.crops[frame]))


def _colors(
    renderer: Renderer, moment: Take, track: MotionTrack, film: Path, first: int
) -> Steps[Colors]:
    """Steps of comparing colours in frames spread over the track, so that colours do not
    flicker."""
    frames = FrameRenderer(renderer, Look(views=("image",)))
    numbers = _spread(moment.count, _COMPARED)
    pairs: list[tuple[Tensor, Tensor]] = []
    for number in numbers:
        done = 0.1 * len(pairs) / len(numbers)
        head = yield from frames.steps(moment.at(number), "Comparing colours", done)
        picture = to_pixels(head).to(renderer.G.device)
        pixels = frame_of(film, track, first + number).to(picture)
        there = crop(pixels, fit_of(track, first + number), picture.shape[-1])
        pairs.append((picture, there.picture))
    return Colors.between(pairs)


def _backdrop(
    track: MotionTrack, film: Path, first: int, count: int, device: torch.device
) -> Steps[Tensor]:
    """Steps of finding the background behind the driver [3, H, W]."""
    numbers = _spread(count, _LOOKED_BEHIND)
    # In frames without a face it is unknown what hides the background.
    numbers = [number for number in numbers if track.found[first + number]] or numbers[:1]
    behind = None
    for number in numbers:
        yield "Looking behind the head", 0.1
        pixels = frame_of(film, track, first + number).to(device)
        behind = behind or Backdrop(pixels)
        behind.add(pixels, fit_of(track, first + number))
    assert behind is not None
    return behind.picture()


def _spread(count: int, most: int) -> list[int]:
    """Numbers of some frames among `count`, evenly."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(int)).tolist()


def frame_of(film: Path, track: MotionTrack, number: int) -> Tensor:
    """A frame of the track's video [3, H, W] in 0..1.

    Raises:
        UserError: when it cannot be read, or has another size than the track's.
    """
    with open_film(film, track.first + number, 1) as one:
        pixels = next(iter(one.frames()))
    _require_size(pixels, track, str(film))
    return pixels


def _require_size(pixels: Tensor, track: MotionTrack, film: str) -> None:
    width, height = track.size
    if pixels.shape[1:] != (height, width):
        raise UserError(
            f"{Path(film).name} has frames of {pixels.shape[2]} x {pixels.shape[1]} pixels, the "
            f"track's video had {width} x {height}: choose that one."
        )


@contextmanager
def _video(
    renderer: Renderer,
    state: SessionState,
    moment: Take,
    size: tuple[int, int],
    path: Path,
    overwrite: bool,
) -> Generator[Writer]:
    """Writes frames of a size (width, height) into a video file."""
    options, suffix = VideoOptions(), path.suffix.lower()
    if suffix not in VIDEOS:
        raise UserError(f"{path.name} must end in .mp4 or .mov, or be a folder for frames.")
    writing.check(options, path, overwrite)
    encoders.require_codec(options, path)
    text = Recipe.of(renderer, state, "video", options).text(state, path.parent)
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    with (
        new_file(path) as part,
        closing(
            encoders.make(part, path, options, frame, moment.count, text, moment.frame_rate)
        ) as encoder,
    ):

        def finish(film: Path, begin: float) -> Iterator[float]:
            yield from encoder.finish()
            if film.is_file():
                add_sound(part, suffix, film, begin, moment.seconds)

        yield encoder.add, finish


@contextmanager
def _folder(
    renderer: Renderer,
    state: SessionState,
    moment: Take,
    size: tuple[int, int],
    path: Path,
    overwrite: bool,
) -> Generator[Writer]:
    """Writes frames into a folder of PNGs."""
    del size
    writing.require_free([path], overwrite)
    recipe = Recipe.of(renderer, state, "frames", FrameOptions())
    numbered = enumerate(frame_paths(path, moment.count))

    def add(pixels: np.ndarray) -> None:
        number, file = next(numbered)
        png.save(file, pixels, recipe.text(moment.at(number), path))

    yield add, lambda film, begin: iter(())
