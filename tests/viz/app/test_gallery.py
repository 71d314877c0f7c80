"""The gallery in the real window: choosing, favourites, and what was looked at."""

from __future__ import annotations

from pathlib import Path

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.app.commands import Commands
from viz.state import session
from viz.state.kept.favourites import Favourite
from viz.state.person import Latent, Motion

display, model, start, desk = (
    app_driver.display,
    app_driver.model,
    app_driver.start,
    app_driver.desk,
)


def cells() -> list[int]:
    """Numbers of the cells that are drawn."""
    names = [name.removeprefix("Gallery/") for name in controls.rects if "Gallery/" in name]
    return sorted(int(name) for name in names if name.isdigit())


def test_people_are_chosen_by_their_pictures(desk: AppDriver) -> None:
    commands, thumbnails = desk.commands, desk.commands.thumbnails
    desk.resize(1200, 700)
    desk.key("g")
    desk.until(lambda: cells()[:1] == [0])
    desk.until(lambda: len(thumbnails) >= len(cells()) and not thumbnails.under_way, 30.0)
    assert len(cells()) < 60, "what is far below is neither drawn nor rendered"
    desk.click("Gallery/3")
    assert commands.state.latent == Latent.at(3)
    desk.during("mousemove", 5, 5, "keydown", "shift")
    desk.click("Gallery/5")
    desk.xdo("keyup", "shift")
    assert (commands.state.latent.blend_seed, commands.state.latent.blend) == (5, 0.5)
    commands.undo()
    assert commands.state.latent == Latent.at(3)
    # By keyboard alone: it takes up where it is, and leaves.
    desk.key("Escape")
    desk.frames(4)
    assert not cells()
    desk.key("g")
    desk.until(cells)
    desk.frames(3)
    desk.key("Down")  # from what is shown, a row on
    desk.frames(4)
    desk.key("Return")
    desk.until(lambda: commands.state.latent.seed > 3)
    desk.key("Escape")
    desk.key("Escape")
    desk.until(lambda: not cells())
    desk.key("g")
    desk.until(cells)
    desk.frames(3)
    left, _, right, _ = controls.rects["Viewport"]
    assert right - left > 0.55 * right, "most of the room stays the picture's"
    desk.key("g")
    desk.until(lambda: not cells())
    desk.key("space")
    desk.until(lambda: commands.interface.playing)


def test_favourites_outlive_the_program(desk: AppDriver, start: Start, model: Path) -> None:
    desk.resize(1200, 700)
    desk.key("a")
    desk.until(lambda: desk.commands.state.favourites)
    desk.key("g")
    desk.until(cells)
    desk.click("Gallery/2", x=0.94, y=0.05)
    kept = desk.commands.state.favourites
    assert [entry.code for entry in kept] == [Latent(), Latent.at(2)]
    assert desk.commands.state.latent == Latent(), "the star alone was pressed"
    picture, told = controls.rects["Viewport"], controls.rects["Gallery/About"]
    assert told[2] < picture[0], "it lies over nobody's face"
    desk.commands.undo()
    desk.until(lambda: len(desk.commands.state.favourites) == 1)
    desk.commands.redo()
    desk.click("Gallery/Page/Favourites")
    desk.click("Gallery/1")
    desk.click("Gallery/Name")
    desk.type("Anna")
    desk.click("Gallery/Search")
    desk.type("an")
    desk.until(lambda: cells() == [0])
    desk.click("Viewport")
    desk.frames(4)
    again = start(model)
    names = [entry.title for entry in again.commands.state.favourites]
    assert names == ["Seed 0", "Anna"]
    assert not again.commands.unsaved, "they are no change of the session"
    again.commands.take_state(session.from_json(session.to_json(session_of(again.commands))))
    assert len(again.commands.state.favourites) == 3, "those of a session join in"


def session_of(commands: Commands):
    """A session with another favourite."""
    state = commands.state.snapshot()
    state.favourites = (Favourite("Smile", motion=Motion.at(3)),)
    return state


def test_what_was_looked_at_comes_back(desk: AppDriver) -> None:
    commands = desk.commands
    desk.resize(1200, 700)
    for seed in (1, 2):
        commands.take_code(Latent.at(seed))
        desk.settle()
        desk.until(lambda seed=seed: commands.seen.entries[:1] and _newest(commands) == seed)
    commands.open_gallery("seen")
    desk.until(lambda: cells() == [0, 1])
    desk.click("Gallery/1")
    assert commands.state.latent == Latent.at(1)
    desk.settle()
    desk.until(lambda: _newest(commands) == 1)
    assert len(commands.seen.entries) == 2


def _newest(commands: Commands) -> int:
    return commands.seen.entries[0].latent.seed
