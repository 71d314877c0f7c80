"""Undo, transitions, previews and preferences: the small parts around the session."""

import math
from dataclasses import replace

import pytest

from viz.app import preferences
from viz.exports.choices import ExportChoices
from viz.state.animation.blending import FigureOfEight, Glide, blend_orbits, people, wander
from viz.state.errors import UserError
from viz.state.history import History
from viz.state.interface import Interface
from viz.state.person import Latent
from viz.state.types import Orbit, SessionState


def test_a_whole_drag_is_one_step():
    state = SessionState()
    history = History(state)
    for yaw in (5, 10, 15):
        state.orbit = Orbit(yaw=yaw)
        history.track(state, busy=True)
    history.track(state, busy=False)
    state.latent = Latent(x=3)
    history.track(state, busy=False)
    history.track(state, busy=False)
    steps = []
    while (found := history.undo()) is not None:
        steps.append((found.orbit.yaw, found.latent.x))
    assert steps == [(15, 0), (0, 0)]
    redone = history.redo()
    assert redone is not None
    assert redone.orbit.yaw == 15
    assert history.can_redo
    redone.t = 0.5
    history.track(redone, busy=False)
    assert not history.can_redo, "a new step ends the way forward"


def test_a_glide_begins_and_ends_exactly():
    start = SessionState(orbit=Orbit(yaw=170), latent=Latent(x=1), t=0.0)
    end = SessionState(orbit=Orbit(yaw=-170, pitch=10), latent=Latent(x=3, psi=0.5), t=1.0)
    glide = Glide(start, end, begun=100.0, seconds=1.0)
    assert glide.at(100.0)[0].orbit == start.orbit
    middle, over = glide.at(100.5)
    assert not over
    assert abs(middle.orbit.yaw) == pytest.approx(180), "the shorter way round"
    assert dict(people(middle.latent)) == {Latent(x=1): 0.5, end.latent: 0.5}
    assert glide.at(101.0) == (end, True)


def test_blended_orbits_stay_between():
    a, b = Orbit(0, 0, fov=10), Orbit(90, 40, fov=30)
    found = blend_orbits(a, b, 0.5)
    assert (found.yaw, found.pitch, found.fov) == (45, 20, 20)


def test_the_figure_of_eight_leaves_the_user_s_camera_alone():
    eight, orbit = FigureOfEight(), Orbit(yaw=30, pitch=5)
    seen = []
    for _ in range(100):
        orbit = eight.advance(orbit, 0.08, period=8, yaw=25, pitch=8)
        seen.append(orbit.yaw)
    assert max(seen) == pytest.approx(55, abs=0.5)
    assert min(seen) == pytest.approx(5, abs=0.5)
    assert (orbit.yaw, orbit.pitch) == pytest.approx((30, 5), abs=1e-6)


def test_wandering_keeps_its_speed():
    moved = wander(Latent(x=2, y=1), seconds=2.0, speed=0.5, now=7.0)
    assert math.hypot(moved.x - 2, moved.y - 1) == pytest.approx(1.0)


def test_preferences_go_both_ways(tmp_path):
    path = tmp_path / "folder" / "settings.json"
    kept = preferences.Preferences(bookmarks={"3": "{}"}, window={"size": [800, 600]})
    interface = Interface(theme="light", ui_scale=1.5)
    kept.keep(interface, ExportChoices())
    for name in ("a.ckpt", "b.ckpt", "a.ckpt"):
        kept.opened(str(tmp_path / name))
    preferences.save(path, kept)
    found = preferences.load(path)
    assert found == kept
    assert [p.rsplit("/", 1)[-1] for p in found.recent] == ["a.ckpt", "b.ckpt"]
    restored = Interface()
    found.restore(restored, ExportChoices())
    assert (restored.theme, restored.ui_scale) == ("light", 1.5)


def test_two_windows_keep_each_other_s_bookmarks():
    begun = {"1": "old", "2": "old"}
    ours = preferences.Preferences(bookmarks=begun | {"3": "ours", "1": "ours"}, recent=["a"])
    theirs = preferences.Preferences(bookmarks=begun | {"1": "theirs", "4": "theirs"}, recent=["b"])
    ours.join(theirs, begun)
    assert ours.bookmarks == {"1": "ours", "2": "old", "3": "ours", "4": "theirs"}
    assert ours.recent == ["a", "b"]
    ours.join(preferences.Preferences(), dict(ours.bookmarks))
    assert len(ours.bookmarks) == 4, "a damaged file takes none away"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recent": 3, "bookmarks": {"1": 2}}'])
def test_damaged_preferences_are_passed_over(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    found = preferences.load(path)
    assert found.recent == []
    assert found.bookmarks == {}
    assert replace(found) == preferences.Preferences()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"exports":' + '{"options":' * 900 + "1" + "}" * 901,
        '{"window": {"size": [800], "position": [NaN, 2], "maximized": 1}}',
        '{"window": {"size": [800.5, 600.5], "position": [1e99, 0]}}',
        '{"window": {"size": [-3, 600]}, "interface": []}',
        '{"interface": {"ui_scale": NaN, "theme": ["dark"], "target_rate": "fast"}}',
        '{"interface": {"ui_scale": 1e300, "sidebar_width": -5, "previews": 1}}',
        '{"exports": {"what": ["video"], "options": {"video": {"crf": 1e99}}, "suffixes": 3}}',
        '{"capture_folder": 7, "sections": {"Model": "open"}, "bookmarks": []}',
    ],
)
def test_settings_edited_by_hand_never_keep_the_program_from_starting(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    found, interface, choices = preferences.load(path), Interface(), ExportChoices()
    found.restore(interface, choices)
    assert interface == Interface()
    assert choices == ExportChoices()
    assert found.window == {}
    assert found.sections == {}
    assert found.capture_folder == preferences.Preferences().capture_folder


def test_one_damaged_setting_takes_no_other_with_it(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(
        '\ufeff{"window": {"size": [800, 600.5], "position": [10, 20]}, "capture_folder": "/out",'
        ' "interface": {"ui_scale": NaN, "sidebar_width": 300}, "recent": ["a", 2, "b"],'
        ' "bookmarks": {"1": 5, "2": "{}"}, "sections": {"Model": true, "View": null}}',
        "utf-8",
    )
    found, interface = preferences.load(path), Interface()
    found.restore(interface, ExportChoices())
    assert interface == Interface(sidebar_width=300.0)
    assert found.window == {"position": [10, 20]}
    assert (found.recent, found.bookmarks) == (["a", "b"], {"2": "{}"})
    assert (found.sections, found.capture_folder) == ({"Model": True}, "/out")


def test_preferences_that_cannot_be_written_say_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"settings\.json could not be saved in"):
        preferences.save(tmp_path / "file" / "settings.json", preferences.Preferences())
