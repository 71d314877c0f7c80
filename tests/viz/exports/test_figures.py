"""Figures of how well the views of a moment agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import torch

from tests.viz.exports import export_driver
from training.camera import Camera
from training.metrics.consistency import Scene, small_orbit
from training.metrics.geometry import chamfer_distance, clouds, flicker, warping_error
from training.metrics.metric_options import MetricsConfig
from viz.exports.figures import measuring
from viz.exports.figures.figure_job import MomentFigures, TurnFigures
from viz.render import latents
from viz.render.renderer import Renderer
from viz.state.jobs import finish
from viz.state.person import Motion
from viz.state.types import Orbit, Quality, SessionState

renderer = export_driver.renderer

SIDE = 32
STATE = SessionState(t=0.5, quality=Quality(precision="float32"))


def measured(renderer: Renderer, state: SessionState) -> MomentFigures:
    with torch.inference_mode():
        text = finish(measuring.figures(renderer, state, SIDE))
    return msgspec.json.decode(text, type=MomentFigures)


def test_they_are_what_the_functions_of_the_metrics_give(renderer: Renderer) -> None:
    found = measured(renderer, STATE)
    G = renderer.G
    z = torch.from_numpy(latents.z_from_seed(0, G.config.z_dim))[None]
    z_motion = torch.from_numpy(latents.motion_code(Motion(), G.config.motion_dim))
    scene = Scene(G, z, z_motion, torch.tensor([[0.5]]), STATE.latent.psi)
    ring = [
        scene.view(camera, SIDE)
        for camera in small_orbit(MetricsConfig.orbit_angle, MetricsConfig.orbit_frames)
    ]
    front = scene.view(Camera.orbit(), SIDE)
    assert found.side == SIDE
    # The window renders by prepared networks, whose numbers differ in the last digits.
    assert found.flicker == pytest.approx(flicker(ring).item(), rel=0.01)
    assert [turn.yaw for turn in found.turns] == list(measuring.YAWS)
    for turn in found.turns:
        side = scene.view(Camera.orbit(turn.yaw), SIDE)
        assert turn.warping == pytest.approx(warping_error(front, side).item(), rel=0.01)
        expected = chamfer_distance(clouds(front)[0], clouds(side)[0])
        assert turn.depth == pytest.approx(expected, rel=0.01)
        assert 0 < expected < 1


def test_they_are_those_of_the_present_view_and_size(renderer: Renderer) -> None:
    state = replace(STATE, orbit=Orbit(yaw=25, pitch=10, radius=3.0))
    found = measured(renderer, state)
    with torch.inference_mode():
        front, *sides = (
            measuring.view_of(renderer, state, shot, renderer.image(shot, state.quality), SIDE)
            for shot in (state.shot("image"), *measuring.turned_shots(state, state.shot("image")))
        )
        errors = [warping_error(front, side).item() for side in sides]
    assert [turn.warping for turn in found.turns] == errors
    assert found != measured(renderer, STATE)


def test_an_empty_scene_has_no_figures(renderer: Renderer) -> None:
    found = measured(renderer, replace(STATE, orbit=Orbit(pivot=(3.0, 0.0, 0.2))))
    assert found.flicker is None
    assert {(turn.warping, turn.depth) for turn in found.turns} == {(None, None)}
    assert "\u2013" in found.text()
    assert found.table()[0] == ("\u221230\u00b0", "\u2013", "\u2013")


def test_as_a_table() -> None:
    figures = MomentFigures(
        256, 0.01234, (TurnFigures(-15.0, 0.05, 0.00321), TurnFigures(30, None, 2.0))
    )
    assert figures.table() == [
        ("\u221215\u00b0", "0.05", "0.00321"),
        ("+30\u00b0", "\u2013", "2"),
    ]
    lines = [line.split("\t") for line in figures.text().splitlines()]
    assert {len(line) for line in lines} == {4}
    assert lines[1][2] == "0.0123"
    assert [line[1] for line in lines[2:]] == ["-15", "-15", "30", "30"]


def test_it_can_be_stopped_between_views(renderer: Renderer) -> None:
    steps: Any = measuring.figures(renderer, STATE, SIDE)
    next_fraction: Callable[[], float] = lambda: next(steps)[1]  # noqa: E731
    with torch.inference_mode():
        fractions = [next_fraction() for _ in range(6)]
    assert fractions == sorted(fractions)
    assert not math.isclose(fractions[0], fractions[-1])
    before = renderer.stage_runs["superresolution"]
    steps.close()
    assert renderer.stage_runs["superresolution"] == before < 4
