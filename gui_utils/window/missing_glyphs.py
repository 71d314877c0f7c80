"""Loads fonts for characters that the interface's own fonts lack, when texts need them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from gui_utils.controls import layout, style

logger = logging.getLogger(__name__)

FindFonts = Callable[[Sequence[str]], Sequence[str]]
_MOST = 12
"""Maximum number of loaded fonts; each takes the memory of its file."""


class MissingGlyphs:
    """Searches for fonts on another thread; until they are loaded, or if there are none, U+FFFD is
    drawn.

    Args:
        find: returns paths of fonts that contain some of the given characters.
        found: called on the other thread after each search.
    """

    def __init__(self, find: FindFonts, found: Callable[[], object]) -> None:
        self._find, self._notify = find, found
        self._thread: threading.Thread | None = None
        self._found: list[str] = []
        self._merged: set[str] = set()
        self._seen: set[str] = set()

    def update(self) -> None:
        """Loads the fonts found, and begins to search for newly missing characters; call it between
        frames."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            for path in self._found:
                if path not in self._merged and len(self._merged) < _MOST:
                    self._merged.add(path)
                    self._merge(path)
        if len(style.met) == len(self._seen):
            return
        own, new = style.font_of("body"), style.met - self._seen
        self._seen |= new
        lacking = [c for c in new if not own.is_glyph_in_font(ord(c))]
        if lacking:
            look = threading.Thread(target=self._look, args=(lacking,), name="fonts", daemon=True)
            self._thread, self._found = look, []
            look.start()

    def _look(self, characters: list[str]) -> None:
        try:
            self._found = list(self._find(characters))
        except Exception:
            logger.exception("The search for fonts failed.")
        self._notify()

    def _merge(self, path: str) -> None:
        try:
            style.merge_font(path)
        except RuntimeError:
            logger.warning("The font %s cannot be used.", path)
        layout.fitted_text.cache_clear()  # measured without it
