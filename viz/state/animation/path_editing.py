"""Editing and playing the camera and time path: what its keys and buttons do."""

from __future__ import annotations

from dataclasses import replace

from viz.state.animation import camera_path
from viz.state.animation.clip_time import SteppedTime
from viz.state.interface import Interface
from viz.state.settings import setting
from viz.state.types import FRAME_RATE, Cue, Keyframe, SessionState

SPACING = 2.0
"""Seconds from the last key to one that is added after it."""
LONGEST = setting(Keyframe, "time").range.ends[1]
"""Latest time of a key that can be set in the interface, seconds."""
VIEW = ("latent", "motion", "t", "orbit")
"""Fields of a state that keyframes hold, and that glides interpolate."""
_SAME = 0.005
"""Keys closer together than this, in seconds, count as being at the same time."""


def key_of(state: SessionState, seconds: float) -> Keyframe:
    """The current view, as a key at a time, seconds."""
    return Keyframe(seconds, state.latent, state.motion, state.t, state.orbit)


def take(state: SessionState, view: SessionState | Keyframe) -> None:
    """Shows a view: its person, motion, time and camera."""
    for name in VIEW:
        setattr(state, name, getattr(view, name))


def index_at(state: SessionState, seconds: float) -> int | None:
    """Index of the key at a time, the last of several; None where there is none."""
    found = [k for k, key in enumerate(state.keyframes) if abs(key.time - seconds) < _SAME]
    return found[-1] if found else None


def current(state: SessionState, interface: Interface) -> int | None:
    """Index of the key under the playhead; None between keys and while the path plays."""
    return None if interface.path_playing else index_at(state, interface.path_time)


def is_off(state: SessionState, interface: Interface) -> bool:
    """Whether the current view differs from the path's at the playhead."""
    if not state.keyframes:
        return False
    there = camera_path.state_at(state, interface.path_time)
    return key_of(there, 0.0) != key_of(state, 0.0)


def show(state: SessionState, interface: Interface, seconds: float) -> None:
    """Moves the playhead to a time, seconds, and shows the path's state there.

    A view set by the user that no key holds is left in `interface.unkeyed`.
    """
    if _is_unkeyed(state, interface):
        interface.unkeyed = key_of(state, 0.0)
    interface.path_time = max(seconds, 0.0)
    there = camera_path.state_at(state, interface.path_time)
    take(state, there)
    state.drive = there.drive
    interface.path_view = key_of(state, 0.0)


def _is_unkeyed(state: SessionState, interface: Interface) -> bool:
    """Whether the current view was set by the user and is in no key or cue. The clip's time, which
    changes for many reasons, is ignored."""
    if not state.keyframes or interface.auto_orbit or interface.animate_person:
        return False
    here, shown = _view(state), interface.path_view
    if shown is not None and here == _view(shown):
        return False
    known = [*state.keyframes, *state.cues, camera_path.state_at(state, interface.path_time)]
    return here not in map(_view, known)


def _view(shown: SessionState | Keyframe | Cue) -> tuple[object, ...]:
    return shown.latent, shown.motion, shown.orbit


def add(state: SessionState, interface: Interface) -> int:
    """Adds the current view as a new key, and puts the playhead on it.

    The key goes to the playhead. If there is a key already, it goes after that one: halfway to the
    next key, or `SPACING` after the last.

    Returns:
        the key's index.
    """
    pause(interface)
    interface.path_lane = True
    place = _free_place(state, interface.path_time) if state.keyframes else 0.0
    return _put(state, interface, key_of(state, place))


def move_to_end(state: SessionState, interface: Interface, key: Keyframe) -> None:
    """Moves a key to `SPACING` after the last one, and the playhead to it; does nothing if the path
    no longer has that key."""
    if key not in state.keyframes:
        return
    pause(interface)
    index = state.keyframes.index(key)
    moved = move(state, index, state.keyframes[-1].time + SPACING)
    interface.path_time = state.keyframes[moved].time


def update(state: SessionState, interface: Interface) -> None:
    """Replaces the key under the playhead by the current view."""
    index = current(state, interface)
    if index is None:
        return
    old = state.keyframes[index]
    edit(state, index, replace(key_of(state, old.time), ease=old.ease, turns=old.turns))


def edit(state: SessionState, index: int, key: Keyframe) -> None:
    """Replaces a key by another at the same index."""
    state.keyframes = (*state.keyframes[:index], key, *state.keyframes[index + 1 :])


def duplicate(state: SessionState, interface: Interface) -> None:
    """Adds a copy of the keyframe under the playhead after it."""
    index = current(state, interface)
    if index is not None:
        key = state.keyframes[index]
        _put(state, interface, replace(key, time=_free_place(state, key.time), turns=0))
        show(state, interface, interface.path_time)


def remove(state: SessionState, interface: Interface) -> None:
    """Deletes the keyframe under the playhead; what is shown stays."""
    index = current(state, interface)
    if index is not None:
        state.keyframes = (*state.keyframes[:index], *state.keyframes[index + 1 :])


