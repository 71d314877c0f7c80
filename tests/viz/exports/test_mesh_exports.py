import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pygltflib
import pytest
import torch
import trimesh

from tests.viz.render.known_head import CENTER, known_head, radius_at
from tests.viz.state.opened_sessions import open_session
from training.camera import FRONTAL
from viz.exports import embedding, writing
from viz.exports.mesh_options import (
    MeshOptions,
    MeshSequenceOptions,
    PointOptions,
    SequenceOptions,
    VolumeOptions,
)
from viz.exports.meshes import mesh_export, mesh_surface
from viz.exports.meshes.mesh_raster import depth_map, project
from viz.render.geometry import surface_colors
from viz.render.geometry.pieces import pieces, tidy
from viz.render.renderer import Renderer
from viz.state import session
from viz.state.errors import UserError
from viz.state.person import Motion
from viz.state.types import CLIP_SECONDS, Quality, SessionState

FAST = MeshOptions(resolution=64)
LEVEL = 7.0


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(known_head())


@pytest.fixture
def moving(small_generator) -> Renderer:
    """Of a model that moves, though nobody knows what it shows."""
    return Renderer(small_generator)


MOVING = SessionState(motion=Motion(3), quality=Quality(mesh_level=0.3))


def state() -> SessionState:
    return SessionState(t=0.0, motion=Motion(3), quality=Quality(mesh_level=LEVEL))


def run(steps):
    told = []
    with torch.inference_mode():
        while True:
            try:
                told.append(next(steps))
            except StopIteration as end:
                assert all(f is None or 0 <= f <= 1 for _, f in told)
                return end.value


def load_glb(path: Path) -> Any:
    """A file as pygltflib reads it, whose types allow anything to be missing."""
    return pygltflib.GLTF2().load(str(path))


