"""Settings that move by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from viz.app.control import bindings
from viz.app.control.bindings import Binding, Target
from viz.app.control.waves import Waves

display, model, start = app_driver.display, app_driver.model, app_driver.start


def test_a_setting_moves_by_itself(start: Callable[..., AppDriver], model: Path) -> None:
    desk = start(model, size=(1000, 900), panels=("Camera", "Control"))
    desk.settle()
    commands, control = desk.commands, desk.commands.control
    before = commands.state.orbit
    assert not commands.moves_by_itself
    x, y = desk.at("Camera/Yaw")
    desk.xdo("mousemove", x, y, "keydown", "ctrl", "click", 3, "keyup", "ctrl")
    desk.until(lambda: "Bind/Move by itself: sine" in controls.rects)
    desk.click("Bind/Move by itself: sine")
    (wave,) = control.waving
    assert wave.target.place == "orbit.yaw"
    lo, hi = wave.ends
    assert lo < before.yaw < hi < 90
    commands.edit_control(wave, replace(wave, period=0.5))
    seen: list[float] = []
    middle = (lo + hi) / 2
    desk.until(
        lambda: (
            seen.append(commands.state.orbit.yaw) or min(seen) < middle - 5 < middle + 5 < max(seen)
        )
    )
    assert lo <= min(seen) < max(seen) <= hi
    assert not commands.history.can_undo, "it is no change that the user made"
    desk.frames(2)
    sign = "Camera/LFO at orbit.yaw"
    assert controls.rects[sign][2] <= controls.rects["Camera/Yaw"][0], "it stands before the slider"
    desk.click(sign)
    told = desk.see_toast("no longer moves by itself").sentence
    desk.frames(2)
    assert not control.waving and sign not in controls.rects
    desk.click(f"Toasts/{told}/Undo")
    desk.until(lambda: control.waving)
    for key in ("shift+F5", "F5"):
        desk.key(key)
    desk.until(lambda: commands.current_show is not None and commands.current_show.stands)
    desk.key("Escape", "Escape")
    desk.click("Control/LFO")
    stopped = commands.state.orbit
    desk.frames(4)
    assert commands.state.orbit == stopped
    desk.until(control.path.exists)
    assert replace(wave, period=0.5) in bindings.load(control.path)
    commands.set_control(replace(control.settings, lfo=True))
    commands.add_wave("LFO wander", wave.target)
    assert [b.input for b in control.waving] == ["LFO wander"], "one moves a setting"
    desk.until(lambda: bindings.load(control.path) == control.bindings)
    again = start(model, size=(1000, 900), panels=("Camera", "Control"))
    again.see_toast("Moving by itself again: Camera: Yaw")
    assert again.commands.control.waving
    again.click("Control/Stop")
    assert not again.commands.moves_by_itself
    assert again.commands.control.bindings, "the switch moves it again"


def test_a_wander_is_smooth_and_does_not_repeat() -> None:
    wander = Binding("LFO wander", Target("setting", "orbit.yaw"), period=2.0)
    waves = Waves()
    steps = [waves.position(wander, 0.02) for _ in range(2000)]
    assert all(0 <= position <= 1 for position in steps)
    assert steps[0] == pytest.approx(0.5, abs=0.01)
    assert max(steps) - min(steps) > 0.7
    changes = [after - before for before, after in pairwise(steps)]
    assert max(map(abs, changes)) < 0.016, "1.5 of its way in a period at most"
    assert max(abs(b - a) for a, b in pairwise(changes)) < 1e-3
    assert max(abs(a - b) for a, b in zip(steps[:1000], steps[1000:], strict=True)) > 0.3
    for period in (0.0, -3.0, 1e300):  # as a file may say
        assert 0 <= waves.position(replace(wander, period=period), 1e6) <= 1
