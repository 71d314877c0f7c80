"""PV3D's published checkpoints (*.ckpt): torch.save of a dict with the state of all networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.containers import read_torch_save
from training.checkpoint.contents import Checkpoint, Weights, check_kind, load_tensors
from training.checkpoint.generator_options import Options, read_options
from training.checkpoint.infer import infer, make_config
from training.checkpoint.pickles import PickleError, mapping_of, source_of
from training.checkpoint.stored import Source

_LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PREFIXES: dict[Weights, str] = {"ema": "generator_ema.", "raw": "generator."}
_METADATA = ("num_updates", "num_samples", "current_epoch", "best_update", "best_metric_value")
_SR_LAYERS = 4
"""`sr_num_fp16_res` of the published configuration."""


def sniff(head: bytes) -> bool:
    """Whether a file that starts with `head` was written by torch.save."""
    return head.startswith((b"PK\x03\x04", _LEGACY_START))


def read(path: Path, weights: Weights) -> Checkpoint:
    """Reads a PV3D checkpoint.

    Args:
        path: the file.
        weights: "ema" for the averaged generator, or "raw" for the one being trained.

    Raises:
        CheckpointError: listing what is wrong.
        OSError: if the file cannot be read.
    """
    try:
        unpickled = read_torch_save(path)
    except PickleError as error:
        raise CheckpointError(path, [f"{error}. Copy or download it again."]) from error
    root = mapping_of(unpickled.root)
    state = None if root is None else mapping_of(root.get("model", root))
    if root is None or state is None:
        raise CheckpointError(path, ["it is a file of torch.save, but no PV3D checkpoint in it"])
    notes = unpickled.findings.notes()
    sources = _generator_tensors(path, state, weights, notes)
    skipped = unpickled.findings.num_tensors - len(sources)
    if skipped > 0:
        notes.append(f"Skipped {skipped} tensors of training state.")
    check_kind(path, sources)
    options = _options(root)
    found = infer({name: source.shape for name, source in sources.items()})
    config = make_config(found, options.generator, options.rendering, options.variant)
    if config is None:
        raise CheckpointError(path, found.problems)
    tensors = load_tensors(path, config, sources)
    metadata = {
        name: shown(root[name])
        for name in _METADATA
        if isinstance(root.get(name), str | int | float)
    }
    return Checkpoint(path, "pv3d", config, tensors, (*notes, *options.notes), metadata)


def _generator_tensors(
    path: Path, state: Mapping[Any, Any], weights: Weights, notes: list[str]
) -> dict[str, Source]:
    """Tensors of the wanted generator, by their names inside of it."""
    tensors = {
        name: source
        for name, value in state.items()
        if isinstance(name, str) and (source := source_of(value)) is not None
    }
    found = {kind: _under(tensors, prefix) for kind, prefix in _PREFIXES.items()}
    other: Weights = "raw" if weights == "ema" else "ema"
    if found[weights]:
        return found[weights]
    if found[other]:
        notes.append(
            f"The file has no {_PREFIXES[weights]}* weights; its {_PREFIXES[other]}* are used."
        )
        return found[other]
    if tensors:
        what = f"its {len(tensors)} tensors ({listed(tensors, 3)}) are another model's"
        if any(".b4.const" in name for name in tensors):
            what = "it is a plain state_dict of a network"
    else:
        what = f"it holds no tensors where a checkpoint has them, only {listed(state, 3)}"
    raise CheckpointError(
        path, [f"{what}. A PV3D checkpoint has generator_ema.* tensors under 'model'."]
    )


def _under(tensors: Mapping[str, Source], prefix: str) -> dict[str, Source]:
    """Tensors whose name starts with `prefix`, whatever wrapped the whole ("module.")."""
    found = {}
    for name, tensor in tensors.items():
        before, matched, rest = name.partition(prefix)
        if matched and (not before or before.endswith(".")):
            found[rest] = tensor
    return found


def _options(root: Mapping[Any, Any]) -> Options:
    """Options of the configuration in the file, or the published ones with a note."""
    generator = _at(root, "config", "model_config", "pv3d", "generator")
    rendering = _at(root, "config", "model_config", "pv3d", "generator", "rendering_kwargs")
    resolution = (_at(root, "config", "training") or {}).get("rendering_resolution")
    options = read_options(generator or {}, rendering or {}, resolution, None, _SR_LAYERS)
    if rendering is None:
        options.notes.append("The file has no configuration; the published one is used.")
    return options


def _at(table: Mapping[Any, Any] | None, *keys: str) -> Mapping[Any, Any] | None:
    for key in keys:
        table = None if table is None else mapping_of(table.get(key))
    return table
