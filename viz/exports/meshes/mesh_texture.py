"""Textures painted from pictures of the model around the head."""

# SciPy has no types.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter
from torch.nn.functional import interpolate

from training.camera import Camera
from viz.exports.mesh_options import MeshOptions
from viz.exports.meshes.mesh_raster import coverage, depth_map, project
from viz.exports.meshes.mesh_surface import Moment, Surface, unwrapped
from viz.render import geometry
from viz.render.renderer import Renderer
from viz.state.jobs import Steps
from viz.state.types import Orbit, SessionState

_LEAST_PICTURE = 256
"""Fewest pixels along each side of a picture of a model without super-resolution."""
_TEXELS_AT_ONCE = 2**16
_COLORS_AT_ONCE = 2**14
_SHARPNESS = 6.0
"""Power of the cosine between view and surface: the best view of a place wins clearly."""
_ENOUGH = 0.05
"""Total weight of the views above which the model's own colour of a point is not used."""
_GROWN = 2
"""Texels by which each chart is grown."""
_CLEAR = 0.8
"""Opacity below which a picture shows too much of its background to paint with."""
_MOST_ANCHORS = 500
"""Most sample points of the pictures' change of colour: some ten lie within _NEAR of each."""
_NEAR = 0.1
"""Distance, as a fraction of the box, over which a point adopts others' change of colour."""
_ALIKE = 40.0
"""Difference of colours, 0..255, over which it does so."""
_ALONE = 0.1
"""Total weight of neighbours below which a point keeps its own colour."""
_PICTURES_SHARE = 0.8
"""Fraction of the progress up to the last picture."""
_BORDER = 0.04
"""Fraction of a picture's side over which it fades out at its edges."""


@dataclass(frozen=True)
class _View:
    """A picture of the model, and how far it can be trusted."""

    camera: Camera
    colors: np.ndarray
    """float32 [S, S, 3] in 0..255."""
    depth: np.ndarray
    """Depth of the mesh, world units along the viewing direction [S, S]; infinite beside it."""
    trust: np.ndarray
    """float32 [S, S] in 0..1: less where the picture mixes the mesh with what is behind it, at its
    outlines and where it is not opaque."""


def view_directions(spread: float) -> list[tuple[float, float]]:
    """Yaw and pitch of the pictures, degrees: a fan around the front."""
    if spread == 0:
        return [(0.0, 0.0)]
    half, lift = spread / 2, 0.55 * spread
    level = [(yaw, 0.0) for yaw in (0.0, -half, half, -spread, spread)]
    return level + [(yaw, pitch) for yaw in (-half, half) for pitch in (lift, -lift)]


def painted(
    renderer: Renderer,
    state: SessionState,
    moment: Moment,
    surface: Surface,
    options: MeshOptions,
) -> Steps[Surface]:
    """Steps of painting a texture on a state's surface, which has normals, from the model's
    pictures; they return the surface with its texture."""
    surface = yield from unwrapped(surface, options.texture_size)
    assert surface.uv is not None
    size = options.texture_size
    directions = view_directions(options.texture_spread)
    texels, places, normals = _texels(surface, size)
    total = np.zeros(len(texels), np.float32)
    colors = np.zeros((len(texels), 3), np.float32)
    painting = f"Painting from {len(directions)} pictures"
    for k, (yaw, pitch) in enumerate(directions):
        yield painting, _PICTURES_SHARE * k / len(directions)
        view = view_from(renderer, state, surface, Orbit(yaw=yaw, pitch=pitch).camera())
        yield painting, _PICTURES_SHARE * (k + 0.5) / len(directions)
        weights, seen = _look(view, places, normals, 1.5 * moment.field.box / options.resolution)
        total += weights
        colors += weights[:, None] * seen
    filling = "Colours that no picture shows"
    yield filling, _PICTURES_SHARE
    colors /= np.maximum(total, 1e-12)[:, None]
    lacking = np.flatnonzero(total < _ENOUGH)
    shown = np.random.default_rng(0).permutation(np.flatnonzero(total >= _ENOUGH))[:_MOST_ANCHORS]
    box = moment.field.box
    own = _own_colors(renderer, moment, places[shown], normals[shown])
    change = ColorChange(places[shown] / box, own, colors[shown] - own)
    for start in range(0, len(lacking), _COLORS_AT_ONCE):
        done = start / len(lacking)
        yield filling, _PICTURES_SHARE + (1 - _PICTURES_SHARE) * done
        some = lacking[start : start + _COLORS_AT_ONCE]
        own = _own_colors(renderer, moment, places[some], normals[some])
        own += change.at(places[some] / box, own)
        share = (total[some] / _ENOUGH)[:, None]
        colors[some] = share * colors[some] + (1 - share) * own
    yield "Closing seams", 1.0
    texture = np.zeros((size * size, 3), np.float32)
    texture[texels] = colors
    known = np.zeros(size * size, bool)
    known[texels] = True
    texture, known = texture.reshape(size, size, 3), known.reshape(size, size)
    for _ in range(_GROWN):
        texture, known = grown(texture, known)
    texture = spread_colors(texture, known)
    return replace(surface, texture=(texture + 0.5).clip(0, 255).astype(np.uint8))


