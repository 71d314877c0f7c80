"""Captures: pictures rendered at full quality and saved with the session that made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from training.checkpoint import mark_of
from viz.exports.frame_options import PictureOptions
from viz.exports.naming import unused
from viz.exports.pictures import png
from viz.exports.pictures.frames import export_picture
from viz.exports.recipes import capture_text
from viz.render import latents, models
from viz.render.renderer import Renderer
from viz.render.tuning import OtherModelError
from viz.state.files import write_beside
from viz.state.jobs import Steps
from viz.state.types import RenderRequest, SessionState

CaptureKind = Literal["picture", "raw", "depth"]


def depth_picture(renderer: Renderer, state: SessionState) -> tuple[np.ndarray, dict[str, str]]:
    """16-bit depth of a state's camera, uint16 [h, w], and PNG texts that give its scale.

    0 is the near end of the depth range and 65535 its far end, in world units from the camera. If
    no range is chosen it is that of the rays, so that nothing is clipped.
    """
    shot, options = state.shot("depth"), renderer.G.config.rendering
    raw = renderer.raw(shot, state.quality)
    ray_range = shot.camera.ray_range(options.ray_start, options.ray_end)
    near, far = state.display.depth_range or ray_range
    place = (raw.depth[0, 0].float().cpu().numpy() - near) / (far - near)
    levels = np.clip(np.round(place * 65535), 0, 65535).astype(np.uint16)
    texts = {"depth_near": str(near), "depth_far": str(far), "depth_unit": "world units"}
    return levels, texts


def raw_picture(renderer: Renderer, state: SessionState) -> np.ndarray:
    """The raw picture of a state's camera, uint8 [h, w, 3]."""
    request = RenderRequest((state.shot("raw"),), state.quality)
    found = renderer.render(request).pictures[0]
    assert found is not None
    return found


def save_ws(renderer: Renderer, state: SessionState, path: Path) -> Steps[Path]:
    """Saves the ws of a state's person, float32 [num_ws, w_dim]; returns the path.

    Raises:
        UserError: when they cannot be written.
    """
    yield "Writing", 0.5
    ws = renderer.ws(state.shot())[0].float().cpu().numpy()
    if path.suffix == ".npy":
        write_beside(path, lambda file: np.save(file, ws))
    else:
        write_beside(path, lambda file: np.savez(file, ws=ws))
    return path


def check_person(renderer: Renderer, path: str, candidates: Sequence[str] = ()) -> Steps[str]:
    """Checks that the renderer's model fits the person in a file.

    Args:
        path: a person file, or ws.
        candidates: files among which to look for the person's model if it is not this one.

    Returns:
        an empty string if it fits, or the path of the model that the person belongs to.

    Raises:
        UserError: when neither is the case, with the reason.
    """
    yield "Reading", None
    try:
        latents.read_person(renderer.G, path)
    except OtherModelError as error:
        found = yield from models.find(error.weights, candidates)
        if not found:
            raise
        return found
    return ""


def save(renderer: Renderer, state: SessionState, kind: CaptureKind, path: Path) -> Steps[Path]:
    """Saves a picture of a state; returns the path written: a number is added if the name is taken.

    Raises:
        UserError: when it cannot be rendered or written.
    """
    if kind == "picture":
        return (yield from export_picture(renderer, state, PictureOptions(), unused(path)))
    yield "Rendering", 0.1
    texts: dict[str, str] = {}
    if kind == "depth":
        pixels, texts = depth_picture(renderer, state)
    else:
        pixels = raw_picture(renderer, state)
    yield "Writing", 0.9
    path = unused(path)
    png.save(path, pixels, capture_text(state, path.parent, mark_of(renderer.G)), **texts)
    return path


def save_window(
    renderer: Renderer, pixels: bytes, size: tuple[int, int], state: SessionState, path: Path
) -> Steps[Path]:
    """Saves the window's pixels, uint8 [H, W, 3] of a size (H, W); returns the path written.

    Raises:
        UserError: when it cannot be written.
    """
    yield "Writing", 0.5
    path = unused(path)
    recipe = capture_text(state, path.parent, mark_of(renderer.G))
    png.save(path, np.frombuffer(pixels, np.uint8).reshape(*size, 3), recipe)
    return path
