"""EG3D's networks (*.pkl): pickles whose objects carry the source text that is to make them.

The source is never run; the tensors are taken out of the objects' recorded attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.containers import read_pickle
from training.checkpoint.contents import Checkpoint, Weights, check_kind, load_tensors
from training.checkpoint.generator_options import Options, read_options
from training.checkpoint.infer import infer, make_config
from training.checkpoint.pickles import Inert, PickleError, mapping_of, source_of
from training.checkpoint.stored import Source

_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_NETWORKS: dict[Weights, tuple[str, str]] = {"ema": ("G_ema", "G"), "raw": ("G", "G_ema")}
_UNUSED = ("renderer.", "ray_sampler.")
"""Parts of the generator whose buffers are constants that we compute."""
_MOST_MODULES = 10_000
_LONGEST_NAME = 300
_DEFAULT_CLAMP = 256.0
"""EG3D's `conv_clamp` where a network was made without one."""
_STILL = (
    "This is a still head: an EG3D network has no motion layers, so time and the motion code "
    "do nothing."
)


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` is a pickle."""
    return head[:1] == b"\x80"


def read(path: Path, weights: Weights) -> Checkpoint:
    """Reads an EG3D network pickle.

    Args:
        path: the file.
        weights: "ema" for the averaged generator (G_ema), or "raw" for the one being trained (G).

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    try:
        unpickled = read_pickle(path)
        notes = [_STILL, *unpickled.findings.notes()]
        generator = _generator(path, unpickled.root, weights, notes)
        sources = _tensors(generator)
    except PickleError as error:
        raise CheckpointError(path, [f"{error}. Copy or download it again."]) from error
    check_kind(path, sources)
    skipped = unpickled.findings.num_tensors - len(sources)
    if skipped > 0:
        notes.append(f"Skipped {skipped} tensors of other networks.")
    options = _options(generator)
    found = infer({name: source.shape for name, source in sources.items()})
    config = make_config(found, options.generator, options.rendering, options.variant)
    if config is None:
        raise CheckpointError(path, found.problems)
    tensors = load_tensors(path, config, sources)
    return Checkpoint(path, "eg3d", config, tensors, (*notes, *options.notes), {})


def _state(module: object) -> Mapping[Any, Any] | None:
    """Recorded attributes of a module, whether EG3D's or torch's own; None if it is none."""
    if not isinstance(module, Inert):
        return None
    state = module.state
    if module.name == _PERSISTENT and module.args:
        state = (mapping_of(module.args[0]) or {}).get("state")
    state = mapping_of(state)
    return state if state is not None and "_modules" in state else None


def _generator(path: Path, root: object, weights: Weights, notes: list[str]) -> Mapping[Any, Any]:
    """Recorded attributes of the wanted generator."""
    networks = mapping_of(root) or {}
    wanted, other = _NETWORKS[weights]
    for name in (wanted, other):
        state = _state(networks.get(name))
        if state is not None:
            if name == other:
                notes.append(f"The file has no {wanted}; its {other} is used.")
            return state
    if isinstance(root, tuple | list) and any(
        isinstance(part, Inert) and part.name.startswith("dnnlib.tflib") for part in root
    ):
        what = "it is a network pickle of the TensorFlow StyleGAN, which this program does not read"
    elif networks:
        what = f"it is a pickle of {listed(networks, 4)}, but no generator (G_ema) in it"
    else:
        what = f"it is a pickle, but of {shown(_kind(root))} and not of EG3D's networks"
    raise CheckpointError(path, [f"{what}. An EG3D pickle has its generator as 'G_ema'."])


def _kind(value: object) -> str:
    return value.name if isinstance(value, Inert) else f"a {type(value).__name__}"


def _tensors(generator: Mapping[Any, Any]) -> dict[str, Source]:
    """Parameters and buffers of a module and all modules in it, by dotted name.

    Raises:
        PickleError: if modules hold each other, or more of them than any generator has.
    """
    found: dict[str, Source] = {}
    pending = [("", generator)]
    for _ in range(_MOST_MODULES):
        if not pending:
            return found
        prefix, state = pending.pop()
        for table in ("_parameters", "_buffers"):
            for name, value in (mapping_of(state.get(table)) or {}).items():
                full = f"{prefix}{name}"
                source = source_of(value)
                if source is not None and not full.startswith(_UNUSED):
                    found[full] = source
        for name, module in (mapping_of(state.get("_modules")) or {}).items():
            inner = _state(module)
            full = f"{prefix}{name}."
            if len(full) > _LONGEST_NAME:
                raise PickleError("its modules are nested deeper than any generator's")
            if inner is not None:
                pending.append((full, inner))
    raise PickleError("it has more modules than any generator")


def _options(generator: Mapping[Any, Any]) -> Options:
    kwargs = mapping_of(generator.get("_init_kwargs")) or {}
    kwargs = {**(mapping_of(kwargs.get("synthesis_kwargs")) or {}), **kwargs}
    rendering = mapping_of(generator.get("rendering_kwargs"))
    rendering = rendering or mapping_of(kwargs.get("rendering_kwargs")) or {}
    resolution = generator.get("neural_rendering_resolution")
    return read_options(kwargs, rendering, resolution, _DEFAULT_CLAMP, 0)
