"""How a motion track drives a person: from its frames to what `Drive` says of a moment."""

from __future__ import annotations

import functools
import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from viz.state.animation import clip_time
from viz.state.animation.clip_time import Clock
from viz.state.driving.drive import Drive, code_text
from viz.state.driving.motion_track import MotionTrack, read_track
from viz.state.errors import UserError
from viz.state.files import Stamp, file_stamp
from viz.state.named_files import LARGEST_PERSON, located, opened_before, problem_of
from viz.state.types import FRAME_RATE, Playback, SessionState


def load(path: str) -> MotionTrack:
    """The track of a file, which is read once and again after it has changed.

    Raises:
        UserError: when it is missing, no track, or damaged.
    """
    stamp = file_stamp(path) if Path(path).is_absolute() else None  # see `with_files_found`
    if stamp is None:
        raise UserError(f"The motion track {Path(path).name} was not found: open it again.")
    return _load(path, stamp)


@functools.lru_cache(maxsize=4)
def _load(path: str, stamp: Stamp) -> MotionTrack:
    del stamp  # part of the key: it changes when the file does
    if problem := problem_of(path, LARGEST_PERSON):
        raise UserError(f"The motion track {Path(path).name} cannot be read: {problem}.")
    return read_track(Path(path))


def loaded(drive: Drive | None) -> MotionTrack | None:
    """The track of a drive; None without one, as with a camera, or if it cannot be read."""
    if drive is None or not drive.track:
        return None
    with suppress(UserError):
        return load(drive.track)
    return None


def in_use(state: SessionState) -> tuple[Drive, MotionTrack] | None:
    """The drive and its track where the track moves the person; None where something else does."""
    drive, track = state.drive, loaded(state.drive)
    return (drive, track) if drive is not None and track is not None and drive.active else None


def film_of(path: str, track: MotionTrack) -> str:
    """Path of the video that a track was made of: a file of that name beside the track, or one that
    was opened here before; empty where there is none."""
    return located(track.source, Path(path).parent, opened_before())


def require_film(path: str, track: MotionTrack) -> str:
    """`film_of`, where the video is needed.

    Raises:
        UserError: when it is not found.
    """
    film = film_of(path, track)
    if not film:
        raise UserError(
            f"The track's video {track.source} was not found: put it beside the track, or choose "
            "it."
        )
    return film


def begin(path: str, like: Drive | None = None) -> Drive:
    """A track that drives from its first frame on. The strength, smoothing and so on of `like`,
    which drove until now, are kept.

    Raises:
        UserError: when it cannot be read.
    """
    fresh = replace(like or Drive(), track=path, frame=0, first=0, last=None, active=True)
    return at(fresh, 0)


def at(drive: Drive, frame: int) -> Drive:
    """What drives at a frame of its track; the nearest one beyond its ends.

    Raises:
        UserError: when the track cannot be read.
    """
    track = load(drive.track)
    frame = min(max(frame, 0), len(track) - 1)
    codes = _smoothed(track, drive.smoothing)
    gains = np.array([drive.eyes - 1, drive.mouth - 1], np.float32)
    moved = codes[frame] - track.rest + (gains * track.amounts[frame]) @ track.controls
    code = track.rest + np.float32(drive.strength) * moved
    yaw, pitch = (float(drive.turning * angle) for angle in track.cameras[frame])
    return replace(drive, frame=frame, code=code_text(code), yaw=yaw, pitch=pitch)


@functools.lru_cache(maxsize=4)
def _smoothed(track: MotionTrack, sigma: float) -> np.ndarray:
    """Codes after a Gaussian in time, float32 [F, motion_dim]."""
    reach = min(math.ceil(4 * sigma), len(track))
    if sigma <= 0 or reach == 0:
        return track.codes
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    around = np.pad(track.codes, [(reach, reach), (0, 0)], mode="edge")
    parts = [w * around[k : k + len(track)] for k, w in enumerate(weights)]
    return np.sum(parts, axis=0)


def settled(state: SessionState) -> None:
    """Brings what drives into line with its settings, as after a slider; edits the state in place.
    What is shown stays where the track cannot be read."""
    drive = state.drive
    if drive is not None and drive.track:
        with suppress(UserError):
            state.drive = at(drive, drive.frame)


def plays(state: SessionState) -> bool:
    """Whether a track takes the place of the clip where something plays."""
    return in_use(state) is not None


def ends(drive: Drive, track: MotionTrack) -> tuple[int, int]:
    """First and last frame that play."""
    most = len(track) - 1
    first = min(drive.first, most)
    return first, max(most if drive.last is None else min(drive.last, most), first)


def as_clip(drive: Drive, track: MotionTrack, playback: Playback) -> Playback:
    """The track as the playback of a clip that is as long as needed: frame k of the track is frame
    k of that clip."""
    first, last = ends(drive, track)
    return replace(
        playback,
        start=clip_time.time_of(first),
        end=clip_time.time_of(last),
        speed=playback.speed * track.fps / FRAME_RATE,
    )


def play(
    drive: Drive, track: MotionTrack, seconds: float, playback: Playback, clock: Clock
) -> tuple[Drive, bool]:
    """What drives `seconds` later, and whether the track goes on playing. Edits its clock in
    place."""
    clip = as_clip(drive, track, playback)
    t, goes_on = clip_time.play(clip_time.time_of(drive.frame), seconds, clip, clock)
    return at(drive, round(clip_time.frame_of(t))), goes_on


def restart(state: SessionState, clock: Clock) -> None:
    """Prepares playing: a track that plays once and has ended starts again; edits the state in
    place."""
    if used := in_use(state):
        clip = as_clip(*used, state.playback)
        t = clip_time.begin(clip_time.time_of(used[0].frame), clip, clock)
        state.drive = at(used[0], round(clip_time.frame_of(t)))


def step(state: SessionState, count: int) -> bool:
    """Moves the track that drives by some frames, or back if negative; False where none drives.
    Edits the state in place."""
    if used := in_use(state):
        state.drive = at(used[0], used[0].frame + count)
    return used is not None


def go_to_end(state: SessionState, which: int) -> bool:
    """Goes to the first (0) or the last (1) frame that plays of the track that drives; False where
    none drives. Edits the state in place."""
    if used := in_use(state):
        state.drive = at(used[0], ends(*used)[which])
    return used is not None


def frames(drive: Drive, track: MotionTrack, playback: Playback) -> list[int]:
    """Frames of one round of the track, in the order in which they play."""
    return clip_time.round_frames(as_clip(drive, track, playback))


def after(state: SessionState, seconds: float) -> SessionState:
    """The state `seconds` after its track began to play, as `play` shows it; unchanged where no
    track drives."""
    used = in_use(state)
    if used is None:
        return state
    clip = as_clip(*used, state.playback)
    t, _ = clip_time.play(clip.start, seconds, clip, Clock())
    return replace(state, drive=at(used[0], round(clip_time.frame_of(t))))


def spread(state: SessionState, count: int) -> list[SessionState]:
    """States that show frames of the track, spread evenly over those that play; empty where no
    track drives."""
    used = in_use(state)
    if used is None:
        return []
    numbers = np.linspace(*ends(*used), count).round().astype(int).tolist()
    return [replace(state, drive=at(used[0], k)) for k in numbers]


def with_moment(drive: Drive | None, like: Drive | None) -> Drive | None:
    """A drive at the moment that another one of the same track shows."""
    if drive is None or like is None or drive.track != like.track:
        return drive
    return replace(drive, frame=like.frame, code=like.code, yaw=like.yaw, pitch=like.pitch)
