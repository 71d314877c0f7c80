"""Captions: characters of all scripts, as far as the computer has fonts, and lines that fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import imgui_bundle
import numpy as np
import pytest
from PIL import features

from viz.exports.captions.caption_pictures import picture
from viz.exports.captions.system_fonts import font_with, outlines_for, own_font

FONTS = Path(imgui_bundle.__file__).parent / "assets" / "fonts"
SIZE = 640, 360
SCRIPT = "\U0001d49c"
"""A letter for mathematics that few fonts have."""
NOBODYS = "\U000ffffd"
"""A character without a meaning."""


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own fonts."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "fonts"
    folder.mkdir()
    return folder


def drawn(text: str) -> np.ndarray:
    return picture(text, "", SIZE)


def test_a_font_of_the_computer_has_what_ours_lacks(fonts: Path) -> None:
    shutil.copy(FONTS / "latex" / "latinmodern-math.otf", fonts / "notosanscjk.otf")
    assert not own_font("bold").has(SCRIPT) and own_font("bold").has("é")
    font = font_with(SCRIPT)
    assert font is not None and font.path == str(fonts / "notosanscjk.otf")
    assert outlines_for([SCRIPT, SCRIPT, NOBODYS]) == [font.path]
    assert font_with(NOBODYS) is None
    missing, known = drawn(f"a{NOBODYS}"), drawn(f"a{SCRIPT}")
    assert np.array_equal(missing, drawn("a\ufffd")), "a clear sign, not an empty box"
    assert known.shape != missing.shape or not np.array_equal(known, missing)
    assert np.array_equal(drawn("a\u200d"), drawn("a")), "joiners are not to be seen"


def test_damaged_fonts_are_passed_over(fonts: Path) -> None:
    whole = (FONTS / "latex" / "latinmodern-math.otf").read_bytes()
    rng = np.random.default_rng(0)
    for k, length in enumerate((0, 3, 11, 60, 400, 5000)):
        (fonts / f"a{k}.otf").write_bytes(whole[:length])
        (fonts / f"b{k}.ttc").write_bytes(b"ttcf" + whole[:length])
    for k in range(20):
        spoilt = np.frombuffer(whole[:4000], np.uint8).copy()
        spoilt[rng.integers(0, 300, 30)] = rng.integers(0, 256, 30)
        (fonts / f"c{k}.otf").write_bytes(spoilt.tobytes())
    (fonts / "folder.ttf").mkdir()
    font_with(NOBODYS)
    assert drawn(f"{NOBODYS}{SCRIPT}").shape[2] == 4


@pytest.mark.parametrize(
    "text",
    ["w" * 3000, "many words " * 500, "\u6f22\u5b57 " * 900, "e\u0301" * 900, "\udcff\0\n x"],
)
def test_a_caption_is_no_larger_than_the_screen(text: str) -> None:
    for shown in drawn(text), picture("", text, SIZE):
        height, width = shown.shape[:2]
        assert 0 < width <= SIZE[0] and 0 < height <= SIZE[1]
    longer, short = drawn("word " * 30), drawn("word")
    assert longer.shape[0] > short.shape[0] and longer.shape[1] > short.shape[1]


def test_a_sentence_from_right_to_left_has_its_marks_at_the_left() -> None:
    letter = "\u05e9"
    if font_with(letter, outlines=True) is None or not features.check("raqm"):
        pytest.skip("nothing here can draw Hebrew")
    row = drawn(f"{letter}........")
    columns = np.flatnonzero((row[: row.shape[0] // 2, :, 0] > 128).any(axis=0))
    assert columns.min() > row.shape[1] / 2, "the letter comes first, at the right"
