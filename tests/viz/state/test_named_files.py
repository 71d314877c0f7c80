"""Sessions come from anybody: what they name is opened only where that is safe."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.viz.state.opened_sessions import open_session
from viz.exports import embedding
from viz.state import named_files, session
from viz.state.errors import UserError
from viz.state.person import Latent, LatentShare
from viz.state.types import Keyframe, SessionState


def saved(path: Path, state: SessionState) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    session.save_session(path, state)
    return path


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    "named", ["model.ckpt", "sub/model.ckpt", "/else/where/model.ckpt", "C:\\models\\model.ckpt"]
)
def test_models_beside_the_session_are_found(tmp_path, named):
    path = saved(tmp_path / "session.json", SessionState(named))
    assert embedding.read_session(path).model == ""
    there = make(tmp_path / ("sub/model.ckpt" if "sub" in named else "model.ckpt"))
    assert embedding.read_session(path).model == str(there)
    assert open_session(path).checkpoint == str(there)


def test_models_elsewhere_are_opened_once_they_are_known(tmp_path):
    model = make(tmp_path / "far" / "model.ckpt")
    path = saved(tmp_path / "here" / "session.json", SessionState(str(model)))
    assert embedding.read_session(path).model == ""
    assert "was never opened here" in named_files.why_not(str(model))
    assert named_files.is_readable(str(model))
    assert embedding.read_session(path, [str(model)]).model == str(model)
    path = saved(tmp_path / "here" / "up.json", SessionState("../far/model.ckpt"))
    assert embedding.read_session(path).model == ""


def test_models_that_come_with_the_program_are_found(tmp_path):
    path = saved(tmp_path / "session.json", SessionState("/their/checkpoints/demo.safetensors"))
    assert embedding.read_session(path).model == str(named_files.CHECKPOINTS / "demo.safetensors")


@pytest.mark.parametrize(
    "named", ["\\\\evil.example\\share\\model.ckpt", "//evil.example/share/model.ckpt"]
)
def test_other_machines_are_not_asked(tmp_path, named, monkeypatch):
    looked: list[str] = []
    stat = Path.stat

    def look(self: Path, **options: bool) -> os.stat_result:
        looked.append(str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", look)
    path = saved(tmp_path / "session.json", SessionState(named))
    assert embedding.read_session(path).model == ""
    assert "another machine" in named_files.why_not(named)
    assert not named_files.is_readable(named)
    person = saved(tmp_path / "person.json", SessionState(latent=Latent(ws_file=named)))
    with pytest.raises(UserError, match="another machine"):
        embedding.read_session(person)
    assert not any("evil" in name for name in looked)


def test_a_model_that_may_not_be_read_leaves_the_session_open(tmp_path, monkeypatch):
    stat = Path.stat

    def refuse(self: Path, **options: bool) -> os.stat_result:
        if "private" in self.parts:
            raise PermissionError(13, "Permission denied")
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    named = "/colleague/private/model.safetensors"
    path = saved(tmp_path / "session.json", SessionState(named, t=0.5))
    opened = embedding.read_session(path, [named])
    assert (opened.state.t, opened.model) == (0.5, "")
    assert named_files.why_not(named) == "cannot be read: permission denied"


@pytest.mark.parametrize("named", ["/m/" + "m" * 300, "m" * 5000, "a\0b", "~nobody/x", "."])
def test_names_that_no_file_has(tmp_path, named):
    path = saved(tmp_path / "session.json", SessionState(named))
    assert embedding.read_session(path).model == ""
    assert named_files.why_not(named)


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing", "huge"])
def test_ws_that_are_no_ordinary_files(tmp_path, kind):
    ws = tmp_path / "ws.npy"
    if kind == "pipe":
        os.mkfifo(ws)
    elif kind == "folder":
        ws.mkdir()
    elif kind == "huge":
        with ws.open("wb") as file:
            file.truncate(named_files.LARGEST_WS + 1)
    key = Keyframe(0.0, Latent(others=(LatentShare(Latent(ws_file=str(ws)), 0.5),)))
    for state in (SessionState(latent=Latent(ws_file=str(ws))), SessionState(keyframes=(key,))):
        path = saved(tmp_path / "session.json", state)
        for known in ((), (str(ws),)):
            with pytest.raises(UserError, match=r"ws\.npy"):
                embedding.read_session(path, known)


def test_devices_are_not_read(tmp_path):
    for named in ("/dev/zero", "/dev/stdin"):
        path = saved(tmp_path / "session.json", SessionState(latent=Latent(ws_file=named)))
        with pytest.raises(UserError, match="not an ordinary file"):
            embedding.read_session(path)


def test_ws_are_found_beside_the_session_or_where_they_were_loaded_from(tmp_path):
    ws = make(tmp_path / "far" / "ws.npy")
    path = saved(tmp_path / "here" / "a.json", SessionState(latent=Latent(ws_file=str(ws))))
    with pytest.raises(UserError, match="was never opened here"):
        embedding.read_session(path)
    assert open_session(path, [str(ws)]).latent.ws_file == str(ws)
    beside = make(tmp_path / "here" / "ws.npy")
    assert open_session(path).latent.ws_file == str(beside)


def test_sessions_that_are_no_ordinary_files(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    os.mkfifo(tmp_path / "a.png")
    os.mkfifo(tmp_path / "session.json")
    for path in (tmp_path / "a.json", tmp_path / "a.png", tmp_path):
        with pytest.raises(UserError):
            embedding.read_session(path)


def test_a_mark_before_the_text_does_not_matter(tmp_path):
    path = tmp_path / "session.json"
    path.write_bytes(b"\xef\xbb\xbf" + session.to_json(SessionState(t=0.25)).encode())
    assert open_session(path).t == 0.25


def test_names_alone_leave_the_machine(tmp_path):
    far = Latent(ws_file="/home/anna/secret/ws.npy")
    near = Latent(ws_file=str(tmp_path / "ws.npy"), others=(LatentShare(far, 0.5),))
    state = SessionState(
        checkpoint=str(tmp_path / "models" / "model.ckpt"),
        latent=near,
        keyframes=(Keyframe(0.0, far),),
    )
    state.before = replace(state.shot(), latent=far)
    found = named_files.portable(state, tmp_path)
    text = session.to_json(found)
    assert "secret" not in text
    assert str(tmp_path) not in text
    assert found.checkpoint == "models/model.ckpt"
    assert found.latent.ws_file == found.keyframes[0].latent.ws_file == "ws.npy"
    state.checkpoint = "C:\\anna\\model.ckpt"
    assert named_files.portable(state, tmp_path).checkpoint == "model.ckpt"


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"recent": 3, "ws": ["a", 4]}'])
def test_damaged_settings_know_nothing(tmp_path, monkeypatch, text):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings = named_files.settings_path()
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    assert named_files.opened_before() == (["a"] if "ws" in text else [])
    settings.write_text(json.dumps({"recent": ["m"], "ws": ["w"]}))
    assert named_files.opened_before() == ["m", "w"]
