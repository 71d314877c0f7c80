"""Steps along directions that tests make up."""

from __future__ import annotations

import numpy as np

from training.named_directions import encoded
from viz.state.person import Shift


def shift_along(
    name: str, direction: np.ndarray, amount: float, layers: tuple[int, ...] = ()
) -> Shift:
    """A step along a direction, float32 [dim]."""
    return Shift(name, encoded(direction), amount, layers)
