"""The audience's picture as a webcam, for talks in a video conference."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from training.reasons import first_line
from viz.app.stage.board import placed
from viz.exports.captions.caption_pictures import pasted, picture, with_names
from viz.exports.pictures import mesh_pictures
from viz.state.layouts import seen_pictures
from viz.state.types import Display, RenderResult

SIZE = (1280, 720)
"""Width and height in pixels."""
RATE = 20.0
"""Frames per second."""
MISSING = (
    'The virtual camera needs the package pyvirtualcam: pip install "pv3d-visualizer[camera]".'
)
_NO_DEVICE = (
    "No virtual camera is installed on this computer. On Linux, load one with "
    "`sudo modprobe v4l2loopback`; on Windows and macOS, OBS Studio includes one."
)


@dataclass(frozen=True)
class CameraScene:
    """The content of the webcam's picture."""

    result: RenderResult | None = field(default=None, compare=False)
    """The pictures; None for none."""
    display: Display = field(default_factory=Display)
    """The layout that they belong to."""
    one: bool = False
    """Shows only the main picture of the layout."""
    ground: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Colour around the pictures, 0..1."""
    words: tuple[str, str] = ("", "")
    """Title and second line of the caption."""
    names: tuple[str, ...] = ()
    """What is written over the pictures of compared models."""
    before: CameraScene | None = None
    """The scene that its pictures fade in over; None if there is no fade."""
    fade: tuple[float, float] = (0.0, 0.0)
    """Time of `time.perf_counter` at which the fade began, and its seconds."""


class VirtualCamera:
    """A webcam that shows a scene. The scene is drawn from the pictures that the renderer made, on
    a separate thread: the window neither waits nor reads anything back from the GPU."""

    def __init__(self) -> None:
        self.state = "Opening the virtual camera…"
        """A sentence on what is open, or what is missing."""
        self._scene = CameraScene()
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="virtual camera", daemon=True).start()

    def show(self, scene: CameraScene) -> None:
        """Shows a scene from the next frame on."""
        if scene.result is not self._scene.result or scene != self._scene:
            self._scene = scene

    def close(self) -> None:
        """Releases the device; the thread ends by itself."""
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
            except Exception as error:  # a failing device must end nothing else
                self.state = f"The virtual camera has stopped: {first_line(error)}"

    def _send(self, camera: Any) -> None:
        frames = _Frames(self._scene)
        while not self._closing.is_set():
            scene = self._scene
            if scene is not frames.scene:
                frames = _Frames(scene, frames)
            camera.send(frames.at(time.perf_counter()))
            self._closing.wait(1 / RATE)


class _Frames:
    """The frames of a scene; unchanging parts are drawn once.

    Args:
        scene: the scene.
        last: frames of the previous scene, whose fade may still be running.
    """

    def __init__(self, scene: CameraScene, last: _Frames | None = None) -> None:
        self.scene = scene
        self._above = pictures(scene, SIZE)
        self.below: Image.Image | None = None
        """The scene that fades out."""
        if scene.before is not None:
            goes_on = last is not None and last.scene.fade == scene.fade
            known = last.below if last is not None and goes_on else None
            self.below = known or pictures(scene.before, SIZE)
        shown = any(words.strip() for words in scene.words)
        self._caption = Image.fromarray(picture(*scene.words, SIZE)) if shown else None
        self._whole: np.ndarray | None = None

    def at(self, now: float) -> np.ndarray:
        """The frame at a clock time, uint8 [H, W, 3]."""
        begun, seconds = self.scene.fade
        part = (now - begun) / seconds if self.below is not None and seconds > 0 else 1.0
        if part < 1 and self.below is not None:
            return self._with_caption(Image.blend(self.below, self._above, max(part, 0.0)))
        if self._whole is None:
            self._whole = self._with_caption(self._above)
        return self._whole

    def _with_caption(self, canvas: Image.Image) -> np.ndarray:
        return np.asarray(pasted(canvas, self._caption) if self._caption else canvas)


def pictures(scene: CameraScene, size: tuple[int, int]) -> Image.Image:
    """The pictures of a scene, letterboxed for a screen of `size` pixels."""
    ground = tuple(round(255 * part) for part in scene.ground)
    canvas = Image.new("RGB", size, ground)
    if scene.result is None:
        return canvas
    shots, meshes = scene.result.request.shots, scene.result.meshes
    area = (0.0, 0.0, float(size[0]), float(size[1]))
    found = seen_pictures(scene.display, scene.result.pictures)
    places = placed(scene.display, len(found), area, scene.one)
    for place in places:
        left, top, right, _ = map(round, place.tile)
        side = max(right - left, 1)
        pixels = found[place.index]
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
    tiles = [
        (round(x0), round(y0), round(x1), round(y1))
        for x0, y0, x1, y1 in (place.shown for place in places)
    ]
    return with_names(canvas, scene.names, tiles)
