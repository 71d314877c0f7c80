"""Sessions that save themselves: nothing that the user has made is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import glfw
import pytest

from gui_utils import controls
from tests.conftest import ROOT
from tests.viz.app import app_driver, kill_at_change
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.state.opened_sessions import open_session
from viz.app.sessions.autosave import Autosave, Origin, SavedSession
from viz.state import session
from viz.state.files import file_stamp
from viz.state.person import Latent
from viz.state.types import Orbit, SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)
EVERY = 0.5


@dataclass(frozen=True)
class Killed:
    """A scripted session that was killed."""

    folder: Path
    due: int
    """Seed of the last change that had to be saved by then."""
    last: int
    """Seed of the last change that may have been made: the one after the last logged, as a change
    is logged only after it was made."""


def kill_session(folder: Path, seconds: float, every: float = EVERY) -> Killed:
    """Runs a scripted session and kills it, with its renderer, so many seconds after its first
    change."""
    folder.mkdir(exist_ok=True)
    changes = folder / "changes.txt"
    changes.touch()
    words = (sys.executable, "-m", "tests.viz.app.scripted_session", str(folder), str(every))
    with subprocess.Popen(words, start_new_session=True, cwd=ROOT) as process:
        while not changes.read_text():
            assert process.poll() is None, "the session has begun"
            time.sleep(0.02)
        time.sleep(seconds)
        killed = time.time()
        os.killpg(process.pid, signal.SIGKILL)
    seeds = [(line.time, line.seed) for line in kill_at_change.logged(folder)]
    slack = 0.5  # a frame, and the writing
    due = [seed for moment, seed in seeds if moment < killed - every - slack]
    return Killed(folder, max(due, default=0), seeds[-1][1] + 1)


def kept_in(folder: Path) -> list[SavedSession]:
    return Autosave(folder / "sessions").sessions()


def seed_in(kept: SavedSession) -> int:
    return session.from_json(kept.path.read_text("utf-8")).latent.seed


@pytest.fixture(scope="module")
def ended(display: str, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A session that was killed after several saves; tests work on copies, as a start costs
    seconds."""
    del display
    return kill_session(tmp_path_factory.mktemp("killed"), 1.5)


@pytest.fixture
def killed(ended: Killed, tmp_path: Path) -> Killed:
    """That session in the folder of the test's settings."""
    shutil.copytree(ended.folder, tmp_path, dirs_exist_ok=True)
    return replace(ended, folder=tmp_path)


def test_a_killed_session_loses_no_more_than_it_may(ended: Killed, tmp_path: Path) -> None:
    """Whenever it is killed: what was changed before the last save was due is there, and no file
    is broken."""
    early = kill_session(tmp_path / "early", 0.7)
    for killed in (early, ended):
        for kept in kept_in(killed.folder):
            seed_in(kept)
        found = Autosave(killed.folder / "sessions").find_crashed()
        saved = 0 if found is None else seed_in(found)
        assert killed.due <= saved <= killed.last


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize("offset", [-0.05, 0.02])
def test_a_kill_at_a_change_of_model_loses_no_more_than_the_change(
    model: Path, tmp_path: Path, offset: float
) -> None:
    other = tmp_path / "other.safetensors"
    shutil.copy(model, other)
    kill_at_change.kill(tmp_path / "killed", [model, other], offset)


def test_the_next_start_goes_on_where_it_was(start: Start, killed: Killed, tmp_path: Path) -> None:
    (newest, *_) = kept_in(tmp_path)
    desk = start()
    desk.until(lambda: "Continue the last session?/Go on" in controls.rects)
    assert Autosave(tmp_path / "sessions").find_crashed() is None, "no other window asks as well"
    desk.key("Return")
    desk.until(lambda: desk.commands.state.latent.seed == seed_in(newest))
    assert desk.commands.state.latent.seed >= killed.due
    desk.settle()
    assert desk.commands.unsaved, "it was never saved to a file of the user's"
    desk = start()
    desk.settle()
    assert not desk.app.dialogs.is_open, "an orderly end is nothing to ask about"


@pytest.mark.usefixtures("killed")
def test_who_does_not_go_on_is_not_asked_again(start: Start, tmp_path: Path) -> None:
    begun = seed_in(kept_in(tmp_path)[0])
    desk = start(panels=("Capture",), size=(900, 700))
    desk.click("Continue the last session?/Not now")
    desk.settle()
    assert desk.commands.state.latent == Latent()
    desk = start(panels=("Capture",), size=(900, 700))
    desk.settle()
    assert not desk.app.dialogs.is_open
    desk.click("Capture/Earlier")
    desk.click(f"Capture/Earlier sessions/{kept_in(tmp_path)[0].path}")
    assert desk.commands.state.latent.seed == begun


