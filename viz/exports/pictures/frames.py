"""Exports pictures and numbered frames as PNGs."""

from __future__ import annotations

import re
from pathlib import Path

from training.reasons import reason
from viz.exports import recipes, schedule, writing
from viz.exports.embedding import FOLDER_SIDECAR
from viz.exports.frame_options import FrameOptions, PictureOptions
from viz.exports.pictures import png
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.exports.recipes import Recipe
from viz.render.renderer import Renderer
from viz.state.errors import UserError, require_none
from viz.state.files import write_beside
from viz.state.jobs import Steps
from viz.state.types import SessionState

_NAME = re.compile(r"frame_(\d+)\.png")


def export_picture(
    renderer: Renderer,
    state: SessionState,
    options: PictureOptions,
    path: Path,
    *,
    overwrite: bool = False,
) -> Steps[Path]:
    """Steps of saving what a state shows; returns the path.

    Raises:
        UserError: when it cannot be rendered or written.
    """
    writing.check(options, path, overwrite)
    recipe = Recipe.of(renderer, state, "picture", options)
    frames = FrameRenderer(renderer, options.look, options.bits)
    pixels = yield from frames.steps(state, "Rendering", 0.1)
    yield "Writing", 0.9
    png.save(path, pixels, recipe.text(state, path.parent))
    return path


def export_frames(
    renderer: Renderer,
    state: SessionState,
    options: FrameOptions,
    path: Path,
    *,
    overwrite: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Steps[Path]:
    """Steps of saving a movement as frame_0000.png and so on; returns the folder.

    Existing frames with the same recipe are not rendered again, so that a stopped export resumes.
    No partial frame is ever left.

    Args:
        path: folder to write to.
        overwrite: whether other frames there may be replaced.
        share: (k, n) for process k of n, which makes frames k, k + n, k + 2n and so on.

    Raises:
        UserError: when they cannot be rendered or written.
    """
    require_none(options.problems_with(path))
    take = schedule.take(state, options.movement)
    yield "Checking the folder", 0.0
    recipe, paths = Recipe.of(renderer, state, "frames", options), frame_paths(path, take.count)
    missing = [
        k
        for k in range(share[0], take.count, share[1])
        if not _is_made(paths[k], recipe.text(take.at(k), path), overwrite)
    ]
    _prepare_folder(path, recipe.text(state, path), set(paths), overwrite, first=share[0] == 0)
    frames = FrameRenderer(renderer, options.look, options.bits)
    done = len(range(share[0], take.count, share[1])) - len(missing)
    for number, k in enumerate(missing, start=done):
        moment, fraction = take.at(k), number / (done + len(missing))
        pixels = yield from frames.steps(moment, f"Frame {k + 1} of {take.count}", fraction)
        png.save(paths[k], pixels, recipe.text(moment, path))
    return path


def frame_paths(folder: Path, count: int) -> list[Path]:
    """Names of frames, in order; all have as many digits."""
    digits = max(4, len(str(count - 1)))
    return [folder / f"frame_{k:0{digits}d}.png" for k in range(count)]


def _is_made(path: Path, recipe: str, overwrite: bool) -> bool:
    """Whether the frame exists already, made by this recipe."""
    if not writing.exists(path):
        return False
    if recipes.made(path, recipe):
        return True
    if overwrite:
        return False
    raise writing.ExistsError(
        f"{path.parent} holds other frames: choose another folder, or allow them to be replaced."
    )


def require_folder(folder: Path, recipe: str, overwrite: bool) -> bool:
    """Checks that frames may be written to a folder; returns whether its session file is missing.

    Raises:
        UserError: when it holds another export, or cannot be read.
    """
    sidecar = folder / FOLDER_SIDECAR
    try:
        if not sidecar.exists():
            return True
        stale = not recipes.same(sidecar.read_text("utf-8", "replace"), recipe)
    except OSError as e:
        raise UserError(f"The folder {folder} cannot be used: {reason(e)}.") from e
    if stale and not overwrite:
        raise writing.ExistsError(
            f"{folder} holds another export: choose another folder, or allow it to be replaced."
        )
    return stale


def _prepare_folder(
    folder: Path, recipe: str, frames: set[Path], overwrite: bool, first: bool
) -> None:
    """Makes the folder and its session file, and removes frames of a longer earlier export."""
    write = require_folder(folder, recipe, overwrite)
    try:
        found = [*folder.iterdir()] if folder.exists() else []
        surplus = [path for path in found if _NAME.fullmatch(path.name) and path not in frames]
        if surplus and not overwrite:
            raise writing.ExistsError(
                f"{folder} holds more frames: choose another folder, or allow them to be replaced."
            )
        if first:
            for path in surplus:
                path.unlink(missing_ok=True)
    except OSError as e:
        raise UserError(f"The folder {folder} cannot be used: {reason(e)}.") from e
    if first and write:
        write_beside(folder / FOLDER_SIDECAR, lambda file: file.write(recipe.encode()))
