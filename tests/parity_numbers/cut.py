"""Cuts the numbers in this folder from the full set of the published implementation's:

    python tests/parity_numbers/cut.py PATH/TO/FULL/SET

Pictures and planes keep every so-manieth pixel, which their names say; points keep the first ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

STRIDES = {
    "planes_stride16": ("planes_stride128", 8),
    "image_raw": ("image_raw_stride8", 8),
    "depth": ("depth_stride8", 8),
    "image_stride4": ("image_stride32", 8),
    "fake_raw": ("fake_raw_stride8", 8),
    "fake_image_stride8": ("fake_image_stride32", 4),
}
FIRST = {"points": 64, "sigma": 64, "point_features": 8}


def cut(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The small set's arrays by their names."""
    found = {}
    for key, value in numbers.items():
        place, _, name = key.rpartition("/")
        if name in STRIDES:
            name, step = STRIDES[name]
            value = value[..., ::step, ::step]
        elif name in FIRST:
            value = value[: FIRST[name]]
        elif name == "names":
            value = value.astype(np.bytes_)
        found[f"{place}/{name}" if place else name] = value
    return found


def main(source: Path, target: Path) -> None:
    for path in sorted(source.glob("*.npz")):
        with np.load(path) as data:
            arrays = cut(dict(data))
        np.savez_compressed(target / path.name, allow_pickle=False, **arrays)
    for path in sorted(source.glob("state_names_*.json")):
        table = json.loads(path.read_text())
        (target / path.name).write_text(json.dumps(table, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
