"""The look of all controls (fonts, themes and sizes), and text as Dear ImGui can take it.

Sizes in this package are *design pixels*: pixels of a display at scale 1. `px` converts them into
Dear ImGui units, at the scale applied last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import imgui_bundle
from imgui_bundle import imgui
from PIL import ImageFont

ThemeName = Literal["dark", "light"]
FontName = Literal["body", "bold", "mono"]

BODY_SIZE = 15.0
SMALL_SIZE = 13.0
TITLE_SIZE = 17.0

_FONT_FOLDER = Path(imgui_bundle.__file__).parent / "assets" / "fonts"
_ICON_FONT = "Font_Awesome_6_Free-Solid-900.otf"
_FONT_FILES: dict[FontName, str] = {
    "body": "Roboto/Roboto-Regular.ttf",
    "bold": "Roboto/Roboto-Bold.ttf",
    "mono": "Inconsolata-Medium.ttf",
}

_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")

met: set[str] = set()
"""Characters beyond ASCII that have passed through `printable`."""


def hex_color(code: str) -> int:
    """Colour as Dear ImGui packs it (ABGR, 32 bits) from `"#rrggbb"` or `"#rrggbbaa"`."""
    digits = code.removeprefix("#")
    if len(digits) == 6:
        digits += "ff"
    red, green, blue, alpha = bytes.fromhex(digits)
    return red | green << 8 | blue << 16 | alpha << 24


def rgba(color: int) -> tuple[float, float, float, float]:
    """Packed colour as four floats 0..1."""
    return (
        (color & 255) / 255,
        (color >> 8 & 255) / 255,
        (color >> 16 & 255) / 255,
        (color >> 24 & 255) / 255,
    )


def with_alpha(color: int, alpha: float) -> int:
    """The same colour with its opacity multiplied by `alpha` (0..1)."""
    opacity = round((color >> 24 & 255) * min(max(alpha, 0.0), 1.0))
    return color & 0xFFFFFF | opacity << 24


@dataclass(frozen=True)
class Palette:
    """Named colours of one theme, packed for Dear ImGui draw lists.

    `canvas` lies behind content, `background` behind panels, `raised` behind headers and
    cards, `frame` behind input fields. `accent` is for lines and text, `fill` for surfaces
    that carry `on_fill` text.
    """

    canvas: int
    background: int
    raised: int
    popup: int
    frame: int
    frame_hover: int
    frame_active: int
    border: int
    text: int
    text_dim: int
    accent: int
    accent_soft: int
    fill: int
    fill_hover: int
    fill_active: int
    on_fill: int
    info: int
    success: int
    warning: int
    error: int
    shade: int
    grid: int
    axis_x: int
    axis_y: int
    axis_z: int


_COLORS: dict[str, tuple[str, str]] = {
    "canvas": ("#0f1012", "#dfe2e7"),
    "background": ("#1a1b1f", "#f6f7f9"),
    "raised": ("#232529", "#eaedf1"),
    "popup": ("#212327", "#ffffff"),
    "frame": ("#2b2e34", "#e6e9ee"),
    "frame_hover": ("#343840", "#dce0e7"),
    "frame_active": ("#3c414a", "#d2d8e1"),
    "border": ("#373a42", "#cdd2da"),
    "text": ("#e8eaed", "#1b1e23"),
    "text_dim": ("#a4aab5", "#555c68"),
    "accent": ("#7fb0ff", "#1d58c9"),
    "accent_soft": ("#4c8dff55", "#3478f050"),
    "fill": ("#2c63d6", "#2a63d6"),
    "fill_hover": ("#366fe2", "#2258c8"),
    "fill_active": ("#2558c4", "#1c4bad"),
    "on_fill": ("#ffffff", "#ffffff"),
    "info": ("#7fb0ff", "#1d58c9"),
    "success": ("#5fce8b", "#13713c"),
    "warning": ("#f2b84b", "#8a5700"),
    "error": ("#ff8078", "#c02a22"),
    "shade": ("#000000a0", "#1b1e2370"),
    "grid": ("#ffffff2c", "#00000026"),
    "axis_x": ("#f0686a", "#d03b3d"),
    "axis_y": ("#7cc95c", "#3f8f2b"),
    "axis_z": ("#5b98ff", "#2a63d6"),
}
"""Colours of the dark and the light theme."""

_PALETTES = {
    theme: Palette(**{name: hex_color(codes[k]) for name, codes in _COLORS.items()})
    for k, theme in enumerate(("dark", "light"))
}

_IMGUI_COLORS = {
    "text": "text",
    "text_dim": "text_disabled scrollbar_grab_active",
    "background": "window_bg menu_bar_bg tab tab_dimmed",
    "popup": "popup_bg",
    "border": "border separator table_border_strong table_border_light tree_lines",
    "frame": "frame_bg button resize_grip",
    "frame_hover": (
        "frame_bg_hovered scrollbar_grab button_hovered header_hovered resize_grip_hovered "
        "tab_hovered"
    ),
    "frame_active": "frame_bg_active scrollbar_grab_hovered button_active header_active",
    "raised": (
        "title_bg title_bg_active title_bg_collapsed tab_selected tab_dimmed_selected "
        "table_header_bg"
    ),
    "accent": (
        "check_mark slider_grab slider_grab_active separator_hovered separator_active "
        "resize_grip_active input_text_cursor tab_selected_overline plot_lines plot_histogram "
        "text_link drag_drop_target nav_cursor"
    ),
    "accent_soft": "header text_selected_bg",
    "shade": "modal_window_dim_bg",
}
"""Colours of Dear ImGui's own widgets (menus, text fields, tables), by entries of the palette."""
_CLEAR_COLORS = ("child_bg", "scrollbar_bg", "table_row_bg", "border_shadow")

