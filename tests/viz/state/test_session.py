import json
import os
from dataclasses import replace

import hypothesis
import msgspec
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from tests.viz.state.declared import values
from tests.viz.state.opened_sessions import open_session
from training.camera import FRONTAL, Camera
from viz.exports.pictures import png
from viz.state import session, settings
from viz.state.errors import UserError
from viz.state.person import Latent, Motion
from viz.state.types import Display, Head, Orbit, Playback, Quality, SessionState


def full_state() -> SessionState:
    state = SessionState(
        checkpoint="models/head.safetensors",
        latent=Latent(1.5, -2, 0.7, 4, 3, (1, 2), 9, 0.25, "ws.npz"),
        motion=Motion(3, 0.5, 1.2, 4, 0.1),
        t=0.4,
        orbit=Orbit(20, -5, 3, 2.9, 15, (0.1, 0, 0.2)),
        conditioning="set",
        conditioning_orbit=Orbit(yaw=5),
        quality=Quality(128, 24, 0, False, "bfloat16", 96, 12),
        display=Display("grid", "depth", columns=3, depth_range=(2.2, 3.1)),
        playback=Playback("ping-pong", 0.5, 0.2, 0.9),
    )
    state.before = replace(state.shot(), t=0.1)
    return state


def test_json_goes_both_ways():
    state = full_state()
    assert session.from_json(session.to_json(state)) == state
    assert session.from_json(session.to_json(SessionState())) == SessionState()


def test_absent_settings_take_their_defaults():
    text = json.dumps({"format": "pv3d-session", "version": 1, "state": {"t": 0.5}})
    assert session.from_json(text) == SessionState(t=0.5)


@pytest.mark.parametrize(
    "change,named",
    [
        (lambda d: d["state"].update(t="late"), "t is"),
        (lambda d: d["state"]["orbit"].update(yaw=None), r"orbit\.yaw"),
        (lambda d: d["state"]["latent"].update(mix_layers=[1, "x"]), "mix_layers"),
        (lambda d: d["state"].update(conditioning="upside down"), "conditioning"),
        (lambda d: d["state"]["quality"].update(superresolution=1), "superresolution"),
        (lambda d: d["state"]["before"]["camera"].update(cam2world=[0.0] * 16), "rotation"),
        (lambda d: d.update(version=2), "another version"),
        (lambda d: d.update(format="other"), "not a session"),
        (lambda d: d.update(state=[]), "must be a table"),
        (lambda d: d["state"].update(t=float("nan")), "t is nan; .* -10 and 10"),
        (lambda d: d["state"].update(t=float("inf")), "t is inf; .* -10 and 10"),
        (lambda d: d["state"]["orbit"].update(pivot=[9e9, 0, 0]), r"orbit\.pivot.* -10 and 10"),
        (
            lambda d: d["state"]["orbit"].update(pitch=90, fov=0, radius=0.2),
            r"orbit\.pitch .*orbit\.radius .*orbit\.fov ",
        ),
        (lambda d: d["state"]["quality"].update(mesh_resolution=1025), "8 and 1024 cells"),
        (lambda d: d["state"]["before"]["camera"].update(cam2world=[1] * 15), "needs 16 numbers"),
    ],
)
def test_wrong_sessions_say_what_is_wrong(change, named):
    data = json.loads(session.to_json(full_state()))
    change(data)
    with pytest.raises(UserError, match=named):
        session.from_json(json.dumps(data))


@given(values(SessionState))
@hypothesis.settings(max_examples=100, deadline=None)
def test_any_session_comes_back_from_its_json(state):
    assert settings.problems(state) == []
    assert session.from_json(session.to_json(state)) == state


@pytest.mark.parametrize("name", ["usual", "full"])
def test_sessions_survive_the_wire(name):
    """The worker's process and the window's exchange sessions as `msgspec` messages."""
    state = full_state() if name == "full" else SessionState()
    data = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(data, type=SessionState) == state


