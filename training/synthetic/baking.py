"""Precomputes what depends only on the model: bindings, ambient occlusion, visible triangles.

This takes about five seconds. The results are cached in one file, named after the model's content.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import moderngl
import numpy as np
import scipy.ndimage as ndimage
from scipy.spatial import KDTree

from training.camera import Camera
from training.replacing import replacing
from training.synthetic.expression import MOTION_DIM, expr_weights
from training.synthetic.head_model import NECK_AXIS, SKULL_CENTRE, HeadModel, to_world
from training.synthetic.ict import LABELS, MorphableModel, Progress, cache_folder
from training.synthetic.traits import SHAPE_DIM

_VERSION = 4
"""Increase it when the computation changes, so that older files are ignored."""

AZIMUTHS = np.linspace(-180, 180, 120, endpoint=False)
"""Azimuths of the rays that bind the hair, degrees; 0 is the face, 90 the left ear."""
ELEVATIONS = np.linspace(-62, 90, 56)
"""Elevations of those rays, degrees."""
NECK_AZIMUTHS = np.linspace(-180, 180, 48, endpoint=False)
NECK_HEIGHTS = np.linspace(-17.0, -7.0, 16)
"""Heights of the rays that measure the neck, in centimetres."""
NEAR, FAR = 1.0, 4.5
"""Clipping planes of the renderer, in world units."""
_CANDIDATES = 160
"""Triangles that a ray is tried on, those nearest to its direction: enough to find every hit if
triangles are about as large as the spacing of the rays."""
_RAYS, _SKY_SIDE = 96, 384
"""Directions of light for the ambient occlusion, and the side of their depth maps, pixels."""
_PEOPLE, _VIEWS, _VIEW_SIDE = 36, 10, 640
"""People, and cameras for each, that decide which triangles are visible, and the side of their
pictures, pixels."""


@dataclass(frozen=True)
class SkinPoints:
    """Points where rays hit the skin, as corners of triangles and their weights."""

    corners: np.ndarray
    """Vertex indices, int32 [..., 3]."""
    weights: np.ndarray
    """float32 [..., 3]; zeros for a ray that misses."""

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """Positions of the points on `vertices` [V, 3], float32 [..., 3]."""
        return (vertices[self.corners] * self.weights[..., None]).sum(-2)


@dataclass(frozen=True)
class Baked:
    """The results for one model."""

    scalp: SkinPoints
    """[AZIMUTHS, ELEVATIONS]: the outermost skin seen from the skull's centre."""
    neck: SkinPoints
    """[NECK_AZIMUTHS, NECK_HEIGHTS]: the skin around the axis of the neck."""
    visible: np.ndarray
    """Whether a camera may see each triangle of the `HeadModel`, bool [T]."""
    occlusion: np.ndarray
    """Fraction of the sky visible from each vertex with the mouth shut, float32 [V]."""


def baked(
    head: HeadModel,
    context: moderngl.Context,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Baked:
    """The results for a head with all its triangles, from the cache, or computed in an OpenGL
    context and stored there. `cache` is its folder; None for the user's."""
    path = cache_folder(cache) / f"head-{_digest(head.morphable)}-v{_VERSION}.npz"
    found = _read(path, head)
    if found is None:
        found = _bake(head, context, progress or (lambda _what, _share: None))
        _write(path, found)
    return found


def _digest(model: MorphableModel) -> str:
    content = hashlib.sha256()
    for array in (model.vertices, model.triangles, model.labels):
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]


def _read(path: Path, head: HeadModel) -> Baked | None:
    """The file's contents; None if it is missing, damaged or another model's."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file}
        result = Baked(
            scalp=SkinPoints(data["scalp_corners"], data["scalp_weights"]),
            neck=SkinPoints(data["neck_corners"], data["neck_weights"]),
            visible=data["visible"],
            occlusion=data["occlusion"],
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = len(result.visible) == len(head.triangles)
    return result if fits and len(result.occlusion) == len(head.vertices) else None


def _write(path: Path, data: Baked) -> None:
    arrays = {}
    for field in fields(data):
        value = getattr(data, field.name)
        if isinstance(value, SkinPoints):
            arrays[f"{field.name}_corners"] = value.corners
            arrays[f"{field.name}_weights"] = value.weights
        else:
            arrays[field.name] = value
    with replacing(path) as part, part.open("wb") as file:  # the last of several processes wins
        np.savez_compressed(file, **arrays)


def _bake(head: HeadModel, context: moderngl.Context, progress: Progress) -> Baked:
    progress("Binding the hair", 0.0)
    skin = head.triangles[head.skin[head.triangles[:, 0]]]
    azimuth, elevation = np.meshgrid(np.radians(AZIMUTHS), np.radians(ELEVATIONS), indexing="ij")
    scalp = bind(head.vertices, skin, SKULL_CENTRE, directions(azimuth, elevation), outermost=True)
    progress("Measuring the neck", 0.05)
    around, height = np.meshgrid(np.radians(NECK_AZIMUTHS), NECK_HEIGHTS, indexing="ij")
    origins = np.stack(
        [0 * height + NECK_AXIS[0], height, 0 * height + NECK_AXIS[1]], axis=-1
    ).astype(np.float32)
    neck = bind(head.vertices, skin, origins, directions(around, 0 * around), outermost=False)
    occlusion = _ambient_occlusion(head, context, progress)
    visible = _visible_triangles(head, context, progress)
    progress("Preparing the face model", 1.0)
    return Baked(scalp, neck, visible, occlusion)


def directions(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors float32 [..., 3] for angles in radians; azimuth 0 is +z, 90 degrees is +x."""
    flat = np.cos(elevation)
    return np.stack(
        [np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], axis=-1
    ).astype(np.float32)


