"""The fonts of this computer, for characters that the program's own fonts lack."""

from __future__ import annotations

import functools
import importlib.util
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

Weight = Literal["body", "bold"]

_OWN: dict[Weight, str] = {"body": "Roboto-Regular.ttf", "bold": "Roboto-Bold.ttf"}
_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
_PREFERRED = (
    "notosanscjk",
    "sourcehansans",
    "hiragino sans",
    "pingfang",
    "msyh",
    "yugoth",
    "meiryo",
    "malgun",
    "applesdgothicneo",
    "wqy",
    "droidsansfallback",
    "segoeui",
    "seguisym",
    "notosans",
    "arial unicode",
    "applesymbols",
    "apple symbols",
    "dejavusans",
    "notocoloremoji",
    "seguiemj",
    "apple color emoji",
)
"""How names of well-drawn fonts without serifs begin, the best first."""
_OTHER_STYLES = (
    "bold",
    "italic",
    "oblique",
    "light",
    "thin",
    "black",
    "heavy",
    "mono",
    "serif",
    "condensed",
)
_MOST = 400
"""Most fonts that are examined; more would take noticeably long."""
_MOST_TABLE = 2**24
"""Bytes of a table of characters; larger ones belong to a damaged file."""


@dataclass(frozen=True)
class FontFile:
    """A font and the characters that it has."""

    path: str
    outlines: bool
    """Whether it can be drawn at any size; False for bitmaps of one size, such as colour emoji."""
    ends: np.ndarray
    """Last characters of its runs of characters, ascending, uint32 [N]."""
    starts: np.ndarray
    """First characters of these, uint32 [N]."""

    def has(self, character: str) -> bool:
        """Whether it can draw a character."""
        code = ord(character)
        place = int(np.searchsorted(self.ends, code))
        return place < len(self.ends) and int(self.starts[place]) <= code


def own_font(weight: Weight) -> FontFile:
    """The font of the program itself.

    Raises:
        FileNotFoundError: when imgui-bundle was installed without its assets.
    """
    found = _read(_own_path(weight))
    if found is None:
        raise FileNotFoundError(
            f"The font {_OWN[weight]} is missing from imgui-bundle's assets: reinstall "
            "imgui-bundle."
        )
    return found


def _own_path(weight: Weight) -> str:
    found = importlib.util.find_spec("imgui_bundle")  # the window's packages stay unloaded
    folders = found.submodule_search_locations if found is not None else None
    return str(Path(next(iter(folders or [""]))) / "assets" / "fonts" / "Roboto" / _OWN[weight])


def font_with(character: str, outlines: bool = False) -> FontFile | None:
    """The best font of this computer that has a character; None where no font has it.

    Args:
        character: one character.
        outlines: whether only fonts count that can be drawn at any size.
    """
    return _font_with(character, outlines, _folders())


@functools.lru_cache(4096)
def _font_with(character: str, outlines: bool, folders: tuple[Path, ...]) -> FontFile | None:
    fonts = (font for path in _paths(folders) if (font := _read(path)) is not None)
    return next((f for f in fonts if (f.outlines or not outlines) and f.has(character)), None)


def outlines_for(characters: Sequence[str]) -> list[str]:
    """Paths of the fonts that are needed to draw some characters at any size."""
    found = (font_with(character, True) for character in characters)
    return list(dict.fromkeys(font.path for font in found if font is not None))


def _folders() -> tuple[Path, ...]:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - it fails nowhere
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        own = [Path(local) / "Microsoft" / "Windows" / "Fonts"] if local else []
        return Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts", *own
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    own = [data / "fonts", home / ".fonts"]
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), *own


@functools.cache
def _paths(folders: tuple[Path, ...]) -> tuple[str, ...]:
    """All font files of some folders, the best first."""
    found = (
        os.path.join(folder, name)  # noqa: PTH118 - there may be thousands
        for root in folders
        for folder, _, names in os.walk(root)
        for name in names
    )
    fonts = (path for path in found if Path(path).suffix.lower() in _SUFFIXES)
    return tuple(sorted(fonts, key=_rank)[:_MOST])


def _rank(path: str) -> tuple[int, int, str]:
    name = Path(path).stem.lower()
    known = (k for k, start in enumerate(_PREFERRED) if name.startswith(start))
    return next(known, len(_PREFERRED)), sum(word in name for word in _OTHER_STYLES), path


@functools.lru_cache(1024)
def _read(path: str) -> FontFile | None:
    """A font's characters; None for a file that cannot be read, or holds no such font.

    The tables are those of the OpenType specification, "Font file" and "cmap".
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            tables = _tables(file)
            runs = _runs(file, *tables[b"cmap"])
    except (OSError, ValueError, KeyError, IndexError, struct.error):
        return None
    outlines = tables.keys() & {b"glyf", b"CFF ", b"CFF2"}
    pictures = tables.keys() & {b"sbix", b"CBDT"}  # where outlines lie beside them, they are empty
    return FontFile(path, bool(outlines) and not pictures, runs[1], runs[0])


def _tables(file: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Place and size of each table; of a collection, those of its first font."""
    kind = file.read(4)
    if kind == b"ttcf":
        file.seek(12)
        file.seek(*struct.unpack(">I", file.read(4)))
        file.read(4)
    (count,) = struct.unpack(">H6x", file.read(8))
    entries = struct.iter_unpack(">4s4xII", file.read(16 * count))
    return {tag: (place, size) for tag, place, size in entries}


def _runs(file: BinaryIO, place: int, size: int) -> np.ndarray:
    """First and last characters of the runs that a font has, uint32 [2, N], ascending."""
    file.seek(place)
    data = file.read(min(size, _MOST_TABLE))
    (count,) = struct.unpack_from(">2xH", data)
    entries = struct.iter_unpack(">HHI", data[4 : 4 + 8 * count])
    starts = {(kind, encoding): start for kind, encoding, start in entries}
    for key in ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3), (0, 2), (0, 1), (0, 0)):
        if key in starts:
            table = data[starts[key] :]
            (form,) = struct.unpack_from(">H", table)
            if form in (4, 12):
                return _compact(table) if form == 4 else _wide(table)
    raise ValueError("no table of Unicode characters")


def _wide(table: bytes) -> np.ndarray:
    """The runs in a table of format 12."""
    (count,) = struct.unpack_from(">12xI", table)
    groups = np.frombuffer(table, ">u4", 3 * count, 16).reshape(count, 3)
    return groups[:, :2].T.astype(np.uint32)


def _compact(table: bytes) -> np.ndarray:
    """The runs in a table of format 4, without characters that lie in a segment but have no
    glyph."""
    (twice,) = struct.unpack_from(">6xH", table)
    count = twice // 2
    ends, starts, deltas, offsets = (
        np.frombuffer(table, ">u2", count, 14 + k * twice + 2 * (k > 0)).astype(np.int64)
        for k in range(4)
    )
    # Offsets count from where they stand.
    following = np.frombuffer(table, ">u2", (len(table) - 16 - 3 * twice) // 2, 16 + 3 * twice)
    has = np.zeros(2**16, bool)
    for k in range(count):
        start, offset = int(starts[k]), int(offsets[k])
        codes = np.arange(start, min(int(ends[k]), 0xFFFE) + 1)
        if offset:
            at = k + offset // 2 + codes - start
            found = following[np.minimum(at, len(following) - 1)].astype(np.int64)
            codes = codes[(at < len(following)) & (found != 0)]
        else:
            codes = codes[(codes + deltas[k]) % 65536 != 0]
        has[codes] = True
    edges = np.diff(has.astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1]).astype(np.uint32)
