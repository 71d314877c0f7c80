import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from PIL import Image
from scipy.spatial import KDTree

from tests.viz.render.known_head import CENTER, known_head, radius_at
from training.camera import FRONTAL, Camera
from training.networks.generator import Generator
from training.networks.layers import FullyConnected
from viz.exports.mesh_options import MeshOptions
from viz.exports.meshes import mesh_export, mesh_files, mesh_texture
from viz.exports.meshes.mesh_raster import coverage, depth_map, project
from viz.exports.meshes.mesh_surface import Surface
from viz.render.renderer import Renderer
from viz.state.jobs import finish
from viz.state.types import Quality, SessionState

STATE = SessionState(quality=Quality(mesh_level=7.0, depth_samples=24, importance_samples=24))
OPTIONS = MeshOptions(
    resolution=64, triangles=1500, texture="atlas", texture_size=256, texture_spread=40
)


def run(steps):
    with torch.inference_mode():
        return finish(steps)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Folder with one textured surface as GLB and as OBJ."""
    folder = tmp_path_factory.mktemp("textured")
    renderer = Renderer(known_head())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh_texture, "_LEAST_PICTURE", 64)
        run(mesh_export.export_mesh(renderer, STATE, OPTIONS, folder / "head.glb"))
        with torch.inference_mode():
            steps = mesh_export.export_mesh(renderer, STATE, OPTIONS, folder / "head.obj")
            told = [fraction for _, fraction in steps if fraction is not None]
        assert told == sorted(told), "progress must not go back"
        assert len(told) > 20
    return folder


def glb_parts(path: Path):
    """Vertices, faces, uv and the embedded picture, by pygltflib."""
    found = pygltflib.GLTF2().load(str(path))
    assert found is not None
    blob = found.binary_blob()
    assert blob is not None

    def view(index: int | None) -> bytes:
        assert index is not None
        part = found.bufferViews[index]
        return blob[part.byteOffset or 0 : (part.byteOffset or 0) + part.byteLength]

    primitive = found.meshes[0].primitives[0]
    names = primitive.attributes
    assert names.COLOR_0 is None, "it would tint the texture"
    assert primitive.indices is not None and names.POSITION is not None
    assert names.TEXCOORD_0 is not None
    vertices = view(found.accessors[names.POSITION].bufferView)
    uv = view(found.accessors[names.TEXCOORD_0].bufferView)
    faces = view(found.accessors[primitive.indices].bufferView)
    count = found.accessors[primitive.indices].count
    picture = Image.open(io.BytesIO(view(found.images[0].bufferView)))
    material = json.loads(found.to_json())["materials"][0]
    assert material["pbrMetallicRoughness"]["baseColorTexture"]["index"] == 0
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert "KHR_materials_unlit" in material["extensions"]
    return (
        np.frombuffer(vertices, "<f4").reshape(-1, 3),
        np.frombuffer(faces, "<u2")[:count].reshape(-1, 3).astype(int),
        np.frombuffer(uv, "<f4").reshape(-1, 2),
        np.asarray(picture.convert("RGB")),
    )


@pytest.mark.parametrize("yaw", [0, 25])
def test_a_textured_head_looks_like_the_picture(exported, yaw):
    vertices, faces, uv, texture = glb_parts(exported / "head.glb")
    assert texture.shape == (256, 256, 3)
    assert uv.min() >= 0 and uv.max() <= 1
    camera = Camera.orbit(yaw)
    renderer = Renderer(known_head())
    shot = replace(STATE.shot("raw"), camera=camera)
    with torch.inference_mode():
        picture = renderer.raw(shot, Quality(raw_resolution=128)).image[0]
    shown = (picture.permute(1, 2, 0).numpy() * 0.5 + 0.5).clip(0, 1)
    corners = vertices[faces].astype(np.float64)
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = corners.mean(axis=1)
    toward = camera.position - middle
    cosine = (outward * toward).sum(axis=1)
    cosine /= np.linalg.norm(outward, axis=1) * np.linalg.norm(toward, axis=1)
    assert (((middle - CENTER) * outward).sum(axis=1) > 0).all()
    pixels = project(camera, middle, 128)[0]
    facing = (cosine > 0.6) & (pixels > 0).all(axis=1) & (pixels < 128).all(axis=1)
    column, row = pixels[facing].astype(int).T
    u, v = (uv[faces[facing]].mean(axis=1) * 256).astype(int).T
    difference = np.abs(texture[v, u] / 255 - shown[row, column])
    assert facing.sum() > 200
    assert difference.mean() < 0.03
    assert np.ptp(texture[v, u], axis=0).min() > 50


def test_an_obj_brings_its_material_and_texture(exported):
    names = ["head.mtl", "head.obj", "head.obj.session.json", "head.png"]
    assert sorted(p.name for p in exported.iterdir() if p.suffix != ".glb") == names
    _, _, uv, texture = glb_parts(exported / "head.glb")
    assert np.array_equal(np.asarray(Image.open(exported / "head.png")), texture)
    found = meshio.read(exported / "head.obj")
    assert np.allclose(found.point_data["obj:vt"], uv * (1, -1) + (0, 1), atol=1e-6)
    assert "mtllib head.mtl" in (exported / "head.obj").read_text()
    assert "map_Kd head.png" in (exported / "head.mtl").read_text()
    mesh: Any = trimesh.load(exported / "head.obj", force="mesh", process=False)
    assert np.array_equal(np.asarray(mesh.visual.material.image.convert("RGB")), texture)


@pytest.mark.parametrize("name", ["my head.obj", " head  of\u00a0anna .obj", "a\tb.obj"])
def test_spaces_in_a_name_keep_the_texture(tmp_path, name):
    """Readers such as tinyobjloader end the names of materials and pictures at a space."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    texture = np.full((4, 4, 3), 200, np.uint8)
    faces = np.array([[0, 1, 2]], np.int32)
    surface = Surface(corners, faces, uv=corners[:, :2], texture=texture)
    for _ in mesh_files.write_mesh(surface, tmp_path / name, "{}"):
        pass
    lines = (tmp_path / name).read_text().splitlines()
    (material,) = (line.split() for line in lines if line.startswith("mtllib"))
    assert len(material) == 2
    lines = (tmp_path / material[1]).read_text().splitlines()
    (picture,) = (line.split() for line in lines if line.startswith("map_Kd"))
    assert len(picture) == 2
    with Image.open(tmp_path / picture[1]) as found:
        assert np.array_equal(np.asarray(found), texture)
    assert {tmp_path / material[1], tmp_path / picture[1]} <= {
        *mesh_files.files_of(tmp_path / name)
    }


