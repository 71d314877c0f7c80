"""Pictures to keep: rendered at full quality, saved with the session that made them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from viz.exports.embedding import save_png
from viz.exports.frame_options import PictureOptions
from viz.exports.pictures.frames import export_picture
from viz.render import latents
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.files import write_beside
from viz.state.types import RenderRequest, SessionState


def full_request(state: SessionState) -> RenderRequest:
    """What a state shows, at full quality."""
    return RenderRequest(layouts.shots(state), state.quality, depth_range=state.display.depth_range)


def depth_picture(renderer: Renderer, state: SessionState) -> tuple[np.ndarray, dict[str, str]]:
    """16-bit depth of a state's camera, uint16 [h, w], and PNG texts that tell its scale.

    0 is the near end of the depth range and 65535 its far end, in world units from the camera.
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


def file_name(state: SessionState, kind: str, model: str) -> str:
    """Name that tells what a picture shows: model, seeds and time."""
    person = Path(state.latent.ws_file).stem or f"seed{state.latent.seed:04d}"
    stem = Path(model).stem.replace(" ", "-").lower() or "model"
    return f"{stem}_{person}_motion{state.motion.seed:04d}_t{state.t:.3f}_{kind}.png"


def unused(path: Path) -> Path:
    """The path, or with a number where a file of that name is there."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{path.stem}_{number}")
    return candidate


def save_ws(
    renderer: Renderer | None, state: SessionState, path: Path
) -> Generator[tuple[str, float | None], None, Path]:
    """Steps of saving the ws of a state's person, float32 [num_ws, w_dim]; returns the path.

    Raises:
        UserError: when they cannot be written.
    """
    yield "Writing", 0.5
    ws = _needed(renderer).ws(state.shot())[0].float().cpu().numpy()
    if path.suffix == ".npy":
        write_beside(path, lambda file: np.save(file, ws))
    else:
        write_beside(path, lambda file: np.savez(file, ws=ws))
    return path


def check_ws(
    renderer: Renderer | None, path: str
) -> Generator[tuple[str, float | None], None, str]:
    """Steps of making sure that a model takes the ws of a file; returns the path.

    Raises:
        UserError: when it does not, with the reason.
    """
    yield "Reading", None
    config = _needed(renderer).G.config
    latents.read_ws(path, (config.num_ws, config.w_dim))
    return path


def _needed(renderer: Renderer | None) -> Renderer:
    if renderer is None:
        raise UserError("No model is loaded yet: wait for it, or open one.")
    return renderer


def save(
    renderer: Renderer | None,
    state: SessionState,
    kind: str,
    path: Path,
    window: np.ndarray | None = None,
) -> Generator[tuple[str, float | None], None, Path]:
    """Steps of saving a picture; returns the path written.

    Args:
        renderer: of the model shown.
        state: what to save.
        kind: "picture", "raw", "depth" or "window".
        path: where; a number is added where the name is taken.
        window: pixels of the whole window, for that kind.

    Raises:
        UserError: when it cannot be rendered or written.
    """
    if kind == "picture":
        return (yield from export_picture(_needed(renderer), state, PictureOptions(), unused(path)))
    yield "Rendering", 0.1
    texts: dict[str, str] = {}
    if kind == "window":
        if window is None:
            raise ValueError("The window's pixels are missing.")
        pixels = window
    elif kind == "depth":
        pixels, texts = depth_picture(_needed(renderer), state)
    else:
        pixels = raw_picture(_needed(renderer), state)
    yield "Writing", 0.9
    path = unused(path)
    save_png(path, pixels, state, **texts)
    return path
