import copy
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from tests.viz.render.known_head import CENTER, RADIUS, known_head, radius_at
from viz.render.geometry import (
    DensityField,
    Grid,
    extract_mesh,
    head_finder,
    sigma_level,
    surface_steps,
)
from viz.render.geometry.bounds import BoxBounds
from viz.render.geometry.head_finder import find_head
from viz.render.geometry.surface import OUTSIDE, SurfaceBuilder
from viz.render.renderer import Renderer
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.layouts import shots
from viz.state.types import Display, Head, Preview, Quality, RenderRequest, SessionState


def grid(resolution: int, box: float = 1.0) -> np.ndarray:
    axis = np.linspace(-box / 2, box / 2, resolution)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def rough_planes(generator, scale: float = 4.0) -> torch.Tensor:
    """Planes without any order, so that surfaces are as crooked as they can be."""
    config, draws = generator.config, torch.Generator().manual_seed(3)
    shape = (1, 3, config.plane_channels, config.plane_resolution, config.plane_resolution)
    return scale * torch.randn(shape, generator=draws)


def sigma_grid(G, planes: torch.Tensor, resolution: int) -> np.ndarray:
    """Sigma [R, R, R] at the corners of a grid over the model's box, by the model itself."""
    points = torch.from_numpy(grid(resolution, G.config.rendering.box_warp)).float()
    sigma = G.sample(planes, points.reshape(1, -1, 3))[0]
    return sigma.reshape(points.shape[:3]).numpy()


