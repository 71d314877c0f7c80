"""The viewport and the timeline with made-up results, for tests and for looking at.

``python -m tests.viz.app.viewport_gallery FOLDER`` saves pictures of every layout and view.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from imgui_bundle import imgui
from PIL import Image

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.window.imgui_window import Window
from tests.viz.app.recording import RecordingCommands
from viz.app.timeline import path_lane
from viz.app.timeline.timeline_view import HEIGHT, Timeline
from viz.app.viewport.picture_view import Viewport
from viz.state import layouts
from viz.state.animation.clip_time import Clock
from viz.state.jobs import JobStatus
from viz.state.maps.map_settings import MapSettings
from viz.state.types import (
    LAYOUTS,
    VIEWS,
    Layout,
    MeshData,
    ModelInfo,
    Orbit,
    Preview,
    RenderRequest,
    RenderResult,
    SessionState,
    Shot,
    View,
)

RANGES: dict[View, tuple[float, float]] = {"depth": (2.25, 3.3), "opacity": (0.0, 1.0)}
"""Ends of the colours of maps."""
BALL = 0.28
"""Radius of the ball that stands for a head, world units."""


def model_info(**changes: Any) -> ModelInfo:
    """A model of the published size."""
    info = ModelInfo(
        name="pv3d-voxceleb",
        path="/models/pv3d-voxceleb.safetensors",
        format="PV3D",
        parameters=31_000_000,
        image_resolution=512,
        raw_resolution=64,
        depth_samples=48,
        importance_samples=48,
        ray_range=(2.25, 3.3),
        box_warp=1.0,
        num_ws=14,
        z_dim=512,
        w_dim=512,
        motion_dim=512,
        plane_resolution=256,
        superresolution="8X",
        device="cpu",
    )
    return replace(info, **changes)


def sample_commands() -> RecordingCommands:
    """Commands of which those that the viewport gives are only written down."""
    commands = RecordingCommands({"reset_camera", "set_before"})
    commands.model = model_info()
    return commands


def picture(shot: Shot, size: int) -> np.ndarray:
    """A shaded ball where the camera sees one, uint8 [size, size, 3]."""
    camera = shot.camera
    at = (np.arange(size) + 0.5) / size - 0.5
    u, v = np.meshgrid(at, at)
    rays = np.stack([u, v, np.full_like(u, camera.intrinsics[0])], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    rays = rays @ camera.rotation.T
    b = rays @ camera.position
    root = b**2 - camera.position @ camera.position + BALL**2
    hit = root > 0
    distance = -b - np.sqrt(np.maximum(root, 0))
    normals = (camera.position + distance[..., None] * rays) / BALL
    colors = {
        "depth": MapSettings().table("depth")[
            np.clip((np.where(hit, distance, 3.3) - 2.25) * 243, 0, 255).astype(int)
        ],
        "normals": np.where(hit[..., None], normals * 127 + 128, 128),
        "opacity": np.repeat(hit[..., None] * 255, 3, -1),
    }
    stripes = np.sin(9 * normals[..., 0] + 6 * shot.t) * np.sin(9 * normals[..., 1])
    skin = np.stack([200 + 40 * stripes, 150 + 60 * stripes, 120 - 30 * stripes], -1)
    skin = skin * (0.35 + 0.65 * np.clip(normals[..., 2:], 0, 1))
    room = np.stack([120 + 160 * v, 130 - 90 * u, 160 + 80 * u], -1)
    image = np.where(hit[..., None], skin, room)
    return np.clip(colors.get(shot.view, image), 0, 255).astype(np.uint8)


def ball_mesh() -> MeshData:
    """A dented ball of the pictures' size."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=BALL)
    bumps = 1 + 0.05 * np.sin(40 * ball.vertices[:, :1]) * np.sin(40 * ball.vertices[:, 1:2])
    ball = trimesh.Trimesh(ball.vertices * bumps, ball.faces, process=False)
    return MeshData(
        ball.vertices.astype(np.float32),
        ball.faces.astype(np.int32),
        np.array(ball.vertex_normals, np.float32),
        np.clip(ball.vertex_normals * 90 + 150, 0, 255).astype(np.uint8),
    )


