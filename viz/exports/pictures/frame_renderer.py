"""One frame of an export: rendered at full quality, put together, scaled.

Transparency: `viz.render.picture.map_pictures` takes the head alone out of a picture C of opacity
a, over the background B. Divided by a it is the straight colour of the exported pixel: composited
over B with its alpha a it reproduces what the model paints, and over anything else it has no dark
fringe. The opacity view itself is opaque.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable
from contextlib import ExitStack
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.networks.generator import RawRender
from viz.exports.frame_layout import people_across, problems_of_size, scaled_size
from viz.exports.frame_options import Bits, Look
from viz.exports.pictures import mesh_pictures
from viz.render.comparing import side_by_side
from viz.render.comparing.side_by_side import renderer_of
from viz.render.picture import map_pictures
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.jobs import Steps, with_progress
from viz.state.maps.map_settings import background
from viz.state.person import Latent
from viz.state.types import RenderRequest, SessionState, Shot

Parts = Generator[None, None, np.ndarray]
"""Yields between parts of the work and returns a picture."""

_PASSING = ("render", "superresolution")
"""Stages whose results no other frame reuses."""


class FrameRenderer:
    """Renders the frames of one export, with 8 bits for the pixels of the screen or 16 for the
    model's own numbers."""

    def __init__(self, renderer: Renderer, look: Look, bits: Bits = 8) -> None:
        self.renderer, self.look = renderer, look
        self.bits: Bits = bits

    def steps(self, state: SessionState, detail: str, fraction: float) -> Steps[np.ndarray]:
        """`frame` as steps of a job, each of which reports `detail` and `fraction`."""
        yield detail, fraction
        return (yield from with_progress(self.frame(state), lambda _: (detail, fraction)))

    def frame(self, state: SessionState) -> Parts:
        """Parts of rendering a state's frame.

        Planes and ws stay in the renderer's cache for later frames; the results of later stages are
        dropped, so that thousands of frames take no more memory than one.

        Returns:
            uint8 or uint16 [H, W, 3], or [H, W, 4] with straight alpha.
        """
        caches = [renderer.cache for renderer in self._renderers(state)]
        kept = [cache.keys() for cache in caches]
        try:
            cells: list[np.ndarray] = []
            with ExitStack() as stack:
                for cache in caches:
                    stack.enter_context(cache.request())
                for person in _people(state, self.look):
                    cells.append((yield from self._cell(person)))  # noqa: PERF401 (it yields)
        finally:
            for cache, before in zip(caches, kept, strict=True):
                made = cache.keys() - before
                cache.drop(key for key in made if _stage(key) in _PASSING)
        height, width = cells[0].shape[:2]
        picture = layouts.tiled(cells, people_across(self.look, len(cells), (width, height)))
        height, width = picture.shape[:2]
        size = scaled_size((width, height), self.look)
        if problems := problems_of_size(size):
            raise UserError(problems[0])
        picture = scaled(picture, size)
        return picture if picture.dtype != np.float32 else quantised(picture, self.bits)

    def _renderers(self, state: SessionState) -> list[Renderer]:
        """Renderers of the models that a state shows."""
        shots = _cell_shots(state, self.look)
        return list(dict.fromkeys(renderer_of(self.renderer, shot)[0] for shot in shots))

    def _cell(self, state: SessionState) -> Parts:
        shots = _cell_shots(state, self.look)
        rendered = [shot for shot in shots if shot.view != "mesh"]
        with_normals = {_place(shot) for shot in shots if shot.view == "normals"}
        for shot in rendered:  # the longest part, one after the other
            renderer, fitted = renderer_of(self.renderer, shot)
            renderer.raw(fitted, state.quality, _place(shot) in with_normals)
            yield
        shown: dict[Shot, np.ndarray | None] = {}
        if self.bits == 8 and self.look.background == "shown" and rendered:
            request = RenderRequest(tuple(rendered), state.quality, maps=state.display.maps)
            pictures = side_by_side.render(self.renderer, request).pictures
            shown = dict(zip(rendered, pictures, strict=True))
        cells: list[np.ndarray] = []
        for shot in shots:
            picture = shown.get(shot)
            if picture is None:
                draw = self._mesh if shot.view == "mesh" else self._numbers
                picture = draw(state, shot)
                yield
            cells.append(picture)
        if self.look.views:
            return layouts.tiled(cells, len(cells), state.display.nearest)
        return layouts.compose(state, cells)

    def _mesh(self, state: SessionState, shot: Shot) -> np.ndarray:
        """The surface as the window shows it; uint8 [H, W, 3] for 8 bits on an opaque background,
        else float32 in 0..1, with alpha if the background is transparent.

        Raises:
            UserError: when there is no surface.
        """
        renderer, shot = renderer_of(self.renderer, shot)
        mesh, maps = renderer.mesh(shot, state.quality), state.display.maps
        side = renderer.side(state.quality)
        own = maps.background == "model"
        ground = mesh_pictures.GROUND if own else background(maps, (side, side))
        wires = ground.reshape(-1, 3)[0] if maps.background == "color" else mesh_pictures.GROUND
        picture = mesh_pictures.draw(mesh, shot.camera, side, state.display.mesh_style, wires)
        if self.look.background == "transparent":
            return picture
        picture = mesh_pictures.over_ground(picture, ground)
        return quantised(picture, 8) if self.bits == 8 else picture.astype(np.float32)

    def _numbers(self, state: SessionState, shot: Shot) -> np.ndarray:
        """A shot's picture, float32 [H, W, 3 or 4] in 0..1."""
        renderer, fitted = renderer_of(self.renderer, shot)
        raw = renderer.raw(fitted, state.quality, shot.view == "normals")
        straight = self.look.background == "transparent"
        maps = state.display.maps
        alone = (straight or maps.background != "model") and shot.view != "opacity"
        colors, alpha = self._colors(state, shot, raw, alone)
        if straight:
            colors = torch.cat([colors, alpha], dim=1)
        elif alone:
            colors = map_pictures.before(colors * alpha, alpha, maps)
        return colors[0].clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()

    def _colors(
        self, state: SessionState, shot: Shot, raw: RawRender, alone: bool
    ) -> tuple[Tensor, Tensor]:
        """Colours [1, 3, H, W], about 0..1, and opacity [1, 1, H, W]: on the model's background, or
        straight colours of the head alone."""
        maps, alpha = state.display.maps, raw.opacity.float()
        if shot.view == "opacity":
            place = map_pictures.opacity_places(raw, maps)
            colors = map_pictures.colored_finely(place, maps.table("opacity"))
            return colors, torch.ones_like(alpha)
        if shot.view == "depth":
            # As in the window, the second model's colours are those of the first one's range.
            ends = self.renderer.depth_range(shot.camera, maps.depth_range)
            renderer, _ = renderer_of(self.renderer, shot)
            place = renderer.depth_places(raw, shot.camera, ends, fades=not alone)
            return map_pictures.colored_finely(place, maps.table("depth")), alpha
        if shot.view == "normals":
            assert raw.normals is not None
            return (raw.normals * (1 if alone else raw.opacity)) * 0.5 + 0.5, alpha
        full = shot.view == "image"
        renderer, shot = renderer_of(self.renderer, shot)
        picture = renderer.image(shot, state.quality) if full else raw.image
        picture = picture.float() * 0.5 + 0.5
        if not alone:
            return picture, torch.ones_like(picture[:, :1])
        backdrop = renderer.backdrop(shot, state.quality)
        alpha = map_pictures.alpha_of(raw, picture, backdrop)
        head = map_pictures.head_alone(picture, alpha, backdrop)
        faint = alpha < map_pictures.FAINT
        return torch.where(faint, backdrop, head / alpha.clamp_min(map_pictures.FAINT)), alpha


