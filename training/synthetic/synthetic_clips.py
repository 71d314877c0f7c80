"""The data set format of clips: a folder, or an uncompressed zip, of PNG files and `dataset.json`.

`dataset.json`::

    {"format": "pv3d-clips", "version": 1, "resolution": 256, "fps": 25,
     "depth_range": [near, far],
     "clips": [{"name": "000000",
                "frames": ["000000/000.png", ...],        RGB, 8 bits
                "cameras": [[25 numbers], ...],           of each frame, see training.camera
                "t": [0.0, ...],                          timestep of each frame, 0 to 1
                "identity": [...], "motion": [...],       codes of the person and the motion
                "depth": ["000000/000_depth.png", ...],   grey, 16 bits
                "mask": ["000000/000_mask.png", ...],     coverage, grey, 8 bits
                "landmarks": [[[x, y] * 68], ...]}]}      0 to 1 across the picture, y down

All but name, frames and cameras may be missing. A depth value v means near + v / 65535 * (far -
near) world units along the unit ray of its pixel (not along the camera's axis), the mean over what
covers the pixel; that is what a volume renderer's expected depth approaches. Pixels that nothing
covers hold far.

While a data set is being made, every finished clip is a folder that holds `clip.json` besides its
pictures; a clip appears under its name at once, when all of it is written.
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
"""World units. Holds the box of ±0.5 for every camera on the published orbit."""

_COMPRESSION = 3
"""Of PNG: higher levels take three times as long and save a tenth."""


def encode_depth(distance: np.ndarray) -> np.ndarray:
    """Distances in world units as 16-bit values of DEPTH_RANGE, uint16 of the same shape."""
    near, far = DEPTH_RANGE
    share = np.clip((distance - near) / (far - near), 0, 1)
    return np.round(share * 65535).astype(np.uint16)


def write_clip(
    folder: Path, name: str, pictures: dict[str, list[np.ndarray]], record: dict[str, Any]
) -> None:
    """Write a clip so that it is there completely or not at all.

    Args:
        folder: the data set's folder.
        pictures: by key of the clip's record ("frames", "depth", "mask"), one a frame: uint8
            [H, W, 3], uint16 [H, W], uint8 [H, W].
        record: the other entries of the clip's record.
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
    """Write `dataset.json` from the finished clips among `names`; replaces an older one at once.

    Args:
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
    """Pack the data set in `folder` into the uncompressed zip `target`, then remove the folder.

    The same data set gives the same bytes.
    """
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
