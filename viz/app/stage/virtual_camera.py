"""The audience's picture as a webcam, for talks in a video conference."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from training.reasons import first_line
from viz.app.stage import captions
from viz.app.stage.board import placed
from viz.exports.pictures import mesh_pictures
from viz.state.layouts import seen_pictures
from viz.state.types import Display, RenderResult

SIZE = (1280, 720)
"""Pixels across and down."""
RATE = 20.0
"""Frames a second."""
MISSING = (
    'The virtual camera needs the package pyvirtualcam: pip install "pv3d-visualizer[camera]".'
)
_NO_DEVICE = (
    "No virtual camera is installed on this computer. On Linux, load one by "
    "`sudo modprobe v4l2loopback`; on Windows and macOS, OBS Studio brings one."
)


@dataclass(frozen=True)
class Scene:
    """What is to be seen."""

    result: RenderResult | None = field(default=None, compare=False)
    """Pictures; None for none."""
    display: Display = field(default_factory=Display)
    """The layout that they belong to."""
    one: bool = False
    """Takes the main picture of the layout alone."""
    ground: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Colour around the pictures, 0..1."""
    words: tuple[str, str] = ("", "")
    """Title and line of the caption."""


class VirtualCamera:
    """A webcam that shows a scene. The scene is drawn from the pictures that the renderer made, on
    a thread of its own: the window waits for nothing and reads nothing back from the GPU."""

    def __init__(self) -> None:
        self.state = "The virtual camera is being opened\u2026"
        """A sentence on what is open, or what is missing."""
        self._scene = Scene()
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="virtual camera", daemon=True).start()

    def show(self, scene: Scene) -> None:
        """Shows a scene from the next frame on."""
        if scene.result is not self._scene.result or scene != self._scene:
            self._scene = scene

    def close(self) -> None:
        """Lets the device go; the thread ends by itself."""
        self._closing.set()

    def _run(self) -> None:
        try:
            import pyvirtualcam
        except ImportError:
            self.state = MISSING
            return
        try:
            camera = pyvirtualcam.Camera(*SIZE, RATE)
        except (RuntimeError, OSError, ValueError) as error:
            self.state = f"{_NO_DEVICE} ({first_line(error).partition('. ')[0].rstrip('.')}.)"
            return
        with camera:
            self.state = f"The virtual camera {camera.device} shows what the audience sees."
            try:
                self._send(camera)
            except Exception as error:  # a device that goes must end nothing else
                self.state = f"The virtual camera has stopped: {first_line(error)}"

    def _send(self, camera: Any) -> None:
        drawn: Scene | None = None
        frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        while not self._closing.is_set():
            scene = self._scene
            if scene is not drawn:
                frame, drawn = draw(scene, SIZE), scene
            camera.send(frame)
            self._closing.wait(1 / RATE)


def draw(scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """A scene as uint8 [H, W, 3], letterboxed, for a screen of `size` pixels."""
    ground = tuple(round(255 * part) for part in scene.ground)
    canvas = Image.new("RGB", size, ground)
    if scene.result is None:
        return np.asarray(canvas)
    shots, meshes = scene.result.request.shots, scene.result.meshes
    area = (0.0, 0.0, float(size[0]), float(size[1]))
    pictures = seen_pictures(scene.display, scene.result.pictures)
    for place in placed(scene.display, len(pictures), area, scene.one):
        left, top, right, _ = map(round, place.tile)
        side = max(right - left, 1)
        pixels = pictures[place.index]
        if pixels is None:
            mesh = meshes[place.index] if place.index < len(meshes) else None
            if mesh is None:
                continue
            camera = shots[place.index].camera
            seen = mesh_pictures.draw(mesh, camera, side, scene.display.mesh_style)
            pixels = np.round(255 * mesh_pictures.over_ground(seen)).astype(np.uint8)
        way = Image.Resampling.NEAREST if scene.display.nearest else Image.Resampling.BILINEAR
        picture = Image.fromarray(pixels).resize((side, side), way)
        start, end = (round(side * part) for part in place.part)
        canvas.paste(picture.crop((start, 0, end, side)), (left + start, top))
    if any(scene.words):
        caption = Image.fromarray(captions.picture(*scene.words, size))
        margin = round(captions.MARGIN * size[1])
        corner = (margin, size[1] - margin - caption.height)
        canvas.paste(caption, corner, caption)
    return np.asarray(canvas)
