"""The window itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import glfw
import imgui_bundle
import numpy as np
import pytest
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.gl.texture import Texture, read_rgb
from gui_utils.window.imgui_window import Window
from gui_utils.window.picture_window import PictureWindow
from tests.gui_utils.conftest import Driver, ask_to_close


def test_pixels_are_those_of_the_theme(driver: Driver) -> None:
    driver.frames()
    dark = driver.window.read_pixels()
    assert dark.shape == (520, 420, 3)
    assert dark.dtype == np.uint8
    expected = np.array(style.rgba(style.palette("dark").background)[:3]) * 255
    assert np.abs(dark[260, 210] - expected).max() <= 1
    driver.window.theme = "light"
    driver.frames()
    expected = np.array(style.rgba(style.palette("light").background)[:3]) * 255
    assert np.abs(driver.window.read_pixels()[260, 210] - expected).max() <= 1


def test_top_row_comes_first(driver: Driver) -> None:
    def draw() -> None:
        imgui.get_foreground_draw_list().add_rect_filled((0, 0), (420, 20), 0xFF0000FF)

    driver.content = draw
    driver.frames(2)
    pixels = driver.window.read_pixels()
    assert pixels[5, 200].tolist() == [255, 0, 0]
    assert pixels[-5, 200].tolist() != [255, 0, 0]


def test_characters_come_from_fonts_that_are_found(display: str, tmp_path: Path) -> None:
    """Once a text has some that the interface's own fonts lack."""
    del display
    script, nobodys = "\U0001d49c", "\U000ffffd"
    broken = tmp_path / "broken.otf"
    broken.write_bytes(b"OTTO" + bytes(2000))
    fonts = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "latex"
    asked: list[str] = []

    def find(characters: Sequence[str]) -> list[str]:
        asked.extend(characters)
        return [str(broken), str(fonts / "latinmodern-math.otf")]

    driver = Driver(size=(420, 520), find_fonts=find)
    shown = ["plain \u00e9 \u2026 text"]
    driver.content = lambda: controls.hint(shown[0])
    driver.frames()
    assert not asked, "all that is there already"
    body = style.font_of("body")
    assert not body.is_glyph_in_font(ord(script))
    shown[0] = script * 3 + nobodys
    driver.until(lambda: body.is_glyph_in_font(ord(script)))
    assert set(asked) == {script, nobodys}
    driver.frames()
    known = driver.window.read_pixels()
    shown[0] = nobodys * 4
    driver.frames()
    assert not np.array_equal(known, driver.window.read_pixels())
    assert len(asked) == 2, "each is looked for once"
    driver.window.close()


def test_fills_lie_behind_everything(driver: Driver) -> None:
    def draw() -> None:
        driver.window.fill((10, 20, 110, 70), 0xFF0000FF)
        driver.window.fill((100, 60, 900, 900), 0xFF00FF00)
        imgui.get_background_draw_list().add_rect_filled((50, 30), (60, 40), 0xFFFF0000)

    driver.window.begin_frame()
    draw()
    driver.window.end_frame()
    pixels = driver.window.read_pixels()
    canvas = np.array(style.rgba(style.palette().canvas)[:3]) * 255
    assert pixels[20, 10].tolist() == [255, 0, 0]
    assert np.abs(pixels[19, 9] - canvas).max() <= 1
    assert pixels[65, 105].tolist() == [0, 255, 0]
    assert pixels[519, 419].tolist() == [0, 255, 0]
    assert pixels[35, 55].tolist() == [0, 0, 255]
    driver.window.begin_frame()
    driver.window.end_frame()
    assert np.abs(driver.window.read_pixels() - canvas).max() <= 1


def test_pixels_cannot_be_read_within_a_frame(driver: Driver) -> None:
    driver.window.begin_frame(0)
    with pytest.raises(RuntimeError, match="after end_frame"):
        driver.window.read_pixels()
    driver.window.end_frame()


def test_ui_scale_applies_at_run_time_and_is_clamped(driver: Driver) -> None:
    heights = []

    def draw() -> None:
        heights.append(imgui.get_frame_height())

    driver.content = draw
    driver.frames(2)
    driver.window.ui_scale = 2
    driver.frames(2)
    assert heights[-1] == pytest.approx(2 * heights[0])
    assert driver.window.scale == 2 * style.scale() / 2
    driver.window.ui_scale = 99
    assert driver.window.ui_scale == 3


