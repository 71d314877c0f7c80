from dataclasses import replace

import numpy as np
import pytest

from viz.exports.frame_options import FrameOptions, Look, Movement, PictureOptions, VideoOptions
from viz.exports.schedule import take
from viz.state.animation import camera_path
from viz.state.animation.clip_time import Clock, advance
from viz.state.errors import UserError
from viz.state.types import Keyframe, Orbit, PathOptions, Playback, SessionState


def times(movement: Movement, playback: Playback | None = None) -> list[float]:
    made = take(SessionState(playback=playback or Playback()), movement)
    return [made.at(k).t for k in range(made.count)]


def yaws(movement: Movement, state: SessionState | None = None) -> np.ndarray:
    made = take(state or SessionState(), movement)
    return np.array([made.at(k).orbit.yaw for k in range(made.count)])


def test_a_clip_is_the_sixteen_frames_of_training():
    assert times(Movement()) == [k / 15 for k in range(16)]  # to the last digit
    assert times(Movement(frame_rate=50)) == [k / 30 for k in range(31)]
    assert times(Movement(frames=4)) == [0, 1 / 3, 2 / 3, 1]
    assert times(Movement(rounds=2, loop="loop")) == [k / 15 for k in range(16)] * 2
    assert times(Movement(), Playback(start=0.2, end=0.6))[0] == 0.2
    assert times(Movement(), Playback(start=0.2, end=0.6))[-1] == pytest.approx(0.6)
    assert times(Movement(frames=1)) == [0]


def test_the_clip_of_a_video_repeats_until_it_has_been_seen():
    movement = VideoOptions().movement
    assert times(movement) == [k / 15 for k in range(16)] * 7
    assert take(SessionState(), movement).seconds == 4.48
    assert times(movement, Playback("once")) == times(Movement()), "that is all there is"
    assert len(times(replace(movement, rounds=1))) == 16
    assert len(times(replace(movement, seconds=1.0))) == 25
    there_and_back = times(movement, Playback("ping-pong"))
    assert there_and_back == times(Movement(), Playback("ping-pong")) * 4
    assert len(times(movement, Playback(speed=0.1))) == 151, "long enough by itself"
    assert len(times(FrameOptions().movement)) == 16, "as trained and published"


def test_a_clip_plays_at_the_session_s_speed():
    slow = times(Movement(loop="ping-pong"), Playback(speed=0.5))
    t, clock = 0.0, Clock()
    for shown in slow:
        assert shown == pytest.approx(t, abs=1e-9)
        t, _ = advance(t, 1 / 25, Playback("ping-pong", 0.5), clock)
    ten_seconds = times(Movement(seconds=10))
    assert len(ten_seconds) == 250
    assert ten_seconds.count(0.0) == ten_seconds.count(1.0) == 16  # 250 / 16, in whole rounds
    assert ten_seconds[-1] == 1.0
    assert len(set(ten_seconds)) <= 16 + 15  # few planes for many frames


def test_a_ping_pong_meets_its_beginning():
    there_and_back = times(Movement(loop="ping-pong"))
    assert len(there_and_back) == 30
    assert there_and_back[:16] == [k / 15 for k in range(16)]
    assert there_and_back[16:] == there_and_back[14:0:-1]  # the very planes of the way there
    steps = np.diff([*there_and_back, there_and_back[0]])
    assert np.allclose(np.abs(steps), 1 / 15)


def test_once_stays_at_the_end():
    assert times(Movement(seconds=1), Playback("once"))[15:] == [1.0] * 10
    assert times(Movement(frames=31, rounds=1), Playback("once")) == [k / 30 for k in range(31)]


def test_orbits_meet_their_beginning():
    state = SessionState(orbit=Orbit(yaw=10, pitch=3))
    swing = yaws(Movement("orbit", frames=40), state)
    assert swing[0] == 10
    assert swing.max() == pytest.approx(35)
    assert swing.min() == pytest.approx(-15)
    assert len(yaws(Movement("orbit"))) == 100
    around = yaws(Movement("orbit", frames=8, orbit_shape="round"))
    assert np.allclose(np.diff([*around, around[0]]) % 360, 45)
    twice = yaws(Movement("orbit", frames=16, rounds=2, orbit_shape="round"))
    assert np.array_equal(twice, [*around, *around])
    circle = take(state, Movement("orbit", frames=4, orbit_shape="circle"))
    pitches = [circle.at(k).orbit.pitch for k in range(4)]
    assert pitches == pytest.approx([11, 3, -5, 3])


