"""What several panels draw alike: rows of buttons, cells, headings and foldable parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from gui_utils.controls.style import printable
from viz.app.commands import Commands
from viz.app.performance_log import PerformanceLog
from viz.app.shortcuts import explained
from viz.exports.choices import seconds_left
from viz.state.types import SessionState

_GAP = 6.0
_CELL_WIDTH = 18.0
_CELL_HEIGHT = 24.0

_contents: dict[str, float] = {}
"""Heights of the contents of such parts in the last frame, Dear ImGui units."""


@dataclass(frozen=True)
class Button:
    """One of a row of buttons."""

    label: str
    press: Callable[[], object]
    tooltip: str = ""
    """Empty takes the command's own words: the first paragraph of its docstring. Its key follows
    either."""
    icon: str = ""
    enabled: bool = True
    lit: bool = False
    """Drawn filled: switched on, or the main one of its row."""


def unless_busy(button: Button, commands: Commands) -> Button:
    """A button that starts a job: while another is under way it is disabled, and says why."""
    job = commands.job
    if job is None:
        return button
    busy = f"{job.name} is under way: stop it first, or wait for it."
    return replace(button, enabled=False, tooltip=busy)


def button_row(*buttons: Button) -> None:
    """Buttons of equal width that fill the line; icons are dropped if the captions do not fit
    beside them."""
    gap = style.px(_GAP)
    available = imgui.get_content_region_avail().x
    width = (available - gap * (len(buttons) - 1)) / len(buttons)
    captions = [layout.split_label(button.label)[0] for button in buttons]
    widest = max(imgui.calc_text_size(caption).x for caption in captions)
    padding = imgui.get_style().frame_padding
    with_icons = widest + imgui.calc_text_size(icons.ICON_FA_USER + "  ").x + 2 * padding.x <= width
    # The smallest padding that still looks like a button, for long captions.
    slim = min(padding.x, max((width - widest) / 2, style.px(2)))
    imgui.push_style_var(imgui.StyleVar_.frame_padding, (slim, padding.y))
    for index, button in enumerate(buttons):
        if index:
            imgui.same_line(0.0, gap)
        if controls.button(
            button.label,
            icon=(button.icon or None) if with_icons else None,
            tooltip=explained(button.press, button.tooltip),
            enabled=button.enabled,
            width=width / style.scale(),
            primary=button.lit,
        ):
            button.press()
    imgui.pop_style_var()


def cells(
    name: str,
    captions: Sequence[str],
    lit: Collection[int],
    tooltip: Callable[[int], str],
    width: float = _CELL_WIDTH,
) -> int | None:
    """Small cells in rows of equal width; returns the index of the one that was clicked.

    ``width`` is the least one, in design pixels. ``lit`` are the indices drawn filled. Rectangles
    are recorded as "name/caption".
    """
    gap = style.px(3)
    available = imgui.get_content_region_avail().x
    fitting = max(int((available + gap) / (style.px(width) + gap)), 1)
    rows = -(-len(captions) // fitting)
    columns = -(-len(captions) // max(rows, 1))
    across = (available - gap * (columns - 1)) / max(columns, 1)
    clicked = None
    imgui.push_id(name)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (gap, gap))
    for index, caption in enumerate(map(printable, captions)):
        if index % columns:
            imgui.same_line(0.0, gap)
        pressed = _cell(caption, (across, style.px(_CELL_HEIGHT)), index in lit)
        if registry.record(f"{name}/{caption}", presses=True) or pressed:
            clicked = index
        layout.tooltip(None, tooltip(index))
    imgui.pop_style_var()
    imgui.pop_id()
    # The gap below the last row is that between controls, not that between cells.
    imgui.set_cursor_pos_y(imgui.get_cursor_pos_y() + imgui.get_style().item_spacing.y - gap)
    return clicked


def _cell(caption: str, size: tuple[float, float], lit: bool) -> bool:
    colors = style.palette()
    low = imgui.get_cursor_screen_pos()
    pressed = layout.press_area(f"##{caption}", size)
    hovered = imgui.is_item_hovered()
    if lit:
        fill = colors.fill_hover if hovered else colors.fill
    else:
        fill = colors.frame_active if hovered else colors.frame
    text = colors.on_fill if lit else colors.text if hovered else colors.text_dim
    draw = imgui.get_window_draw_list()
    corner = (low.x + size[0], low.y + size[1])
    draw.add_rect_filled((low.x, low.y), corner, layout.ink(fill), style.px(4))
    with style.font("body", style.SMALL_SIZE):
        layout.text_in((low.x, low.y, *corner), caption, text)
    return pressed


def heading(text: str) -> None:
    """A small title over a group of controls within a panel."""
    imgui.dummy((0.0, style.px(2)))
    with style.font("bold", style.SMALL_SIZE):
        low = imgui.get_cursor_screen_pos()
        extent = imgui.calc_text_size(text)
        draw = imgui.get_window_draw_list()
        draw.add_text((low.x, low.y), layout.ink(style.palette().text), text)
        right = low.x + imgui.get_content_region_avail().x
        y = round(low.y + extent.y / 2) + 1
        color = layout.ink(style.palette().border)
        draw.add_line((low.x + extent.x + style.px(8), y), (right, y), color, style.px(1))
        imgui.dummy(extent)


def fold(title: str) -> bool:
    """A line that shows or hides what follows it; closed at first, and remembered like panels."""
    key = f"{registry.scope_name()}/{title}"
    is_open = controls.open_sections.setdefault(key, False)
    if registry.opens_folds():
        is_open = True
        if not registry.is_indexing():
            controls.open_sections[key] = True
    low = imgui.get_cursor_screen_pos()
    width = imgui.get_content_region_avail().x
    height = imgui.get_frame_height()
    if layout.press_area(f"##fold {title}", (width, height)):
        is_open = controls.open_sections[key] = not is_open
    registry.record(title)
    colors = style.palette()
    color = layout.ink(colors.text if imgui.is_item_hovered() else colors.text_dim)
    draw = imgui.get_window_draw_list()
    with style.font("body", 11):
        chevron = icons.ICON_FA_CHEVRON_DOWN if is_open else icons.ICON_FA_CHEVRON_RIGHT
        y = low.y + (height - imgui.get_font_size()) / 2
        draw.add_text((low.x, y), color, chevron)
    y = low.y + (height - imgui.get_font_size()) / 2
    draw.add_text((low.x + style.px(18), y), color, title)
    return is_open


def value_with_button(label: str, text: str, icon: str, tooltip: str, full_text: str = "") -> bool:
    """A label, a text and a small button at the line's end; returns whether the button was pressed.

    A text that does not fit loses its beginning, as the end of a path matters most.
    """
    row = layout.begin_row(label)
    side = imgui.get_frame_height()
    room = row.width - side - style.px(_GAP)
    low = imgui.get_cursor_screen_pos()
    shown = end_of(text, room)
    y = low.y + (side - imgui.get_font_size()) / 2
    draw = imgui.get_window_draw_list()
    draw.add_text((low.x, round(y)), layout.ink(style.palette().text), shown)
    imgui.dummy((room, side))
    registry.record(row.name)
    layout.tooltip(row, full_text or text)
    imgui.same_line(0.0, style.px(_GAP))
    return controls.icon_button(icon, tooltip=tooltip, name=f"{row.name}/button")


def end_of(text: str, width: float) -> str:
    """``text``, or "…" and as much of its end as fits ``width`` Dear ImGui units; characters that
    cannot be shown are replaced."""
    text = printable(text)
    if imgui.calc_text_size(text).x <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        if imgui.calc_text_size("…" + text[middle:]).x <= width:
            high = middle
        else:
            low = middle + 1
    return "…" + text[low:]


def preview_hint(log: PerformanceLog) -> None:
    """What the last preview left out; before the first one the line is there too."""
    controls.hint(f"Last preview: {log.preview_level or 'none'}.")


def job_progress(title: str, commands: Commands) -> None:
    """A bar for the present job, with the time left and a button that stops it."""
    job, left = commands.job, commands.job_left
    if job is not None:
        parts = (job.detail, "" if left is None else seconds_left(left))
        detail = " \u00b7 ".join(filter(None, parts))
        if controls.progress(title, job.fraction, detail=detail):
            commands.cancel_job()


def driven_hint(state: SessionState) -> None:
    """Why controls of the motion code have no effect, while a track or a live face drives the
    person."""
    drive = state.drive
    if drive is not None and drive.driven is not None and not drive.blend:
        controls.hint(
            "The motion track moves the face: raise Blend under Motion track to mix this motion in."
            if drive.track
            else "A live face moves the person: motions have no effect until the camera is closed."
        )


def pick_from_popup(name: str, rows: Iterable[tuple[str, str, str]]) -> str | None:
    """A list that opens at the cursor after `imgui.open_popup(name)`; returns the key picked.
    `rows` are a key each, which is the tooltip as well, a title and a smaller line below it."""
    corner = imgui.get_cursor_screen_pos()
    imgui.set_next_window_pos((corner.x, corner.y - style.px(2)))
    width, tall = imgui.get_content_region_avail().x, imgui.get_main_viewport().size.y * 0.6
    imgui.set_next_window_size((width, 0.0))
    imgui.set_next_window_size_constraints((width, 0.0), (width, tall))
    if not imgui.begin_popup(name):
        return None
    found = None
    with controls.scope(name):
        for key, title, line in rows:
            if _two_lines(key, title, line):
                found = key
    imgui.end_popup()
    return found


def files_row(
    open_file: Button,
    kind: str,
    recent: Iterable[str],
    show: Callable[[str], object],
    *others: Button,
) -> None:
    """Buttons that open a file or a recent one, and further buttons beside them. `kind` is the
    plural for the files, such as "models"; `recent` are the newest first."""
    name, paths = f"Recent {kind}", [Path(path) for path in recent]
    lists = Button(
        "Recent",
        partial(imgui.open_popup, name),
        f"Lists the {kind} that were opened before.",
        icon=icons.ICON_FA_CLOCK_ROTATE_LEFT,
        enabled=bool(paths),
    )
    button_row(open_file, lists, *others)
    picked = pick_from_popup(name, [(str(p), p.name, str(p.parent)) for p in paths])
    if picked is not None:
        show(picked)


def _two_lines(key: str, title: str, line: str) -> bool:
    colors = style.palette()
    height = imgui.get_text_line_height()
    low = imgui.get_cursor_screen_pos()
    room = imgui.get_content_region_avail().x
    picked, _ = imgui.selectable(f"##{printable(key)}", False, 0, (0.0, 2 * height))
    registry.record(key)
    layout.tooltip(None, key)
    draw_list = imgui.get_window_draw_list()
    draw_list.add_text((low.x, low.y), colors.text, layout.ellipsis(title, room))
    with style.font("body", style.SMALL_SIZE):
        draw_list.add_text((low.x, low.y + height), colors.text_dim, end_of(line, room))
    return picked


@contextmanager
def disabled(when: bool) -> Generator[None]:
    """Fades the block's controls and disables their input."""
    imgui.begin_disabled(when)
    try:
        yield
    finally:
        imgui.end_disabled()


