"""Videos and moving pictures, encoded while they are rendered."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from viz.exports import schedule, writing
from viz.exports.frame_options import VIDEOS, VideoOptions, problem_of_rate
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.exports.recipes import Recipe
from viz.exports.video import encoders
from viz.exports.video.sound import add_sound, film_with_sound
from viz.render.renderer import Renderer
from viz.state.errors import UserError
from viz.state.files import new_file
from viz.state.jobs import Steps
from viz.state.types import SessionState


def export_video(
    renderer: Renderer,
    state: SessionState,
    options: VideoOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of saving a movement as MP4, MOV, GIF or WebP; returns the path.

    Raises:
        UserError: when it cannot be rendered or written.
    """
    writing.check(options, path, overwrite)
    take = schedule.take(state, options.movement)
    if too_fast := problem_of_rate(path.suffix, take.frame_rate):
        raise UserError(too_fast)
    encoders.require_codec(options, path)
    text = Recipe.of(renderer, state, "video", options).text(state, path.parent)
    # ProRes stores 10 bits: more than the screen's 8.
    bits = 16 if options.codec_for(path) == "prores" else 8
    frames = FrameRenderer(renderer, options.look, bits)
    share = 0.7 if path.suffix.lower() == ".gif" else 0.99
    with new_file(path) as part:
        detail = f"Frame 1 of {take.count}"
        pixels = yield from frames.steps(take.at(0), detail, 0.0)
        with closing(
            encoders.make(part, path, options, pixels, take.count, text, take.frame_rate)
        ) as encoder:
            encoder.add(pixels)
            detail = _size_words(pixels, options, path)
            for k in range(1, take.count):
                words, done = f"Frame {k + 1} of {take.count}{detail}", share * k / take.count
                encoder.add((yield from frames.steps(take.at(k), words, done)))
            for done in encoder.finish():
                yield f"Writing {path.name}", share + (1 - share) * done
        sound = film_with_sound(state, options.movement.moving) if options.sound else None
        if sound is not None and path.suffix.lower() in VIDEOS:
            yield "Adding the sound", share
            add_sound(part, path.suffix.lower(), *sound, take.seconds)
    return path


def _size_words(pixels: np.ndarray, options: VideoOptions, path: Path) -> str:
    """The size, and whether it had to be made even."""
    height, width = pixels.shape[:2]
    whole = options.file_size(path.suffix, (width, height))
    even = "" if whole == (width, height) else f", padded to {whole[0]} x {whole[1]}"
    return f" ({width} x {height} px{even})"
