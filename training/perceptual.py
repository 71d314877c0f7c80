"""Perceptual distance of two pictures."""

from __future__ import annotations

import numpy as np

try:
    import flip_evaluator
except ImportError:  # it has no wheels for some processors
    flip_evaluator = None


def flip(truth: np.ndarray, picture: np.ndarray) -> float | None:
    """Mean FLIP error of two pictures [H, W, 3] in 0..1: the difference that viewers perceive when
    alternating between them, 0 to 1 (Andersson et al., 2020). None if it is not installed."""
    if flip_evaluator is None:
        return None
    truth, picture = (np.ascontiguousarray(x, dtype=np.float32) for x in (truth, picture))
    return float(flip_evaluator.evaluate(truth, picture, "LDR", applyMagma=False)[1])