@contextmanager
def scrolled(name: str, most: float) -> Generator[bool]:
    """Draws the block as high as it is, or in a region that scrolls. The block receives whether it
    is visible, and draws nothing if not. `name` is unique within the panel; `most` is the greatest
    height, as a fraction of the window's."""
    if registry.is_indexing():
        yield True
        return
    key = f"{registry.scope_name()}/{name}"
    limit = most * imgui.get_main_viewport().size.y
    height = max(min(_contents.get(key, limit), limit), 1.0)
    seen = imgui.begin_child(f"##{name}", (0.0, height), imgui.ChildFlags_.nav_flattened)
    yield seen
    if seen:
        # Without the space below the last item, which the block may have set for itself.
        drawn = imgui.internal.get_current_window().dc
        _contents[key] = drawn.cursor_max_pos.y - drawn.cursor_start_pos.y
    imgui.end_child()  # after a failure `controls.guarded` does so, as a table may be open in it
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    registry.record_rect(name, (low.x, low.y, high.x, high.y))


def folder_row(commands: Commands) -> None:
    """The folder that pictures and exports are saved to."""
    about = "Chooses the folder that pictures and exports are saved to."
    if value_with_button("Folder", commands.capture_folder, icons.ICON_FA_FOLDER_OPEN, about):
        commands.capture_folder_dialog()


def person_file_row(label: str, state: SessionState) -> None:
    """The file of the person shown, and a button that closes it."""
    path = state.latent.ws_file
    about = "Closes the file and shows the seed again."
    if value_with_button(label, Path(path).name, icons.ICON_FA_XMARK, about, full_text=path):
        state.latent = replace(state.latent, ws_file="", expression=0.0)


def times(*numbers: int) -> str:
    """Sizes as a product: "512 × 512"."""
    return " \u00d7 ".join(str(number) for number in numbers)


LEAST_SEED = -10_000
"""Lowest number that a seed is shown as: those below 0 are left of and below the pad's origin."""


def counted(seed: int) -> int:
    """A seed as counted on the pad: the last ones before 2**32 are shown as those below 0."""
    return seed - 2**32 if seed >= 2**32 + LEAST_SEED else seed


def seed_caption(seed: int) -> str:
    """A seed as far as there is room for it on a pad: the last digits of a long one."""
    seed = counted(seed)
    if seed < 0:
        return f"−{-seed}"  # noqa: RUF001  (the minus sign of the pad's font)
    digits = str(seed)
    return digits if len(digits) <= 6 else "…" + digits[-5:]
