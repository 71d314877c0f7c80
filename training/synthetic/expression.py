"""Motion of a head: blendshape weights and head pose from a motion code and a time.

Both are functions of m * t alone, because that is all that the motion layers of PV3D see
(z_motion * t). So every motion starts from the same face: a faint smile, eyes ahead.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

MOTION_DIM = 16
"""Length of a motion code, m ~ N(0, I); its last number is unused."""


def expr_weights(m: np.ndarray, t: float) -> dict[str, float]:
    """Blendshape weights, -0.15 to 1.1, by the names of ICT-FaceKit, for a motion code
    [MOTION_DIM], N(0, 1), at a time from 0 (the rest face, whatever the code) to 1."""
    v = np.asarray(m, np.float64) * t
    weights: defaultdict[str, float] = defaultdict(float)

    def add(name: str, weight: float) -> None:
        weights[name] += float(weight)

    def both(name: str, weight: float) -> None:
        add(f"{name}_L", weight)
        add(f"{name}_R", weight)

    def signed(positive: str, negative: str, value: float) -> None:
        add(positive, max(value, 0))
        add(negative, max(-value, 0))

    talk = 0.9 * np.tanh(1.4 * abs(v[1])) + 0.1
    opened = 0.46 * talk * np.sin(2.3 * v[0]) ** 2
    smile = float(np.clip(0.13 + 0.50 * v[3], -0.15, 0.92))
    grin = max(smile, 0)
    add("jawOpen", opened + 0.22 * max(0.0, smile - 0.35))
    both("mouthSmile", grin * (1 - 0.4 * opened))
    both("mouthFrown", 2 * max(-smile, 0))
    both("cheekSquint", 0.55 * grin)
    both("mouthUpperUp", 0.55 * max(smile - 0.3, 0) + 0.15 * opened)
    both("mouthLowerDown", 0.15 * max(smile - 0.4, 0) + 0.35 * opened)
    pursed = np.sin(1.7 * v[2])
    add("mouthFunnel", 0.60 * max(0, pursed) * (0.3 + 0.7 * talk))
    add("mouthPucker", 0.80 * max(0, -pursed))

    blink = np.exp(-(((abs(v[6]) - 0.62) / 0.17) ** 2))
    both("eyeBlink", blink * (1 - 0.15 * grin) + 0.08 * grin)
    both("eyeSquint", 0.3 * grin)
    across, up = np.sin(1.5 * v[7]), 0.6 * np.sin(1.5 * v[9])
    signed("eyeLookOut_L", "eyeLookIn_L", across)
    signed("eyeLookIn_R", "eyeLookOut_R", across)
    brow = 0.8 * np.tanh(1.1 * v[10])
    for side in "LR":
        signed(f"eyeLookUp_{side}", f"eyeLookDown_{side}", 0.8 * up)
    both("browInnerUp", 0.9 * max(brow, 0))
    both("browOuterUp", 0.8 * max(brow, 0))
    both("browDown", 0.7 * max(-brow, 0))
    both("eyeWide", 0.35 * max(brow, 0))

    skew = 0.3 * np.tanh(v[12])
    signed("mouthSmile_L", "mouthSmile_R", skew * (0.3 + grin))
    signed("jawLeft", "jawRight", 0.7 * np.tanh(v[11]) * opened)
    return dict(weights)


EXPRESSIONS: tuple[str, ...] = tuple(
    sorted(expr_weights(np.ones(MOTION_DIM), 1.0) | expr_weights(-np.ones(MOTION_DIM), 1.0))
)
"""Names of the blendshapes that motions use."""


def expr_vector(m: np.ndarray, t: float) -> np.ndarray:
    """`expr_weights` in the order of `EXPRESSIONS`, float64 [35]."""
    weights = expr_weights(m, t)
    return np.array([weights.get(name, 0.0) for name in EXPRESSIONS])


def head_pose(m: np.ndarray, t: float) -> tuple[float, float]:
    """Rotation of the head as (yaw, pitch) in degrees, within ±12.7 and ±6.9; none at t = 0.

    PV3D keeps the head still and moves the camera instead, so these are added to the clip's camera,
    with the signs of `Camera.orbit`. The arguments are those of `expr_weights`.
    """
    v = np.asarray(m, np.float64) * t
    yaw, pitch = 0.22 * np.tanh(0.9 * v[13]), -0.12 * np.tanh(0.9 * v[14])
    return float(np.degrees(yaw)), float(np.degrees(pitch))