_SIZES: dict[str, float | tuple[float, float]] = {
    "window_padding": (12, 12),
    "window_rounding": 6,
    "window_border_size": 1,
    "window_min_size": (32, 32),
    "child_rounding": 6,
    "child_border_size": 1,
    "popup_rounding": 6,
    "popup_border_size": 1,
    "frame_padding": (9, 5),
    "frame_rounding": 5,
    "frame_border_size": 0,
    "item_spacing": (8, 6),
    "item_inner_spacing": (6, 5),
    "cell_padding": (6, 4),
    "indent_spacing": 16,
    "scrollbar_size": 11,
    "scrollbar_rounding": 6,
    "scrollbar_padding": 2,
    "grab_min_size": 12,
    "grab_rounding": 4,
    "tab_rounding": 5,
    "selectable_rounding": 4,
    "menu_item_rounding": 4,
    "separator_text_padding": (12, 4),
    "image_rounding": 4,
}


@dataclass
class _Current:
    theme: ThemeName = "dark"
    scale: float = 1.0
    fonts: dict[FontName, imgui.ImFont] | None = None


_current = _Current()


def palette(theme: str | None = None) -> Palette:
    """Colours of a theme ("dark" or "light"), or of the theme applied last.

    Raises:
        ValueError: for another name.
    """
    name = _current.theme if theme is None else theme
    if name not in _PALETTES:
        raise ValueError(f"Unknown theme {name!r}: choose one of {', '.join(_PALETTES)}.")
    return _PALETTES[name]


def scale() -> float:
    """Dear ImGui units per design pixel, as applied last."""
    return _current.scale


def px(design_pixels: float) -> float:
    """Design pixels in Dear ImGui units."""
    return design_pixels * _current.scale


def apply(theme: ThemeName, scale: float) -> None:
    """Sets colours and sizes of the current Dear ImGui context; may be repeated between frames.
    `scale` is in Dear ImGui units per design pixel, above 0."""
    colors = palette(theme)
    style = imgui.get_style()
    for entry, names in _IMGUI_COLORS.items():
        for name in names.split():
            style.set_color_(getattr(imgui.Col_, name), rgba(getattr(colors, entry)))
    for name in _CLEAR_COLORS:
        style.set_color_(getattr(imgui.Col_, name), (0.0, 0.0, 0.0, 0.0))
    for name, size in _SIZES.items():
        if isinstance(size, tuple):
            setattr(style, name, imgui.ImVec2(size[0] * scale, size[1] * scale))
        elif name.endswith("border_size"):
            # Hairlines stay crisp in whole units, at least one.
            setattr(style, name, float(max(1, round(size * scale)) if size else 0))
        else:
            setattr(style, name, size * scale)
    style.font_size_base = BODY_SIZE
    style.font_scale_dpi = scale
    style.disabled_alpha = 0.45
    style.hover_stationary_delay = 0.1
    style.hover_delay_short = 0.35
    style.hover_delay_normal = 0.5
    style.window_menu_button_position = imgui.Dir.none
    _current.theme = theme
    _current.scale = scale


