"""Two models in one request: each picture is that of its model alone, and neither disturbs the
other's caches."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from tests.viz.render.second_models import another
from training.config import GeneratorConfig
from training.perceptual import flip
from viz.render.comparing import figures, side_by_side
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.comparing.comparison import Comparison, Figures
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.maps.map_settings import MapSettings
from viz.state.person import Latent
from viz.state.types import Display, Orbit, Preview, Probe, Quality, RenderRequest, SessionState


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture
def both(small_config: GeneratorConfig) -> tuple[Renderer, Renderer]:
    first, second = (Renderer(another(small_config, seed)) for seed in (2, 3))
    first.beside = {"one": first, "two": second}
    return first, second


def comparing(weights: str = "two", **changes) -> SessionState:
    display = changes.pop("display", Display())
    state = SessionState(t=0.5, compare=Comparison("/b", weights=weights), **changes)
    state.display = replace(display, layout="models")
    return state


def pictures(renderer: Renderer, request: RenderRequest) -> list[np.ndarray]:
    """The two pictures of a request."""
    found = [p for p in side_by_side.render(renderer, request).pictures if p is not None]
    assert len(found) == 2
    return found


def agree(pair: list[np.ndarray]) -> bool:
    return np.array_equal(pair[0], pair[1])


def alone(renderer: Renderer, request: RenderRequest, index: int) -> np.ndarray:
    """A shot's picture by a renderer that never saw another model."""
    shot = replace(request.shots[index], model="")
    found = Renderer(renderer.G).render(replace(request, shots=(shot,), probe=None)).pictures[0]
    assert found is not None
    return found


@pytest.mark.parametrize("view", ["image", "raw", "normals"])
@pytest.mark.parametrize("preview", [None, Preview(0.5, 0.5)])
def test_each_picture_is_that_of_its_model_alone(both, view, preview):
    state = comparing(display=Display(view=view), orbit=Orbit(yaw=20))
    request = replace(layouts.full_request(state), preview=preview)
    result = side_by_side.render(both[0], request)
    assert result.request == request
    for index, renderer in enumerate(both):
        picture = result.pictures[index]
        assert picture is not None
        assert np.array_equal(picture, alone(renderer, request, index))
    assert not agree(pictures(both[0], request))
    assert result.total_ms > 0
    assert set(result.stage_ms) >= {"mapping", "planes", "render"}


def test_an_orbit_with_both_runs_no_stage_again(both):
    for yaw in range(4):
        side_by_side.render(both[0], layouts.full_request(comparing(orbit=Orbit(yaw=5.0 * yaw))))
    for renderer in both:
        runs = renderer.stage_runs
        assert (runs["mapping"], runs["planes"]) == (1, 1)
        assert (runs["render"], runs["superresolution"]) == (4, 4)


def test_the_same_file_on_both_sides_shares_all_but_the_truncation(both):
    first, _ = both
    state = comparing("one")
    assert agree(pictures(first, layouts.full_request(state)))
    assert first.stage_runs["planes"] == 1
    state.compare = Comparison("/b", 0.5, "one")
    assert not agree(pictures(first, layouts.full_request(state)))
    assert first.stage_runs["planes"] == 2


def test_both_depths_have_the_range_of_the_first(both):
    first, second = both
    state = comparing(display=Display(view="depth"))
    request = layouts.full_request(state)
    result = side_by_side.render(first, request)
    own = first.depth_range(request.shots[0].camera, None)
    assert result.map_ranges == (own, own)
    chosen = replace(request, maps=MapSettings(depth_range=own))
    assert np.array_equal(pictures(first, request)[1], alone(second, chosen, 1))


def test_meshes_values_and_a_layer_come_in_their_order(both):
    state = comparing(display=Display(view="mesh"))
    state.quality = Quality(mesh_resolution=16, mesh_level=0.01)
    result = side_by_side.render(both[0], layouts.full_request(state))
    assert result.pictures == (None, None)
    assert result.meshes[0] is not None
    assert result.meshes[1] is not None
    assert result.meshes[0].vertices.shape != result.meshes[1].vertices.shape
    layer = "backbone.synthesis.b8.conv1"
    request = replace(layouts.full_request(comparing()), values=True, probe=Probe(layer))
    result = side_by_side.render(both[0], request)
    assert [values.depth.shape for values in result.values if values] == [(16, 16)] * 2
    assert result.probe is not None


def test_a_model_of_other_sizes_shows_what_it_can(small_config, tmp_path):
    first = Renderer(another(small_config))
    second = Renderer(another(small_config, 3, w_dim=8, z_dim=8, motion_dim=0))
    first.beside = {"two": second}
    np.save(tmp_path / "ws.npy", np.zeros((first.G.config.num_ws, 16), np.float32))
    state = comparing(latent=Latent(5.0, ws_file=str(tmp_path / "ws.npy")))
    shown = pictures(first, layouts.full_request(state))[1]
    state.latent = Latent(5.0)
    assert np.array_equal(shown, alone(second, layouts.full_request(state), 1))


def test_a_model_that_is_not_loaded_is_told(both):
    with pytest.raises(UserError, match="second model is no longer loaded"):
        side_by_side.render(both[0], layouts.full_request(comparing("three")))


def test_figures_are_those_of_numpy_and_scikit_image():
    random = np.random.default_rng(0)
    first = random.integers(0, 256, (32, 32, 3), np.uint8)
    second = np.clip(first + random.normal(0, 20, first.shape), 0, 255).astype(np.uint8)
    text = finish(figures.compared(first.tobytes(), second.tobytes()))
    found = Figures(**json.loads(text))
    mean = np.mean((first.astype(float) - second) ** 2)
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / mean), abs=1e-9)
    similar = structural_similarity(first, second, channel_axis=-1, data_range=255)
    assert found.ssim == pytest.approx(similar, abs=1e-9)
    assert found.flip == flip(first / 255, second / 255)
    assert found.flip is None or 0.02 < found.flip < 0.9
    equal = finish(figures.measure(first, first))
    assert (equal.psnr, equal.ssim) == (np.inf, 1.0)
    assert not equal.flip
    tiny = finish(figures.measure(first[:4, :4], second))
    assert np.isnan(tiny.ssim)
