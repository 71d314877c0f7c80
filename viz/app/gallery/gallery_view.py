"""The gallery: pages of small pictures beside the main one, drawn and rendered only where
visible."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import keyboard, layout, registry, style
from viz.app.commands import Commands
from viz.app.gallery.cells import GAP, Cell, caption_height, columns_for, draw_cell, star_pressed
from viz.app.gallery.gallery_commands import GalleryPage
from viz.app.panels.setting_controls import seed, segmented, slider
from viz.app.panels.widgets import Button, button_row, counted
from viz.scheduling.thumbnails import of_state
from viz.state.kept import favourites
from viz.state.kept.favourites import Code

PAGES: dict[GalleryPage, str] = {
    "people": "People",
    "motions": "Motions",
    "favourites": "Favourites",
    "seen": "History",
}
_SHARE = 0.42
"""Smallest fraction of the picture's region for the gallery: a square picture leaves the rest
free."""
_LEAST_WIDTH = 250.0
_LEAST_PICTURE = 200.0
"""Smallest width in design pixels, as far as there is room."""
_MORE = 200
"""Number of cells by which an endless page grows."""
_HOW = "Click to show it, Shift+click to go halfway there; the star makes it a favourite."


def gallery_edge(area: tuple[float, float, float, float]) -> float:
    """Edges of the gallery within the picture's region: left, top, right, bottom."""
    left, top, right, bottom = area
    width = right - left
    needed = max(_SHARE * width, width - (bottom - top), style.px(_LEAST_WIDTH))
    return round(left + min(needed, max(width - style.px(_LEAST_PICTURE), width / 2)))


