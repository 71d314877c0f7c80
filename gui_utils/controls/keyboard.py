"""Who has the keyboard: a text field, the focused control, or the application's shortcuts.

Tab and Shift+Tab move a visible ring through all controls of a window, the arrow keys move it to a
neighbour, Space and Enter act on the control that has it, and Escape or a click takes it away.
A focused number is changed by the left and right arrow keys. Without the ring all of these keys
are free for the application.
"""

from __future__ import annotations

from dataclasses import dataclass

import glfw
from imgui_bundle import imgui

_K = imgui.Key
_MOVES = (
    *(_K.left_arrow, _K.right_arrow, _K.up_arrow, _K.down_arrow),
    *(_K.home, _K.end, _K.page_up, _K.page_down),
)
_RING_KEYS = frozenset((*_MOVES, _K.tab, _K.space, _K.enter, _K.keypad_enter, _K.escape))
_DIGITS = (_K._0, _K._1, _K._2, _K._3, _K._4, _K._5, _K._6, _K._7, _K._8, _K._9)
_KEYPAD = (
    *(_K.keypad0, _K.keypad1, _K.keypad2, _K.keypad3, _K.keypad4, _K.keypad5),
    *(_K.keypad6, _K.keypad7, _K.keypad8, _K.keypad9),
)
# Dear ImGui names keys after these characters.
_NAMED = {
    "'": _K.apostrophe,
    ",": _K.comma,
    "-": _K.minus,
    ".": _K.period,
    "/": _K.slash,
    ";": _K.semicolon,
    "=": _K.equal,
    "[": _K.left_bracket,
    "]": _K.right_bracket,
    "\\": _K.backslash,
    "`": _K.grave_accent,
}


@dataclass
class _State:
    """What had the keyboard at the start of this frame and of the previous one."""

    ring: tuple[bool, bool] = (False, False)
    popup: tuple[bool, bool] = (False, False)
    ring_below: bool = False
    """Whether the ring was shown when the popup opened."""
    typing: bool = False


_state = _State()


def begin_frame() -> None:
    """Notes who has the keyboard; called after `imgui.new_frame`, before anything is drawn."""
    left = imgui.is_key_pressed(_K.escape, False) and not imgui.get_current_context().nav_id
    if left or any(imgui.is_mouse_clicked(button) for button in range(3)):
        # Dear ImGui itself hides the ring only for a click on a control.
        imgui.set_nav_cursor_visible(False)
    popup = imgui.get_current_context().open_popup_stack.size() > 0
    if popup and not _state.popup[0]:
        _state.ring_below = _state.ring[0]
    elif _state.popup[0] and not popup and not _state.ring_below:
        # Otherwise the controls below would get the popup's ring, and with it Space and the arrows.
        imgui.set_nav_cursor_visible(False)
    ring = focus_ring()
    # A key that hid the ring or closed a popup just now still belongs to it.
    _state.ring = (ring, _state.ring[0])
    _state.popup = (popup, _state.popup[0])
    _state.typing = imgui.get_io().want_text_input
    if not ring and not popup and not imgui.is_any_item_active():
        # Otherwise the first arrow key would show the ring rather than reach the application.
        only_tab_moves()


def only_tab_moves() -> None:
    """Keeps the arrow keys, Home, End and the page keys from moving the ring in the next frame."""
    owner = imgui.get_id("##application")
    for key in _MOVES:
        imgui.internal.set_key_owner(key, owner)


def wants_keyboard(key: imgui.Key | None = None, *, with_ctrl: bool = False) -> bool:
    """Whether the controls use this key in this frame, or for None the keyboard as a whole.

    Shortcuts of the application should act only on keys for which this is False. It is True for
    all keys while text is typed or a popup is open, and for the keys that move the focus ring or
    act on its control while the ring is shown, except for Tab `with_ctrl`.
    """
    if _state.typing or any(_state.popup):
        return True
    if key == _K.tab and with_ctrl:
        return False
    return any(_state.ring) and (key is None or key in _RING_KEYS)


def is_held(modifier: str) -> bool:
    """Whether a modifier ("Ctrl", "Shift", "Alt" or "Super") applies to the keys of this frame: in
    a slow frame it may have been released right after the key, and Ctrl+S must not become S."""
    name = modifier.lower()
    sides = (_K[f"left_{name}"], _K[f"right_{name}"])
    return getattr(imgui.get_io(), f"key_{name}") or any(map(imgui.is_key_released, sides))


def focus_ring() -> bool:
    """Whether the focus ring is shown, on whichever control."""
    return imgui.get_current_context().nav_cursor_visible


def has_focus_ring() -> bool:
    """Whether the last item has the focus ring."""
    return imgui.is_item_focused() and focus_ring()


def claim(*keys: imgui.Key) -> None:
    """Reserves keys for the last item, which has the focus ring, so that they do not move it."""
    item = imgui.get_item_id()
    for key in keys:
        imgui.internal.set_key_owner(key, item)


def arrow_steps(*, vertical: bool = False) -> tuple[int, int]:
    """Presses of arrow keys for the last item, to the right and downwards.

    Both are 0 unless the item has the focus ring. Left and right, and with `vertical` also up and
    down, then do not move the ring away.
    """
    if not has_focus_ring():
        return 0, 0
    claim(_K.left_arrow, _K.right_arrow)
    across = imgui.is_key_pressed(_K.right_arrow) - imgui.is_key_pressed(_K.left_arrow)
    if not vertical:
        return across, 0
    claim(_K.up_arrow, _K.down_arrow)
    return across, imgui.is_key_pressed(_K.down_arrow) - imgui.is_key_pressed(_K.up_arrow)


def row_steps() -> int:
    """By how many rows Alt and an arrow key moved the last item, a row of a list, down; negative
    for up."""
    if not (has_focus_ring() and imgui.get_io().key_alt):
        return 0
    claim(_K.up_arrow, _K.down_arrow)
    return imgui.is_key_pressed(_K.down_arrow) - imgui.is_key_pressed(_K.up_arrow)


def pressed_by_key() -> bool:
    """Whether the last item was activated in this frame by Space or Enter, not by the mouse."""
    by_key = imgui.get_current_context().active_id_source == imgui.internal.InputSource.keyboard
    return imgui.is_item_activated() and by_key


def activate_next(label: str) -> None:
    """Gives the keyboard to the text field `label`, which is drawn next, within this frame:
    `imgui.set_keyboard_focus_here` takes two frames, in which typed text is lost."""
    imgui.get_current_context().nav_activate_id = imgui.get_id(label)


def enter_pressed() -> bool:
    """Whether either Enter key was pressed in this frame."""
    return imgui.is_key_pressed(_K.enter, False) or imgui.is_key_pressed(_K.keypad_enter, False)


def digit_pressed() -> int | None:
    """The digit 0..9 whose key was pressed in this frame, with any modifiers; None without one.

    The keys of the digit row count by their position as well as by their character: on a French
    keyboard the row gives digits only with Shift, and Dear ImGui takes its keys 4 and 6 for an
    apostrophe and a minus. The keypad counts, too.
    """
    for digit, (key, keypad) in enumerate(zip(_DIGITS, _KEYPAD, strict=True)):
        named = glfw.get_key_name(glfw.KEY_0 + digit, 0) or ""
        for candidate in (key, keypad, _NAMED.get(named, key)):
            if imgui.is_key_pressed(candidate, False):
                return digit
    return None
