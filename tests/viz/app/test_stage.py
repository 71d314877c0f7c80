"""Giving a show: cues, the audience's window, the clicker, and what must not go wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path

import glfw
import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from gui_utils.window.picture_window import PictureWindow
from tests.gui_utils import conftest as gui
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from training.checkpoint import save
from training.networks.generator import Generator
from viz.exports.captions.caption_pictures import with_caption
from viz.render.worker_host import in_process
from viz.state import layouts, named_files, session
from viz.state.person import Latent
from viz.state.types import Orbit
from viz.worker_process import run

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def show(desk: AppDriver) -> AppDriver:
    """An application with three cues, each of another person, and an audience's window."""
    return with_cues(desk)


def with_cues(desk: AppDriver) -> AppDriver:
    for seed, yaw in ((1, -20.0), (2, 0.0), (3, 20.0)):
        desk.commands.state.latent, desk.commands.state.orbit = Latent.at(seed), Orbit(yaw=yaw)
        desk.frames()
        desk.key("shift+F5")
    for k in range(3):
        desk.commands.cue_index = k
        cue = desk.commands.chosen_cue
        assert cue is not None
        desk.commands.edit_cue(replace(cue, transition="cut", seconds=0.2))
    desk.commands.cue_index = 0
    desk.commands.interface.audience = "window"
    return desk


def begin(show: AppDriver) -> PictureWindow:
    show.key("F5")
    show.until(lambda: show.app.audience.screen is not None)
    screen = show.app.audience.screen
    assert screen is not None
    side = show.model.image_resolution
    glfw.set_window_size(screen.handle, side, side)
    show.until(lambda: screen.size == (side, side))
    arrive(show)
    return screen


def arrive(show: AppDriver) -> None:
    """Run until the audience sees the cue that stands at full quality."""
    standing = show.commands.current_show
    assert standing is not None
    show.settle()
    show.until(lambda: not standing.holds and not standing.gliding)
    show.frames(2)


def faded_in(show: AppDriver, screen: PictureWindow) -> None:
    """Run until the audience sees nothing but the cue: a fade goes on once its picture is there."""
    arrive(show)
    show.until(lambda: np.array_equal(screen.read_pixels(), show.picture()))


def index(show: AppDriver) -> int:
    assert show.commands.current_show is not None
    return show.commands.current_show.index


def test_the_audience_sees_each_cue_as_it_is_rendered(show: AppDriver) -> None:
    screen = begin(show)
    for k, key in enumerate(("", "Next", "Right")):
        if key:
            show.key(key)
            arrive(show)
        assert index(show) == k
        assert np.array_equal(screen.read_pixels(), show.picture())
    show.key("Prior")
    arrive(show)
    assert index(show) == 1
    show.key("Escape")
    assert show.commands.current_show is not None
    show.key("Escape")
    assert show.commands.current_show is None
    show.frames(2)
    assert show.app.audience.screen is None


@pytest.mark.parametrize("transition", ["cut", "fade", "glide"])
def test_no_picture_on_the_way_is_black_or_of_something_else(
    show: AppDriver, transition: str
) -> None:
    for k in range(3):
        show.commands.cue_index = k
        cue = show.commands.chosen_cue
        assert cue is not None
        show.commands.edit_cue(replace(cue, transition=transition))
    show.commands.cue_index = 0
    screen = begin(show)
    faded_in(show, screen)
    first = screen.read_pixels().astype(int)
    show.commands.next_cue()
    seen: list[np.ndarray] = []
    standing = show.commands.current_show
    assert standing is not None
    while standing.holds or standing.gliding or len(seen) < 3:
        show.frames(1)
        seen.append(screen.read_pixels().astype(int))
    faded_in(show, screen)
    last = screen.read_pixels().astype(int)
    assert not np.array_equal(first, last)
    low, high = np.minimum(first, last) - 2, np.maximum(first, last) + 2
    for picture in seen:
        assert picture.std() > 1  # no blank
        if transition == "cut":
            assert any(np.array_equal(picture, known) for known in (first, last))
        elif transition == "fade":
            assert ((picture >= low) & (picture <= high)).all()


