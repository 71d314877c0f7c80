"""First hints over the picture: each disappears for good once it was followed."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils.controls import style
from gui_utils.controls.registry import record_rect, rects
from viz.app.commands import Commands
from viz.app.viewport.overlays import MARGIN, Rect, pill, pill_size

_HINTS = {
    "turn": (icons.ICON_FA_ROTATE, "Drag to turn the head"),
    "scrub": (icons.ICON_FA_FILM, "Drag the timeline to animate it"),
    "random": (icons.ICON_FA_DICE, "R: another person \u00b7 M: another motion"),
}
_GAP = 8.0
"""Gap between hints, design pixels."""
_SIDES = 90.0
"""Space kept free at both sides for notes and names, design pixels."""


def draw_hints(area: Rect, commands: Commands) -> None:
    """Draws hints that were never followed at the top of the viewport, side by side if there is
    room. Sessions opened from a file show none."""
    for name, followed in (("turn", commands.dragging), ("scrub", commands.scrubbing)):
        if followed:
            commands.learn(name)
    model = commands.model
    if model is None or commands.session_path:
        return
    left = [name for name in _HINTS if name not in commands.preferences.learned]
    hints = [_HINTS[name] for name in left if name != "scrub" or model.moves]
    sizes = [pill_size(text, icon) for icon, text in hints]
    gap = style.px(_GAP)
    total = sum(width for width, _ in sizes) + gap * (len(sizes) - 1)
    middle, top = (area[0] + area[2]) / 2, _top(area, commands)
    in_a_row = total <= area[2] - area[0] - 2 * style.px(_SIDES)
    x = middle - total / 2
    for index, ((icon, text), (width, height)) in enumerate(zip(hints, sizes, strict=True)):
        y = top + (0 if in_a_row else index * (height + style.px(6)))
        at = (x if in_a_row else middle - width / 2, y)
        if width > area[2] - area[0] or y > (area[1] + area[3]) / 2:
            continue  # the picture comes first
        pill(at, text, icon=icon, level="accent")
        record_rect(f"Hint/{text}", (*at, at[0] + width, at[1] + height))
        x += width + gap


def _top(area: Rect, commands: Commands) -> float:
    """Where the hints begin: below the names of pictures, and the button above them."""
    margin, height = style.px(MARGIN), pill_size("")[1]
    top = area[1] + margin
    tile = rects.get("Tile 0")
    if commands.state.display.layout == "single" or tile is None:
        return top
    below = tile[1] + margin + height + style.px(_GAP)
    return below if tile[1] < top + height else top