def clear(state: SessionState, interface: Interface) -> None:
    """Removes all keys; the view stays."""
    pause(interface)
    state.keyframes = ()
    interface.path_time = 0.0


def move(state: SessionState, index: int, seconds: float) -> int:
    """Moves a key to another time, seconds; returns its new index, as it may pass others."""
    key = replace(state.keyframes[index], time=round(min(max(seconds, 0.0), LONGEST), 2))
    rest = [*state.keyframes[:index], *state.keyframes[index + 1 :]]
    return _insert(state, rest, key)


def follow(before: SessionState, state: SessionState, interface: Interface) -> None:
    """Moves the playhead, after undo or redo, to the new time of the key that it stood on, within
    the path."""
    index, now = current(before, interface), interface.path_time
    keys = () if index is None else before.keyframes[index : index + 1]
    places = [k.time for key in keys for k in state.keyframes if replace(k, time=key.time) == key]
    nearest = min(places, key=lambda time: abs(time - now), default=now)
    interface.path_time = min(nearest, camera_path.duration(state))


def stretch(state: SessionState, interface: Interface, seconds: float) -> None:
    """Scales all times by one factor, so that the path lasts `seconds`."""
    total = camera_path.duration(state)
    if total <= 0 or seconds <= 0:
        return
    factor = seconds / total
    state.keyframes = tuple(replace(key, time=key.time * factor) for key in state.keyframes)
    state.path = replace(state.path, closing=state.path.closing * factor)
    interface.path_time *= factor


def go(state: SessionState, interface: Interface, step: int) -> None:
    """Shows the next key after the playhead or, for a negative step, the one before it."""
    pause(interface)
    now = interface.path_time
    times = [key.time for key in state.keyframes]
    if step > 0:
        beyond = [time for time in times if time > now + _SAME]
        goal = min(beyond, default=None)
    else:
        beyond = [time for time in times if time < now - _SAME]
        goal = max(beyond, default=None)
    if goal is None and times:  # the outermost one again, if the view differs from it
        goal = times[-1] if step > 0 else times[0]
    if goal is not None:
        show(state, interface, goal)


def can_play(state: SessionState) -> bool:
    """Whether the path has a duration above 0."""
    return camera_path.duration(state) > 0


def toggle_play(state: SessionState, interface: Interface) -> None:
    """Plays the path from the playhead, or pauses it; at its end it starts from the beginning."""
    if interface.path_playing or not can_play(state):
        pause(interface)
        return
    if interface.animate_person or interface.auto_orbit:
        interface.path_view = key_of(state, 0.0)  # not set by the user
    # Everything else that moves by itself changes the same fields.
    interface.playing = interface.animate_person = interface.auto_orbit = False
    interface.path_playing, interface.path_lane = True, True
    if interface.path_time >= camera_path.duration(state):
        interface.path_time = 0.0


def pause(interface: Interface) -> None:
    """Stops playing the path."""
    interface.path_playing = False


def advance(
    state: SessionState,
    interface: Interface,
    seconds: float,
    time: SteppedTime | None = None,
    rate: float = FRAME_RATE,
) -> None:
    """Plays on by some seconds; at its end the path starts again, or stops.

    Args:
        state: has the path; edited in place to show it.
        interface: has the playhead; edited in place.
        seconds: time elapsed.
        time: keeps the exact time while only whole frames are shown, so that each round shows the
            same states. None shows the state at the exact time.
        rate: frames per second.
    """
    total = camera_path.duration(state)
    moved = (time.resume(interface.path_time) if time else interface.path_time) + seconds
    if total <= 0:
        pause(interface)
        return
    repeats = interface.path_loop or state.path.closed
    if time is not None and repeats and not state.path.closed:
        total = camera_path.frame_count(state, rate) / rate  # all frames last equally long
    if moved >= total:
        if repeats:
            moved %= total
        else:
            moved = total
            pause(interface)
    shown = moved
    if time is not None and interface.path_playing:
        shown = camera_path.frame_time(state, camera_path.frame_before(state, moved, rate), rate)
    show(state, interface, shown)
    if time is not None:
        time.keep(moved, shown)


def _free_place(state: SessionState, seconds: float) -> float:
    """A time for a new key: `seconds`, or after the key that is already there."""
    seconds = round(seconds, 2)
    if index_at(state, seconds) is None:
        return seconds
    following = [key.time for key in state.keyframes if key.time > seconds + _SAME]
    if following:
        return round((seconds + min(following)) / 2, 3)
    return min(seconds + SPACING, LONGEST)


def _put(state: SessionState, interface: Interface, key: Keyframe) -> int:
    interface.path_time = key.time
    return _insert(state, list(state.keyframes), key)


def _insert(state: SessionState, keys: list[Keyframe], key: Keyframe) -> int:
    index = sum(other.time <= key.time for other in keys)
    state.keyframes = (*keys[:index], key, *keys[index:])
    return index
