"""Directions that the model has learnt or its makers have named, as sliders."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from viz.app.commands import Commands
from viz.app.exploring.direction_shelf import Direction, DirectionKind, DirectionShelf
from viz.app.exploring.step_pictures import PICTURED, step_pictures
from viz.app.gallery.cells import Cell, draw_cell
from viz.app.panels.appearance import LAYER_GROUPS, layer_resolution
from viz.app.panels.setting_controls import choice, toggle
from viz.app.panels.sortable_rows import Sign, sortable_rows
from viz.app.panels.widgets import (
    Button,
    button_row,
    disabled,
    driven_hint,
    fold,
    heading,
    scrolled,
)
from viz.state.interface import Interface, Swing
from viz.state.person import Shift, amount_along
from viz.state.settings import setting
from viz.state.types import ModelInfo, SessionState

_KINDS: dict[DirectionKind, str] = {
    "components": "People",
    "factors": "Styles",
    "motions": "Motion",
}
_LAYERS = {"All": "All", **{name: name for name in LAYER_GROUPS}}
_PICTURE = 44.0
"""Side of small pictures, design pixels."""
_MOST_HEIGHT = 0.45
"""Height of the list, as a fraction of the window's: what comes below it stays in reach."""
_FIRST = 10
"""Unnamed directions that are listed; the others are folded."""


def draw(commands: Commands) -> None:
    """Sliders for one kind of directions, and for all in use."""
    state = commands.state
    model, interface = commands.model, commands.interface
    if model is None:
        controls.hint("Directions belong to a model: open one.")
        return
    kind = _kind(commands)
    if kind in ("components", "factors"):
        choice("Layers", interface, "direction_layers", _LAYERS)
    listed = commands.listed_directions(kind)
    hidden = set(commands.direction_shelf.hidden)
    shown = [d for d in listed if interface.show_hidden or d.key not in hidden]
    if kind == "named":
        _named(state, commands, shown)
    elif commands.directions is None:
        _not_found(commands)
    else:
        if kind == "motions":
            driven_hint(state)
        layers = _layers(interface, model) if kind != "motions" else ()
        with scrolled("List", _MOST_HEIGHT) as seen:
            if seen:
                _sliders(state, commands, shown[:_FIRST], layers)
            if seen and len(shown) > _FIRST and fold("More directions"):
                _sliders(state, commands, shown[_FIRST:], layers)
        if not listed:
            controls.hint("This model makes still pictures: it has no motion code to change.")
    if listed and fold("Arrange"):
        _arrange(commands, kind, shown)
    _in_use(state, commands)


def _kind(commands: Commands) -> DirectionKind:
    """The kind that is listed: if nothing has a name, the kind found among people."""
    interface, declared = commands.interface, setting(Interface, "direction_kind")
    has_named = bool(commands.listed_directions("named"))
    kind = interface.direction_kind
    kinds: dict[DirectionKind, str] = {"named": "Named", **_KINDS} if has_named else _KINDS
    if kind not in kinds:
        kind = "components"
    changed, new = controls.segmented(
        "##Found in",
        kind,
        kinds,
        default="named" if has_named else "components",
        tooltip=declared.sentence,
    )
    if changed:
        kind = interface.direction_kind = next(k for k in kinds if k == new)
    return kind


def _not_found(commands: Commands) -> None:
    if commands.seeks_directions:
        if controls.progress("Finding directions", commands.worker.idle_fraction or 0.0):
            commands.stop_finding_directions()
        controls.hint("They are found while the program has nothing else to do.")
        return
    button_row(
        Button("Find directions", commands.find_directions, icon=icons.ICON_FA_MAGNIFYING_GLASS)
    )


def _named(state: SessionState, commands: Commands, shown: Sequence[Direction]) -> None:
    """What changes the face, and what changes the person."""
    with scrolled("List", _MOST_HEIGHT) as seen:
        for moves, title in ((True, "Expression"), (False, "Person")):
            some = [d for d in shown if d.moves == moves]
            if some and seen:
                heading(title)
                if moves:
                    driven_hint(state)
                _sliders(state, commands, some, ())


