"""Images and meshes on the GPU."""

from __future__ import annotations

import numpy as np
import pytest
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils.gl.mesh_view import MeshView
from gui_utils.gl.texture import Texture
from tests.gui_utils.conftest import Driver
from tests.gui_utils.gallery import look_at, sphere


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(7, 5), (8, 8), (1, 1)])
def test_texture_shows_its_pixels(driver: Driver, size: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    if channels == 4:
        pixels[..., 3] = 255
    texture = Texture("nearest")
    texture.update(np.zeros((3, 3, 3), np.uint8))
    texture.update(pixels)
    texture.update(pixels)
    height, width = size

    def draw() -> None:
        draw_list = imgui.get_foreground_draw_list()
        draw_list.add_image(texture.ref, (10, 20), (10 + width, 20 + height))

    driver.content = draw
    driver.frames(2)
    shown = driver.window.read_pixels()[20 : 20 + height, 10 : 10 + width]
    assert (texture.width, texture.height) == (width, height)
    assert np.array_equal(shown, pixels[..., :3])
    texture.delete()
    texture.delete()


def test_texture_takes_strided_pixels_and_refuses_others(driver: Driver) -> None:
    del driver
    texture = Texture()
    texture.update(np.zeros((4, 6, 3), np.uint8)[::2, ::-1])
    for wrong in (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8 pixels"):
            texture.update(wrong)
    with pytest.raises(ValueError, match="linear or nearest"):
        Texture("cubic")  # pyright: ignore[reportArgumentType]
    texture.delete()


def test_enlarged_pixels_are_squares(driver: Driver) -> None:
    texture = Texture("nearest")
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    texture.update(pixels)

    def draw() -> None:
        imgui.get_foreground_draw_list().add_image(texture.ref, (10, 20), (90, 100))

    driver.content = draw
    driver.frames(2)
    shown = driver.window.read_pixels()[20:100, 10:90]
    assert np.array_equal(shown, pixels.repeat(40, axis=0).repeat(40, axis=1))
    texture.delete()


@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("mode", ["shaded", "colored", "wireframe", "normals"])
def test_mesh_is_drawn_upright_in_every_mode(driver: Driver, mode: str, samples: int) -> None:
    del driver
    mesh = MeshView(samples=samples)
    vertices, faces, normals, colors = sphere(24)
    keep = vertices[faces].mean(1)[:, 1] > 0.05
    mesh.set_mesh(vertices, faces[keep], normals, colors)
    view, projected = look_at(0.0, 4.0, 1.0)
    eye = -view[:3, :3].T @ view[:3, 3]
    mesh.draw(projected, eye, size=(120, 120), mode=mode, background=(0, 0, 0, 1))
    pixels = mesh.read_pixels().astype(int).sum(-1)
    # Only the half with y above 0 is left: in the picture it is the upper one.
    assert (pixels[:60] > 60).mean() > 0.1
    assert (pixels[:60] > 60).sum() > 3 * (pixels[62:] > 60).sum()
    mesh.delete()
    mesh.delete()


def test_mesh_leaves_the_state_as_it_was(driver: Driver) -> None:
    del driver
    mesh = MeshView()
    gl.glEnable(gl.GL_SCISSOR_TEST)
    gl.glViewport(1, 2, 30, 40)
    mesh.set_mesh(*sphere(8))
    mesh.draw(np.eye(4, dtype=np.float32), np.zeros(3), size=(16, 16), mode="wireframe")
    assert gl.glIsEnabled(gl.GL_SCISSOR_TEST)
    assert not gl.glIsEnabled(gl.GL_DEPTH_TEST)
    assert list(gl.glGetIntegerv(gl.GL_VIEWPORT)) == [1, 2, 30, 40]
    assert int(gl.glGetIntegerv(gl.GL_FRAMEBUFFER_BINDING)) == 0
    assert int(gl.glGetIntegerv(gl.GL_VERTEX_ARRAY_BINDING)) == 0
    assert gl.glGetError() == gl.GL_NO_ERROR
    gl.glDisable(gl.GL_SCISSOR_TEST)
    mesh.delete()


def test_mesh_follows_changes_and_may_be_empty(driver: Driver) -> None:
    del driver
    mesh = MeshView()
    nothing = np.zeros((0, 3), np.float32)
    mesh.set_mesh(nothing, np.zeros((0, 3), np.int32), nothing)
    _, projected = look_at(0.0, 4.0, 1.0)
    mesh.draw(projected, np.zeros(3), size=(9, 7), background=(1, 0, 0, 1))
    assert mesh.read_pixels().reshape(-1, 3).tolist() == [[255, 0, 0]] * 63
    mesh.set_mesh(*sphere(8))
    mesh.draw(projected, np.array([0, 1, 4.0]), size=(9, 7), background=(1, 0, 0, 1))
    assert mesh.read_pixels()[3, 4].tolist() != [255, 0, 0]
    mesh.delete()


def test_broken_meshes_are_refused(driver: Driver) -> None:
    del driver
    mesh = MeshView()
    vertices, faces, normals, colors = sphere(4)
    with pytest.raises(ValueError, match="index vertices"):
        mesh.set_mesh(vertices, faces + 10**6, normals)
    with pytest.raises(ValueError, match="as many normals"):
        mesh.set_mesh(vertices, faces, normals[:3])
    with pytest.raises(ValueError, match="colors are"):
        mesh.set_mesh(vertices, faces, normals, colors[:, :2])
    with pytest.raises(ValueError, match="Unknown mode"):
        mesh.draw(np.eye(4), np.zeros(3), size=(4, 4), mode="x")
    mesh.delete()
