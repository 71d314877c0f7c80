"""What the C library does with memory that was freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import numpy as np
from viz.render import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        parts = [np.ones(2**22, np.float32) for _ in range(6)]  # 16 MB each, as activations
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

memory.keep_freed()
faults()
again, held = faults(), resident()
memory.give_back()
print(again, held - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux has these calls")
def test_memory_is_used_again_and_given_back():
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    faults, given = map(int, run.stdout.split())
    assert faults < 2000, "thousands of pages come anew each time otherwise"
    assert given > 60e6
