"""The small picture of another view in the corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from viz.state import layouts
from viz.state.types import Display, SessionState


def test_it_is_the_last_shot_of_one_view_alone() -> None:
    state = SessionState(display=Display(inset="depth"))
    assert [shot.view for shot in layouts.shots(state)] == ["image", "depth"]
    assert layouts.grid_shape(state) == (1, 1)
    for display in (
        Display(inset="depth", view="depth"),
        Display(inset="depth", layout="grid"),
        Display(inset="depth", layout="split"),
    ):
        plain = replace(display, inset="none")
        shots = layouts.shots(replace(state, display=display))
        assert shots == layouts.shots(replace(state, display=plain))


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_smaller_pictures_of_a_grid_fill_their_places(kind: type, nearest: bool) -> None:
    state = SessionState(display=Display(layout="grid", nearest=nearest))
    ramp = np.arange(0, 200, 8).astype(kind)[None, :, None] * np.ones((25, 1, 3), kind)
    large = np.full((100, 100, 3), 9, kind)
    whole = layouts.compose(state, [large, ramp, ramp, ramp])
    assert whole.shape == (200, 200, 3)
    assert whole.dtype == kind
    enlarged = Image.fromarray(ramp.astype(np.uint8)).resize(
        (100, 100), Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    )
    for place in (whole[:100, 100:], whole[100:, :100], whole[100:, 100:]):
        assert np.abs(place.astype(float) - np.asarray(enlarged, float)).max() <= 1
    assert (len(np.unique(whole[0, 100:, 0])) == 25) == nearest


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("side", [64, 16])
def test_it_lies_in_the_lower_right_corner(kind: type, side: int) -> None:
    state = SessionState(display=Display(inset="depth"))
    picture = np.zeros((100, 100, 3), kind)
    small = np.linspace(0, 200, side).astype(kind)[None, :, None] * np.ones((side, 1, 3), kind)
    whole = layouts.compose(state, [picture, small])
    assert whole.dtype == kind
    assert whole.shape == picture.shape
    left, top, right, bottom = map(int, layouts.inset_place((0.0, 0.0, 100.0, 100.0)))
    assert (left, top, right, bottom) == (67, 67, 97, 97)
    inside = whole[top:bottom, left:right]
    assert not np.delete(whole, slice(top, bottom), axis=0).any()
    assert not np.delete(whole, slice(left, right), axis=1).any()
    row = inside[0, :, 0].astype(float)
    assert (np.diff(row) >= 0).all()
    assert row[0] < 20
    assert row[-1] > 180
