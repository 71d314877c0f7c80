"""A list over the window that is searched by typing: for commands, settings and files."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.floating.modals import clicked_outside, draw_key_caps, key_caps_width, modal
from gui_utils.controls.layout import ellipsis, ink
from gui_utils.controls.registry import record, scope
from gui_utils.controls.style import printable

_K = imgui.Key
_WIDTH, _ROWS = 560.0, 11
_MOST = 60
"""Maximum number of matches shown; typing another letter narrows them down."""
_ABOUT_LINES = 3
"""Lines for the sentence about the selected entry."""
_MOST_LETTERS = 400
"""Characters of it that are measured, more than fit into these lines: it may be very long."""
_WORDS = re.compile(r"\w+")
_SURE = 2.0
"""Score above which a word matches by more than scattered letters."""


@dataclass(frozen=True)
class Choice:
    """One entry of a searched list."""

    name: str
    group: str = ""
    """Its group, shown dim after the name and searched as well."""
    keys: str = ""
    """Shortcut for the same: "Ctrl+S"."""
    about: str = ""
    """A sentence shown while the entry is selected."""
    also: str = ""
    """Further words by which it is found."""


@functools.lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORDS.findall(text.casefold()))


def best_matches(query: str, choices: Sequence[Choice]) -> list[Choice]:
    """The choices that match what was typed, the best first; all in their own order for an empty
    query.

    Each word of the query must match: best as a word of the name, then as the beginning of one, as
    a further word of the choice, in its group, or in its sentence. Letters that are merely
    scattered over the name count only if no choice matches better.
    """
    query_words = _words(query)
    if not query_words:
        return [] if query.strip() else list(choices)
    scored: list[tuple[float, int, Choice]] = []
    unsure: list[tuple[float, int, Choice]] = []
    for choice in choices:
        name = _words(choice.name)
        scores = [_word_score(word, name, choice) for word in query_words]
        if 0.0 in scores:
            continue
        # Of two that contain all words, the one with a shortcut is preferred, or with fewer words.
        common = bool(choice.keys) + len(query_words) / max(len(name), len(query_words))
        found = scored if min(scores) >= _SURE else unsure
        found.append((-sum(scores) - common, len(choice.name), choice))
    ordered = sorted(scored or unsure, key=lambda item: item[:2])
    return [choice for *_, choice in ordered]


def _word_score(word: str, name: Sequence[str], choice: Choice) -> float:
    """How well a word of the query matches a choice whose name has these words; 0 if it does
    not."""
    places = ((name, 10.0), (_words(choice.also), 7.0), (_words(choice.group), 5.0))
    score = max(_fit(word, words) * best for words, best in places)
    if score:
        return score
    if _begins(word, name):
        return 6.0
    if len(word) > 2:
        if word in choice.name.casefold():
            return 4.0
        if about := _fit(word, _words(choice.about)):
            return 3.0 * about
    letters = iter(f"{choice.name} {choice.group}".casefold())
    scattered = all(letter in letters for letter in word)  # in this order, with gaps allowed
    return 1.0 if scattered else 0.0


def _fit(word: str, words: Sequence[str]) -> float:
    """1 for one of the words, less for the beginning of one or for its plural, 0 for none."""
    if word in words:
        return 1.0
    if any(known.startswith(word) for known in words):
        return 0.8
    plural = len(word) > 3 and word.endswith("s")
    return 0.75 if plural and word[:-1] in words else 0.0


def _begins(word: str, words: Sequence[str]) -> bool:
    """Whether a word is made of the beginnings of several others in their order: "randpers" for
    "random person"."""
    reached = {0}
    for known in words:
        reached |= {
            end
            for start in reached
            for end in range(start + 1, len(word) + 1)
            if known.startswith(word[start:end])
        }
    return len(word) in reached


class SearchList:
    """The list while it is open. Typing searches, the arrow keys select, Enter takes an entry, and
    Escape closes the list; the mouse can do all of this as well."""

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        self._title, self._choices = title, choices
        self._query = ""
        self._selected = 0
        self._found = list(choices)

    def draw(self) -> tuple[bool, Choice | None]:
        """Draws it; returns whether it stays open, and the entry taken."""
        with modal(f"###{self._title}", (_WIDTH, 0), (10, 10), top=0.14) as shown:
            if not shown:
                return False, None
            with scope(self._title):
                taken = self._content(imgui.get_main_viewport().size.y)
            leaves = imgui.is_key_pressed(_K.escape, False) or clicked_outside()
            if taken is not None or leaves:
                imgui.close_current_popup()
        return taken is None and not leaves, taken

    def _content(self, room: float) -> Choice | None:
        self._field()
        enter = keyboard.enter_pressed() and not imgui.is_window_appearing()
        row = imgui.get_frame_height()
        lines = min(_ROWS, max(int((room * 0.8 - 4 * row) / row), 2))
        imgui.begin_child("##found", (0.0, lines * row), 0, imgui.WindowFlags_.no_nav)
        clicked = self._rows(row, moved=self._move())
        imgui.end_child()
        selected = self._found[self._selected] if self._found else None
        self._about(selected.about if selected else "Nothing matches.")
        return selected if enter else clicked

    @staticmethod
    def _about(text: str) -> None:
        """Draws the sentence below the list, in a space of constant height."""
        low = imgui.get_cursor_pos()
        with style.font("body", style.SMALL_SIZE):
            height = _ABOUT_LINES * imgui.get_text_line_height()
            fitted = _fitted(text, imgui.get_content_region_avail().x, height)
            with style.text_color(style.palette().text_dim):
                imgui.text_wrapped(fitted)
        record("About")
        imgui.set_cursor_pos(low)
        imgui.dummy((0.0, height))

    def _field(self) -> None:
        imgui.set_next_item_width(-1.0)
        if not imgui.is_any_item_active():  # all letters go to the field
            keyboard.activate_next("##query")
        hint = f"{self._title}…"
        changed, self._query = imgui.input_text_with_hint("##query", hint, self._query)
        record("Query")
        keyboard.claim(_K.up_arrow, _K.down_arrow, _K.page_up, _K.page_down, _K.tab)
        if changed:
            self._found = best_matches(self._query, self._choices)[:_MOST]
            self._selected = 0

    def _move(self) -> bool:
        """Handles the keys; returns whether the selection changed."""
        before = self._selected
        for key, step in ((_K.down_arrow, 1), (_K.up_arrow, -1)):
            if imgui.is_key_pressed(key):
                self._selected = (self._selected + step) % max(len(self._found), 1)
        for key, step in ((_K.page_down, _ROWS), (_K.page_up, -_ROWS)):
            if imgui.is_key_pressed(key):
                self._selected = min(max(self._selected + step, 0), max(len(self._found) - 1, 0))
        return self._selected != before or imgui.is_window_appearing()

    def _rows(self, height: float, moved: bool) -> Choice | None:
        clicked = None
        mouse = imgui.get_io().mouse_delta
        for index, choice in enumerate(self._found[:_MOST]):
            low = imgui.get_cursor_screen_pos()
            room = imgui.get_content_region_avail().x
            if imgui.invisible_button(f"##{index}", (max(room, 1.0), height)):
                clicked = choice
            record(f"{choice.group}/{choice.name}")
            if imgui.is_item_hovered() and (mouse.x or mouse.y):
                self._selected = index
            if index == self._selected:
                corner = (low.x + room, low.y + height)
                color = ink(style.palette().accent_soft)
                imgui.get_window_draw_list().add_rect_filled(
                    (low.x, low.y), corner, color, style.px(4)
                )
                if moved:
                    imgui.set_scroll_here_y(0.5)
            self._row(choice, (low.x, low.y), room, height)
            imgui.set_cursor_screen_pos((low.x, low.y + height))
        imgui.dummy((0.0, 0.0))
        return clicked

    @staticmethod
    def _row(choice: Choice, low: tuple[float, float], room: float, height: float) -> None:
        colors, draw = style.palette(), imgui.get_window_draw_list()
        y = round(low[1] + (height - imgui.get_font_size()) / 2)
        x = low[0] + style.px(8)
        caps = key_caps_width(choice.keys) if choice.keys else 0.0
        room -= caps + style.px(24)
        name = ellipsis(choice.name, room)
        draw.add_text((x, y), ink(colors.text), name)
        used = imgui.calc_text_size(name).x + style.px(10)
        if choice.group and room - used > style.px(30):
            group = ellipsis(printable(choice.group), room - used)
            draw.add_text((x + used, y), ink(colors.text_dim), group)
        if choice.keys:
            imgui.set_cursor_screen_pos((low[0] + room + style.px(16), low[1]))
            draw_key_caps(choice.keys)


def _fitted(text: str, width: float, height: float) -> str:
    """A text without its last sentences, or else words, that do not fit when it is wrapped."""

    def fits(part: str) -> bool:
        return imgui.calc_text_size(part, wrap_width=width).y <= height + 1

    text = printable(text)[:_MOST_LETTERS]
    while not fits(text) and ". " in text:
        text = text.rpartition(". ")[0] + "."
    if fits(text):
        return text
    while not fits(text + "\u2026") and " " in text:
        text = text.rpartition(" ")[0]
    return text + "\u2026"
