"""The mesh view in pictures, frames and videos, drawn without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, frame
from tests.viz.render.known_head import CENTER, known_head, radius_at
from viz.exports.frame_options import Look, Movement, PictureOptions, VideoOptions
from viz.exports.meshes.mesh_raster import project
from viz.exports.pictures import mesh_pictures
from viz.render.renderer import Renderer
from viz.state.errors import UserError
from viz.state.types import MESH_STYLES, Display, MeshStyle, Orbit, Quality, SessionState

renderer = export_driver.renderer

LEVEL = 7.0
STATE = SessionState(display=Display(view="mesh"), quality=Quality(mesh_level=LEVEL))
GROUND = (255 * mesh_pictures.GROUND).round().astype(int)


@pytest.fixture(scope="module")
def head() -> Renderer:
    return Renderer(known_head())


def test_a_ball_is_where_it_is(head: Renderer) -> None:
    state = replace(STATE, orbit=Orbit(yaw=5, pitch=-4))
    see_through = frame(head, state, Look(background="transparent"))
    side = see_through.shape[0]
    assert see_through.shape == (64, 64, 4)
    covered = see_through[..., 3].sum() / 255
    camera = state.orbit.camera()
    middle, depth = project(camera, CENTER[None], side)
    pixels = radius_at(LEVEL) / depth[0] * camera.intrinsics[0] * side
    assert covered == pytest.approx(np.pi * pixels**2, rel=0.03)
    down, across = np.nonzero(see_through[..., 3] > 127)
    assert [across.mean() + 0.5, down.mean() + 0.5] == pytest.approx(middle[0].tolist(), abs=0.5)
    shown = frame(head, state)
    assert np.array_equal(shown[0, 0], GROUND)
    alpha = see_through[..., 3:] / 255
    blended = see_through[..., :3] * alpha + GROUND * (1 - alpha)
    assert np.abs(blended - shown).max() <= 1.5


@pytest.mark.parametrize("style", MESH_STYLES)
def test_styles(head: Renderer, style: MeshStyle) -> None:
    quality = replace(STATE.quality, mesh_resolution=16) if style == "wireframe" else STATE.quality
    state = SessionState(display=replace(STATE.display, mesh_style=style), quality=quality)
    middle = frame(head, state)[28:36, 26:40].reshape(-1, 3).astype(int)
    if style == "normals":
        assert middle.mean(axis=0) == pytest.approx([128, 128, 254], abs=20)
    elif style == "shaded":
        assert np.ptp(middle.mean(axis=0)) < 25, "clay"
        assert middle.mean() > 140
    elif style == "colored":
        assert np.ptp(middle, axis=1).max() > 25, "the model's colours"
    else:
        assert len({tuple(color) for color in middle.tolist()}) > 2
        assert middle.min() < 60 < 120 < middle.max()


def test_a_turntable_finds_its_surface_once(tmp_path: Path) -> None:
    head = Renderer(known_head())
    state = replace(STATE, orbit=Orbit(pitch=5))
    movement = Movement("orbit", frames=6, orbit_shape="round")
    look = Look(("image", "mesh"))
    made = export(head, "video", state, VideoOptions(movement, look), tmp_path / "turn.mp4")
    frames = decoded(made)
    assert len(frames) == 6
    assert frames[0].shape == (64, 128, 3)
    assert head.stage_runs["mesh"] == 1
    assert all(np.abs(a.astype(int) - frames[0]).max() > 20 for a in frames[1:])


def test_16_bits_and_what_has_no_surface(head: Renderer, tmp_path: Path) -> None:
    made = export(head, "picture", STATE, PictureOptions(bits=16), tmp_path / "a.png")
    (deep,) = decoded(made, "rgb48le")
    assert np.abs(deep / 257 - frame(head, STATE)).max() < 1
    none = replace(STATE, quality=replace(STATE.quality, mesh_level=1e6))
    with pytest.raises(UserError, match="densit"):
        export(head, "picture", none, PictureOptions(), tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def test_every_layout_shows_meshes(renderer: Renderer, tmp_path: Path) -> None:
    display = Display("grid", grid=("image", "mesh", "depth", "mesh"))
    state = SessionState(display=display, quality=Quality(mesh_level=1.0, mesh_resolution=32))
    picture = frame(renderer, state)
    half = picture.shape[0] // 2
    image = frame(renderer, replace(state, display=Display(view="image")))
    assert np.array_equal(picture[:half, :half], image)
    assert np.array_equal(picture[:half, half:], picture[half:, half:])
    made = export(renderer, "picture", state, PictureOptions(), tmp_path / "four.png")
    with Image.open(made) as opened:
        assert np.array_equal(np.asarray(opened), picture)


def test_a_chosen_background_lies_behind(head: Renderer) -> None:
    color = (0.8, 0.2, 0.4)
    display = replace(STATE.display, background="color", background_color=color)
    state = replace(STATE, display=display)
    cut, picture = frame(head, state, Look(background="transparent")), frame(head, state)
    assert np.array_equal(picture[0, 0], (255 * np.array(color)).round())
    alpha = cut[..., 3:] / 255
    blended = cut[..., :3] * alpha + 255 * np.array(color) * (1 - alpha)
    assert np.abs(blended - picture).max() <= 1.5
    light = replace(display, background_color=(1.0, 1.0, 1.0), mesh_style="wireframe")
    coarse = replace(STATE.quality, mesh_resolution=16)
    wires = frame(head, replace(state, display=light, quality=coarse))
    assert wires[0, 0].min() == 255
    assert wires.min() < 120, "wires show on white"
