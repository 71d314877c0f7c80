"""The viewport: gestures with a real mouse, layouts, views and what lies over them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from gui_utils import controls
from tests.viz.app.viewport_gallery import Scene, ball_mesh, model_info, open_scene, picture, render
from viz.app.viewport.camera_gestures import dollied, panned, turned, zoomed
from viz.app.viewport.picture_view import tile_places
from viz.state import layouts
from viz.state.jobs import JobStatus
from viz.state.types import (
    LAYOUTS,
    VIEWS,
    Layout,
    Orbit,
    Preview,
    RenderRequest,
    RenderResult,
    View,
)


@pytest.fixture(scope="module")
def window() -> Iterator[Scene]:
    """One window for all tests here."""
    with open_scene() as opened:
        yield opened


@pytest.fixture
def scene(window: Scene) -> Scene:
    """A window that shows the image of the first state."""
    window.reset()
    window.window.ui_scale = 1.0
    window.window.theme = "dark"
    window.render()
    return window


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference of two pictures' inner parts, where no overlays lie, 0..255."""
    size = first.shape[0]
    inner = slice(round(0.3 * size), round(0.75 * size))
    delta = first[inner, inner].astype(float) - second[inner, inner]
    return float(np.abs(delta).mean())


def enlarged(pixels: np.ndarray, size: int) -> np.ndarray:
    """Nearest pixels of a picture at another size."""
    index = (np.arange(size) + 0.5) * pixels.shape[0] / size
    return pixels[index.astype(int)][:, index.astype(int)]


def projected(orbit: Orbit, point: np.ndarray) -> np.ndarray:
    """Place of a world point in the picture, in picture heights, y downwards."""
    x, y, _, w = orbit.camera().projection() @ [*point, 1]
    return np.array([x, -y]) / w / 2


def test_a_drag_turns_the_head_with_the_mouse():
    start = Orbit()
    after = turned(start, 0.1, 0.2)
    assert (after.yaw, after.pitch) == (pytest.approx(-9), pytest.approx(18))
    nose = np.array([0.0, 0.0, 0.4])
    moved = projected(after, nose) - projected(start, nose)
    assert moved[0] > 0
    assert moved[1] > 0
    rolled = replace(start, roll=30.0)
    moved = projected(turned(rolled, 0.02, 0.0), nose) - projected(rolled, nose)
    assert moved[0] > 0
    assert abs(moved[1]) < 0.05 * moved[0]


def test_turning_has_limits_and_goes_round():
    assert turned(Orbit(), 0, 5).pitch == 89
    assert turned(Orbit(), 0, -5).pitch == -89
    assert turned(Orbit(yaw=-170), 0.3, 0).yaw == pytest.approx(163)


@pytest.mark.parametrize("orbit", [Orbit(), Orbit(yaw=40, pitch=-30, roll=20, radius=4, fov=40)])
def test_panning_keeps_the_point_under_the_mouse(orbit):
    moved = panned(orbit, 0.1, -0.2)
    at = projected(moved, np.array(orbit.pivot))
    assert at == pytest.approx([0.1, -0.2], abs=1e-5)


def test_the_wheel_zooms_and_dollies_within_limits():
    half = math.tan(math.radians(Orbit().fov) / 2)
    nearer = zoomed(Orbit(), 2)
    assert math.tan(math.radians(nearer.fov) / 2) == pytest.approx(half * 0.81)
    assert zoomed(Orbit(), 99).fov == 4
    assert zoomed(Orbit(), -99).fov == 60
    assert dollied(Orbit(radius=2), 1).radius == pytest.approx(1.9)
    assert dollied(Orbit(), 99).radius == 1.2
    assert dollied(Orbit(), -99).radius == 8


@pytest.mark.parametrize("count", range(1, 13))
@pytest.mark.parametrize("size", [(1600, 300), (800, 600), (300, 900), (40, 40), (3, 2)])
def test_tiles_are_as_large_as_fits(count, size):
    tiles = tile_places((10, 20, 10 + size[0], 20 + size[1]), count, None, 4)
    side = tiles[0][2] - tiles[0][0]
    assert len(set(tiles)) == count
    assert all(right - left == bottom - top == side for left, top, right, bottom in tiles)
    if min(size) > 30:
        assert all(t[0] >= 10 and t[1] >= 20 for t in tiles)
        assert all(t[2] <= 11 + size[0] and t[3] <= 21 + size[1] for t in tiles)
        grids = [(c, math.ceil(count / c)) for c in range(1, count + 1)]
        best = max(min((size[0] + 4) / c, (size[1] + 4) / r) - 4 for c, r in grids)
        assert side == math.floor(best)


@pytest.mark.parametrize("count", range(1, 13))
def test_the_last_row_of_tiles_is_in_the_middle(count):
    tiles = tile_places((0, 0, 640, 480), count, None, 4)
    last = [tile for tile in tiles if tile[1] == tiles[-1][1]]
    assert last[0][0] == pytest.approx(640 - last[-1][2], abs=2)
    columns = next(k for k in range(count, 0, -1) if tiles[k - 1][1] == tiles[0][1])
    pictures = [np.full((2, 3, 3), k + 1, np.uint8) for k in range(count)]
    row = layouts.tiled(pictures, columns)[-1, :, 0]
    assert np.array_equal(row != 0, (row != 0)[::-1]) or (row == 0).sum() % 2
    assert {*row.tolist()} - {0} == set(range(count - len(last) + 1, count + 1))


