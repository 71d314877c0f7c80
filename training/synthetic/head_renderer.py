"""Draws heads with OpenGL, without a window (EGL): colour, distance and coverage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import moderngl
import numpy as np

from training.camera import Camera
from training.synthetic import garment, glasses, hair, shaders
from training.synthetic.baking import FAR, NEAR, baked
from training.synthetic.head_model import SCALE, HeadModel, to_world
from training.synthetic.ict import MorphableModel, Progress
from training.synthetic.traits import LONG_HAIR, HairStyle, Lamps, Pattern, Traits, smooth

Background = Literal["white", "black", "backdrop"]

_SHELLS = (1 / 3, 2 / 3, 1.0)
"""Heights of the layers of stubble and beard, as fractions of their length."""
_SCALP_LENGTH: dict[HairStyle, float] = {
    "bald": 0.0,
    "buzz": 0.30,
    "short": 0.25,
    "swept": 0.25,
    "curly": 0.25,
    "tied": 0.1,
    "bob": 0.0,
    "long": 0.0,
}
"""Length of the hair that is drawn as stubble, in centimetres."""


@dataclass(frozen=True)
class _Lighting:
    """Lights, linear RGB."""

    key: tuple[float, float, float]
    """Position of the key light: to the person's left, up, and to the front."""
    key_light: tuple[float, float, float]
    fill_light: tuple[float, float, float]
    rim_light: tuple[float, float, float]
    sky: tuple[float, float, float]
    """Ambient light from above."""
    ground: tuple[float, float, float]
    """Ambient light from below."""


_STUDIO = _Lighting(
    key=(0.55, 0.65, 1.0),
    key_light=(0.98, 0.931, 0.8624),
    fill_light=(0.198, 0.222, 0.255),
    rim_light=(0.425, 0.45, 0.5),
    sky=(0.357, 0.374, 0.408),
    ground=(0.2125, 0.1785, 0.1615),
)
_WINDOW = _Lighting(
    key=(1.3, 0.35, 0.55),
    key_light=(1.16, 1.16, 1.18),
    fill_light=(0.05, 0.055, 0.07),
    rim_light=(0.12, 0.13, 0.15),
    sky=(0.34, 0.37, 0.42),
    ground=(0.20, 0.19, 0.18),
)
_LAMPS: dict[Lamps, _Lighting] = {
    "studio": _STUDIO,
    "window left": _WINDOW,
    "window right": replace(_WINDOW, key=(-1.3, 0.35, 0.55)),
    "evening": _Lighting(
        key=(0.35, 0.25, 1.0),
        key_light=(1.08, 0.80, 0.52),
        fill_light=(0.10, 0.15, 0.26),
        rim_light=(0.55, 0.68, 0.95),
        sky=(0.26, 0.30, 0.42),
        ground=(0.24, 0.17, 0.12),
    ),
}


