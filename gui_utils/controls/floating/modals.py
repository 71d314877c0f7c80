"""Dialogs that take the whole window: the list of keys, and questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.buttons import button, icon_button
from gui_utils.controls.floating.notices import FLOATING
from gui_utils.controls.layout import ink
from gui_utils.controls.registry import scope
from gui_utils.controls.style import printable


@contextmanager
def modal(
    name: str, size: tuple[float, float], padding: tuple[float, float], top: float | None = None
) -> Iterator[bool]:
    """A window over a dimmed background that keeps the mouse from all others. The block gets
    whether it is shown, and draws its content only then.

    Args:
        name: of the popup.
        size: width and height in design pixels, if there is room; height 0 fits the content.
        padding: in design pixels.
        top: upper edge, as a fraction of the main window's height; None centres it.
    """
    if not imgui.is_popup_open(name):
        imgui.open_popup(name)
    area, margin = imgui.get_main_viewport(), style.px(12)
    middle = area.get_center()
    y, pivot = (middle.y, 0.5) if top is None else (area.pos.y + area.size.y * top, 0.0)
    imgui.set_next_window_pos((middle.x, y), imgui.Cond_.always, (0.5, pivot))
    width = min(style.px(size[0]), area.size.x - margin)
    imgui.set_next_window_size((width, min(style.px(size[1]), area.size.y - margin)))
    pad = (style.px(padding[0]), style.px(padding[1]))
    imgui.push_style_var(imgui.StyleVar_.window_padding, pad)
    shown, _ = imgui.begin_popup_modal(name, None, FLOATING)
    imgui.pop_style_var()
    yield shown
    if shown:
        imgui.end_popup()


def key_help(rows: Sequence[tuple[str, str, str]]) -> bool:
    """Shows a list of keys over a dimmed window; returns False once it is closed, by Escape, a
    click outside or the cross. Call it in each frame while it is open.

    Args:
        rows: group, keys ("Ctrl+S") and meaning, ordered by group.
    """
    rows = [(printable(group), printable(keys), printable(text)) for group, keys, text in rows]
    area = imgui.get_main_viewport()
    groups = [(group, list(items)) for group, items in groupby(rows, key=lambda row: row[0])]
    columns = 2 if area.size.x > style.px(820) and len(groups) > 1 else 1
    limit = (area.size.x - style.px(24), area.size.y - style.px(24))
    imgui.set_next_window_size_constraints((0.0, 0.0), limit)
    with modal("###key_help", (780 if columns == 2 else 420, 0), (22, 18)) as shown:
        if not shown:
            return False
        is_open = _key_help_header()
        _key_columns(groups, columns)
        if imgui.is_key_pressed(imgui.Key.escape, False) or clicked_outside():
            is_open = False
        if not is_open:
            imgui.close_current_popup()
    return is_open


def _key_help_header() -> bool:
    with style.font("bold", style.TITLE_SIZE):
        imgui.align_text_to_frame_padding()
        imgui.text_unformatted("Keys and mouse")
    imgui.same_line(imgui.get_content_region_avail().x - imgui.get_frame_height() * 0.2)
    with scope("Keys"):
        closed = icon_button(icons.ICON_FA_XMARK, tooltip="Close (Esc)", name="Close")
    imgui.dummy((0.0, style.px(2)))
    return not closed


def _key_columns(groups: list[tuple[str, list[tuple[str, str, str]]]], columns: int) -> None:
    """Draws one or two columns of about equal height, with the groups whole and in order."""
    if not imgui.begin_table("##keys", columns, imgui.TableFlags_.pad_outer_x):
        return
    lines = [len(items) + 2 for _, items in groups]
    cut = len(groups)
    if columns == 2:
        cut = min(range(1, len(groups)), key=lambda k: max(sum(lines[:k]), sum(lines[k:])))
    imgui.table_next_row()
    for part in (groups[:cut], groups[cut:]):
        if part:
            imgui.table_next_column()
            for group, items in part:
                _key_group(group, items)
    imgui.end_table()


def _key_group(group: str, items: list[tuple[str, str, str]]) -> None:
    with style.font("bold", style.SMALL_SIZE), style.text_color(style.palette().accent):
        imgui.text_unformatted(group)
    for _, keys, meaning in items:
        low = imgui.get_cursor_screen_pos()
        draw_key_caps(keys)
        imgui.same_line()
        indent = max(style.px(128), key_caps_width(keys) + style.px(6))
        imgui.set_cursor_screen_pos((low.x + indent, low.y))
        imgui.align_text_to_frame_padding()
        imgui.text_wrapped(meaning)
    imgui.dummy((0.0, style.px(6)))


def key_caps_width(keys: str) -> float:
    """Width of `draw_key_caps`, Dear ImGui units."""
    with style.font("body", style.SMALL_SIZE):
        return sum(_cap_width(part) + style.px(4) for part in _caps(keys))


def _caps(keys: str) -> list[str]:
    """The keys of a caption: "Ctrl+S" has two, "Alt+↑, Alt+↓" four."""
    if len(keys) == 1:
        return [keys]
    ways = keys.split(", ")
    return [part.strip() or "+" for way in ways for part in way.split("+")]


def _cap_width(part: str) -> float:
    return imgui.calc_text_size(part).x + 2 * style.px(7)


def draw_key_caps(keys: str) -> None:
    """Draws the names of keys as key caps, two for "Ctrl+S"."""
    colors = style.palette()
    draw = imgui.get_window_draw_list()
    low = imgui.get_cursor_screen_pos()
    height = imgui.get_frame_height()
    x = low.x
    with style.font("body", style.SMALL_SIZE):
        inset, pad = style.px(2), style.px(7)
        for part in _caps(keys):
            size = imgui.calc_text_size(part)
            right = x + _cap_width(part)
            box = ((x, low.y + inset), (right, low.y + height - inset))
            draw.add_rect_filled(*box, ink(colors.frame), style.px(4))
            draw.add_rect(*box, ink(colors.border), style.px(4))
            text_y = low.y + (height - size.y) / 2
            draw.add_text((x + pad, round(text_y)), ink(colors.text), part)
            x = right + style.px(4)
    imgui.dummy((x - low.x, height))


def clicked_outside() -> bool:
    """Whether the mouse was pressed outside the current window."""
    low, size = imgui.get_window_pos(), imgui.get_window_size()
    high = (low.x + size.x, low.y + size.y)
    inside = imgui.is_mouse_hovering_rect((low.x, low.y), high, False)
    return imgui.is_mouse_clicked(0) and not inside and not imgui.is_window_appearing()


def confirm(
    title: str, sentence: str, choices: Sequence[str], *, default: str | None = None
) -> str | None:
    """Asks a question over a dimmed window; returns the choice, None until there is one.

    Call it in each frame until it answers. Only Tab and Shift+Tab move between the choices, so that
    keys meant for the picture do not lead away from the default; Escape takes the last choice.

    Args:
        title: of the question, different for each question.
        sentence: the consequences of the choices.
        choices: captions of the buttons, from right to left.
        default: the choice that has the focus at first and that Enter takes, the one that loses
            nothing; None for the last.

    Raises:
        ValueError: when there are no choices, or the default is not one of them.
    """
    if not choices:
        raise ValueError("A question needs at least one choice.")
    default = choices[-1] if default is None else default
    if default not in choices:
        raise ValueError(f"The default {default!r} is not one of the choices {', '.join(choices)}.")
    title = printable(title)
    with modal(f"###confirm{title}", (400, 0), (20, 16)) as shown:
        if not shown:
            return None
        with style.font("bold", style.TITLE_SIZE):
            imgui.text_wrapped(title)
        imgui.dummy((0.0, 0.0))
        imgui.text_wrapped(printable(sentence))
        imgui.dummy((0.0, style.px(6)))
        answer = _choice_buttons(title, choices, default)
        if imgui.is_key_pressed(imgui.Key.escape, False) and not imgui.is_window_appearing():
            answer = choices[-1]
        if answer is not None:
            imgui.close_current_popup()
    return answer


def _choice_buttons(title: str, choices: Sequence[str], default: str) -> str | None:
    """Draws the buttons at the right end, the first choice outermost; returns the choice taken."""
    answer, focused = None, False
    keyboard.only_tab_moves()
    pad, gap = imgui.get_style().frame_padding.x, imgui.get_style().item_spacing.x
    widths = [imgui.calc_text_size(printable(choice)).x + 2 * pad for choice in choices]
    room = imgui.get_content_region_avail().x
    start = imgui.get_cursor_pos_x() + max(room - sum(widths) - gap * (len(widths) - 1), 0.0)
    imgui.set_cursor_pos_x(start)
    appears = imgui.is_window_appearing()
    with scope(title):
        for index, choice in enumerate(reversed(choices)):
            if index:
                imgui.same_line()
            if button(choice, primary=choice == default):
                answer = choice
            if choice == default:
                imgui.set_item_default_focus()
            focused = focused or keyboard.has_focus_ring()
    if appears:  # the key that opened the question must not answer it
        imgui.set_nav_cursor_visible(True)
        return None
    if not focused and keyboard.enter_pressed():
        answer = default
    return answer
