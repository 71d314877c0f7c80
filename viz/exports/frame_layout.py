"""How the pictures of an exported frame are arranged, and the frame's size.

No torch here: the panel also uses this, to show the size before the export.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from viz.exports import schedule
from viz.exports.frame_options import MOST_PIXELS, Look, MovingOptions, PictureOptions
from viz.exports.options import Estimate, Occasion
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.types import ModelInfo, SessionState, View

Size = tuple[int, int]
"""Width and height, pixels."""
FULL_VIEWS: tuple[View, ...] = ("image", "mesh")
"""Views that are as large as the final picture; the others are as large as the raw one."""


def views_of_person(state: SessionState, look: Look) -> tuple[View, ...]:
    """Views of the pictures of one person."""
    return look.views or tuple(shot.view for shot in layouts.shots(state))


def pictures_a_frame(state: SessionState, look: Look) -> int:
    """Number of pictures rendered per frame."""
    return len(views_of_person(state, look)) * max(len(look.people), 1)


def people_across(look: Look, count: int, cell: Size) -> int:
    """How many of `count` people are side by side, with pictures of a size `cell` for each: as
    chosen, or so that the frame is about square."""
    if look.columns is not None:
        return min(look.columns, count)
    width, height = cell
    return max(1, round(math.sqrt(count * height / width)))


def scaled_size(size: Size, look: Look) -> Size:
    """The size of a frame scaled to the chosen height."""
    width, height = size
    if look.height is None:
        return size
    return max(1, round(width * look.height / height)), look.height


def frame_size(state: SessionState, look: Look, model: ModelInfo) -> Size:
    """The size of a frame."""
    raw = state.quality.raw_resolution or model.raw_resolution
    full = model.image_resolution if state.quality.superresolution else raw
    views = views_of_person(state, look)
    if state.display.layout == "single" and not look.views:
        views = views[:1]  # the inset lies on it
    side = max(full if view in FULL_VIEWS else raw for view in views)
    rows, columns = (1, len(look.views)) if look.views else layouts.grid_shape(state)
    cell = columns * side, rows * side
    count = max(len(look.people), 1)
    across = people_across(look, count, cell)
    return scaled_size((across * cell[0], math.ceil(count / across) * cell[1]), look)


def problems_of_size(size: Size) -> list[str]:
    """Sentences on a frame that is too large to be read back."""
    width, height = size
    if width * height <= MOST_PIXELS:
        return []
    return [
        f"A frame of {width} x {height} pixels is too large: choose a smaller height, or fewer "
        "views or people."
    ]


def estimate_picture(options: PictureOptions, occasion: Occasion) -> Estimate:
    """Size and time of a picture."""
    return _estimate(options.look, 1, occasion)


def estimate_movement(options: MovingOptions, occasion: Occasion) -> Estimate:
    """Length, size and time of frames or a video; empty if the movement is impossible."""
    try:
        take = schedule.take(occasion.state, options.movement)
    except UserError:
        return Estimate()
    found = _estimate(options.look, take.count, occasion, options.file_size)
    facts = (f"{take.count:,} frames", f"{take.seconds:.3g} s of video", *found.facts)
    return replace(found, facts=facts)


def _estimate(
    look: Look,
    frames: int,
    occasion: Occasion,
    file_size: Callable[[str, Size], Size] = lambda _, size: size,
) -> Estimate:
    facts: tuple[str, ...] = ()
    if occasion.model is not None:
        size = frame_size(occasion.state, look, occasion.model)
        facts = ("{} \u00d7 {} px".format(*file_size(occasion.suffix, size)),)
    pictures = frames * pictures_a_frame(occasion.state, look)
    return Estimate(facts, pictures * occasion.picture_ms / 1000 or None)


def problems_of_picture(options: PictureOptions | MovingOptions, occasion: Occasion) -> list[str]:
    """Sentences on why a session's frames cannot be made."""
    if occasion.model is None:
        return []
    return problems_of_size(frame_size(occasion.state, options.look, occasion.model))


def problems_of_movement(options: MovingOptions, occasion: Occasion) -> list[str]:
    """Sentences on why a session's movement cannot be made."""
    found: list[str] = []
    if not options.movement.problems():  # reported with the options' own problems
        try:
            schedule.take(occasion.state, options.movement)
        except UserError as e:
            found.append(str(e))
    return found + problems_of_picture(options, occasion)