def test_a_fade_from_a_wide_layout_leaves_nothing_behind(show: AppDriver) -> None:
    show.commands.cue_index = 0
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, display=replace(cue.display, layout="yaws", columns=3)))
    show.commands.cue_index = 1
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, transition="fade", seconds=0.4))
    show.commands.cue_index = 0
    screen = begin(show)
    glfw.set_window_size(screen.handle, 300, 100)
    show.until(lambda: screen.size == (300, 100))
    show.frames(2)  # what is read is what was shown
    first = screen.read_pixels()[40:60, 10:90].astype(float).mean()
    update, clock = show.app.audience.update, [time.perf_counter()]
    show.app.audience.update = lambda now: update(clock[0])  # or a slow frame would miss the fade
    show.key("Next")
    standing = show.commands.current_show
    assert standing is not None
    show.until(lambda: not standing.holds)
    beside: list[float] = []
    for _ in range(10):
        clock[0] += 0.05
        show.frames(1)
        beside.append(screen.read_pixels()[40:60, 10:90].astype(float).mean())
    assert beside == sorted(beside, reverse=True)
    assert any(0.1 * first < value < 0.9 * first for value in beside)
    assert beside[-1] == 0


def test_blank_and_frozen_pictures_come_back(show: AppDriver) -> None:
    screen = begin(show)
    first = screen.read_pixels()
    show.key("b")
    assert not screen.read_pixels().any()
    show.key("w")
    assert (screen.read_pixels() == 255).all()
    show.key("w")
    assert np.array_equal(screen.read_pixels(), first)
    show.key("z")
    show.commands.state.latent = Latent.at(99)
    show.settle()
    show.frames(2)
    assert np.array_equal(screen.read_pixels(), first)
    show.key("z")
    show.frames(2)
    assert np.array_equal(screen.read_pixels(), show.picture())


def test_numbers_jump(show: AppDriver) -> None:
    begin(show)
    show.key("3", "Return")
    arrive(show)
    assert index(show) == 2
    show.key("9", "Return")
    assert index(show) == 2
    show.key("Home")
    arrive(show)
    assert index(show) == 0


def test_other_keys_do_nothing_without_ctrl(show: AppDriver) -> None:
    screen = begin(show)
    before, state = screen.read_pixels(), show.commands.state.snapshot()
    own = {"b", "w", "z", "h", "p", "t"}
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) not in own]
    others = ["Tab", "Delete", "Insert", "F1", "F5", "question", "slash", "shift+Tab", "shift+r"]
    keys = np.random.default_rng(0).choice([*letters, *others], 500).tolist()
    show.resize(400, 300)  # smaller frames are drawn sooner
    for k in range(0, len(keys), 50):
        show.xdo("key", "--delay", 1, *keys[k : k + 50])
    assert show.commands.state == state
    assert np.array_equal(screen.read_pixels(), before)
    assert show.commands.current_show is not None
    show.key("ctrl+r")
    assert show.commands.state.latent != state.latent


