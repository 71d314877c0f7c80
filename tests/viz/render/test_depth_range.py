"""The ends of the depth colours, on the model that the program brings."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.checkpoint import load_generator
from training.networks.generator import Generator
from viz.render.renderer import Renderer
from viz.state import files, layouts
from viz.state.person import Latent
from viz.state.types import Display, Orbit, Quality, RenderRequest, SessionState


@pytest.fixture(scope="module")
def head() -> Renderer:
    return Renderer(load_generator(files.default_checkpoint()))


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


def ends(renderer: Renderer, state: SessionState) -> tuple[float, float]:
    (found,) = renderer.render(layouts.full_request(state)).map_ranges
    assert found is not None
    return found


@pytest.mark.parametrize(
    "orbit",
    [Orbit(), Orbit(yaw=45), Orbit(yaw=70, pitch=-20), Orbit(pitch=30), Orbit(radius=1.5, fov=25)],
)
@pytest.mark.parametrize("seed", [17, 40])
def test_a_head_takes_most_of_the_colours(head: Renderer, orbit: Orbit, seed: int) -> None:
    state = SessionState(latent=Latent.at(seed), orbit=orbit, display=Display(view="depth"))
    raw = head.raw(state.shot(), Quality())
    seen = raw.depth[raw.opacity > 0.9].numpy()
    near, far = ends(head, state)
    outside = (seen < near) | (seen > far)
    assert outside.mean() < 0.03
    lowest, highest = np.percentile(seen, (1, 99))
    assert highest - lowest > 0.5 * (far - near)


def test_the_range_holds_still_but_for_the_camera(head: Renderer) -> None:
    state = SessionState(display=Display(view="depth"))
    range_ = ends(head, state)
    assert ends(head, replace(state, t=0.7, latent=Latent(x=40.0))) == range_
    steps = [ends(head, replace(state, orbit=Orbit(yaw=yaw))) for yaw in np.linspace(-60, 60, 61)]
    jumps = np.abs(np.diff(np.array(steps), axis=0)).max()
    assert jumps < 0.025 * (range_[1] - range_[0]), "2 degrees change little"


def test_chosen_ends_and_a_model_without_a_surface(
    head: Renderer, small_generator: Generator
) -> None:
    state = SessionState(display=Display(view="depth", depth_range=(2.0, 4.0)))
    assert ends(head, state) == (2.0, 4.0)
    empty = Renderer(copy.deepcopy(small_generator))
    empty.G.decoder.get_parameter("net.2.bias")[0] = -50.0
    options = small_generator.config.rendering
    state = SessionState(display=Display(view="depth"))
    assert ends(empty, state) == (options.ray_start, options.ray_end)
    image = RenderRequest((replace(state.shot(), view="image"),))
    assert empty.render(image).map_ranges == (None,)
