"""Maps and backgrounds in the renderer's pictures and in what is exported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import frame
from viz.exports.frame_options import Look
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.maps.colormaps import color_table
from viz.state.maps.map_settings import background
from viz.state.types import Display, Orbit, Preview, Quality, SessionState, View

renderer = export_driver.renderer

STATE = SessionState(t=0.5, orbit=Orbit(yaw=15))
COLOR = (0.8, 0.2, 0.4)
TRANSPARENT = Look(background="transparent")
PICTURES: tuple[View, ...] = ("image", "raw", "depth", "normals", "opacity")


def on(view: View, **display: object) -> SessionState:
    """The state in a view, with settings of the display."""
    return replace(STATE, display=replace(Display(view=view), **display))


def shown(renderer: Renderer, state: SessionState) -> np.ndarray:
    """What the window shows."""
    with torch.inference_mode():
        (picture,) = renderer.render(layouts.full_request(state)).pictures
    assert picture is not None
    return picture


@pytest.mark.parametrize("view", PICTURES)
@pytest.mark.parametrize("behind", ["color", "checkerboard"])
def test_a_background_lies_behind_the_head(renderer: Renderer, view: View, behind: str) -> None:
    state = on(view, background=behind, background_color=COLOR)
    picture = shown(renderer, state)
    assert np.array_equal(frame(renderer, state), picture), "exports have the window's pixels"
    if view == "opacity":
        assert np.array_equal(picture, shown(renderer, on(view)))
        return
    cut = frame(renderer, state, TRANSPARENT, 16) / 65535
    alpha, ground = cut[..., 3:], background(state.display.maps, cut.shape[:2])
    expected = alpha * cut[..., :3] + (1 - alpha) * ground
    # Where a colour of the head is outside of what a file can hold, nothing can be expected.
    inside = ((cut[..., :3] > 0) & (cut[..., :3] < 1)).all(-1) | (alpha[..., 0] < 1 / 300)
    assert inside.mean() > 0.5
    assert np.abs(picture / 255 - expected)[inside].max() < 2.5 / 255
    empty = alpha[..., 0] < 1e-3
    assert empty.any()
    assert np.abs(picture / 255 - ground)[empty].max() < 1.5 / 255
    wide = frame(renderer, state, Look(), 16)
    assert np.abs(wide / 257 - picture)[inside].max() <= 2.5, "from between the colours of a table"


def test_previews_have_the_background_as_well(renderer: Renderer) -> None:
    past = Orbit(pivot=(3.0, 0.0, 0.2))  # looks past the box
    state = replace(on("image", background="color", background_color=COLOR), orbit=past)
    request = replace(layouts.full_request(state), preview=Preview(0.5, 0.5, final_scale=0.5))
    with torch.inference_mode():
        (picture,) = renderer.render(request).pictures
    assert picture is not None
    assert picture.shape == shown(renderer, state).shape
    assert np.abs(picture - 255 * np.array(COLOR)).max() <= 1


def test_the_backdrop_is_painted_once_for_an_orbit(renderer: Renderer) -> None:
    for yaw in (0, 10, 20):
        state = on("image", background="checkerboard")
        shown(renderer, replace(state, orbit=Orbit(yaw=yaw)))
    assert renderer.stage_runs["backdrop"] == 1
    assert renderer.stage_runs["superresolution"] == 3


@pytest.mark.parametrize("colors", ["viridis", "turbo"])
def test_maps_take_their_colours_and_range(renderer: Renderer, colors: str) -> None:
    state = on("opacity", opacity_colors=colors, opacity_range=(0.25, 0.75))
    with torch.inference_mode():
        raw = renderer.raw(state.shot(), Quality())
        result = renderer.render(layouts.full_request(state))
    place = ((raw.opacity[0, 0].numpy() - 0.25) / 0.5).clip(0, 1)
    expected = color_table(colors)[(place * 255).round().astype(int)]  # pyright: ignore
    assert np.array_equal(shown(renderer, state), expected)
    assert result.map_ranges == ((0.25, 0.75),)
    state = on("depth", depth_colors=colors, depth_range=(2.0, 3.5))
    assert np.array_equal(frame(renderer, state), shown(renderer, state))
    assert not np.array_equal(shown(renderer, state), shown(renderer, on("depth")))
