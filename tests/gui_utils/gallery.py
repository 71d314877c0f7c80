"""Every control on one screen: `python tests/gui_utils/gallery.py [--light] [--shot FILE]`."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui
from PIL import Image

from gui_utils import controls
from gui_utils.controls import style, view_gestures
from gui_utils.gl.mesh_view import MeshView
from gui_utils.gl.texture import Texture
from gui_utils.window.imgui_window import Window

KEYS = [
    ("View", "F", "Full screen"),
    ("View", "R", "Reset the camera"),
    ("View", "Ctrl+Wheel", "Move the camera closer or away"),
    ("View", "Shift+Drag", "Pan"),
    ("Animation", "Space", "Play or pause"),
    ("Animation", "Left", "One frame back"),
    ("Animation", "Right", "One frame forward"),
    ("Files", "Ctrl+O", "Open a checkpoint"),
    ("Files", "Ctrl+S", "Save the picture on show"),
    ("Help", "?", "Show these keys"),
]


@dataclass
class State:
    """Values of the gallery's controls."""

    yaw: float = 0.3
    fov: float = 18.8
    rate: float = 0.01
    steps: float = 48
    seed: int = 1234
    position: tuple[float, float, float] = (0.0, 0.05, 2.7)
    sampling: str = "bilinear"
    orbit: bool = True
    still: bool = False
    mode: str = "shaded"
    name: str = "portrait"
    xy: tuple[float, float] = (12.3, 4.25)
    clicks: int = 0
    times: list[float] = field(
        default_factory=lambda: [6 + 3 * math.sin(i / 9) + (i % 37 == 0) * 9 for i in range(300)]
    )
    toasts: controls.Toasts = field(default_factory=controls.Toasts)
    gesture: view_gestures.Gesture = field(default_factory=view_gestures.Gesture)
    show_keys: bool = False
    question: bool = False
    answer: str | None = None


