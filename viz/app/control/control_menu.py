"""The menu that binds a control to an input, and the prompt while an input is awaited."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from gui_utils.controls.floating.notices import FLOATING
from viz.app import palette
from viz.app.commands import Commands
from viz.app.control.bindings import WAVES, Target

_NAME, _SIGN = "Bind", "LFO at"
_WIDTH = 380.0
"""Design pixels."""
_TOP = 0.12
"""Vertical position of the prompt, as a fraction of the window's height."""


class ControlMenu:
    """Draws the menu and the prompt over the rest of the window."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._target: Target | None = None

    def begin(self) -> None:
        """Has the controls that this frame draws show which of them move by themselves."""
        if self._commands.control.waving:
            registry.mark_controls(self._mark)

    def _mark(self, subject: object, rect: tuple[float, float, float, float]) -> None:
        """Draws the sign of an LFO before the control that it moves; a click stops it."""
        commands = self._commands
        for binding in commands.control.waving:
            path = binding.target.setting
            if path is None or not palette.sets(subject, path, commands):
                continue
            icon = icons.ICON_FA_WAVE_SQUARE
            size = imgui.calc_text_size(icon)
            low = (rect[0] - size.x - style.px(12), (rect[1] + rect[3] - size.y) / 2)
            high = (rect[0] - style.px(4), low[1] + size.y)
            imgui.get_window_draw_list().add_text(low, layout.ink(style.palette().accent), icon)
            registry.record_rect(f"{_SIGN} {path.name}", (*low, *high))
            if imgui.is_window_hovered() and imgui.is_mouse_hovering_rect(low, high):
                imgui.set_tooltip(f"Moves by itself ({binding.input}). Click to stop it.")
                if imgui.is_mouse_clicked(imgui.MouseButton_.left):
                    commands.stop_wave(binding)

    def draw(self) -> None:
        """Opens the menu of a control that was right-clicked with Ctrl held."""
        error = controls.guarded("the menu for inputs", self._draw)
        if error is not None:
            self._target = None
            self._commands.stop_learning()
            self._commands.report("The menu for inputs failed and was closed.", error)

    def _draw(self) -> None:
        asked = registry.take_menu()
        if asked:
            found = palette.index(self._commands).get(asked)
            self._target = palette.target_of(asked, found, self._commands) if found else None
            if self._target is None:
                sentence = "No input can be bound to this; Ctrl+K lists commands and settings."
                self._commands.notify("info", sentence)
            else:
                imgui.open_popup(_NAME)
        self._menu()
        if self._commands.control.learning is not None:
            self._waiting(self._commands.control.learning)

    def _menu(self) -> None:
        target, commands = self._target, self._commands
        if target is None or not imgui.begin_popup(_NAME):
            return
        with controls.scope(_NAME):
            imgui.text_disabled(controls.printable(target.name))
            rows = [("Learn\u2026", lambda: commands.learn_control(target))]
            if target.setting is not None and target.setting.kind == "number":
                for shape, word in WAVES.items():
                    add = lambda shape=shape: commands.add_wave(shape, target)  # noqa: E731
                    rows.append((f"Move by itself: {word}", add))
            for binding in commands.control.of(target):
                forget = lambda binding=binding: commands.forget_control(binding)  # noqa: E731
                rows.append((f"Forget {binding.input}", forget))
            for caption, act in rows:
                picked, _ = imgui.selectable(controls.printable(caption), False)
                registry.record(caption)
                if picked:
                    act()
        imgui.end_popup()

    def _waiting(self, target: Target) -> None:
        area = imgui.get_main_viewport()
        place = (area.get_center().x, area.pos.y + area.size.y * _TOP)
        imgui.set_next_window_pos(place, imgui.Cond_.always, (0.5, 0.0))
        imgui.set_next_window_size((min(style.px(_WIDTH), area.size.x), 0.0))
        imgui.push_style_color(imgui.Col_.window_bg, style.palette().popup)
        imgui.begin("##learning", None, FLOATING)
        with controls.scope("Learning"):
            with style.font("bold"):
                imgui.text_unformatted(controls.printable(target.name))
            others = self._commands.control.is_open
            controls.hint(
                "Move a knob or a stick, or press a button or a key."
                if others
                else "Press a key. MIDI, OSC and gamepads are off: switch them on under Control."
            )
            if controls.button("Cancel", tooltip="Cancels without binding anything. Key Esc."):
                self._commands.stop_learning()
        imgui.end()
        imgui.pop_style_color()
