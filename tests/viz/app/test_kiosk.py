"""A show that goes on by itself in an exhibition, and a talk that is rehearsed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import glfw
import pytest

from gui_utils import controls
from tests.gui_utils import conftest as gui
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from tests.viz.app.test_stage import arrive, index, with_cues
from tests.viz.render.worker_thread import WorkerThread
from viz import program
from viz.state import session
from viz.state.person import Latent
from viz.state.types import Cue, SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


class LateWorker(WorkerThread):
    """A worker that takes its time to begin."""

    def start(self) -> None:
        """Waits for `begin`."""

    def begin(self) -> None:
        super().start()

    def is_alive(self) -> bool:
        return True


def test_a_kiosk_goes_on_by_itself_and_hands_over(start: app_driver.Start, model: Path) -> None:
    cues = tuple(
        Cue(name=f"Cue {k}", checkpoint=str(model), latent=Latent.at(k), transition="cut")
        for k in range(3)
    )
    host, session = LateWorker(), SessionState(checkpoint=str(model), cues=cues)
    desk = start(model, state=session, kiosk=True, launch=host.launch)
    interface, show = desk.commands.interface, desk.commands.current_show
    assert show is not None
    left, top, right, bottom = map(round, controls.rects["Opening"])
    assert desk.window.read_pixels()[top:bottom, left:right].std() > 5, "it says what comes"
    host.begin()
    desk.until(lambda: desk.app.audience.has_picture, 60.0)
    assert desk.results[0].request.preview is not None, "a preview is better than nothing"
    desk.frames(2)
    assert "Opening" not in controls.rects
    interface.kiosk_pause = interface.kiosk_idle = 0.2
    desk.until(lambda: desk.window.fullscreen and show.stands, 60.0)
    seen: set[int] = set()
    desk.until(lambda: seen.add(show.index) or len(seen) == 3)
    desk.until(lambda: show.index == 0)
    assert "Viewport" not in controls.rects
    interface.kiosk_pause, interface.kiosk_idle = 1000.0, 1000.0
    arrive(desk)

    state = desk.commands.state.snapshot()
    desk.key("Escape", "Escape", "r", "ctrl+k", "ctrl+o", "ctrl+q", "Next", "F", "h", "ctrl+z")
    gui.ask_to_close(glfw.get_x11_window(desk.window.handle))
    desk.drop(model)
    desk.frames(5)
    assert desk.commands.current_show is show
    assert show.touched is None
    assert desk.commands.state == state
    assert not desk.commands.quitting
    assert not desk.app.dialogs.is_open

    desk.xdo("mousemove", 300, 300)
    assert show.touched is not None
    desk.drag("Kiosk", (40, 0))
    assert desk.commands.state.orbit.yaw != state.orbit.yaw
    desk.drag("Kiosk", (700, 300))
    limits = desk.model.trained_turn
    assert limits is not None
    assert abs(desk.commands.state.orbit.yaw) <= limits[0]
    desk.click("Kiosk/Someone else")
    assert desk.commands.state.latent != state.latent
    desk.click("Kiosk/Clip", x=0.8)
    assert desk.commands.state.t > 0.5
    desk.xdo("click", 4)
    assert desk.commands.state.orbit.fov == state.orbit.fov

    interface.kiosk_idle = 0.2
    desk.until(lambda: show.touched is None)
    arrive(desk)
    assert index(desk) == 1
    assert desk.commands.state.latent == cues[1].latent

    interface.kiosk_idle = 1000.0
    gone = replace(cues[2], checkpoint="/nowhere/gone.safetensors")
    desk.commands.state.cues = (*cues[:2], gone)
    desk.commands.go_to_cue(2)
    assert show.failed
    desk.drag("Kiosk", (40, 0))
    desk.settle()
    desk.frames(2)
    assert desk.commands.state.orbit.yaw != cues[1].orbit.yaw
    assert desk.app.audience.scene.result is desk.commands.result, "the visitor sees what turns"
    desk.key("ctrl+shift+q")
    assert desk.commands.quitting


def test_a_kiosk_without_cues_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "empty.json"
    session.save_session(path, SessionState())
    assert program.main(["--kiosk", str(path)]) == 1
    assert "no cues" in capsys.readouterr().err


def test_a_rehearsal_keeps_the_time_of_each_cue(desk: AppDriver) -> None:
    show = with_cues(desk)
    controls.open_sections.update({panel: panel == "Show" for panel in controls.open_sections})
    show.resize(900, 1000)
    show.commands.cue_index = 2
    show.click("Show/Rehearse")
    running = show.commands.current_show
    assert running is not None
    assert index(show) == 0
    assert running.word == "REHEARSAL"
    arrive(show)
    show.run_for(0.3)
    show.key("p")
    paused = running.clock.used(0)
    assert paused > 0.3
    show.run_for(0.1)
    assert running.clock.used(0) == paused
    show.key("p", "Next")
    arrive(show)
    show.key("Escape", "Escape")
    used = [cue.used for cue in show.commands.state.cues]
    assert used[0] >= 0.3
    assert used[1] > 0
    assert used[2] == 0
    show.commands.interface.talk_minutes = 1
    show.frames(3)
    show.click("Show/Use as plan")
    planned = [cue.planned for cue in show.commands.state.cues]
    assert sum(planned) == pytest.approx(60, abs=0.5)
    assert planned[0] / planned[1] == pytest.approx(used[0] / used[1], rel=0.2)
    text = session.to_json(show.commands.state)
    assert session.from_json(text) == show.commands.state
