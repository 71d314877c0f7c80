"""What the timeline's lanes draw alike: playheads, handles of a range, readouts and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import style
from gui_utils.controls.layout import ink, press_area
from gui_utils.controls.registry import record, record_rect

Side = Literal["start", "end"]


@dataclass(frozen=True)
class Lane:
    """Where a lane lies, Dear ImGui units."""

    left: float
    right: float
    top: float
    bottom: float

    def at(self, part: float) -> float:
        """Position of a fraction of the lane; those beyond it are moved to its ends."""
        return self.left + (self.right - self.left) * min(max(part, 0.0), 1.0)

    def part(self, x: float) -> float:
        """The fraction at a position, 0..1."""
        return min(max((x - self.left) / max(self.right - self.left, 1.0), 0.0), 1.0)

    def ground(self, first: float, last: float, fill: int) -> None:
        """Draws the lane itself, with a band between two positions."""
        colors, draw, rounding = style.palette(), imgui.get_window_draw_list(), style.px(4)
        box = ((self.left, self.top), (self.right, self.bottom))
        draw.add_rect_filled(*box, ink(colors.raised), rounding)
        if last > first:
            draw.add_rect_filled((first, self.top), (last, self.bottom), ink(fill))
        draw.add_rect(*box, ink(colors.border), rounding)

    def line(self, x: float) -> None:
        """Draws a faint line across the lane: where a click would go."""
        color = ink(style.with_alpha(style.palette().text, 0.6))
        draw, x = imgui.get_window_draw_list(), round(x)
        draw.add_line((x, self.top), (x, self.bottom), color, style.px(1))

    def flag(self, x: float, inward: int, foot: float, reach: float, lit: bool) -> None:
        """Draws a flag under the lane that points into the range that plays; `foot` is its height
        and `reach` its width, Dear ImGui units."""
        colors, draw = style.palette(), imgui.get_window_draw_list()
        color = ink(colors.text if lit else colors.accent)
        x, half, low = round(x), style.px(1), self.bottom + foot
        draw.add_rect_filled((x - half, self.top), (x + half, low), color)
        tip, outer = (x, self.bottom + style.px(1)), (x + reach * inward, low)
        draw.add_triangle_filled(tip, (x, low), outer, color)


class RangeHandles:
    """The handles at both ends of a range that plays, under its lane."""

    def __init__(self) -> None:
        self._grip = 0.0

    def draw(self, side: Side, x: float, top: float, height: float) -> tuple[float | None, bool]:
        """Takes the mouse at the handle of an end, which stands at `x` below `top`.

        Returns:
            Where the handle was dragged to in this frame, if it was, and whether the pointer is on
            it. The last item is the handle.
        """
        reach, back = style.px(12), style.px(4)
        imgui.set_cursor_screen_pos((x - (back if side == "start" else reach), top))
        imgui.invisible_button(f"##{side}", (reach + back, height))
        record("In" if side == "start" else "Out")
        held, mouse = imgui.is_item_active(), imgui.get_mouse_pos().x
        dragged = None
        if imgui.is_item_activated():
            self._grip = mouse - x
        elif held or imgui.is_item_deactivated():  # the release may include the last movement
            dragged = mouse - self._grip
        lit = held or imgui.is_item_hovered()
        if lit:
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
        return dragged, lit


def playhead_outline(x: float, top: float, shoulder: float, tip: float) -> list[imgui.ImVec2Like]:
    """The head of a playhead: a box that tapers to a tip at these heights."""
    head = style.px(6)
    return [(x - head, top), (x + head, top), (x + head, shoulder), (x, tip), (x - head, shoulder)]


def play_button(
    name: str, at: tuple[float, float], size: float, playing: bool, filled: bool = True
) -> bool:
    """A round button at `at` (left, middle), `size` design pixels wide; returns whether it was
    pressed. One that is not `filled` is hollow, to tell the two apart."""
    side = style.px(size)
    x, y = round(at[0]), round(at[1] - side / 2)
    imgui.set_cursor_screen_pos((x, y))
    pressed = press_area(f"##{name}", (side, side))
    record(name)
    colors, draw = style.palette(), imgui.get_window_draw_list()
    hovered, center = imgui.is_item_hovered(), (x + side / 2, y + side / 2)
    tint = colors.on_fill if filled or playing else colors.accent
    fill = colors.fill if filled or playing else colors.frame
    if filled and hovered:
        fill = colors.fill_active if imgui.is_item_active() else colors.fill_hover
    if filled or playing or hovered:
        draw.add_circle_filled(center, side / 2, ink(fill), 48)
    if not filled:
        draw.add_circle(center, side / 2 - style.px(0.75), ink(tint), 40, style.px(1.5))
    icon = icons.ICON_FA_PAUSE if playing else icons.ICON_FA_PLAY
    with style.font("body", round(0.45 * size)):
        extent = imgui.calc_text_size(icon)
        # A triangle's centroid is left of its box's middle; icons sit low, to align with text.
        nudge, lift = (0.0 if playing else style.px(1.5)), style.px(1.5)
        place = (center[0] - extent.x / 2 + nudge, center[1] - extent.y / 2 - lift)
        draw.add_text((round(place[0]), round(place[1])), ink(tint), icon)
    return pressed


def readout(name: str, at: tuple[float, float], width: float, first: str, second: str) -> None:
    """Two lines of text around the middle of `at` (left, middle), the second one dim."""
    colors, draw = style.palette(), imgui.get_window_draw_list()
    x, middle, line = round(at[0]), at[1], style.px(18)
    with style.font("mono"):
        lift = (line - imgui.get_font_size()) / 2
        draw.add_text((x, round(middle - line + lift)), ink(colors.text), first)
        draw.add_text((x, round(middle + lift)), ink(colors.text_dim), second)
    record_rect(name, (x, middle - line, x + width, middle + line))


def tell_above(x: float, bottom: float, lines: Sequence[str]) -> None:
    """A tooltip that shows at once, as its text changes with every pixel, and that ends above
    `bottom`, clear of the lane; the first line is the brightest. Dear ImGui units."""
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(7)))
    width = max(imgui.get_main_viewport().size.x, 1.0)
    pivot = (min(max(x / width, 0.0), 1.0), 1.0)
    imgui.set_next_window_pos((x, bottom), imgui.Cond_.always, pivot)
    if imgui.begin_tooltip():
        imgui.text_unformatted(lines[0])
        with style.font("body", style.SMALL_SIZE):
            for line in lines[1:]:
                imgui.text_disabled(line)
        imgui.end_tooltip()
    imgui.pop_style_var()