def test_a_cue_of_another_model_is_loaded_ahead(
    show: AppDriver, small_generator: Generator, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    changed = app_driver.sharpened(small_generator)
    changed.decoder.get_parameter("net.2.bias").add_(0.5)
    save(other, changed)
    show.commands.cue_index = 1
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    screen = begin(show)
    show.run_jobs()
    first = screen.read_pixels()
    show.key("Next")
    assert show.commands.current_show is not None
    while show.commands.current_show.holds:
        show.frames(1)
        assert any(np.array_equal(screen.read_pixels(), p) for p in (first, show_picture(show)))
    arrive(show)
    assert show.model.path == str(other)
    assert np.array_equal(screen.read_pixels(), show.picture())
    show.key("Prior")
    arrive(show)
    assert show.model.name == "small.safetensors"
    assert np.array_equal(screen.read_pixels(), first)


def show_picture(show: AppDriver) -> np.ndarray:
    """The newest picture; a black one while there is none."""
    result = show.commands.result
    picture = None if result is None else result.pictures[0]
    return np.zeros(3) if picture is None else picture


def test_a_model_that_is_gone_leaves_the_picture(show: AppDriver) -> None:
    show.commands.cue_index = 1
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, checkpoint="/nowhere/gone.safetensors", title="Gone"))
    show.commands.cue_index = 0
    screen = begin(show)
    standing = show.commands.current_show
    assert standing is not None
    assert standing.message == "Cue 2 cannot be shown: gone.safetensors was not found."
    first = screen.read_pixels()
    show.key("Next")
    show.run_for(0.1)
    assert standing.word == "HELD"
    assert standing.message == "Cue 2 cannot be shown: gone.safetensors was not found."
    assert np.array_equal(screen.read_pixels(), first), "picture and caption are the first cue's"
    show.key("Next")
    arrive(show)
    assert standing.word == "LIVE"
    assert show.commands.state.latent.seed == 3
    assert np.array_equal(screen.read_pixels(), show.picture())


@pytest.mark.parametrize("title", [" ", "w" * 3000, "many words " * 500, "\udcff\0\n"])
def test_any_caption_is_shown_or_left_out(show: AppDriver, title: str) -> None:
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, title=title))
    plain = begin(show).read_pixels()
    show.commands.edit_cue(replace(cue, title=title, line="Ada"))
    show.frames()
    assert show.commands.current_show is not None
    screen = show.app.audience.screen
    assert screen is not None
    assert plain.shape == screen.read_pixels().shape


def test_one_window_is_enough(show: AppDriver) -> None:
    show.commands.interface.audience = "here"
    show.commands.cue_index = 2
    show.key("F5")
    show.until(lambda: show.app.audience.is_here and show.window.fullscreen)
    arrive(show)
    assert index(show) == 0, "nothing would follow the last cue"
    assert "Show/Next cue" in controls.rects
    assert "Viewport" not in controls.rects
    assert "Splitter" not in controls.rects
    show.key("h")
    show.frames(2)
    assert "Show/Next cue" not in controls.rects
    pixels = show.window.read_pixels()
    assert not pixels[:, :20].any()
    show.key("h")
    show.until(lambda: "Show/Next cue" in controls.rects)
    show.click("Show/Next cue")
    arrive(show)
    assert index(show) == 1
    show.key("Escape", "Escape")
    show.frames(3)
    assert not show.window.fullscreen


def test_the_worker_may_end(start: app_driver.Start, model: Path) -> None:
    desk = start(model, launch=in_process(run))
    desk.settle(60.0)
    show = with_cues(desk)
    screen = begin(show)
    before = screen.read_pixels()
    process = show.commands.worker.host
    assert isinstance(process, BaseProcess)
    show.until(lambda: len(renderers()) == 2)
    waiting = renderers() - {process}
    process.kill()
    show.commands.state.quality = replace(show.commands.state.quality, depth_samples=5)
    show.frames(3)
    assert np.array_equal(screen.read_pixels(), before)
    show.key("Next")
    show.until(lambda: show.commands.worker.host is not process)
    assert show.commands.worker.host in waiting, "to start another one takes seconds"
    show.settle(60.0)
    arrive(show)
    assert index(show) == 1
    assert np.array_equal(screen.read_pixels(), show.picture())
    show.until(lambda: len(renderers()) == 2)
    show.key("Escape", "Escape")
    show.until(lambda: len(renderers()) == 1)


def renderers() -> set[BaseProcess]:
    """The processes of workers."""
    return {child for child in active_children() if child.name == "renderer"}


def test_a_closed_window_does_not_end_the_show(show: AppDriver) -> None:
    screen = begin(show)
    gui.ask_to_close(glfw.get_x11_window(screen.handle))
    show.until(lambda: show.app.audience.screen is None)
    assert show.commands.current_show is not None
    assert show.app.audience.is_here


