"""Names, texts, paths and numbers that nobody expects."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls.style import merge_edit, printable
from gui_utils.files import file_browser
from gui_utils.files.file_dialogs import DialogError, FileDialog
from tests.gui_utils.conftest import Driver
from tests.gui_utils.test_gui_files import show

BAD = "old\udcc4\udce3\0.ckpt"
"""As Python reads a name that is not UTF-8; the NUL comes from nowhere in particular."""

CONTROLS = {
    "button": lambda t: controls.button(t, icon="+", tooltip=t),
    "icon_button": lambda t: controls.icon_button("+", tooltip=t),
    "combo": lambda t: controls.combo(t, t, [t, "b"], default=t, tooltip=t),
    "toggle": lambda t: controls.toggle(t, True, default=True, tooltip=t),
    "segmented": lambda t: controls.segmented(t, t, [t, "b"], tooltip=t),
    "text_input": lambda t: controls.text_input(t, t, tooltip=t, placeholder=t, default=t),
    "slider": lambda t: controls.slider(t, 0.5, 0, 1, tooltip=t, unit=t),
    "whole slider": lambda t: controls.slider(t, 5, 0, 9, tooltip=t, unit=t, whole=True),
    "drag_int": lambda t: controls.drag_int(t, 5, 0, 9, tooltip=t),
    "vector": lambda t: controls.vector(t, (0, 0, 0), tooltip=t),
    "curve": lambda t: controls.curve(
        t, (0, 9e99), 0, 1, default=1, tooltip=t, caption=lambda _: t
    ),
    "pad": lambda t: controls.pad(t, (0, 0), tooltip=t, caption=lambda x, y: t),
    "hint": controls.hint,
    "key_value": lambda t: controls.key_value([(t, t)]),
    "plot": lambda t: controls.plot(t, [1, 2], tooltip=t),
    "progress": lambda t: controls.progress(t, 0.5, detail=t),
}


def draw_section(text: str) -> None:
    with controls.section(text) as is_open:
        if is_open:
            controls.hint(text)


@pytest.mark.parametrize("name", [*CONTROLS, "section"])
def test_every_control_takes_any_text(driver: Driver, name: str) -> None:
    draw = CONTROLS.get(name, draw_section)
    driver.content = lambda: draw(BAD)
    driver.frames()
    imgui.get_style().hover_delay_short = imgui.get_style().hover_stationary_delay = 0.0
    for key in list(controls.rects):
        driver.move(key)
        driver.click(key)


def test_every_dialog_takes_any_text(driver: Driver) -> None:
    toasts = controls.Toasts()
    toasts.add("error", BAD, BAD, buttons=[(BAD, lambda: None)])
    overlays = (
        toasts.draw,
        lambda: controls.confirm(BAD, BAD, [BAD, "Cancel"]),
        lambda: controls.key_help([(BAD, BAD, BAD)]),
    )
    for overlay in overlays:
        driver.overlay = overlay
        driver.frames()
    driver.window.set_title(BAD)
    driver.window.clipboard = BAD
    assert driver.window.clipboard == printable(BAD)


def test_a_field_keeps_what_it_cannot_show() -> None:
    assert merge_edit(BAD, printable(BAD)) == BAD
    assert merge_edit(BAD, printable(BAD) + "x") == BAD + "x"
    assert merge_edit(BAD, "other") == "other"
    assert printable("plain ä 😀") == "plain ä 😀"


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode on Windows")
def test_a_name_that_is_not_utf8_can_be_opened(driver: Driver, tmp_path: Path) -> None:
    name = os.fsdecode(b"old\xc4\xe3.pkl")
    (tmp_path / name).touch()
    (tmp_path / os.fsdecode(b"dir\xff")).mkdir()
    (tmp_path / os.fsdecode(b"dir\xff") / "a.pkl").touch()
    _, state = show(driver, "open", tmp_path)
    driver.click(f"Files/{name}")
    driver.click("Files/Open")
    assert state.answer == [str(tmp_path / name)]
    _, state = show(driver, "open", tmp_path)
    driver.double_click(os.fsdecode(b"Files/dir\xff"))
    driver.click("Files/Path")
    driver.xdo("key", "End", "key", "slash", "key", "a")
    driver.xdo("type", ".pkl")
    driver.xdo("key", "Return")
    assert state.answer == [str(tmp_path / os.fsdecode(b"dir\xff") / "a.pkl")]


TYPED = [
    *("", "/", "//", ".", "..", "./", "~", "~nosuchuser", "~nosuchuser/a", "a" * 300),
    *("ä" * 200, "/dev/null/x", " ", "inner", "inner/", "none/", "none/x", "/none/x", "a.pkl"),
    *("a.pkl/", "shut/x.pkl", "\\", "*", "?", "C:\\x", "a/../b", "/..", "-", "%s"),
]


@pytest.mark.parametrize(
    ("kind", "field", "texts"),
    [("save", "Name", TYPED), ("open", "Path", TYPED[::3]), ("folder", "Name", TYPED[1::4])],
    ids=["save", "open", "folder"],
)
def test_whatever_is_typed_is_answered(
    driver: Driver,
    tmp_path: Path,
    kind: str,
    field: str,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.pkl").touch()
    shut = tmp_path / "shut"
    shut.mkdir()
    real = os.stat

    def refuse(path: object, *args: object, **kwargs: object) -> os.stat_result:
        # As for a user who may not search the folder; tests may run as one who may.
        if str(path).startswith(f"{shut}{os.sep}"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "lstat", refuse)
    for text in texts:
        dialog, state = show(driver, kind, tmp_path)
        driver.click(f"Files/{field}")
        imgui.set_clipboard_text(text)
        driver.xdo("key", "ctrl+a", "key", "Delete", "key", "ctrl+v", "key", "Return")
        answered = state.answer is not None
        assert answered != dialog.is_open
        if answered:
            (path,) = state.answer
            assert Path(path).is_absolute()
            assert Path(path).parent.is_dir()
            assert len(os.fsencode(Path(path).name)) <= 255
            if kind == "open":
                assert Path(path).is_file()
        dialog.cancel()
        driver.frames()


@pytest.mark.parametrize("first", ["/", "~", "."])
def test_an_absolute_path_can_be_typed_as_a_name(
    driver: Driver, tmp_path: Path, first: str
) -> None:
    _, state = show(driver, "save", tmp_path)
    driver.xdo("type", "--", first)
    driver.frames(3)
    driver.type(str(tmp_path / "new"))
    assert state.answer == [str(tmp_path / "new.pkl")]


def test_typing_begins_with_the_first_frame_of_the_dialog(driver: Driver, tmp_path: Path) -> None:
    dialog = FileDialog(builtin=True)
    state = SimpleNamespace(answer=None)

    def draw() -> None:
        if imgui.is_key_pressed(imgui.Key.f2):
            dialog.open("save", default_path=tmp_path / "old.pkl")
        state.answer = state.answer or dialog.poll()

    driver.overlay = draw
    driver.xdo("key", "F2", "key", "n", "key", "e", "key", "w", "key", "Return")
    driver.until(lambda: state.answer == [str(tmp_path / "new")])


def test_a_typed_folder_that_is_missing_is_not_taken_for_the_one_on_show(
    driver: Driver, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    dialog, state = show(driver, "folder", tmp_path)
    driver.click("Files/Name")
    driver.xdo("type", "none")
    driver.click("Files/Choose")
    assert dialog.is_open
    assert state.answer is None
    driver.click("Files/Name")
    driver.xdo("key", "ctrl+a", "type", "inner")
    driver.click("Files/Choose")
    assert state.answer == [str(tmp_path / "inner")]


def test_times_beyond_the_calendar_and_a_folder_that_goes(driver: Driver, tmp_path: Path) -> None:
    for name, seconds in (("a.pkl", 10**12), ("b.pkl", -(10**11))):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (seconds, seconds))
    inner = tmp_path / "inner"
    inner.mkdir()
    dialog, _ = show(driver, "open", tmp_path)
    assert {"Files/a.pkl", "Files/b.pkl"} <= controls.rects.keys()
    inner.rmdir()
    driver.double_click("Files/inner")
    shutil.rmtree(tmp_path)
    driver.click("Files/Reload")
    driver.click("Files/Up")
    assert dialog.is_open


def test_the_working_folder_may_be_gone(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    dialog = FileDialog(builtin=True)
    driver.overlay = dialog.poll
    dialog.open("save", default_path="~nosuchuser/name")
    driver.frames()
    assert dialog.is_open


def test_a_dialog_that_fails_is_closed_and_says_so_once(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = FileDialog(builtin=True)
    errors: list[DialogError] = []
    values = {"on": False}

    def draw() -> None:
        try:
            dialog.poll()
        except DialogError as error:
            errors.append(error)

    def fail(*_: object) -> str:
        raise OSError("the disk is on fire")

    driver.content = lambda: values.update(on=controls.toggle("On", values["on"])[1])
    driver.overlay = draw
    (tmp_path / "a.pkl").touch()
    dialog.open("open", default_path=tmp_path)
    driver.frames()
    monkeypatch.setattr(file_browser, "size_text", fail)
    driver.frames(5)
    assert [str(error) for error in errors] == [
        "The file dialog failed and was closed: the disk is on fire."
    ]
    assert not dialog.is_open
    driver.click("On")
    assert values["on"]


NUMBERS = [math.nan, math.inf, 1e300, -5.0]


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_that_are_none(driver: Driver, value: float) -> None:
    state = SimpleNamespace(
        slider=value, steps=value, seed=value, at=(value, 0.0, value), xy=(value, value)
    )
    if abs(value) > 1e200:
        state.xy = (math.inf, -math.inf)
    changes: list[bool] = []

    def keep(result: tuple[bool, object]) -> object:
        changes.append(result[0])
        return result[1]

    def draw() -> None:
        changes.clear()
        state.slider = keep(controls.slider("A", state.slider, 0, 1, default=0.2))
        state.steps = keep(controls.slider("B", state.steps, 0, 9, whole=True))
        state.seed = keep(controls.drag_int("C", state.seed, 0, 9))
        state.at = keep(controls.vector("D", state.at, lo=-2, hi=2))
        state.xy = keep(controls.pad("E", state.xy))
        controls.progress("F", value)
        controls.plot("G", [value, 1, 2])

    driver.content = draw
    driver.frames(3)
    assert not any(changes)
    assert all(map(math.isfinite, (state.slider, state.steps, state.seed, *state.at, *state.xy)))


def test_numbers_that_cannot_be_are_not_taken(driver: Driver) -> None:
    state = SimpleNamespace(slider=0.5, seed=5)

    def draw() -> None:
        _, state.slider = controls.slider("A", state.slider, 0, 1)
        _, state.seed = controls.drag_int("B", state.seed, 0, 9)

    driver.content = draw
    driver.frames()
    for key in ("A", "B"):
        driver.double_click(key)
        driver.type("1e999")
    assert (state.slider, state.seed) == (0.5, 5)


def test_colour_scale_of_numbers_that_are_none(driver: Driver) -> None:
    lut = np.zeros((256, 3), np.uint8)
    driver.content = lambda: controls.colorbar(lut, math.nan, math.inf)
    driver.frames()