def test_triangles_cover_the_pixels_in_them():
    draws = np.random.default_rng(0)
    corners = draws.uniform(-5, 45, (30, 3, 2)) * draws.choice([0.1, 1], (30, 1, 1))
    found = np.zeros((30, 40 * 30), int)
    for triangle, pixel, weights in coverage(corners, 40, 30):
        np.add.at(found, (triangle, pixel), 1)
        places = np.stack([pixel % 30 + 0.5, pixel // 30 + 0.5], axis=1)
        assert np.allclose((weights[..., None] * corners[triangle]).sum(axis=1), places)
    assert found.max() == 1, "each pixel comes once"
    y, x = np.indices((40, 30)) + 0.5
    for k, (a, b, c) in enumerate(corners):
        sides = [
            (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
            for p, q in ((a, b), (b, c), (c, a))
        ]
        inside = (np.min(sides, axis=0) > 0) | (np.max(sides, axis=0) < 0)
        assert np.array_equal(found[k].reshape(40, 30) > 0, inside)


def test_a_depth_map_shows_the_near_side():
    ball = trimesh.creation.icosphere(3, radius_at(7))
    ball.apply_translation(CENTER)
    depth = depth_map(FRONTAL, ball.vertices, ball.faces, 64)
    assert np.nanmin(depth) == pytest.approx(2.7 - CENTER[2] - radius_at(7), abs=2e-3)
    seen = np.isfinite(depth)
    rows, columns = np.nonzero(seen)
    x, y = project(FRONTAL, CENTER[None], 64)[0][0]
    assert columns.mean() + 0.5 == pytest.approx(x, abs=0.2)
    assert rows.mean() + 0.5 == pytest.approx(y, abs=0.2)


def test_what_no_picture_shows_changes_as_its_surroundings_do():
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3)).astype(np.float32)
    own = np.where(places[:, :1] < 0, 200, 20).astype(np.float32).repeat(3, axis=1)
    change = np.where(places[:, :1] < 0, [-50, 0, 30], [0, 9, 0]).astype(np.float32)
    learned = mesh_texture.ColorChange(places, own, change)
    among = np.array([[-0.2, 0, 0], [-0.02, 0, 0], [0.02, 0, 0]], np.float32)
    found = learned.at(among, np.array([[200] * 3, [200] * 3, [20] * 3], np.float32))
    assert np.abs(found - [[-50, 0, 30], [-50, 0, 30], [0, 9, 0]]).max() < 5
    unlike = learned.at(np.array([[3, 0, 0], [-0.2, 0, 0]], np.float32), np.full((2, 3), 255.0))
    assert np.abs(unlike[0]).max() < 1e-3, "far from all pictures colours stay"
    nothing = np.zeros((0, 3), np.float32)
    assert (mesh_texture.ColorChange(nothing, nothing, nothing).at(among, among) == 0).all()


def test_pictures_are_not_trusted_where_their_background_shows_through():
    ball = trimesh.creation.icosphere(3, radius_at(7))
    ball.apply_translation(CENTER)
    surface = Surface(ball.vertices.astype(np.float32), ball.faces)

    def trust(G: Generator) -> np.ndarray:
        with torch.inference_mode():
            view = mesh_texture.view_from(Renderer(G), STATE, surface, FRONTAL)
        return view.trust

    solid, fog = known_head(), known_head()
    sigma = fog.decoder.net[2]
    assert isinstance(sigma, FullyConnected)
    sigma.weight[0], sigma.bias[0] = 0, 1  # half opaque all through the box
    x, y = (project(FRONTAL, CENTER[None], 1)[0][0] * len(trust(solid))).astype(int)
    assert trust(solid)[y, x] > 0.95
    assert trust(solid)[2, 2] == 0
    assert trust(fog).max() == 0


def test_a_head_that_no_picture_shows_clearly_has_its_own_colors(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh_texture, "_LEAST_PICTURE", 64)
    monkeypatch.setattr(mesh_texture, "_ENOUGH", np.inf)
    run(mesh_export.export_mesh(Renderer(known_head()), STATE, OPTIONS, tmp_path / "head.glb"))
    vertices, _, uv, texture = glb_parts(tmp_path / "head.glb")
    plain = replace(OPTIONS, texture="vertex")
    run(mesh_export.export_mesh(Renderer(known_head()), STATE, plain, tmp_path / "plain.ply"))
    mesh: Any = trimesh.load(tmp_path / "plain.ply", process=False)
    _, nearest = KDTree(mesh.vertices).query(vertices)
    u, v = (uv * 255.999).astype(int).T
    assert np.abs(texture[v, u] - mesh.visual.vertex_colors[nearest, :3].astype(float)).mean() < 12


def test_colors_spread_over_what_is_not_known():
    picture = np.zeros((50, 37, 3), np.float32)
    known = np.zeros((50, 37), bool)
    picture[:10, :10], known[:10, :10] = 200, True
    picture[40:, 30:], known[40:, 30:] = 50, True
    filled = mesh_texture.spread_colors(picture, known)
    assert np.array_equal(filled[known], picture[known])
    assert filled.min() >= 49.9 and filled.max() <= 200.1
    assert np.abs(filled[:12, :10] - 200).max() < 1, "neighbours take the nearest colour"
    assert np.array_equal(mesh_texture.spread_colors(picture, np.zeros_like(known)), picture)


def test_charts_grow_by_their_own_colors():
    picture = np.zeros((8, 9, 3), np.float32)
    known = np.zeros((8, 9), bool)
    picture[:, :3], known[:, :3] = 200, True
    picture[:, 6:], known[:, 6:] = 50, True
    found, then = mesh_texture.grown(picture, known)
    assert (found[:, :4] == 200).all() and (found[:, 5:] == 50).all()
    assert then[:, [3, 5]].all() and not then[:, 4].any()
