"""A second model for tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from training.config import GeneratorConfig
from training.networks.generator import Generator


def another(config: GeneratorConfig, seed: int = 2, **changes: Any) -> Generator:
    """A generator with other random weights, and with changes of its configuration."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = dataclasses.replace(config, **changes)
        G = Generator(config).eval().requires_grad_(False)
    G.decoder.get_parameter("net.2.weight")[0] *= 12  # shapes
    return G
