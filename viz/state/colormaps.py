"""Colour tables: from a number in 0..1 to a colour."""

from __future__ import annotations

import numpy as np


def _table(*stops: str) -> np.ndarray:
    """Evenly spaced colours "rrggbb", interpolated linearly: uint8 [256, 3]."""
    colors = np.array([[int(stop[k : k + 2], 16) for k in (0, 2, 4)] for stop in stops])
    places = np.linspace(0, 1, len(stops))
    at = np.linspace(0, 1, 256)
    channels = [np.interp(at, places, colors[:, k]) for k in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


DEPTH_LUT = _table("fff6d5", "fdbf6f", "f0705a", "b63679", "641a80", "1d1147", "05040f")
"""Near is bright, far is dark; lightness falls evenly, so that it also reads in greyscale."""

ACTIVATION_LUT = _table("0b1026", "1f3a6e", "2b7a9b", "55b89a", "b7df7a", "fdf5b8")
"""Low is dark, high is bright."""
