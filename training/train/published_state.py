"""Reads the full training state of a published checkpoint: networks and optimisers.

Besides the generators, published checkpoints hold both discriminators, whose parameters have the
same names as ours, and one Adam state for each network, numbered in the order of its parameters.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoint import CheckpointError
from training.checkpoint.containers import is_torch_save, read_torch_save
from training.checkpoint.contents import is_finite, plain_name
from training.checkpoint.pickles import PickleError, mapping_of, source_of
from training.checkpoint.stored import OpenFile
from training.reasons import reason
from training.train.run_folder import load_optimizer

log = logging.getLogger(__name__)

GROUPS = {
    "G": "generator",
    "G_ema": "generator_ema",
    "D_image": "img_discriminator",
    "D_video": "vid_discriminator",
}
"""The published names of a run's networks, which are also those of their optimisers."""
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class PublishedState:
    """The training state in a published checkpoint, by our names for the networks."""

    networks: dict[str, dict[str, Tensor]]
    """Tensors by name, in the order of the file."""
    moments: dict[str, dict[int, dict[str, Tensor]]]
    """For each optimiser: step, exp_avg and exp_avg_sq by parameter number."""


def read_state(path: str | Path) -> PublishedState | None:
    """The training state in a checkpoint; None for other files, or without discriminators.

    Raises:
        CheckpointError: when the file is damaged.
    """
    path = Path(path)
    try:
        with OpenFile(path) as file:
            if not is_torch_save(file.read(512)):
                return None
            file.seek(0)
            return _read(path, mapping_of(read_torch_save(file).root))
    except OSError as e:
        raise CheckpointError(path, [f"it cannot be read: {reason(e)}"], "start from") from e
    except PickleError as e:
        raise CheckpointError(path, [str(e)], "start from") from e


def _read(path: Path, root: Mapping[Any, Any] | None) -> PublishedState | None:
    """The training state in an unpickled file."""
    model = None if root is None else mapping_of(root.get("model"))
    if root is None or model is None:
        return None
    networks = {part: _tensors(path, model, group) for part, group in GROUPS.items()}
    if not all(networks.values()):
        return None
    groups = mapping_of(root.get("optimizer")) or {}
    moments = {part: _moments(path, groups.get(group)) for part, group in GROUPS.items()}
    return PublishedState(networks, {part: found for part, found in moments.items() if found})


def take_over(
    path: str | Path,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> list[str]:
    """Continues a published run: loads those of these networks and optimisers, by the names in
    `GROUPS`, whose sizes match.

    Returns:
        what was loaded, such as "G" and "optimizer G"; nothing if the file has no discriminators.

    Raises:
        CheckpointError: when the file is damaged, or something in it is not finite.
    """
    state = read_state(path)
    taken: list[str] = []
    if state is None:
        return taken
    for part, module in networks.items():
        found = {n: x for n, x in state.networks[part].items() if n in module.state_dict()}
        if not _fits(module, found):
            log.info(
                "The %s of %s has different sizes and starts from scratch.", GROUPS[part], path
            )
            continue
        module.load_state_dict(found, strict=False)
        taken.append(part)
        if part in optimizers and part in state.moments:
            moments = _by_name(module, list(found), state.moments[part])
            if moments:
                load_optimizer(optimizers[part], module, moments)
                taken.append(f"optimizer {part}")
    log.info("Taken over from %s: %s.", path, ", ".join(taken) or "nothing")
    return taken


def _tensors(path: Path, model: Mapping[Any, Any], group: str) -> dict[str, Tensor]:
    """Tensors of a network by name, without the prefixes of wrappers."""
    found = {}
    for name, value in model.items():
        if not isinstance(name, str):
            continue
        inner = plain_name(name)
        if inner.startswith(f"{group}."):
            found[inner.removeprefix(f"{group}.")] = _load(path, name, value)
    return found


def _moments(path: Path, optimizer: Any) -> dict[int, dict[str, Tensor]]:
    """The state of one Adam; empty if there is none."""
    state = mapping_of((mapping_of(optimizer) or {}).get("state")) or {}
    found: dict[int, dict[str, Tensor]] = {}
    for number, entry in state.items():
        values = mapping_of(entry)
        if isinstance(number, int) and values is not None and set(_MOMENTS) <= values.keys():
            named = {key: (f"moment {key} {number}", values[key]) for key in _MOMENTS}
            found[number] = {key: _load(path, *pair) for key, pair in named.items()}
    return found


def _load(path: Path, name: str, value: Any) -> Tensor:
    if isinstance(value, int | float):  # old versions of torch store the step as a number
        return torch.tensor(float(value))
    source = source_of(value)
    problem = "is not a tensor" if source is None else source.problem()
    if source is None or problem:
        raise CheckpointError(path, [f"{name} {problem}"], "start from")
    tensor = source.load()
    if not is_finite(tensor):
        raise CheckpointError(path, [f"{name} has values that are not finite"], "start from")
    return tensor


def _fits(module: nn.Module, found: Mapping[str, Tensor]) -> bool:
    own = module.state_dict()
    return own.keys() == found.keys() and all(own[n].shape == x.shape for n, x in found.items())


def _by_name(
    module: nn.Module, order: list[str], moments: dict[int, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Moments as `load_optimizer` takes them; empty if they belong to a different network.

    Args:
        module: the network.
        order: names of its tensors in file order, which is also that of the parameters.
        moments: by parameter number.
    """
    parameters = dict(module.named_parameters())
    names = [name for name in order if name in parameters]
    if any(
        number >= len(names) or values["exp_avg"].shape != parameters[names[number]].shape
        for number, values in moments.items()
    ):
        return {}
    return {
        f"{names[number]}.{key}": value
        for number, values in moments.items()
        for key, value in values.items()
    }
