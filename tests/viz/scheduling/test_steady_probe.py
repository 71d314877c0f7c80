"""Colours of a layer's activation while something moves."""

from __future__ import annotations

import numpy as np

from viz.scheduling.steady_probe import steadied
from viz.state.types import Probe, ProbeResult

PICTURE = np.zeros((2, 2, 3), np.uint8)


def seen(probe: Probe, lo: float, hi: float) -> ProbeResult:
    return ProbeResult(probe, PICTURE, (4, 2, 2), lo, hi, lo, hi, 0.0, 1.0)


def test_the_range_stands_while_something_moves() -> None:
    probe = Probe("layer", 2)
    assert steadied(None, None, True) is None
    assert steadied(probe, None, True) is probe, "nothing is on show yet"
    moving = steadied(probe, seen(probe, -3.0, 4.0), True)
    assert moving == Probe("layer", 2, held=(-3.0, 4.0))
    assert moving is not None
    assert steadied(moving, seen(moving, -3.0, 4.0), True) is moving, "from picture to picture"
    assert steadied(moving, seen(moving, -3.0, 4.0), False) == probe, "each at rest has its own"


def test_another_channel_and_a_chosen_range_take_nothing_over() -> None:
    before = seen(Probe("layer", 2), -3.0, 4.0)
    assert steadied(Probe("layer", 3, held=(-3.0, 4.0)), before, True) == Probe("layer", 3)
    chosen = Probe("layer", 2, range=(0.0, 1.0))
    assert steadied(chosen, before, True) is chosen