def isosurface(sigma: np.ndarray, level: float, box: float) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a whole grid, from slabs of 16 layers."""
    builder = SurfaceBuilder(Grid.cube(box, len(sigma)))
    distance = np.pad(sigma - np.float32(level), 1, constant_values=OUTSIDE)
    for start in range(0, len(distance) - 1, 16):
        builder.add((start, 0, 0), distance[start : start + 17])
    return builder.finish()


def known_field() -> DensityField:
    head = known_head()
    return DensityField(head, head.planes(head.mapping(torch.zeros(1, 8)), None, None))


@pytest.mark.parametrize("resolution,box", [(33, 1.0), (48, 2.0)])
def test_sphere_lies_where_it_is(resolution, box):
    center, radius = np.array([0.1, -0.05, 0.15]) * box, 0.3 * box
    field = radius - np.linalg.norm(grid(resolution, box) - center, axis=-1)
    vertices, faces = isosurface(field.astype(np.float32), 0.0, box)
    voxel = box / (resolution - 1)
    assert np.abs(np.linalg.norm(vertices - center, axis=1) - radius).max() < voxel / 2
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03), "faces point outwards"


def test_off_centre_box_is_not_sheared():
    low, high = np.array([-0.4, -0.1, 0.05]), np.array([-0.1, 0.3, 0.42])
    points = grid(65)
    field = np.minimum(points - low, high - points).min(axis=-1)
    vertices, _ = isosurface(field.astype(np.float32), 0.0, 1.0)
    assert np.abs(vertices.min(axis=0) - low).max() < 0.5 / 64
    assert np.abs(vertices.max(axis=0) - high).max() < 0.5 / 64


def test_a_surface_that_leaves_the_box_is_closed():
    field = (0.2 - np.abs(grid(32)[..., 0])).astype(np.float32)  # a slab across the whole box
    vertices, faces = isosurface(field, 0.0, 1.0)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert np.allclose(mesh.extents, (0.4, 1, 1), atol=1e-6)
    assert mesh.volume == pytest.approx(0.4, rel=1e-4)


def test_seams_between_layers_neither_crack_nor_double():
    points = grid(50)
    waves = np.sin(23 * points[..., 0]) * np.sin(19 * points[..., 1]) * np.sin(29 * points[..., 2])
    vertices, faces = isosurface(waves.astype(np.float32), 0.05, 1.0)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    found = trimesh.Trimesh(*isosurface(-waves.astype(np.float32), -0.05, 1.0), process=False)
    assert mesh.volume + found.volume == pytest.approx(1, rel=1e-3), "inside and outside"


def test_values_on_the_level_leave_no_cracks():
    draws = np.random.default_rng(0)
    field = draws.integers(-1, 2, (20, 20, 20)).astype(np.float32)  # a third of them are 0
    vertices, faces = isosurface(field, 0.0, 1.0)
    assert trimesh.Trimesh(vertices, faces, process=False).is_winding_consistent
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] % 2 == 0).all()


def test_no_surface_names_the_densities_there_are():
    with pytest.raises(UserError, match="between"):
        finish(surface_steps(known_field(), Grid.cube(1.0, 20), sigma_level(1e6)))


@pytest.mark.parametrize("density", [0.01, 1.0, 10.0, 500.0])
def test_sigma_level_inverts_the_density(density):
    sigma = torch.tensor(sigma_level(density), dtype=torch.float64)
    assert torch.nn.functional.softplus(sigma - 1).item() == pytest.approx(density, rel=1e-6)


@pytest.mark.parametrize("compiles", [True, False])
def test_the_field_is_the_models_density(small_generator, compiles, monkeypatch):
    if not compiles:
        monkeypatch.setitem(sys.modules, "viz.render.inference.cpu.compiled_functions", None)
    planes = rough_planes(small_generator)
    points = torch.rand(3000, 3, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.6
    expected = small_generator.sample(planes, points[None])[0][0]
    field = DensityField(small_generator, planes)
    assert torch.allclose(field(points), expected, atol=2e-5)
    axis = torch.linspace(-0.5, 0.5, 9)
    whole = field.over(axis, axis[2:7], axis)
    reference = sigma_grid(small_generator, planes, 9)[:, 2:7]
    assert np.abs(whole.numpy() - reference).max() < 2e-5


@pytest.mark.parametrize("size,resolution", [(2, 40), (3, 70), (1, 30)])
def test_bounds_hold(small_generator, size, resolution):
    field = DensityField(small_generator, rough_planes(small_generator))
    shape = Grid.cube(1.0, resolution)
    axes = [shape.axis(k) for k in range(3)]
    sigma = field.over(*(torch.from_numpy(axis).float() for axis in axes)).numpy()
    count = -(-(resolution - 1) // size)
    boxes = np.stack(np.meshgrid(*[np.arange(count)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    known = 0
    for level in np.quantile(sigma, [0.01, 0.2, 0.5, 0.9, 0.999]):
        sides = BoxBounds(field, axes, size).sides(torch.from_numpy(boxes), float(level)).numpy()
        for (x, y, z), side in zip(boxes * size, sides, strict=True):
            part = sigma[x : x + size + 1, y : y + size + 1, z : z + size + 1]
            assert side <= 0 or part.min() > level
            assert side >= 0 or part.max() <= level
        known += (sides != 0).sum()
    assert known > 0, "something is decided"


@pytest.mark.parametrize("resolution", [40, 56])
def test_sparse_gives_the_mesh_of_the_whole_grid(small_generator, resolution):
    planes = rough_planes(small_generator)
    field, shape = DensityField(small_generator, planes), Grid.cube(1.0, resolution)
    reference = sigma_grid(small_generator, planes, resolution)
    for share in (0.02, 0.97):
        level = float(np.quantile(reference, share))
        vertices, faces = finish(surface_steps(field, shape, level))
        whole = finish(surface_steps(field, shape, level, sparse=False))
        assert np.array_equal(faces, whole[1])
        assert np.array_equal(vertices, whole[0])
        # And scikit-image alone, on one grid that G.sample filled.
        padded = np.pad(reference, 1, constant_values=level - 1)
        plain, plain_faces, _, _ = marching_cubes(padded, level)
        plain = ((plain - 1) / (resolution - 1) - 0.5).clip(-0.5, 0.5)
        distance, _ = KDTree(plain).query(vertices)
        # Where faces could be joined in several ways, a vertex lies within a cell.
        assert (distance < 1e-5).mean() > 0.99
        assert distance.max() < 0.5 / (resolution - 1)
        if share > 0.5:  # a surface that leaves the box has corners there, which are one vertex now
            assert (len(vertices), len(faces)) == (len(plain), len(plain_faces))
        one = trimesh.Trimesh(vertices, faces, process=False)
        other = trimesh.Trimesh(plain, plain_faces[:, ::-1], process=False)
        assert one.volume == pytest.approx(other.volume, rel=1e-4)


def test_sparse_looks_at_a_part_alone(monkeypatch):
    field = known_field()
    looked_at = []
    evaluate = DensityField.__call__

    def counting(self: DensityField, points: torch.Tensor) -> torch.Tensor:
        looked_at.append(points[..., 0].numel())
        return evaluate(self, points)

    monkeypatch.setattr(DensityField, "__call__", counting)
    vertices, _ = finish(surface_steps(field, Grid.cube(1.0, 128), sigma_level(10)))
    assert sum(looked_at) < 0.3 * 128**3
    distance = np.linalg.norm(vertices - CENTER, axis=1)
    assert np.abs(distance - radius_at(10)).max() < 0.25 / 127


def test_a_crop_box_cuts_exactly():
    field = known_field()
    crop = (-0.4, -0.1234, -0.4, 0.02, 0.4, 0.9)
    shape = Grid.cropped(1.0, 80, crop)
    assert shape is not None
    vertices, faces = finish(surface_steps(field, shape, sigma_level(10)))
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.volume > 0
    assert mesh.bounds[0][1] == pytest.approx(-0.1234, abs=1e-6)
    assert mesh.bounds[1][0] == pytest.approx(0.02, abs=1e-6)
    assert mesh.bounds[1][2] == pytest.approx(CENTER[2] + radius_at(10), abs=2e-3)
    assert Grid.cropped(1.0, 80, (0.6, 0, 0, 0.9, 1, 1)) is None


def test_nothing_that_dense_names_what_there_is(small_generator):
    field = DensityField(small_generator, rough_planes(small_generator))
    with pytest.raises(UserError, match="between"):
        finish(surface_steps(field, Grid.cube(1.0, 40), sigma_level(1e4)))


def test_mesh_of_a_generator(small_generator):
    state = SessionState(t=0.5, display=Display(view="mesh"))
    quality = Quality(mesh_resolution=24, mesh_level=0.3)
    with torch.inference_mode():
        renderer = Renderer(small_generator)
        mesh = renderer.render(RenderRequest(shots(state), quality)).meshes[0]
    assert mesh is not None
    assert mesh.vertices.shape == mesh.normals.shape == mesh.colors.shape
    assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
    faces = mesh.vertices[mesh.faces]
    flat = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    inside = (np.abs(mesh.vertices[mesh.faces]).max(axis=(1, 2)) < 0.45).ravel()
    agree = (flat * mesh.normals[mesh.faces[:, 0]]).sum(axis=1)[inside] > 0
    assert agree.mean() > 0.9, "faces and density gradient point the same way"


def test_a_mesh_is_coarser_only_in_previews_that_say_so(small_generator):
    request = RenderRequest(
        shots(SessionState(display=Display(view="mesh"))),
        Quality(mesh_resolution=128, mesh_level=0.3),
    )
    coarse = replace(request, preview=Preview(coarse_mesh=True))
    fine = replace(request, preview=Preview())
    with torch.inference_mode():
        renderer = Renderer(small_generator)
        found = [renderer.render(r).meshes[0] for r in (coarse, fine, request, coarse)]
    assert all(found)
    faces = [len(mesh.faces) for mesh in found if mesh]
    assert faces[0] < 0.7 * faces[1]
    assert faces[1:] == [faces[1]] * 3, "a preview takes the finer mesh where there is one"


def test_what_closes_a_surface_is_lit_as_flat(small_generator):
    planes = rough_planes(small_generator)
    with torch.inference_mode():
        mesh = extract_mesh(
            small_generator, planes, torch.zeros(1, 6, 16), resolution=40, density=0.5
        )
    corners = mesh.vertices[mesh.faces]
    cap = np.flatnonzero((corners[:, :, 1] == 0.5).all(axis=1))
    inner = [k for k in cap if (np.abs(corners[k][:, [0, 2]]) < 0.45).all()]
    assert inner
    middle = mesh.normals[mesh.faces[inner]][:, :, 1]
    assert np.median(middle) > 0.9


def test_extraction_can_be_abandoned(small_generator):
    def stop():
        raise KeyboardInterrupt

    with torch.inference_mode(), pytest.raises(KeyboardInterrupt):
        planes = torch.zeros(1, 3, 8, 16, 16)
        ws = torch.zeros(1, 6, 16)
        extract_mesh(small_generator, planes, ws, resolution=16, density=1.0, check=stop)


def test_the_head_is_found_where_it_is(small_generator):
    head = find_head(known_head())
    assert head.middle == pytest.approx(CENTER, abs=0.02)
    assert head.radius == pytest.approx(RADIUS, abs=0.03)
    empty = copy.deepcopy(small_generator)
    empty.decoder.get_parameter("net.2.bias")[0] = -50.0
    assert find_head(empty) == Head(), "nothing is there"
    empty.decoder.get_parameter("net.2.bias")[0] = float("nan")
    assert find_head(empty) == Head()


def test_a_wall_behind_the_head_is_no_part_of_it(monkeypatch):
    filled = head_finder.filled_cells(known_head())
    without = find_head(known_head())
    filled[:, :, :3] = True
    monkeypatch.setattr(head_finder, "filled_cells", lambda G: filled)
    assert find_head(known_head()) == without


def test_a_known_models_head_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(head_finder, "user_folder", lambda _: tmp_path)
    G = known_head()
    found = head_finder.cached_head(G, "mark")
    assert found == find_head(G)
    monkeypatch.setattr(head_finder, "find_head", None)
    assert head_finder.cached_head(G, "mark") == found
    next(tmp_path.rglob("*.json")).write_text("damaged")
    monkeypatch.setattr(head_finder, "find_head", lambda _: found)
    assert head_finder.cached_head(G, "mark") == found