@pytest.mark.usefixtures("killed")
def test_an_unanswered_question_is_asked_again(start: Start, tmp_path: Path) -> None:
    desk = start()
    desk.until(lambda: "Continue the last session?/Go on" in controls.rects)
    desk.window.close_requested = True
    desk.frames(2)
    assert desk.commands.quitting
    desk.close()
    assert list((tmp_path / "sessions").glob("*.lock")), "left for the next start"


def test_another_model_is_saved_at_once(desk: AppDriver, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    shutil.copy(model, other)
    desk.commands.autosave.every = 600.0
    assert not kept_in(tmp_path), "nothing has changed yet"
    desk.key("r")
    desk.until(lambda: len(kept_in(tmp_path)) == 1)
    desk.key("r")
    desk.commands.open_model(str(other))
    desk.until(lambda: len(kept_in(tmp_path)) == 2)
    newest = kept_in(tmp_path)[0]
    assert session.from_json(newest.path.read_text("utf-8")) == desk.commands.state


def test_closing_needs_no_question_and_reopen_last_goes_on(
    start: Start, model: Path, tmp_path: Path
) -> None:
    desk = start(model)
    desk.settle()
    desk.key("r")
    desk.key("ctrl+s")
    desk.choose(tmp_path / "mine.json")
    desk.see_toast("Saved mine.json")
    desk.commands.state.orbit = Orbit(yaw=12)
    desk.commands.interface.reopen_last = True
    desk.frames()
    state = desk.commands.state.snapshot()
    desk.key("ctrl+q")
    assert desk.commands.quitting
    desk = start()
    desk.settle()
    assert desk.commands.state == state, "the model is the session's, too"
    assert desk.commands.session_path == str(tmp_path / "mine.json")
    assert desk.commands.unsaved
    assert glfw.get_window_title(desk.window.handle).startswith("• mine.json")
    desk.key("ctrl+s")
    desk.see_toast("Saved mine.json")
    assert open_session(tmp_path / "mine.json") == state
    assert not desk.commands.unsaved


def test_loading_is_no_reason_to_stay(desk: AppDriver, model: Path) -> None:
    desk.commands.open_model(str(model))
    assert desk.commands.job is not None
    desk.commands.quit()
    assert desk.commands.quitting


def test_a_model_that_is_gone_leaves_the_session(start: Start, model: Path, tmp_path: Path) -> None:
    desk = start(model)
    desk.settle()
    desk.key("r")
    desk.commands.interface.reopen_last = True
    seed = desk.commands.state.latent.seed
    desk.close()
    model.unlink()
    desk = start()
    desk.see_toast(f"The session's model {model} was not found")
    desk.settle()
    assert desk.commands.state.latent.seed == seed


def test_saving_asks_where_the_file_has_changed(desk: AppDriver, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    desk.key("ctrl+s")
    desk.choose(path)
    desk.see_toast("Saved mine.json")
    elsewhere = SessionState(latent=Latent(x=7), checkpoint=desk.model.path)
    session.save_session(path, elsewhere)
    desk.key("r")
    desk.key("ctrl+s")
    desk.click("Replace the session?/Cancel")
    assert open_session(path) == elsewhere
    desk.key("ctrl+s")
    desk.click("Replace the session?/Replace")
    desk.until(lambda: open_session(path) == desk.commands.state)
    given = tmp_path / "given.json"  # on the command line
    session.save_session(given, desk.commands.state)
    desk.commands.mark_restored(str(given))
    desk.key("r")
    desk.key("ctrl+s")
    desk.until(lambda: open_session(given) == desk.commands.state)


def test_a_folder_that_cannot_be_written_is_told_once(desk: AppDriver, tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("in the way")
    desk.commands.autosave.every = 0.0
    desk.key("r")
    desk.see_toast("The session is not saved. It could not be saved automatically")
    desk.app.toasts.clear()
    desk.key("r")
    desk.run_for(0.2)
    assert not desk.app.toasts
    (tmp_path / "sessions").unlink()
    desk.key("r")
    desk.until(lambda: kept_in(tmp_path))
    assert not desk.commands.autosave.problem


def test_the_last_twenty_are_kept_and_the_newest_of_each_window(tmp_path: Path) -> None:
    first, second = Autosave(tmp_path), Autosave(tmp_path)
    for keeper, count in ((first, 3), (second, 30)):
        for seed in range(count):
            assert not keeper.save(SessionState(latent=Latent.at(seed)), Origin())
    kept = first.sessions()
    assert [seed_in(item) for item in kept] == [*range(29, 9, -1), 2], "the first still runs"
    first.close()
    assert not second.save(SessionState(latent=Latent.at(30)), Origin())
    assert [seed_in(item) for item in first.sessions()] == [*range(30, 10, -1)]


def test_where_it_belongs_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    state = SessionState(latent=Latent(x=4))
    session.save_session(path, state)
    origin = Origin(str(path), file_stamp(str(path)), state)
    keeper = Autosave(tmp_path / "sessions")
    assert not keeper.save(replace(state, t=0.5), origin)
    assert keeper.sessions()[0].origin == origin
    keeper.close()