def bind(
    vertices: np.ndarray,
    triangles: np.ndarray,
    origins: np.ndarray,
    rays: np.ndarray,
    *,
    outermost: bool,
) -> SkinPoints:
    """Intersects rays with a mesh (Möller and Trumbore, 1997).

    Args:
        vertices: [V, 3].
        triangles: vertex indices [T, 3].
        origins: [3] or [..., 3].
        rays: unit directions [..., 3].
        outermost: whether to take the last triangle hit instead of the first.
    """
    shape = rays.shape[:-1]
    flat = rays.reshape(-1, 3) + np.float32(1e-5)  # off the mesh's own symmetry plane
    starts = np.broadcast_to(origins, rays.shape).reshape(-1, 3)
    corners = np.zeros((len(flat), 3), np.int32)
    weights = np.zeros((len(flat), 3), np.float32)
    for start in np.unique(starts, axis=0):
        rows = np.nonzero((starts == start).all(1))[0]
        centres = vertices[triangles].mean(1) - start
        centres /= np.linalg.norm(centres, axis=1, keepdims=True) + 1e-9
        count = min(_CANDIDATES, len(triangles))
        near = KDTree(centres).query(flat[rows], k=count)[1].reshape(len(rows), count)
        chosen, place = _meet(vertices - start, triangles, near, flat[rows], outermost)
        corners[rows], weights[rows] = triangles[chosen], place
    return SkinPoints(corners.reshape(*shape, 3), weights.reshape(*shape, 3))