def render(state: SessionState, size: int = 128, **changes: Any) -> RenderResult:
    """What a renderer would answer to the state."""
    shots = layouts.shots(state)
    mesh = ball_mesh() if any(shot.view == "mesh" for shot in shots) else None
    return RenderResult(
        RenderRequest(shots, **changes),
        tuple(None if shot.view == "mesh" else picture(shot, size) for shot in shots),
        tuple(mesh if shot.view == "mesh" else None for shot in shots),
        map_ranges=tuple(RANGES.get(shot.view) for shot in shots),
    )


@contextmanager
def virtual_display() -> Iterator[str | None]:
    """Name of the display at hand, else of a virtual one; None where there is neither."""
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    if shutil.which("Xvfb") is None:
        yield None
        return
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "3200x1800x24"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp", "-noreset"], pass_fds=[write_end], stderr=subprocess.DEVNULL
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        os.environ["DISPLAY"] = f":{number}"
        yield os.environ["DISPLAY"] if number else None
    finally:
        os.environ.pop("DISPLAY", None)
        server.terminate()
        server.wait(timeout=10)


@contextmanager
def open_scene(**arguments: Any) -> Iterator[Scene]:
    """A scene for tests; skips them where no window can open or no input can be sent."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed, so no real input can be sent")
    with virtual_display() as display:
        if display is None:
            pytest.skip("no display: DISPLAY is not set and Xvfb is not installed")
        scene = Scene(**arguments)
        try:
            yield scene
        finally:
            scene.close()


class Scene:
    """A window with the viewport over the timeline, and the hands that use it."""

    def __init__(self, **arguments: Any) -> None:
        arguments = {"size": (800, 560), "position": (0, 0), **arguments}
        self.window = Window("Viewport", **arguments)
        self.window.max_fps = 500
        self.commands = sample_commands()
        self.viewport = Viewport(self.window)
        self.timeline = Timeline()
        self.ready: tuple[bool, ...] = ()
        self.dragging: list[bool] = []
        self.scrubbing: list[bool] = []

    @property
    def state(self) -> SessionState:
        return self.commands.state

    @state.setter
    def state(self, state: SessionState) -> None:
        self.commands.state = state

    @property
    def clock(self) -> Clock:
        return self.commands.animator.clock

    def frames(self, count: int = 3) -> None:
        """Draw `count` frames."""
        for _ in range(count):
            self.window.begin_frame(0.0)
            self._draw()
            self.window.end_frame()

    def until(self, done: Callable[[], object], seconds: float = 5.0) -> None:
        """Draw frames until `done`; fails after `seconds`."""
        end = time.perf_counter() + seconds
        while not done():
            assert time.perf_counter() < end, "nothing happened in time"
            self.frames(1)

    def _draw(self) -> None:
        area = imgui.get_main_viewport().work_size
        imgui.set_next_window_pos((0, 0))
        imgui.set_next_window_size((area.x, area.y))
        imgui.push_style_var(imgui.StyleVar_.window_padding, (0.0, 0.0))
        imgui.push_style_var(imgui.StyleVar_.item_spacing, (0.0, 0.0))
        imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_background
        imgui.begin("##scene", None, flags)
        imgui.pop_style_var(3)
        lane = path_lane.height(self.commands.interface)
        bar = min(style.px(HEIGHT + lane), area.y * (0.8 if lane else 0.5))
        imgui.begin_child("##view", (0.0, area.y - bar))
        self.dragging.append(self.viewport.draw(self.state, self.commands))
        imgui.end_child()
        padding = imgui.ChildFlags_.always_use_window_padding
        imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(12), 0.0))
        imgui.push_style_color(imgui.Col_.child_bg, style.palette().background)
        imgui.set_cursor_screen_pos((0, area.y - bar))
        imgui.begin_child("##time", (0.0, bar), padding, imgui.WindowFlags_.no_scrollbar)
        imgui.pop_style_color()
        imgui.pop_style_var()
        self.scrubbing.append(self.timeline.draw(self.state, self.commands, self.clock, self.ready))
        imgui.end_child()
        imgui.end()

    def render(self, size: int = 128, **changes: Any) -> None:
        """Show what a renderer would answer now."""
        self.viewport.show(render(self.state, size, **changes))
        self.frames()

    def arrange(self, layout: Layout, view: View = "image", **changes: Any) -> None:
        """Choose a layout and a view."""
        self.state.display = replace(self.state.display, layout=layout, view=view, **changes)

    def pixels(self) -> np.ndarray:
        """The window, uint8 [H, W, 3]."""
        self.frames()
        return self.window.read_pixels()

    def tile(self, index: int = 0) -> np.ndarray:
        """A tile of the viewport as shown, uint8 [H, W, 3]."""
        pixels = self.pixels()
        left, top, right, bottom = (round(edge) for edge in controls.rects[f"Tile {index}"])
        return pixels[top:bottom, left:right]

    def xdo(self, *words: object) -> None:
        """Send real input, then let the window take it in."""
        subprocess.run(["xdotool", *map(str, words)], check=True, timeout=20)
        self.frames(3)
        # A server hands events over in its own time.
        time.sleep(0.015)
        self.frames(3)

    def at(self, key: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int]:
        """A point of what was drawn under a name, as fractions of its size."""
        assert key in controls.rects, f"{key} is not on show: {sorted(controls.rects)}"
        left, top, right, bottom = controls.rects[key]
        return round(left + (right - left) * x), round(top + (bottom - top) * y)

    def drag(self, start: tuple[int, int], by: tuple[int, int], button: int = 1) -> None:
        """Press, move in two steps, release."""
        self.xdo("mousemove", *start)
        self.xdo("mousedown", button)
        for part in (0.5, 1.0):
            x, y = (max(round(at + part * d), 0) for at, d in zip(start, by, strict=True))
            self.xdo("mousemove", x, y)
        self.xdo("mouseup", button)

    def click(self, key: str, button: int = 1, x: float = 0.5, y: float = 0.5) -> None:
        """Click what was drawn under a name."""
        self.xdo("mousemove", *self.at(key, x, y))
        self.xdo("mousedown", button)
        self.xdo("mouseup", button)

    def reset(self) -> None:
        """Begin anew: nothing shown, nothing pressed, the pointer out of the way."""
        self.viewport.close()
        self.commands = sample_commands()
        self.viewport, self.timeline = Viewport(self.window), Timeline()
        self.xdo("mousemove", 2, 2)
        self.dragging.clear()
        self.scrubbing.clear()

    def close(self) -> None:
        """Free all of it."""
        self.viewport.close()
        self.window.close()


def _states() -> dict[str, Callable[[Scene], None]]:
    """What the gallery shows, by name."""

    def badges(scene: Scene) -> None:
        scene.arrange("single")
        scene.commands.model = model_info(path="", name="Random model", motion_dim=0)
        scene.commands.interface.playing = True

    def split(scene: Scene) -> None:
        scene.arrange("split", split=0.4)
        scene.state.before = scene.state.shot()
        scene.state.t = 0.6

    def loading(scene: Scene) -> None:
        scene.viewport.close()
        scene.commands.job = JobStatus("Loading pv3d-voxceleb.pkl", 0.62, "Backbone, 12 of 31 MB")

    def beyond(scene: Scene) -> None:
        scene.state.t = 1.1333
        scene.state.playback = replace(scene.state.playback, start=0.2, end=0.8)

    states: dict[str, Callable[[Scene], None]] = {
        view: lambda scene, view=view: scene.arrange("single", view) for view in VIEWS
    }
    states |= {
        layout: lambda scene, layout=layout: scene.arrange(layout)
        for layout in LAYOUTS
        if layout != "single"
    }
    states["grid-mesh"] = lambda scene: scene.arrange(
        "grid", grid=("image", "depth", "normals", "mesh")
    )
    states["yaws-depth"] = lambda scene: scene.arrange("yaws", "depth")
    return states | {"badges": badges, "before": split, "beyond": beyond, "loading": loading}


def main() -> None:
    """Save the gallery."""
    parser = argparse.ArgumentParser(description="Pictures of the viewport and the timeline.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--light", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    theme = "light" if options.light else "dark"
    with virtual_display():
        for name, arrange in _states().items():
            if options.only and name not in options.only:
                continue
            scene = Scene(size=tuple(options.size), ui_scale=options.scale, theme=theme)
            scene.state.orbit = Orbit(yaw=20, pitch=10)
            scene.state.t = 7 / 15
            arrange(scene)
            if name != "loading":
                changes = {"preview": Preview()} if name == "badges" else {}
                scene.render(512, **changes)
            scene.frames(6)
            file = options.folder / f"{name}-{options.size[0]}-{theme}.png"
            Image.fromarray(scene.window.read_pixels()).save(file)
            scene.close()


if __name__ == "__main__":
    main()