class Gallery:
    """Draws the gallery."""

    def __init__(self) -> None:
        self._query = ""
        self._searched: tuple[str, favourites.Favourites] = ("", ())
        self._found: favourites.Favourites = ()
        """The searched favourites that match the query."""
        self._count = _MORE
        self._endless: tuple[object, ...] = ()
        """What the endless page shows: a different one starts at its top."""
        self._scrolls_up = False
        self._reached = -1
        """The cell that gets the keyboard focus in this frame."""
        self._about = ""
        """Text about the cell under the mouse or the keyboard focus. A tooltip would cover the
        picture of the person just clicked."""
        self._chosen: Code | None = None
        """The favourite being renamed or removed."""

    def draw(self, commands: Commands) -> None:
        """Fills the current window."""
        with controls.scope("Gallery"):
            interface = commands.interface
            segmented("##Page", interface, "gallery_page", PAGES)
            if interface.gallery_page in ("people", "motions"):
                self._draw_codes(commands)
            elif interface.gallery_page == "favourites":
                self._draw_favourites(commands)
            else:
                self._draw_seen(commands)
        commands.gallery_reached = False

    def _draw_codes(self, commands: Commands) -> None:
        interface, model = commands.interface, commands.model
        motions = interface.gallery_page == "motions"
        if model is None or (motions and not model.moves):
            still = "This model makes still pictures: it has no motions to choose from."
            controls.hint(still if model else "No model yet.")
            return
        _places(commands)
        shown = (
            interface.gallery_page,
            interface.gallery_around,
            interface.gallery_first,
            commands.gallery_centre,
        )
        if shown != self._endless:
            self._endless, self._count, self._scrolls_up = shown, _MORE, True

        def cell(number: int) -> Cell:
            code = commands.gallery_code(number)
            caption = "" if interface.gallery_around else str(counted(code.seed))
            return _cell(commands, code, caption)

        seen = self._grid(
            commands,
            self._count,
            cell,
            lambda number: self._press(commands, commands.gallery_code(number)),
            plays=motions,
            captions=not interface.gallery_around,
        )
        if seen.stop + _MORE // 2 > self._count:
            self._count += _MORE
        # Neighbouring rows are rendered next.
        around = len(seen) // 2
        first = max(seen.start - around, 0)
        for number in (*range(seen.stop, seen.stop + around), *range(first, seen.start)):
            request = commands.pictures_of(commands.gallery_code(number))[0]
            commands.thumbnails.picture(request, urgency=2)

    def _draw_favourites(self, commands: Commands) -> None:
        _, self._query = controls.text_input(
            "##Search",
            self._query,
            placeholder="Search the favourites",
            tooltip="Shows only favourites whose names contain all these words.",
        )
        found = self._search(commands.state.favourites)
        if not commands.state.favourites:
            controls.hint(
                "No favourites yet: A stars the person shown, Shift+A the motion; in the gallery, "
                "click the star of a picture."
            )
            return
        self._draw_name(commands)
        if not found:
            controls.hint("No favourite matches.")

        def cell(number: int) -> Cell:
            entry = found[number]
            assert entry.code is not None
            return _cell(commands, entry.code, entry.title)

        def press(number: int) -> None:
            self._chosen = found[number].code
            assert self._chosen is not None
            self._press(commands, self._chosen)

        self._grid(commands, len(found), cell, press, plays=True)

    def _search(self, kept: favourites.Favourites) -> favourites.Favourites:
        query, searched = self._searched
        if query != self._query or searched is not kept:
            self._searched = self._query, kept
            self._found = favourites.found(kept, self._query)
        return self._found

    def _draw_name(self, commands: Commands) -> None:
        """Controls to rename or remove the favourite that was clicked last."""
        shown = (self._chosen, commands.state.latent, commands.state.motion)
        kept = [commands.favourite_of(code) for code in shown if code is not None]
        entry = next(filter(None, kept), None)
        code = entry.code if entry else None
        with controls.reserved(entry is not None, 2) as draws:
            if not draws or entry is None or code is None:
                return
            imgui.push_id(str(commands.state.favourites.index(entry)))
            changed, name = controls.text_input(
                "Name",
                entry.name,
                placeholder=entry.title,
                tooltip="Name of the favourite that was clicked last.",
            )
            if changed:
                commands.rename_favourite(code, name)
            button_row(
                Button(
                    "Remove from the favourites",
                    lambda: commands.toggle_favourite(code),
                    "Removes this favourite from the list. Ctrl+Z brings it back.",
                    icon=icons.ICON_FA_TRASH,
                )
            )
            imgui.pop_id()

    def _draw_seen(self, commands: Commands) -> None:
        entries = commands.seen.entries
        if not entries:
            controls.hint(
                "The last 200 people and motions that you looked at for a second or "
                "more appear here."
            )
            return
        weights = commands.model.weights if commands.model else ""

        def cell(number: int) -> Cell:
            entry = entries[number]
            request = of_state(entry.shown())
            here = (commands.state.latent, commands.state.motion, weights) == entry.who
            about = f"{favourites.name_of(entry.latent)}, motion {entry.motion.seed}."
            return Cell(
                favourites.name_of(entry.latent),
                (request,),
                f"{about} Click to show it again, seen from the same camera.",
                lit=here,
                model=entry.weights,
            )

        self._grid(commands, len(entries), cell, lambda k: commands.take_seen(entries[k]))

    def _press(self, commands: Commands, code: Code) -> None:
        if star_pressed():
            commands.toggle_favourite(code)
        elif imgui.get_io().key_shift:
            commands.blend_towards(code)
        else:
            commands.take_code(code)

    def _grid(
        self,
        commands: Commands,
        count: int,
        cell: Callable[[int], Cell],
        press: Callable[[int], None],
        *,
        plays: bool = False,
        captions: bool = True,
    ) -> range:
        """Draws the visible ones of `count` cells in a scrolling region; returns their numbers."""
        slider("Size", commands.interface, "gallery_size")
        available = imgui.get_content_region_avail()
        flags = imgui.ChildFlags_.nav_flattened
        name = f"##{commands.interface.gallery_page}"  # each page keeps its own scroll position
        about, self._about = self._about, ""
        with style.font("body", style.SMALL_SIZE):  # two lines on the picture under the mouse
            foot = 2 * imgui.get_text_line_height() + imgui.get_style().item_spacing.y
        imgui.begin_child(name, (available.x, max(available.y - foot, 1.0)), flags)
        if self._scrolls_up:
            self._scrolls_up = False
            imgui.set_scroll_y(0.0)
        gap, origin = style.px(GAP), imgui.get_cursor_pos()
        width = imgui.get_content_region_avail().x
        columns, side = columns_for(width, commands.interface.gallery_size)
        height = side + (caption_height() if captions else 0.0)
        line = height + gap
        rows = math.ceil(count / columns)
        first = int(imgui.get_scroll_y() / line)
        last = int((imgui.get_scroll_y() + imgui.get_window_height()) / line)
        visible = range(first * columns, min((last + 1) * columns, count))
        if commands.gallery_reached:  # what is shown, or else the first cell
            shown = (number for number in visible if cell(number).lit)
            self._reached = next(shown, visible.start)
        # One more row on each side, which the keyboard can move to.
        for row in range(max(first - 1, 0), min(last + 2, rows)):
            for number in range(row * columns, min((row + 1) * columns, count)):
                at = (origin.x + number % columns * (side + gap), origin.y + row * line)
                imgui.set_cursor_pos(at)
                self._place(commands, number, cell, press, (side, height), plays)
        imgui.set_cursor_pos((origin.x, origin.y + rows * line))
        imgui.dummy((width, 0.0))
        imgui.end_child()
        if about:
            controls.hint(about)
            registry.record("About")
        self._reached = -1
        return visible

    def _place(
        self,
        commands: Commands,
        number: int,
        cell: Callable[[int], Cell],
        press: Callable[[int], None],
        size: tuple[float, float],
        plays: bool,
    ) -> None:
        low = imgui.get_cursor_screen_pos()
        pressed = layout.press_area(f"##{number}", size)
        if number == self._reached:
            registry.focus_item()
        registry.record(str(number))
        if pressed:
            press(number)
        if imgui.is_item_visible():
            drawn = replace(cell(number), selected=keyboard.has_focus_ring())
            if imgui.is_item_hovered() or drawn.selected:
                problem = commands.thumbnails.problem(drawn.requests[0])
                self._about = f"{drawn.about} {problem}".rstrip()
            pictures = commands.small_pictures
            draw_cell(pictures, drawn, (low.x, low.y), size[0], plays=plays, explains=False)


def _places(commands: Commands) -> None:
    """Controls for where the people or motions of an endless page lie."""
    interface = commands.interface
    segmented("##Places", interface, "gallery_around", {False: "Seeds", True: "Around one"})
    if interface.gallery_around:
        slider("Radius", interface, "gallery_radius")
    else:
        seed("First seed", interface, "gallery_first")
    elsewhere = Button("Random", commands.shuffle_gallery, icon=icons.ICON_FA_DICE)
    if not interface.gallery_around:
        button_row(elsewhere)
        return
    here = Button("Around this one", commands.centre_gallery, icon=icons.ICON_FA_CROSSHAIRS)
    button_row(here, elsewhere)


def _cell(commands: Commands, code: Code, caption: str) -> Cell:
    return Cell(
        caption,
        commands.pictures_of(code),
        f"{favourites.name_of(code)}. {_HOW}",
        lit=code in (commands.state.latent, commands.state.motion),
        starred=commands.favourite_of(code) is not None,
        keeps=True,
    )
