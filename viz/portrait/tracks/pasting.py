"""A generator's head pasted into the frames of a video: matted, with matched colours and soft
edges.

The model's head appears in front of the video's own background. Where the driver's head extends
beyond the new one, it is covered by what other frames show there, adapted to the colours around it;
what no frame shows is an extension of the surrounding background (pull-push interpolation, Gortler
et al., "The Lumigraph", 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.camera.cropping import crop, paste
from viz.portrait.faces.matting import matte
from viz.portrait.faces.warping import put_back

_SOFT = 0.006
"""Softening of mattes, as the standard deviation in crop sides."""
_MARGIN = 0.022
"""How far the driver's matte is widened before it is filled with the background, crop sides."""
_EDGE = 0.008
"""How much the new head's matte is narrowed, crop sides."""
_BOTTOM, _SIDES = 0.3, 0.03
"""Margins of the crop over which the head fades into the frame, at the bottom and elsewhere, as
fractions of the crop."""
_HEAD, _HEAD_EDGE = (0.5, 0.47, 0.46), 0.08
"""Centre and radius of the region taken for the driver's head, and the softness of its edge, crop
sides: the neck and shoulders in the person's matte stay."""
_HIDDEN = 0.03
"""How far a matte is widened for what counts as hidden by the driver, crop sides."""
_GAINS = (0.6, 1.6)
"""Bounds of the factors on the contrast of a colour."""


@dataclass(frozen=True, eq=False)
class Colors:
    """Colour correction from the head to the video: factors and offsets, [3, 1, 1]."""

    gain: Tensor
    offset: Tensor

    def matched(self, picture: Tensor) -> Tensor:
        """A picture [3, s, s] in the video's colours."""
        return (picture * self.gain + self.offset).clamp(0, 1)

    @classmethod
    def between(cls, pairs: list[tuple[Tensor, Tensor]]) -> Colors:
        """The correction that gives heads the mean and the spread of the video's colours in the
        middle of the face (Reinhard et al., "Color Transfer between Images", 2001).

        Args:
            pairs: pictures of the model and the crops of the video that they replace, both [3, s,
                s] in 0..1.
        """
        ours, theirs = (torch.cat([_face(pair[k]) for pair in pairs], dim=1) for k in (0, 1))
        gain = (theirs.std(1) / ours.std(1).clamp_min(1e-3)).clamp(*_GAINS)
        offset = theirs.mean(1) - gain * ours.mean(1)
        return cls(gain[:, None, None], offset[:, None, None])


def _face(picture: Tensor) -> Tensor:
    """Colours of cheeks, nose and forehead [3, n]: the middle of a crop."""
    side = picture.shape[-1]
    rows, columns = (
        slice(round(0.35 * side), round(0.7 * side)),
        slice(round(0.35 * side), round(0.65 * side)),
    )
    return picture[:, rows, columns].flatten(1)


class Backdrop:
    """The background behind the driver: the mean of the frames in which it is not hidden.

    Args:
        frame: of the video [3, H, W].
    """

    def __init__(self, frame: Tensor) -> None:
        self._sums = torch.zeros_like(frame)
        self._weights = torch.zeros_like(frame[:1])

    def add(self, frame: Tensor, fit: CameraFit) -> None:
        """Adds a frame [3, H, W] in 0..1, with its camera and crop."""
        side = max(64, min(256, round(fit.side)))
        there = crop(frame, fit, side)
        hidden = _widened(matte(there.picture), side, _HIDDEN)
        height, width = frame.shape[-2:]
        placed, covered = put_back((1 - hidden)[None], fit.square, height, width)
        seen = (placed * covered).clamp(0, 1) ** 2  # soft borders of the matte count little
        self._sums += frame * seen
        self._weights += seen

    def picture(self) -> Tensor:
        """The background [3, H, W]; what is hidden in all frames is interpolated."""
        known = self._weights.clamp(max=1)
        mean = self._sums / self._weights.clamp_min(1e-4)
        return _filled((mean * known)[None], known[None])[0]