def test_the_clip_may_play_during_an_orbit():
    made = take(SessionState(t=0.3), Movement("orbit", clip_plays=True))
    shown = [made.at(k).t for k in range(made.count)]
    assert shown.count(0.0) == 6  # 100 / 16, in whole rounds
    still = take(SessionState(t=0.3), Movement("orbit"))
    assert {still.at(k).t for k in range(still.count)} == {0.3}


def test_a_path_goes_through_its_keys():
    keys = (
        Keyframe(0.0, t=0.0, orbit=Orbit(yaw=-20)),
        Keyframe(1.0, t=0.5, orbit=Orbit(yaw=20)),
        Keyframe(2.0, t=1.0, orbit=Orbit(yaw=0)),
    )
    state = SessionState(keyframes=keys)
    made = take(state, Movement("path"))
    assert made.count == 51
    for number, key in zip((0, 25, 50), keys, strict=True):
        assert made.at(number).orbit == key.orbit
        assert made.at(number).t == pytest.approx(key.t)
    stretched = take(state, Movement("path", frames=5))
    assert [stretched.at(k).orbit.yaw for k in (0, 2, 4)] == [-20, 20, 0]
    closed = replace(state, path=PathOptions(closed=True, closing=1.0))
    loop = take(closed, Movement("path"))
    assert loop.count == 75
    assert loop.at(0).orbit != loop.at(74).orbit
    assert take(closed, Movement("path", frames=3)).at(1) == camera_path.state_at(closed, 1.0)


def test_without_keys_there_is_no_path():
    with pytest.raises(UserError, match="keyframes"):
        take(SessionState(), Movement("path"))


def test_later_edits_do_not_reach_an_export():
    state = SessionState()
    made = take(state, Movement("orbit"))
    state.orbit = Orbit(yaw=90)
    assert made.at(0).orbit == Orbit()


@pytest.mark.parametrize(
    "options,named",
    [
        (Movement(frames=0), "frames is 0; it must lie between 1 and 100000"),
        (Movement(frames=3, seconds=2), "twice"),
        (Movement(seconds=3600, frame_rate=120), "more than 100,000"),
        (Movement(frame_rate=0), "frame_rate"),
        (Movement(orbit_yaw=400), "orbit_yaw is 400; it must lie between 0 and 180°"),
        (Look(views=("image", "nothing")), "views[1]"),  # pyright: ignore[reportArgumentType]
        (Look(people=(-1,)), "people[0]"),
        (Look(people=tuple(range(100)), views=("image", "raw", "depth")), "256"),
        (Look(height=3), "height"),
        (VideoOptions(crf=99), "crf"),
        (VideoOptions(colors=1), "colors"),
        (PictureOptions(bits=12), "choose 8 or 16"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_impossible_options_say_so(options, named):
    (sentence,) = options.problems()
    assert named in sentence


@pytest.mark.parametrize(
    "options,name,named",
    [
        (VideoOptions(), "a.avi", ".mp4, .mov, .gif or .webp"),
        (VideoOptions(codec="prores"), "a.mp4", "use .mov"),
        (VideoOptions(look=Look(background="transparent")), "a.mp4", "cannot be transparent"),
        (FrameOptions(), "a.png", "folder"),
        (PictureOptions(), "a.jpg", ".png"),
    ],
)
def test_names_that_do_not_fit_say_so(options, name, named, tmp_path):
    (sentence,) = options.problems_with(tmp_path / name)
    assert named in sentence
    assert options.problems() == []


def test_codecs_follow_the_name(tmp_path):
    transparent = VideoOptions(look=Look(background="transparent"))
    assert VideoOptions().codec_for(tmp_path / "a.MP4") == "h264"
    assert VideoOptions().codec_for(tmp_path / "a.mov") == "h264"
    assert transparent.codec_for(tmp_path / "a.mov") == "prores"
    assert VideoOptions(codec="h265").codec_for(tmp_path / "a.mp4") == "h265"
    assert transparent.codec_for(tmp_path / "a.gif") is None


def test_long_takes_are_refused_before_anything_is_rendered():
    slow = SessionState(playback=Playback(speed=0.01))
    with pytest.raises(UserError, match="possible"):
        take(slow, Movement(rounds=1000))
