"""Hair: a cap grown over the scalp, which may hang down, and stubble on the skin itself.

Lengths are in centimetres. Azimuth 0 is the face, +90 degrees the head's left ear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndimage
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from training.synthetic.baking import AZIMUTHS, ELEVATIONS, Baked, directions
from training.synthetic.head_model import SKULL_CENTRE, HeadModel
from training.synthetic.traits import LONG_HAIR, HairStyle, Traits, smooth

_BUN = np.array([0, 0.55, -0.835])
"""Direction of a bun from the skull's centre."""
COLUMNS, ROWS = 152, 34
"""Vertices of the cap around the head and from the crown to the tips."""

_EARS = (np.abs(np.abs(AZIMUTHS) - 95) < 27)[:, None] & ((ELEVATIONS < 20) & (ELEVATIONS > -34))
"""Rays that may meet an ear instead of the scalp, bool [AZIMUTHS, ELEVATIONS]."""

_THICKNESS: dict[HairStyle, tuple[float, float]] = {
    "short": (1.1, 0.8),
    "swept": (1.5, 1.0),
    "curly": (2.0, 1.6),
    "tied": (0.7, 0.3),
    "bob": (1.2, 0.6),
    "long": (1.0, 0.7),
}
"""Minimum thickness of a cap, and how much the identity code can add to it."""
_LOCKS: dict[HairStyle, float] = {
    "short": 0.12,
    "swept": 0.15,
    "curly": 0.10,
    "tied": 0.05,
    "bob": 0.10,
    "long": 0.13,
}
"""Depth of the grooves between the locks."""


@dataclass(frozen=True)
class Cap:
    """The cap of one person, a grid of COLUMNS (around, closed) by ROWS (crown to tip)."""

    points: np.ndarray
    """float32 [COLUMNS, ROWS, 3]."""
    strands: np.ndarray
    """Azimuth in degrees and length along the strand, float32 [COLUMNS, ROWS, 2]."""
    lift: np.ndarray
    """Height above the skin, float32 [COLUMNS, ROWS]; 9 for hanging hair, which is not above it."""
    tip: np.ndarray
    """Distance to the tip of hanging hair, float32 [COLUMNS, ROWS]; 9 elsewhere."""
    occlusion: np.ndarray
    """Brightness of the ambient light, float32 [COLUMNS, ROWS]."""
    hangs: bool
    """Whether the cap can be seen from inside."""


