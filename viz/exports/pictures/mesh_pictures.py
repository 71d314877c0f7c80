"""Draws a mesh as the window shows it, without OpenGL: for pictures, frames and videos.

The light is that of `gui_utils.gl.mesh_view`, so that an export looks as the viewport does.
"""

from __future__ import annotations

import numpy as np

from training.camera import Camera
from viz.exports.meshes.mesh_raster import coverage, project
from viz.state.types import MeshData, MeshStyle

GROUND = np.array([0x23, 0x25, 0x29], np.float32) / 255
"""Background of the mesh: the window's, in the dark theme."""
_SUPERSAMPLING = 2
"""Samples along each side of a pixel."""
_INKS = (0.2, 0.85)
"""Grey levels of wires on a light and on a dark ground."""
_LINE = 0.5
"""Half the width of a wire, samples."""


def draw(
    mesh: MeshData, camera: Camera, side: int, style: MeshStyle, ground: np.ndarray = GROUND
) -> np.ndarray:
    """A square picture of a mesh.

    Args:
        mesh: the surface.
        camera: from where it is seen.
        side: of the picture, pixels.
        style: how it is drawn.
        ground: colour between the wires, in 0..1.

    Returns:
        float32 [side, side, 4] in 0..1: straight colours, and the covered part of each pixel.
    """
    fine = _SUPERSAMPLING * side
    places, depth = project(camera, mesh.vertices, fine)
    ahead = mesh.faces[(depth[mesh.faces] > 1e-3).all(axis=1)]
    owner, shares = _nearest(places[ahead], depth[ahead], fine)
    hit = owner >= 0
    corners, weights = ahead[owner[hit]], shares[hit]
    if style == "wireframe":
        colors = _wires(places[corners], weights, ground)
    else:
        colors = _lit(mesh, corners, weights, camera, style)
    samples = np.zeros((fine * fine, 4), np.float32)
    samples[hit, :3], samples[hit, 3] = colors, 1
    groups = samples.reshape(side, _SUPERSAMPLING, side, _SUPERSAMPLING, 4)
    picture = groups.mean(axis=(1, 3))
    picture[..., :3] /= np.maximum(picture[..., 3:], 1e-6)
    return picture


def over_ground(picture: np.ndarray, ground: np.ndarray = GROUND) -> np.ndarray:
    """A picture of `draw` on a ground [3] or [H, W, 3], by default the window's; [H, W, 3]."""
    return picture[..., :3] * picture[..., 3:] + ground * (1 - picture[..., 3:])


def _nearest(corners: np.ndarray, depth: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The triangle nearest at each sample, -1 for none [side * side], and the weights of its
    corners there [side * side, 3].

    Args:
        corners: of the triangles, samples [T, 3, 2].
        depth: of the corners [T, 3].
        side: of the picture, samples.
    """
    nearest = np.full(side * side, np.inf)
    owner = np.full(side * side, -1)
    shares = np.zeros((side * side, 3), np.float32)
    for triangle, sample, weights in coverage(corners, side, side):
        found = (weights * depth[triangle]).sum(axis=1)
        # Several triangles of a part may cover one sample: the nearest one counts.
        order = np.lexsort((found, sample))
        first = np.flatnonzero(np.diff(sample[order], prepend=-1))
        order = order[first]
        order = order[found[order] < nearest[sample[order]]]
        at = sample[order]
        nearest[at], owner[at], shares[at] = found[order], triangle[order], weights[order]
    return owner, shares


def _lit(
    mesh: MeshData, corners: np.ndarray, weights: np.ndarray, camera: Camera, style: MeshStyle
) -> np.ndarray:
    """Colours [S, 3] of samples that have weights [S, 3] between the corners [S, 3] of a face."""

    def between(values: np.ndarray) -> np.ndarray:
        return np.einsum("sk,skd->sd", weights, values[corners].astype(np.float32))

    normals = between(mesh.normals)
    to_camera = _unit(camera.position.astype(np.float32) - between(mesh.vertices))
    none = np.linalg.norm(normals, axis=1, keepdims=True) < 1e-12
    normals = np.where(none, to_camera, _unit(normals))
    if style == "normals":
        return 0.5 + 0.5 * normals
    # Extracted surfaces may be inside out: the side that is seen is lit.
    normals = np.where(_dot(normals, to_camera) < 0, -normals, normals)
    head = np.maximum(_dot(normals, _unit(to_camera + _up(0.35))), 0)
    sky = 0.5 + 0.5 * normals[:, 1:2]
    below, above = np.array([0.10, 0.09, 0.085]), np.array([0.24, 0.27, 0.32])
    ambient = below + (above - below) * sky
    if style == "colored":
        light = ambient * 1.1 + 0.28 + 0.48 * head
        return _displayed((between(mesh.colors) / 255) ** 2.2 * light)
    halfway = _unit(to_camera + _unit(to_camera + _up(0.6)))
    gloss = 0.06 * np.maximum(_dot(normals, halfway), 0) ** 28
    rim = 0.10 * (1 - np.maximum(_dot(normals, to_camera), 0)) ** 3 * sky
    light = ambient + np.array([0.80, 0.78, 0.75]) * head
    return _displayed(np.array([0.62, 0.59, 0.56]) * light + gloss + rim)


def _wires(corners: np.ndarray, weights: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Colours [S, 3] of samples within triangles [S, 3, 2]: ink near an edge, ground elsewhere."""
    edges = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)  # opposite to each corner
    doubled = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0])
    heights = doubled[:, None] / np.maximum(np.linalg.norm(edges, axis=2), 1e-9)
    inked = (weights * heights).min(axis=1, keepdims=True) < _LINE
    ink = np.float32(_INKS[1 if ground.sum() < 1.5 else 0])
    return np.where(inked, ink, ground)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1, keepdims=True)


def _up(height: float) -> np.ndarray:
    return np.array([0.0, height, 0.0], np.float32)


def _displayed(linear: np.ndarray) -> np.ndarray:
    return np.clip(linear, 0, 1) ** (1 / 2.2)
