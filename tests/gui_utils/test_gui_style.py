"""Themes."""

import pytest

from gui_utils.controls import style


def contrast(first: int, second: int) -> float:
    """Contrast ratio 1..21 of two opaque colours, as WCAG 2 defines it."""

    def luminance(color: int) -> float:
        linear = [
            channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
            for channel in style.rgba(color)[:3]
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_is_readable_on_every_surface(theme: str) -> None:
    colors = style.palette(theme)
    for surface in ("background", "raised", "popup", "frame", "canvas"):
        for ink in ("text", "text_dim", "accent"):
            ratio = contrast(getattr(colors, ink), getattr(colors, surface))
            assert ratio >= 4.5, f"{ink} on {surface}: {ratio:.2f}"
    for fill in ("fill", "fill_hover", "fill_active"):
        assert contrast(colors.on_fill, getattr(colors, fill)) >= 4.5, fill
    for level in ("info", "success", "warning", "error"):
        assert contrast(getattr(colors, level), colors.popup) >= 4.5, level


def test_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="dark, light"):
        style.palette("sepia")


def test_colors_pack_and_unpack() -> None:
    assert style.rgba(style.hex_color("#ff8000")) == pytest.approx((1, 128 / 255, 0, 1))
    assert style.rgba(style.with_alpha(style.hex_color("#ffffff80"), 0.5))[3] == pytest.approx(
        64 / 255
    )
