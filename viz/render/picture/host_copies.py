"""Copies between a processor's memory and a device's, and pictures as bytes."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from training.networks import generator
from training.reasons import first_line

log = logging.getLogger(__name__)


def from_host(x: Tensor, device: torch.device) -> Tensor:
    """Copies a small tensor to a device. CUDA copies such sizes from the host at once, so that
    there is no wait; elsewhere the copy is synchronous, as x may be freed."""
    return x.to(device, non_blocking=device.type == "cuda")


def to_host(x: Tensor) -> Tensor:
    """Copies a tensor to the CPU. From a CUDA GPU it goes directly into pinned memory, which waits
    only for this copy; if no memory can be pinned, all work on the GPU is waited for."""
    if x.device.type != "cuda":
        return x.cpu()
    try:
        host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
    except RuntimeError as error:  # the system limits pinned memory
        log.info("A picture is copied without pinned memory: %s", first_line(error))
        return x.cpu()
    host.copy_(x, non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(x.device))
    done.synchronize()
    return host


def to_uint8(picture: Tensor) -> Tensor:
    """A picture [1, 3, H, W] in -1..1 as uint8 [H, W, 3]."""
    return generator.to_uint8(picture[0]).permute(1, 2, 0).contiguous()
