"""A window without a renderer, as it starts and as it plays."""

from __future__ import annotations

from dataclasses import replace

from tests.viz.scheduling.simulated_window import FRAME, Costs, Shown, SimulatedWindow
from viz.scheduling.previews import shown
from viz.state.types import FRAME_RATE, FRAMES

LOOP = FRAMES / FRAME_RATE
"""Seconds of a round of the clip."""


def started(costs: Costs) -> SimulatedWindow:
    """A window that shows its first full picture."""
    window = SimulatedWindow(costs)
    while not window.shown or window.shown[-1].result.request.preview is not None:
        window.run(FRAME)
    return window


def playing(costs: Costs) -> SimulatedWindow:
    """A window in which Play was pressed for the first time."""
    window = started(costs)
    window.interface.playing = True
    return window


def levels(pictures: list[Shown]) -> list[float]:
    """How much pictures show; 0 is all of it."""
    return [shown(picture.result.request.preview) for picture in pictures]


def drag_camera(window: SimulatedWindow, seconds: float) -> list[Shown]:
    """What is shown while the user turns the camera."""

    def turn(_: float) -> None:
        window.state.orbit = replace(window.state.orbit, yaw=window.state.orbit.yaw + 0.4)

    window.dragging = True
    found = window.run(seconds, turn)
    window.dragging = False
    return found
