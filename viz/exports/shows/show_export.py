"""A show as a web page or as one video."""

from __future__ import annotations

import base64
import importlib.resources
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from viz.exports import writing
from viz.exports.captions.caption_pictures import with_caption
from viz.exports.frame_options import VideoOptions
from viz.exports.pictures import png
from viz.exports.recipes import Recipe
from viz.exports.shows.cue_frames import CueFrames
from viz.exports.shows.cue_takes import cue_take
from viz.exports.shows.show_options import ShowOptions
from viz.exports.video import encoders
from viz.render.renderer import Renderer
from viz.state.animation import blending
from viz.state.errors import UserError
from viz.state.files import new_file, write_beside
from viz.state.jobs import Steps
from viz.state.types import FRAME_RATE, Cue, SessionState

_ASPECT = 16 / 9


def export_show(
    renderer: Renderer,
    state: SessionState,
    options: ShowOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of saving the cues of a session; returns the path.

    Raises:
        UserError: when there are no cues, or they cannot be rendered or written.
    """
    writing.check(options, path, overwrite)
    if not state.cues:
        raise UserError("There are no cues to export: add what is shown as a cue first.")
    frames = CueFrames(renderer, state)
    recipe = Recipe.of(renderer, state, "show", options).text(state, path.parent)
    if path.suffix.lower() == ".html":
        yield from _write_page(frames, state, options, path, recipe)
    else:
        yield from _write_video(frames, state, options, path, recipe)
    return path


def _write_page(
    frames: CueFrames, state: SessionState, options: ShowOptions, path: Path, recipe: str
) -> Steps[None]:
    slides: list[dict[str, object]] = []
    for k, cue in enumerate(state.cues):
        fade = {"cut": 0.0, "fade": cue.seconds, "glide": min(cue.seconds, 0.5)}[cue.transition]
        media = yield from _media(frames, state, cue, options, k / len(state.cues))
        slides.append({"title": cue.title, "line": cue.line, "fade": fade, **media})
    page = importlib.resources.files("viz.exports.shows").joinpath("page.html").read_text("utf-8")
    text = Template(page).substitute(
        slides=_inside_script(json.dumps(slides)), session=_inside_script(recipe)
    )
    write_beside(path, lambda file: file.write(text.encode()))


def _inside_script(text: str) -> str:
    """JSON that cannot end the script element that contains it."""
    return text.replace("<", "\\u003c")


def _media(
    frames: CueFrames, state: SessionState, cue: Cue, options: ShowOptions, done: float
) -> Steps[dict[str, object]]:
    """The picture or the video of a cue as a data URI."""
    shown = cue.applied_to(state)
    found = cue_take(cue, shown, options, loops=True)
    take, share = found.take, 1 / len(state.cues)
    first = yield from frames.steps(cue, take.at(0), cue.name, done)
    if take.count == 1:
        return {"kind": "image", "src": _data_uri("image/png", png.to_bytes(first))}
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "cue.mp4"
        first = _even(first)
        with closing(encoders.make(part, part, VideoOptions(), first, take.count, "")) as encoder:
            encoder.add(first)
            for k in range(1, take.count):
                at = done + share * k / take.count
                pixels = yield from frames.steps(cue, take.at(k), cue.name, at)
                encoder.add(_even(pixels))
            for _ in encoder.finish():
                yield cue.name, done + share
        uri = _data_uri("video/mp4", part.read_bytes())
        return {"kind": "video", "repeats": found.repeats, "src": uri}


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _even(pixels: np.ndarray) -> np.ndarray:
    """The picture with even sides, as H.264 needs them."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % 2, : width - width % 2]


def _write_video(
    frames: CueFrames, state: SessionState, options: ShowOptions, path: Path, recipe: str
) -> Steps[None]:
    height = options.height - options.height % 2
    size = (round(height * _ASPECT / 2) * 2, height)
    plan = list(_plan(state, options))
    encoders.require_codec(VideoOptions(), path)
    with new_file(path) as part:
        encoder = None
        before = np.zeros((size[1], size[0], 3), np.uint8)
        standing, bare = before, before
        try:
            for k, (cue, at, weight, fresh) in enumerate(plan):
                detail, done = f"Frame {k + 1} of {len(plan)}", 0.99 * k / len(plan)
                if at is not None:
                    pixels: np.ndarray = yield from frames.steps(cue, at, detail, done)
                    standing = _on_canvas(pixels, size)
                if fresh:
                    before = bare
                bare = standing if weight >= 1 else _mixed(before, standing, weight)
                words = (cue.title, cue.line)
                shown = np.asarray(with_caption(Image.fromarray(bare), words))
                if encoder is None:
                    encoder = encoders.make(part, path, VideoOptions(), shown, len(plan), recipe)
                encoder.add(shown)
            assert encoder is not None
            for done in encoder.finish():
                yield f"Writing {path.name}", 0.99 + 0.01 * done
        finally:
            if encoder is not None:
                encoder.close()


def _plan(
    state: SessionState, options: ShowOptions
) -> Iterator[tuple[Cue, SessionState | None, float, bool]]:
    """Frames of the video: the cue, the state to render or None for the last one, how far it has
    faded in, and whether a new cue begins."""
    last: tuple[Cue, SessionState] | None = None
    for cue in state.cues:
        end = cue.applied_to(state)
        count = round(cue.seconds * FRAME_RATE)
        same_model = last is not None and last[0].checkpoint == cue.checkpoint
        glides = cue.transition == "glide" and same_model and count > 0
        if glides and last is not None:
            for k in range(count):
                weight = blending.ease((k + 1) / (count + 1))
                yield cue, blending.blend_states(last[1], end, weight), 1.0, False
        found = cue_take(cue, end, options, loops=False)
        moving = found.take.count
        stands = max(moving, round(options.seconds * FRAME_RATE))
        fades = cue.transition != "cut" and not glides and last is not None
        at = end
        for k in range(stands):
            moves = k == 0 or (moving > 1 and (found.repeats or k < moving))
            at = found.at(k) if moves else at
            weight = min((k + 1) / (count + 1), 1.0) if fades else 1.0
            yield cue, at if moves else None, weight, k == 0
        last = cue, replace(at, cues=())


def _mixed(before: np.ndarray, after: np.ndarray, weight: float) -> np.ndarray:
    mixed = before + (after.astype(np.float32) - before) * weight
    return mixed.round().astype(np.uint8)


def _on_canvas(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture in the middle of a black frame, as large as it fits."""
    width, height = size
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    fitted = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    picture = Image.fromarray(pixels).resize(fitted, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", size)
    canvas.paste(picture, ((width - fitted[0]) // 2, (height - fitted[1]) // 2))
    return np.asarray(canvas)
