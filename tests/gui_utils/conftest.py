"""A display, a window and real input for the tests of gui_utils."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.window.imgui_window import Window


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """Name of a display: the one at hand, else a virtual one for the session."""
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("no display: DISPLAY is not set and Xvfb is not installed")
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(write_end),
            "-screen",
            "0",
            "1400x1000x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[write_end],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.kill()
        server.wait()
        pytest.skip("no display: Xvfb did not start")
    os.environ["DISPLAY"] = f":{number}"
    yield os.environ["DISPLAY"]
    del os.environ["DISPLAY"]
    server.terminate()
    server.wait(timeout=10)


class Driver:
    """A window that draws `content` in one panel, and the hands that use it."""

    def __init__(self, **arguments: Any) -> None:
        arguments = {"size": (420, 520), "position": (0, 0), **arguments}
        self.window = Window("Test", **arguments)
        self.window.max_fps = 500
        self.content: Callable[[], object] = lambda: None
        self.overlay: Callable[[], object] = lambda: None

    def frames(self, count: int = 4) -> None:
        """Draw `count` frames at once."""
        for _ in range(count):
            self.patient_frame(0.0)

    def patient_frame(self, timeout: float) -> None:
        """Draw the next frame when something asks for it, or `timeout` seconds have passed."""
        self.window.begin_frame(timeout)
        area = imgui.get_main_viewport().work_size
        imgui.set_next_window_pos((0, 0))
        imgui.set_next_window_size((area.x, area.y))
        flags = imgui.WindowFlags_.no_decoration & ~imgui.WindowFlags_.no_scrollbar
        flags |= imgui.WindowFlags_.no_bring_to_front_on_focus
        imgui.begin("##panel", None, flags)
        self.content()
        imgui.end()
        self.overlay()
        self.window.end_frame()

    def until(self, done: Callable[[], object], seconds: float = 2.0) -> None:
        """Draw frames until `done`; fails after `seconds`."""
        end = time.perf_counter() + seconds
        while not done():
            assert time.perf_counter() < end, "nothing happened in time"
            self.frames(1)

    def xdo(self, *words: object) -> None:
        """Send real input, then let the window take it in."""
        if shutil.which("xdotool") is None:
            pytest.skip("xdotool is not installed, so no real input can be sent")
        subprocess.run(["xdotool", *map(str, words)], check=True, timeout=20)
        self.frames(2)
        # A server hands events over in its own time, and Dear ImGui takes some one per frame.
        time.sleep(0.005)
        self.frames(2)
        self.until(lambda: imgui.get_current_context().input_events_queue.size() == 0, 10.0)  # pyright: ignore[reportAttributeAccessIssue]
        self.frames(2)

    def at(self, key: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int]:
        """A point of a control's rectangle, as fractions from its top left corner."""
        assert key in controls.rects, f"{key} is not on show: {sorted(controls.rects)}"
        left, top, right, bottom = controls.rects[key]
        return round(left + (right - left) * x), round(top + (bottom - top) * y)

    def rest(self) -> None:
        """Wait until another click is no longer part of the last double click."""
        time.sleep(imgui.get_io().mouse_double_click_time)
        self.frames(2)

    def move(self, key: str, x: float = 0.5, y: float = 0.5) -> None:
        """Put the pointer over a control."""
        self.xdo("mousemove", *self.at(key, x, y))

    def click(self, key: str, button: int = 1, x: float = 0.5, y: float = 0.5) -> None:
        """Click a control."""
        self.xdo("mousemove", *self.at(key, x, y), "click", button)

    def double_click(self, key: str, x: float = 0.5, y: float = 0.5) -> None:
        """Double click a control."""
        self.rest()
        self.xdo("mousemove", *self.at(key, x, y), "click", 1, "click", 1)

    def drag(self, key: str, by: tuple[int, int], button: int = 1, x: float = 0.5) -> None:
        """Press on a control, move, release."""
        self.rest()
        start = self.at(key, x)
        self.xdo("mousemove", *start)
        words: list[object] = ["mousedown", button]
        for part in (0.5, 1.0):
            place = [max(round(start[axis] + by[axis] * part), 0) for axis in (0, 1)]
            words += ["mousemove", *place]
        self.xdo(*words, "mouseup", button)

    def type(self, text: str) -> None:
        """Type into the field that is open, and press Enter."""
        self.xdo("key", "ctrl+a")
        self.xdo("type", "--delay", "1", "--", text)
        self.xdo("key", "Return")


@pytest.fixture
def layout(display: str) -> Iterator[Callable[[str], None]]:
    """Sets the keyboard's layout, and the American one in the end."""
    if shutil.which("setxkbmap") is None:
        pytest.skip("setxkbmap is not installed, so no other keyboard can be had")

    def choose(name: str) -> None:
        subprocess.run(["setxkbmap", "-display", display, name], check=True, timeout=20)

    yield choose
    choose("us")


@pytest.fixture
def make_driver(display: str) -> Iterator[Callable[..., Driver]]:
    """Opens drivers, one at a time, and closes what is left."""
    del display
    drivers: list[Driver] = []

    def make(**arguments: Any) -> Driver:
        for driver in drivers:
            driver.window.close()
        drivers.append(Driver(**arguments))
        return drivers[-1]

    controls.open_sections.clear()
    yield make
    for driver in drivers:
        driver.window.close()


@pytest.fixture
def driver(make_driver: Callable[..., Driver]) -> Driver:
    """A driver over a small window."""
    made = make_driver()
    made.xdo("mousemove", 415, 515)
    assert style.scale() == 1.0
    return made


def ask_to_close(window: int) -> None:
    """Send a window what its close button sends."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    display_handle = ctypes.c_void_p(x11.XOpenDisplay(None))
    atoms = [
        x11.XInternAtom(display_handle, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    ]
    client_message, by_longs = 33, 32
    event = (ctypes.c_long * 24)(client_message, 0, 1, 0, window, atoms[0], by_longs, atoms[1], 0)
    x11.XSendEvent(display_handle, ctypes.c_ulong(window), 0, 0, event)
    x11.XCloseDisplay(display_handle)
