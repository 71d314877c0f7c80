"""A show on a second monitor that is pulled out and plugged in again: an X server without hardware
has real RandR monitors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gui_utils.window import monitors
from tests.viz.app import app_driver
from tests.viz.app.test_stage import arrive, with_cues

display, model, start = app_driver.display, app_driver.model, app_driver.start

_DRIVERS = [Path(f"/usr/{lib}/xorg/modules/drivers/dummy_drv.so") for lib in ("lib", "lib64")]
_CONFIG = """
Section "Device"
  Identifier "dummy"
  Driver "dummy"
  VideoRam 256000
EndSection
Section "Monitor"
  Identifier "monitor"
  HorizSync 5.0-1000.0
  VertRefresh 5.0-200.0
EndSection
Section "Screen"
  Identifier "screen"
  Device "dummy"
  Monitor "monitor"
  DefaultDepth 24
  SubSection "Display"
    Depth 24
    Virtual 1600 600
    Modes "800x600"
  EndSubSection
EndSection
"""


@pytest.fixture
def two_monitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A display with two monitors of 800 x 600, DUMMY0 and to its right DUMMY1."""
    if not (shutil.which("Xorg") and shutil.which("xrandr") and any(map(Path.exists, _DRIVERS))):
        pytest.skip("no X server with the dummy driver")
    config, log = tmp_path / "xorg.conf", tmp_path / "xorg.log"
    config.write_text(_CONFIG)
    read_end, write_end = os.pipe()
    words = ["-config", config, "-logfile", log, "-displayfd", write_end, "-noreset"]
    words += ["-novtswitch", "-sharevts", "-nolisten", "tcp", "+extension", "GLX"]
    server = subprocess.Popen(
        ["Xorg", *map(str, words)],
        pass_fds=[write_end],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        if not number:
            pytest.skip("an X server with the dummy driver does not start here")
        monkeypatch.setenv("DISPLAY", f":{number}")
        for monitor in ("DUMMY0", "DUMMY1"):
            for size in ("800x600", "640x480"):
                _xrandr("--addmode", monitor, size)
        plug_in()
        yield
    finally:
        server.terminate()
        server.wait(timeout=10)


def _xrandr(*words: str) -> None:
    subprocess.run(["xrandr", *words], check=True, timeout=20)
    # The driver tells of a change when it is asked.
    subprocess.run(["xrandr"], check=True, timeout=20, stdout=subprocess.DEVNULL)


def plug_in(size: str = "800x600") -> None:
    _xrandr("--output", "DUMMY1", "--mode", size, "--right-of", "DUMMY0")


def test_the_second_monitor_is_pulled_out_and_plugged_in(
    display: str, two_monitors: None, start: app_driver.Start, model: Path
) -> None:
    del display, two_monitors
    desk = start(model, size=(700, 500))
    desk.settle(60.0)
    show = with_cues(desk)
    show.commands.interface.audience = ""
    show.key("F5")
    audience = show.app.audience
    show.until(lambda: audience.screen is not None)
    assert audience.screen is not None
    assert audience.screen.monitor == "DUMMY1"
    assert audience.screen.size == (800, 600)
    assert not show.window.fullscreen
    arrive(show)
    side = audience.screen.read_pixels()[:, 100:700]
    assert side.std() > 1

    _xrandr("--output", "DUMMY1", "--off")
    show.until(lambda: monitors.names() == ["DUMMY0"])
    show.until(lambda: audience.is_here and show.window.fullscreen)
    show.key("Next")
    arrive(show)
    assert show.commands.current_show is not None
    assert show.commands.current_show.index == 1

    plug_in()
    show.until(lambda: audience.screen is not None)
    assert audience.screen is not None
    assert audience.screen.monitor == "DUMMY1"
    show.until(lambda: not show.window.fullscreen)
    arrive(show)
    assert not np.array_equal(audience.screen.read_pixels()[:, 100:700], side)

    plug_in("640x480")  # as a projector does that finds another resolution
    show.until(lambda: audience.screen is not None and audience.screen.size == (640, 480))
    assert audience.screen is not None
    assert audience.screen.monitor == "DUMMY1"

    show.commands.interface.audience = "here"
    show.until(lambda: audience.is_here and show.window.fullscreen)
    _xrandr("--output", "DUMMY0", "--mode", "640x480")
    show.until(lambda: show.window.framebuffer_size == (640, 480))
    plug_in()
    _xrandr("--output", "DUMMY0", "--off")
    show.until(lambda: show.window.monitor == "DUMMY1")
    show.until(lambda: show.window.framebuffer_size == (800, 600))
    assert show.window.fullscreen
