"""File dialogs: the browser in the window."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gui_utils import controls
from gui_utils.files.file_browser import size_text
from gui_utils.files.file_dialogs import FileDialog
from tests.gui_utils.conftest import Driver

FILTERS = [("Checkpoints", ["*.pkl", "*.safetensors"]), ("All files", ["*"])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files and a folder in it."""
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").touch()
    for name in ("a.pkl", "b.safetensors", "c.txt", "inner/d.pkl"):
        (tmp_path / name).write_bytes(b"x" * 2000)
    return tmp_path


def show(driver: Driver, kind: str, path: Path) -> tuple[FileDialog, SimpleNamespace]:
    """Open a dialog that is polled each frame."""
    dialog = FileDialog(builtin=True)
    state = SimpleNamespace(answer=None)

    def draw() -> None:
        answer = dialog.poll()
        if answer is not None:
            state.answer = answer

    driver.overlay = draw
    dialog.open(kind, "Choose", FILTERS, path)  # pyright: ignore[reportArgumentType]
    driver.frames()
    assert dialog.is_open
    return dialog, state


def test_open_by_mouse(driver: Driver, folder: Path) -> None:
    dialog, state = show(driver, "open", folder)
    names = {key.removeprefix("Files/") for key in controls.rects}
    assert {"inner", "a.pkl", "b.safetensors"} <= names
    assert not names & {"c.txt", ".hidden"}
    driver.double_click("Files/inner")
    driver.double_click("Files/d.pkl")
    assert state.answer == [str(folder / "inner" / "d.pkl")]
    assert not dialog.is_open
    assert dialog.poll() is None


def test_open_by_buttons(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "open", folder / "inner")
    driver.click("Files/Up")
    driver.click("Files/b.safetensors")
    driver.click("Files/Open")
    assert state.answer == [str(folder / "b.safetensors")]


def test_open_by_keyboard(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "open", folder)
    driver.xdo("key", "Down", "key", "Down")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "a.pkl")]


def test_enter_goes_into_folders_and_takes_what_is_in_them(driver: Driver, folder: Path) -> None:
    (folder / "inner" / "deeper").mkdir()
    _, state = show(driver, "open", folder)
    driver.xdo("key", "Down")
    driver.xdo("key", "Return")
    assert "Files/deeper" in controls.rects
    driver.xdo("key", "Return")
    assert "Files/deeper" not in controls.rects, "its first entry was marked"
    driver.xdo("key", "BackSpace")
    driver.xdo("key", "Down")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "inner" / "d.pkl")], "where one came from is marked"


def test_a_folder_is_chosen_by_keyboard(driver: Driver, folder: Path) -> None:
    (folder / "inner" / "deeper").mkdir()
    _, state = show(driver, "folder", folder)
    driver.xdo("key", "Down")
    driver.xdo("key", "Return")
    assert "Files/deeper" in controls.rects
    assert state.answer is None
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "inner")], "the folder itself comes first"
    _, state = show(driver, "folder", folder)
    driver.xdo("key", "Return")
    assert state.answer == [str(folder)]


def test_a_folder_is_chosen_by_typing(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "folder", folder)
    driver.xdo("type", "inn")
    driver.xdo("key", "Return")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "inner")]


def test_letters_mark_the_entry_that_they_begin(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "open", folder)
    driver.xdo("key", "Down")
    driver.xdo("type", "b.s")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "b.safetensors")]
    _, state = show(driver, "open", folder)
    driver.xdo("type", "a")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "a.pkl")], "what begins so was marked while typing"


def test_what_is_marked_is_taken_and_not_the_name_before(driver: Driver, folder: Path) -> None:
    (folder / "inner two").mkdir()
    _, state = show(driver, "folder", folder)
    driver.xdo("type", "inner")
    driver.xdo("key", "Down")
    driver.click("Files/Choose")
    assert state.answer == [str(folder / "inner two")]
    _, state = show(driver, "open", folder)
    driver.click("Files/a.pkl")
    driver.click("Files/inner")
    driver.click("Files/Open")
    assert state.answer is None
    driver.click("Files/d.pkl")
    driver.click("Files/Open")
    assert state.answer == [str(folder / "inner" / "d.pkl")]
    _, state = show(driver, "open", folder)
    driver.xdo("key", "Down")
    driver.xdo("type", "inner t")
    driver.xdo("key", "Return")
    assert "Files/d.pkl" not in controls.rects, "a blank is a letter of a name"


def test_tab_leads_to_the_buttons(driver: Driver, folder: Path) -> None:
    dialog, state = show(driver, "open", folder)
    driver.xdo("key", "Down")
    driver.xdo("key", "Tab", "Tab", "Tab", "Return")
    assert not dialog.is_open
    assert state.answer == []


def test_another_folder_to_save_in(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "save", folder / "new.pkl")
    driver.xdo("key", "Down")
    driver.xdo("key", "Return")
    driver.xdo("key", "Return")
    assert state.answer == [str(folder / "inner" / "new.pkl")]


def test_open_by_typed_path(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "open", folder)
    driver.click("Files/Path")
    driver.type(str(folder / "inner"))
    assert "Files/d.pkl" in controls.rects
    driver.click("Files/Path")
    driver.type(str(folder / "c.txt"))
    assert state.answer == [str(folder / "c.txt")]


def test_missing_file_keeps_the_dialog_and_escape_cancels(driver: Driver, folder: Path) -> None:
    dialog, state = show(driver, "open", folder)
    driver.click("Files/Name")
    driver.type("none.pkl")
    assert state.answer is None
    assert dialog.is_open
    driver.click("Files/Path")
    driver.type(str(folder / "inner" / "a.pkl"))
    driver.click("Files/Open")
    assert state.answer is None, "a file of that name in the folder on show is another one"
    driver.xdo("key", "Escape")
    if dialog.is_open:
        driver.xdo("key", "Escape")
    assert state.answer == []


@pytest.mark.parametrize("kind", ["open", "save"])
def test_a_name_that_cannot_be_taken_leaves_the_marked_file_alone(
    driver: Driver, folder: Path, kind: str
) -> None:
    dialog, state = show(driver, kind, folder)
    driver.xdo("key", "Down")
    driver.xdo("key", "Down")
    driver.click("Files/Name")
    driver.type("none/b.pkl")
    assert state.answer is None
    assert dialog.is_open


def test_a_dot_in_a_name_is_no_extension(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "save", folder)
    driver.click("Files/Name")
    driver.type("anna v1.2")
    assert state.answer == [str(folder / "anna v1.2.pkl")]


def test_save_adds_the_extension_and_tells_of_replacing(driver: Driver, folder: Path) -> None:
    _, state = show(driver, "save", folder)
    driver.click("Files/Name")
    driver.xdo("type", "a")
    driver.frames(4)
    assert "Files/Replace" in controls.rects
    driver.type("new")
    assert state.answer == [str(folder / "new.pkl")]


def test_unreadable_folder_is_said(driver: Driver, folder: Path) -> None:
    dialog, _ = show(driver, "open", folder / "gone" / "file.pkl")
    driver.frames()
    assert dialog.is_open
    driver.click("Files/Cancel")
    assert not dialog.is_open


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="open, save or folder"):
        FileDialog(builtin=True).open("delete")  # pyright: ignore[reportArgumentType]


def test_sizes_as_text() -> None:
    assert [size_text(n) for n in (12, 2000, 31_400_000)] == ["12 B", "2.0 kB", "31.4 MB"]