def test_idle_window_waits_and_an_event_wakes_it(driver: Driver) -> None:
    driver.frames(6)
    driver.until(lambda: not driver.window.busy)
    threading.Timer(0.15, driver.window.wake).start()
    start = time.perf_counter()
    driver.window.begin_frame(timeout=3.0)
    waited = time.perf_counter() - start
    driver.window.end_frame()
    assert 0.1 < waited < 1.0


def test_frames_keep_to_max_fps(driver: Driver) -> None:
    driver.window.max_fps = 100
    driver.frames(2)
    start = time.perf_counter()
    driver.frames(20)
    assert time.perf_counter() - start >= 0.17  # a tenth early, so that no refresh is missed


def test_small_window_draws(driver: Driver) -> None:
    driver.content = lambda: (
        controls.slider("Yaw", 0.5, 0, 1, tooltip="Turn."),
        controls.vector("Position", (0, 0, 0)),
        controls.pad("Seeds", (0, 0)),
        controls.progress("Work", 0.5),
    )
    toasts = controls.Toasts()
    toasts.add("error", "Something went wrong with a long sentence that has to wrap.", "x")
    driver.overlay = toasts.draw
    glfw.set_window_size(driver.window.handle, 200, 150)
    driver.until(lambda: driver.window.framebuffer_size == (200, 150))
    driver.frames()
    assert driver.window.read_pixels().shape == (150, 200, 3)


def test_fullscreen_covers_the_monitor_and_comes_back(driver: Driver) -> None:
    driver.frames()
    before = driver.window.geometry
    driver.window.fullscreen = True
    mode = glfw.get_video_mode(glfw.get_primary_monitor())
    driver.until(lambda: driver.window.framebuffer_size == (mode.size.width, mode.size.height))
    assert driver.window.geometry == before
    driver.window.fullscreen = False
    driver.until(lambda: driver.window.framebuffer_size == (420, 520))
    driver.frames()
    assert driver.window.geometry == before
    assert before == {"size": (420, 520), "position": (0, 0), "maximized": False}


def test_position_on_no_monitor_is_not_used(make_driver: Callable[..., Driver]) -> None:
    window = make_driver(position=(90000, 90000)).window
    left, top = window.geometry["position"]
    assert 0 <= left < 10000
    assert 0 <= top < 10000


def test_a_size_from_a_larger_desk_fits(make_driver: Callable[..., Driver]) -> None:
    window = make_driver(size=(9000, 300)).window
    width, height = window.geometry["size"]
    assert (width, height) == (glfw.get_video_mode(glfw.get_primary_monitor()).size.width, 300)


def test_default_size_is_usable(make_driver: Callable[..., Driver]) -> None:
    width, height = make_driver(size=None, position=None).window.geometry["size"]
    screen = glfw.get_monitor_workarea(glfw.get_primary_monitor())
    assert width >= min(1280, screen[2])
    assert height >= min(800, screen[3])


def test_close_button_asks_and_drops_arrive(driver: Driver) -> None:
    window = driver.window
    ask_to_close(glfw.get_x11_window(window.handle))
    driver.until(lambda: window.close_requested)
    window.close_requested = False
    window.drop(["/a b.png", Path("/c.pkl")])
    assert window.take_drops() == ["/a b.png", "/c.pkl"]
    assert window.take_drops() == []


