"""Pictures cached so that they can be shown again without rendering."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

from viz.scheduling.previews import leaves_nothing_out, shown
from viz.state.files import file_stamp
from viz.state.types import RenderRequest, RenderResult

PICTURE_BYTES = 128 * 2**20
"""Memory for cached pictures."""


class PictureCache:
    """The best picture for each model and full request; the least recently used are dropped to
    save memory.

    Results are kept without copying, so their arrays must not be written to.

    Args:
        max_bytes: limit on the memory of all arrays; never exceeded.
    """

    def __init__(self, max_bytes: int = PICTURE_BYTES) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self.version = 0
        """Increases with each change to the cache."""
        self.model = ""
        """Fingerprint of the model that renders now; pictures of other models are cached for their
        return."""
        self._entries: OrderedDict[Hashable, tuple[RenderResult, int]] = OrderedDict()

    def get(self, full: RenderRequest) -> RenderResult | None:
        """The picture cached for a request without a preview; its own request says what it leaves
        out. Counts as a use."""
        key = self._key(full)
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def has(self, full: RenderRequest) -> bool:
        """Whether any picture is cached for a request without a preview."""
        return self._key(full) in self._entries

    def has_full(self, full: RenderRequest) -> bool:
        """Whether the full picture is cached."""
        entry = self._entries.get(self._key(full))
        return entry is not None and entry[0].request.preview is None

    def put(self, result: RenderResult, model: str | None = None) -> None:
        """Caches a result, unless a better picture of the same request is cached or it is too
        large.

        A preview that leaves nothing out is kept as the full picture, unless it was made while
        functions were compiling: its pixels differ a little.

        Args:
            result: what was rendered.
            model: fingerprint of the weights that rendered it; None for those of `self.model`.
        """
        full = replace(result.request, preview=None)
        is_full = leaves_nothing_out(result.request) and not result.makeshift
        if result.request.preview is not None and is_full:
            result = replace(result, request=full)
        key, size = self._key(full, model), result_bytes(result)
        old, freed = self._entries.get(key, (None, 0))
        if size > self.max_bytes or (
            old is not None and _worth(old.request) > _worth(result.request)
        ):
            return
        self._entries[key] = result, size
        self._entries.move_to_end(key)
        self.used_bytes += size - freed
        self.version += 1
        while self.used_bytes > self.max_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self.used_bytes -= freed

    def _key(self, full: RenderRequest, model: str | None = None) -> Hashable:
        return self.model if model is None else model, _key(full)

    def clear(self) -> None:
        """Drops everything."""
        self._entries.clear()
        self.used_bytes = 0
        self.version += 1


def result_bytes(result: RenderResult) -> int:
    """Memory of a result's pictures, meshes, probe and pixel values."""
    arrays = [picture for picture in result.pictures if picture is not None]
    for mesh in result.meshes:
        if mesh is not None:
            arrays += [mesh.vertices, mesh.faces, mesh.normals, mesh.colors]
    if result.probe is not None:
        arrays.append(result.probe.picture)
    for values in result.values:
        if values is not None:
            arrays += [values.depth, values.opacity, values.normals]
    return sum(array.nbytes for array in arrays)


def _worth(request: RenderRequest) -> tuple[bool, float]:
    return request.preview is None, shown(request.preview)


def _key(full: RenderRequest) -> Hashable:
    """The request, and the state of the files that it reads."""
    files = [file for shot in full.shots for file in shot.latent.files]
    return (full, tuple(map(file_stamp, files))) if files else full
