"""Whoever gets an export reads nothing of the machine that it was made on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import export, finish
from viz.exports import embedding
from viz.exports.frame_options import FrameOptions, Movement, VideoOptions
from viz.exports.mesh_options import MeshOptions, PointOptions, SequenceOptions, VolumeOptions
from viz.exports.pictures import captures
from viz.exports.table import EXPORTERS, MeshSequenceOptions
from viz.state.types import Cue, Keyframe, Latent, Quality, SessionState

renderer = export_driver.renderer

FEW = Movement(frames=2)
SMALL = MeshOptions(resolution=64)
OPTIONS: dict[str, Any] = {
    "frames": FrameOptions(FEW),
    "video": VideoOptions(FEW),
    "mesh": SMALL,
    "mesh sequence": MeshSequenceOptions(SequenceOptions(2), SMALL),
    "points": PointOptions(count=100, resolution=64),
    "volume": VolumeOptions(64),
}


def secret_state(tmp_path: Path) -> SessionState:
    folder = tmp_path / "secret-project"
    folder.mkdir()
    np.save(folder / "anna.npy", np.zeros((1, 16), np.float32))
    latent = Latent(ws_file=str(folder / "anna.npy"))
    state = SessionState(
        str(folder / "model.ckpt"),
        latent,
        keyframes=(Keyframe(0.0, latent),),
        quality=Quality(mesh_level=0.3),
    )
    state.before = state.shot()
    state.cues = (Cue.of(state, note="secret-project"),)
    return state


def assert_silent(folder: Path) -> None:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    for path in paths:
        data = path.read_bytes()
        assert b"secret-project" not in data, path.name
        text = embedding.session_text(path) if path.suffix != ".npy" else None
        assert "secret-project" not in (text or ""), path.name


@pytest.mark.parametrize(
    "name,suffix",
    [(n, suffix) for n, exporter in EXPORTERS.items() for suffix in exporter.suffixes],
)
def test_exports_name_no_folders(renderer, tmp_path, name, suffix):
    state, out = secret_state(tmp_path), tmp_path / "out" / f"a{suffix}"
    export(renderer, name, state, OPTIONS.get(name) or EXPORTERS[name].options(), out)
    assert_silent(out.parent)
    if suffix not in ("", ".npy"):
        text = embedding.session_text(out)
        assert text is not None
        assert '"checkpoint": "model.ckpt"' in text
        assert "anna.npy" in text


@pytest.mark.parametrize("kind", ["picture", "raw", "depth", "window"])
def test_captures_name_no_folders(renderer, tmp_path, kind):
    state, path = secret_state(tmp_path), tmp_path / "out" / "a.png"
    if kind == "window":
        steps = captures.save_window(renderer, bytes(12), (2, 2), state, path)
    else:
        steps = captures.save(renderer, replace(state), kind, path)
    finish(steps)
    assert_silent(path.parent)
    opened = embedding.session_text(path)
    assert opened is not None
    assert '"weights"' in opened
