from dataclasses import replace
from itertools import pairwise

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from tests.viz.state.declared import values
from training.camera import FRONTAL
from viz.exports.schedule import take
from viz.render.latents import intermediate_latents, motion_code
from viz.state import session
from viz.state.animation import camera_path
from viz.state.animation.blending import motions, people
from viz.state.person import Latent, Motion
from viz.state.types import Ease, Keyframe, Orbit, PathOptions, Playback, SessionState


def state_of(*keys: Keyframe, **options) -> SessionState:
    return SessionState(keyframes=keys, path=PathOptions(**options))


def numbers(state: SessionState) -> np.ndarray:
    """Camera and time of a state."""
    orbit = state.orbit
    camera = (orbit.yaw, orbit.pitch, orbit.roll, orbit.radius, orbit.fov, *orbit.pivot)
    return np.array([*camera, state.t])


def sampled(state: SessionState, count: int = 2001) -> np.ndarray:
    """Camera and time all along a path."""
    times = np.linspace(0, camera_path.duration(state), count)
    return np.array([numbers(camera_path.state_at(state, time)) for time in times])


def random_path(count: int, seed: int = 0, ease: Ease = "smooth") -> SessionState:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.2, 3.0, count))
    keys = [
        Keyframe(
            float(time),
            Latent(x=float(rng.integers(100))),
            Motion(x=float(rng.integers(100))),
            float(rng.uniform(0, 1)),
            Orbit(*rng.uniform((-40, -20, -5, 2.5, 10), (40, 20, 5, 3.0, 20)).tolist()),
            ease,
        )
        for time in times
    ]
    return state_of(*keys)


