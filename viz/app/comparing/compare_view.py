"""What the viewport draws of two models: difference, names, figures, and what they cannot share."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils.controls.registry import record_rect
from gui_utils.gl.texture import Texture, enlarged
from viz.app.commands import Commands
from viz.app.viewport.overlays import Badge, Rect
from viz.state.comparing.comparison import Figures
from viz.state.comparing.differences import difference
from viz.state.types import Display, SessionState


class DifferenceView:
    """The difference of two pictures on the GPU, updated only when something changes."""

    def __init__(self) -> None:
        self._texture = Texture()
        self._of: tuple[np.ndarray, ...] = ()
        self._how: tuple[str, float, int] = ("", 0.0, 0)

    def draw(self, tile: Rect, first: np.ndarray, second: np.ndarray, display: Display) -> None:
        """Draws the difference of two pictures, uint8 [h, h, 3], into a square."""
        side = round((tile[2] - tile[0]) * imgui.get_io().display_framebuffer_scale.x)
        how = display.difference, display.gain, side if display.nearest else 0
        same = len(self._of) == 2 and self._of[0] is first and self._of[1] is second
        if not same or self._how != how:
            picture = difference(first, second, display.difference, display.gain)
            self._of, self._how = (first, second), how
            # Dear ImGui would blend the pixels.
            squares = display.nearest and side > picture.shape[0]
            self._texture.update(enlarged(picture, side if squares else 0))
        imgui.get_window_draw_list().add_image(self._texture.ref, tile[:2], tile[2:])
        record_rect("Difference", tile)

    def close(self) -> None:
        """Frees the GPU memory."""
        self._texture.delete()


def model_labels(commands: Commands) -> tuple[str, str]:
    """Captions of the two models' pictures: their names, and truncation where it differs."""
    first, second = commands.compared_names
    compare, psi = commands.state.compare, commands.state.latent.psi
    if compare is not None and compare.psi is not None and compare.psi != psi:
        return f"{first}  \u03c8 {psi:.2f}", f"{second}  \u03c8 {compare.psi:.2f}"
    return first, second


def difference_label(display: Display, names: tuple[str, str]) -> str:
    """What is subtracted from what, and by how much it is amplified."""
    text = f"{names[1]} \u2212 {names[0]}"
    if display.difference == "absolute":
        text = f"|{text}|"
    return f"{text}  \u00d7 {display.gain:g}"


def figures_text(figures: Figures) -> tuple[tuple[str, str], ...]:
    """Names and values of the figures."""
    psnr = "\u221e (equal)" if math.isinf(figures.psnr) else f"{figures.psnr:.2f} dB"
    ssim = "too small" if math.isnan(figures.ssim) else f"{figures.ssim:.4f}"
    flip = "not installed" if figures.flip is None else f"{figures.flip:.4f}"
    return ("PSNR", psnr), ("SSIM", ssim), ("FLIP", flip)


def badges(state: SessionState, commands: Commands) -> list[Badge]:
    """Notes on the comparison in the viewport's corner."""
    if state.display.layout != "models" or state.compare is None:
        return []
    if commands.second_problem:
        return [Badge(commands.second_problem, icons.ICON_FA_TRIANGLE_EXCLAMATION, "warning")]
    if commands.second is None:
        return [Badge("Loading the second model\u2026", icons.ICON_FA_HOURGLASS_HALF, "info")]
    if commands.figures is None:
        return []
    text = "   ".join(f"{name} {value}" for name, value in figures_text(commands.figures))
    return [Badge(text, icons.ICON_FA_SCALE_BALANCED, "info")]