def _sliders(
    state: SessionState,
    commands: Commands,
    directions: Sequence[Direction],
    layers: tuple[int, ...],
) -> None:
    """A slider for each direction, with a button that swings it."""
    with _rows("sliders"):
        for direction in directions:
            imgui.table_next_column()
            _slider(state, commands, direction, layers)


def _slider(
    state: SessionState, commands: Commands, direction: Direction, layers: tuple[int, ...]
) -> None:
    code = state.motion if direction.moves else state.latent
    here = direction.shift(0.0, layers)
    amount = amount_along(code.shifts, here)
    about = direction.given.about
    unit = "" if direction.made else setting(Shift, "amount").range.unit
    imgui.push_id(direction.key)
    if commands.interface.direction_pictures:
        new = _strip(commands, direction, here)
        imgui.same_line(0.0, style.px(8))
        imgui.begin_group()
        room = imgui.get_content_region_avail().x
        with style.font("body", style.SMALL_SIZE):
            imgui.text_disabled(layout.ellipsis(controls.printable(direction.name), room))
        moved = _amount(f"##{direction.name}", amount, f"{direction.name}. {about}", unit)
        imgui.end_group()
        new = moved if new is None else new
    else:
        new = _amount(direction.name, amount, about, unit)
    if new is not None:
        commands.step_along(replace(here, amount=new), direction.moves)
    imgui.table_next_column()
    if commands.interface.direction_pictures:  # beside the slider, below its name
        below = style.px(_PICTURE) - imgui.get_frame_height()
        imgui.set_cursor_pos_y(imgui.get_cursor_pos_y() + below)
    swings = commands.interface.swing == Swing(here, direction.moves)
    if controls.icon_button(
        icons.ICON_FA_STOP if swings else icons.ICON_FA_PLAY,
        tooltip=f"Swings {direction.name} back and forth; press again to stop.",
        active=swings,
        name=f"{direction.name}/Play",
    ):
        commands.swing_along(here, direction.moves)
    imgui.pop_id()


def _strip(commands: Commands, direction: Direction, here: Shift) -> float | None:
    """Small pictures of steps along a direction; returns the step whose picture was pressed."""
    present = commands.history.present  # not while dragging
    side, pressed = style.px(_PICTURE), None
    requests = step_pictures(present.latent, present.motion, here, direction.moves)
    asks = not (commands.dragging or commands.scrubbing)  # what is dragged comes first
    for number, (amount, request) in enumerate(zip(PICTURED, requests, strict=True)):
        if number:
            imgui.same_line(0.0, style.px(2))
        low = imgui.get_cursor_screen_pos()
        if layout.press_area(f"##picture {number}", (side, side)):
            pressed = amount
        registry.record(f"{direction.name}/{amount:+.0f}", presses=True)
        if imgui.is_item_visible():
            cell = Cell("", (request,), f"{direction.name} at {amount:+.0f}: press to go there.")
            draw_cell(commands.small_pictures, cell, (low.x, low.y), side, asks=asks)
    return pressed


@contextmanager
def _rows(name: str) -> Generator[None]:
    """Rows of a control and a small button."""
    imgui.push_style_var(imgui.StyleVar_.cell_padding, (0.0, imgui.get_style().item_spacing.y / 2))
    if imgui.begin_table(f"##{name}", 2):
        imgui.table_setup_column("control", imgui.TableColumnFlags_.width_stretch)
        button = imgui.get_frame_height() + style.px(4)
        imgui.table_setup_column("button", imgui.TableColumnFlags_.width_fixed, button)
        yield
        imgui.end_table()
    imgui.pop_style_var()


def _amount(label: str, amount: float, about: str, unit: str) -> float | None:
    numbers = setting(Shift, "amount").range
    lo, hi = numbers.ends
    changed, new = controls.slider(
        label,
        amount,
        lo,
        hi,
        default=0.0,
        unit=unit,
        tooltip=about,
        typed=(numbers.lo, numbers.hi),
    )
    return new if changed else None


