"""The Triton kernels against the mathematics in `training.rendering`: in Triton's interpreter on
the CPU, and compiled where there is a GPU."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.viz.render.kernel_driver import CASES, cast_errors, finish_errors
from viz.render.inference.gpu import kernel
from viz.render.inference.radiance_field import PreparedDecoder

ROOT = Path(__file__).resolve().parents[3]

# Not importorskip: Triton's own process is elsewhere, and this one shall do without it.
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)
needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernel.available(torch.device("cuda"))),
    reason="there is no GPU that Triton works on",
)


@pytest.fixture(scope="module")
def interpreted() -> dict[str, Any]:
    """Errors of all cases, from the interpreter."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.viz.render.kernel_driver"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@needs_triton
@pytest.mark.parametrize("name", CASES)
def test_rays_are_those_of_the_reference(interpreted, name):
    assert max(interpreted["cast"][name]) < (1e-3 if CASES[name].half else 1e-5)


@needs_triton
def test_what_follows_a_convolution_is_the_same_in_one_pass(interpreted):
    for name, errors in interpreted["finish"].items():
        assert len(errors) == 6
        assert max(errors) < 1e-6, name


@needs_triton
def test_whole_stages_take_the_kernels(interpreted):
    *raw, normals = interpreted["stages"]
    assert max(raw) < 1e-4
    assert normals < 2e-2


@needs_triton
def test_a_machine_that_runs_them_is_told_from_one_that_does_not(interpreted):
    assert interpreted["available"] is True
    assert interpreted["trial"] < kernel._TRIED_ERROR / 5
    if os.environ.get("TRITON_INTERPRET") != "1":
        assert not kernel.available(torch.device("cpu"))


def test_sizes_beyond_the_registers_are_left_to_the_networks():
    def weights(channels: int, hidden: int, features: int) -> PreparedDecoder:
        rows = torch.zeros(hidden)
        first, color = torch.zeros(channels, hidden), torch.zeros(hidden, features)
        return PreparedDecoder(first, rows, rows, rows[:1], color, torch.zeros(features))

    usual = weights(32, 64, 32)
    assert kernel.can_cast(usual, 48, 48)
    assert kernel.can_cast(usual, 2, 0)
    assert not kernel.can_cast(usual, 129, 48)
    assert not kernel.can_cast(usual, 48, 200)
    assert not kernel.can_cast(weights(32, 256, 32), 48, 48)


@needs_gpu
@pytest.mark.parametrize("name", CASES)
def test_rays_on_a_gpu(name):
    with torch.inference_mode():
        errors = cast_errors(CASES[name], torch.device("cuda"))
    assert max(errors) < (1e-3 if CASES[name].half else 1e-4)


@needs_gpu
def test_layers_on_a_gpu():
    with torch.inference_mode():
        for errors in finish_errors(torch.device("cuda")).values():
            assert max(errors) < 1e-4
