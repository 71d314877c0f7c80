"""Optimisation of weight matrices as matrices, for the supervised warm-up.

Muon (Jordan et al., 2024) steps along the orthogonal matrix nearest to the gradient's running mean,
so that directions affected by few samples, such as those of single traits, advance as far as those
affected by all of them. Adam learns the former late. Its products take about a quarter of an
update's time.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

_HIDDEN = re.compile(
    r"(backbone\.mapping\.|(backbone|superresolution)\..*(conv\d?|affine|motion_time_fuser)\b).*weight"
)
"""Weights that do not directly make planes or pictures, unlike torgb's: those are trained by
Adam."""


def hidden_weights(G: nn.Module) -> dict[str, nn.Parameter]:
    """Matrices and convolutions between a generator's codes and its last features, by name."""
    return {
        name: parameter
        for name, parameter in G.named_parameters()
        if parameter.ndim >= 2 and _HIDDEN.fullmatch(name)
    }


class Matrices(nn.Module):
    """Parameters [O, ...] as matrices [O, I] that share their memory: all that Muon takes.

    Args:
        parameters: at least two-dimensional; they must stay where they are from now on.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__()
        self._whole = tuple(parameters)
        self.views = nn.ParameterList([nn.Parameter(p.detach().flatten(1)) for p in parameters])

    def take_gradients(self) -> None:
        """Gives each matrix its parameter's gradient, if it has one."""
        for view, whole in zip(self.views, self._whole, strict=True):
            gradient: Tensor | None = whole.grad
            view.grad = None if gradient is None else gradient.flatten(1)


def muon(matrices: Matrices, factors: list[float]) -> torch.optim.Muon:
    """Muon whose steps are about as large as Adam's, with a factor for each matrix's rate."""
    groups = [
        {"params": [view], "factor": factor}
        for view, factor in zip(matrices.views, factors, strict=True)
    ]
    return torch.optim.Muon(groups, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
