"""Gradient descent that can be interrupted and resumed with bit-identical results on one
machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

_BETAS = (0.9, 0.99)
_WARM = 10
"""Number of steps over which the rate rises."""
_FALL = 0.3
"""Fraction of the steps, at the end, over which the rate falls to 0."""


def rate(step: int, steps: int) -> float:
    """Factor on the learning rates at a step: rises at first, falls at the end."""
    return min(1.0, (step + 1) / _WARM, (1 - step / steps) / _FALL)


class Stepping:
    """Values being optimised by Adam (Kingma and Ba, arXiv 1412.6980)."""

    def __init__(
        self,
        values: Mapping[str, Tensor],
        rates: Mapping[str, float],
        steps: int,
        others: Mapping[str, Tensor] | None = None,
    ) -> None:
        """
        Args:
            values: what is changed, in place.
            rates: the learning rate of each; the one under "" is for values without their own.
            steps: number of steps in total.
            others: further tensors that belong to the state.
        """
        self.values = {name: value.requires_grad_(True) for name, value in values.items()}
        self.others = dict(others or {})
        self.steps, self.step = steps, 0
        self._rates = [rates.get(name, rates.get("", 0.0)) for name in values]
        groups = [
            {"params": [value], "lr": lr}
            for value, lr in zip(self.values.values(), self._rates, strict=True)
        ]
        self._adam = torch.optim.Adam(groups, betas=_BETAS)

    def losses(self, step: int) -> Iterator[Tensor]:
        """The terms whose sum is minimised. Each is released before the next is computed, so that
        only one graph takes memory at a time."""
        raise NotImplementedError

    def take_step(self) -> None:
        """Takes one step."""
        factor = rate(self.step, self.steps)
        for group, lr in zip(self._adam.param_groups, self._rates, strict=True):
            group["lr"] = lr * factor
        self._adam.zero_grad(set_to_none=True)
        for loss in self.losses(self.step):
            loss.backward()
            del loss
        self._adam.step()
        self.step += 1

    def state(self) -> dict[str, Tensor]:
        """Everything that the next steps depend on, for `restore`."""
        found = {name: value.detach().cpu().clone() for name, value in self._named().items()}
        found["step"] = torch.tensor(self.step)
        for name, value in self.values.items():
            for key, moment in self._adam.state.get(value, {}).items():
                found[f"{name}.{key}"] = moment.detach().cpu().clone()
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restores a state of the same search."""
        with torch.no_grad():
            for name, value in self._named().items():
                value.copy_(state[name])
        self.step = int(state["step"])
        for name, value in self.values.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{name}.{key}" in state]
            if keys:
                moments = {key: state[f"{name}.{key}"].clone() for key in keys}
                self._adam.state[value] = {
                    key: moment if key == "step" else moment.to(value.device)
                    for key, moment in moments.items()
                }

    def _named(self) -> dict[str, Tensor]:
        return {**self.values, **self.others}
