"""The One Euro filter: removes jitter at rest and follows fast changes."""

from __future__ import annotations

import math

import numpy as np


class OneEuroFilter:
    """A low-pass filter whose cutoff rises with the speed (Casiez, Roussel and Vogel, 2012, "1€
    Filter", CHI); each number is filtered separately.

    Args:
        cutoff: lowest cutoff frequency, Hz: a lower one smooths more at rest.
        beta: how much the cutoff rises with the speed, Hz for one unit a second: a higher one lags
            less.
        speed_cutoff: cutoff frequency of the speed, Hz.
    """

    def __init__(self, cutoff: float, beta: float, speed_cutoff: float = 1.0) -> None:
        self.cutoff, self.beta, self.speed_cutoff = cutoff, beta, speed_cutoff
        self._value: np.ndarray | None = None
        self._speed = np.zeros(0)
        self._time = 0.0

    def __call__(self, values: np.ndarray, time: float) -> np.ndarray:
        """The smoothed values.

        Args:
            values: measured numbers, always of one shape.
            time: when they were measured, seconds; values at times that do not increase are
                ignored.

        Returns:
            float64, of the shape of `values`.
        """
        values = np.asarray(values, np.float64)
        if self._value is None:
            self._value, self._speed = values, np.zeros_like(values)
        elif time > self._time:
            seconds = time - self._time
            speed = (values - self._value) / seconds
            self._speed = self._speed + _share(self.speed_cutoff, seconds) * (speed - self._speed)
            cutoffs = self.cutoff + self.beta * np.abs(self._speed)
            self._value = self._value + _share(cutoffs, seconds) * (values - self._value)
        else:
            return self._value
        self._time = time
        return self._value

    def forget(self) -> None:
        """Restarts with the next values."""
        self._value = None


def _share(cutoff: np.ndarray | float, seconds: float) -> np.ndarray | float:
    """The weight of a new value in a low-pass filter after so many seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))