def _layers(interface: Interface, model: ModelInfo) -> tuple[int, ...]:
    """The layers that the user has chosen; empty for all."""
    if interface.direction_layers == "All":
        return ()
    low, high, _ = LAYER_GROUPS[interface.direction_layers]
    sides = [layer_resolution(layer, model.plane_resolution) for layer in range(model.num_ws)]
    return tuple(layer for layer, side in enumerate(sides) if low <= side <= high)


def _arrange(commands: Commands, kind: DirectionKind, shown: Sequence[Direction]) -> None:
    """The list while it is being arranged: rows to drag, star, hide and rename."""
    shelf, interface = commands.direction_shelf, commands.interface
    chosen = next((k for k, d in enumerate(shown) if d.key == commands.chosen_direction), 0)
    names, signs = [d.name for d in shown], [_signs(d, shelf) for d in shown]
    starred = sum(d.key in shelf.starred for d in shown)
    event = sortable_rows("Row", names, chosen, signs, on_top=starred)
    if event is not None:
        direction = shown[event.row]
        commands.chosen_direction = direction.key
        if event.to is not None:
            commands.move_direction(kind, direction, shown[event.to])
        elif event.sign == 0:
            commands.star_direction(direction)
        elif event.sign == 1:
            commands.hide_direction(direction)
    if shown:
        direction = shown[min(chosen, len(shown) - 1)]
        about = "Another name for the chosen direction; if empty, the original one."
        changed, name = controls.text_input("Name", direction.name, tooltip=about, on_enter=True)
        if changed:
            commands.rename_direction(direction, name)
        if direction.key.startswith("own ") and controls.button(
            "Remove", tooltip="Removes this loaded direction from the list."
        ):
            commands.remove_direction(direction)
    toggle("Pictures", interface, "direction_pictures")
    toggle("Show hidden", interface, "show_hidden")


def _signs(direction: Direction, shelf: DirectionShelf) -> tuple[Sign, ...]:
    starred, hidden = direction.key in shelf.starred, direction.key in shelf.hidden
    return (
        Sign(icons.ICON_FA_STAR, "Star", "Moves it to the top, or back to its place.", starred),
        Sign(
            icons.ICON_FA_EYE_SLASH if hidden else icons.ICON_FA_EYE,
            "Hide",
            "Hides it, or shows it again.",
            hidden,
        ),
    )


def _in_use(state: SessionState, commands: Commands) -> None:
    """All steps taken, along any direction."""
    heading("In use")
    with _rows("in use"):
        for owner, moves in ((state.latent, False), (state.motion, True)):
            for index, shift in enumerate(owner.shifts):
                imgui.table_next_column()
                imgui.push_id(f"{moves} {index}")
                _step_in_use(commands, shift, moves)
                imgui.pop_id()
    any_used = bool(state.latent.shifts or state.motion.shifts)
    button_row(
        Button("Load", commands.load_direction_dialog, icon=icons.ICON_FA_FOLDER_OPEN),
        Button("Save", commands.save_directions_dialog, icon=icons.ICON_FA_FLOPPY_DISK),
        Button("Clear", commands.clear_shifts, enabled=any_used),
    )


def _step_in_use(commands: Commands, shift: Shift, moves: bool) -> None:
    name = commands.name_of(shift)
    key = f"{name} in use"
    layers = f" ({_span(shift.layers)})" if shift.layers else ""
    muted = " It is muted." if shift.muted else ""
    about = f"{name}{layers}: right-click to reset.{muted}"
    with disabled(shift.muted):
        amount = _amount(f"{name}{layers}##{key}", shift.amount, about, "")
    if amount is not None:
        commands.step_along(replace(shift, amount=amount), moves)
    imgui.table_next_column()
    if controls.icon_button(
        icons.ICON_FA_HEADPHONES,
        tooltip=f"Solo: shows {name} alone and mutes all others. Press again to bring them back.",
        active=commands.is_solo(shift),
        name=f"{key}/Solo",
    ):
        commands.solo_shift(shift)


def _span(layers: tuple[int, ...]) -> str:
    return f"{min(layers)}-{max(layers)}"
