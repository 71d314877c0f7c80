"""Finds generators in pickles and files of torch.save, however they are stored: as modules of
EG3D's or torch's classes or as tables of tensors, alone or among other data, with or without the
wrappers of torch.compile and parallel training.

Modules of EG3D's classes contain their class's source code, which is never run: tensors are read
from the recorded attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.checkpoint.checkpoint_errors import CheckpointError, listed, shown
from training.checkpoint.containers import Unpickled
from training.checkpoint.contents import Checkpoint, Weights, check_kind, load_tensors, plain_name
from training.checkpoint.generator_options import GeneratorOptions, read_options
from training.checkpoint.infer import infer, make_config
from training.checkpoint.pickles import Inert, PickleError, mapping_of, source_of
from training.checkpoint.stored import OpenFile, TensorSource
from training.config import GeneratorConfig

_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_BACKBONE = "backbone."
_NAMES: dict[Weights, tuple[str, ...]] = {
    "ema": ("generator_ema", "G_ema", "g_ema", "params_ema", "ema"),
    "raw": ("generator", "G", "g"),
}
"""Names of a training run's two generators."""
_UNUSED = ("renderer.", "ray_sampler.")
"""Parts of the generator with only constant buffers, which are computed here."""
_MOST_TABLES = 20_000
_LONGEST_NAME = 300
_EG3D_CLAMP = 256.0
"""EG3D's default for `conv_clamp`."""
_SR_LAYERS = 4
"""`sr_num_fp16_res` of the published configurations."""
_METADATA = ("num_updates", "num_samples", "current_epoch", "best_update", "best_metric_value")
_STILL = (
    "This is a still head: an EG3D network has no motion layers, so time and the motion code "
    "have no effect."
)


@dataclass
class _Contents:
    """All tensors and modules of a file, by dotted names without wrappers."""

    tensors: dict[str, TensorSource] = field(default_factory=dict)
    modules: dict[str, Mapping[Any, Any]] = field(default_factory=dict)
    """Recorded attributes of modules; "" for the file's root."""

    def prefixes(self) -> list[str]:
        """Prefix of each generator's tensor names, such as "" or "model.generator_ema."."""
        found = dict.fromkeys(
            name[: name.index(_BACKBONE)] for name in self.tensors if f".{_BACKBONE}" in f".{name}"
        )
        return [prefix for prefix in found if not prefix or prefix.endswith(".")]

    def under(self, prefix: str) -> dict[str, TensorSource]:
        """The tensors of a generator by their names in it."""
        return {
            name.removeprefix(prefix): source
            for name, source in self.tensors.items()
            if name.startswith(prefix) and not name.removeprefix(prefix).startswith(_UNUSED)
        }


def _attributes(value: object) -> Mapping[Any, Any] | None:
    """Recorded attributes of a module, whether EG3D's or torch's own; None for anything else."""
    if not isinstance(value, Inert):
        return None
    state = value.state
    if value.name == _PERSISTENT and value.args:
        state = (mapping_of(value.args[0]) or {}).get("state")
    state = mapping_of(state)
    return state if state is not None and "_modules" in state else None


def _children(value: object) -> Iterable[tuple[Any, Any]] | None:
    """Names and values in a module or table; None for anything else."""
    attributes = _attributes(value)
    if attributes is None:
        table = mapping_of(value)
        return None if table is None else table.items()
    tables = (mapping_of(attributes.get(k)) for k in ("_parameters", "_buffers", "_modules"))
    return [item for table in tables if table is not None for item in table.items()]


def _walk(root: object) -> _Contents:
    """All tensors and modules of a file.

    Raises:
        PickleError: if its tables are cyclic, or more than any checkpoint has.
    """
    found = _Contents()
    pending: list[tuple[str, object]] = [("", root)]
    for _ in range(_MOST_TABLES):
        if not pending:
            return found
        prefix, table = pending.pop()
        attributes = _attributes(table)
        if attributes is not None:
            found.modules.setdefault(plain_name(prefix), attributes)
        for name, value in _children(table) or ():
            if not isinstance(name, str):
                continue
            full = f"{prefix}.{name}" if prefix else name
            if _children(value) is not None:
                if len(full) > _LONGEST_NAME:
                    raise PickleError("its modules are nested deeper than any generator's")
                pending.append((full, value))
            elif (source := source_of(value)) is not None:
                found.tensors.setdefault(plain_name(full), source)
    raise PickleError("it has more modules than any generator")


def reader_of(
    unpickle: Callable[[OpenFile], Unpickled],
) -> Callable[[Path, OpenFile, Weights], Checkpoint]:
    """The `read` of a format of checkpoints, from what unpickles its files."""

    def read(path: Path, file: OpenFile, weights: Weights) -> Checkpoint:
        try:
            return read_generator(path, unpickle(file), weights)
        except PickleError as error:
            raise CheckpointError(path, [f"{error}. Copy or download it again."]) from error

    return read