def sphere(rings: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces, normals and colours of a bumpy ball."""
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij"
    )
    normals = np.stack(
        [np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1
    ).reshape(-1, 3)
    radius = 1 + 0.06 * np.sin(6 * phi) * np.sin(theta) ** 2 * np.cos(5 * theta)
    vertices = normals * radius.reshape(-1, 1)
    columns = 2 * rings
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(columns - 1), indexing="ij")
    a = (row * columns + column).reshape(-1)
    faces = np.concatenate(
        [
            np.stack([a, a + 1, a + columns], -1),
            np.stack([a + 1, a + columns + 1, a + columns], -1),
        ]
    )
    colors = ((normals * 0.5 + 0.5) * 255).astype(np.uint8)
    return (
        vertices.astype(np.float32),
        faces.astype(np.int32),
        normals.astype(np.float32),
        colors,
    )


def look_at(yaw: float, distance: float, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """World to camera [4, 4] (x right, y down, z forward) and projection @ it, as float32."""
    eye = distance * np.array([math.sin(yaw), 0.25, math.cos(yaw)])
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    view = np.eye(4)
    view[:3, :3] = [right, down, forward]
    view[:3, 3] = -view[:3, :3] @ eye
    near, far, focal = 0.1, 20.0, 2.2
    projection = np.zeros((4, 4))
    projection[0, 0] = focal / aspect
    projection[1, 1] = -focal
    projection[2, 2:] = (far + near) / (far - near), -2 * far * near / (far - near)
    projection[3, 2] = 1
    return view.astype(np.float32), (projection @ view).astype(np.float32)


def draw_panel(state: State) -> None:
    """The controls, in the current window."""
    with controls.section("Camera", icon=icons.ICON_FA_CAMERA) as is_open:
        if is_open:
            _, state.yaw = controls.slider(
                "Yaw",
                state.yaw,
                -1.0,
                1.0,
                default=0.0,
                unit="rad",
                tooltip="Turn around the head.",
            )
            _, state.fov = controls.slider(
                "Field of view",
                state.fov,
                5,
                60,
                default=18.8,
                unit="°",
                fmt="%.1f",
                tooltip="Vertical opening angle in degrees.",
            )
            _, state.position = controls.vector(
                "Look-at position",
                state.position,
                default=(0, 0.05, 2.7),
                lo=-4,
                hi=4,
                tooltip="The point the camera turns around.",
            )
            _, state.orbit = controls.toggle("Orbit", state.orbit, default=True, tooltip="Turn.")
            _, state.still = controls.toggle("Fade in", state.still, tooltip="Blend.")
    with controls.section("Generator", icon=icons.ICON_FA_WAND_MAGIC_SPARKLES) as is_open:
        if is_open:
            _, state.seed = controls.drag_int(
                "Seed", state.seed, 0, 2**31 - 1, default=0, tooltip="Which face."
            )
            _, state.xy = controls.pad(
                "Neighbours", state.xy, default=(0.0, 0.0), tooltip="Blend neighbouring seeds."
            )
            _, state.steps = controls.slider(
                "Depth samples",
                state.steps,
                8,
                192,
                default=48,
                tooltip="Samples along a ray.",
                whole=True,
            )
            _, state.rate = controls.slider(
                "Density threshold for meshes",
                state.rate,
                1e-4,
                1,
                default=0.01,
                log=True,
                fmt="%.4f",
                tooltip="Where the surface is.",
            )
            _, state.sampling = controls.combo(
                "Resampling",
                state.sampling,
                ["nearest", "bilinear", "lanczos"],
                default="bilinear",
                tooltip="How the picture is enlarged.",
            )
            _, state.mode = controls.segmented(
                "Show",
                state.mode,
                {"shaded": "Shaded", "colored": "Color", "normals": "Normals"},
                tooltip="What the mesh shows.",
            )
            _, state.name = controls.text_input("File name", state.name, placeholder="name")
    with controls.section("Actions", icon=icons.ICON_FA_BOLT) as is_open:
        if is_open:
            draw_actions(state)


def draw_actions(state: State) -> None:
    """Buttons of the gallery."""
    if controls.button("Save picture", icon=icons.ICON_FA_FLOPPY_DISK, primary=True):
        state.clicks += 1
        state.toasts.add("success", "The picture was saved as portrait.png.")
    imgui.same_line()
    if controls.button("Ask", icon=icons.ICON_FA_CIRCLE_QUESTION):
        state.question = True
    imgui.same_line()
    controls.button("Disabled", enabled=False)
    imgui.same_line()
    if controls.icon_button(icons.ICON_FA_KEYBOARD, tooltip="Keys"):
        state.show_keys = True
    imgui.same_line()
    controls.icon_button(icons.ICON_FA_PLAY, tooltip="Play", active=True)
    controls.hint("Videos need about 40 MB a minute; the folder is made when it is missing.")


def draw_readouts(state: State) -> None:
    """Tables, plots and progress of the gallery."""
    with controls.section("Model", icon=icons.ICON_FA_CUBE) as is_open:
        if is_open:
            controls.key_value(
                [
                    ("File", "/data/checkpoints/pv3d-voxceleb-512x512-snapshot-025000.pkl"),
                    ("Parameters", "31 245 678"),
                    ("Resolution", "512 × 512, 16 frames"),  # noqa: RUF001
                ]
            )
    with controls.section("Speed", icon=icons.ICON_FA_GAUGE_HIGH) as is_open:
        if is_open:
            controls.plot("Frame time", state.times, tooltip="Work per frame.")
            ramp = np.linspace(0, 255, 256)
            lut = np.stack([ramp, 90 + ramp * 0.4, 255 - ramp], -1).astype(np.uint8)
            controls.colorbar(lut, 2.2, 3.3)
            controls.progress("Recording 48 frames", 0.62, detail="30 of 48 frames, 4 s left")
            controls.progress("Loading the checkpoint", None, cancel=False)


@dataclass
class Gallery:
    """The whole screen; one `draw` per frame."""

    window: Window
    state: State = field(default_factory=State)
    panel_width: float = 380.0

    def __post_init__(self) -> None:
        self.mesh = MeshView(samples=4)
        self.mesh.set_mesh(*sphere())
        self.texture = Texture("nearest")
        cells = np.indices((33, 33)).sum(0) % 2
        self.texture.update(np.repeat((cells * 60 + 90).astype(np.uint8)[..., None], 3, -1))

    def draw(self) -> None:
        """Draw all of it, between begin_frame and end_frame."""
        area = imgui.get_main_viewport().work_size
        side = min(style.px(self.panel_width), area.x * 0.8)
        flags = imgui.WindowFlags_.no_decoration & ~imgui.WindowFlags_.no_scrollbar
        flags |= imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_bring_to_front_on_focus
        imgui.push_style_var(imgui.StyleVar_.window_rounding, 0.0)
        imgui.set_next_window_pos((0, 0))
        imgui.set_next_window_size((side, area.y))
        self.window.fill((0, 0, side, area.y), style.palette().background)
        imgui.begin("##panel", None, flags | imgui.WindowFlags_.no_background)
        draw_panel(self.state)
        imgui.end()
        imgui.set_next_window_pos((side, 0))
        imgui.set_next_window_size((max(area.x - side, 1), area.y))
        imgui.push_style_var(imgui.StyleVar_.window_padding, (0.0, 0.0))
        view = flags | imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_background
        imgui.begin("##view", None, view)
        self._draw_view()
        imgui.end()
        imgui.pop_style_var(2)
        if area.x > style.px(900):
            imgui.set_next_window_pos((area.x - style.px(14), style.px(14)), 0, (1.0, 0.0))
            imgui.set_next_window_size((style.px(340), 0.0))
            imgui.begin("##readouts", None, imgui.WindowFlags_.no_decoration)
            draw_readouts(self.state)
            imgui.end()
        self._draw_overlays()

    def _draw_view(self) -> None:
        size = imgui.get_content_region_avail()
        low = imgui.get_cursor_screen_pos()
        state = self.state
        state.gesture = view_gestures.viewport_input("viewport", (size.x, size.y))
        state.yaw += state.gesture.orbit[0]
        side = min(size.x, size.y)
        left, top, width, height = (size.x - side) / 2, (size.y - side) / 2, side, side
        view, projected = look_at(state.yaw, 3.0, 1.0)
        eye = -view[:3, :3].T @ view[:3, 3]
        background = style.rgba(style.palette().canvas)
        ref = self.mesh.draw(
            projected, eye, size=(int(width), int(height)), mode=state.mode, background=background
        )
        draw = imgui.get_window_draw_list()
        corner = (low.x + left, low.y + top)
        draw.add_image(ref, corner, (corner[0] + width, corner[1] + height))
        tile = style.px(66)
        at = (low.x + style.px(14), low.y + style.px(14))
        draw.add_image(self.texture.ref, at, (at[0] + tile, at[1] + tile))
        center = (low.x + style.px(70), low.y + size.y - style.px(70))
        view_gestures.axis_gizmo(center, style.px(38), view[:3, :3])

    def _draw_overlays(self) -> None:
        state = self.state
        if state.show_keys:
            state.show_keys = controls.key_help(KEYS)
        if state.question:
            answer = controls.confirm(
                "Replace the file?",
                "portrait.png is already in this folder; replacing it cannot be undone.",
                ["Replace", "Keep both", "Cancel"],
                default="Keep both",
            )
            if answer is not None:
                state.answer, state.question = answer, False
        state.toasts.draw()

    def delete(self) -> None:
        """Free what is on the GPU."""
        self.mesh.delete()
        self.texture.delete()


def main() -> None:
    """Show the gallery, or save one picture of it."""
    parser = argparse.ArgumentParser(description="Every control on one screen.")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--shot", type=Path)
    parser.add_argument("--keys", action="store_true")
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    theme = "light" if options.light else "dark"
    size = (options.size[0], options.size[1])
    with Window("Gallery", size=size, theme=theme, ui_scale=options.scale) as window:
        gallery = Gallery(window)
        gallery.state.show_keys, gallery.state.question = options.keys, options.ask
        toasts = gallery.state.toasts
        toasts.add("info", "The checkpoint was loaded in 3.2 s.", timeout=60)
        toasts.add("warning", "The GPU has little memory left: 300 MB.", timeout=60)
        toasts.add("error", "The file is damaged: load another one.", "Traceback:\n  line 1\nEnd")
        frame = 0
        while not window.close_requested and (options.shot is None or frame < options.frames):
            window.begin_frame(0.0 if options.shot else 1.0)
            gallery.draw()
            window.end_frame()
            frame += 1
        if options.shot is not None:
            Image.fromarray(window.read_pixels()).save(options.shot)
            times = 1000 * np.array(window.frame_times)
            print(f"p50 {np.median(times):.2f} ms, p99 {np.percentile(times, 99):.2f} ms")
        gallery.delete()


if __name__ == "__main__":
    main()
