"""A motion track drives the person: state, playing, sessions and the frames of exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viz.exports import schedule
from viz.exports.frame_options import Movement
from viz.scheduling.loops import LoopFinder
from viz.state import layouts, named_files, session
from viz.state.animation import camera_path
from viz.state.animation.animator import Animator, keep_moving_parts
from viz.state.driving import driven
from viz.state.driving.drive import Drive, Driven, code_text
from viz.state.driving.motion_track import MotionTrack, write_track
from viz.state.errors import UserError
from viz.state.interface import Interface
from viz.state.types import Cue, Keyframe, Orbit, SessionState

FRAMES, DIM = 20, 4


def made_track(frames: int = FRAMES, fps: float = 50.0) -> MotionTrack:
    """Frame k has the code rest + (k, 0, 0, 0) and a head turned by k degrees."""
    codes = np.zeros((frames, DIM), np.float32)
    codes[:, 0] = np.arange(frames)
    rest = np.array([0, 1, 0, 0], np.float32)
    return MotionTrack(
        codes=codes + rest,
        rest=rest,
        cameras=np.stack([np.arange(frames), np.zeros(frames)], axis=1).astype(np.float32),
        crops=np.tile(np.array([50, 50, 40, 0], np.float32), (frames, 1)),
        points=np.zeros((frames, 478, 2), np.float32),
        openings=np.zeros((frames, 2), np.float32),
        controls=np.array([[0, 0, 1, 0], [0, 0, 0, 1]], np.float32),
        amounts=np.ones((frames, 2), np.float32),
        found=np.ones(frames, bool),
        fps=fps,
        size=(100, 100),
        source="a.mp4",
        first=0,
        weights="0" * 16,
    )


@pytest.fixture
def track(tmp_path: Path) -> str:
    write_track(tmp_path / "a.track", made_track())
    return str(tmp_path / "a.track")


@pytest.fixture
def state(track: str) -> SessionState:
    return SessionState(drive=driven.begin(track))


def drive(state: SessionState) -> Drive:
    assert state.drive is not None
    return state.drive


def code(state: SessionState) -> list[float]:
    """The driver's code in the picture."""
    added = state.shot().driven
    assert added is not None
    return added.numbers(DIM).tolist()


def test_a_frame_gives_the_code_and_turns_the_users_camera(state):
    state.orbit = Orbit(yaw=10.0)
    state.drive = driven.at(state.drive, 7)
    assert code(state) == [7, 1, 0, 0]
    assert state.seen_from == Orbit(yaw=17.0)
    assert np.allclose(state.shot().camera.numbers(), Orbit(yaw=17.0).camera().numbers())
    state.drive = replace(state.drive, active=False)
    assert state.shot().driven is None and state.seen_from == Orbit(yaw=10.0)


def test_strength_turning_blend_and_smoothing(state):
    state.drive = driven.at(replace(state.drive, strength=2.0, turning=0.0, blend=0.25), 5)
    assert code(state) == [10, 1, 0, 0]  # from the rest, which stays
    assert state.seen_from == state.orbit
    assert state.shot().driven.share == 0.75
    state.drive = driven.at(replace(Drive(track=state.drive.track), eyes=3.0, mouth=0.5), 5)
    assert code(state) == [5, 1, 2, -0.5]
    jump = replace(made_track(), codes=made_track().codes * (np.arange(FRAMES) == 10)[:, None])
    write_track(Path(state.drive.track), jump)
    state.drive = driven.at(replace(Drive(track=state.drive.track), smoothing=2.0), 10)
    assert 0 < code(state)[0] < 3


def test_sliders_take_effect_at_once(state):
    state.drive = replace(driven.at(state.drive, 3), strength=0.0)
    driven.settled(state)
    assert code(state) == [0, 1, 0, 0]


def test_it_plays_at_its_own_rate_in_its_range(state):
    state.drive = replace(state.drive, first=2, last=5)
    interface, animator, seen = Interface(playing=True), Animator(), []
    state.drive = driven.at(state.drive, 2)
    for k in range(8):
        state = animator.advance(state, interface, 1.01 / 50, k / 50)
        seen.append(drive(state).frame)
    assert seen == [3, 4, 5, 2, 3, 4, 5, 2]
    assert state.t == 0
    state.playback = replace(state.playback, loop="once")
    for k in range(8):
        state = animator.advance(state, interface, 1.01 / 50, k / 50)
    assert drive(state).frame == 5 and not interface.playing


def test_what_plays_is_the_loop_that_is_kept(state):
    interface, animator, finder = Interface(playing=True), Animator(), LoopFinder()
    found = finder.find(state, interface, animator)
    assert found is not None
    assert len(found.loop) == FRAMES and found.loop.rate == 50
    moved = animator.advance(state.snapshot(), interface, 0.06, 0.0)
    later = finder.find(moved, interface, animator)
    assert later is not None and later.loop is found.loop and later.index == 3
    assert found.loop[3] == layouts.full_request(moved)


def test_undo_does_not_take_the_playhead_back(state):
    moved = state.snapshot()
    moved.drive = driven.at(replace(state.drive, strength=2.0), 9)
    kept = keep_moving_parts(moved, state, Interface(playing=True))
    assert drive(kept).frame == 0 and drive(kept).strength == 2


def test_the_path_brings_the_camera_and_the_track_plays(state):
    state.keyframes = (Keyframe(0.0), Keyframe(1.0, orbit=Orbit(yaw=40.0)))
    state.drive = replace(state.drive, turning=0.0)
    at = camera_path.state_at(state, 0.1)
    assert drive(at).frame == 5 and 0 < at.seen_from.yaw < 5


def test_exports_show_every_frame_of_the_track(state):
    take = schedule.take(state, Movement())
    assert (take.count, take.frame_rate) == (FRAMES, 50)
    assert [drive(take.at(k)).frame for k in range(FRAMES)] == list(range(FRAMES))
    slower = schedule.take(state, Movement(frame_rate=25))
    assert [drive(slower.at(k)).frame for k in range(slower.count)] == list(range(0, FRAMES, 2))
    state.drive = replace(state.drive, active=False)
    assert schedule.take(state, Movement()).frame_rate == 25


def test_the_layout_of_times_spreads_over_the_track(state):
    state.display = replace(state.display, layout="times", columns=3)
    codes = [shot.driven.numbers(DIM)[0] for shot in layouts.shots(state) if shot.driven]
    assert codes == [0, 10, 19]


def test_sessions_find_the_track_beside_them(state, tmp_path):
    state.cues = (Cue.of(state),)
    text = session.to_json(named_files.portable(state, tmp_path))
    assert str(tmp_path) not in text
    again = named_files.with_files_found(session.from_json(text), tmp_path, [])
    assert again.drive == state.drive


def test_a_session_from_a_stranger_opens_no_file(state, tmp_path):
    """It shows its moment without the track, and says which one is missing when it should move."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (state.drive.track, "/etc/passwd", "\\\\host\\share\\a.track"):
        stranger = replace(state, drive=replace(state.drive, track=name))
        opened = named_files.with_files_found(stranger, elsewhere, [])
        assert not Path(drive(opened).track).is_absolute()
        assert not driven.plays(opened) and code(opened) == code(state)
        with pytest.raises(UserError, match="was not found"):
            schedule.take(opened, Movement())
    assert named_files.with_files_found(state, elsewhere, [state.drive.track]) == state


def test_a_code_of_another_model_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="takes 8"):
        Driven(code_text(np.zeros(DIM))).numbers(8)
    with pytest.raises(UserError, match="damaged"):
        Driven("?").numbers(DIM)
