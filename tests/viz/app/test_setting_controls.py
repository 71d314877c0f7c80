"""Controls that are drawn from declared settings, under real mouse and keyboard input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from gui_utils import controls
from tests.gui_utils import conftest as gui
from viz.app.panels import setting_controls
from viz.exports.frame_options import Movement
from viz.exports.mesh_options import MeshOptions, PointOptions
from viz.state.interface import Interface
from viz.state.person import LAST_SEED, Latent
from viz.state.settings import setting
from viz.state.types import Display, Orbit, PathOptions, Quality, SessionState

display = gui.display
make_driver = gui.make_driver

MakeDriver = Callable[..., gui.Driver]


class Desk:
    """A window with one control, and what it edits."""

    def __init__(self, make: MakeDriver, owner: Any, draw: Callable[[Any], Any]) -> None:
        self.owner = owner
        self.driver = make(size=(340, 200))

        def content() -> None:
            self.owner = draw(self.owner)

        self.driver.content = content
        self.driver.frames()

    def enter(self, text: str) -> None:
        """Type into the field by Ctrl+click."""
        self.driver.move("It")
        self.driver.xdo("keydown", "ctrl", "click", 1, "keyup", "ctrl")
        self.driver.type(text)


SLIDERS = [
    (Orbit(yaw=10.0), "yaw"),
    (Orbit(fov=30.0), "fov"),
    (Quality(mesh_level=20.0), "mesh_level"),
    (Quality(mesh_resolution=100), "mesh_resolution"),
    (Display(split=0.3), "split"),
    (PathOptions(closing=20.0), "closing"),
    (PointOptions(count=5000), "count"),
    (Interface(preview_floor=0.5), "preview_floor"),
]


@pytest.mark.parametrize(("owner", "name"), SLIDERS)
def test_a_slider_reaches_both_ends_and_its_default(make_driver: MakeDriver, owner, name):
    before = dataclasses.replace(owner)
    desk = Desk(make_driver, owner, lambda it: setting_controls.slider("It", it, name))
    assert desk.owner == before, "drawing alone changes nothing"
    lo, hi = setting(type(owner), name).range.ends
    for distance, end in ((-400, lo), (800, hi)):
        desk.driver.drag("It", (distance, 0))
        found = getattr(desk.owner, name)
        assert found == pytest.approx(end)
        assert type(found) is type(getattr(before, name))
    desk.driver.click("It", button=3)
    assert getattr(desk.owner, name) == setting(type(owner), name).default


def test_typed_numbers_go_as_far_as_the_setting(make_driver: MakeDriver):
    desk = Desk(make_driver, Orbit(), lambda it: setting_controls.slider("It", it, "fov"))
    declared = setting(Orbit, "fov").range
    typed = (declared.ends[1] + declared.hi) / 2
    desk.enter(f"{typed:g}")
    assert desk.owner.fov == pytest.approx(typed, rel=1e-3)
    desk.enter("9999")
    assert desk.owner.fov == declared.hi


def test_percent_are_fractions(make_driver: MakeDriver):
    desk = Desk(make_driver, Display(), lambda it: setting_controls.slider("It", it, "split"))
    desk.enter("37")
    assert desk.owner == Display(split=0.37)


def test_none_is_the_number_that_it_stands_for(make_driver: MakeDriver):
    desk = Desk(
        make_driver,
        Latent(),
        lambda it: setting_controls.slider("It", it, "cutoff", none=14, ends=(0, 14)),
    )
    desk.driver.drag("It", (-400, 0), x=0.9)
    assert desk.owner.cutoff == 0
    desk.enter("14")
    assert desk.owner == Latent()
    desk.enter("6")
    assert desk.owner == Latent(cutoff=6)
    desk.driver.click("It", button=3)
    assert desk.owner == Latent()


def test_a_number_beyond_the_slider_is_shown_as_it_is(make_driver: MakeDriver):
    """It came from a file, or was typed."""
    desk = Desk(make_driver, Orbit(fov=90.0), lambda it: setting_controls.slider("It", it, "fov"))
    desk.driver.move("It")
    assert desk.owner == Orbit(fov=90.0)


def test_a_reset_may_go_elsewhere(make_driver: MakeDriver):
    desk = Desk(
        make_driver,
        MeshOptions(triangles=2000),
        lambda it: setting_controls.slider("It", it, "triangles", default=50_000),
    )
    desk.driver.click("It", button=3)
    assert desk.owner == MeshOptions(triangles=50_000)
    with pytest.raises(TypeError, match="rounds is None"):
        setting_controls.slider("It", Movement(), "rounds")


def test_seeds_keep_to_their_range(make_driver: MakeDriver):
    desk = Desk(make_driver, Latent(), lambda it: setting_controls.seed("It", it, "mix_seed"))
    desk.enter(str(2**40))
    assert desk.owner == Latent(mix_seed=LAST_SEED)
    desk.driver.click("It", button=3)
    assert desk.owner == Latent()


def test_vectors_keep_to_their_range(make_driver: MakeDriver):
    desk = Desk(make_driver, Orbit(), lambda it: setting_controls.vector("It", it, "pivot"))
    desk.driver.move("It/y")
    desk.driver.xdo("keydown", "ctrl", "click", 1, "keyup", "ctrl")
    desk.driver.type("99")
    assert desk.owner == Orbit(pivot=(0.0, 10.0, 0.2))


def test_what_is_mutable_is_edited_in_place(make_driver: MakeDriver):
    state, interface = SessionState(), Interface()

    def draw(_: object) -> None:
        setting_controls.toggle("Switch", interface, "previews")
        setting_controls.segmented("Choice", state, "conditioning", {"frontal": "A", "set": "B"})

    desk = Desk(make_driver, None, draw)
    desk.driver.click("Switch")
    desk.driver.click("Choice/B")
    assert not interface.previews
    assert state.conditioning == "set"
    desk.driver.click("Switch", button=3)
    assert interface == Interface()


def test_tooltips_are_what_is_declared(monkeypatch: pytest.MonkeyPatch):
    told: dict[str, str] = {}

    def remember(label: str, value: Any, *_: Any, tooltip: str, **__: Any) -> tuple[bool, Any]:
        told[label] = tooltip
        return False, value

    for name in ("slider", "toggle", "combo"):
        monkeypatch.setattr(controls, name, remember)
    setting_controls.slider("pitch", Orbit(), "pitch")
    setting_controls.slider("columns", Display(), "columns")
    setting_controls.toggle("gizmo", Display(), "gizmo")
    setting_controls.choice("layout", Display(), "layout", {"single": "One"})
    assert set(told) == {"pitch", "columns", "gizmo", "layout"}
    for name, text in told.items():
        assert text == setting(Orbit if name == "pitch" else Display, name).sentence
