"""The sidebar: a rail of groups at the window's edge, and the panels of one group beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from viz.app.commands import Commands
from viz.app.panels import GROUPS, PANELS, Panel
from viz.state.interface import PanelGroup

RAIL_WIDTH = 54.0
_TAB_HEIGHT = 54.0
_WORD_SIZE = 11.0
_ICON_SIZE = 17.0
_MARK = 3.0
"""Design pixels."""


def draw(commands: Commands, guarded: Callable[[], AbstractContextManager[None]]) -> None:
    """Draws the group that is shown, or the one whose panel is looked for, and the rail. `guarded`
    wraps the panels that the mouse is held back from during a show."""
    sought = registry.sought_section()
    for panel in PANELS:
        if panel.title == sought:
            commands.interface.panel_group = panel.group
    _draw_rail(commands)
    group, room = commands.interface.panel_group, imgui.get_content_region_avail()
    padded = imgui.ChildFlags_.always_use_window_padding | imgui.ChildFlags_.nav_flattened
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(8), style.px(8)))
    # Each group has a window of its own, so that each keeps its scroll position.
    imgui.begin_child(f"##{group}", (max(room.x - style.px(RAIL_WIDTH), 1.0), room.y), padded)
    imgui.pop_style_var()
    for panel in PANELS:
        if panel.group == group:
            with nullcontext() if panel.in_show else guarded():
                _draw_section(commands, panel)
    imgui.end_child()


def _draw_rail(commands: Commands) -> None:
    """The groups at the right edge; in the order of the Tab key they come before the panels."""
    start, room = imgui.get_cursor_pos(), imgui.get_content_region_avail()
    left, height = start.x + room.x - style.px(RAIL_WIDTH), room.y / len(GROUPS)
    with controls.scope("Rail"):
        for k, group in enumerate(GROUPS):
            tab = min(style.px(_TAB_HEIGHT), height)
            imgui.set_cursor_pos((left, start.y + k * tab))
            if _tab(group, tab, group == commands.interface.panel_group):
                commands.show_group(group)
    imgui.set_cursor_pos(start)


def _draw_section(commands: Commands, panel: Panel) -> None:
    """A panel under its title; if it fails it is folded with a notice, and the others go on."""
    with controls.section(panel.title, icon=panel.icon, default_open=panel.default_open) as is_open:
        if not is_open:
            return
        error = controls.guarded(
            f"the panel {panel.title}",
            lambda: panel.draw(commands),
        )
        if error is not None:
            controls.open_sections[panel.title] = False
            sentence = f"The panel {panel.title} failed and was folded; open it to try again."
            commands.report(sentence, error)


def _tab(group: PanelGroup, height: float, chosen: bool) -> bool:
    """A group's icon above its name; returns whether it was pressed."""
    low, width = imgui.get_cursor_screen_pos(), style.px(RAIL_WIDTH)
    pressed = layout.press_area(f"##{group}", (width, height))
    registry.record(group, presses=True)
    titles = [panel.title for panel in PANELS if panel.group == group]
    layout.tooltip(None, ", ".join(titles))
    colors, draw_list = style.palette(), imgui.get_window_draw_list()
    high = (low.x + width, low.y + height)
    if chosen or imgui.is_item_hovered():
        fill = colors.raised if chosen else colors.frame
        draw_list.add_rect_filled((low.x, low.y), high, fill)
    if chosen:
        draw_list.add_rect_filled((low.x, low.y), (low.x + style.px(_MARK), high[1]), colors.accent)
    ink = colors.text if chosen or imgui.is_item_hovered() else colors.text_dim
    lines = [(GROUPS[group], _ICON_SIZE, colors.accent if chosen else ink)]
    if height > style.px(_ICON_SIZE + _WORD_SIZE + 8):
        lines.append((group, _WORD_SIZE, ink))
    y = low.y + (height - style.px(sum(size + 4 for _, size, _ in lines) - 4)) / 2
    for text, size, color in lines:
        with style.font("body", size):
            x = low.x + (width - imgui.calc_text_size(text).x) / 2
            draw_list.add_text((round(x), round(y)), color, text)
        y += style.px(size + 4)
    return pressed
