"""The peak memory of this process."""

from __future__ import annotations

import sys

import psutil
import torch


def peak_memory(device: torch.device) -> int:
    """Peak memory in bytes: on a GPU what torch has allocated, on a CPU that of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # on Windows, where psutil knows it
        return getattr(psutil.Process().memory_info(), "peak_wset", 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
