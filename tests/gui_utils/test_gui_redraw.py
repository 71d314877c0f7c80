"""How often a window draws while nothing new can be seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import glfw
import pytest
from imgui_bundle import imgui

from gui_utils import controls
from tests.gui_utils.conftest import Driver


def settle(driver: Driver) -> None:
    """Draw until nothing that has happened asks for another frame."""
    driver.until(lambda: not driver.window.busy)


def count_frames(driver: Driver, seconds: float = 1.0) -> int:
    """Frames that the window draws in this time when nobody hurries it."""
    driver.window.max_fps = 60
    end = time.perf_counter() + seconds
    count = 0
    while (left := end - time.perf_counter()) > 0:
        driver.patient_frame(left)
        count += 1
    return count


def test_at_rest_nothing_is_drawn(driver: Driver) -> None:
    driver.content = lambda: controls.slider("Yaw", 0.5, 0, 1)
    driver.frames()
    settle(driver)
    assert driver.window.frame_requests == {}
    assert count_frames(driver) <= 2


def test_a_resting_mouse_shows_the_tooltip_and_no_more(driver: Driver) -> None:
    driver.content = lambda: controls.slider("Yaw", 0.5, 0, 1, tooltip="Turn the head.")
    driver.frames()
    before = driver.window.read_pixels()
    driver.move("Yaw")
    settle(driver)
    assert set(driver.window.frame_requests) == {"tooltip"}
    assert count_frames(driver) <= 5
    assert abs(driver.window.read_pixels()[60:].astype(int) - before[60:]).max() > 60
    assert driver.window.frame_requests == {}
    assert count_frames(driver) <= 2


def test_a_button_that_is_held_draws_nothing_new(driver: Driver) -> None:
    driver.content = lambda: controls.slider("Yaw", 0.5, 0, 1)
    driver.frames()
    driver.move("Yaw")
    driver.xdo("mousedown", 1)
    settle(driver)
    assert count_frames(driver) <= 2
    driver.xdo("mouseup", 1)


def test_a_held_step_button_goes_on_stepping(driver: Driver) -> None:
    seeds = [0]
    driver.content = lambda: seeds.append(controls.drag_int("Seed", seeds[-1], 0, 99)[1])
    driver.frames()
    driver.move("Seed/+")
    driver.xdo("mousedown", 1)
    assert 5 <= count_frames(driver) <= 30
    driver.xdo("mouseup", 1)
    assert seeds[-1] >= 5


def test_a_text_field_draws_as_often_as_its_caret_blinks(driver: Driver) -> None:
    driver.content = lambda: controls.text_input("Name", "a")
    driver.frames()
    driver.click("Name")
    settle(driver)
    assert set(driver.window.frame_requests) == {"caret"}
    assert 2 <= count_frames(driver, 1.2) <= 5


def test_a_notice_draws_while_it_fades(driver: Driver) -> None:
    toasts = controls.Toasts()
    driver.overlay = toasts.draw
    driver.frames()
    settle(driver)
    toasts.add("info", "Saved.", timeout=1.5)
    driver.window.wake()
    assert 8 <= count_frames(driver, 0.5) <= 22  # it comes within a quarter of a second
    assert 0 < driver.window.frame_requests["notice"] < 1
    assert count_frames(driver, 0.4) <= 2
    assert 8 <= count_frames(driver, 0.8) <= 22  # and goes likewise
    assert len(toasts) == 0
    assert count_frames(driver) <= 2


def test_endless_progress_moves_at_half_rate(driver: Driver) -> None:
    driver.content = lambda: controls.progress("Loading", None)
    driver.frames()
    settle(driver)
    assert 15 <= count_frames(driver) <= 34


def test_each_wake_draws_one_frame(driver: Driver) -> None:
    driver.frames()
    settle(driver)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            driver.window.wake()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        count = count_frames(driver)
    finally:
        stop.set()
        worker.join()
    assert 6 <= count <= 12


def test_a_wake_while_a_frame_is_drawn_is_not_lost(driver: Driver) -> None:
    driver.frames()
    settle(driver)
    woken: list[Callable[[], None]] = [driver.window.wake]
    driver.content = lambda: woken.pop()() if woken else None
    start = time.perf_counter()
    driver.frames(1)
    driver.patient_frame(2.0)
    assert time.perf_counter() - start < 1


def test_events_that_show_nothing_do_not_draw(driver: Driver) -> None:
    driver.frames()
    settle(driver)
    timer = threading.Thread(
        target=lambda: [(time.sleep(0.05), glfw.post_empty_event()) for _ in range(10)]
    )
    timer.start()
    assert count_frames(driver) <= 2
    timer.join()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_row_that_comes_and_goes_moves_nothing(driver: Driver, rows: int) -> None:
    shown = [False]

    def draw() -> None:
        with controls.reserved(shown[0], rows) as visible:
            if visible:
                for row in range(rows):
                    controls.toggle(f"On {row}", True)
        controls.toggle("Below", True)

    driver.content = draw
    driver.frames(2)
    before = controls.rects["Below"]
    shown[0] = True
    driver.frames(2)
    assert "On 0" in controls.rects
    assert controls.rects["Below"] == before
    driver.content = lambda: [controls.toggle(name, True) for name in ("a", "b", "Below")][:0]
    if rows == 2:
        driver.frames(2)
        assert controls.rects["Below"] == before


@pytest.mark.parametrize(
    ("left", "width", "side"), [(800, 300, "left"), (0, 300, "right"), (0, 1100, "below")]
)
def test_a_tooltip_hides_no_control_of_its_panel(
    make_driver: Callable[..., Driver], left: int, width: int, side: str
) -> None:
    driver = make_driver(size=(1100, 600))
    rects: list[tuple[float, float, float, float]] = []

    def draw() -> None:
        imgui.set_next_window_pos((left, 0))
        imgui.set_next_window_size((width, 600))
        imgui.begin("side", None, imgui.WindowFlags_.no_decoration)
        controls.slider("Yaw", 0.5, 0, 1, tooltip="Turn the head. " * 20)
        controls.slider("Pitch", 0.5, 0, 1)
        imgui.end()
        tip = imgui.internal.find_window_by_name("##Tooltip_00")
        if tip is not None and tip.active:
            low, size = tip.pos, tip.size
            rects.append((low.x, low.y, low.x + size.x, low.y + size.y))

    driver.overlay = draw
    driver.frames()
    driver.move("Yaw")
    driver.until(lambda: len(rects) > 2)
    tip = rects[-1]
    _, _, _, bottom = controls.rects["Yaw"]
    assert tip[0] >= 0
    assert tip[1] >= 0
    assert tip[2] <= 1100
    assert tip[3] <= 600
    if side == "left":
        assert tip[2] <= left
    elif side == "right":
        assert tip[0] >= left + width
    else:
        assert tip[1] >= bottom


def test_a_tooltip_hides_no_notice(driver: Driver) -> None:
    toasts = controls.Toasts()
    toasts.add("error", "The file is damaged.")

    def draw() -> None:
        if with_tooltip:
            imgui.set_next_window_pos((0, 0))
            imgui.set_tooltip("\n".join(["Turn the head. " * 40] * 40))
        toasts.draw()

    with_tooltip = False
    driver.overlay = draw
    driver.until(lambda: not toasts.animating)
    driver.frames()
    left, top, right, bottom = map(round, controls.rects["Toasts/The file is damaged."])
    before = driver.window.read_pixels()
    with_tooltip = True
    driver.frames()
    after = driver.window.read_pixels()
    assert (after != before).any(), "the tooltip is there"
    inner = slice(top + 8, bottom - 8), slice(left + 8, right - 8)
    assert (after[inner] == before[inner]).all()
