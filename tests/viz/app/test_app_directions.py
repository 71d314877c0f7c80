"""Directions in the window: named ones, those found, and what a user makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start, sharpened
from training.checkpoint import save
from training.named_directions import KEY, NamedDirection, encoded, to_text
from training.networks.generator import Generator
from viz.app.exploring.direction_shelf import DirectionKind
from viz.render.directions import direction_files, direction_finder

display, start = app_driver.display, app_driver.start
PANELS = ("Directions",)


@pytest.fixture
def named(small_generator: Generator, tmp_path: Path) -> Path:
    """A model with named directions, of which one is another model's."""
    rng = np.random.default_rng(0)
    w, m = small_generator.config.w_dim, small_generator.config.motion_dim
    nothing = encoded(np.zeros(m))
    directions = [
        NamedDirection("Smile", "motion", encoded(rng.standard_normal(m)), nothing, "Up."),
        NamedDirection("Blink", "motion", encoded(rng.standard_normal(m)), nothing),
        NamedDirection("Skin", "person", encoded(rng.standard_normal(w))),
        NamedDirection("Wrong", "person", encoded(rng.standard_normal(w + 1))),
    ]
    path = tmp_path / "named.safetensors"
    save(path, sharpened(small_generator), metadata={KEY: to_text(directions)})
    return path


def names(desk: AppDriver, kind: DirectionKind = "named") -> list[str]:
    return [direction.name for direction in desk.commands.listed_directions(kind)]


def press(desk: AppDriver, name: str) -> None:
    desk.frames(3)
    desk.until(lambda: f"Directions/{name}" in controls.rects)
    desk.click(f"Directions/{name}")
    desk.frames(3)


def load(desk: AppDriver, path: Path) -> None:
    desk.commands.load_direction_dialog()
    desk.frames(5)
    desk.choose(path)


def test_named_directions_are_stepped_along(start: Start, named: Path, tmp_path: Path) -> None:
    desk = start(named, size=(1000, 800), panels=PANELS)
    desk.see_toast("Named direction 4 in this file is ignored: it has")
    desk.settle()
    commands = desk.commands
    assert names(desk) == ["Smile", "Blink", "Skin"]

    before = desk.picture()
    press(desk, "Smile/+2")
    assert [s.amount for s in commands.state.motion.shifts] == [2.0]
    assert commands.state.t == 1.0, "at the beginning of the clip it would not show"
    desk.see_toast("At the beginning of the clip every face is at rest")
    smiling = desk.picture()
    assert not np.array_equal(before, smiling)
    press(desk, "Skin/-2")
    both = desk.picture()
    desk.until(lambda: "Directions/Smile in use/Solo" in controls.rects)
    press(desk, "Smile in use/Solo")
    assert np.array_equal(desk.picture(), smiling), "the other step is left out"
    assert commands.state.latent.shifts[0].muted
    press(desk, "Smile in use/Solo")
    assert np.array_equal(desk.picture(), both)

    steps = commands.history.steps
    press(desk, "Blink/Play")
    assert commands.moves_by_itself
    desk.until(lambda: len(commands.state.motion.shifts) == 2)
    amounts: set[float] = set()
    desk.until(lambda: amounts.add(commands.state.motion.shifts[1].amount) or len(amounts) > 3)
    assert commands.history.steps == steps, "a swing is no step of undo"
    press(desk, "Blink/+2")
    assert not commands.moves_by_itself, "a hand on the slider ends it"
    assert commands.history.steps == steps + 1
    commands.undo()
    press(desk, "Clear")
    assert not (commands.state.motion.shifts or commands.state.latent.shifts)

    press(desk, "Arrange")
    desk.frames(3)
    press(desk, "Row 3/Star")
    assert names(desk) == ["Skin", "Smile", "Blink"]
    press(desk, "Row 2/Hide")
    assert "Directions/Smile" not in controls.rects
    press(desk, "Show hidden")
    assert "Directions/Smile" in controls.rects
    low, high = (desk.at(f"Directions/Row {k}") for k in (3, 2))
    desk.during("mousemove", *low, "mousedown", 1, "mousemove", *high, "sleep", 0.1, "mouseup", 1)
    assert names(desk) == ["Skin", "Blink", "Smile"]
    low, high = (desk.at(f"Directions/Row {k}") for k in (2, 1))
    desk.during("mousemove", *low, "mousedown", 1, "mousemove", *high, "sleep", 0.1, "mouseup", 1)
    press(desk, "Row 1/Star")
    assert names(desk) == ["Skin", "Blink", "Smile"], "none goes above a starred one"
    press(desk, "Row 1/Star")
    step = desk.commands.listed_directions("named")[1].shift(1.0)
    press(desk, "Row 2")
    desk.click("Directions/Name")
    desk.key("ctrl+a")
    desk.type("wink")
    assert names(desk) == ["Skin", "wink", "Smile"]
    assert desk.commands.name_of(step) == "wink", "steps in use have the new name, too"
    assert [d.name for d in desk.model.directions] == ["Smile", "Blink", "Skin"]

    desk = start(named, size=(1000, 800), panels=PANELS)
    desk.settle()
    assert names(desk) == ["Skin", "wink", "Smile"], "kept beside the settings"


def test_directions_are_found_by_themselves_and_exchanged(
    start: Start, named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direction_finder, "PEOPLE", 300)
    desk = start(named, size=(1000, 800))
    desk.settle()
    assert desk.commands.directions is None
    desk.until(lambda: desk.commands.directions is not None, 20.0)
    assert len(names(desk, "components")) > 3

    desk.commands.save_directions_dialog()
    desk.until(lambda: "Files/Save" in controls.rects)
    desk.frames(5)
    desk.click("Files/Save")
    desk.frames(5)
    desk.see_toast("directions in directions.npz")
    width = desk.model.w_dim
    np.save(tmp_path / "age.npy", np.ones((1, width)))
    load(desk, tmp_path / "age.npy")
    desk.until(lambda: "age" in names(desk))
    np.savez(tmp_path / "bad.npz", person=np.ones((1, width + 1)))
    load(desk, tmp_path / "bad.npz")
    desk.see_toast("bad.npz cannot be used")
    saved = direction_files.load_named(
        tmp_path / "directions.npz", {"person": width, "motion": desk.model.motion_dim}
    )
    assert {"Smile", "Skin", "Component 1", "Factor 1", "Motion 1"} <= {d.name for d in saved}
