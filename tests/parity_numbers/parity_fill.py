"""Weights and inputs for parity checks, the same on every machine, from names alone.

A name gives the key of a counter-based random generator (Philox, keyed by the CRC-32 of the name's
bytes), whose 64-bit outputs become uniform numbers of zero mean and unit variance: their upper 53
bits are scaled to 0..1, then to -sqrt(3)..sqrt(3). Nothing depends on torch's random numbers.

Weights keep the variance that the layers expect: 1, but for those that a network multiplies or adds
in another range; see `fill_value`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np

_MAPPING_LR = 0.01
"""Learning-rate multiplier of the mapping networks' layers, by which stored weights are divided."""


def uniform(name: str, shape: Sequence[int]) -> np.ndarray:
    """Uniform numbers of zero mean and unit variance for a name, float32 of the shape."""
    count = math.prod(shape)
    bits = np.random.Philox(key=zlib.crc32(name.encode())).random_raw(count)
    share = (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
    return ((2 * share - 1) * math.sqrt(3)).astype(np.float32).reshape(tuple(shape))


def fill_value(name: str, shape: Sequence[int]) -> np.ndarray | None:
    """The array that stands for a tensor of the published networks.

    Args:
        name: of the tensor within its network.
        shape: of the tensor.

    Returns:
        float32; None for low-pass filters, which keep their values.
    """
    if name.endswith("resample_filter"):
        return None
    numbers = uniform(name, shape)
    in_mapping = "mapping.fc" in name
    if name.endswith("affine.bias"):
        return 1 + 0.1 * numbers
    if name.endswith("bias"):
        return (0.1 / _MAPPING_LR if in_mapping else 0.1) * numbers
    if name.endswith(("noise_strength", "w_avg")):
        return 0.1 * numbers
    return (1 / _MAPPING_LR) * numbers if in_mapping else numbers


def input_value(name: str, shape: Sequence[int]) -> np.ndarray:
    """The array that stands for an input of a check, such as "front/z"; float32."""
    return uniform(f"input/{name}", shape)
