"""Values under the pointer, and the ruler, by real input in the real window."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from training.checkpoint import save
from training.networks.generator import Generator
from viz.app.viewport.readings import Reading

display, model, start = app_driver.display, app_driver.model, app_driver.start


def saved(desk: AppDriver, kind: str) -> Image.Image:
    """The file that a button of the panel Capture writes."""
    desk.click(f"Capture/{kind}")
    desk.run_jobs()
    folder = Path(desk.commands.capture_folder)
    return Image.open(max(folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns))


def reading_at(desk: AppDriver, x: float, y: float, tile: int = 0) -> Reading:
    """What is read at a place of a picture, in fractions of it."""
    desk.xdo("mousemove", *desk.at(f"Tile {tile}", x, y))
    desk.settle()
    found = desk.app.screen.viewport.inspector.reading
    assert found is not None
    return found


def pixel_at(desk: AppDriver, x: float, y: float, side: int, tile: int = 0) -> tuple[int, int]:
    """Column and row of the pixel that the screen shows there."""
    left, top, right, _ = controls.rects[f"Tile {tile}"]
    screen_x, screen_y = desk.at(f"Tile {tile}", x, y)
    scale = side / (right - left)
    return int((screen_x - left) * scale), int((screen_y - top) * scale)


def world_point(desk: AppDriver, u: float, v: float, depth: float) -> np.ndarray:
    """The point at a depth behind a place of the picture, by the camera's OpenGL matrix."""
    camera = desk.commands.state.orbit.camera()
    back = np.linalg.inv(camera.projection().astype(float))
    far = back @ (2 * u - 1, 1 - 2 * v, 0.9, 1.0)
    way = far[:3] / far[3] - camera.position
    return camera.position + depth * way / np.linalg.norm(way)


def test_they_equal_the_exported_files(start: Start, model: Path) -> None:
    desk = start(model, panels=("Capture",), size=(1000, 700))
    commands = desk.commands
    before = desk.settle(60.0)
    assert before.values == (), "nobody asked for them"
    (shown,) = desk.pictures()
    depths, picture = saved(desk, "Depth"), np.asarray(saved(desk, "Picture"))
    near, far = (float(depths.info[name]) for name in ("depth_near", "depth_far"))
    levels = np.asarray(depths).astype(int)
    raw_side, side = len(levels), len(picture)
    assert raw_side < side
    desk.key("i")
    assert np.array_equal(desk.picture(), shown)
    hits = []
    for x, y in ((0.31, 0.42), (0.5, 0.5), (0.63, 0.57), (0.02, 0.97), (0.99, 0.01)):
        found = reading_at(desk, x, y)
        column, row = pixel_at(desk, x, y, side)
        assert found.pixel == (column, row)
        assert found.size == (side, side)
        assert found.color == tuple(picture[row, column])
        column, row = column * raw_side // side, row * raw_side // side
        level = (found.depth - near) / (far - near) * 65535
        assert abs(np.clip(level, 0, 65535) - levels[row, column]) < 0.51
        assert np.linalg.norm(found.normal) == pytest.approx(1, abs=1e-3)
        u, v = (column + 0.5) / raw_side, (row + 0.5) / raw_side
        assert found.point == pytest.approx(world_point(desk, u, v, found.depth), abs=1e-4)
        hits.append(found.hit)
    assert "Values" in controls.rects
    assert any(hits)
    desk.click("Tile 0")
    assert commands.shell.clipboard == reading_at(desk, 0.5, 0.5).code
    # Each picture of a layout is read by itself; a mesh has no pixels.
    commands.state.display = replace(
        commands.state.display, layout="grid", grid=("image", "raw", "opacity", "mesh")
    )
    desk.settle()
    raw = np.asarray(saved(desk, "Raw"))
    found = reading_at(desk, 0.4, 0.6, tile=1)
    column, row = pixel_at(desk, 0.4, 0.6, raw_side, tile=1)
    assert found.color == tuple(raw[row, column])
    shade = reading_at(desk, 0.4, 0.6, tile=2)
    assert shade.color[0] / 255 == pytest.approx(shade.opacity, abs=1 / 255)
    assert shade.depth == found.depth
    desk.xdo("mousemove", *desk.at("Tile 3"))
    assert desk.app.screen.viewport.inspector.reading is None
    desk.key("o")
    desk.until(lambda: commands.result and not commands.result.request.values)
    desk.key("o")
    assert len(desk.settle().values) == 4
    desk.key("Escape")
    assert commands.interface.inspect == "off"
    assert desk.settle().values == ()


def test_the_ruler(start: Start, model: Path, small_generator: Generator) -> None:
    desk = start(model, size=(900, 600))
    commands = desk.commands
    desk.settle(60.0)
    desk.key("shift+i")
    values = desk.settle().values[0]
    assert values is not None
    solid = np.argwhere(values.opacity > 0.6)
    points = []
    for row, column in (solid[len(solid) // 4], solid[3 * len(solid) // 4]):
        y, x = (row + 0.5) / len(values.opacity), (column + 0.5) / len(values.opacity)
        found = reading_at(desk, x, y)
        assert found.hit
        points.append(found.point)
        desk.xdo("click", 1)
    assert commands.ruler == tuple(points)
    text = commands.length_text(commands.ruler)
    assert float(text.split()[0]) == pytest.approx(math.dist(*points), abs=1e-4)
    assert text.endswith("cm")
    commands.interface.unit_cm = 0.0
    assert commands.length_text(commands.ruler).endswith("units")
    place = controls.rects["Ruler"]
    desk.xdo("mousemove", *desk.at("Tile 0"), "mousedown", 1)
    desk.xdo("mousemove_relative", "--", 60, 0)
    desk.xdo("mouseup", 1)
    desk.settle()
    assert commands.ruler == tuple(points), "a drag turns the camera and clicks nothing"
    assert controls.rects["Ruler"] != place, "it stays on the surface"
    desk.key("m")
    commands.state.t = 1.0
    desk.settle()
    assert "Ruler" not in controls.rects, "the surface is another one"
    desk.key("ctrl+z", "ctrl+z")
    commands.state.t = 0.0
    desk.settle()
    assert "Ruler" in controls.rects
    other = model.with_name("other.safetensors")
    save(other, small_generator)
    commands.open_model(str(other))
    desk.until(lambda: desk.model.path == str(other))
    desk.settle()
    assert "Ruler" not in controls.rects, "another model has another surface"
    desk.key("Escape")
    assert not commands.ruler
    assert commands.interface.inspect == "ruler"