def test_callback_errors_are_kept_and_the_window_lives(
    driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken handler")

    driver.window.as_callback(fail)()
    assert list(driver.window.callback_errors) == ["ValueError: broken handler"]
    assert "broken handler" in caplog.text
    driver.frames()


def test_a_frame_cut_short_by_an_exception_does_not_stop_the_next(driver: Driver) -> None:
    driver.window.begin_frame(0)
    imgui.begin("cut")
    driver.frames(3)


def test_windows_open_one_after_the_other(make_driver: Callable[..., Driver]) -> None:
    for _ in range(3):
        made = make_driver()
        made.frames(2)
        assert "llvmpipe" in made.window.gl_renderer or made.window.gl_renderer
        assert len(made.window.frame_times) == 2
        made.window.close()
        made.window.close()


def test_unknown_theme_opens_nothing() -> None:
    with pytest.raises(ValueError, match="dark, light"):
        Window("x", theme="sepia")  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are named on Linux")
@pytest.mark.parametrize(
    ("wayland", "advice"), [("", "xvfb-run"), ("wayland-0", "install the package xwayland")]
)
def test_no_display_is_one_clear_sentence(wayland: str, advice: str) -> None:
    code = (
        "from gui_utils.window.imgui_window import DisplayError, Window\n"
        "try:\n    Window('x')\n"
        "except DisplayError as error:\n    print(error)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    environment["WAYLAND_DISPLAY"] = wayland
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "DISPLAY is not set" in done.stdout
    assert advice in done.stdout
    assert done.stdout.count("\n") == 1


def _stale(window: Window) -> int:
    """Numbers on the screen that differ from those of the frame drawn as a whole, by more than
    llvmpipe rounds differently."""
    width, height = window.framebuffer_size
    gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
    shown = read_rgb(width, height)[::-1].astype(np.int16)
    return int((np.abs(shown - window.read_pixels()) > 3).sum())


def test_frames_show_what_changed(driver: Driver) -> None:
    """Without a GPU only the changed part of a window is drawn again."""
    window = driver.window
    under, opaque = Texture(), Texture(for_quads=True)
    shades = {"under": 40, "opaque": 60}

    def upload() -> None:
        under.update(np.full((4, 4, 3), shades["under"], np.uint8))
        opaque.update(np.full((4, 4, 3), shades["opaque"], np.uint8))

    place, tip = [30.0], [False]

    def draw() -> None:
        window.fill((200, 20, 300, 60), 0xFF000000 + int(place[0]))
        window.paint(opaque, (200, 300, 260, 360))
        draw = imgui.get_background_draw_list()
        draw.add_image(under.ref, (20, 300), (120, 380))
        draw.add_rect_filled((place[0], 100.5), (place[0] + 50, 140), 0xFF0000FF)
        draw.push_clip_rect((10.3, 90.3), (300.3, 135.3))
        draw.add_rect_filled((0, 0), (400.7, 430.2), 0x80FF0000 + round(place[0]))
        draw.pop_clip_rect()
        if tip[0]:
            imgui.get_foreground_draw_list().add_text((40, 108), 0xFFFFFFFF, "above")

    def change(key: str) -> Callable[[], object]:
        return lambda: (shades.update({key: 200}), upload())

    upload()
    driver.overlay = draw
    driver.frames()
    steps = (
        lambda: place.__setitem__(0, 90.0),
        lambda: place.__setitem__(0, 95.5),
        lambda: tip.__setitem__(0, True),
        lambda: place.__setitem__(0, 20.0),
        lambda: tip.__setitem__(0, False),
        change("under"),
        change("opaque"),
        lambda: setattr(window, "theme", "light"),
        lambda: glfw.set_window_size(window.handle, 380, 460),
        lambda: place.__setitem__(0, 60.0),
    )
    for step in steps:
        step()
        driver.frames(2)  # a new size shows in the second
        for _ in range(3):
            assert _stale(window) == 0
            driver.frames(1)


def test_a_window_that_had_another_size_for_a_moment_is_whole(driver: Driver) -> None:
    """Even if another window's context was current meanwhile."""
    window = driver.window
    other = PictureWindow(window, "Other", "", lambda key, text: None)
    driver.frames(6)
    for size in ((380, 460), (420, 520)):
        glfw.set_window_size(window.handle, *size)
        other.show((), (0.0, 0.0, 0.0), size)  # draws if the version, here the size, is new
    driver.frames(4)
    assert _stale(window) == 0
    other.close()


def test_what_did_not_change_is_not_drawn_again(driver: Driver) -> None:
    if not driver.window.draws_in_software:
        pytest.skip("a GPU draws all of it")
    place = [30.0]
    driver.overlay = lambda: imgui.get_foreground_draw_list().add_rect_filled(
        (place[0], 100), (place[0] + 50, 140), 0xFF0000FF
    )
    driver.frames()

    def mark() -> list[list[int]]:
        """The colours of a mark beside the rectangle, and of one on it."""
        pixels = read_rgb(*driver.window.framebuffer_size)[::-1]
        return [pixels[300, 300].tolist(), pixels[120, 75].tolist()]

    gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
    gl.glEnable(gl.GL_SCISSOR_TEST)
    gl.glClearColor(0.0, 1.0, 0.0, 1.0)
    for x, y in ((300, 300), (75, 120)):
        gl.glScissor(x, driver.window.framebuffer_size[1] - y - 1, 1, 1)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
    green = [0, 255, 0]
    assert mark() == [green, green]
    place[0] = 40.0
    driver.frames(1)
    assert mark() == [green, [255, 0, 0]]
