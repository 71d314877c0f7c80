"""The landmarks of an average head in a generator's world."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import load_file

from viz.state.files import CHECKPOINTS

LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Landmarks of the lips' outer and inner borders."""
_LOWER_JAW = -0.1
"""World y below which points move with the mouth."""
_JAW_WEIGHT = 0.3
_CANONICAL_SCALE = 0.01948
"""World units per centimetre, as found by self-calibration of a model with these conventions."""
_CANONICAL_SHIFT = (0.0, -0.0273, 0.1073)


@dataclass(frozen=True, eq=False)
class FaceTemplate:
    """The landmarks of an average head, and how reliable each of them is."""

    points: np.ndarray
    """World coordinates, float64 [468, 3]."""
    weights: np.ndarray
    """0 for points that move with the expression, up to 1; float64 [468]."""
    correction: np.ndarray = field(default_factory=lambda: np.zeros((3, 2)))
    """Correction to be added to the yaw and pitch of a fit, in degrees, as a linear function of (1,
    yaw, pitch): the landmark network sees faces as less tilted than they are. float64 [3, 2]."""

    def corrected(self, yaw: float, pitch: float) -> tuple[float, float]:
        """The true yaw and pitch in degrees for those of a fit."""
        more = np.array([1.0, yaw, pitch]) @ self.correction
        return yaw + float(more[0]), pitch + float(more[1])


def canonical_template() -> FaceTemplate:
    """MediaPipe's canonical face, placed where the published models have theirs, for generators on
    whose people no landmarks are found."""
    stored = load_file(CHECKPOINTS / "face" / "canonical_face.safetensors")["points"]
    points = stored.astype(np.float64) * _CANONICAL_SCALE + np.array(_CANONICAL_SHIFT)
    return FaceTemplate(points, still_weights(points))


def still_weights(points: np.ndarray) -> np.ndarray:
    """1 for the points of the upper face, little for the jaw, 0 for the lips."""
    weights = np.where(points[:, 1] > _LOWER_JAW, 1.0, _JAW_WEIGHT)
    weights[list(LIPS)] = 0
    return weights
