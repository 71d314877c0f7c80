"""What makes a person: every trait is a function of one Gaussian code u."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from scipy.special import ndtr, ndtri

SHAPE_DIM = 40
"""Identity modes of the morphable model that vary."""
IDENTITY_DIM = 95
"""Length of an identity code, u ~ N(0, I): the shape, then the other traits."""

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
    "freckles": 62,
    "light": 80,
    "age": 83,
    "grain": 84,
    "wave": 85,
    "sheen": 86,
    "lip_gloss": 87,
    "glasses": 88,
    "rims": 89,
    "frame": 90,
    "lamps": 91,
    "pattern": 92,
    "shirt_red": 93,
    "shirt_blue": 94,
}
"""Indices of some traits' numbers in an identity code, as `identity_from_u` reads it."""

HairStyle = Literal["bald", "buzz", "short", "swept", "curly", "tied", "bob", "long"]
Lamps = Literal["studio", "window left", "window right", "evening"]
Pattern = Literal["plain", "stripes", "check", "trim"]
_STYLE_SHARES: dict[HairStyle, float] = {
    "bald": 0.08,
    "buzz": 0.12,
    "short": 0.20,
    "swept": 0.15,
    "curly": 0.11,
    "tied": 0.10,
    "bob": 0.11,
    "long": 0.13,
}
_BEARD_SHARES = {"none": 0.50, "stubble": 0.22, "full": 0.14, "around": 0.08, "moustache": 0.06}
_GLASSES_SHARES = {False: 0.80, True: 0.20}
_LAMPS_SHARES: dict[Lamps, float] = {
    "studio": 0.55,
    "window left": 0.15,
    "window right": 0.15,
    "evening": 0.15,
}
_PATTERN_SHARES: dict[Pattern, float] = {
    "plain": 0.50,
    "stripes": 0.20,
    "check": 0.15,
    "trim": 0.15,
}
assert tuple(_STYLE_SHARES) == get_args(HairStyle)
assert tuple(_LAMPS_SHARES) == get_args(Lamps)
assert tuple(_PATTERN_SHARES) == get_args(Pattern)

CHOICES: dict[str, np.ndarray] = {
    name: ndtri(np.cumsum(list(shares.values()))[:-1])
    for name, shares in (
        ("style", _STYLE_SHARES),
        ("beard", _BEARD_SHARES),
        ("glasses", _GLASSES_SHARES),
        ("lamps", _LAMPS_SHARES),
        ("pattern", _PATTERN_SHARES),
    )
}
"""For numbers of an identity code that choose between several options, by their names in `PLACES`:
the values at which the choice changes."""

LONG_HAIR: tuple[HairStyle, ...] = ("bob", "long")
"""Styles that hang down over the ears."""
_LONG_GROWN: tuple[HairStyle, ...] = ("tied", *LONG_HAIR)


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
_FRAME = _table((24, 22, 24), (70, 42, 26), (128, 96, 60), (120, 122, 128), (110, 30, 34))
_GREY = _table((158, 156, 154))[0]
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

_XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


