"""Muon for the weight matrices of the supervised warm-up.

Muon (Jordan et al., 2024) steps along the orthogonal matrix nearest to the gradient's running mean,
so directions that few samples affect, such as single traits, advance as far as those that all
samples affect; Adam learns the former late.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

_HIDDEN = re.compile(
    r"(backbone\.mapping\.|(backbone|superresolution)\..*(conv\d?|affine|motion_time_fuser)\b).*weight"
)
"""Weights other than those of torgb layers, which make planes and pictures and are trained by
Adam."""
_MOMENTUM = 0.95
_STEPS = 5
_POLYNOMIAL = 3.4445, -4.7750, 2.0315
"""Factors on x, x^3 and x^5, by Jordan et al.: singular values come between 0.7 and 1.2."""
_STEP_SIZE = 0.2
"""Root mean square of a step relative to the learning rate, about that of Adam's steps (Liu et al.,
2025)."""


def hidden_weights(G: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of the layers between a generator's codes and its last features, by name."""
    return {
        name: parameter
        for name, parameter in G.named_parameters()
        if parameter.ndim >= 2 and _HIDDEN.fullmatch(name)
    }


class Muon(torch.optim.Optimizer):
    """Steps about as large as Adam's, of parameters [O, ...] seen as matrices [O, I].

    `torch.optim.Muon` takes only matrices, and multiplies in bfloat16, which CPUs without
    instructions for it emulate: the products took 70 % of an update's time there, and in float32
    a third of that.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of all parameters that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                mean = state["momentum_buffer"].lerp_(weight.grad, 1 - _MOMENTUM)
                step = _orthogonal(weight.grad.lerp(mean, _MOMENTUM).flatten(1))
                rate = group["lr"] * _STEP_SIZE * math.sqrt(max(step.shape))
                weight.add_(step.view_as(weight), alpha=-rate)


def _orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the nearest orthogonal matrix, by Newton-Schulz iterations."""
    a, b, c = _POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    if x.shape[1] < 2 * x.shape[0]:
        for _ in range(_STEPS):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    else:  # The iterations on the small Gram matrix alone need a third of the time for a wide one.
        gram = x @ x.T
        one = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        product = one
        for _ in range(_STEPS):
            factor = torch.addmm(torch.add(a * one, gram, alpha=b), gram, gram, alpha=c)
            product = factor @ product
            gram = factor @ gram @ factor
        x = product @ x
    return x.T if tall else x
