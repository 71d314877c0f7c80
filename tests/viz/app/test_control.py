"""Live control in the real window: by MIDI and OSC over loopback, by keys, and by a gamepad."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import glfw
import mido
import pytest
from mido.sockets import PortServer
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import ThreadingOSCUDPServer
from pythonosc.udp_client import SimpleUDPClient

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from viz.app import palette
from viz.app.control import bindings, midi_ports
from viz.app.control.bindings import CONTROLS, Binding, Target
from viz.app.control.gamepads import BUTTONS
from viz.app.control.inbox import Inbox, Outbox
from viz.app.control.live_control import ControlSettings
from viz.app.control.osc_port import OscPort
from viz.app.control.setting_paths import SettingPath, setting_paths
from viz.state.errors import UserError
from viz.state.interface import Interface
from viz.state.types import SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


@pytest.fixture
def midi(port: int) -> Iterator[PortServer]:
    """A MIDI port that waits for the application."""
    with PortServer("127.0.0.1", port) as server:
        yield server


def bind_here(desk: AppDriver, name: str) -> None:
    """Open the menu of a control, and choose to learn."""
    x, y = desk.at(name)
    desk.xdo("mousemove", x, y, "keydown", "ctrl", "click", 3, "keyup", "ctrl")
    desk.until(lambda: "Bind/Learn…" in controls.rects)
    desk.click("Bind/Learn…")
    assert desk.commands.control.learning is not None


def opened(desk: AppDriver, panel: str) -> None:
    desk.commands.open_panel(panel)
    desk.frames(4)


def test_a_knob_is_learnt_takes_over_and_is_answered(
    start: Callable[..., AppDriver], model: Path, port: int, midi: PortServer
) -> None:
    desk = start(model, size=(1000, 900), panels=("Camera", "Control"))
    desk.settle()
    control = desk.commands.control
    assert not control.is_open, "nothing is open until the user asks for it"
    desk.commands.set_control(ControlSettings(midi=True, midi_address=f"127.0.0.1:{port}"))
    knob: Any = midi.accept()

    def turn(number: int, value: int) -> None:
        count = control.inbox.count
        knob.send(mido.Message("control_change", control=number, value=value))
        desk.until(lambda: control.inbox.count > count)
        desk.frames(2)

    yaw = lambda: desk.commands.state.orbit.yaw  # noqa: E731
    desk.commands.state.orbit = replace(desk.commands.state.orbit, yaw=90.0)
    bind_here(desk, "Camera/Yaw")
    turn(74, 20)
    assert [b.target.place for b in control.bindings if b.input == "CC 74 ch 1"] == ["orbit.yaw"]
    assert yaw() == 90.0
    turn(74, 30)
    turn(74, 80)
    assert yaw() == 90.0, "the knob has not met the value"
    turn(74, 96)
    assert yaw() == pytest.approx(-180 + 360 * 96 / 127, abs=0.1)
    turn(74, 20)
    assert yaw() == pytest.approx(-180 + 360 * 20 / 127, abs=0.1)
    list(knob.iter_pending())
    desk.commands.state.orbit = replace(desk.commands.state.orbit, yaw=0.0)
    answers: list[Any] = []
    desk.until(lambda: answers.extend(knob.iter_pending()) or answers)
    assert (answers[-1].control, answers[-1].value) in {(74, 63), (74, 64)}
    turn(74, 21)
    assert yaw() == 0.0, "after the mouse, it has to be met again"

    bind_here(desk, "Camera/Pitch")
    turn(7, 1)
    learnt = control.bindings[-1]
    desk.commands.edit_control(learnt, replace(learnt, mode="twos", lo=-45.0, hi=45.0))
    for value in (1, 2, 127):
        turn(7, value)
    assert desk.commands.state.orbit.pitch == pytest.approx(1.8)

    bind_here(desk, "Camera/Left")
    controls.open_sections["Camera"] = False
    for velocity in (100, 0, 100):
        knob.send(mido.Message("note_on", note=60, velocity=velocity))
    desk.until(lambda: control.bindings[-1].target.place == "Camera/Left")
    count = control.inbox.count
    knob.send(mido.Message("note_off", note=60))
    knob.send(mido.Message("note_on", note=60, velocity=1))
    knob.send(mido.Message("note_on", note=60, velocity=99))
    desk.until(lambda: control.inbox.count >= count + 3)
    desk.until(lambda: yaw() == -35.0)
    assert not controls.open_sections["Camera"]

    desk.until(control.path.exists)
    desk.until(lambda: bindings.load(control.path) == control.bindings)
    assert {key.target.place for key in bindings.load(control.path)} >= {"orbit.yaw", "Camera/Left"}
    desk.commands.forget_control(*control.of(Target("setting", "orbit.yaw")))
    turn(74, 100)
    turn(74, 0)
    assert yaw() == -35.0


def test_osc_reaches_settings_and_nothing_else(
    start: Callable[..., AppDriver], model: Path, port: int
) -> None:
    desk = start(model, panels=("Control",))
    desk.settle()
    heard: dict[str, list[float]] = {}
    listener = Dispatcher()
    listener.set_default_handler(
        lambda address, *values: heard.setdefault(address, []).extend(values)
    )
    with ThreadingOSCUDPServer(("127.0.0.1", 0), listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        echo = f"127.0.0.1:{server.server_address[1]}"
        control, inbox = desk.commands.control, desk.commands.control.inbox
        desk.commands.set_control(ControlSettings(osc=True, osc_port=port, osc_echo=echo))
        client, raw = SimpleUDPClient("127.0.0.1", port), socket.socket(type=socket.SOCK_DGRAM)

        def send(address: str, *values: Any) -> None:
            count = inbox.count
            client.send_message(address, values)
            desk.until(lambda: inbox.count > count)
            desk.frames(2)

        send("/orbit/yaw", 30.0)
        send("/display/gizmo", False)
        send("/display/layout", 1)
        assert desk.commands.state.orbit.yaw == 30.0
        assert not desk.commands.state.display.gizmo
        assert desk.commands.state.display.layout == "grid"
        send("/latent/psi", 1e30)
        send("/interface/orbit_period", -5)
        assert desk.commands.state.latent.psi == 10
        assert desk.commands.interface.orbit_period == 2
        desk.commands.learn_control(Target("setting", "orbit.pitch", "Camera: Pitch"))
        send("/1/fader1", 0.5)
        send("/1/fader1", 0.75)
        assert desk.commands.state.orbit.pitch == pytest.approx(44.5)
        desk.commands.learn_control(Target("command", "Random person", "Random person"))
        send("/1/push1", 1)
        before = desk.commands.state.latent
        send("/1/push1", 0)
        assert desk.commands.state.latent == before
        send("/1/push1", 1)
        assert desk.commands.state.latent != before
        desk.commands.state.orbit = replace(desk.commands.state.orbit, pitch=-89.0, yaw=-10.0)
        desk.until(lambda: heard.get("/1/fader1", [9])[-1] == 0 and heard["/orbit/yaw"][-1] == -10)

        desk.settle()
        state, interface = desk.commands.state.snapshot(), replace(desk.commands.interface)
        bundle = OscBundleBuilder(IMMEDIATELY)  # pyright: ignore[reportArgumentType]
        for _ in range(300):
            message = OscMessageBuilder("/nothing/here")
            message.add_arg(1.0)
            bundle.add_content(message.build())
        nested = b"#bundle\0" + bytes(8)
        for _ in range(400):
            nested = b"#bundle\0" + bytes(8) + len(nested).to_bytes(4, "big") + nested
        refused = inbox.refused
        hostile = (
            b"",
            b"/",
            b"/orbit/yaw",
            b"\xff" * 100,
            b"/orbit/yaw\0\0,f\0\0\1",
            b"/orbit/yaw\0\0,f\0\0",
            b"/a\0\0,z[i]\0",
        )
        for packet in (*hostile, bytes(20000), nested[:9000], nested[-8000:], bundle.build().dgram):
            raw.sendto(packet, ("127.0.0.1", port))
        for value in (float("nan"), float("inf"), "12", b"1", None, [1.0, 2.0]):
            send("/orbit/yaw", value)
        for address in (
            "/osc_anywhere",
            "/control/osc_port",
            "/checkpoint",
            "/orbit",
            "/orbit/yaw/x",
        ):
            send(address, 1)
        for address in ("/interface/playing", "/cues", "/__class__/yaw", "/latent/ws_file"):
            send(address, 1)
        desk.frames(4)
        assert inbox.refused > refused + 10
        assert desk.commands.state == state
        assert desk.commands.interface == interface
        assert control.settings.osc_port == port
        send("/orbit/yaw", 1.5)
        assert desk.commands.state.orbit.yaw == 1.5, "it still listens"
        assert "OSC /orbit/yaw" in inbox.last
        desk.commands.set_control(ControlSettings())
        raw.close()
        server.shutdown()
    with socket.socket(type=socket.SOCK_DGRAM) as again:
        desk.until(lambda: _is_free(again, port))


def _is_free(line: socket.socket, port: int) -> bool:
    try:
        line.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_bound_keys_act_also_during_a_show(desk: AppDriver) -> None:
    commands, control = desk.commands, desk.commands.control
    desk.key("ctrl+k")
    desk.key("Escape")
    commands.choose_control()
    desk.until(lambda: "Bind the next input to/Query" in controls.rects)
    desk.type("next cue")
    desk.key("Escape")
    assert control.learning is None
    commands.learn_control(Target("command", "Next cue", "Next cue"))
    desk.key("shift+F9")
    commands.learn_control(Target("setting", "display.view", "View"))
    desk.key("r")
    seed = commands.state.latent
    desk.key("r")
    assert commands.state.latent == seed
    assert commands.state.display.view == "raw"
    for _ in range(2):
        desk.key("shift+F5")
    commands.interface.audience = "window"
    commands.cue_index = 0
    desk.key("F5")
    show = commands.current_show
    assert show is not None
    desk.key("F9")
    assert show.index == 0
    desk.key("shift+F9")
    assert show.index == 1
    desk.key("Escape", "Escape")
    assert commands.current_show is None


def test_a_stream_of_values_waits_until_the_cue_is_there(desk: AppDriver) -> None:
    commands, control = desk.commands, desk.commands.control
    commands.learn_control(Target("command", "Next cue", "Next cue"))
    desk.key("shift+F9")
    for yaw in (30.0, 20.0):
        desk.key("shift+F5")
        cue = commands.chosen_cue
        assert cue is not None
        commands.edit_cue(replace(cue, orbit=replace(cue.orbit, yaw=yaw)))
    commands.interface.audience = "window"
    commands.start_show(0)
    show = commands.current_show
    assert show is not None and not show.stands, "no picture of it was ever rendered"

    def moves(roll: float) -> bool:
        control.inbox.receive("OSC /orbit/roll", roll)
        desk.frames(1)
        moved = commands.state.orbit.roll == roll
        assert show.stands or not moved
        return moved

    desk.until(lambda: moves(7.0))
    desk.key("shift+F9")
    assert show.index == 1, "commands do not wait"
    desk.until(lambda: moves(9.0))


def test_a_gamepad_is_understood_at_once(desk: AppDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    pad = SimpleNamespace(axes=[0.0, 0.0, 0.0, 0.0, -1.0, -1.0], buttons=[0] * len(BUTTONS))
    monkeypatch.setattr(glfw, "joystick_is_gamepad", lambda number: number == 2)
    monkeypatch.setattr(glfw, "get_gamepad_state", lambda number: pad)
    monkeypatch.setattr(glfw, "get_gamepad_name", lambda number: "Test pad")
    commands = desk.commands
    commands.set_control(ControlSettings(gamepad=True))
    before = commands.state.snapshot()
    pad.axes[0], pad.axes[3], pad.axes[5] = 1.0, -1.0, 1.0
    desk.until(lambda: commands.state.t == 1.0)
    assert commands.state.orbit.yaw < before.orbit.yaw
    assert commands.state.orbit.fov < before.orbit.fov
    pad.axes[:] = [0.1, 0.0, 0.0, -0.1, -1.0, -1.0]
    desk.settle()
    pad.buttons[BUTTONS.index("Y")] = 1
    desk.frames(4)
    assert commands.state.latent != before.latent
    latent = commands.state.latent
    desk.frames(4)
    assert commands.state.latent == latent, "held down, it acts once"
    commands.undo()
    commands.undo()
    assert commands.state.orbit == before.orbit, "a movement of a stick is one step"
    pad.axes[0] = 1.0
    commands.set_control(ControlSettings())
    desk.settle()
    assert "Test pad" not in str(commands.control.gamepads)


def test_what_is_bound_at_first_exists(desk: AppDriver) -> None:
    for binding in CONTROLS:
        if binding.target.kind == "setting":
            assert binding.target.setting is not None
        else:
            assert binding.target.place in palette.acts(desk.commands)
    indexed = palette.index
    desk.app.window.begin_frame()
    found = indexed(desk.commands)
    reached = [palette.target_of(name, control, desk.commands) for name, control in found.items()]
    desk.app.window.end_frame()
    places = {target.place for target in reached if target is not None}
    assert {"orbit.yaw", "latent.psi", "interface.orbit_period", "quality.precision"} <= places
    assert {"Camera/Front", "Camera/Circle/The head"} <= places


def test_every_setting_is_reached_within_its_range() -> None:
    for path in setting_paths().values():
        check_range(path)


def check_range(path: SettingPath) -> None:
    state, interface = SessionState(), Interface()
    for value in (-1e300, 0.0, 0.3, 1.0, 1e300):
        path.write(state, interface, path.allowed(value))
        stored = path.read(state, interface)
        if path.kind == "number":
            numbers = path.declared.range
            assert numbers.lo <= stored <= numbers.hi
            assert type(stored) is int or not path.whole
            for position in (0.0, 0.25, 1.0):
                set_to = path.value_at(position, numbers.ends)
                step = (numbers.step if not path.whole else 1) / (numbers.ends[1] - numbers.ends[0])
                near = max(step, 0.02)
                assert path.position_of(set_to, numbers.ends) == pytest.approx(position, abs=near)
        else:
            assert stored in (path.choices or (False, True))


class Devices:
    """rtmidi2 with devices that are plugged in and pulled out: there is no hardware here."""

    def __init__(self) -> None:
        self.names: list[str] = ["Midi Through Port-0", "Knobs"]
        self.inputs: dict[str, Any] = {}
        self.sent: list[tuple[int, ...]] = []

    def get_in_ports(self) -> list[str]:
        if not self.names:
            raise RuntimeError("MidiInAlsa::initialize: error creating ALSA sequencer client.")
        return self.names

    get_out_ports = get_in_ports

    def MidiIn(self) -> Any:  # noqa: N802
        made = SimpleNamespace(callback=None)
        made.open_port = lambda number: self.inputs.update({self.names[number]: made})
        return made

    def MidiOut(self) -> Any:  # noqa: N802
        return SimpleNamespace(open_port=bool, send_raw=lambda *data: self.sent.append(data))


def wait_for(done: Callable[[], object]) -> None:
    end = time.perf_counter() + 10
    while not done():
        assert time.perf_counter() < end
        time.sleep(0.01)


def test_devices_are_plugged_in_and_pulled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = Devices()
    monkeypatch.setitem(sys.modules, "rtmidi2", devices)
    monkeypatch.setattr(midi_ports, "_LOOK_SECONDS", 0.02)
    inbox, outbox = Inbox(), Outbox()
    inbox.wanted = {"CC 7 ch 1", "Pitch bend ch 2"}
    ports = midi_ports.MidiPorts(inbox, outbox)
    wait_for(lambda: ports.state == "MIDI: Knobs.")
    knobs = devices.inputs["Knobs"]
    for message in ([176, 7, 127], [0xE1, 0, 64], [176, 7], [0xF8], [999], [176, 8, 1], []):
        knobs.callback(message, 0.0)
    assert inbox.take() == {"CC 7 ch 1": [1.0], "Pitch bend ch 2": [pytest.approx(0.5, abs=1e-3)]}
    assert inbox.last == "CC 8 ch 1: 1"
    for key in ("CC 7 ch 1", "Note 60 ch 10", "CC 999 ch 1", "OSC /a", "Key A"):
        ports.send(key, 1.0)
    wait_for(lambda: len(devices.sent) >= 2)
    assert set(devices.sent) == {(176, 7, 127), (153, 60, 127)}
    before = ports.connections
    devices.names = ["Midi Through Port-0"]
    wait_for(lambda: "No MIDI device" in ports.state)
    devices.names = ["Knobs"]
    wait_for(lambda: ports.connections == before + 1)
    devices.names = []
    wait_for(lambda: "cannot be reached here: error creating" in ports.state)
    assert "off and on" in ports.state
    ports.close()
    outbox.close()


def test_without_the_packages_a_sentence_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    for name in ("mido", "rtmidi2", "pythonosc"):
        monkeypatch.setitem(sys.modules, name, None)
    inbox, outbox = Inbox(), Outbox()
    ports, osc = midi_ports.MidiPorts(inbox, outbox), OscPort(inbox, outbox, port)
    wait_for(lambda: ports.state == midi_ports.MISSING)
    assert 'pip install "pv3d-visualizer[control]"' in osc.state
    ports.send("CC 1 ch 1", 0.5)
    osc.send("OSC /a", 0.5)
    osc.close()
    ports.close()


def test_a_file_of_bindings_cannot_harm(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    mine = (Binding("CC 1 ch 1", Target("setting", "latent.psi", "ψ"), lo=0.2), *CONTROLS[:2])
    bindings.save(path, mine)
    assert bindings.load(path) == mine
    for text in ("", "[]", "{}", '{"bindings": 1}', "[" * 9999, '{"bindings": [{"input": 3}]}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"mine\.json"):
            bindings.load(path)
    odd = {"input": "CC 999 ch 99", "target": {"kind": "setting", "place": "no.such", "name": ""}}
    path.write_text(json.dumps({"format": "pv3d control", "bindings": [odd, odd]}))
    (read,) = bindings.load(path)
    assert read.target.setting is None
    with pytest.raises(UserError, match="folder"):
        bindings.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": 1e9}, r"bindings\[0\]\.rate is 1e\+09; it must lie between -10 and 10"),
        ({"period": 0}, r"bindings\[0\]\.period is 0; it must lie between 0\.5 and 600 s"),
        ({"lo": -1e300}, r"bindings\[0\]\.lo is -1e\+300; it must lie between -3600 and 3600"),
        ({"hi": 4000}, r"bindings\[0\]\.hi is 4000"),
        ({"input": "x" * 1000}, "more than 300 characters"),
        ({"input": "LFO sine", "target": {"kind": "command", "place": "Undo"}}, "not a number"),
    ],
)
def test_ranges_hold_in_files_edited_by_hand(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "mine.json"
    one = {"input": "CC 1 ch 1", "target": {"kind": "setting", "place": "orbit.yaw"}, **changes}
    text = json.dumps({"bindings": [one]})
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        bindings.load(path)
    bindings.save(path, CONTROLS)  # what was written by hand is not lost
    assert bindings.load(path) == CONTROLS
    assert (tmp_path / "mine (unread).json").read_text() == text