@dataclass(frozen=True)
class HeadPicture:
    """One drawn picture, rows from the top."""

    rgba: np.ndarray
    """sRGB times coverage, and coverage, uint8 [H, W, 4]."""
    distance: np.ndarray
    """Distance along the rays of `training.camera.rays` times coverage, float32 [H, W], world
    units; a volume renderer's weighted sum of depths approximates it."""
    alpha: np.ndarray
    """Coverage, float32 [H, W], 0 to 1 in quarters."""

    def over(self, background: np.ndarray) -> np.ndarray:
        """The picture over a background, float [H, W, 3] or [3], 0 to 1, as uint8 [H, W, 3]."""
        colour = self.rgba[..., :3] / 255.0 + (1 - self.alpha[..., None]) * background
        return (colour.clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def depth(self, empty: float) -> np.ndarray:
        """Mean distance of the surface in each pixel, float32 [H, W]; `empty` without one."""
        mean = self.distance / np.maximum(self.alpha, 1e-6)
        return np.where(self.alpha > 0, mean, empty).astype(np.float32)


def background(kind: Background, traits: Traits, resolution: int) -> np.ndarray:
    """A background for `HeadPicture.over`, float64 [resolution, resolution, 3], 0 to 1."""
    if kind != "backdrop":
        return np.full((resolution, resolution, 3), 1.0 if kind == "white" else 0.0)
    y, x = np.mgrid[-1 : 1 : resolution * 1j, -1 : 1 : resolution * 1j]
    shade = 1.05 - traits.backdrop_gradient * (0.6 * (x**2 + (y + 0.15) ** 2) + 0.25 * y)
    return np.clip(traits.backdrop * shade[..., None], 0, 1)


def _grid_triangles(columns: int, rows: int) -> np.ndarray:
    """Triangles [T, 3] of a grid of columns (closed) by rows, counter-clockwise from outside."""
    i, j = np.arange(columns)[:, None], np.arange(rows - 1)[None]
    a, b = i * rows + j, (i + 1) % columns * rows + j
    first = np.stack([a, b + 1, b], axis=-1).reshape(-1, 3)
    second = np.stack([a, a + 1, b + 1], axis=-1).reshape(-1, 3)
    return np.concatenate([first, second]).astype(np.int32)


def _grid_normals(points: np.ndarray) -> np.ndarray:
    """Outward unit normals of a grid [columns (closed), rows, 3]."""
    around = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normals = np.cross(np.gradient(points, axis=1), around)
    return normals / (np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9)


def _write(buffer: moderngl.Buffer, *columns: np.ndarray) -> None:
    """Fills a buffer with columns [..., D] or [...] side by side, as float32."""
    count = columns[0].size // columns[0].shape[-1]
    data = np.concatenate([np.reshape(c, (count, -1)) for c in columns], axis=1)
    buffer.write(data.astype("f4").tobytes())


def _set(program: moderngl.Program, **uniforms: Any) -> None:
    """Sets the uniforms that the driver has not optimised away. Colours are clipped to 0..1."""
    for name, value in uniforms.items():
        if name not in program:
            continue
        if isinstance(value, np.ndarray):
            value = tuple(np.clip(value, 0, 1).tolist())
        program[name] = value


class HeadRenderer:
    """Draws one head at a time: `set_identity`, then `set_pose`, then `draw`.

    Owns an OpenGL context; use it in the thread that made it, and `close` it.

    Args:
        model: the face model.
        resolution: side of the square pictures, pixels.
        cache: folder for what is computed once for a model; None for the user's cache.
        progress: called with the progress of that computation.

    Raises:
        ModelError: if the face model lacks expressions or identity modes.
        RuntimeError: if no OpenGL context can be made.
    """

    def __init__(
        self,
        model: MorphableModel,
        resolution: int = 256,
        *,
        cache: str | Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        egl: dict[str, Any] = {"backend": "egl"}  # moderngl has another type for it
        try:
            self._context = moderngl.create_context(require=400, standalone=True, **egl)
        except Exception as error:  # moderngl and glcontext raise bare Exceptions
            raise RuntimeError(
                f"No OpenGL 4.0 context without a window ({error}). Install the system's EGL and "
                "Mesa libraries (libegl1 and libgl1-mesa-dri on Debian and Ubuntu)."
            ) from error
        self.resolution = resolution
        self.head = HeadModel(model)
        self.baked = baked(self.head, self._context, cache, progress)
        self.head.keep_triangles(self.baked.visible)
        self.hair = hair.Hairdresser(self.head, self.baked)
        self.traits: Traits | None = None
        """Traits of the current person; None until one is set."""
        self._rest = self._posed = self.head.vertices
        self._faces = np.zeros_like(self.head.triangles, np.float32)
        self._programs: dict[str, moderngl.Program] = {}
        self._make_targets()
        self._make_head()
        self._cap_buffer, self._cap = self._mesh(
            "cap",
            _grid_triangles(hair.COLUMNS, hair.ROWS),
            hair.COLUMNS * hair.ROWS,
            "3f 3f 2f 1f 1f 1f",
            *("position", "normal", "strand", "lift", "tip", "occlusion"),
        )
        self._hangs: bool | None = None
        cloth = _grid_triangles(garment.COLUMNS, garment.ROWS)
        self._shirt_buffer, self._shirt = self._mesh(
            "cloth",
            cloth,
            garment.COLUMNS * garment.ROWS,
            "3f 3f 2f",
            *("position", "normal", "weave"),
        )
        self._glasses_buffer, self._glasses = self._mesh(
            "glasses", glasses.triangles(), glasses.VERTICES, "3f 3f", "position", "normal"
        )

    def _make_targets(self) -> None:
        size, context = (self.resolution, self.resolution), self._context
        self._drawn = context.framebuffer(
            [
                context.renderbuffer(size, 4, samples=4),
                context.renderbuffer(size, 1, samples=4, dtype="f4"),
            ],
            context.depth_renderbuffer(size, samples=4),
        )
        self._colour = context.texture(size, 4)
        self._distance = context.texture(size, 1, dtype="f4")
        self._resolved = context.framebuffer([self._colour, self._distance])

    def _make_head(self) -> None:
        """The skin, with eyes and mouth, and the stubble that grows on it: they share vertices."""
        head, context = self.head, self._context
        count, masks = len(head.vertices), head.masks
        self._pose_buffer = context.buffer(reserve=24 * count, dynamic=True)
        paint = context.buffer(reserve=32 * count)
        marks = (masks.lips, masks.liner, masks.blush)
        _write(paint, head.vertices, head.labels, self.baked.occlusion, *marks)
        self._person_buffer = context.buffer(reserve=8 * count, dynamic=True)
        self._skin_indices = context.buffer(reserve=head.triangles.nbytes, dynamic=True)
        self._skin = self._array(
            "skin",
            [
                (self._pose_buffer, "3f 3f", "position", "normal"),
                (paint, "3f 1f 1f 1f 1f 1f", "rest", "part", "occlusion", "lips", "liner", "blush"),
                (self._person_buffer, "1f 1f", "brow", "growth"),
            ],
            self._skin_indices,
        )
        left, right = head.eyes
        self._programs["skin"]["eye_left"] = tuple(left.tolist())
        self._programs["skin"]["eye_right"] = tuple(right.tolist())
        self._stubble_indices = context.buffer(reserve=head.triangles.nbytes, dynamic=True)
        self._stubble_count = 0
        self._stubble = self._array(
            "stubble",
            [
                (self._pose_buffer, "3f 3f", "position", "normal"),
                (paint, "3f 4x 1f 12x", "rest", "occlusion"),
                (self._person_buffer, "4x 1f", "growth"),
            ],
            self._stubble_indices,
        )

    def _array(
        self, name: str, content: list[tuple[Any, ...]], indices: moderngl.Buffer
    ) -> moderngl.VertexArray:
        """A vertex array drawn by the shaders of this name."""
        program = self._programs[name] = self._context.program(*shaders.SOURCES[name])
        return self._context.vertex_array(program, content, indices)

    def _mesh(
        self, name: str, triangles: np.ndarray, count: int, floats: str, *attributes: str
    ) -> tuple[moderngl.Buffer, moderngl.VertexArray]:
        """A mesh of `count` vertices: its buffer, to be filled for each person, and what draws
        it."""
        size = 4 * count * sum(int(part[0]) for part in floats.split())
        buffer = self._context.buffer(reserve=size, dynamic=True)
        indices = self._context.buffer(triangles.tobytes())
        return buffer, self._array(name, [(buffer, floats, *attributes)], indices)

    def close(self) -> None:
        """Releases the OpenGL context; the renderer cannot be used afterwards."""
        self._context.release()

    def set_identity(self, traits: Traits) -> None:
        """Gives the head a person's appearance; set a pose afterwards."""
        self.traits = traits
        with self._context:
            self._dress(traits)

    def _dress(self, traits: Traits) -> None:
        head = self.head
        rest = head.identity_vertices(traits.shape, traits.age)
        shirt = garment.fit_shirt(traits, rest, self.baked)
        self._rest = shirt.tuck_in(rest, head.skin)
        normals = _grid_normals(shirt.points)
        _write(self._shirt_buffer, to_world(shirt.points), normals, shirt.weave)

        if traits.glasses:
            marks = rest[head.morphable.landmarks]
            points, normals = glasses.fit_glasses(traits, marks, rest[head.skin])
            _write(self._glasses_buffer, to_world(points), normals)
        cap = self.hair.cap(traits, rest)
        self._hangs = cap.hangs if cap else None
        if cap:
            normals = _grid_normals(cap.points)
            extras = (cap.strands, cap.lift, cap.tip, cap.occlusion)
            _write(self._cap_buffer, to_world(cap.points), normals, *extras)
        stubble = self.hair.stubble(traits)
        growth = np.where(stubble > 0.02, stubble, -head.masks.beard(traits))
        _write(self._person_buffer, np.stack([head.masks.brow(traits), growth], axis=-1))
        long_enough = np.zeros(len(growth), bool)
        if _SCALP_LENGTH[traits.style]:
            long_enough |= growth > 0
        if traits.beard_length > 0.1:
            long_enough |= growth < -0.1
        grown = head.triangles[long_enough[head.triangles].any(1)]
        self._stubble_count = grown.size
        if grown.size:
            self._stubble_indices.write(grown.tobytes())
        self._set_colours(traits)

    def _set_colours(self, traits: Traits) -> None:
        aside, height = traits.light.tolist()
        lights = asdict(_LAMPS[traits.lamps])
        x, y, z = lights["key"]
        lights["key"] = (x + 0.2 * aside, y + 0.12 * height, z)
        for program in self._programs.values():
            _set(
                program,
                **lights,
                skin=traits.skin,
                hair=traits.hair,
                brow_colour=traits.brow,
                iris=traits.iris,
                lip_colour=traits.lips,
                shirt=traits.shirt,
                trim=traits.trim,
                frame=traits.frame,
                pattern=get_args(Pattern).index(traits.pattern),
                lip_strength=traits.lip_strength,
                brow_strength=traits.brow_strength,
                liner_strength=traits.liner,
                gloss=traits.gloss,
                blush_strength=traits.blush,
                freckles=traits.freckles,
                grain=traits.grain,
                wrinkles=float(smooth(0.1, 0.9, traits.age)),
                lip_gloss=traits.lip_gloss,
                wave=traits.wave,
                sheen=traits.sheen,
                curls=float(traits.style == "curly"),
                stubble_strength=1.0 if traits.style in LONG_HAIR else 0.85,
                scalp_length=SCALE * _SCALP_LENGTH[traits.style] * (1 - 0.6 * traits.fade),
                beard_length=SCALE * traits.beard_length,
                rough=0.0 if traits.style in ("tied", *LONG_HAIR) else 1.0,
            )

    def set_pose(self, weights: dict[str, float]) -> None:
        """Gives the face an expression; for the names see `expression.expr_weights`."""
        self._posed = self.head.posed(self._rest, weights)
        self._faces = self.head.face_normals(self._posed)
        normals = self.head.normals(self._faces)
        gape = float(np.clip(2.5 * weights.get("jawOpen", 0.0), 0, 1))
        with self._context:
            _write(self._pose_buffer, to_world(self._posed), normals)
            _set(self._programs["skin"], gape=gape)

    def landmarks(self, camera: Camera) -> np.ndarray:
        """The 68 landmarks of the posed face in a camera's picture, hidden ones too, float64
        [68, 2]: (x, y) from 0 to 1, y down."""
        return camera.project(to_world(self._posed[self.head.morphable.landmarks]))[0]

    def mesh(self) -> tuple[np.ndarray, np.ndarray]:
        """The posed face without hair and shirt: vertices [V, 3], world units, and triangles
        [T, 3]."""
        return to_world(self._posed), self.head.triangles

    def draw(self, camera: Camera) -> HeadPicture:
        """The picture from a camera.

        Raises:
            RuntimeError: if no identity has been set.
        """
        if self.traits is None:
            raise RuntimeError("Set an identity and a pose before drawing.")
        with self._context:  # makes it current: there may be other renderers
            return self._draw(camera)

    def _draw(self, camera: Camera) -> HeadPicture:
        context, size = self._context, self.resolution
        matrix = tuple(camera.projection(NEAR, FAR).T.ravel().tolist())
        eye = tuple(camera.position.tolist())
        for program in self._programs.values():
            program["matrix"] = matrix
            program["eye"] = eye
        self._drawn.use()
        self._drawn.clear(0.0, 0.0, 0.0, 0.0)
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.CULL_FACE)
        self._shirt.render()
        if self.traits is not None and self.traits.glasses:
            self._glasses.render()
        if self._hangs:
            self._draw_cap()
        context.enable(moderngl.CULL_FACE)
        if self._hangs is False:
            self._draw_cap()
        self._draw_skin(camera)
        self._draw_stubble()
        context.copy_framebuffer(self._resolved, self._drawn)
        rgba = np.frombuffer(self._colour.read(), np.uint8).reshape(size, size, 4)[::-1]
        distance = np.frombuffer(self._distance.read(), np.float32).reshape(size, size)[::-1]
        alpha = np.round(rgba[..., 3] * np.float32(4 / 255)) / 4  # four samples a pixel
        return HeadPicture(rgba, distance, alpha)

    def _draw_skin(self, camera: Camera) -> None:
        """Draws only the triangles that face the camera, as software OpenGL spends most of its time
        on vertices."""
        triangles = self.head.triangles
        to_eye = camera.position.astype(np.float32) - to_world(self._posed[triangles[:, 0]])
        facing = triangles[np.einsum("ij,ij->i", to_eye, self._faces) > 0]
        self._skin_indices.write(facing.tobytes())
        self._skin.render(vertices=facing.size)

    def _draw_cap(self) -> None:
        """Draws the hair, and over it a thin layer of loose strands that softens its outline."""
        for raised, sparse in ((0.0, 0.0), (0.12, 1.0)):
            _set(self._programs["cap"], raise_=SCALE * raised, sparse=sparse, turn=int(2 * sparse))
            self._cap.render()

    def _draw_stubble(self) -> None:
        if not self._stubble_count:
            return
        for i, height in enumerate(_SHELLS):
            _set(self._programs["stubble"], height=height, turn=i)
            self._stubble.render(vertices=self._stubble_count)
