"""Orbits around the head, and those of the published cameras."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from training.camera import FRONTAL
from viz.state.animation import camera_path
from viz.state.animation.blending import blend_orbits
from viz.state.types import Head, Keyframe, Orbit, SessionState

HEAD = Head((0.01, 0.02, 0.04), 0.24)
DIRECTIONS = list(itertools.product((-120.0, -60.0, 0.0, 60.0), (-35.0, 0.0, 35.0)))


def places(orbit: Orbit, points: np.ndarray) -> np.ndarray:
    """Where world points [N, 3] lie in the picture, -1 to 1 from edge to edge."""
    points = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    seen = points @ orbit.camera().projection().T
    return seen[:, :2] / seen[:, 3:]


def ball() -> np.ndarray:
    """Points all around the head."""
    points = np.random.default_rng(0).normal(size=(500, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(HEAD.middle) + HEAD.radius * points


def test_the_frontal_camera_is_that_of_the_training_pictures():
    assert np.array_equal(Orbit.around(HEAD).camera().numbers(), FRONTAL.numbers())


@pytest.mark.parametrize(("yaw", "pitch"), DIRECTIONS)
def test_around_the_head_it_stays_in_the_picture(yaw, pitch):
    orbit = replace(Orbit.around(HEAD), yaw=yaw, pitch=pitch)
    middle = places(orbit, np.array([HEAD.middle]))
    assert np.abs(middle).max() < 0.1
    assert np.abs(places(orbit, ball())).max() < 1


@pytest.mark.parametrize("start", [Orbit(), Orbit.around(HEAD), Orbit(radius=0.4), Orbit(roll=30)])
@pytest.mark.parametrize(("yaw", "pitch"), DIRECTIONS)
def test_framing_brings_the_whole_head_into_the_middle(start, yaw, pitch):
    orbit = replace(start, yaw=yaw, pitch=pitch)
    framed = orbit.framing(HEAD)
    assert (framed.yaw, framed.pitch, framed.roll) == (yaw, pitch, start.roll)
    assert places(framed, np.array([HEAD.middle])) == pytest.approx(0, abs=1e-6)
    reach = np.abs(places(framed, ball())).max()
    assert 0.7 < reach < 0.95


def test_the_way_between_the_two_kinds_of_orbits_is_smooth():
    """Both begin with the same frontal camera, so nothing is seen to move there."""
    for weight in (0.0, 0.3, 0.8, 1.0):
        mixed = blend_orbits(Orbit(), Orbit.around(HEAD), weight)
        assert np.allclose(mixed.camera().matrix, FRONTAL.matrix, atol=1e-12)


def test_a_path_may_lead_from_one_kind_to_the_other():
    state = SessionState(
        keyframes=(Keyframe(0.0, orbit=Orbit()), Keyframe(2.0, orbit=Orbit.around(HEAD)))
    )
    between = camera_path.state_at(state, 1.0).orbit
    assert between.lead == pytest.approx(0.1)
    assert np.allclose(between.camera().matrix, FRONTAL.matrix, atol=1e-9)
    assert camera_path.state_at(state, 2.0).orbit == Orbit.around(HEAD)