@dataclass(frozen=True)
class Traits:
    """Everything that the renderer knows about a person. Colours are linear RGB, float64 [3]."""

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
    """Length of the beard in centimetres, 0 without one."""
    freckles: float
    """0 to 0.6; none on dark skin."""
    shirt: np.ndarray
    """Colour of the shirt."""
    pattern: Pattern
    trim: np.ndarray
    """Second colour of the shirt: of its stripes, its checks or its neckband."""
    collar: float
    """Depth of the neckline, 0 (high) to 1 (scooped)."""
    gloss: float
    """Shine of the skin, 0.5 to 1."""
    light: np.ndarray
    """Position of the key light: (sideways, height), float64 [2], ±2."""
    lamps: Lamps
    """How the head is lit: by studio lamps, from a window at one side, or by warm light at dusk."""
    backdrop: np.ndarray
    """Colour of the backdrop, sRGB (not linear), 0 to 1."""
    backdrop_gradient: float
    """How much the backdrop darkens towards the corners, 0 to 0.22."""
    age: float
    """From a child, -1, to an old person, 1; an adult around 0."""
    grain: float
    """Roughness of the skin, 0 to 1: pores and uneven colour."""
    wave: float
    """How wavy the hair is, 0 to 1."""
    sheen: float
    """How much its strands differ in brightness, 0 to 1."""
    lip_gloss: float
    """Shine of the lips, 0 to 1."""
    glasses: float
    """1 with glasses and 0 without."""
    rims: float
    """Shape of the glasses, 0 (small and round) to 1 (large and square)."""
    frame: np.ndarray
    """Colour of the glasses."""

    def numbers(self) -> np.ndarray:
        """Everything visible about the head, float64 [118]: colours with a gamma of 2.2; style of
        the hair, lamps and pattern one-hot; densities of the beard, and whether there is one."""
        colours = (
            *(self.skin, self.hair, self.brow, self.iris, self.lips, self.shirt),
            *(self.trim, self.frame),
        )
        choices = (
            *(self.style == style for style in _STYLE_SHARES),
            *(self.lamps == lamps for lamps in _LAMPS_SHARES),
            *(self.pattern == pattern for pattern in _PATTERN_SHARES),
        )
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
            self.age,
            self.grain,
            self.wave,
            self.sheen,
            self.lip_gloss,
            self.glasses,
            self.rims,
        )
        return np.concatenate(
            [
                self.shape,
                *(np.asarray(colour) ** (1 / 2.2) for colour in colours),
                np.array(choices, np.float64),
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
        """A standard normal number, clipped to ±2."""
        return float(np.clip(next(self._numbers), -2, 2))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(ndtr(next(self._numbers)))

    def normals(self, count: int) -> np.ndarray:
        return np.array([self.normal() for _ in range(count)])


def _blend(table: np.ndarray, x: float) -> np.ndarray:
    """Row `x` of a table, between its rows."""
    x = float(np.clip(x, 0, len(table) - 1 - 1e-6))
    return table[int(x)] * (1 - x % 1) + table[int(x) + 1] * (x % 1)


_Kind = TypeVar("_Kind")


def _pick(shares: dict[_Kind, float], x: float) -> _Kind:
    """The one of several options that a uniform number chooses, given their shares."""
    kinds = list(shares)
    edges = np.cumsum(list(shares.values()))[:-1]
    return kinds[int(np.searchsorted(edges, x, side="right"))]


def _beard(code: _Code) -> tuple[np.ndarray, float]:
    """Density on (jaw, chin, moustache) and length in centimetres: stubble to full beard."""
    kind = _pick(_BEARD_SHARES, code.uniform())
    density, length = code.uniform(0.45, 1.0), code.uniform(0.05, 1.0)
    cover = np.array([code.uniform(0.3, 1) for _ in range(3)])
    if kind == "none":
        return np.zeros(3), 0.0
    if kind == "stubble":
        return density * np.array([0.75, 0.9, 0.9]) * (0.5 + 0.3 * cover), 0.05
    if kind == "full":
        return density**0.5 * np.array([1.0, 1.0, 0.95]), 0.2 + 0.9 * length
    if kind == "around":
        return density**0.5 * np.array([0.0, 1.0, 0.95]), 0.15 + 0.6 * length
    return density**0.5 * np.array([0.0, 0.0, 1.0]), 0.15 + 0.3 * length


def _cloth(lightness: float, red: float, blue: float) -> np.ndarray:
    """Linear RGB of a CIELAB colour: L* from 0 to 100, a* (green to red), b* (blue to yellow)."""
    y = (lightness + 16) / 116
    x, z = y + red / 500, y - blue / 200
    light = np.array([max(c, 0.14) ** 3 for c in (x, y, z)]) * (0.9505, 1.0, 1.089)
    return np.clip(_XYZ_TO_RGB @ light, 0.01, 0.85)


def identity_from_u(u: np.ndarray) -> Traits:
    """The person of an identity code.

    Args:
        u: [IDENTITY_DIM], N(0, 1). Most traits change smoothly with it; `CHOICES` and whether the
            hair is dark do not.

    Raises:
        ValueError: if it has another length.
    """
    u = np.asarray(u, np.float64)
    if u.shape != (IDENTITY_DIM,):
        raise ValueError(f"An identity code has {IDENTITY_DIM} numbers, not {u.shape}.")
    code = _Code(u[SHAPE_DIM:])
    melanin = code.uniform() ** 1.25
    skin = linear(_blend(_SKIN, 7 * melanin)) * np.exp(code.normals(3) * (0.03, 0.03, 0.05))
    style = _pick(_STYLE_SHARES, code.uniform())
    dark, shade = code.uniform() < 0.30 + 0.7 * melanin, code.uniform()
    hair = linear(_blend(_HAIR, 2 * shade if dark else 2 + shade * (len(_HAIR) - 3)))
    brow = np.minimum(hair * 0.6 + linear(_HAIR[1]) * 0.4, linear(_HAIR[3]))
    hair = hair * np.exp(0.12 * code.normal())
    brow_strength, brow_width = code.uniform(0.6, 0.9), code.uniform(0.75, 1.3)
    eye = code.uniform()
    iris = linear(_blend(_IRIS, eye * (1.2 if melanin > 0.55 else len(_IRIS) - 1)))
    iris = iris * np.exp(0.1 * code.normal())
    made_up = code.uniform() < 0.12 or style in _LONG_GROWN
    tint = np.array([0.62, 0.18, 0.2] if made_up else [0.50, 0.24, 0.20])
    lips = skin**0.6 * tint**0.55 * (0.85 if made_up else 0.80)
    lip_strength = code.uniform(0.65, 0.95) if made_up else code.uniform(0.45, 0.70)
    blush = code.uniform(0.1, 0.5)
    liner = code.uniform(0.25, 0.5) + (0.45 if made_up else 0.1)
    beard, beard_length = _beard(code)
    freckles = code.uniform(0, 0.6) * float(smooth(0.5, 0.3, melanin))
    lightness, collar = code.uniform(18, 82), code.uniform()
    backdrop = _blend(_BACKDROP, code.uniform() * (len(_BACKDROP) - 1))
    backdrop_gradient = code.uniform(0, 0.22)
    hair_shape = np.array([code.uniform() for _ in range(12)])
    gloss, light, fade = code.uniform(0.5, 1.0), code.normals(2), code.uniform()
    age = 0.5 * code.normal()
    grain, wave, sheen, lip_gloss = (code.uniform() for _ in range(4))
    glasses = float(_pick(_GLASSES_SHARES, code.uniform()))
    rims, frame = code.uniform(), linear(_blend(_FRAME, code.uniform() * (len(_FRAME) - 1)))
    lamps, pattern = _pick(_LAMPS_SHARES, code.uniform()), _pick(_PATTERN_SHARES, code.uniform())
    red, blue = 24 * code.normal(), 24 * code.normal()
    hair, brow = (
        colour + (linear(_GREY) - colour) * float(smooth(0.35, 0.85, age)) * share
        for colour, share in ((hair, 0.85), (brow, 0.5))
    )
    is_shaven = made_up or age < -0.45
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
        beard=np.zeros(3) if is_shaven else beard,
        beard_length=0.0 if is_shaven else beard_length,
        freckles=freckles,
        shirt=_cloth(lightness, red, blue),
        pattern=pattern,
        trim=_cloth(82 - 70 * float(smooth(35, 65, lightness)), -0.5 * red, -0.5 * blue),
        collar=collar,
        backdrop=backdrop,
        backdrop_gradient=backdrop_gradient,
        hair_shape=hair_shape,
        gloss=gloss,
        light=light,
        fade=fade,
        lamps=lamps,
        age=age,
        grain=grain,
        wave=wave,
        sheen=sheen,
        lip_gloss=lip_gloss,
        glasses=glasses,
        rims=rims,
        frame=frame,
    )