@pytest.mark.parametrize("ease", ["smooth", "linear", "hold"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_path_passes_through_its_keys(ease, closed):
    state = random_path(7, ease=ease)
    state.path = PathOptions(closed=closed)
    for key in state.keyframes:
        found = camera_path.state_at(state, key.time)
        assert (found.latent, found.motion, found.t, found.orbit) == (
            key.latent,
            key.motion,
            key.t,
            key.orbit,
        )
        before = numbers(camera_path.state_at(state, key.time - 1e-7))
        if ease != "hold":
            assert before == pytest.approx(numbers(found), abs=1e-4)
    first, last = state.keyframes[0], state.keyframes[-1]
    assert camera_path.state_at(state, 0.0).orbit == first.orbit
    assert camera_path.duration(state) == pytest.approx(last.time + (2.0 if closed else 0.0))


@pytest.mark.parametrize("closed", [False, True])
def test_it_moves_without_jerks(closed):
    state = random_path(9, seed=1)
    state.path = PathOptions(closed=closed, closing=1.5)
    first = state.keyframes[0].time
    state.keyframes = tuple(replace(key, time=key.time - first) for key in state.keyframes)
    values = sampled(state, 6001)
    pace = np.diff(values, axis=0) / (camera_path.duration(state) / 6000)
    # Velocity changes by as little as time does, at the keys as between them.
    jumps = np.abs(np.diff(pace, axis=0)).max(axis=0)
    assert (jumps <= 0.08 * np.abs(pace).max(axis=0)).all()
    if closed:
        assert values[0] == pytest.approx(values[-1])
        assert np.abs(pace[0] - pace[-1]).max() < 0.08 * np.abs(pace).max()
    else:
        assert np.abs(pace[[0, -1], :8]).max() < 1, "the camera starts and ends at rest"


@st.composite
def paths(draw: st.DrawFn) -> SessionState:
    """Paths without jumps, of at least two keys at least 50 ms apart."""
    gaps = draw(st.lists(st.floats(0.05, 20), min_size=1, max_size=5))
    keys = [
        Keyframe(
            time,
            Latent(x=float(draw(st.integers(0, 4)))),
            Motion(x=float(draw(st.integers(0, 4))), strength=draw(st.floats(0, 2))),
            draw(st.floats(-10, 10)),
            draw(values(Orbit)),
            draw(st.sampled_from(["smooth", "linear"])),
            draw(st.integers(-2, 2)),
        )
        for time in np.cumsum([0.0, *gaps]).tolist()
    ]
    return state_of(*keys, closed=draw(st.booleans()), closing=draw(st.floats(0.05, 20)))


def fastest(state: SessionState) -> np.ndarray:
    """Greatest mean speed of each of `numbers` on any leg."""
    keys = state.keyframes
    legs = [(a, b, b.time - a.time) for a, b in pairwise(keys)]
    if state.path.closed:
        legs.append((keys[-1], keys[0], state.path.closing))
    speeds = []
    for a, b, seconds in legs:
        change = np.abs(
            numbers(replace(state, orbit=b.orbit, t=b.t))
            - numbers(replace(state, orbit=a.orbit, t=a.t))
        )
        change[[0, 2]] = 180  # the shorter way round
        change[0] += 360 * abs(a.turns)
        speeds.append(change / seconds)
    return np.max(speeds, axis=0)


def shares_apart(a: dict, b: dict) -> float:
    """How much two blends differ, 0 to 2."""
    return sum(abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in {*a, *b})


@given(paths(), st.floats(0, 1))
@hypothesis.settings(max_examples=300, deadline=None)
def test_a_short_time_changes_little(state, part):
    """A monotone cubic is nowhere faster than three times its mean speed, and blends ease in."""
    seconds, step = part * camera_path.duration(state), 1e-6
    here, there = (camera_path.state_at(state, seconds + k * step) for k in (0, 1))
    change = numbers(there) - numbers(here)
    change[[0, 2]] = (change[[0, 2]] + 180) % 360 - 180
    assert (np.abs(change) <= 3 * fastest(state) * step + 1e-7).all()
    most = 3 / 0.05 * step + 1e-9
    assert shares_apart(dict(people(here.latent)), dict(people(there.latent))) <= most
    assert shares_apart(dict(motions(here.motion)), dict(motions(there.motion))) <= most
    assert abs(there.motion.strength - here.motion.strength) <= most


def test_slopes_at_keys_are_those_of_fritsch_and_butland():
    """As SciPy has them, for legs of different lengths."""
    times, yaws, ts = [0.0, 1.0, 1.5, 4.0], [0.0, 10.0, 30.0, 40.0], [0.0, 0.5, 0.6, 1.0]
    keys = (
        Keyframe(time, orbit=Orbit(yaw=yaw), t=t)
        for time, yaw, t in zip(times, yaws, ts, strict=True)
    )
    state, step = state_of(*keys), 1e-5
    for values_, index in ((yaws, 0), (ts, -1)):
        reference = PchipInterpolator(times, values_).derivative()
        for time in times[1:-1]:
            before, after = (
                numbers(camera_path.state_at(state, time + k * step))[index] for k in (-1, 1)
            )
            assert (after - before) / (2 * step) == pytest.approx(float(reference(time)), rel=1e-3)


@pytest.mark.parametrize(("start", "end"), [(0, 180), (180, 0), (-90, 90), (90, -90), (-180, 0)])
def test_half_a_turn_goes_the_way_that_its_numbers_go(start, end):
    state = state_of(
        Keyframe(0, orbit=Orbit(yaw=start, roll=start)), Keyframe(2, orbit=Orbit(yaw=end, roll=end))
    )
    middle = camera_path.state_at(state, 1).orbit
    assert (middle.yaw, middle.roll) == pytest.approx(((start + end) / 2, (start + end) / 2))


@pytest.mark.parametrize("seed", range(5))
def test_it_never_goes_beyond_its_keys(seed):
    state = random_path(8, seed)
    for key, following in zip(state.keyframes, state.keyframes[1:], strict=False):
        ends = np.stack([numbers(replace(state, t=k.t, orbit=k.orbit)) for k in (key, following)])
        for time in np.linspace(key.time, following.time, 60):
            value = numbers(camera_path.state_at(state, time))
            assert (value >= ends.min(axis=0) - 1e-9).all()
            assert (value <= ends.max(axis=0) + 1e-9).all()


def test_equal_keys_are_a_hold_and_rising_times_rise():
    a, b = Orbit(yaw=-20), Orbit(yaw=30, fov=20)
    state = state_of(
        Keyframe(0, t=0.0, orbit=a),
        Keyframe(1, t=0.4, orbit=b),
        Keyframe(2, t=0.5, orbit=b),
        Keyframe(4, t=1.0, orbit=a),
    )
    for time in np.linspace(1, 2, 20):
        assert camera_path.state_at(state, time).orbit == b
    times = sampled(state)[:, -1]
    assert (np.diff(times) > 0).all()


def test_one_key_no_key_and_any_time():
    alone = Keyframe(1.5, Latent(x=3), t=0.3, orbit=Orbit(yaw=10))
    state = state_of(alone)
    for time in (-5, 0, 1.5, 1e9, float("nan"), float("inf")):
        assert camera_path.state_at(state, time).orbit == alone.orbit
    assert camera_path.duration(state) == 1.5
    empty = SessionState(t=0.7)
    assert camera_path.state_at(empty, 3) == empty
    assert camera_path.state_at(empty, 3) is not empty
    assert camera_path.duration(empty) == 0


def test_of_keys_at_the_same_time_the_last_one_counts():
    orbits = [Orbit(yaw=yaw) for yaw in (0, 10, 50, 60)]
    times = (0, 1, 1, 2)
    state = state_of(*(Keyframe(time, orbit=o) for time, o in zip(times, orbits, strict=True)))
    assert camera_path.state_at(state, 1.0).orbit.yaw == 50
    assert camera_path.state_at(state, 1.0 - 1e-9).orbit.yaw == pytest.approx(10)
    assert all(np.isfinite(sampled(state)).ravel())
    first, *rest = state.keyframes
    shuffled = replace(state, keyframes=(*rest, first))
    assert camera_path.state_at(shuffled, 0.5).orbit == camera_path.state_at(state, 0.5).orbit


def test_yaw_takes_the_shorter_way_and_the_turns_asked_for():
    state = state_of(Keyframe(0, orbit=Orbit(yaw=170)), Keyframe(2, orbit=Orbit(yaw=-170)))
    assert abs(camera_path.state_at(state, 1).orbit.yaw) == pytest.approx(180)
    round_ = state_of(
        Keyframe(0, orbit=Orbit(yaw=170), turns=-1), Keyframe(2, orbit=Orbit(yaw=-170))
    )
    yaws = [camera_path.state_at(round_, time).orbit.yaw for time in np.linspace(0, 2, 200)]
    assert np.unwrap(yaws, period=360)[-1] - yaws[0] == pytest.approx(-340)
    assert all(-180 <= yaw <= 180 for yaw in yaws)
    turntable = state_of(Keyframe(0, turns=1), closed=True, closing=4.0)
    assert camera_path.duration(turntable) == 4
    assert camera_path.state_at(turntable, 1.0).orbit.yaw == pytest.approx(90)
    assert camera_path.state_at(turntable, 5.0).orbit.yaw == pytest.approx(90), "it goes on"


def test_corners_and_holds():
    a, b, c = Orbit(yaw=0), Orbit(yaw=40), Orbit(yaw=20)
    state = state_of(
        Keyframe(0, orbit=a, ease="linear"), Keyframe(1, orbit=b, ease="hold"), Keyframe(2, orbit=c)
    )
    assert camera_path.state_at(state, 0.25).orbit.yaw == pytest.approx(10)
    assert camera_path.state_at(state, 1.99).orbit == b
    assert camera_path.state_at(state, 2.0).orbit == c


def test_people_blend_straight_from_one_to_the_other(small_generator):
    first, second = Latent(x=3, psi=0.8), Latent(x=60.5, y=2, mix_layers=(1,), mix_seed=4)
    state = state_of(Keyframe(0, first), Keyframe(2, second), Keyframe(3, Latent(x=8)))
    with torch.inference_mode():

        def ws(latent: Latent) -> torch.Tensor:
            return intermediate_latents(small_generator, latent, FRONTAL)

        middle = camera_path.state_at(state, 1.0)
        mean = (ws(first) + ws(second)) / 2
        assert torch.allclose(ws(middle.latent), mean, atol=1e-6)
        # A key that is set on the way is a person like any other.
        again = state_of(Keyframe(0, middle.latent), Keyframe(2, Latent(x=8)))
        quarter = camera_path.state_at(again, 1.0)
        assert torch.allclose(ws(quarter.latent), (mean + ws(Latent(x=8))) / 2, atol=1e-6)
        near = camera_path.state_at(state, 2 - 1e-4)
        assert torch.allclose(ws(near.latent), ws(second), atol=1e-4)
    assert session.from_json(session.to_json(middle)) == middle


def test_truncation_moves_by_itself():
    state = state_of(Keyframe(0, Latent(x=3, psi=1)), Keyframe(2, Latent(x=3, psi=0.5)))
    assert camera_path.state_at(state, 1.0).latent == Latent(x=3, psi=0.75)


def test_motions_blend_and_keep_their_length():
    first, second = Motion(x=1, strength=0.5), Motion(x=2.5, strength=1.5)
    state = state_of(Keyframe(0, motion=first), Keyframe(2, motion=second))
    middle = camera_path.state_at(state, 1.0).motion
    assert middle.strength == pytest.approx(1.0)
    codes = [motion_code(motion, 512)[0] for motion in (first, middle, second)]
    lengths = [np.linalg.norm(code) for code in codes]
    assert lengths[1] == pytest.approx((lengths[0] + lengths[2]) / 2, rel=1e-5)
    assert codes[1] @ codes[0] == pytest.approx(codes[1] @ codes[2], rel=0.3)
    for time, code in ((1e-4, codes[0]), (2 - 1e-4, codes[2])):
        near = motion_code(camera_path.state_at(state, time).motion, 512)[0]
        assert np.allclose(near, code, atol=1e-3)


def test_the_clip_plays_by_itself_where_it_should():
    state = state_of(Keyframe(0, t=0.0), Keyframe(6, t=0.0, orbit=Orbit(yaw=20)), clip="plays")
    state.playback = Playback("ping-pong")
    times = np.array([camera_path.state_at(state, k / 25).t for k in range(31)])
    assert times[:16] == pytest.approx(np.arange(16) / 15)
    assert times[15:] == pytest.approx(np.arange(15, -1, -1) / 15)


@pytest.mark.parametrize("closed", [False, True])
def test_frames_show_the_whole_path_once(closed):
    state = state_of(Keyframe(0), Keyframe(2, orbit=Orbit(yaw=40)), closed=closed, closing=1.0)
    times = camera_path.frame_times(state, 25)
    assert times[0] == 0
    assert np.diff(times) == pytest.approx(0.04)
    assert times[-1] == pytest.approx(3.0 - 0.04 if closed else 2.0)
    assert camera_path.frame_times(SessionState(), 25) == [0.0]


def test_a_long_path_stays_quick():
    state = random_path(500)
    moments = np.linspace(0, camera_path.duration(state), 100)
    for moment in moments:
        assert np.isfinite(numbers(camera_path.state_at(state, moment))).all()
    assert session.from_json(session.to_json(state)).keyframes == state.keyframes


def test_an_export_of_the_path_shows_what_the_preview_shows():
    from viz.exports.frame_options import Movement

    state = random_path(4, seed=3)
    made = take(state, Movement(moving="path"))
    for index in (0, made.count // 2, made.count - 1):
        seconds = min(index / 25, camera_path.duration(state))
        assert made.at(index) == camera_path.state_at(state, seconds)
