"""What the audience sees as a webcam; only the device itself is not a real one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pyvirtualcam

from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from viz.app.control.live_control import ControlSettings
from viz.app.stage.virtual_camera import SIZE
from viz.state.person import Latent

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


class Device:
    """A device that keeps what it is sent."""

    device = "/dev/video7"
    frames: list[np.ndarray]

    def __init__(self, width: int, height: int, fps: float) -> None:
        Device.frames, Device.size, Device.closed = [], (width, height), False
        assert fps > 0

    def send(self, frame: np.ndarray) -> None:
        assert frame.dtype == np.uint8
        assert frame.shape == (Device.size[1], Device.size[0], 3)
        Device.frames.append(frame)

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        Device.closed = True


def no_device(*_: Any) -> Any:
    raise RuntimeError("No v4l2 loopback device found")


def test_the_audience_is_seen_in_a_conference(
    desk: AppDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = desk.commands
    monkeypatch.setattr(pyvirtualcam, "Camera", no_device)
    commands.set_control(ControlSettings(virtual_camera=True))
    desk.until(lambda: "No virtual camera is installed" in commands.virtual_camera_state)
    assert "v4l2loopback" in commands.virtual_camera_state
    commands.set_control(ControlSettings())
    desk.frames(2)
    assert not commands.virtual_camera_state

    monkeypatch.setattr(pyvirtualcam, "Camera", Device)
    monkeypatch.setattr("viz.app.stage.virtual_camera.SIZE", (256, 128))
    commands.set_control(ControlSettings(virtual_camera=True))
    side = desk.model.image_resolution
    assert SIZE == (1280, 720)
    assert side == 128
    desk.until(lambda: "/dev/video7" in commands.virtual_camera_state)

    def seen(picture: np.ndarray) -> bool:
        frame = Device.frames[-1]
        around = np.concatenate([frame[:, :64], frame[:, 192:]], axis=1)
        return np.array_equal(frame[:, 64:192], picture) and not around.any()

    desk.until(lambda: seen(desk.picture()), 20)
    commands.state.latent = Latent.at(1)
    desk.until(lambda: seen(desk.picture()), 20)
    commands.add_cue()
    commands.state.cues = (replace(commands.state.cues[0], transition="cut"),)
    commands.interface.audience = "window"
    commands.start_show()
    desk.until(lambda: desk.app.audience.screen is not None)
    before = desk.picture()
    desk.until(lambda: desk.app.audience.has_picture)
    commands.toggle_freeze()
    commands.state.latent = Latent.at(2)
    desk.settle()
    assert not np.array_equal(desk.picture(), before)
    count = len(Device.frames)
    desk.until(lambda: len(Device.frames) > count + 2)
    assert seen(before), "what is frozen stays"
    commands.toggle_freeze()
    desk.until(lambda: seen(desk.picture()))

    clock = SimpleNamespace(perf_counter=lambda: desk.app.audience.scene.fade[0] + 0.5)
    monkeypatch.setattr("viz.app.stage.virtual_camera.time", clock)
    first = desk.picture().astype(int)
    commands.state.cues += (replace(commands.state.cues[0], transition="fade", seconds=1.0),)
    commands.next_cue()
    desk.settle()
    halfway = (first + desk.picture()) / 2

    def fades() -> bool:
        picture = Device.frames[-1][:, 64:192]
        return np.abs(picture - halfway).max() <= 1 and not Device.frames[-1][:, :64].any()

    desk.until(fades)
    clock.perf_counter = lambda: desk.app.audience.scene.fade[0] + 1.0
    desk.until(lambda: seen(desk.picture()))
    commands.blank("white")
    desk.until(lambda: Device.frames[-1].min() == 255)
    commands.end_show()
    late = commands.result
    assert late is not None
    commands.state.display = replace(commands.state.display, layout="yaws", columns=4)
    commands.show(replace(late))
    assert desk.app.audience.scene.display.layout == "single", "it belongs to the layout before"
    commands.state.quality = replace(commands.state.quality, mesh_resolution=16, mesh_level=1.0)
    commands.state.display = replace(commands.state.display, layout="grid", grid=("mesh",) * 4)
    assert desk.settle(40).meshes[0] is not None, "this person has a surface"
    desk.until(lambda: len(np.unique(Device.frames[-1][:60, 68:124])) > 2)
    commands.set_control(ControlSettings())
    desk.until(lambda: Device.closed)
