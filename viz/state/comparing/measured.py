"""The figures of two pictures."""

from __future__ import annotations

from dataclasses import dataclass


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