def load_fonts() -> None:
    """Loads the package's fonts, with icons merged into each, into the current Dear ImGui context.

    Raises:
        FileNotFoundError: when imgui-bundle was installed without its assets.
    """
    atlas = imgui.get_io().fonts
    loaded: dict[FontName, imgui.ImFont] = {}
    for name, file in _FONT_FILES.items():
        loaded[name] = atlas.add_font_from_file_ttf(_font_path(file), BODY_SIZE)
        icons = imgui.ImFontConfig()
        icons.merge_mode = True
        icons.pixel_snap_h = True
        # Icons are as wide as tall, and slightly smaller than the text beside them.
        icons.glyph_min_advance_x = BODY_SIZE
        icons.glyph_offset = imgui.ImVec2(0.0, 1.5)
        atlas.add_font_from_file_ttf(_font_path(_ICON_FONT), BODY_SIZE - 2, icons)
    imgui.get_io().font_default = loaded["body"]
    _current.fonts = loaded


def merge_font(path: str) -> None:
    """Adds the characters that the loaded fonts lack from a font file of the system.

    Raises:
        RuntimeError: when it is not a scalable font.
    """
    try:
        # Dear ImGui equalises the heights of lines, but letters should be equally large.
        scale = _line_height(path) / _line_height(_font_path(_FONT_FILES["body"]))
    except OSError as error:
        raise RuntimeError(str(error)) from error
    for font in (_current.fonts or {}).values():
        config = imgui.ImFontConfig()
        config.merge_mode, config.dst_font, config.extra_size_scale = True, font, scale
        imgui.get_io().fonts.add_font_from_file_ttf(path, BODY_SIZE, config)


def _line_height(path: str) -> float:
    """Height of a font's lines as a multiple of its size."""
    return sum(ImageFont.truetype(path, 1000).getmetrics()) / 1000


def forget_fonts() -> None:
    """Drops the references to fonts of a context that is about to be destroyed."""
    _current.fonts = None


def _font_path(file: str) -> str:
    path = _FONT_FOLDER / file
    if not path.is_file():
        raise FileNotFoundError(
            f"The font {file} is missing from imgui-bundle's assets: reinstall imgui-bundle."
        )
    return str(path)


def font_of(name: FontName) -> imgui.ImFont:
    """The loaded font, for draw lists.

    Raises:
        RuntimeError: before a window is open.
    """
    if _current.fonts is None:
        raise RuntimeError("Fonts are loaded with the window: open a Window first.")
    return _current.fonts[name]


@contextmanager
def text_color(color: int) -> Iterator[None]:
    """Draws Dear ImGui's own text in the block in this colour."""
    imgui.push_style_color(imgui.Col_.text, color)
    try:
        yield
    finally:
        imgui.pop_style_color()


@contextmanager
def font(name: FontName = "body", size: float = BODY_SIZE) -> Iterator[None]:
    """Draws text in the block in this font; `size` is in design pixels."""
    imgui.push_font(font_of(name), size)
    try:
        yield
    finally:
        imgui.pop_font()


def printable(text: str) -> str:
    """`text` with U+FFFD for each character that UTF-8 cannot hold, and for each NUL.

    A file name that is not UTF-8 holds lone surrogates, and drawing those raises `TypeError`;
    a NUL would end the text early. Every text that may hold a file's name or an error's message
    passes through here before it is drawn, measured, used as an id or copied.
    """
    if text.isascii() and "\0" not in text:
        return text
    shown = _UNPRINTABLE.sub("\ufffd", text)
    met.update(shown)
    return shown


def merge_edit(original: str, shown: str) -> str:
    """The edited `original`, from a field that was given `printable(original)` and now shows
    `shown`. An unchanged start keeps the characters that could not be shown."""
    start = printable(original)
    return original + shown[len(start) :] if shown.startswith(start) else shown
