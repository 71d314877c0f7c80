"""The sidebar's panels under real mouse and keyboard input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout
from tests.gui_utils import conftest as gui
from tests.viz.app.panel_gallery import draw_all, sample_commands, sample_model, sample_result
from tests.viz.app.recording import RecordingCommands
from viz.app.panels import GROUPS, PANELS
from viz.app.panels.appearance import layer_resolution
from viz.app.panels.layers_panel import matching
from viz.app.portraits.photo_at_work import Portrait
from viz.exports.table import EXPORTERS
from viz.state.animation import path_editing
from viz.state.interface import PANEL_GROUPS
from viz.state.jobs import JobStatus
from viz.state.person import Latent, LatentShare
from viz.state.types import Cue, LayerInfo, PathOptions, Probe, SessionState

display = gui.display
make_driver = gui.make_driver

MakeDriver = Callable[..., gui.Driver]


@dataclass
class Desk:
    """A window with panels over a recording application."""

    driver: gui.Driver
    commands: RecordingCommands = field(default_factory=sample_commands)

    def __post_init__(self) -> None:
        self.commands.result = sample_result()

    @property
    def state(self) -> SessionState:
        return self.commands.state

    def show(self, *titles: str) -> Desk:
        """Draw only these panels, open."""
        panels = [panel for panel in PANELS if panel.title in titles]

        def content() -> None:
            for panel in panels:
                with controls.section(panel.title) as is_open:
                    if is_open:
                        panel.draw(self.commands)

        for title in titles:
            controls.open_sections[title] = True
        self.driver.content = content
        self.driver.frames()
        return self

    def enter(self, key: str, text: str) -> None:
        """Type into a number field by Ctrl+click."""
        self.driver.move(key)
        self.driver.xdo("keydown", "ctrl", "click", 1, "keyup", "ctrl")
        self.driver.type(text)

    def pick(self, key: str, caption: str) -> None:
        """Choose from a list."""
        self.driver.click(key)
        self.driver.click(f"{key}/{caption}")


@pytest.fixture
def desk(make_driver: MakeDriver) -> Desk:
    return Desk(make_driver(size=(340, 900)))


def test_panels_have_titles_icons_and_keep_their_order():
    titles = [panel.title for panel in PANELS]
    assert len(set(titles)) == len(titles)
    assert list(dict.fromkeys(panel.group for panel in PANELS)) == list(GROUPS)
    assert list(GROUPS) == list(PANEL_GROUPS)
    assert titles[0] == "Appearance", "what is used most comes first"
    assert titles[-1] == "Settings"
    assert all(panel.icon for panel in PANELS)


def situations(desk: Desk) -> dict[str, Callable[[], None]]:
    """Ways that the panels can look, each set on top of the one before."""

    def busy() -> None:
        desk.commands.interface.auto_orbit = desk.commands.interface.animate_person = True
        desk.commands.interface.probe = Probe("backbone.synthesis.b64.conv1")
        desk.commands.result = sample_result(desk.commands.interface.probe)
        desk.commands.performance.preview_level = "half the raw resolution"
        desk.state.latent = replace(desk.state.latent, x=4e9, y=0.5, ws_file="/data/someone.npz")
        desk.state.display = replace(desk.state.display, layout="yaws", depth_range=(2.0, 3.0))

    def grid() -> None:
        desk.commands.model = sample_model(moves=False)
        desk.state.display = replace(desk.state.display, layout="grid")

    def split() -> None:
        desk.state.display = replace(desk.state.display, layout="split")

    def empty() -> None:
        desk.commands.model, desk.commands.result = None, None
        desk.commands.job = JobStatus("Loading", None)

    def path() -> None:
        interface, state = desk.commands.interface, desk.state
        path_editing.add(state, interface)
        state.orbit = replace(state.orbit, yaw=30.0)
        path_editing.add(state, interface)
        state.path = PathOptions(closed=True)
        state.latent = replace(state.latent, others=(LatentShare(Latent(x=12345), 0.4),))

    def export(what: str, suffix: str) -> Callable[[], None]:
        def choose() -> None:
            choices = desk.commands.exports
            choices.what, choices.suffixes[what] = what, suffix

        return choose

    exports = {
        f"{name} {suffix}": export(name, suffix)
        for name, exporter in EXPORTERS.items()
        for suffix in exporter.suffixes
    }
    usual = {"usual": lambda: None, "path": path, **exports}
    return usual | {"busy": busy, "grid": grid, "split": split, "empty": empty}


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("width", [300, 480])
def test_nothing_is_cut_at_any_width(
    make_driver: MakeDriver, monkeypatch: pytest.MonkeyPatch, width: int, scale: float, theme: str
):
    driver = make_driver(size=(round(width * scale), 900), theme=theme, ui_scale=scale)
    desk = Desk(driver)
    cut: set[str] = set()
    real_ellipsis, real_button = layout.ellipsis, controls.button

    def ellipsis(text: str, room: int, font_size: float, font_id: int) -> str:
        if imgui.calc_text_size(text).x > room:
            cut.add(text)
        return text

    def button(label: str, *, icon: str | None = None, **options) -> bool:
        pressed = real_button(label, icon=icon, **options)
        caption = f"{icon}  {label}" if icon else label
        if imgui.calc_text_size(caption).x > imgui.get_item_rect_size().x - 2:
            cut.add(caption)
        return pressed

    monkeypatch.setattr(layout, "fitted_text", ellipsis)
    monkeypatch.setattr(controls, "button", button)
    assert layout.ellipsis is real_ellipsis
    for panel in PANELS:
        controls.open_sections[panel.title] = True
    driver.content = lambda: draw_all(desk.commands)
    model = sample_model()
    for change in situations(desk).values():
        change()
        driver.frames(3)
        right = max(rect[2] for rect in controls.rects.values())
        assert right <= round(width * scale) - 11 * scale
        assert {panel.title for panel in PANELS} <= set(controls.rects)
    # Data may be longer than any line.
    assert cut <= {model.name, model.path, model.device}


# Panel/label, where it is kept, default, a typed number and what is kept then.
SLIDERS = [
    ("Appearance/Truncation ψ", lambda desk: desk.state.latent.psi, 1.0, "0.7", 0.7),
    ("Appearance/Cutoff", lambda desk: desk.state.latent.cutoff, None, "7", 7),
    ("Motion/Strength", lambda desk: desk.state.motion.strength, 1.0, "1.5", 1.5),
    ("Camera/Yaw", lambda desk: desk.state.orbit.yaw, 0.0, "25", 25.0),
    ("View/Level", lambda desk: desk.state.quality.mesh_level, 10.0, "25", 25.0),
    ("Quality/Depth samples", lambda desk: desk.state.quality.depth_samples, None, "96", 96),
    ("Layers/Channel", lambda desk: desk.commands.interface.probe.channel, 0, "-1", -1),
]


@pytest.mark.parametrize(("key", "value", "default", "text", "typed"), SLIDERS)
def test_sliders_drag_type_and_reset(desk: Desk, key, value, default, text, typed):
    desk.commands.interface.probe = Probe("backbone.synthesis.b64.conv1")
    desk.show(key.split("/")[0])
    desk.driver.drag(key, (-30, 0), x=0.8)
    dragged = value(desk)
    assert dragged not in (default, typed)
    desk.enter(key, text)
    assert value(desk) == typed
    desk.driver.click(key, button=3)
    assert value(desk) == default


BUTTONS: dict[str, list[tuple[str, tuple[object, ...]]]] = {
    "Model": [("Open", ("open_dialog",)), ("Reload", ("reload_model",))],
    "Appearance": [
        ("Random", ("random_person",)),
        ("Save ws", ("save_ws_dialog",)),
        ("Load ws", ("open_ws_dialog",)),
    ],
    "Motion": [("Random", ("random_motion",))],
    "Camera": [
        ("Front", ("glide_to", 0, 0)),
        ("Left", ("glide_to", -35, 0)),
        ("Right", ("glide_to", 35, 0)),
        ("¾ view", ("glide_to", 30, 10)),
        ("Above", ("glide_to", 0, 25)),
        ("Below", ("glide_to", 0, -25)),
        ("Set to this view", ("set_conditioning",)),
        ("Copy", ("copy_camera",)),
        ("Paste", ("paste_camera",)),
        ("Reset", ("reset_camera",)),
    ],
    "View": [("Set before", ("set_before",))],
    "Capture": [
        ("Picture", ("capture", "picture")),
        ("Raw", ("capture", "raw")),
        ("Depth", ("capture", "depth")),
        ("Window", ("capture", "window")),
        ("Folder/button", ("capture_folder_dialog",)),
        ("Save", ("save_session",)),
        ("Save as", ("save_session_dialog",)),
        ("Open", ("open_session_dialog",)),
        ("Undo", ("undo",)),
    ],
}


@pytest.mark.parametrize("title", BUTTONS)
def test_buttons_ask_the_application(desk: Desk, title: str):
    desk.show(title)
    for label, _ in BUTTONS[title]:
        desk.driver.click(f"{title}/{label}")
    assert desk.commands.calls == [call for _, call in BUTTONS[title]]


def test_recent_models_open(desk: Desk):
    desk.show("Model").driver.click("Model/Recent")
    path = desk.commands.recent[1]
    desk.driver.click(f"Model/Recent models/{path}")
    assert desk.commands.calls == [("open_model", path)]


def test_nothing_jumps_when_something_moves_by_itself(desk: Desk):
    """What the program does by itself must not move a control away from under the pointer."""
    state, interface = desk.state, desk.commands.interface
    path_editing.add(state, interface)
    state.orbit = replace(state.orbit, yaw=30.0)
    path_editing.add(state, interface)
    state.display = replace(state.display, layout="split")
    desk.show(*(panel.title for panel in PANELS))
    at_rest = {name: rect[1] for name, rect in controls.rects.items()}

    def blend() -> None:
        state.latent = replace(state.latent, others=(LatentShare(Latent(x=12345), 0.4),))

    moving: dict[str, Callable[[], object]] = {
        "animation": lambda: setattr(interface, "animate_person", True),
        "orbit": lambda: setattr(interface, "auto_orbit", True),
        "between keys": lambda: setattr(interface, "path_time", interface.path_time / 2),
        "path": lambda: setattr(interface, "path_playing", True),
        "blend": blend,
        "previews": lambda: setattr(desk.commands.performance, "preview_level", "half the side"),
        "before": desk.commands.set_before,
    }
    for what, begin in moving.items():
        begin()
        desk.driver.frames(2)
        moved = {n for n, rect in controls.rects.items() if at_rest.get(n, rect[1]) != rect[1]}
        assert not moved, what


def test_what_no_encoding_can_hold_is_drawn_all_the_same(desk: Desk):
    """File names that are not UTF-8, and whatever a checkpoint says, in every panel."""
    odd = "/old\udcc4\udce3/one\0two\udcff.ckpt"
    desk.commands.model = replace(
        sample_model(),
        **dict.fromkeys(("name", "path", "format", "device"), odd),
        notes=(odd,),
        layers=(LayerInfo(odd, odd, (4, 8, 8), 7),),
        **{"people": (1,), "motions": (2,), "people_words": (odd,), "motions_words": (odd,)},
    )
    desk.commands.preferences.recent = [odd]
    desk.commands.preferences.capture_folder = odd
    desk.commands.exports.name = odd
    desk.commands.interface.layer_filter = "one"
    desk.commands.performance.precision = desk.commands.performance.preview_level = odd
    desk.state.latent = replace(desk.state.latent, ws_file=odd)
    desk.commands.job = JobStatus(f"Exporting {odd}", 0.5, odd)
    words = ("name", "title", "line", "note", "checkpoint")
    cue = replace(Cue.of(desk.state), **dict.fromkeys(words, odd))
    desk.state.cues = desk.commands.state.cues = (cue,)
    desk.commands.interface.audience = odd
    desk.commands.portrait = Portrait(path=odd, name=odd, made=odd)
    for panel in PANELS:  # each by itself, so that one does not hide another's failure
        desk.show(panel.title)
        assert f"{panel.title}" in controls.rects
    desk.show("Model").driver.click("Model/Recent")
    assert f"Model/Recent models/{odd}" in controls.rects
    desk.driver.xdo("key", "Escape")
    desk.driver.click("Model/Details", x=0.1)
    desk.driver.frames(3)


def test_details_of_the_model_fold(desk: Desk):
    desk.show("Model")
    assert "Model/Device" not in controls.rects
    desk.driver.click("Model/Details", x=0.1)
    assert "Model/Device" in controls.rects
    assert controls.open_sections["Model/Details"], "remembered as panels are"


def test_seed_and_pad_share_a_place(desk: Desk):
    desk.show("Appearance")
    desk.enter("Appearance/Seed", "1234")
    assert (desk.state.latent.x, desk.state.latent.y) == (1234.0, 0.0)
    desk.driver.drag("Appearance/Pad", (-30, 0))
    assert desk.state.latent.x == pytest.approx(1234.5, abs=0.03)
    desk.driver.drag("Appearance/Pad", (0, 60))
    assert desk.state.latent.y == pytest.approx(1.0, abs=0.03)
    desk.driver.click("Appearance/Pad", button=3)
    assert (desk.state.latent.x, desk.state.latent.y) == (0.0, 0.0)


def test_layers_of_style_mixing(desk: Desk):
    desk.show("Appearance")
    for label, layers in [
        ("Layers/3", (3,)),
        ("Layers/11", (3, 11)),
        ("Layers/3", (11,)),
        ("Coarse", (0, 1, 2, 11)),
        ("Coarse", (11,)),
        ("Middle", (3, 4, 5, 6, 11)),
        ("Fine", tuple(range(3, 14))),
        ("None", ()),
    ]:
        desk.driver.click(f"Appearance/{label}")
        assert desk.state.latent.mix_layers == layers


def test_a_loaded_ws_is_named_and_cleared(desk: Desk):
    desk.state.latent = replace(desk.state.latent, ws_file="/data/someone.npz")
    desk.show("Appearance").driver.click("Appearance/Seed/+")
    assert desk.state.latent.seed == 0, "a seed has no effect beside a file"
    desk.driver.click("Appearance/Loaded ws/button")
    assert desk.state.latent.ws_file == ""
    desk.driver.click("Appearance/Seed/+")
    assert desk.state.latent.seed == 1


def test_animation_and_locks_switch(desk: Desk):
    desk.show("Appearance").driver.click("Appearance/Animate")
    assert desk.commands.interface.animate_person
    desk.show("Motion").driver.click("Motion/Lock motion")
    assert not desk.commands.interface.lock_motion
    assert desk.commands.interface.lock_person


def test_a_still_model_has_no_motion(desk: Desk):
    desk.commands.model = sample_model(moves=False)
    desk.show("Motion")
    desk.driver.click("Motion/Random")
    desk.driver.click("Motion/Strength", x=0.9)
    desk.driver.click("Motion/Seed/+")
    assert desk.commands.calls == []
    assert desk.state == SessionState()


def test_nothing_can_be_edited_before_a_model_is_there(desk: Desk):
    desk.commands.model, desk.commands.result = None, None
    desk.show("Appearance", "Camera")
    desk.driver.click("Appearance/Truncation ψ", x=0.2)
    desk.driver.click("Camera/Yaw", x=0.2)
    desk.driver.click("Appearance/Random")
    assert desk.state == SessionState()
    assert desk.commands.calls == []


def test_auto_orbit_and_conditioning(desk: Desk):
    desk.show("Camera").driver.click("Camera/Auto-orbit")
    assert desk.commands.interface.auto_orbit
    desk.driver.frames(2)
    desk.enter("Camera/Period", "12")
    assert desk.commands.interface.orbit_period == 12
    desk.pick("Camera/Camera", "Follow the view")
    assert desk.state.conditioning == "follow"
    desk.enter("Camera/Pivot/y", "0.1")
    assert desk.state.orbit.pivot == (0.0, 0.1, 0.2)


def test_a_far_pivot_is_shown_as_it_is(desk: Desk):
    desk.state.orbit = replace(desk.state.orbit, pivot=(0.0, 0.9, -0.7))
    desk.show("Camera").driver.frames()
    assert desk.state.orbit.pivot == (0.0, 0.9, -0.7)


def test_layouts_views_and_depth_range(desk: Desk):
    desk.show("View")
    desk.pick("View/Show", "Depth")
    assert desk.state.display.view == "depth"
    desk.pick("View/Layout", "Four views")
    desk.pick("View/Bottom left", "Opacity")
    assert desk.state.display.grid == ("image", "depth", "opacity", "raw")
    desk.driver.click("View/Pixels/Nearest")
    assert desk.state.display.nearest
    desk.driver.click("View/Depth range/Set")
    assert desk.state.display.depth_range == (2.25, 3.3)
    desk.enter("View/Near", "4")
    assert desk.state.display.depth_range == (4.0, 4.01), "far stays behind near"
    desk.driver.click("View/Depth range/Auto")
    assert desk.state.display.depth_range is None


def test_trained_numbers_are_kept_as_none(desk: Desk):
    desk.show("Quality")
    desk.pick("Quality/Raw pixels", "32 \u00d7 32")
    assert desk.state.quality.raw_resolution == 32
    desk.pick("Quality/Raw pixels", "As trained (64)")
    assert desk.state.quality.raw_resolution is None
    desk.enter("Quality/Fine samples", "0")
    assert desk.state.quality.importance_samples == 0
    desk.enter("Quality/Fine samples", "48")
    assert desk.state.quality.importance_samples is None
    desk.driver.click("Quality/Super-res.")
    assert not desk.state.quality.superresolution
    desk.enter("Quality/Least quality", "75")
    assert desk.commands.interface.preview_floor == 0.75


def test_a_layer_is_found_and_looked_into(desk: Desk):
    desk.show("Layers").driver.click("Layers/Filter")
    desk.driver.xdo("type", "--delay", "1", "b16 conv0")
    desk.driver.until(lambda: "Layers/backbone.mapping.fc0" not in controls.rects)
    name = "backbone.synthesis.b16.conv0"
    desk.driver.click(f"Layers/{name}")
    assert desk.commands.interface.probe == Probe(name)
    desk.driver.click("Layers/Spectrum")
    assert desk.commands.interface.probe == Probe(name, spectrum=True)
    desk.driver.click("Layers/Close")
    assert desk.commands.interface.probe is None


def test_bookmarks_store_and_recall(desk: Desk):
    desk.show("Capture").driver.click("Capture/Bookmarks/3")
    desk.driver.move("Capture/Bookmarks/4")
    desk.driver.xdo("keydown", "ctrl", "click", 1, "keyup", "ctrl")
    assert desk.commands.calls == [("recall_bookmark", 3), ("store_bookmark", 4)]


def test_theme_and_size(desk: Desk):
    desk.show("Settings").driver.click("Settings/Theme/Light")
    assert desk.commands.interface.theme == "light"
    desk.pick("Settings/Size", "150%")
    assert desk.commands.interface.ui_scale == 1.5


def test_layers_map_to_blocks_as_in_stylegan2():
    sides = [layer_resolution(layer, 256) for layer in range(14)]
    assert sides == [4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 256]


def test_filter_takes_every_word():
    layers = [
        LayerInfo("b8.conv0", "SynthesisLayer", (1,), 0),
        LayerInfo("b8.rgb", "ToRGB", (1,), 0),
    ]
    assert matching(layers, "B8 torgb") == [layers[1]]
    assert matching(layers, "") == layers
    assert matching(layers, "b16") == []
