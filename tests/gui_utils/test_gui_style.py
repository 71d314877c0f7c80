"""Themes."""

import pytest

from gui_utils.controls import style


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_is_readable_on_every_surface(theme: str) -> None:
    colors = style.palette(theme)
    for surface in ("background", "raised", "popup", "frame", "canvas"):
        for ink in ("text", "text_dim", "accent"):
            ratio = style.contrast(getattr(colors, ink), getattr(colors, surface))
            assert ratio >= 4.5, f"{ink} on {surface}: {ratio:.2f}"
    for fill in ("fill", "fill_hover", "fill_active"):
        assert style.contrast(colors.on_fill, getattr(colors, fill)) >= 4.5, fill
    for level in ("info", "success", "warning", "error"):
        assert style.contrast(getattr(colors, level), colors.popup) >= 4.5, level


def test_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="dark, light"):
        style.palette("sepia")


def test_colors_pack_and_unpack() -> None:
    assert style.rgba(style.hex_color("#ff8000")) == pytest.approx((1, 128 / 255, 0, 1))
    assert style.rgba(style.with_alpha(style.hex_color("#ffffff80"), 0.5))[3] == pytest.approx(
        64 / 255
    )
