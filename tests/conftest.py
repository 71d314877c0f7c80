"""What several tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

# As the application does, before torch is loaded: threads that wait must not spin, as other tests
# or the window may need the core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

from tests.parity_numbers import parity_fill
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
# What tests keep (baked models, calibrations) is not the user's; from run to run it stays.
os.environ["XDG_CACHE_HOME"] = str(ROOT / ".pytest_cache" / "user")
os.environ["XDG_CONFIG_HOME"] = str(ROOT / ".pytest_cache" / "settings")
# Shells let what runs in the background ignore Ctrl+C, which the programs that tests stop inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def parity() -> Path:
    """Folder of the published implementation's numbers: all of them where they are at hand, or the
    part in the repository."""
    full = SHARED / "parity"
    return full if (full / "training_tiny.npz").exists() else ROOT / "tests" / "parity_numbers"


@pytest.fixture(scope="session")
def fill() -> ModuleType:
    """The module that makes the parity weights and inputs from their names."""
    return parity_fill


@pytest.fixture(scope="session")
def small_config() -> GeneratorConfig:
    """Every part of the full model, small enough for a test to run in milliseconds."""
    return GeneratorConfig(
        z_dim=16,
        w_dim=16,
        plane_resolution=16,
        plane_channels=8,
        channel_base=256,
        channel_max=16,
        motion_dim=16,
        decoder_hidden=16,
        feature_channels=8,
        superresolution="2X",
        superresolution_channels=(8, 4),
        rendering=RenderingConfig(raw_resolution=16, depth_samples=12, importance_samples=12),
    )


@pytest.fixture(scope="session")
def small_generator(small_config: GeneratorConfig) -> Generator:
    """A generator with random weights; sessions share it, so leave it as it is."""
    torch.manual_seed(0)
    return Generator(small_config).eval().requires_grad_(False)
