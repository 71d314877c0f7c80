"""Pictures of noise that tell which clip and frame they are."""

from __future__ import annotations

import numpy as np

SIDE = 16


def noise_picture(clip: int, frame: int) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3] that no other frame has."""
    rng = np.random.default_rng([clip, frame])
    return rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