def test_a_caption_changes_where_the_picture_stays(show: AppDriver) -> None:
    first = show.commands.state.cues[0]
    show.commands.state.cues = replace(first, title="One"), replace(first, title="Two")
    screen = begin(show)
    arrive(show)
    one = screen.read_pixels()
    exported = with_caption(Image.fromarray(show.picture()), ("One", ""))
    assert np.abs(one.astype(int) - np.asarray(exported)).max() <= 1, "as in a video"
    show.key("Next")
    arrive(show)
    two = screen.read_pixels()
    assert not np.array_equal(two, one)
    show.key("Prior")
    arrive(show)
    assert np.array_equal(screen.read_pixels(), one)


def test_the_divider_moves_before_the_audience_too(show: AppDriver) -> None:
    show.commands.set_before()
    show.commands.state.latent = Latent.at(9)
    show.settle()
    show.commands.update_cue()
    screen = begin(show)
    arrive(show)
    for part in (0.9, 0.2):
        display = show.commands.state.display
        show.commands.state.display = replace(display, split=part)
        show.frames(2)
        whole = layouts.compose(show.commands.state, show.pictures())
        assert np.array_equal(screen.read_pixels(), whole)


def test_closing_asks_during_a_show(show: AppDriver) -> None:
    begin(show)
    show.key("ctrl+q")
    show.frames(2)
    question = show.commands.question
    assert question is not None and "show" in question.sentence
    show.click("Quit the visualizer?/Stay")
    show.window.close_requested = True
    show.frames(2)
    assert show.commands.question is not None
    assert show.commands.current_show is not None and not show.commands.quitting
    show.click("Quit the visualizer?/Quit")
    assert show.commands.quitting


def test_a_long_note_leaves_the_buttons_free(show: AppDriver) -> None:
    cue = show.commands.chosen_cue
    assert cue is not None
    show.commands.edit_cue(replace(cue, note="many words " * 100))
    begin(show)
    show.frames(2)
    note = next(rect for name, rect in controls.rects.items() if name.endswith("Note"))
    assert note[1] < note[3] <= controls.rects["Show/Next cue"][1]


def test_cues_are_listed_moved_and_undone(show: AppDriver) -> None:
    controls.open_sections.update({panel: panel == "Show" for panel in controls.open_sections})
    show.resize(900, 980)
    show.frames()
    names = [cue.name for cue in show.commands.state.cues]
    show.drag("Show/Cue 1", (0, 40))
    assert controls.rects["Show/Cues"][3] >= controls.rects["Show/Cue 3"][3], "it need not scroll"
    assert [cue.name for cue in show.commands.state.cues] == [names[1], names[0], names[2]]
    show.key("ctrl+z")
    assert [cue.name for cue in show.commands.state.cues] == names
    show.click("Show/Cue 3")
    show.settle()
    assert show.commands.state.latent.seed == 3
    show.click("Show/Delete")
    assert len(show.commands.state.cues) == 2
    show.key("shift+F5")
    show.see_toast("Added cue 3 to the Show panel.")
    text = session.to_json(show.commands.state)
    assert session.from_json(text) == show.commands.state


def test_exports_do_not_carry_the_show(show: AppDriver, tmp_path: Path) -> None:
    assert show.commands.state.cues
    assert named_files.portable(show.commands.state, tmp_path).cues == ()


def test_a_show_goes_on_after_a_kill(show: AppDriver) -> None:
    begin(show)
    show.key("Next")
    arrive(show)
    saved = show.commands.autosave
    show.until(lambda: saved.sessions() and saved.sessions()[0].origin.cue == 1)
    show.commands.cue_index = 0
    show.commands.add_cue()
    assert show.commands.origin.cue == index(show) == 2
    show.commands.delete_cue()
    assert show.commands.origin.cue == index(show) == 1
    show.key("Escape", "Escape")
    kept = next(k for k in saved.sessions() if k.origin.cue == 1)
    show.commands.resume(kept)
    show.frames(2)
    arrive(show)
    assert index(show) == 1
    assert show.commands.state.latent.seed == 2
