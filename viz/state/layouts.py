"""Layouts of the viewport as lists of shots, and how their pictures are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from viz.state.comparing.differences import difference
from viz.state.driving import driven
from viz.state.person import Latent
from viz.state.types import Display, RenderRequest, SessionState, Shot

Choice = TypeVar("Choice")


_INSET, _MARGIN = 0.3, 0.03
"""Side of the inset and its distance to the edge, as fractions of the picture's side."""


def shots(state: SessionState) -> tuple[Shot, ...]:
    """The pictures that the state's layout shows, row by row; before and after for the split, the
    inset last where there is one."""
    display = state.display
    if display.layout == "grid":
        return tuple(state.shot(view) for view in display.grid)
    if display.layout == "yaws":
        seen = state.seen_from
        return tuple(
            replace(state.shot(), camera=replace(seen, yaw=seen.yaw + yaw).camera())
            for yaw in tile_yaws(state)
        )
    if display.layout == "times":
        return tuple(moment.shot() for moment in tile_moments(state))
    if display.layout == "split":
        before = state.before or state.shot()
        return replace(before, view=display.view, model=""), state.shot()
    if display.layout == "models":
        return state.shot(), *second_shots(state)
    if display.inset not in ("none", display.view):
        return state.shot(), state.shot(display.inset)
    return (state.shot(),)


def second_shots(state: SessionState) -> tuple[Shot, ...]:
    """What the second model shows; empty while there is none."""
    compare, shot = state.compare, state.shot()
    if compare is None or not compare.weights:
        return ()
    latent = shot.latent if compare.psi is None else _with_psi(shot.latent, compare.psi)
    return (replace(shot, latent=latent, model=compare.weights),)


def _with_psi(latent: Latent, psi: float) -> Latent:
    """A person, blended or not, with another truncation."""
    others = tuple(replace(o, latent=_with_psi(o.latent, psi)) for o in latent.others)
    return replace(latent, psi=psi, others=others)


def compares(state: SessionState) -> bool:
    """Whether two models are to be shown, loaded or not."""
    return state.display.layout == "models" and state.compare is not None


def shows_difference(display: Display) -> bool:
    """Whether the difference of two models' pictures is shown; meshes have none, so that they
    lie on both sides of the divider."""
    return (display.layout, display.models) == ("models", "difference") and display.view != "mesh"


def has_divider(display: Display) -> bool:
    """Whether two pictures share a place, on both sides of a divider."""
    if display.layout == "models":
        return display.models != "beside" and not shows_difference(display)
    return display.layout == "split"


def seen_pictures(
    display: Display, pictures: Sequence[np.ndarray | None]
) -> Sequence[np.ndarray | None]:
    """The pictures that have a place in a layout: those that were rendered, or the difference of
    the two models'."""
    if shows_difference(display) and len(pictures) == 2:
        first, second = pictures
        if first is not None and second is not None:
            return [difference(first, second, display.difference, display.gain)]
    return pictures


def full_request(state: SessionState) -> RenderRequest:
    """What a state shows, at full quality."""
    return RenderRequest(shots(state), state.quality, maps=state.display.maps)


def grid_shape(state: SessionState) -> tuple[int, int]:
    """Rows and columns of the layout; pictures with a divider between them share one cell."""
    if state.display.layout == "grid":
        return 2, 2
    if state.display.layout in ("yaws", "times"):
        return 1, state.display.columns
    beside = (state.display.layout, state.display.models) == ("models", "beside")
    return (1, len(shots(state))) if beside else (1, 1)


def tile_yaws(state: SessionState) -> list[float]:
    """Degrees that the yaws layout adds to the camera's yaw, one per picture."""
    span = state.display.yaw_span
    return np.linspace(-span / 2, span / 2, state.display.columns).tolist()


def tile_moments(state: SessionState) -> list[SessionState]:
    """The moments of the times layout, one per picture: spread over the clip's playback range, or
    over that of the motion track that drives the person."""
    frames = driven.spread(state, state.display.columns)
    if frames:
        return frames
    return [replace(state, t=t) for t in tile_times(state)]