def _stage(key: Hashable) -> object:
    return cast(tuple[object, ...], key)[0] if isinstance(key, tuple) else None


def _place(shot: Shot) -> Shot:
    """The shot without its view: what the raw picture depends on."""
    return replace(shot, view="raw")


def _people(state: SessionState, look: Look) -> list[SessionState]:
    """The state with each of the people chosen, or with its own."""
    people = (Latent.at(seed, state.latent) for seed in look.people)
    return [replace(state, latent=person) for person in people] or [state]


def _cell_shots(state: SessionState, look: Look) -> tuple[Shot, ...]:
    """The pictures of one person."""
    return tuple(map(state.shot, look.views)) if look.views else layouts.shots(state)


def scaled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture, uint8 or float32 [H, W, C], in another width and height, by a Lanczos filter.

    Colours are weighted by their alpha, so that none bleeds in from transparent parts.
    """
    height, width = picture.shape[:2]
    if size == (width, height):
        return picture
    if picture.dtype == np.uint8:
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    channels = list(np.moveaxis(picture, -1, 0))
    if len(channels) == 4:
        channels[:3] = [channel * channels[3] for channel in channels[:3]]
    channels = [
        np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.LANCZOS))
        for channel in channels
    ]
    if len(channels) == 4:
        channels[:3] = [channel / np.maximum(channels[3], 1e-4) for channel in channels[:3]]
    return np.clip(np.stack(channels, axis=-1), 0, 1)


def quantised(picture: np.ndarray, bits: Bits) -> np.ndarray:
    """Numbers in 0..1 as uint8 or uint16, to the nearest level."""
    top, kind = 2**bits - 1, np.uint8 if bits == 8 else np.uint16
    return np.floor(picture.astype(np.float64) * top + 0.5).astype(kind)
