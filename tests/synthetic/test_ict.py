"""Reading the morphable model: everything that can be wrong with it, without having it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.synthetic import ict
from training.synthetic.ict import ModelError, MorphableModel, load_model, write_compact


@pytest.fixture
def tiny() -> MorphableModel:
    """A made-up model of 90 vertices."""
    rng = np.random.default_rng(0)
    return MorphableModel(
        vertices=rng.standard_normal((90, 3)).astype(np.float32),
        triangles=rng.integers(0, 90, (40, 3)).astype(np.int32),
        labels=rng.integers(0, len(ict.PARTS), 90).astype(np.uint8),
        identities=rng.standard_normal((4, 90, 3)).astype(np.float32),
        expressions={"jawOpen": rng.standard_normal((90, 3)).astype(np.float32)},
        landmarks=np.arange(68, dtype=np.int32),
    )


def test_compact_file_round_trips(tiny: MorphableModel, tmp_path: Path):
    write_compact(tiny, tmp_path / "model.npz")
    read = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(read.vertices, tiny.vertices)
    np.testing.assert_array_equal(read.triangles, tiny.triangles)
    np.testing.assert_allclose(read.identities, tiny.identities, rtol=1e-3)
    np.testing.assert_allclose(
        read.expressions["jawOpen"], tiny.expressions["jawOpen"], rtol=1e-3, atol=2e-4
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarks": np.arange(67)}, "landmarks has the shape"),
        ({"landmarks": np.full(68, 90)}, "landmarks names vertices"),
        ({"tri": np.full((5, 3), -1)}, "tri names vertices"),
        ({"label": np.zeros(8, np.uint8)}, "label has the shape"),
        ({"v": np.full((90, 3), np.nan)}, "not finite"),
        ({"part_names": np.array(["nose"])}, "other parts"),
        ({"ex_names": np.array(["a", "b"])}, "names for 2 expressions"),
        ({"id_delta": None}, "lacks id_delta"),
    ],
)
def test_wrong_compact_files_are_refused(
    tiny: MorphableModel, tmp_path: Path, change: dict[str, np.ndarray | None], message: str
):
    path = tmp_path / "model.npz"
    write_compact(tiny, path)
    with np.load(path) as file:
        data = {**file, **change}
    np.savez(path, **{name: array for name, array in data.items() if array is not None})
    with pytest.raises(ModelError, match=message):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 cut"])
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(path)


def test_absent_and_empty_places_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="does not exist"):
        load_model(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"not a checkout.*generic_neutral_mesh.*61 more files"):
        load_model(tmp_path)


def _write_mesh(path: Path, vertices: np.ndarray, faces: list[tuple[int, ...]]) -> None:
    lines = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertices]
    lines += ["vt 0 0"]
    lines += ["f " + " ".join(f"{i + 1}/1" for i in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


def test_checkout_becomes_the_compact_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ict, "IDENTITIES", 1)
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    vertices = np.random.default_rng(0).standard_normal((ict.VERTICES + 5, 3)).round(4)
    dropped = ict.PARTS["sclera_L"][0], 25000, 25001  # 25000 is in a part that is left out
    faces = [(0, 1, 2, 3), (9409, 9410, 9411), dropped]
    for name, moved in (("generic_neutral_mesh", 0), ("identity000", 1), ("jawOpen", 2)):
        _write_mesh(folder / f"{name}.obj", vertices + moved, faces)
    (folder / "vertex_indices.json").write_text(
        json.dumps({"idx_to_landmark_verts": list(range(68))})
    )
    compact = ict.cached_compact(tmp_path, tmp_path / "cache")
    assert compact == ict.cached_compact(tmp_path, tmp_path / "cache")
    model = load_model(compact)
    assert len(model.triangles) == 3
    np.testing.assert_allclose(model.vertices[:100], vertices[:100], atol=1e-4)
    np.testing.assert_allclose(model.identities, 1, atol=1e-3)
    np.testing.assert_allclose(model.expressions["jawOpen"], 2, atol=2e-3)
    (folder / "identity000.obj").write_text("v 1 2 3\n")
    with pytest.raises(ModelError, match="has 1 vertices"):
        load_model(tmp_path)
