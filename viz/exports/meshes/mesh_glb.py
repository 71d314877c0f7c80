"""GLB files: one mesh, or the meshes of a clip as an animation.

trimesh writes neither animations nor colours of more than 8 bits, and glTF's vertex colours are
linear: in 8 bits their shadows would show bands. So the format is written here, from the
specification (glTF 2.0, with KHR_materials_unlit).
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

import numpy as np

from viz.exports.embedding import PNG_KEY
from viz.exports.meshes.mesh_surface import Surface
from viz.exports.pictures import png
from viz.state.errors import UserError

_FLOAT, _SHORT, _INT = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963  # kinds of buffers
_CLAMP, _LINEAR, _MIPMAPPED = 33071, 9729, 9987
_LARGEST = 2**32 - 2**20
_COPIED_AT_ONCE = 2**24


def linear_colors(colors: np.ndarray) -> np.ndarray:
    """Converts sRGB colours, uint8 [V, 3], to linear light, uint16 [V, 4] with full opacity."""
    levels = np.arange(256) / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    table = np.round(light * 65535).astype(np.uint16)
    result = np.full((len(colors), 4), 65535, np.uint16)
    result[:, :3] = table[colors]
    return result


class GlbWriter:
    """Builds one file. Geometry goes to `spool` at once, so that a long clip needs no memory.

    Args:
        spool: an empty file that can be read back.
        unlit: whether viewers show colours as they are, without lighting.
    """

    def __init__(self, spool: IO[bytes], *, unlit: bool = True) -> None:
        self._spool, self._unlit = spool, unlit
        self._size = 0
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def _new(self, table: str, entry: dict[str, Any]) -> int:
        entries = self._tables.setdefault(table, [])
        entries.append(entry)
        return len(entries) - 1

    def _view(self, data: bytes, kind: int | None = None) -> int:
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        if kind is not None:
            view["target"] = kind
        padding = -len(data) % 4
        self._spool.write(data + b"\x00" * padding)
        self._size += len(data) + padding
        if self._size > _LARGEST:
            raise UserError("A GLB can have at most 4 GB: choose fewer frames or a coarser mesh.")
        return self._new("bufferViews", view)

    def _accessor(
        self, values: np.ndarray, component: int, shape: str, kind: int | None, **extra: Any
    ) -> int:
        view = self._view(np.ascontiguousarray(values).tobytes(), kind)
        entry = {"bufferView": view, "componentType": component, "count": len(values)}
        return self._new("accessors", entry | {"type": shape} | extra)

    def _material(self, surface: Surface) -> int:
        shading: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if surface.texture is not None:
            view = self._view(png.to_bytes(surface.texture))
            image = self._new("images", {"bufferView": view, "mimeType": "image/png"})
            if not self._tables.get("samplers"):
                wrap = {"wrapS": _CLAMP, "wrapT": _CLAMP}
                self._new("samplers", {"magFilter": _LINEAR, "minFilter": _MIPMAPPED} | wrap)
            texture = self._new("textures", {"source": image, "sampler": 0})
            shading["baseColorTexture"] = {"index": texture}
        elif self._tables.get("materials"):
            return 0  # all meshes with colours at the vertices share it
        material: dict[str, Any] = {"name": "surface", "pbrMetallicRoughness": shading}
        if self._unlit:
            material["extensions"] = {"KHR_materials_unlit": {}}
        return self._new("materials", material)

    def add(self, surface: Surface, name: str) -> None:
        """Adds a mesh with a node of its own."""
        extremes = {
            "min": surface.vertices.min(axis=0).tolist(),
            "max": surface.vertices.max(axis=0).tolist(),
        }
        values = surface.vertices.astype("<f4")
        attributes = {"POSITION": self._accessor(values, _FLOAT, "VEC3", _VERTICES, **extremes)}
        if surface.normals is not None:
            values = surface.normals.astype("<f4")
            attributes["NORMAL"] = self._accessor(values, _FLOAT, "VEC3", _VERTICES)
        if surface.uv is not None:
            values = surface.uv.astype("<f4")
            attributes["TEXCOORD_0"] = self._accessor(values, _FLOAT, "VEC2", _VERTICES)
        elif surface.colors is not None:
            values = linear_colors(surface.colors).astype("<u2")
            attributes["COLOR_0"] = self._accessor(
                values, _SHORT, "VEC4", _VERTICES, normalized=True
            )
        small = len(surface.vertices) < 65535
        corners = surface.faces.reshape(-1).astype("<u2" if small else "<u4")
        indices = self._accessor(corners, _SHORT if small else _INT, "SCALAR", _INDICES)
        primitive = {"attributes": attributes, "indices": indices, "mode": 4}
        primitive["material"] = self._material(surface)
        mesh = self._new("meshes", {"name": name, "primitives": [primitive]})
        self._new("nodes", {"name": name, "mesh": mesh})

    def animate(self, seconds: float) -> None:
        """Shows the nodes one after the other, each for `seconds`: all others have no size."""
        nodes = self._tables["nodes"]
        count = len(nodes)
        channels: list[dict[str, Any]] = []
        samplers: list[dict[str, Any]] = []
        for k, node in enumerate(nodes):
            node["scale"] = [1.0, 1.0, 1.0] if k == 0 else [0.0, 0.0, 0.0]
            # Each node's track spans the whole clip: some players would cut shorter ones off.
            sizes = {0: 0.0, k: 1.0, k + 1: 0.0}
            sizes[count] = 1.0 if k == count - 1 else 0.0
            times = np.array(sorted(sizes), "<f4") * seconds
            scales = np.repeat([[sizes[n]] for n in sorted(sizes)], 3, axis=1).astype("<f4")
            span = {"min": [float(times[0])], "max": [float(times[-1])]}
            samplers.append(
                {
                    "input": self._accessor(times, _FLOAT, "SCALAR", None, **span),
                    "output": self._accessor(scales, _FLOAT, "VEC3", None),
                    "interpolation": "STEP",
                }
            )
            channels.append({"sampler": k, "target": {"node": k, "path": "scale"}})
        self._new("animations", {"name": "clip", "channels": channels, "samplers": samplers})

    def write(self, file: IO[bytes], recipe: str) -> None:
        """Writes it all, with the recipe's JSON in the extras."""
        document: dict[str, Any] = {
            "asset": {
                "version": "2.0",
                "generator": "PV3D visualizer",
                "extras": {PNG_KEY: json.loads(recipe)},
            },
            "scene": 0,
            "scenes": [{"nodes": list(range(len(self._tables["nodes"])))}],
            "buffers": [{"byteLength": self._size}],
        } | self._tables
        if self._unlit:
            document["extensionsUsed"] = ["KHR_materials_unlit"]
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._size
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", self._size, b"BIN\x00"))
        self._spool.seek(0)
        while block := self._spool.read(_COPIED_AT_ONCE):
            file.write(block)
