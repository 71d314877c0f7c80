"""Fonts for characters that the interface's own fonts lack, brought in as texts need them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from gui_utils.controls import layout, style

logger = logging.getLogger(__name__)

FindFonts = Callable[[Sequence[str]], Sequence[str]]
_MOST = 12
"""Fonts that are brought in; each takes the memory of its file."""


class MissingGlyphs:
    """Looks for fonts on another thread; until they are there, and where there are none, U+FFFD is
    drawn.

    Args:
        find: gives paths of fonts that have some characters.
        found: called on the other thread once fonts were found.
    """

    def __init__(self, find: FindFonts, found: Callable[[], object]) -> None:
        self._find, self._tell = find, found
        self._thread: threading.Thread | None = None
        self._found: list[str] = []
        self._merged: set[str] = set()
        self._seen: set[str] = set()

    def update(self) -> None:
        """Between two frames: brings in what was found, and has looked for what is missing now."""
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
            logger.exception("Fonts could not be looked for.")
        self._tell()

    def _merge(self, path: str) -> None:
        try:
            style.merge_font(path)
        except RuntimeError:
            logger.warning("The font %s cannot be used.", path)
        layout.fitted_text.cache_clear()  # measured without it
