"""Writers of small data sets and videos."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.tiny_frames import SIDE, frame_camera, frame_picture
from training.data.picture_files import encode_png


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder data set; `change` may edit the index before it is written."""

    def write(
        clips: int = 5,
        frames: int = 16,
        *,
        name: str = "set",
        extras: bool = False,
        change: Callable[[dict[str, Any]], object] = lambda index: None,
    ) -> Path:
        root = tmp_path / name
        entries = []
        for clip in range(clips):
            folder = root / f"{clip:06d}"
            folder.mkdir(parents=True)
            names = [f"{clip:06d}/{k:03d}.png" for k in range(frames)]
            for k, file in enumerate(names):
                (root / file).write_bytes(encode_png(frame_picture(clip, k)))
            cameras = [frame_camera(clip, k).numbers().tolist() for k in range(frames)]
            entry = {"name": f"{clip:06d}", "frames": names, "cameras": cameras}
            entries.append(entry | (_extras(root, clip, frames) if extras else {}))
        index = {"format": "pv3d-clips", "version": 1, "resolution": SIDE, "fps": 25}
        index |= {"depth_range": [2.0, 3.0], "clips": entries}
        change(index)
        (root / "dataset.json").write_text(json.dumps(index), "utf-8")
        return root

    return write


def _extras(root: Path, clip: int, frames: int) -> dict[str, Any]:
    """Depth that rises to the right, a mask of the left half, and numbers."""
    depth = np.tile(np.linspace(0, 65535, SIDE), (SIDE, 1)).astype(np.uint16)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, : SIDE // 2] = 255
    (root / f"{clip:06d}/depth.png").write_bytes(encode_png(depth))
    (root / f"{clip:06d}/mask.png").write_bytes(encode_png(mask))
    return {
        "depth": [f"{clip:06d}/depth.png"] * frames,
        "mask": [f"{clip:06d}/mask.png"] * frames,
        "identity": [float(clip), 1.0, 2.0],
        "motion": [0.5, float(clip)],
        "t": [k / 20 for k in range(frames)],
    }


@pytest.fixture
def zip_set() -> Callable[..., Path]:
    """Packs a folder data set beside itself."""

    def pack(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
        target = folder.with_suffix(".zip")
        with zipfile.ZipFile(target, "w", compression) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder).as_posix())
        return target

    return pack


@pytest.fixture
def write_video() -> Callable[..., Path]:
    """Writes H.264 with B-frames and a key frame every 12; frame k has the grey 12 + 5 k."""
    av = pytest.importorskip("av")

    def write(
        path: Path, frames: int = 20, width: int = 64, height: int = 64, fps: int = 25
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(
                "libx264", rate=fps, options={"crf": "4", "g": "12", "bf": "2"}
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for k in range(frames):
                grey = np.full((height, width, 3), 12 + 5 * k, np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return write


@pytest.fixture
def write_cameras() -> Callable[..., Path]:
    """Writes the published camera JSON of one video."""

    def write(path: Path, frames: int, clip: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [[f"{k:05d}.png", frame_camera(clip, k).numbers().tolist()] for k in range(frames)]
        path.write_text(json.dumps(rows), "utf-8")
        return path

    return write
