"""What is rendered of cues before they are shown, and what is kept of models that come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.viz.app.panel_gallery import sample_model
from viz.scheduling.cue_pictures import first_pictures, shrunk, small_picture
from viz.scheduling.scheduler import RequestScheduler
from viz.state import layouts
from viz.state.animation.animator import Animator
from viz.state.interface import Interface
from viz.state.maps.map_settings import MapSettings
from viz.state.person import Latent
from viz.state.types import (
    Cue,
    CuePlay,
    Display,
    Keyframe,
    Orbit,
    RenderRequest,
    RenderResult,
    SessionState,
)


def result(request: RenderRequest) -> RenderResult:
    return RenderResult(request, tuple(np.zeros((8, 8, 3), np.uint8) for _ in request.shots))


@pytest.mark.parametrize("plays", ["clip", "orbit", "path"])
def test_the_first_second_of_what_plays_is_what_will_be_asked_for(plays: CuePlay) -> None:
    keys = tuple(Keyframe(float(k), orbit=Orbit(yaw=10.0 * k)) for k in range(3))
    state, interface = SessionState(keyframes=keys), Interface()
    cue = Cue(latent=Latent.at(7), plays=plays)
    found = first_pictures(cue, state, interface, 25.0, True)
    shown = cue.applied_to(state)
    assert found[0] == layouts.full_request(shown)
    interface.playing, interface.auto_orbit = plays == "clip", plays == "orbit"
    interface.path_playing = plays == "path"
    animator = Animator()
    asked: set[RenderRequest] = set()
    for step in range(20):  # the window's frames
        shown = animator.advance(shown, interface, 0.04 if step else 0.0, step * 0.04)
        asked.add(layouts.full_request(shown))
    assert len(asked) > 10
    assert asked <= set(found)


def test_what_stands_still_or_is_a_mesh_is_one_picture() -> None:
    state, interface = SessionState(), Interface()
    for cue in (
        Cue(),
        Cue(plays="wander"),
        Cue(plays="clip", display=Display(view="mesh")),
        Cue(plays="clip", display=Display(inset="mesh")),
    ):
        assert len(first_pictures(cue, state, interface, 25.0, True)) == 1


def test_pictures_of_a_model_wait_for_its_return() -> None:
    scheduler = RequestScheduler(lambda *_: None)
    one, two = (replace(sample_model(), weights=name) for name in ("one", "two"))
    request = layouts.full_request(SessionState())
    scheduler.forget(one)
    scheduler.pictures.put(result(request))
    scheduler.pictures.put(
        result(replace(request, maps=MapSettings(depth_range=(1.0, 2.0)))), "two"
    )
    scheduler.forget(two)
    assert scheduler.lacks([request])
    assert not scheduler.lacks([replace(request, maps=MapSettings(depth_range=(1.0, 2.0)))])
    scheduler.forget(one)
    assert not scheduler.lacks([request])
    assert scheduler.ask(request, False, Interface(), 0.0) is not None


def test_a_small_picture_shows_the_first_view() -> None:
    for display, view in (
        (Display(), "raw"),
        (Display(view="mesh"), "raw"),
        (Display(layout="grid", grid=("depth", "raw", "raw", "raw")), "depth"),
        (Display(layout="yaws", view="normals", inset="depth"), "normals"),
    ):
        (shot,) = small_picture(Cue(latent=Latent.at(3), display=display)).shots
        assert (shot.view, shot.latent) == (view, Latent.at(3))
    assert shrunk(np.zeros((300, 200, 3), np.uint8)).shape == (64, 43, 3)