def read_generator(path: Path, unpickled: Unpickled, weights: Weights) -> Checkpoint:
    """The requested generator from a file's contents, validated and loaded.

    Args:
        path: the file.
        unpickled: its contents.
        weights: "ema" for the averaged generator, or "raw" for the one being trained.

    Raises:
        CheckpointError: listing what is wrong.
        PickleError: if the file is damaged.
        OSError: if the tensors cannot be read.
    """
    contents = _walk(unpickled.root)
    prefix, notes = _choose(path, unpickled.root, contents, weights)
    notes += unpickled.findings.notes()
    sources = contents.under(prefix)
    skipped = unpickled.findings.num_tensors - len(sources)
    if skipped > 0:
        notes.append(f"Skipped {skipped} tensors of other networks and of training state.")
    check_kind(path, sources)
    module = contents.modules.get(prefix.removesuffix("."))
    table = mapping_of(unpickled.root) or {}
    options = _options_of_module(module) or _options_of_training(table)
    found = infer({name: source.shape for name, source in sources.items()})
    given = options or read_options({}, {}, None, None, _SR_LAYERS)
    config = make_config(found, given.generator, given.rendering, given.variant)
    if config is None:
        raise CheckpointError(path, found.problems)
    notes += given.notes
    if options is None:
        notes.append(_assumed(config))
    if not config.has_motion:
        notes.insert(0, _STILL)
    tensors = load_tensors(path, config, sources)
    metadata = {
        name: shown(table[name])
        for name in _METADATA
        if isinstance(table.get(name), str | int | float)
    }
    kind = "pv3d" if config.has_motion else "eg3d"
    return Checkpoint(path, kind, config, tensors, tuple(notes), metadata)


def _choose(
    path: Path, root: object, contents: _Contents, weights: Weights
) -> tuple[str, list[str]]:
    """Prefix of the requested generator's tensor names, and notes on the choice.

    Raises:
        CheckpointError: when there is no generator.
    """
    prefixes = {
        prefix: prefix.removesuffix(".").rpartition(".")[2] for prefix in contents.prefixes()
    }
    other: Weights = "raw" if weights == "ema" else "ema"
    for name in _NAMES[weights]:
        for prefix, last in prefixes.items():
            if last == name:
                return prefix, []
    for name in _NAMES[other]:
        for prefix, last in prefixes.items():
            if last == name:
                wanted = _NAMES[weights][_NAMES[other].index(name)]
                return prefix, [f"The file has no {wanted}; its {last} is used."]
    if prefixes:
        return next(iter(prefixes)), []
    if contents.tensors:
        check_kind(path, contents.tensors)
    raise CheckpointError(path, [_nothing_found(root)])


def _nothing_found(root: object) -> str:
    """Describes a file without any tensors."""
    if isinstance(root, tuple | list) and any(
        isinstance(part, Inert) and part.name.startswith("dnnlib.tflib") for part in root
    ):
        what = "it is a network pickle of the TensorFlow StyleGAN, which this program does not read"
    elif table := mapping_of(root):
        what = f"there is no generator in it, only {listed(table, 4)}"
    else:
        name = root.name if isinstance(root, Inert) else f"a {type(root).__name__}"
        what = f"there is no network in it, only {shown(name)}"
    return f"{what}. PV3D keeps its generator as generator_ema.* under 'model', EG3D as 'G_ema'."


def _options_of_module(module: Mapping[Any, Any] | None) -> GeneratorOptions | None:
    """Options that an EG3D module was created with; None if they were not recorded."""
    kwargs = mapping_of((module or {}).get("_init_kwargs"))
    if module is None or kwargs is None:
        return None
    kwargs = {**(mapping_of(kwargs.get("synthesis_kwargs")) or {}), **kwargs}
    rendering = mapping_of(module.get("rendering_kwargs"))
    rendering = rendering or mapping_of(kwargs.get("rendering_kwargs")) or {}
    resolution = module.get("neural_rendering_resolution")
    return read_options(kwargs, rendering, resolution, _EG3D_CLAMP, 0)


def _options_of_training(root: Mapping[Any, Any]) -> GeneratorOptions | None:
    """Options of the configuration stored by PV3D's training; None if there is none."""
    generator = _at(root, "config", "model_config", "pv3d", "generator")
    rendering = _at(generator, "rendering_kwargs")
    if generator is None or rendering is None:
        return None
    resolution = (_at(root, "config", "training") or {}).get("rendering_resolution")
    return read_options(generator, rendering, resolution, None, _SR_LAYERS)


def _at(table: Mapping[Any, Any] | None, *keys: str) -> Mapping[Any, Any] | None:
    for key in keys:
        table = None if table is None else mapping_of(table.get(key))
    return table


def _assumed(config: GeneratorConfig) -> str:
    rendering = config.rendering
    return (
        "The file has no configuration, so the published one is assumed: a raw picture of "
        f"{rendering.raw_resolution} px, rays from {rendering.ray_start:g} to "
        f"{rendering.ray_end:g} with {rendering.depth_samples} + {rendering.importance_samples} "
        f"samples, and a conditioning camera scaled by {config.c_scale:g}."
    )