def _texels(surface: Surface, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the texels that the atlas uses, ascending [T], and the world coordinates and
    normals of their centres, float32 [T, 3]."""
    assert surface.uv is not None and surface.normals is not None
    count = size * size
    places = np.zeros((count, 3), np.float32)
    normals = np.zeros((count, 3), np.float32)
    used = np.zeros(count, bool)
    corners = surface.uv[surface.faces].astype(np.float64) * size
    for triangle, texel, weights in coverage(corners, size, size):
        index = surface.faces[triangle]
        weights = weights[..., None].astype(np.float32)
        places[texel] = (surface.vertices[index] * weights).sum(axis=1)
        normals[texel] = (surface.normals[index] * weights).sum(axis=1)
        used[texel] = True
    # Charts thinner than a texel may miss every centre.
    corners, middles = surface.faces, surface.uv[surface.faces].mean(axis=1)
    for uv, place, normal in (
        (surface.uv, surface.vertices, surface.normals),
        (middles, surface.corners.mean(axis=1), surface.normals[corners].mean(axis=1)),
    ):
        column, row = np.clip((uv * size).astype(np.int64), 0, size - 1).T
        texel = row * size + column
        new = ~used[texel]
        places[texel[new]], normals[texel[new]] = place[new], normal[new]
        used[texel[new]] = True
    texels = np.flatnonzero(used)
    normals = normals[texels]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    return texels, places[texels], normals


def view_from(renderer: Renderer, state: SessionState, surface: Surface, camera: Camera) -> _View:
    quality = state.quality
    if renderer.G.superresolution is None or not quality.superresolution:
        trained = renderer.G.config.rendering.raw_resolution
        side = max(quality.raw_resolution or trained, _LEAST_PICTURE)
        quality = replace(quality, raw_resolution=side)
    shot = replace(state.shot("image"), camera=camera)
    opacity = renderer.raw(shot, quality).opacity.float()
    picture = renderer.image(shot, quality)[0].float()
    colors = (picture * 127.5 + 127.5).clamp(0, 255).permute(1, 2, 0).cpu().numpy()
    size = len(colors)
    depth = depth_map(camera, surface.vertices, surface.faces, size)
    filled = np.where(np.isfinite(depth), depth, 1e3)
    step = 0.03 * renderer.G.config.rendering.box_warp
    outline = maximum_filter(filled, 3) - minimum_filter(filled, 3) > step
    reach = max(1, size // 128)
    blurred = np.asarray(binary_dilation(outline, iterations=reach))
    opacity = interpolate(opacity, (size, size), mode="bilinear")[0, 0].cpu().numpy()
    solid = ((opacity - _CLEAR) / (1 - _CLEAR)).clip(0, 1)
    return _View(camera, colors, depth, np.where(blurred, 0.0, solid**2).astype(np.float32))


def _look(
    view: _View, places: np.ndarray, normals: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """How well a view shows points of a surface [T], and their colours in it [T, 3]."""
    size = len(view.colors)
    weights = np.zeros(len(places), np.float32)
    colors = np.zeros((len(places), 3), np.float32)
    for start in range(0, len(places), _TEXELS_AT_ONCE):
        part = slice(start, start + _TEXELS_AT_ONCE)
        pixels, depth = project(view.camera, places[part], size)
        toward = view.camera.position - places[part]
        toward /= np.linalg.norm(toward, axis=1, keepdims=True)
        cosine = np.maximum((toward * normals[part]).sum(axis=1), 0)
        margin = np.minimum(pixels, size - pixels).min(axis=1) / (_BORDER * size)
        nearest = np.clip(pixels.astype(np.int64), 0, size - 1)
        row, column = nearest[:, 1], nearest[:, 0]
        shown = (depth > 0) & (margin > 0)
        # A slanted surface is deeper at one end of a pixel than at the other.
        slack = tolerance * (1 + 1 / np.maximum(cosine, 0.1))
        shown &= depth < view.depth[row, column] + slack
        fitness = view.trust[row, column] * cosine**_SHARPNESS
        weights[part] = shown * fitness * np.clip(margin, 0, 1)
        colors[part] = _bilinear(view.colors, pixels)
    return weights, colors


def _bilinear(picture: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Colours [T, 3] of a picture [S, S, 3] at places (x, y) in pixels [T, 2]."""
    size = len(picture)
    place = np.clip(pixels - 0.5, 0, size - 1.001)
    low = place.astype(np.int64)
    x, y = low.T
    u, v = (place - low).astype(np.float32).T[:, :, None]
    top = picture[y, x] * (1 - u) + picture[y, x + 1] * u
    bottom = picture[y + 1, x] * (1 - u) + picture[y + 1, x + 1] * u
    return top * (1 - v) + bottom * v


def _own_colors(
    renderer: Renderer, moment: Moment, places: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """The raw layer's colours at points of a surface, float32 [T, 3] in 0..255."""
    if not len(places):
        return np.zeros((0, 3), np.float32)
    device = moment.planes.device
    points, outward = torch.as_tensor(places).to(device), torch.as_tensor(normals).to(device)
    colors = geometry.surface_colors(moment.G, moment.planes, moment.ws, points, outward)
    return (colors * 255).float().cpu().numpy()


class ColorChange:
    """How the pictures' colours differ from the raw layer's, for points that no picture shows.

    The super-resolution may change colours: without this, the edges of the pictures would show on
    the mesh. A point adopts the change at nearby points of similar colour.
    """

    def __init__(self, places: np.ndarray, own: np.ndarray, change: np.ndarray) -> None:
        """
        Args:
            places: points that pictures show, as fractions of the box, float32 [A, 3].
            own: the raw layer's colours there, float32 [A, 3] in 0..255.
            change: the pictures' colours minus those, float32 [A, 3].
        """
        self._keys = _key(places, own)
        self._values = torch.as_tensor(np.pad(change, ((0, 0), (0, 1)), constant_values=1))

    def at(self, places: np.ndarray, own: np.ndarray) -> np.ndarray:
        """What to add to the raw layer's colours at other points, float32 [T, 3]."""
        nearness = torch.cdist(_key(places, own), self._keys).square_().mul_(-0.5).exp_()
        summed = (nearness @ self._values).numpy()
        return summed[:, :3] / (summed[:, 3:] + _ALONE)


def _key(places: np.ndarray, own: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.hstack([places / _NEAR, own / _ALIKE]).astype(np.float32))


def grown(picture: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills unknown pixels beside known ones with their mean; returns the picture and the new mask.
    So charts grow by their own colours before those of others reach them.

    Args:
        picture: float32 [S, S, 3].
        known: bool [S, S].
    """
    framed = np.pad(picture * known[..., None], ((1, 1), (1, 1), (0, 0)))
    counts = np.pad(known, 1).astype(np.float32)
    height, width = known.shape
    summed, count = np.zeros_like(picture), np.zeros(known.shape, np.float32)
    for y in range(3):
        for x in range(3):
            summed += framed[y : y + height, x : x + width]
            count += counts[y : y + height, x : x + width]
    mean = summed / np.maximum(count, 1)[..., None]
    return np.where(known[..., None], picture, mean), count > 0


def spread_colors(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fills the unknown pixels of a picture with the colours around them.

    Viewers interpolate neighbouring texels, and mip levels average distant ones, so that the space
    between charts affects the rendering.

    Args:
        picture: float32 [S, S, 3].
        known: bool [S, S].
    """
    if known.all() or not known.any():
        return picture
    height, width = known.shape
    padded = np.pad(picture * known[..., None], ((0, height % 2), (0, width % 2), (0, 0)))
    counts = np.pad(known, ((0, height % 2), (0, width % 2))).astype(np.float32)
    rows, columns = padded.shape[0] // 2, padded.shape[1] // 2
    summed = padded.reshape(rows, 2, columns, 2, 3).sum(axis=(1, 3))
    count = counts.reshape(rows, 2, columns, 2).sum(axis=(1, 3))
    coarse = summed / np.maximum(count, 1)[..., None]
    coarse = spread_colors(coarse, count > 0)
    finer = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(known[..., None], picture, finer)
