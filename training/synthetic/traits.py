"""What makes a person: every trait is a function of one Gaussian code u."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr

SHAPE_DIM = 40
"""Identity modes of the morphable model that vary."""
IDENTITY_DIM = 83
"""Numbers of an identity code, u ~ N(0, I): the shape, then the traits in the order below."""

PLACES = {
    "melanin": 40,
    "style": 44,
    "dark": 45,
    "shade": 46,
    "iris": 50,
    "made_up": 52,
    "beard": 56,
    "beard_density": 57,
    "shirt": 63,
    "collar": 64,
    "light": 80,
}
"""Places of some traits' numbers in an identity code, as `identity_from_u` reads them."""

HairStyle = Literal["bald", "buzz", "short", "swept", "bob", "long"]
_STYLE_SHARES: dict[HairStyle, float] = {
    "bald": 0.10,
    "buzz": 0.14,
    "short": 0.24,
    "swept": 0.16,
    "bob": 0.14,
    "long": 0.22,
}
assert tuple(_STYLE_SHARES) == get_args(HairStyle)


def _table(*rows: tuple[int, int, int]) -> np.ndarray:
    return np.array(rows, np.float64) / 255


_SKIN = _table(
    (238, 204, 184),
    (232, 191, 166),
    (224, 176, 146),
    (206, 152, 118),
    (180, 125, 92),
    (148, 98, 70),
    (116, 76, 56),
    (88, 58, 46),
)
_HAIR = _table(
    (18, 14, 12),
    (32, 22, 16),
    (58, 37, 22),
    (86, 56, 32),
    (120, 82, 46),
    (168, 126, 76),
    (214, 180, 124),
    (128, 56, 26),
    (150, 150, 150),
    (200, 196, 190),
)
_IRIS = _table(
    (58, 34, 18),
    (84, 52, 26),
    (110, 78, 40),
    (96, 104, 58),
    (84, 118, 140),
    (96, 134, 170),
    (110, 120, 128),
)
_SHIRT = _table(
    (30, 34, 44),
    (60, 62, 68),
    (200, 200, 198),
    (54, 80, 120),
    (120, 40, 44),
    (50, 92, 76),
    (186, 150, 92),
    (98, 72, 120),
    (34, 110, 140),
    (222, 160, 150),
)
_BACKDROP = _table(
    (222, 224, 228),
    (196, 206, 216),
    (210, 200, 188),
    (176, 190, 182),
    (150, 164, 184),
    (226, 214, 204),
    (120, 130, 144),
    (188, 178, 196),
)


@dataclass(frozen=True)
class Traits:
    """Everything that the renderer knows of a person. Colours are linear RGB, float64 [3]."""

    shape: np.ndarray
    """Weights of the identity modes, float32 [SHAPE_DIM], ±2."""
    melanin: float
    """Darkness of the skin, 0 to 1."""
    skin: np.ndarray
    """Colour of the skin."""
    style: HairStyle
    hair: np.ndarray
    """Colour of the hair."""
    hair_shape: np.ndarray
    """Cut of the hair: lengths, hairline, parting and the phases of its locks, [12], 0 to 1."""
    fade: float
    """How short the hair is cut at the sides of a short style, 0 (as on top) to 1 (shaved)."""
    brow: np.ndarray
    """Colour of eyebrows and beard."""
    brow_strength: float
    """Density of the eyebrows, 0.6 to 0.9."""
    brow_width: float
    """Thickness of the eyebrows, 0.75 to 1.3 times the usual."""
    iris: np.ndarray
    """Colour of the iris."""
    lips: np.ndarray
    """Colour of the lips."""
    lip_strength: float
    """How much the lips take on that colour, 0.45 to 0.95."""
    blush: float
    """Redness of cheeks and nose, 0.1 to 0.5."""
    liner: float
    """Darkness of the lash line, 0.35 to 0.95."""
    beard: np.ndarray
    """Density on (jaw, chin, moustache), each 0 to 1; zeros for none."""
    beard_length: float
    """Length of the beard in centimetres, 0 where there is none."""
    freckles: float
    """0 to 0.6; none on dark skin."""
    shirt: np.ndarray
    """Colour of the shirt."""
    collar: float
    """Depth of the neckline, 0 (high) to 1 (scooped)."""
    gloss: float
    """Shine of the skin, 0.5 to 1."""
    light: np.ndarray
    """Where the key light stands: (sideways, height), float64 [2], ±2."""
    backdrop: np.ndarray
    """Colour of the backdrop, sRGB (not linear), 0 to 1."""
    backdrop_gradient: float
    """How much the backdrop darkens towards the corners, 0 to 0.22."""

    def numbers(self) -> np.ndarray:
        """All that shows of the head, float64 [95]: colours as they look, by a gamma of 2.2; the
        hair style as a share of each; densities of the beard, and whether there is one."""
        colours = (self.skin, self.hair, self.brow, self.iris, self.lips, self.shirt)
        style = [float(self.style == style) for style in _STYLE_SHARES]
        single = (
            self.melanin,
            self.fade,
            self.brow_strength,
            self.brow_width,
            self.lip_strength,
            self.blush,
            self.liner,
            self.beard_length,
            self.freckles,
            self.collar,
            self.gloss,
        )
        return np.concatenate(
            [
                self.shape,
                *(np.asarray(colour) ** (1 / 2.2) for colour in colours),
                style,
                self.hair_shape,
                self.beard,
                self.beard > 0,
                self.light,
                single,
            ]
        )


