"""Several processes as one: under torchrun they share each update; a single process starts nothing.

Gradients are summed once per phase, after its last backward pass, and not by
DistributedDataParallel: its hooks are made for one module with one backward pass through all
parameters, while here four phases in turn train parts of three networks, with second derivatives
and several micro-batches each.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

_BUCKET = 2**24
"""Numbers that are summed in one message: few messages, little extra memory."""


@dataclass(frozen=True)
class World:
    """This process among its siblings."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of `count` work items belong to this process: every `size`-th."""
        return range(self.rank, count, self.size)

    def sum_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces each tensor by its sum over all processes."""
        if self.size == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            dist.all_reduce(flat)
            parts = flat.split([tensor.numel() for tensor in bucket])
            for tensor, part in zip(bucket, parts, strict=True):
                tensor.copy_(part.reshape(tensor.shape))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        total = torch.tensor(float(flag), device=self.device)
        self.sum_([total])
        return total.item() > 0

    def agree(self, number: int) -> bool:
        """Whether all processes have the same number."""
        total = torch.tensor(float(number), dtype=torch.float64, device=self.device)
        self.sum_([total])
        return not self.any(total.item() != number * self.size)

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.size > 1:
            dist.barrier()


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket, size = [], 0
    for tensor in tensors:
        if bucket and size + tensor.numel() > _BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket


class DeviceError(ValueError):
    """A device that cannot be used; the message is a sentence for the user."""


def device_named(name: str, local: int = 0) -> torch.device:
    """The device of a name, a GPU always with its number, as `torch.cuda.set_device` expects it.

    Args:
        name: "auto" for the first kind that is here of cuda, mps (Apple's GPUs) and cpu; or a name
            such as "cpu" or "cuda:1".
        local: number of the CUDA GPU where the name gives none.

    Raises:
        DeviceError: when there is no such device.
    """
    if name == "auto":
        gpus = (("cuda", torch.cuda), ("mps", torch.backends.mps))
        name = next((kind for kind, gpu in gpus if gpu.is_available()), "cpu")
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", local)
        torch.zeros(1, device=device).item()  # "meta" can create tensors, but they hold no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        sentence = f"The device {name} cannot be used here: choose cpu, cuda or mps."
        raise DeviceError(sentence) from error
    return device


def training_device(name: str, local: int = 0) -> torch.device:
    """The device that a network is trained or measured on, as `device_named`, but never Apple's
    GPUs: they have no float64, which sums and measures take.

    Raises:
        DeviceError: when there is no such device, or it is one of Apple's GPUs.
    """
    if name == "auto" and not torch.cuda.is_available():
        name = "cpu"
    if name.partition(":")[0] == "mps":
        raise DeviceError(f"The device {name} lacks float64 for this: choose cpu or cuda.")
    return device_named(name, local)


@contextmanager
def world(device: str = "auto") -> Iterator[World]:
    """The processes that torchrun started (NCCL on GPUs, gloo without), or this one alone.

    Args:
        device: "auto" for the process's own CUDA GPU or the CPU, or a name such as "cpu".

    Raises:
        DeviceError: as `training_device`.
    """
    chosen = training_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    torch.backends.cudnn.allow_tf32 = False  # R1's squared gradients need all of float32
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World(device=chosen)
        return
    # Their functions' defaults keep the process group that exists when they are imported, which
    # optimisers do at their first step; then the group's threads outlive it and may abort the
    # ending process.
    importlib.import_module("torch.distributed.nn")
    if chosen.type == "cuda":
        dist.init_process_group("nccl", device_id=chosen)
    else:
        dist.init_process_group("gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), chosen)
    finally:
        dist.destroy_process_group()
