"""A file browser drawn in the window, for desktops without file dialogs of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.buttons import button, combo, icon_button
from gui_utils.controls.floating.modals import modal
from gui_utils.controls.layout import ellipsis, ink
from gui_utils.controls.registry import record, scope
from gui_utils.controls.style import merge_edit, printable
from gui_utils.files.folders import (
    Entry,
    absolute,
    date_text,
    is_file,
    is_folder,
    list_folder,
    size_text,
)

_KEYS = "Enter opens the selected entry; Backspace goes to the parent folder."
_LETTERS_SECONDS = 1.0
"""Seconds after which a letter typed over the list begins another name."""
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def _list_is_open() -> bool:
    """Whether a list has dropped down over the current popup."""
    context = imgui.get_current_context()
    return context.open_popup_stack.size() > context.begin_popup_stack.size()


class Browser:
    """One dialog; call `draw` each frame until it answers.

    Args:
        kind: "open", "save" or "folder".
        title: its caption.
        filters: captions with patterns; none for all files.
        path: folder to begin in, or file to suggest.
    """

    def __init__(
        self, kind: str, title: str, filters: Sequence[tuple[str, Sequence[str]]], path: Path
    ) -> None:
        self._kind = kind
        self._title = title
        self._filters = list(filters) or [("All files", ())]
        if kind == "folder":
            self._filters = [("Folders", ["/"])]  # matches no file's name
        self._filter = 0
        self._entries: list[Entry] = []
        self._chosen = -1
        self._scroll_to_chosen = False
        self._list_frame: int | None = None
        """Frame in which the list got the keyboard; None while a field or button has it."""
        self._letters, self._letters_until = "", 0.0
        self._problem = ""
        self._list_was_open = False
        self._name = "" if is_folder(path) else path.name
        self._folder = path if is_folder(path) else path.parent
        self._typed = str(self._folder)
        self._go(self._folder)

    def draw(self) -> list[str] | None:
        """Draws the dialog; returns the chosen path in a list, an empty list if it was cancelled,
        and None until then."""
        with modal("###file_browser", (660, 500), (16, 14)) as shown:
            if not shown:
                return None
            with scope("Files"):
                answer = self._draw_parts()
            if answer is None and not self._list_was_open:
                answer = self._keys()
            # A key that closes the list of file types must not close the dialog as well.
            self._list_was_open = _list_is_open()
            if answer is not None:
                imgui.close_current_popup()
        return answer

    def _draw_parts(self) -> list[str] | None:
        with style.font("bold", style.TITLE_SIZE):
            imgui.text_unformatted(ellipsis(self._title, imgui.get_content_region_avail().x))
        answer = self._draw_path()
        # There is always space for a note, so that nothing moves when one appears.
        bottom = 2 * imgui.get_frame_height_with_spacing() + style.px(4)
        bottom += imgui.get_text_line_height_with_spacing()
        picked = self._draw_list(max(imgui.get_content_region_avail().y - bottom, style.px(40)))
        name_answer = self._draw_name()
        button_answer = self._draw_buttons()
        for candidate in (answer, picked, name_answer, button_answer):
            if candidate is not None:
                return candidate
        return None

    def _draw_path(self) -> list[str] | None:
        if icon_button(icons.ICON_FA_ARROW_UP, tooltip="Parent folder (Backspace)", name="Up"):
            self._go_up()
        imgui.same_line()
        if icon_button(icons.ICON_FA_HOUSE, tooltip="Home folder", name="Home"):
            self._go(absolute("~", self._folder))
        imgui.same_line()
        if icon_button(icons.ICON_FA_ROTATE_RIGHT, tooltip="Read the folder again", name="Reload"):
            self._go(self._folder)
        imgui.same_line()
        imgui.set_next_item_width(-1.0)
        flags = imgui.InputTextFlags_.enter_returns_true
        entered, shown = imgui.input_text("##path", printable(self._typed), flags)
        self._typed = merge_edit(self._typed, shown)
        record("Path")
        return self._accept(self._typed) if entered else None

    def _draw_list(self, height: float) -> list[str] | None:
        """Draws the folder's content; returns the answer if a file was double-clicked."""
        colors = style.palette()
        answer = None
        imgui.push_style_color(imgui.Col_.child_bg, colors.raised)
        flags = imgui.ChildFlags_.always_use_window_padding
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(6), style.px(6)))
        imgui.begin_child("##list", (0.0, height), flags)
        imgui.pop_style_var()
        # Tab skips the entries, as the arrow keys select one wherever the focus is.
        imgui.push_item_flag(imgui.ItemFlags_.no_nav, True)
        if not self._entries:
            imgui.text_disabled("Nothing to show in this folder.")
        clipper = imgui.ListClipper()
        clipper.begin(len(self._entries))
        if self._scroll_to_chosen and self._chosen >= 0:
            clipper.include_item_by_index(self._chosen)
        while clipper.step():
            for index in range(clipper.display_start, clipper.display_end):
                picked = self._draw_entry(index)
                answer = answer or picked
        self._scroll_to_chosen = False
        imgui.pop_item_flag()
        imgui.end_child()
        imgui.pop_style_color()
        return answer

    def _draw_entry(self, index: int) -> list[str] | None:
        if index >= len(self._entries):
            return None
        colors = style.palette()
        entry = self._entries[index]
        height = imgui.get_frame_height()
        low = imgui.get_cursor_screen_pos()
        width = imgui.get_content_region_avail().x
        flags = imgui.SelectableFlags_.allow_double_click
        imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, style.px(1)))
        clicked, _ = imgui.selectable(f"##{index}", index == self._chosen, flags, (0.0, height))
        imgui.pop_style_var()
        record(entry.name)
        if self._scroll_to_chosen and index == self._chosen:
            imgui.set_scroll_here_y(0.5)
        draw = imgui.get_window_draw_list()
        text_y = low.y + (height - imgui.get_font_size()) / 2
        icon = icons.ICON_FA_FOLDER if entry.is_folder else icons.ICON_FA_FILE
        icon = icons.ICON_FA_CHECK if entry.is_here else icon
        tint = colors.accent if entry.is_folder else colors.text_dim
        draw.add_text((low.x + style.px(6), text_y), ink(tint), icon)
        date_width = style.px(84) if width > style.px(420) else 0.0
        size_width = style.px(76) if width > style.px(300) else 0.0
        room = width - style.px(38) - date_width - size_width
        shown = ellipsis(entry.name, room)
        draw.add_text((low.x + style.px(30), text_y), ink(colors.text), shown)
        if size_width and not entry.is_folder:
            size = size_text(entry.size)
            x = low.x + width - date_width - style.px(8) - imgui.calc_text_size(size).x
            draw.add_text((x, text_y), ink(colors.text_dim), size)
        if date_width and not entry.is_here:
            date = date_text(entry.modified)
            x = low.x + width - style.px(6) - imgui.calc_text_size(date).x
            draw.add_text((x, text_y), ink(colors.text_dim), date)
        if not clicked:
            return None
        self._choose(index)
        if imgui.is_mouse_double_clicked(0):
            return self._enter(entry)
        return None

    def _draw_name(self) -> list[str] | None:
        several = len(self._filters) > 1
        room = imgui.get_content_region_avail().x
        imgui.set_next_item_width(room * (0.6 if several else 1.0) - style.px(4))
        if imgui.is_window_appearing():
            keyboard.activate_next("##name")
        flags = imgui.InputTextFlags_.enter_returns_true | imgui.InputTextFlags_.auto_select_all
        hint = "Folder name" if self._kind == "folder" else "File name"
        shown = printable(self._name)
        entered, shown = imgui.input_text_with_hint("##name", hint, shown, flags)
        before = self._name
        if self._list_frame is None:  # a field that was just left returns its text once more
            self._name = merge_edit(self._name, shown)
        record("Name")
        if self._list_frame is not None:  # the Tab key goes on from here
            imgui.internal.set_focus_id(imgui.get_item_id(), imgui.internal.get_current_window())
            # After typing, this would hide the mouse from everything else.
            imgui.get_current_context().nav_highlight_item_under_nav = False
        if self._name != before and self._kind != "save":
            index = self._first(self._name)
            self._chosen, self._scroll_to_chosen = -1 if index is None else index, True
        if several:
            imgui.same_line()
            captions = {index: name for index, (name, _) in enumerate(self._filters)}
            changed, self._filter = combo("##Filter", self._filter, captions)
            if changed:
                self._go(self._folder)
        return self._accept_name() if entered else None

    def _draw_buttons(self) -> list[str] | None:
        note = self._note()
        colors = style.palette()
        keys = "" if self._kind == "save" else _KEYS
        with style.text_color(colors.warning if note else colors.text_dim):
            imgui.text_unformatted(ellipsis(note or keys, imgui.get_content_region_avail().x))
        action = {"open": "Open", "folder": "Choose"}.get(self._kind, "Save")
        if self._kind == "save" and self._exists():
            action = "Replace"
        width = style.px(92)
        gap = imgui.get_style().item_spacing.x
        start = imgui.get_content_region_avail().x - 2 * width - gap
        imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + max(start, 0.0))
        if button("Cancel", width=92):
            return []
        imgui.same_line()
        if self._kind == "folder" and button(action, width=92, primary=True):
            return self._choose_folder()
        # A name, or a marked entry to open.
        can_take = bool(self._name.strip()) or (self._kind != "save" and self._marked is not None)
        if self._kind != "folder" and button(action, width=92, primary=True, enabled=can_take):
            return self._accept_name()
        return None

    def _choose_folder(self) -> list[str] | None:
        """The folder that is named, or else the selected one, or else the one shown."""
        path = self._resolve(self._name) if self._name.strip() else self._folder
        if self._marked is not None and not (self._name.strip() and is_folder(path)):
            path = self._path_of(self._marked)
        if is_folder(path):
            return [str(path)]
        self._refuse(f"There is no folder {path.name} here.")
        return None

    def _note(self) -> str:
        """A note for the user; empty for none."""
        if self._problem:
            return self._problem
        if self._kind == "save" and self._exists():
            return "A file of this name is here already; it will be replaced."
        return ""

    def _exists(self) -> bool:
        path = self._resolve(self._name)
        names_file = bool(self._name.strip()) and not is_folder(path)
        return names_file and is_file(self._with_suffix(path))

    def _keys(self) -> list[str] | None:
        """Handles the keys that work wherever the focus is."""
        if imgui.is_key_pressed(imgui.Key.escape, False):
            return []
        for key, step in ((imgui.Key.down_arrow, 1), (imgui.Key.up_arrow, -1)):
            keyboard.claim(key)
            if imgui.is_key_pressed(key):
                last = len(self._entries) - 1
                self._choose(min(max(self._chosen + step, 0), last), scroll=True)
        if imgui.is_key_pressed(imgui.Key.tab) or (
            imgui.is_any_item_active() and imgui.get_io().want_text_input
        ):
            self._list_frame = None
        if self._list_frame is None:
            return None
        # These keys belong to the list, whatever Dear ImGui considers focused.
        imgui.set_nav_cursor_visible(False)
        keyboard.claim(imgui.Key.enter, imgui.Key.keypad_enter, imgui.Key.space)
        if self._list_frame == imgui.get_frame_count():
            return None  # the key that led here
        if imgui.is_key_pressed(imgui.Key.backspace, False):
            self._go_up()
        elif keyboard.enter_pressed():
            marked = self._marked
            return self._accept(self._name) if marked is None else self._enter(marked)
        elif typed := "".join(map(chr, imgui.get_io().input_queue_characters)):
            self._look_for(typed)
        return None

    def _look_for(self, typed: str) -> None:
        """Selects the first entry that begins with the letters typed in quick succession."""
        now = imgui.get_time()
        letters = "" if now > self._letters_until else self._letters
        self._letters = (letters + typed).lstrip()
        self._letters_until = now + _LETTERS_SECONDS
        index = self._first(self._letters)
        if index is not None:
            self._choose(index, scroll=True)

    def _first(self, typed: str) -> int | None:
        """Index of the first entry whose name begins with `typed`; None if there is none."""
        typed = typed.lstrip().casefold()
        names = ("" if entry.is_here else entry.name.casefold() for entry in self._entries)
        return next((k for k, name in enumerate(names) if typed and name.startswith(typed)), None)

    @property
    def _marked(self) -> Entry | None:
        return self._entries[self._chosen] if 0 <= self._chosen < len(self._entries) else None

    def _choose(self, index: int, scroll: bool = False) -> None:
        if not 0 <= index < len(self._entries):
            return
        self._chosen = index
        self._scroll_to_chosen = scroll
        self._problem = ""
        self._list_frame = imgui.get_frame_count()
        if scroll:
            # A focused text field would keep its own text, and Enter now belongs to the entry.
            imgui.internal.clear_active_id()
            imgui.set_nav_cursor_visible(False)
        entry = self._entries[index]
        if self._kind != "save" or not entry.is_folder:
            self._name = "" if entry.is_folder else entry.name

    def _path_of(self, entry: Entry) -> Path:
        return self._folder if entry.is_here else self._folder / entry.name

    def _enter(self, entry: Entry) -> list[str] | None:
        path = self._path_of(entry)
        if entry.is_here:
            return [str(path)]
        if entry.is_folder:
            self._go_into(path)
            return None
        self._name = entry.name
        return self._take(path)

    def _go_into(self, folder: Path) -> None:
        """Shows another folder, and selects its first entry unless a file is to be saved there."""
        self._go(folder)
        if self._folder != folder:
            return
        self._list_frame = imgui.get_frame_count()
        if self._kind != "save":
            self._name = ""
            self._choose(0, scroll=True)

    def _go_up(self) -> None:
        """Shows the parent folder, and selects the current one in it."""
        before = self._folder
        self._go(before.parent)
        names = [entry.name for entry in self._entries]
        if self._kind != "save" and before.name in names and not keyboard.focus_ring():
            self._choose(names.index(before.name), scroll=True)

    def _resolve(self, typed: str) -> Path:
        """The path for typed text, relative to the folder shown; "~" is the home folder."""
        # Spaces around a name are dropped unless a file has exactly that name.
        name = typed if any(entry.name == typed for entry in self._entries) else typed.strip()
        return absolute(name, self._folder)

    def _accept_name(self) -> list[str] | None:
        """Accepts the name that was typed, or the selected entry of which it is the beginning."""
        path, marked = self._resolve(self._name), self._marked
        is_there = bool(self._name.strip()) and (is_folder(path) or is_file(path))
        if marked is not None and self._kind != "save" and not is_there:
            return self._enter(marked)
        return self._accept(self._name)

    def _accept(self, typed: str) -> list[str] | None:
        """Goes to the folder that was typed, or chooses the file."""
        if not typed.strip():
            return None
        path = self._resolve(typed)
        if is_folder(path):
            self._name = ""
            self._go_into(path)
            return None
        if typed.strip().endswith(_SEPARATORS):
            self._refuse(f"There is no folder {path}.")
            return None
        self._name = path.name if path.parent == self._folder else str(path)
        return self._take(path)

    def _take(self, path: Path) -> list[str] | None:
        problem = self._problem_with(path)
        if problem:
            self._refuse(problem)
            return None
        return [str(self._with_suffix(path) if self._kind == "save" else path)]

    def _problem_with(self, path: Path) -> str:
        """Why this path, which is not a folder, cannot be chosen; empty if it can."""
        if self._kind == "folder":
            return f"There is no folder {path.name} here."
        if not is_folder(path.parent):
            return f"There is no folder {path.parent}."
        try:
            os.lstat(self._with_suffix(path) if self._kind == "save" else path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            # Too long a name, or a folder that may not be searched.
            reason = getattr(error, "strerror", None) or error
            return f"{path.name} cannot be used: {reason}."
        if self._kind == "open" and not is_file(path):
            is_here = path.parent == self._folder
            return f"There is no file {path.name} here." if is_here else f"There is no file {path}."
        return ""

    def _refuse(self, problem: str) -> None:
        """Shows the problem, and deselects the entry, which the same Enter would open otherwise."""
        self._problem, self._chosen = problem, -1

    def _with_suffix(self, path: Path) -> Path:
        """The path, with the filter's first extension added unless it has one of them."""
        patterns = self._filters[self._filter][1]
        known = any(fnmatch(path.name.lower(), pattern.lower()) for pattern in patterns)
        if not path.name or known or not patterns or not patterns[0].startswith("*."):
            return path
        return path.with_name(path.name + patterns[0][1:])

    def _go(self, folder: Path) -> None:
        """Shows another folder; if it cannot be read, says so and stays."""
        try:
            entries = list_folder(folder, self._filters[self._filter][1])
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self._refuse(f"{folder} cannot be read: {reason}.")
            return
        self._problem = ""
        if self._kind == "folder":
            entries.insert(0, Entry("This folder", is_folder=True, is_here=True))
        self._folder, self._entries = folder, entries
        self._chosen = 0 if self._kind == "folder" else -1
        self._typed = str(folder)
