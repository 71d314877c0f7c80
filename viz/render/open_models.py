"""The models that the worker has in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil
import torch

from viz.render.inference.cpu import int8
from viz.render.models import Model
from viz.render.renderer import Renderer
from viz.state.files import Stamp
from viz.state.types import ModelInfo, Quality

_MOST_KEPT = 2
"""Most models kept in memory besides those shown."""


@dataclass(frozen=True)
class OpenModel:
    """A model with its renderer."""

    renderer: Renderer
    info: ModelInfo
    stamp: Stamp | None
    """Time and size of its file before it was read."""

    @classmethod
    def of(cls, model: Model, stamp: Stamp | None) -> OpenModel:
        """A model that was just loaded from a file with that stamp."""
        renderer = Renderer(model.G, _cache_budget(model.G.device), reference=model.reference)
        pays = renderer.plan(Quality()).int8_previews
        if pays:
            int8.compiled()  # in the background, for the first preview
        return cls(renderer, replace(model.info, int8_previews=pays), stamp)


class OpenModels:
    """The model shown, the one compared with it, and a few kept for switching back quickly."""

    def __init__(self) -> None:
        self.shown: OpenModel | None = None
        self.second: OpenModel | None = None
        """The one compared with it; may be the same."""
        self._kept: dict[str, OpenModel] = {}
        """Others in memory, by path."""
        self._by_weights: dict[str, Renderer] = {}

    def to_show(self, path: str, stamp: Stamp | None) -> OpenModel | None:
        """A model in memory besides the one shown, if its file has not changed since it was read,
        or is gone."""
        others = [m for m in (self._kept.get(path), self.second) if m is not self.shown]
        return _unchanged(others, path, stamp)

    def to_compare(self, path: str, stamp: Stamp | None) -> OpenModel | None:
        """A model in memory, the one shown included, if its file has not changed since it was read,
        or is gone."""
        return _unchanged([self._kept.get(path), self.second, self.shown], path, stamp)

    def show(self, model: OpenModel | None) -> None:
        """Shows a model."""
        self.shown = model
        self._changed()

    def compare(self, model: OpenModel | None) -> None:
        """Compares the model shown with another one. The previous one is kept for switching back;
        with None it is dropped, and so are all that were kept."""
        if model is None:
            self._kept.clear()
        elif self.second is not None and self.second is not model:
            self.keep(self.second)
        self.second = model
        self._changed()

    def keep(self, model: OpenModel) -> None:
        """Keeps a model for switching back quickly, in place of the one kept longest."""
        self._kept.pop(model.info.path, None)
        self._kept[model.info.path] = model
        while len(self._kept) > _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._changed()

    def forget(self) -> None:
        """Drops the models kept for switching back."""
        self._kept.clear()
        self._changed()

    def clear_caches(self) -> None:
        """Drops what was rendered, to free memory."""
        for renderer in self._by_weights.values():
            renderer.cache.clear()

    def _changed(self) -> None:
        for model in (self.shown, self.second):
            if model is not None and self._kept.get(model.info.path) is model:
                del self._kept[model.info.path]
        models = (*self._kept.values(), self.second, self.shown)
        self._by_weights.clear()
        self._by_weights.update({m.info.weights: m.renderer for m in models if m is not None})
        for renderer in self._by_weights.values():
            renderer.beside = self._by_weights


def _unchanged(
    models: Sequence[OpenModel | None], path: str, stamp: Stamp | None
) -> OpenModel | None:
    for model in models:
        if model is not None and model.info.path == path and stamp in (model.stamp, None):
            return model
    return None


def _cache_budget(device: torch.device) -> int:
    """Bytes for cached stages: a fraction of the free memory, enough for a clip's planes if they
    fit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 4
    return min(2 * 2**30, psutil.virtual_memory().available // 8)
