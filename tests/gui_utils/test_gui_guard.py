"""Parts of the interface that fail: the others go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import style
from tests.gui_utils.conftest import Driver


def fail() -> None:
    raise ValueError("broken part")


def in_child(draw: Callable[[], object]) -> None:
    imgui.begin_child("inner", (200, 80))
    draw()
    imgui.end_child()


def in_pushes(draw: Callable[[], object]) -> None:
    imgui.push_id("a")
    imgui.push_id(3)
    imgui.push_style_color(imgui.Col_.text, 0xFF0000FF)
    imgui.push_style_var(imgui.StyleVar_.item_spacing, (40.0, 40.0))
    imgui.push_style_var(imgui.StyleVar_.alpha, 0.3)
    imgui.push_item_flag(imgui.ItemFlags_.no_nav, True)
    imgui.push_font(style.font_of("mono"), 30)
    imgui.push_text_wrap_pos(30.0)
    imgui.push_item_width(20.0)
    imgui.push_clip_rect((0, 0), (30, 30), True)
    imgui.begin_disabled()
    imgui.begin_group()
    imgui.indent(70)
    draw()


def in_blocks(draw: Callable[[], object]) -> None:
    with controls.section("Inner section"), controls.scope("scope"), style.font("bold", 30):
        draw()


def in_table(draw: Callable[[], object]) -> None:
    if imgui.begin_table("table", 2):  # false where it is clipped away
        imgui.table_next_column()
    draw()


def in_tabs_and_tree(draw: Callable[[], object]) -> None:
    if imgui.begin_tab_bar("bar") and imgui.begin_tab_item("tab")[0]:
        imgui.set_next_item_open(True)
        if imgui.tree_node("tree"):
            draw()


def in_popup(draw: Callable[[], object]) -> None:
    if not imgui.is_popup_open("popup"):
        imgui.open_popup("popup")
    if imgui.begin_popup_modal("popup")[0]:
        draw()


def in_tooltip(draw: Callable[[], object]) -> None:
    if imgui.begin_tooltip():
        draw()


def in_careful_code(draw: Callable[[], object]) -> None:
    """What closes its own things, but in the wrong window when more than those are open."""
    imgui.push_id("careful")
    try:
        draw()
    finally:
        imgui.pop_id()


def in_clipped_list(draw: Callable[[], object]) -> None:
    clipper = imgui.ListClipper()
    clipper.begin(1000, 20.0)
    while clipper.step():
        draw()


def before_a_window(draw: Callable[[], object]) -> None:
    imgui.set_next_window_pos((300, 300))
    imgui.set_next_item_width(7.0)
    draw()


PLACES = [
    in_child,
    in_pushes,
    in_blocks,
    in_table,
    in_tabs_and_tree,
    in_popup,
    in_tooltip,
    in_clipped_list,
    in_careful_code,
    before_a_window,
]


def nested(places: tuple[Callable, ...]) -> None:
    """Fail within these places, the first outermost."""
    if places:
        places[0](lambda: nested(places[1:]))
    else:
        fail()


def measure() -> list[object]:
    """What drawing now would look like: position, sizes, colours, clip and ids."""
    low = imgui.get_cursor_screen_pos()
    clip = imgui.get_window_draw_list().get_clip_rect_max()
    avail = imgui.get_content_region_avail()
    return [
        imgui.internal.get_current_window().name,
        low.x,
        avail.x,
        imgui.get_font_size(),
        imgui.get_style().alpha,
        imgui.get_style().item_spacing.x,
        imgui.get_color_u32(imgui.Col_.text),
        imgui.get_id("x"),
        imgui.calc_item_width(),
        (clip.x, clip.y),
    ]


@pytest.mark.parametrize(
    "places",
    [(place,) for place in PLACES]
    + [
        (in_blocks, in_child, in_pushes, in_table),
        (in_pushes, in_child, in_popup, in_blocks),
        (in_table, in_child, in_blocks, in_pushes, in_child),
        (in_popup, in_child, in_tabs_and_tree, in_pushes, before_a_window),
        (in_careful_code, in_child, in_blocks),
        (in_blocks, in_pushes, in_blocks, in_child, in_blocks, in_table),
    ],
    ids=lambda places: "-".join(place.__name__ for place in places),
)
def test_a_failure_leaves_everything_else_as_it_was(
    driver: Driver, places: tuple[Callable, ...]
) -> None:
    seen: list[tuple[object, object]] = []
    errors: list[Exception | None] = []
    values = {"on": False}

    def draw() -> None:
        controls.hint("Before")
        with controls.section("Around"):
            before = measure()
            if len(errors) < 3:
                errors.append(controls.guarded("the inner part", lambda: nested(places)))
            imgui.new_line()
            seen.append((before, measure()))
            _, values["on"] = controls.toggle("On", values["on"])

    driver.content = draw
    driver.frames(6)
    error = errors[-1]
    assert isinstance(error, ValueError)
    assert "broken part" in str(error)
    assert any("the inner part" in note for note in error.__notes__)
    assert seen[-1][0] == seen[-1][1]
    driver.click("Around/On")
    assert values["on"]
    # Nothing of it is left: neither its content nor the dimmed ground of a dialog.
    driver.content = lambda: controls.toggle("On", True)
    driver.xdo("mousemove", 415, 515)
    driver.frames(5)
    background = np.array(style.rgba(style.palette().background)[:3]) * 255
    assert np.abs(driver.window.read_pixels()[400, 200] - background).max() <= 1


def test_a_part_that_goes_on_failing_is_logged_once(
    driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    driver.content = lambda: controls.guarded("the panel Camera", fail)
    driver.frames(5)
    reports = [record for record in caplog.records if "the panel Camera" in record.message]
    assert len(reports) == 1
    assert reports[0].exc_info is not None


def test_success_returns_nothing_and_other_ends_pass_through(driver: Driver) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    results = []
    driver.content = lambda: results.append(controls.guarded("a part", lambda: None))
    driver.frames(1)
    assert results == [None]
    driver.content = lambda: controls.guarded("a part", stop)
    with pytest.raises(KeyboardInterrupt):
        driver.frames(1)
    driver.content = lambda: None
    driver.frames(2)


def test_outside_of_a_frame_it_is_refused(driver: Driver) -> None:
    driver.frames(1)
    with pytest.raises(RuntimeError, match="between begin_frame and end_frame"):
        controls.guarded("a part", lambda: None)


def test_outside_of_any_window_it_opens_none(driver: Driver) -> None:
    """Dear ImGui would show a window of its own for what is drawn outside of all others."""
    driver.content = lambda: None
    driver.window.begin_frame()
    controls.guarded("a part", lambda: None)
    debug = imgui.internal.find_window_by_name("Debug##Default")
    assert debug is None or not debug.write_accessed
    driver.window.end_frame()
