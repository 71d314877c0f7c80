"""Muon for the weight matrices of the supervised warm-up.

Muon (Jordan et al., 2024) steps along the orthogonal matrix nearest to the gradient's running mean,
so directions that few samples affect, such as single traits, advance as far as those that all
samples affect; Adam learns the former late. The matrix products take about a quarter of an update's
time.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

_HIDDEN = re.compile(
    r"(backbone\.mapping\.|(backbone|superresolution)\..*(conv\d?|affine|motion_time_fuser)\b).*weight"
)
"""Weights other than those of torgb layers, which make planes and pictures and are trained by
Adam."""


def hidden_weights(G: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of the layers between a generator's codes and its last features, by name."""
    return {
        name: parameter
        for name, parameter in G.named_parameters()
        if parameter.ndim >= 2 and _HIDDEN.fullmatch(name)
    }


class Matrices(nn.Module):
    """Parameters [O, ...] as matrices [O, I] that share their memory, as Muon takes only matrices.

    Args:
        parameters: at least two-dimensional; their memory must not be replaced afterwards.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__()
        self._whole = tuple(parameters)
        self.views = nn.ParameterList([nn.Parameter(p.detach().flatten(1)) for p in parameters])

    def take_gradients(self) -> None:
        """Copies each parameter's gradient, if any, to its matrix."""
        for view, whole in zip(self.views, self._whole, strict=True):
            gradient: Tensor | None = whole.grad
            view.grad = None if gradient is None else gradient.flatten(1)


def muon(matrices: Matrices, factors: list[float]) -> torch.optim.Muon:
    """Muon with steps about as large as Adam's, and a factor on each matrix's learning rate."""
    groups = [
        {"params": [view], "factor": factor}
        for view, factor in zip(matrices.views, factors, strict=True)
    ]
    return torch.optim.Muon(groups, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