def test_left_drag_orbits(scene):
    height = scene.tile().shape[0]
    scene.drag(scene.at("Tile 0"), (height // 4, height // 8))
    assert scene.state.orbit.yaw == pytest.approx(-22.5, abs=0.5)
    assert scene.state.orbit.pitch == pytest.approx(11.25, abs=0.5)
    assert any(scene.dragging)
    assert not scene.dragging[-1]
    assert scene.state.orbit.pivot == Orbit().pivot


@pytest.mark.parametrize("how", ["right", "shift"])
def test_other_drags_pan(scene, how):
    height = scene.tile().shape[0]
    if how == "shift":
        scene.xdo("keydown", "shift")
    scene.drag(scene.at("Tile 0"), (height // 10, -height // 5), 3 if how == "right" else 1)
    scene.xdo("keyup", "shift")
    orbit = scene.state.orbit
    assert projected(orbit, np.array(Orbit().pivot)) == pytest.approx([0.1, -0.2], abs=0.01)
    assert (orbit.yaw, orbit.pitch) == (0, 0)


def test_wheel_ctrl_wheel_and_double_click(scene):
    scene.xdo("mousemove", *scene.at("Tile 0"))
    scene.xdo("click", 4, "click", 4)
    assert scene.state.orbit.fov == pytest.approx(zoomed(Orbit(), 2).fov)
    scene.xdo("keydown", "ctrl", "click", 5, "keyup", "ctrl")
    assert scene.state.orbit.radius == pytest.approx(Orbit().radius / 0.95)
    scene.xdo("click", 1)
    scene.xdo("click", 1)
    assert scene.commands.calls == [("reset_camera",)]


def test_drags_in_any_tile_move_the_one_orbit(scene):
    scene.arrange("grid")
    scene.render()
    tile = scene.tile(3)
    scene.drag(scene.at("Tile 3"), (tile.shape[0] // 4, 0))
    assert scene.state.orbit.yaw == pytest.approx(-22.5, abs=1)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_view_in_every_layout(scene, layout: Layout, view: View):
    scene.arrange(layout, view, grid=(view, "image", "depth", "mesh"), gizmo=False)
    scene.state.orbit = Orbit(yaw=15)
    scene.render()
    shots = layouts.shots(scene.state)
    for index in range(1 if layout == "split" else len(shots)):
        tile = scene.tile(index)
        shown = shots[index].view
        assert tile.shape[0] == tile.shape[1]
        if shown == "mesh":
            assert tile.std() > 10
        else:
            expected = enlarged(picture(shots[index], 128), tile.shape[0])
            assert difference(tile, expected) < (25 if layout == "split" else 4)
        explained = f"Legend {index}" in controls.rects
        assert explained == (shown in ("depth", "opacity", "normals"))


def test_labels_tell_tiles_apart(scene):
    scene.arrange("yaws", gizmo=False)
    scene.render()
    plain = [scene.tile(k) for k in (0, 4)]
    scene.state.display = replace(scene.state.display, yaw_span=80.0)
    changed = [scene.tile(k) for k in (0, 4)]
    # Pictures stay until the renderer answers: only the labels have changed.
    for before, after in zip(plain, changed, strict=True):
        rows, columns = np.nonzero((before != after).any(-1))
        assert rows.size
        assert rows.max() < 40
        assert columns.min() > before.shape[1] / 2


def test_the_mesh_turns_without_the_renderer(scene):
    scene.arrange("single", "mesh", gizmo=False)
    scene.render()
    front = scene.tile()
    scene.state.orbit = Orbit(yaw=30, pitch=20, fov=20)
    side = scene.tile()
    assert difference(front, side) > 3
    scene.render()
    assert np.array_equal(scene.tile(), side)


def test_the_mesh_lies_where_the_picture_shows_it(scene):
    scene.state.orbit = Orbit(yaw=25, pitch=-15, roll=20, fov=20, pivot=(0.05, 0.03, 0.1))
    scene.arrange("single", "opacity", gizmo=False)
    scene.render(512)
    opacity = scene.tile()[..., 0] > 128
    scene.arrange("single", "mesh", gizmo=False)
    scene.render()
    tile = scene.tile().astype(int)
    mesh = np.abs(tile - tile[2, 2]).sum(-1) > 12
    assert (opacity & mesh).sum() / (opacity | mesh).sum() > 0.94


def test_nearest_shows_squares(scene):
    scene.arrange("single", gizmo=False, nearest=True)
    scene.render(16)
    squares = scene.tile()
    expected = enlarged(picture(layouts.shots(scene.state)[0], 16), squares.shape[0])
    assert difference(squares, expected) < 0.5
    scene.state.display = replace(scene.state.display, nearest=False)
    assert len(np.unique(scene.tile().reshape(-1, 3), axis=0)) > 4 * len(
        np.unique(squares.reshape(-1, 3), axis=0)
    )


def test_split_handle(scene):
    scene.arrange("split", gizmo=False)
    scene.state.before = scene.state.shot()
    scene.state.orbit = Orbit(yaw=30)
    scene.render()
    before, after = (picture(shot, 128) for shot in layouts.shots(scene.state))
    tile = scene.tile()
    side = tile.shape[0]
    before, after = enlarged(before, side), enlarged(after, side)

    def check(fraction: float) -> None:
        tile = scene.tile()
        edge = round(fraction * side)
        rows = slice(side // 4, side // 3)
        for part, whole in ((slice(0, edge - 20), before), (slice(edge + 20, side), after)):
            assert np.abs(tile[rows, part].astype(float) - whole[rows, part]).mean() < 4

    check(0.5)
    scene.drag(scene.at("Split", y=0.3), (side // 4, 0))
    assert scene.state.display.split == pytest.approx(0.75, abs=0.01)
    assert any(scene.dragging)
    assert scene.state.orbit == Orbit(yaw=30)
    check(0.75)
    scene.drag(scene.at("Split", y=0.3), (side, 0))
    assert scene.state.display.split == 1
    assert scene.commands.calls == []


def test_split_without_before_offers_to_keep_one(scene):
    scene.arrange("split")
    scene.render()
    scene.click("Keep", x=0.2)
    assert scene.commands.calls == [("set_before",)]
    scene.state.before = scene.state.shot()
    scene.frames()
    assert "Keep" not in controls.rects


def test_badges(scene):
    assert not [name for name in controls.rects if "model" in name or name == "Preview"]
    scene.render(preview=Preview())
    assert "Preview" not in controls.rects, "it leaves nothing out"
    scene.render(preview=Preview(scale=0.5))
    assert "Preview" not in controls.rects, "it would flash at each move"
    scene.until(lambda: "Preview" in controls.rects)
    scene.xdo("mousemove", *scene.at("Viewport"), "mousedown", 1)
    scene.frames(2)
    assert "Preview" not in controls.rects, "the user knows that it is moving"
    scene.xdo("mouseup", 1)
    scene.frames(2)
    assert "Preview" not in controls.rects
    scene.until(lambda: "Preview" in controls.rects)
    scene.commands.interface.sidebar_visible = False
    scene.frames()
    assert "Preview" not in controls.rects, "on a stage nothing flickers on the picture"
    scene.commands.interface.sidebar_visible = True
    scene.commands.model = model_info(path="", motion_dim=0)
    scene.render()
    assert "Preview" not in controls.rects
    assert "Untrained random model \u2013 open a checkpoint to see people" in controls.rects
    still = "Still model: time and motion do nothing"
    assert still not in controls.rects
    scene.commands.interface.playing = True
    scene.frames()
    assert still in controls.rects


def test_waiting_for_the_first_picture(scene):
    scene.viewport.close()
    for model, job in (
        (None, None),
        (model_info(), None),
        (None, JobStatus("Loading pv3d.pkl", 0.4, "Reading")),
        (None, JobStatus("Loading pv3d.pkl", None)),
    ):
        scene.commands.model, scene.commands.job = model, job
        assert scene.pixels()[:400].std() > 0.5
        assert any("Loading" in name for name in controls.rects) == (job is not None)


def test_an_answer_to_another_layout_serves_where_views_match(scene):
    scene.arrange("grid", gizmo=False)
    grid = scene.state.snapshot()
    scene.render()
    depth = scene.tile(1)
    scene.arrange("single", "depth", gizmo=False)
    tile = scene.tile()
    assert difference(tile, enlarged(depth, tile.shape[0])) < 6
    scene.arrange("single", "mesh", gizmo=False)
    assert np.array_equal(scene.tile(), tile), "there is no mesh yet: the picture stays"
    scene.arrange("times", gizmo=False, columns=9)
    scene.frames()
    scene.viewport.show(render(grid))
    scene.frames()
    scene.arrange("grid", grid=("mesh", "mesh", "depth", "raw"))
    scene.frames()


def test_odd_results_do_no_harm(scene):
    shots = layouts.shots(scene.state)
    before = scene.tile()
    for result in (
        RenderResult(RenderRequest(shots), ()),
        RenderResult(RenderRequest(shots), (None,)),
        RenderResult(RenderRequest(shots), (None,), (None,)),
    ):
        scene.viewport.show(result)
        assert np.array_equal(scene.tile(), before)
    scene.viewport.show(RenderResult(RenderRequest(()), ()))
    scene.frames()
    empty = replace(ball_mesh(), faces=np.zeros((0, 3), np.int32))
    scene.arrange("single", "mesh")
    shots = layouts.shots(scene.state)
    scene.viewport.show(RenderResult(RenderRequest(shots), (None,), (empty,)))
    scene.frames()


@pytest.mark.parametrize("scale", [0.75, 2.0, 3.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_scale(scene, scale, layout: Layout):
    scene.window.ui_scale = scale
    scene.window.theme = "light"
    scene.arrange(layout, "depth")
    scene.render(32, preview=Preview())
    assert scene.tile().std() > 5