def read_glb(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file's first mesh, by pygltflib."""
    found = load_glb(path)
    primitive = found.meshes[0].primitives[0]
    names = {k: v for k, v in vars(primitive.attributes).items() if isinstance(v, int)}
    return {name: array(found, index) for name, index in (names | {"f": primitive.indices}).items()}


def array(found: Any, index: int) -> np.ndarray:
    """An accessor's numbers [count, components]."""
    accessor = found.accessors[index]
    view = found.bufferViews[accessor.bufferView]
    kinds = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
    data = found.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor.type]
    numbers = np.frombuffer(data, kinds[accessor.componentType])
    return numbers.reshape(-1, width)[: accessor.count]


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces by a library other than the one that wrote them."""
    if path.suffix == ".glb":
        found = read_glb(path)
        return found["POSITION"], found["f"].reshape(-1, 3).astype(int)
    found = meshio.read(path)
    return found.points[:, :3], found.cells_dict["triangle"]


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear light as a screen shows it, 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("suffix", ["glb", "ply", "obj", "stl"])
def test_a_mesh_reads_back_as_the_model_shows_it(renderer, tmp_path, suffix):
    path = tmp_path / f"head.{suffix}"
    assert run(mesh_export.export_mesh(renderer, state(), FAST, path)) == path
    vertices, faces = read(path)
    if suffix == "stl":  # z up, and 100 mm large
        assert np.ptp(vertices, axis=0).max() == pytest.approx(100)
        vertices = (vertices * (1, -1, 1))[:, (0, 2, 1)] * 2 * radius_at(LEVEL) / 100
    assert np.abs(np.linalg.norm(vertices - CENTER, axis=1) - radius_at(LEVEL)).max() < 0.5 / 63
    mesh = trimesh.Trimesh(vertices, faces, process=suffix == "stl")
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    outward = ((mesh.triangles_center - CENTER) * mesh.face_normals).sum(axis=1)
    assert (outward > 0).all()
    # Drawn from the canonical camera it covers what the model shows.
    shot = replace(state().shot("raw"), camera=FRONTAL)
    raw = renderer.raw(shot, Quality(raw_resolution=128))
    opaque = raw.opacity[0, 0].numpy() > 0.5
    drawn = np.isfinite(depth_map(FRONTAL, vertices, faces, 128))
    assert (opaque & drawn).sum() / (opaque | drawn).sum() > 0.97


def test_an_stl_stands_upright_in_millimetres(renderer, tmp_path):
    """As slicers take it: z up, the face towards the front."""
    for name in ("a.ply", "a.stl"):
        options = replace(FAST, stl_size=60, crop=(-0.5, -0.5, -0.5, 0.5, 0.1, 0.1))
        run(mesh_export.export_mesh(renderer, state(), options, tmp_path / name))
    world, printed = read(tmp_path / "a.ply")[0], read(tmp_path / "a.stl")[0]
    low, high = world.min(axis=0), world.max(axis=0)
    scale = 60 / (high - low).max()
    assert np.allclose(printed.min(axis=0), np.array((low[0], -high[2], low[1])) * scale, atol=1e-3)
    assert np.allclose(
        printed.max(axis=0), np.array((high[0], -low[2], high[1])) * scale, atol=1e-3
    )


def test_all_stls_of_a_clip_have_one_scale(moving, tmp_path):
    sizes = {}
    for kind in ("ply", "stl"):
        sequence = SequenceOptions(3, format=kind)
        path = tmp_path / kind
        run(
            mesh_export.export_mesh_sequence(
                moving, MOVING, MeshSequenceOptions(sequence, FAST), path
            )
        )
        meshes = [read(path / f"frame_{k:04d}.{kind}")[0] for k in range(3)]
        sizes[kind] = [np.ptp(mesh, axis=0) for mesh in meshes]
    scales = [b[[0, 2, 1]] / a for a, b in zip(sizes["ply"], sizes["stl"], strict=True)]
    assert np.allclose(scales, scales[0], rtol=1e-4)
    assert sizes["stl"][0].max() == pytest.approx(100, rel=1e-4)


def test_vertex_colors_are_those_of_the_raw_picture(renderer, tmp_path):
    glb, ply = tmp_path / "head.glb", tmp_path / "head.ply"
    for path in (glb, ply):
        run(mesh_export.export_mesh(renderer, state(), FAST, path))
    found = read_glb(glb)
    assert found["COLOR_0"].dtype == np.uint16, "in linear light 8 bits show bands"
    colors = srgb(found["COLOR_0"][:, :3] / 65535)
    vertices, normals = found["POSITION"], found["NORMAL"]
    with torch.inference_mode():
        picture = renderer.raw(state().shot("raw"), Quality(raw_resolution=256)).image[0]
    shown = (picture.permute(1, 2, 0).numpy() * 0.5 + 0.5).clip(0, 1)
    places, _ = project(FRONTAL, vertices, 256)
    toward = FRONTAL.position - vertices
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    facing = (toward * normals).sum(axis=1) > 0.5
    column, row = places[facing].astype(int).T
    difference = np.abs(colors[facing] - shown[row, column])
    assert len(difference) > 1000
    assert difference.mean() < 0.03
    assert np.ptp(colors, axis=0).min() > 0.2, "the ball has colours"
    points = meshio.read(ply).point_data
    levels = np.stack([points[name] for name in ("red", "green", "blue")], axis=1)
    levels = levels.astype(np.uint8)  # meshio takes them for signed
    assert np.abs(levels / 255 - colors).max() < 1e-3
    assert np.allclose(np.stack([points[f"n{k}"] for k in "xyz"], axis=1), normals, atol=1e-6)


def test_smooth_normals_come_from_the_density(renderer, tmp_path):
    path = tmp_path / "head.glb"
    run(mesh_export.export_mesh(renderer, state(), FAST, path))
    found = read_glb(path)
    expected = found["POSITION"] - CENTER
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert ((found["NORMAL"] * expected).sum(axis=1) > 0.99).all()
    run(
        mesh_export.export_mesh(
            renderer, state(), replace(FAST, normals=False), path, overwrite=True
        )
    )
    assert "NORMAL" not in read_glb(path)


def test_fewer_triangles_keep_colors_normals_and_closedness(renderer, tmp_path):
    path = tmp_path / "head.glb"
    run(mesh_export.export_mesh(renderer, state(), replace(FAST, triangles=1500), path))
    vertices, faces = read(path)
    assert 1000 < len(faces) <= 1500
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight
    found = read_glb(path)
    expected = (vertices - CENTER) / np.linalg.norm(vertices - CENTER, axis=1, keepdims=True)
    assert ((found["NORMAL"] * expected).sum(axis=1) > 0.98).all()
    points, normals = (torch.from_numpy(x.copy()) for x in (vertices, found["NORMAL"]))
    shot, G = state().shot(), renderer.G
    with torch.inference_mode():
        planes = renderer.planes(shot, Quality())
        own = surface_colors(G, planes, renderer.ws(shot), points, normals).numpy()
    assert np.abs(srgb(found["COLOR_0"][:, :3] / 65535) - own).max() < 3 / 255


def test_folded_faces_go():
    faces = np.array([[0, 1, 2], [2, 1, 0], [3, 4, 5], [3, 3, 4]])
    assert mesh_surface.without_folds(faces).tolist() == [[3, 4, 5]]


def balls(*places: tuple[float, float, bool]) -> tuple[np.ndarray, np.ndarray]:
    """Spheres in one mesh: place on the x axis, radius, and whether it is the wall of a hollow."""
    parts = []
    for x, radius, hollow in places:
        part = trimesh.creation.icosphere(2, radius)
        part.apply_translation((x, 0, 0))
        if hollow:
            part.invert()
        parts.append(part)
    mesh: Any = trimesh.util.concatenate(parts)
    return mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)


@pytest.mark.parametrize(
    "largest,fill,left",
    [(True, True, 1), (True, False, 2), (False, True, 2), (False, False, 4)],
)
def test_pieces_that_are_kept(largest, fill, left):
    # A hollow ball with a crumb in its hollow, and another ball beside it.
    mesh = balls((0, 0.3, False), (0, 0.2, True), (0.02, 0.1, False), (0.5, 0.15, False))
    vertices, faces = tidy(*mesh, largest=largest, fill=fill)
    volumes = pieces(vertices, faces)[1]
    assert len(volumes) == left
    assert len(vertices) == faces.max() + 1
    assert volumes.max() == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=0.05)


def test_a_crop_box_cuts_the_file(renderer, tmp_path):
    path = tmp_path / "half.ply"
    options = replace(FAST, crop=(-1, -1, -1, 1, 0.05, 1))
    run(mesh_export.export_mesh(renderer, state(), options, path))
    vertices, faces = read(path)
    assert vertices[:, 1].max() == pytest.approx(0.05, abs=1e-6)
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight
    with pytest.raises(UserError, match="crop box"):
        far = replace(FAST, crop=(2, 2, 2, 3, 3, 3))
        run(mesh_export.export_mesh(renderer, state(), far, tmp_path / "none.ply"))


@pytest.mark.parametrize("name", ["a.glb", "a.ply", "a.obj", "a.stl"])
def test_meshes_restore_the_session(renderer, tmp_path, name):
    path = tmp_path / name
    assert embedding.session_text(tmp_path / "other.ply") is None
    run(mesh_export.export_mesh(renderer, state(), FAST, path))
    text = embedding.session_text(path)
    assert text is not None
    assert session.from_json(text) == state()
    assert open_session(path) == state()
    assert json.loads(text)["export"]["options"]["resolution"] == 64


@pytest.mark.parametrize("data", [b"", b"glTF", b"x" * 40, b"glTF" + bytes(40)])
def test_what_is_no_glb_says_so(tmp_path, data):
    path = tmp_path / "broken.glb"
    path.write_bytes(data)
    with pytest.raises(UserError, match="could not be read"):
        embedding.session_text(path)


def meshes_alone(renderer: Renderer, folder: Path, options: MeshOptions, times) -> list[np.ndarray]:
    """Vertices of moments that are exported one by one."""
    found = []
    for t in times:
        path = folder / f"alone_{t:.3f}.ply"
        run(mesh_export.export_mesh(renderer, replace(MOVING, t=t), options, path))
        found.append(read(path)[0])
    return found


def test_a_clip_becomes_an_animation(moving, tmp_path):
    path, options = tmp_path / "clip.glb", replace(FAST, largest=False)
    run(
        mesh_export.export_mesh_sequence(
            moving, MOVING, MeshSequenceOptions(SequenceOptions(4), options), path
        )
    )
    found = load_glb(path)
    assert len(found.meshes) == len(found.nodes) == len(found.scenes[0].nodes) == 4
    frames = [array(found, mesh.primitives[0].attributes.POSITION) for mesh in found.meshes]
    alone = meshes_alone(moving, tmp_path, options, [0, 1 / 3, 2 / 3, 1])
    assert all(np.array_equal(a, b) for a, b in zip(frames, alone, strict=True))
    assert len({frame.tobytes() for frame in frames}) == 4, "it moves"
    seconds = CLIP_SECONDS / 3
    clip = found.animations[0]
    for moment in (0.0, 0.5, 1.5, 2.2, 3.9):  # in frames
        shown = []
        for channel in clip.channels:
            sampler = clip.samplers[channel.sampler]
            assert sampler.interpolation == "STEP" and channel.target.path == "scale"
            times, scales = array(found, sampler.input)[:, 0], array(found, sampler.output)
            assert times[0] == 0 and times[-1] == pytest.approx(4 * seconds)
            assert (np.diff(times) > 0).all()
            at = np.searchsorted(times, moment * seconds + 1e-6, side="right") - 1
            if scales[at].all():
                shown.append(channel.target.node)
        assert shown == [int(moment)]
    assert [node.scale[0] for node in found.nodes] == [1, 0, 0, 0]
    assert open_session(path) == MOVING


def test_a_clip_becomes_numbered_files(moving, tmp_path):
    path, options = tmp_path / "clip", replace(FAST, largest=False)
    three, two = SequenceOptions(3), SequenceOptions(2, format="obj")
    run(mesh_export.export_mesh_sequence(moving, MOVING, MeshSequenceOptions(three, options), path))
    names = ["frame_0000.ply", "frame_0001.ply", "frame_0002.ply", "session.json"]
    assert sorted(p.name for p in path.iterdir()) == names
    assert list(tmp_path.iterdir()) == [path]
    alone = meshes_alone(moving, tmp_path, options, [0, 0.5, 1])
    assert all(np.array_equal(read(path / n)[0], a) for n, a in zip(names, alone, strict=False))
    assert open_session(path) == MOVING == open_session(path / names[1])
    for mine in ("notes.txt", "frame_0002.png"):  # such as another export's frames
        (path / mine).write_text("mine")
    with pytest.raises(writing.ExistsError):
        run(
            mesh_export.export_mesh_sequence(
                moving, MOVING, MeshSequenceOptions(two, options), path
            )
        )
    run(
        mesh_export.export_mesh_sequence(
            moving, MOVING, MeshSequenceOptions(two, options), path, overwrite=True
        )
    )
    names = ["frame_0000.obj", "frame_0001.obj", "frame_0002.png", "notes.txt", "session.json"]
    assert sorted(p.name for p in path.iterdir()) == names


def test_points_lie_on_the_surface(renderer, tmp_path):
    path = tmp_path / "points.ply"
    options = PointOptions(count=5000, resolution=64)
    run(mesh_export.export_points(renderer, state(), options, path))
    found = meshio.read(path)
    away = found.points - CENTER
    distance = np.linalg.norm(away, axis=1)
    assert len(away) == 5000
    assert np.abs(distance - radius_at(LEVEL)).max() < 0.5 / 63
    normals = np.stack([found.point_data[f"n{k}"] for k in "xyz"], axis=1)
    assert ((normals * away).sum(axis=1) / distance > 0.99).all()
    octants = np.bincount((away > 0) @ (1, 2, 4), minlength=8)
    assert np.abs(octants / 5000 - 1 / 8).max() < 0.01, "evenly spread"
    assert open_session(path) == state()


@pytest.mark.parametrize("half", [False, True])
def test_a_volume_says_where_it_lies(renderer, tmp_path, half):
    path = tmp_path / "density.npy"
    run(mesh_export.export_volume(renderer, state(), VolumeOptions(64, half=half), path))
    volume = np.load(path)
    about = json.loads((tmp_path / "density.json").read_text())
    assert volume.shape == (64, 64, 64) and volume.dtype == (np.float16 if half else np.float32)
    index = np.argwhere(volume > LEVEL)
    world = (
        index @ np.array(about["index_to_world"])[:3, :3] + np.array(about["index_to_world"])[:3, 3]
    )
    assert np.abs(world.mean(axis=0) - CENTER).max() < 0.002
    assert np.linalg.norm(world - CENTER, axis=1).max() < radius_at(LEVEL) + 1e-3
    text = embedding.session_text(path)
    assert text is not None and session.from_json(text) == state()


def test_what_exists_is_not_replaced_unasked(renderer, tmp_path):
    path = tmp_path / "head.obj"
    run(mesh_export.export_mesh(renderer, state(), FAST, path))
    old = path.read_bytes()
    with pytest.raises(writing.ExistsError, match="exists"):
        run(mesh_export.export_mesh(renderer, state(), replace(FAST, triangles=500), path))
    assert path.read_bytes() == old
    path.unlink()  # what belongs to it is a user's, too
    with pytest.raises(writing.ExistsError, match=r"head\.obj\.session\.json"):
        run(mesh_export.export_mesh(renderer, state(), FAST, path))


TWO_MESHES = MeshSequenceOptions(SequenceOptions(2), FAST)
EXPORTS = {
    "head.glb": lambda r, p: mesh_export.export_mesh(r, state(), FAST, p),
    "head.obj": lambda r, p: mesh_export.export_mesh(r, state(), FAST, p),
    "head.stl": lambda r, p: mesh_export.export_mesh(r, state(), replace(FAST, triangles=900), p),
    "clip.glb": lambda r, p: mesh_export.export_mesh_sequence(r, state(), TWO_MESHES, p),
    "clip": lambda r, p: mesh_export.export_mesh_sequence(r, state(), TWO_MESHES, p),
    "points.ply": lambda r, p: mesh_export.export_points(
        r, state(), PointOptions(count=100, resolution=64), p
    ),
    "volume.npy": lambda r, p: mesh_export.export_volume(r, state(), VolumeOptions(64), p),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_cancelling_leaves_nothing(renderer, tmp_path, name):
    count = 0
    with torch.inference_mode():
        for _ in EXPORTS[name](renderer, tmp_path / "whole" / name):
            count += 1
        for stop in (1, 2, count // 2, count - 2):
            left = tmp_path / f"cut after {stop} of {count}"
            steps = EXPORTS[name](renderer, left / name)
            gone = sum(1 for _ in zip(range(stop), steps, strict=False))
            steps.close()
            if gone == stop:  # or else another process was quicker this time, and all is written
                assert not left.exists() or not any(left.iterdir())


@pytest.mark.parametrize("name", EXPORTS)
def test_a_full_disk_leaves_nothing(renderer, tmp_path, name, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    if name == "clip":  # its files have been written when the folder takes its name
        monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(UserError, match="no space left on device"):
        run(EXPORTS[name](renderer, tmp_path / name))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPORTS)
def test_a_place_that_cannot_be_written_says_so(renderer, tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be saved"):
        run(EXPORTS[name](renderer, tmp_path / "file" / name))


def test_nothing_at_that_density(renderer, tmp_path):
    with pytest.raises(UserError, match="between"):
        options = replace(FAST, level=1e5)
        run(mesh_export.export_mesh(renderer, state(), options, tmp_path / "a.glb"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options,name,said",
    [
        (MeshOptions(resolution=10), "a.glb", "resolution"),
        (MeshOptions(), "a.fbx", "must end in"),
        (MeshOptions(), "a", "must end in"),
        (MeshOptions(texture="atlas"), "a.ply", "cannot go into"),
        (MeshOptions(triangles=3), "a.glb", "triangles"),
        (MeshOptions(crop=(0, 0, 0, 1, 0, 1)), "a.glb", "crop box"),
        (MeshOptions(level=-1), "a.glb", "level is -1; it must lie between 1e-06"),
        (MeshOptions(stl_size=0), "a.stl", "stl_size is 0"),
    ],
)
def test_options_that_cannot_be(renderer, tmp_path, options, name, said):
    with pytest.raises(UserError, match=said):
        run(mesh_export.export_mesh(renderer, state(), options, tmp_path / name))