def _meet(
    vertices: np.ndarray, triangles: np.ndarray, near: np.ndarray, rays: np.ndarray, last: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The triangle [R] among `near` [R, K] that each ray from the origin hits, and its weights
    [R, 3]."""
    a, b, c = (vertices[triangles[near, k]] for k in range(3))  # [R, K, 3]
    edge1, edge2, ray = b - a, c - a, rays[:, None]
    across = np.cross(ray, edge2)
    det = (edge1 * across).sum(-1)
    scale = 1 / np.where(np.abs(det) > 1e-9, det, np.inf)
    u = -(a * across).sum(-1) * scale
    up = np.cross(-a, edge1)
    v = (up * ray).sum(-1) * scale
    distance = (edge2 * up).sum(-1) * scale
    hit = (np.abs(det) > 1e-9) & (u >= -1e-4) & (v >= -1e-4) & (u + v <= 1.0001) & (distance > 0)
    best = np.where(hit, distance, -np.inf).argmax(1)
    if not last:
        best = np.where(hit, distance, np.inf).argmin(1)
    row = np.arange(len(rays))
    place = np.stack([1 - u[row, best] - v[row, best], u[row, best], v[row, best]], axis=1)
    return near[row, best], np.where(hit.any(1)[:, None], place, 0).astype(np.float32)


_POSITIONS_ONLY = """#version 330
in vec3 position; uniform mat4 matrix;
void main() { gl_Position = matrix * vec4(position, 1.0); }"""


def _ambient_occlusion(
    head: HeadModel, context: moderngl.Context, progress: Progress
) -> np.ndarray:
    """Fraction of the sky visible from each vertex, cosine-weighted and brighter above, float32
    [V]. Teeth and gums are lit as if they were alone, as the renderer darkens them according to how
    far the mouth is open."""
    inner = np.isin(head.labels, [LABELS["gums"], LABELS["teeth"]])
    outer = head.labels <= LABELS["sclera_R"]
    result = np.ones(len(head.vertices))
    for i, (occluders, receivers) in enumerate(((outer, ~inner), (inner, inner))):
        kept = occluders[head.triangles[:, 0]]
        if not kept.any():
            continue
        triangles = head.triangles[kept]
        sky = _sky(head, context, triangles, lambda s, i=i: progress("Lighting", s / 3))
        result[receivers] = head.spread(sky)[receivers]
    return result.astype(np.float32)


def _sky(
    head: HeadModel,
    context: moderngl.Context,
    triangles: np.ndarray,
    report: Callable[[float], None],
) -> np.ndarray:
    """`_ambient_occlusion` of every vertex with the occluders `triangles`, float64 [V], sampled
    with a depth map for each of `_RAYS` directions."""
    program = context.program(_POSITIONS_ONLY, "#version 330\nvoid main() {}")
    depth = context.depth_texture((_SKY_SIDE, _SKY_SIDE))
    target = context.framebuffer(depth_attachment=depth)
    buffer = context.buffer(head.vertices.astype("f4").tobytes())
    indices = context.buffer(triangles.astype("i4").tobytes())
    mesh = context.vertex_array(program, [(buffer, "3f", "position")], indices)
    normals = head.normals(head.face_normals(head.vertices))
    seen, total = np.zeros(len(head.vertices)), np.full(len(head.vertices), 1e-3)
    centre = np.array([0, -1, 2.0])
    for i in range(_RAYS):
        height = 1 - 2 * (i + 0.5) / _RAYS
        if height < -0.75:
            break  # the floor
        report(i / _RAYS)
        turn = i * 2.399963  # golden angle: an even spread over the sphere
        flat = math.sqrt(1 - height**2)
        sun = np.array([flat * math.cos(turn), height, flat * math.sin(turn)])
        side = np.cross((0, 0, 1.0) if abs(height) > 0.9 else (0, 1.0, 0), sun)
        side /= np.linalg.norm(side)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([side, np.cross(sun, side), -sun]) / 22.0
        matrix[:3, 3] = -matrix[:3, :3] @ centre
        program["matrix"] = tuple(matrix.T.ravel().tolist())
        target.use()
        target.clear(depth=1.0)
        context.enable(moderngl.DEPTH_TEST)
        mesh.render()
        map_ = np.frombuffer(depth.read(), np.float32).reshape(_SKY_SIDE, _SKY_SIDE) * 2 - 1
        raised = (head.vertices + 0.12 * normals - centre) @ matrix[:3, :3].T
        place = [(raised[:, k] * 0.5 + 0.5) * _SKY_SIDE - 0.5 for k in (1, 0)]
        lit = raised[:, 2] < ndimage.map_coordinates(map_, place, order=0, mode="nearest") + 0.012
        weight = np.clip(normals @ sun, 0, 1) * (1 + 0.5 * height)
        seen += weight * lit
        total += weight
    for resource in (mesh, indices, buffer, target, depth, program):
        resource.release()
    return seen / total


def _visible_triangles(
    head: HeadModel, context: moderngl.Context, progress: Progress
) -> np.ndarray:
    """Triangles visible for some of many people, expressions and cameras, and a ring around them,
    bool [T]. All of the back of the head counts, as the hair is bound to it."""
    program = context.program(
        _POSITIONS_ONLY,
        "#version 330\nout int triangle;\nvoid main() { triangle = gl_PrimitiveID + 1; }",
    )
    picture = context.texture((_VIEW_SIDE, _VIEW_SIDE), 1, dtype="i4")
    target = context.framebuffer([picture], context.depth_renderbuffer((_VIEW_SIDE, _VIEW_SIDE)))
    buffer = context.buffer(reserve=head.vertices.nbytes, dynamic=True)
    indices = context.buffer(head.triangles.astype("i4").tobytes())
    mesh = context.vertex_array(program, [(buffer, "3f", "position")], indices)
    seen = np.zeros(len(head.triangles) + 1, bool)
    rng = np.random.default_rng(5)
    for i in range(_PEOPLE):
        progress("Finding what is visible", 1 / 3 + 2 / 3 * i / _PEOPLE)
        shape = (rng.standard_normal(SHAPE_DIM) * 0.9).clip(-2, 2)
        weights = expr_weights(1.3 * rng.standard_normal(MOTION_DIM), rng.random())
        if i % 3 == 0:
            weights["jawOpen"] = 0.5
        if i % 4 == 1:
            weights |= {"eyeBlink_L": 0, "eyeBlink_R": 0, "eyeWide_L": 0.8, "eyeWide_R": 0.8}
        posed = head.posed(head.identity_vertices(shape), weights)
        buffer.write(to_world(posed).astype("f4").tobytes())
        for _ in range(_VIEWS):
            camera = Camera.orbit(*np.degrees(rng.uniform((-np.pi, -0.65), (np.pi, 0.65))))
            program["matrix"] = tuple(camera.projection(NEAR, FAR).T.ravel().tolist())
            target.use()
            target.clear()
            context.enable(moderngl.DEPTH_TEST)
            mesh.render()
            seen[np.frombuffer(picture.read(), np.int32)] = True
    for resource in (mesh, indices, buffer, target, picture, program):
        resource.release()
    shown = np.zeros(len(head.vertices), bool)
    shown[head.triangles[seen[1:]].ravel()] = True
    back = head.labels[head.triangles[:, 0]] == LABELS["head"]
    return shown[head.triangles].any(1) | back
