"""Maps and backgrounds in the window, by the mouse and keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from viz.state.maps.colormaps import color_table
from viz.state.types import Probe

display, start, model = app_driver.display, app_driver.start, app_driver.model
WHITE = (1.0, 1.0, 1.0)


def pick(desk: AppDriver, combo: str, caption: str) -> None:
    desk.click(combo)
    desk.frames(4)
    desk.click(f"{combo}/{caption}")
    desk.frames(4)


def test_maps_and_backgrounds(start: Start, model: Path, tmp_path: Path) -> None:
    desk = start(model, size=(1000, 800), panels=("View",))
    desk.settle(60.0)
    display = replace(
        desk.commands.state.display, layout="grid", grid=("depth", "opacity", "normals", "raw")
    )
    desk.commands.state.display = display
    own = desk.pictures()
    for index in range(4):
        found, tile = controls.rects.get(f"Legend {index}"), controls.rects[f"Tile {index}"]
        assert (found is not None) == (index < 3), "each map has its own, a picture has none"
        if found is not None:
            assert tile[0] <= found[0] < found[2] <= tile[2]
            assert tile[1] <= found[1] < found[3] <= tile[3]
    pick(desk, "View/Opacity colours", "Viridis")
    colored = desk.pictures()
    index = own[1][..., 0].astype(int)
    assert np.array_equal(colored[1], color_table("viridis")[index])
    assert np.array_equal(colored[0], own[0]), "the depth has its own colours"
    desk.click("View/Background/Checks")
    checked = desk.pictures()
    assert np.array_equal(checked[1], colored[1])
    assert all(not np.array_equal(checked[k], colored[k]) for k in (0, 2, 3))

    desk.commands.state.display = replace(desk.commands.state.display, layout="single")
    desk.settle()
    desk.click("View/Background/Colour")
    desk.until(lambda: "View/Behind" in controls.rects)
    assert desk.commands.state.display.background_color == WHITE
    left, top, right, bottom = controls.rects["View/Behind"]
    desk.xdo("mousemove", round(left + 20), round((top + bottom) / 2), "click", 1)
    desk.frames(3)
    desk.key("ctrl+a")
    desk.type("#00ff80")
    desk.frames(4)
    assert desk.commands.state.display.background_color == (0.0, 1.0, 128 / 255)
    desk.key("Return")
    picture = desk.picture()
    desk.commands.capture("picture")
    desk.run_jobs()
    (saved,) = (tmp_path / "pictures").glob("*.png")
    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), picture), "the file has what the window shows"
    desk.xdo("mousemove", round(right - 8), round((top + bottom) / 2))
    desk.xdo("click", 3)
    assert desk.commands.state.display.background_color == WHITE


def test_a_layer_s_colours_hold_still_while_the_clip_plays(start: Start, model: Path) -> None:
    desk = start(model, size=(1000, 800), panels=("Layers",))
    desk.settle(60.0)
    layer = desk.model.layers[-1].name
    desk.commands.interface.probe = Probe(layer)
    rest = desk.settle().probe
    assert rest is not None
    assert (rest.lo, rest.hi) == (rest.least, rest.most)
    desk.commands.toggle_play()
    desk.until(lambda: len({r.request.shots[0].t for r in desk.results[-40:] if r.probe}) > 4)
    played = [r.probe for r in desk.results if r.probe and r.probe.probe.held]
    assert {(p.lo, p.hi) for p in played} == {(rest.lo, rest.hi)}
    assert len({(p.least, p.most) for p in played}) > 2, "their own would have flickered"
    desk.commands.toggle_play()
    pick(desk, "Layers/Colours", "Grey")
    desk.click("Layers/Range/Set")
    shown = desk.settle().probe
    assert shown is not None
    assert shown.probe.range is not None
    assert (shown.lo, shown.hi) == shown.probe.range
    assert np.ptp(shown.picture.astype(int), axis=-1).max() == 0, "grey"


def test_a_saved_grid_is_what_the_window_shows(start: Start, model: Path, tmp_path: Path) -> None:
    """At the size of its pictures, the window has the pixels of the file: also where it enlarges
    maps, which are smaller."""
    desk = start(model, size=(260, 260))
    desk.settle(60.0)
    desk.commands.toggle_interface()
    for hint in ("turn", "scrub", "random"):  # they would lie on the pictures
        desk.commands.learn(hint)
    for nearest in (False, True):
        desk.commands.state.display = replace(
            desk.commands.state.display,
            layout="grid",
            grid=("image", "depth", "opacity", "normals"),
            nearest=nearest,
        )
        desk.settle()
        desk.app.toasts.clear()
        desk.frames(3)
        window = desk.window.read_pixels().astype(int)
        desk.commands.capture("picture")
        desk.run_jobs()
        path = max((tmp_path / "pictures").glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
        with Image.open(path) as image:
            saved = np.asarray(image).astype(int)
        side = len(saved) // 2
        middle = slice(side // 3, 2 * side // 3)  # between names and legends
        for index in range(4):
            row, column = divmod(index, 2)
            left, top, right, bottom = map(round, controls.rects[f"Tile {index}"])
            assert right - left == side
            cell = saved[row * side :, column * side :][middle, :side]
            shown = window[top:bottom, left:right][middle]
            assert np.abs(cell - shown).max() <= 2
