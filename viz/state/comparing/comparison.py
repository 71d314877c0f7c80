"""Which second model a session shows beside the first one, and how much their pictures differ."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

from viz.state.settings import Range


@dataclass(frozen=True)
class Comparison:
    """A second model that shows the same codes, time and camera as the first one."""

    path: str = ""
    """Path of its file."""
    psi: Annotated[float, Range(-10, 10, slider=(-1, 2))] | None = None
    """Truncation of the second model: 1 is the person as drawn, 0 that model's average person.

    None is that of the first model.
    """
    weights: str = field(default="", compare=False)
    """Fingerprint of its weights, by which the renderer knows it; empty while it is not loaded. It
    follows from the file, so that it makes no difference between two sessions."""

    @property
    def unloaded(self) -> Comparison:
        """The same without a loaded model, for later."""
        return replace(self, weights="")


@dataclass(frozen=True)
class Figures:
    """How much two pictures differ."""

    psnr: float
    """Peak signal-to-noise ratio over all pixels and channels, dB; infinite for equal pictures."""
    ssim: float
    """Structural similarity (Wang et al., 2004), 1 for equal pictures; NaN below 7 pixels."""
    flip: float | None
    """FLIP (Andersson et al., 2020): what a viewer notices who flips between the pictures, 0 to 1;
    None where its package is not installed."""