def into_frame(
    frame: Tensor, picture: Tensor, fit: CameraFit, colors: Colors, backdrop: Tensor | None = None
) -> Tensor:
    """A frame of the video with another head.

    Args:
        frame: [3, H, W] in 0..1.
        picture: the model's picture from the camera of `fit`, [3, s, s] in 0..1.
        fit: camera and crop of the frame.
        colors: see `Colors.between`.
        backdrop: what is behind the driver, `Backdrop.picture`; None where only this frame is
            known.

    Returns:
        [3, H, W] in 0..1.
    """
    side = picture.shape[-1]
    there = crop(frame, fit, side)
    # The model's own background must not shine through the soft edge.
    new = _soft(1 - _widened(1 - matte(picture), side, _EDGE), side)
    person = _widened(matte(there.picture), side)
    known = there.picture * 0 if backdrop is None else crop(backdrop, fit, side).picture
    seen = 1 - person
    behind = known + _filled(((there.picture - known) * seen)[None], seen[None, None])[0]
    uncovered = _soft(person, side) * _head(side, picture.device)
    background = torch.lerp(there.picture, behind.clamp(0, 1), uncovered)
    head = torch.lerp(background, colors.matched(picture), new)
    opacity = torch.maximum(new, uncovered) * _window(side, picture.device) * there.inside
    return paste(frame, head, opacity, fit).clamp(0, 1)


def _head(side: int, device: torch.device) -> Tensor:
    """1 where a crop has the head and what is above it, 0 at neck and shoulders [s, s]."""
    x, y, radius = _HEAD
    place = (torch.arange(side, device=device) + 0.5) / side
    away = torch.hypot((place[:, None] - y).clamp_min(0), place - x)
    return _rising(radius - away, _HEAD_EDGE)


def _rising(distance: Tensor, width: float) -> Tensor:
    """Rises smoothly from 0 to 1 over a width."""
    part = (distance / width).clamp(0, 1)
    return part * part * (3 - 2 * part)


def _window(side: int, device: torch.device) -> Tensor:
    """1 at the head, falling to 0 towards the crop's edges [s, s]."""
    place = (torch.arange(side, device=device) + 0.5) / side
    across = _rising(torch.minimum(place, 1 - place), _SIDES)
    down = _rising(place, _SIDES) * _rising(1 - place, _BOTTOM)
    return down[:, None] * across


def _soft(matte: Tensor, side: int) -> Tensor:
    """A matte [s, s] with softer edges."""
    sigma = _SOFT * side
    reach = max(round(2.5 * sigma), 1)
    offsets = torch.arange(-reach, reach + 1, device=matte.device, dtype=matte.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(matte[None, None], (reach, reach, reach, reach), mode="replicate")
    rows = F.conv2d(padded, kernel[None, None, :, None])
    return F.conv2d(rows, kernel[None, None, None, :])[0, 0]


def _widened(matte: Tensor, side: int, margin: float = _MARGIN) -> Tensor:
    """A matte [s, s] widened by `margin` crop sides."""
    reach = max(round(margin * side), 1)
    return F.max_pool2d(matte[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0]


def _filled(sums: Tensor, weights: Tensor) -> Tensor:
    """Colours [1, 3, h, w] from weighted ones: coarser levels fill pixels without weight."""
    height, width = weights.shape[-2:]
    known = sums / weights.clamp_min(1e-4)
    if min(height, width) <= 1:
        return known
    coarse_sums, coarse_weights = (F.avg_pool2d(x, 2, ceil_mode=True) for x in (sums, weights))
    # Well-known pixels count fully, so that edges do not bleed.
    factor = (4 * coarse_weights).clamp(max=1) / coarse_weights.clamp_min(1e-4)
    coarse = _filled(coarse_sums * factor, coarse_weights * factor)
    below = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return torch.lerp(below, known, weights.clamp(0, 1))