class Hairdresser:
    """Grows hair on one head model."""

    def __init__(self, head: HeadModel, baked: Baked) -> None:
        self._scalp = baked.scalp
        missed = baked.scalp.weights.sum(-1) == 0
        nearest = ndimage.distance_transform_edt(
            missed, return_distances=False, return_indices=True
        )
        self._nearest = tuple(np.asarray(nearest))
        self._inpainting = _Inpainting(_EARS)
        offset = head.vertices - SKULL_CENTRE
        self._radius = np.linalg.norm(offset, axis=1)
        self._azimuth = np.degrees(np.arctan2(offset[:, 0], offset[:, 2]))
        self._elevation = np.degrees(np.arcsin(offset[:, 1] / np.maximum(self._radius, 1e-6)))
        self._grows = head.skin & ~self._ears(head)

    def _ears(self, head: HeadModel) -> np.ndarray:
        """Vertices of the ears, bool [V]: those at the sides that stand out from the skull."""
        skull = self._skull(head.vertices)[1]
        place = [
            (self._azimuth + 180) / 360 * len(AZIMUTHS) % len(AZIMUTHS),
            np.interp(self._elevation, ELEVATIONS, np.arange(len(ELEVATIONS))),
        ]
        skull = ndimage.map_coordinates(skull, place, order=1, mode="nearest")
        side = (np.abs(np.abs(self._azimuth) - 93) < 27) & (np.abs(self._elevation + 7) < 27)
        ears = head.skin & side & (self._radius - skull > 0.5)
        for _ in range(3):  # the hollow of the ear lies no higher than the skull around it
            touched = ears[head.triangles].any(1)
            ears[head.triangles[touched].ravel()] = True
            ears &= side & (self._radius - skull > -0.4)
        return ears

    def _skull(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of the skin from the skull's centre with and without ears, by ray."""
        points = self._scalp.points(vertices)[self._nearest]
        radius = np.linalg.norm(points - SKULL_CENTRE, axis=-1)
        return radius, self._inpainting(radius)

    def hairline(self, traits: Traits) -> np.ndarray:
        """Elevation in degrees at which the hair ends, by column, float64 [COLUMNS]."""
        code = traits.hair_shape
        around = np.linspace(-180, 180, COLUMNS, endpoint=False)
        side = np.abs(around)
        fringe, parting = _has_fringe(traits), _parting(traits)
        front = 19 + 8 * code[1]
        if traits.style in LONG_HAIR:
            raised = 0 if fringe else 9
            line = np.interp(
                side,
                [0, 12, 24, 34, 46, 54, 62, 76, 90, 180],
                [
                    *(front + raised, front + 0.8 * raised, front + 0.2 * raised, front - 2),
                    *(front - 10, 2, -6, -12, -14, -16),
                ],
            )
            if not fringe:
                line = np.roll(line, int(6 * parting))
        else:
            front += 0 if fringe else 8
            recede = 0 if fringe else 2 + 5 * code[4]
            line = np.interp(
                side,
                [0, 20, 36, 48, 56, 62, 68, 76, 82, 90, 98, 108, 118, 130, 150, 180],
                [
                    *(front, front + 0.6 * recede, front + recede, front - 5 + 0.6 * recede),
                    *(6, -2, -16, -18, -10, 4, 2, -10, -21, -30, -36, -38),
                ],
            )
        waves = 2.5 * parting * np.sin(1.8 * np.radians(around))
        waves += 0.8 * np.sin(0.31 * around + 1.5 * code[7])
        waves += 0.5 * np.sin(0.83 * around + 1.5 * code[8])
        line = line + smooth(70, 30, side) * waves
        return ndimage.gaussian_filter1d(line, 1.4, mode="wrap")

    def stubble(self, traits: Traits) -> np.ndarray:
        """How much hair grows on the skin under and around the cap, 0 to 1, float64 [V]."""
        if traits.style == "bald":
            return np.zeros(len(self._grows))
        around = np.linspace(-180, 180, COLUMNS, endpoint=False)
        line = np.interp(self._azimuth, around, self.hairline(traits), period=360)
        soft = 1.5 if traits.style in LONG_HAIR else 4.0
        return np.where(self._grows, smooth(-soft, soft, self._elevation - line), 0)

    def cap(self, traits: Traits, vertices: np.ndarray) -> Cap | None:
        """The cap for the rest face `vertices` [V, 3]; None for styles without one."""
        if traits.style in ("bald", "buzz"):
            return None
        long = traits.style in LONG_HAIR
        code = traits.hair_shape
        around = np.linspace(-180, 180, COLUMNS, endpoint=False)
        line = self.hairline(traits)
        hang = np.zeros(COLUMNS)
        if long:
            length = 6 + 4 * code[3] if traits.style == "bob" else 13 + 9 * code[3]
            hang = length * smooth(46 + 10 * code[4], 72, np.abs(around))
        v = np.linspace(0, 1, ROWS)[None]
        arc = np.radians(90 - line)[:, None] * 10  # length on the scalp of a skull of 10 cm
        along = v * (arc + hang[:, None])  # [COLUMNS, ROWS]
        on_scalp = np.minimum(along / arc, 1)
        drop = np.maximum(along - arc, 0)
        elevation = 90 - on_scalp * (90 - line)[:, None]
        outwards = directions(np.radians(around)[:, None] + 0 * elevation, np.radians(elevation))
        radius = self._radii(vertices, around[:, None] + 0 * elevation, elevation, long)
        lift = _lift(traits, around, np.radians(elevation), on_scalp, hang, outwards, radius)
        points = SKULL_CENTRE + outwards * (radius + lift)[..., None]
        if long:
            points += _hanging(traits, around, drop, outwards)
        hanging = hang[:, None] > 2
        ends = np.exp(-(((on_scalp - 1) / 0.1) ** 2)) * (hang[:, None] < 1)
        strands = np.stack([around[:, None] + 0 * along, along], axis=-1)
        return Cap(
            points=points.astype(np.float32),
            strands=strands.astype(np.float32),
            lift=np.where(hanging, 9, lift).astype(np.float32),
            tip=np.where(hanging, arc + hang[:, None] - along, 9).astype(np.float32),
            occlusion=(1 - 0.35 * ends).astype(np.float32),
            hangs=long,
        )

    def _radii(
        self, vertices: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray, long: bool
    ) -> np.ndarray:
        """Distance of flat hair from the skull's centre, by direction in degrees."""
        outer, skull = self._skull(vertices)
        radius = np.maximum(skull, np.minimum(outer, skull + 0.45))
        radius = _blur(radius, 1.0)
        if long:  # lies on the ears
            over = ndimage.maximum_filter1d(outer, 5, axis=0, mode="wrap")
            over = ndimage.maximum_filter1d(over, 5, axis=1, mode="nearest")
            over = 0.8 * np.minimum(over, radius + 2.0) + 0.2 * radius
            over = _blur(over, 2.0)
            radius = np.where(_EARS, np.maximum(radius, over), radius)
            radius = _blur(radius, 1.5)
        closed = np.concatenate([radius, radius[:1]])
        place = [
            (azimuth + 180) / 360 * len(AZIMUTHS) % len(AZIMUTHS),
            (elevation - ELEVATIONS[0]) / (ELEVATIONS[1] - ELEVATIONS[0]),
        ]
        return ndimage.map_coordinates(closed, place, order=1, mode="nearest")


def _blur(grid: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a grid that is closed in its first axis."""
    blurred = ndimage.gaussian_filter1d(grid, sigma, axis=0, mode="wrap")
    return ndimage.gaussian_filter1d(blurred, sigma, axis=1, mode="nearest")


def _has_fringe(traits: Traits) -> bool:
    return traits.style not in ("curly", "tied") and bool(traits.hair_shape[11] > 0.72)


def _parting(traits: Traits) -> float:
    """Position of the parting from side to side, -1 to 1."""
    return float(2 * traits.hair_shape[0] - 1)


def _lift(
    traits: Traits,
    around: np.ndarray,
    elevation: np.ndarray,
    on_scalp: np.ndarray,
    hang: np.ndarray,
    outwards: np.ndarray,
    radius: np.ndarray,
) -> np.ndarray:
    """Height of the cap above the skin [COLUMNS, ROWS]; slightly below it at the hairline.

    `around` [COLUMNS] is in degrees, `elevation` [COLUMNS, ROWS] in radians.
    """
    code, style, parting = traits.hair_shape, traits.style, _parting(traits)
    long, fringe = style in LONG_HAIR, _has_fringe(traits)
    turn = np.radians(around)[:, None]
    least, more = _THICKNESS[style]
    thickness = least + more * code[2]
    full_until = 0.80 if fringe or long else 0.70 if style == "curly" else 0.42
    fall = smooth(full_until, 1.0, on_scalp) ** (1.3 if fringe else 0.9)
    taper = 1 - fall * (1 - smooth(0, 4, hang)[:, None])
    raised = np.clip(elevation, 0, None)
    lean = 1 + 0.55 * np.cos(turn - 1.2 * parting) * np.sin(2 * raised)
    if style == "curly":  # a ball of hair, thinner towards the neck
        body = 0.45 + 0.55 * smooth(-0.45, 0.5, np.sin(elevation))
    elif style == "tied":
        body = 0.6 + 0.4 * smooth(0.1, 0.8, np.sin(elevation))
    elif long:
        body = 0.75 + 0.25 * smooth(0.1, 0.75, np.sin(elevation)) * lean
    else:
        side = 0.42 - 0.30 * traits.fade
        body = side + (0.98 - side) * smooth(0.15, 0.95, np.sin(elevation)) * lean
    quiff = {"swept": 0.8, "short": 0.25}.get(style, 0.1) * smooth(0.25, 0.8, on_scalp)
    body = body + quiff * np.exp(-((around / 55.0) ** 2))[:, None]
    # A small range of phases: locks that could lie anywhere would be learnt as their mean, which
    # has none.
    phase = 1.5 * code[5:9]
    locks = np.sin(9 * turn + phase[0] + 2 * on_scalp)
    locks = locks + 0.7 * np.sin(17 * turn + phase[1] - 3 * on_scalp)
    locks = locks + 0.6 * np.sin(31 * turn + phase[2] + 4 * on_scalp)
    locks = _LOCKS[style] * locks * smooth(0.12, 0.5, on_scalp)
    if style == "curly":
        curls = np.sin(21 * turn + phase[0]) * np.sin(17 * elevation + phase[1])
        locks = locks + (0.14 + 0.16 * code[9]) * curls * smooth(0.05, 0.25, on_scalp)
    elif style == "tied":  # a bun at the back of the crown
        angle = np.arccos(np.clip(outwards @ _BUN, -1, 1))
        bun = (2.4 + 1.2 * code[3]) * np.sqrt(np.clip(1 - (angle / 0.36) ** 2, 0, 1))
        locks = locks + bun
    elif not long:  # tousled: clumps along the strands too
        clumps = np.sin(23 * turn + 5 * np.sin(3 * turn + phase[3]) + 14 * on_scalp)
        locks = locks + 0.5 * _LOCKS[style] * clumps * np.sin(11 * on_scalp + phase[0])
    lift = thickness * body * taper + locks * np.sqrt(taper) - 0.25 * (1 - taper) ** 3
    if long:
        across = outwards[..., 0] * radius - 2.2 * parting
        groove = np.exp(-((across / 0.55) ** 2)) * (outwards[..., 2] > -0.35)
        lift = lift - 0.33 * thickness * groove * smooth(0.3, 0.7, elevation)
    return lift


def _hanging(
    traits: Traits, around: np.ndarray, drop: np.ndarray, outwards: np.ndarray
) -> np.ndarray:
    """Displacement of hair beyond the scalp [COLUMNS, ROWS, 3]: down, in waves, and inwards."""
    code = traits.hair_shape
    turn = np.radians(around)[:, None]
    out = outwards * np.array([1, 0, 1])
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-6
    wave = (0.1 + 0.45 * traits.wave) * np.sin(0.8 * drop + 1.5 * code[8] + 3 * turn)
    wave = wave * smooth(0, 2, drop)
    curl = {"bob": 1.2, "long": 0.55}[traits.style] * (0.10 + 0.12 * code[10])
    inwards = curl * np.maximum(drop - 2, 0) * (0.4 + 0.6 * np.abs(np.sin(turn)))
    moved = out * np.where(drop > 0, wave - inwards, 0)[..., None]
    moved[..., 1] -= drop
    moved[..., 2] -= 0.04 * drop * smooth(60, 100, np.abs(around))[:, None]
    return moved


class _Inpainting:
    """Fills a region of a grid that is closed in its first axis by solving Laplace's equation."""

    def __init__(self, region: np.ndarray) -> None:
        self._region = region
        inside = -np.ones(region.shape, int)
        cells = np.argwhere(region)
        inside[region] = np.arange(len(cells))
        around, along = region.shape
        matrix = sparse.lil_array((len(cells), len(cells)))
        border = sparse.lil_array((len(cells), region.size))
        for k, (i, j) in enumerate(cells):
            matrix[k, k] = 4
            for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                a, b = (i + di) % around, min(max(j + dj, 0), along - 1)
                if inside[a, b] >= 0:
                    matrix[k, inside[a, b]] -= 1
                else:
                    border[k, a * along + b] += 1
        self._solver = splu(matrix.tocsc())
        self._border = border.tocsr()

    def __call__(self, grid: np.ndarray) -> np.ndarray:
        filled = grid.copy()
        filled[self._region] = self._solver.solve(self._border @ grid.ravel())
        return filled