def test_sessions_of_other_editors_open(tmp_path):
    """Windows' editors begin a text with a byte-order mark; people write whole numbers."""
    path = tmp_path / "session.json"
    state = full_state()
    state.latent = replace(state.latent, ws_file="")
    state.before = state.shot()
    path.write_text(session.to_json(state), "utf-8-sig")
    assert open_session(path) == state
    plain = json.loads(session.to_json(SessionState()))
    plain["state"] |= {"t": 1, "orbit": {"yaw": 20, "pivot": [0, 0, 1]}, "a later one": 3}
    found = session.from_json(json.dumps(plain))
    assert found == SessionState(t=1.0, orbit=Orbit(yaw=20.0, pivot=(0.0, 0.0, 1.0)))
    assert isinstance(found.t, float)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", "<html>"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(UserError):
        session.from_json(text)


def test_pictures_carry_their_session(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    state = full_state()
    path = tmp_path / "folder" / "picture.png"
    (tmp_path / "folder").mkdir()
    ws = tmp_path / "folder" / "ws.npz"
    ws.write_bytes(b"ws")
    state.latent = replace(state.latent, ws_file=str(ws))
    state.before = replace(state.shot(), t=0.1)
    png.save(path, pixels, session.to_json(state))
    assert open_session(path) == state
    assert np.array_equal(np.asarray(Image.open(path)), pixels)
    depth = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    png.save(path, depth, session.to_json(state), depth_near="2.25")
    with Image.open(path) as picture:
        assert picture.info["depth_near"] == "2.25"
        assert np.array_equal(np.asarray(picture), depth)


def test_files_without_a_session_say_so(tmp_path):
    plain = tmp_path / "plain.png"
    Image.new("RGB", (2, 2)).save(plain)
    with pytest.raises(UserError, match="without a session"):
        open_session(plain)
    broken = tmp_path / "broken.png"
    broken.write_bytes(plain.read_bytes()[:40])
    with pytest.raises(UserError, match="could not be read"):
        open_session(broken)
    with pytest.raises(UserError, match="no such file"):
        open_session(tmp_path / "missing.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match="not a text file"):
        open_session(binary)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "session.json"
    session.save_session(path, SessionState())
    old = path.read_bytes()

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError, match="no space left on device"):
        session.save_session(path, full_state())
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_files_get_ordinary_permissions(tmp_path):
    session.save_session(tmp_path / "a.json", SessionState())
    (tmp_path / "b.json").write_text("")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "b.json").stat().st_mode


@pytest.mark.parametrize(
    "orbit",
    [
        Orbit(),
        Orbit(40, 20, 10, 3.0, 20, (0.1, -0.05, 0.3)),
        Orbit(-170, -60, -90, 2.0, 8),
        Orbit(40, 20, 10, 3.0, 20, (0.1, -0.05, 0.03), 0.0),
    ],
)
def test_cameras_go_through_the_clipboard(orbit):
    camera = orbit.camera()
    again = session.camera_from_json(session.camera_to_json(camera))
    assert again == camera
    for near in (None, Orbit.around(Head((0.0, 0.1, 0.03)))):
        found = Orbit.from_camera(again, near)
        assert found.lead == (near or Orbit()).lead
        assert np.allclose(found.camera().matrix, camera.matrix, atol=1e-6)
        assert found.fov == pytest.approx(camera.fov)


def test_a_session_of_before_keeps_its_camera():
    plain = json.loads(session.to_json(SessionState(orbit=Orbit(yaw=60, pitch=10))))
    del plain["state"]["orbit"]["lead"]
    found = session.from_json(json.dumps(plain))
    assert found.shot().camera == Camera.orbit(60, 10)


def test_the_25_numbers_paste_as_a_camera():
    for camera in (FRONTAL, Camera.orbit(15)):
        pasted = session.camera_from_json(json.dumps(camera.numbers().tolist()))
        assert np.allclose(pasted.matrix, camera.matrix, atol=1e-6)
    far = session.camera_to_json(Camera.orbit(radius=1e6))
    with pytest.raises(UserError, match=r"radius is 1e\+06; it must lie between 0\.25 and 100"):
        session.camera_from_json(far)
    for text in ("", "hello", "{}", "[1, 2]", '{"cam2world": 3, "intrinsics": []}'):
        with pytest.raises(UserError, match="clipboard"):
            session.camera_from_json(text)
