"""Settings of an inversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from viz.state.settings import Range


@dataclass(frozen=True)
class InversionOptions:
    """How a photo becomes a person."""

    candidates: Annotated[int, Range(1, 1000, step=1)] = 96
    """How many random people are compared with the photo; the search begins at the most similar."""
    code_steps: Annotated[int, Range(0, 5000, slider=(0, 600), step=10)] = 300
    """Steps of the search for the person and the motion within what the model knows."""
    tuning: bool = True
    """Whether the model's weights are then fitted to the photo as well: a closer likeness, which
    takes as long again and makes the person's file as large as the model."""
    tuning_steps: Annotated[int, Range(0, 5000, slider=(0, 600), step=10)] = 240
    """Steps of fitting the weights."""
    prior: Annotated[float, Range(0, 1, slider=(0, 0.3))] = 0.02
    """How strongly the person is pulled towards faces that the model knows: more looks cleaner from
    other sides and in motion, less comes closer to the photo."""
    locality: Annotated[float, Range(0, 20, slider=(0, 10), step=0.1)] = 2.0
    """How strongly sides and expressions that the photo does not show are protected during the
    fitting: raise it if they look distorted, lower it to come closer to the photo."""
    seed: Annotated[int, Range(0, 2**31 - 1, step=1)] = 0
    """Decides every random draw: the same seed gives the same person."""