def tile_times(state: SessionState) -> list[float]:
    """Times in the clip of the times layout, one per picture, spread over the playback range."""
    playback = state.playback
    return np.linspace(playback.start, playback.end, state.display.columns).tolist()


def neighbour(choices: Iterable[Choice], chosen: Choice, step: int) -> Choice:
    """The choice `step` places further on, wrapping round at the ends."""
    known = list(choices)
    return known[(known.index(chosen) + step) % len(known)]


def compose(state: SessionState, pictures: list[np.ndarray]) -> np.ndarray:
    """Puts a layout's pictures together, uint8 [H, W, 3]; smaller ones are enlarged as in the
    window."""
    pictures = [p for p in seen_pictures(state.display, pictures) if p is not None]
    squares = state.display.nearest
    if has_divider(state.display) and len(pictures) == 2:
        before, after = (_enlarged(p, _largest(pictures), squares) for p in pictures)
        edge = round(state.display.split * after.shape[1])
        return np.concatenate([before[:, :edge], after[:, edge:]], axis=1)
    if state.display.layout == "single" and len(pictures) == 2:
        return _with_inset(pictures[0], pictures[1], squares)
    return tiled(pictures, grid_shape(state)[1], squares)


def inset_place(tile: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the inset in a square picture, on whole units."""
    _, _, right, bottom = tile
    side = round(_INSET * (right - tile[0]))
    right, bottom = (edge - round(_MARGIN * (right - tile[0])) for edge in (right, bottom))
    return right - side, bottom - side, right, bottom


def _with_inset(picture: np.ndarray, small: np.ndarray, squares: bool) -> np.ndarray:
    height, width = picture.shape[:2]
    left, top, right, bottom = map(round, inset_place((0, 0, width, height)))
    whole = picture.copy()
    if right > left:
        size = bottom - top, right - left
        whole[top:bottom, left:right] = _enlarged(small, size, squares)
    return whole


def _enlarged(picture: np.ndarray, size: tuple[int, int], squares: bool) -> np.ndarray:
    """A picture [h, w, C] in another height and width, as the window draws it: by bilinear
    interpolation as OpenGL does it, or with pixels as squares where it becomes larger."""
    if picture.shape[:2] == size:
        return picture
    if squares and size[0] > picture.shape[0]:
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(size, picture.shape, strict=False)
        )
        return picture[rows[:, None], columns]
    if picture.shape[2] == 4:  # invisible colours must not bleed in
        alpha = picture[..., 3:]
        mixed = _interpolated(np.concatenate([picture[..., :3] * alpha, alpha], axis=2), size)
        mixed[..., :3] /= np.maximum(mixed[..., 3:], 1e-6)
        return mixed
    mixed = _interpolated(picture.astype(np.float32), size)
    return np.floor(mixed + 0.5).astype(np.uint8) if picture.dtype == np.uint8 else mixed


def _interpolated(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation, float32 [h, w, C] to [H, W, C]."""
    for axis, (new, old) in enumerate(zip(size, picture.shape, strict=False)):
        at = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
        low = np.floor(at).astype(int)
        part = (at - low).astype(np.float32).reshape(-1, *[1] * (2 - axis))
        first = picture.take(low, axis)
        last = picture.take(np.minimum(low + 1, old - 1), axis)
        picture = first + (last - first) * part
    return picture


def tiled(pictures: list[np.ndarray], columns: int, squares: bool = False) -> np.ndarray:
    """Pictures [h, w, C] in rows of `columns`, [H, W, C], the last row centred; the rest is
    zero. Smaller ones are enlarged smoothly, or with pixels as `squares`."""
    size = _largest(pictures)
    tiles = [_enlarged(p, size, squares) for p in pictures]
    starts = range(0, len(tiles), columns)
    lines = [np.concatenate(tiles[k : k + columns], axis=1) for k in starts]
    free = columns * size[1] - lines[-1].shape[1]
    lines[-1] = np.pad(lines[-1], [(0, 0), (free // 2, free - free // 2), (0, 0)])
    return np.ascontiguousarray(np.concatenate(lines, axis=0))


def _largest(pictures: list[np.ndarray]) -> tuple[int, int]:
    return max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
