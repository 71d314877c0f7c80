"""A list over the window that is searched by typing: for commands, settings, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import imgui

from gui_utils.controls import keyboard, style
from gui_utils.controls.layout import ellipsis, ink, record, scope
from gui_utils.controls.modals import clicked_outside, draw_key_caps, key_caps_width
from gui_utils.controls.notices import FLOATING
from gui_utils.controls.text import printable

_K = imgui.Key
_WIDTH, _ROWS = 560.0, 11
_MOST = 60
"""Most matches shown; typing another letter narrows them down."""


@dataclass(frozen=True)
class Choice:
    """One entry of a searched list."""

    name: str
    group: str = ""
    """Where it belongs, shown dim before the name and searched as well."""
    keys: str = ""
    """Key that does the same: "Ctrl+S"."""
    about: str = ""
    """A sentence, shown while the entry is selected."""


def match(query: str, text: str) -> float | None:
    """How well a text fits what was typed; None if it does not.

    Each word of the query must be in the text letter by letter, in order but with gaps allowed.
    Letters that follow one another and beginnings of words count more.
    """
    text = text.casefold()
    scores = [_word_score(word, text) for word in query.casefold().split()]
    found = [score for score in scores if score is not None]
    return sum(found) if len(found) == len(scores) else None


def _word_score(word: str, text: str) -> float | None:
    best = None
    start = text.find(word[0])
    while start >= 0:
        score, at = _letter_score(text, start, start), start
        for letter in word[1:]:
            following = text.find(letter, at + 1)
            if following < 0:
                break
            score += _letter_score(text, following, at + 1)
            at = following
        else:
            best = score if best is None else max(best, score)
        start = text.find(word[0], start + 1)
    return best


def _letter_score(text: str, at: int, expected: int) -> float:
    """Score of a letter at a position; `expected` is the position right after the previous
    letter."""
    begins = at == 0 or not text[at - 1].isalnum()
    return (2.0 if begins else 0.0) + (1.5 if at == expected else -0.05 * (at - expected))


def best_matches(query: str, choices: Sequence[Choice]) -> list[Choice]:
    """The choices that fit what was typed, the best first; all in their own order for an empty
    query.

    Matches in names come before matches in groups, and matches only in sentences come last.
    """
    words = query.casefold().split()
    scored = []
    for choice in choices:
        name = match(query, choice.name)
        group = match(query, f"{choice.name} {choice.group}")
        if name is not None or group is not None:
            score = name + 1.0 if name is not None else group or 0.0
            scored.append((0, -score, len(choice.name) if words else 0, choice))
        elif all(word in choice.about.casefold() for word in words):
            scored.append((1, 0.0, 0, choice))
    return [choice for *_, choice in sorted(scored, key=lambda item: item[:3])]


class SearchList:
    """The list while it is open. Typing searches, the arrow keys select, Enter takes, Escape
    leaves; the mouse does as well.

    Args:
        title: what is searched, shown in the empty field.
        choices: all entries.
    """

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        self._title, self._choices = title, choices
        self._query = ""
        self._selected = 0
        self._found = list(choices)

    def draw(self) -> tuple[bool, Choice | None]:
        """Draws it; whether it stays open, and the entry that was taken."""
        name = f"###{self._title}"
        if not imgui.is_popup_open(name):
            imgui.open_popup(name)
        area = imgui.get_main_viewport()
        top = (area.get_center().x, area.pos.y + area.size.y * 0.14)
        imgui.set_next_window_pos(top, imgui.Cond_.always, (0.5, 0.0))
        width = min(style.px(_WIDTH), area.size.x - style.px(16))
        imgui.set_next_window_size((width, 0.0))
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(10), style.px(10)))
        shown, _ = imgui.begin_popup_modal(name, None, FLOATING)
        imgui.pop_style_var()
        if not shown:
            return False, None
        with scope(self._title):
            taken = self._content(area.size.y)
        leaves = imgui.is_key_pressed(_K.escape, False) or clicked_outside()
        if taken is not None or leaves:
            imgui.close_current_popup()
        imgui.end_popup()
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
        about = selected.about if selected else "Nothing matches."
        with style.font("body", style.SMALL_SIZE):
            imgui.text_disabled(ellipsis(about, imgui.get_content_region_avail().x))
        return selected if enter else clicked

    def _field(self) -> None:
        imgui.set_next_item_width(-1.0)
        if not imgui.is_any_item_active():  # all letters are for the field
            keyboard.activate_next("##query")
        hint = f"{self._title}…"
        changed, self._query = imgui.input_text_with_hint("##query", hint, self._query)
        record("Query")
        keyboard.claim(_K.up_arrow, _K.down_arrow, _K.page_up, _K.page_down, _K.tab)
        if changed:
            self._found = best_matches(self._query, self._choices)[:_MOST]
            self._selected = 0

    def _move(self) -> bool:
        """Follows the keys; whether the selection changed."""
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
