"""Writes data sets in the format of `training.data.clips`.

A depth is the mean over the surface within a pixel, as a volume renderer's expected depth
approaches it; pixels that nothing covers hold far. While a data set is being made, every finished
clip is a folder with `clip.json` beside its pictures, which gets its name once it is complete.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data.clips import FORMAT, VERSION
from training.data.storage import stored
from training.replacing import replacing

DEPTH_RANGE = (1.8, 3.6)
"""World units; contains the box of ±0.5 for every camera on the published orbit."""

_COMPRESSION = 3
"""Level of PNG's compression; higher ones take three times as long and save a tenth."""


def encode_depth(distance: np.ndarray) -> np.ndarray:
    """Distances in world units as 16-bit values of DEPTH_RANGE, uint16 of the same shape."""
    near, far = DEPTH_RANGE
    share = np.clip((distance - near) / (far - near), 0, 1)
    return np.round(share * 65535).astype(np.uint16)


def write_clip(
    folder: Path, name: str, pictures: dict[str, list[np.ndarray]], record: dict[str, Any]
) -> None:
    """Writes a clip, whole or not at all.

    Args:
        folder: the data set's folder.
        name: of the clip.
        pictures: those of "frames", uint8 [H, W, 3], "depth", uint16 [H, W], and "mask", uint8
            [H, W], for each frame.
        record: the other entries of the clip.
    """
    part = folder / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    suffixes = {"frames": "", "depth": "_depth", "mask": "_mask"}
    entry: dict[str, Any] = {"name": name}
    for key, images in pictures.items():
        files = [f"{k:03d}{suffixes[key]}.png" for k in range(len(images))]
        for file, image in zip(files, images, strict=True):
            Image.fromarray(np.ascontiguousarray(image)).save(
                part / file, compress_level=_COMPRESSION
            )
        entry[key] = [f"{name}/{file}" for file in files]
    (part / "clip.json").write_text(json.dumps(entry | record))
    shutil.rmtree(folder / name, ignore_errors=True)
    part.replace(folder / name)


def is_finished(folder: Path, name: str) -> bool:
    return (folder / name / "clip.json").is_file()


def write_index(folder: Path, names: Iterable[str], header: dict[str, Any]) -> None:
    """Writes `dataset.json`, or replaces it.

    Args:
        folder: the data set's folder.
        names: of the clips; unfinished ones are left out.
        header: the entries besides format, version, depth_range and clips.
    """
    clips = [
        json.loads((folder / name / "clip.json").read_text())
        for name in names
        if is_finished(folder, name)
    ]
    index = {"format": FORMAT, "version": VERSION, "depth_range": DEPTH_RANGE, **header}
    with replacing(folder / "dataset.json") as part:
        part.write_text(json.dumps(index | {"clips": clips}))


def pack(folder: Path, target: Path, report: Callable[[float], None]) -> None:
    """Packs the data set in `folder` into the uncompressed zip `target`, then removes the folder.
    The same data set gives the same bytes."""
    index = json.loads((folder / "dataset.json").read_text())
    files = ["dataset.json"]
    for clip in index["clips"]:
        for key in ("frames", "depth", "mask"):
            files += clip.get(key, [])
    with replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for i, file in enumerate(files):
            report(i / len(files))
            archive.writestr(stored(file), (folder / file).read_bytes())
    shutil.rmtree(folder)
