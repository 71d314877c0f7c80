import numpy as np
import pytest
import torch
import trimesh

from viz.errors import UserError
from viz.geometry import extract_mesh, isosurface, sigma_level
from viz.layouts import shots
from viz.render import Renderer
from viz.types import Display, Quality, RenderRequest, SessionState


def grid(resolution: int, box: float = 1.0) -> np.ndarray:
    axis = np.linspace(-box / 2, box / 2, resolution)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


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
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight
    assert np.abs(vertices).max() <= 0.5


def test_no_surface_names_the_densities_there_are():
    with pytest.raises(UserError, match="between"):
        isosurface(np.zeros((8, 8, 8), np.float32), sigma_level(10), 1.0)


@pytest.mark.parametrize("density", [0.01, 1.0, 10.0, 500.0])
def test_sigma_level_inverts_the_density(density):
    sigma = torch.tensor(sigma_level(density), dtype=torch.float64)
    assert torch.nn.functional.softplus(sigma - 1).item() == pytest.approx(density, rel=1e-6)


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


def test_extraction_can_be_abandoned(small_generator):
    def stop():
        raise KeyboardInterrupt

    with torch.inference_mode(), pytest.raises(KeyboardInterrupt):
        planes = torch.zeros(1, 3, 8, 16, 16)
        ws = torch.zeros(1, 6, 16)
        extract_mesh(small_generator, planes, ws, resolution=16, density=1.0, check=stop)