def linear(colour: np.ndarray) -> np.ndarray:
    """Linear light of an sRGB colour, by a plain gamma of 2.2."""
    return np.asarray(colour, np.float64) ** 2.2


def smooth(start: float, end: float, x: np.ndarray | float) -> np.ndarray:
    """GLSL's smoothstep, but it also falls where `end` is below `start`."""
    x = np.clip((np.asarray(x) - start) / (end - start), 0, 1)
    return x * x * (3 - 2 * x)


class _Code:
    """Reads an identity code number by number."""

    def __init__(self, u: np.ndarray) -> None:
        self._numbers: Iterator[float] = iter(np.asarray(u, np.float64).tolist())

    def normal(self) -> float:
        """A standard normal number, held within ±2."""
        return float(np.clip(next(self._numbers), -2, 2))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(ndtr(next(self._numbers)))

    def normals(self, count: int) -> np.ndarray:
        return np.array([self.normal() for _ in range(count)])


def _blend(table: np.ndarray, x: float) -> np.ndarray:
    """Row `x` of a table, between its rows."""
    x = float(np.clip(x, 0, len(table) - 1 - 1e-6))
    return table[int(x)] * (1 - x % 1) + table[int(x) + 1] * (x % 1)


def _pick_style(x: float) -> HairStyle:
    for style, share in _STYLE_SHARES.items():
        x -= share
        if x < 0:
            return style
    return "long"


def _beard(code: _Code) -> tuple[np.ndarray, float]:
    """Density on (jaw, chin, moustache) and length in centimetres: stubble to full beard."""
    kind, density, length = code.uniform(), code.uniform(0.45, 1.0), code.uniform(0.05, 1.0)
    cover = np.array([code.uniform(0.3, 1) for _ in range(3)])
    if kind < 0.5:
        return np.zeros(3), 0.0
    if kind < 0.72:  # stubble all over
        return density * np.array([0.75, 0.9, 0.9]) * (0.5 + 0.3 * cover), 0.05
    if kind < 0.86:  # full beard
        return density**0.5 * np.array([1.0, 1.0, 0.95]), 0.2 + 0.9 * length
    if kind < 0.94:  # around the mouth
        return density**0.5 * np.array([0.0, 1.0, 0.95]), 0.15 + 0.6 * length
    return density**0.5 * np.array([0.0, 0.0, 1.0]), 0.15 + 0.3 * length


def identity_from_u(u: np.ndarray) -> Traits:
    """The person of an identity code.

    Args:
        u: [IDENTITY_DIM], N(0, 1). Most traits change smoothly with it; the hair style, the kind
            of beard and whether the hair is dark do not.
    """
    u = np.asarray(u, np.float64)
    if u.shape != (IDENTITY_DIM,):
        raise ValueError(f"An identity code has {IDENTITY_DIM} numbers, not {u.shape}.")
    code = _Code(u[SHAPE_DIM:])
    melanin = code.uniform() ** 1.25
    skin = linear(_blend(_SKIN, 7 * melanin)) * np.exp(code.normals(3) * (0.03, 0.03, 0.05))
    style = _pick_style(code.uniform())
    dark, shade = code.uniform() < 0.30 + 0.7 * melanin, code.uniform()
    hair = linear(_blend(_HAIR, 2 * shade if dark else 2 + shade * (len(_HAIR) - 3)))
    brow = np.minimum(hair * 0.6 + linear(_HAIR[1]) * 0.4, linear(_HAIR[3]))
    hair = hair * np.exp(0.12 * code.normal())
    brow_strength, brow_width = code.uniform(0.6, 0.9), code.uniform(0.75, 1.3)
    eye = code.uniform()
    iris = linear(_blend(_IRIS, eye * (1.2 if melanin > 0.55 else len(_IRIS) - 1)))
    iris = iris * np.exp(0.1 * code.normal())
    made_up = code.uniform() < 0.12 or style in ("bob", "long")
    tint = np.array([0.62, 0.18, 0.2] if made_up else [0.50, 0.24, 0.20])
    lips = skin**0.6 * tint**0.55 * (0.85 if made_up else 0.80)
    lip_strength = code.uniform(0.65, 0.95) if made_up else code.uniform(0.45, 0.70)
    blush = code.uniform(0.1, 0.5)
    liner = code.uniform(0.25, 0.5) + (0.45 if made_up else 0.1)
    beard, beard_length = _beard(code)
    freckles = code.uniform(0, 0.6) * float(smooth(0.5, 0.3, melanin))
    shirt = linear(_blend(_SHIRT, code.uniform() * (len(_SHIRT) - 1)))
    collar = code.uniform()
    backdrop = _blend(_BACKDROP, code.uniform() * (len(_BACKDROP) - 1))
    return Traits(
        shape=(u[:SHAPE_DIM] * 0.9).clip(-2, 2).astype(np.float32),
        melanin=melanin,
        skin=skin,
        style=style,
        hair=hair,
        brow=brow,
        brow_strength=brow_strength,
        brow_width=brow_width,
        iris=iris,
        lips=lips,
        lip_strength=lip_strength,
        blush=blush,
        liner=liner,
        beard=np.zeros(3) if made_up else beard,
        beard_length=0.0 if made_up else beard_length,
        freckles=freckles,
        shirt=shirt,
        collar=collar,
        backdrop=backdrop,
        backdrop_gradient=code.uniform(0, 0.22),
        hair_shape=np.array([code.uniform() for _ in range(12)]),
        gloss=code.uniform(0.5, 1.0),
        light=code.normals(2),
        fade=code.uniform(),
    )
