"""The small picture of another view in the corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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
