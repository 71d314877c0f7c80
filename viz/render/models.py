"""Models as the application loads them."""

from __future__ import annotations

from collections.abc import Generator as Steps
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from training import named_directions
from training.checkpoint import CheckpointError, build, mark_of, read, read_metadata, weights_mark
from training.config import GeneratorConfig, RenderingConfig
from training.distributed import DeviceError, device_named
from training.networks.generator import Generator, parameter_count
from viz.render.geometry.head_finder import cached_head
from viz.render.inference import device_check
from viz.render.picture import layer_probe
from viz.state.errors import UserError
from viz.state.person import LAST_SEED
from viz.state.types import ModelInfo

FORMATS = {"native": "PV3D visualizer", "pv3d": "PV3D", "eg3d": "EG3D"}

RANDOM_CONFIG = GeneratorConfig(
    z_dim=128,
    w_dim=128,
    plane_resolution=64,
    plane_channels=16,
    channel_base=2048,
    channel_max=64,
    motion_dim=128,
    decoder_hidden=32,
    feature_channels=16,
    superresolution="4X",
    superresolution_channels=(32, 16),
    rendering=RenderingConfig(raw_resolution=64, depth_samples=24, importance_samples=24),
)
"""Settings of the untrained model that is shown if there is no checkpoint."""

_MOST_SEEDS = 48
"""Most recommended seeds shown."""
_MOST_TEXT = 4096
_LONGEST_WORD = 24
"""Characters."""


@dataclass(frozen=True)
class Model:
    """A generator, ready to render, and what the interface shows about it."""

    G: Generator
    info: ModelInfo
    reference: bool = False
    """Whether only the reference networks work on its device."""


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" is the first CUDA GPU, else Apple's GPU, else the CPU.

    Raises:
        UserError: when there is no such device.
    """
    # float32 must not become TF32; half formats are chosen explicitly.
    torch.backends.cudnn.allow_tf32 = False
    try:
        return device_named(name)
    except DeviceError as e:
        raise UserError(str(e)) from e


def load_model(path: str, device: torch.device) -> Steps[tuple[str, float], None, Model]:
    """Loads a checkpoint, or the untrained model for an empty path.

    Yields:
        what is being done and the fraction done.

    Returns:
        the model; on the CPU if it does not render correctly on the device.

    Raises:
        UserError: when the file cannot be used, with all reasons.
    """
    if not path:
        yield "Building the untrained model", 0.0
        note = "This model is untrained: open a checkpoint to see people."
        placed = yield from device_check.place(random_generator(), device)
        info = _info(placed.G, "", "random", (note, *placed.notes))
        return Model(placed.G, replace(info, trained_turn=None), placed.reference)
    yield "Reading", 0.0
    try:
        checkpoint = read(path)
        yield "Building the networks", 0.6
        G = build(checkpoint)
    except CheckpointError as e:
        raise UserError(str(e)) from e
    placed = yield from device_check.place(G, device)
    config = placed.G.config
    named, ignored = named_directions.read(checkpoint.metadata, config.w_dim, config.motion_dim)
    notes = (*checkpoint.notes, *ignored, *placed.notes)
    yield "Finding the head", 0.98
    info = _info(placed.G, path, FORMATS[checkpoint.format], notes)
    people, motions = (recommendations(checkpoint.metadata, k) for k in ("people", "motions"))
    info = replace(
        info,
        people=tuple(people),
        motions=tuple(motions),
        people_words=tuple(people.values()),
        motions_words=tuple(motions.values()),
        directions=named,
    )
    return Model(placed.G, info, placed.reference)


def find(weights: str, candidates: Sequence[str]) -> Steps[tuple[str, float], None, str]:
    """Steps of searching files, the likeliest first, for the weights with a fingerprint; they
    return the file's path, or an empty string."""
    for k, path in enumerate(candidates):
        yield Path(path).name, k / len(candidates)
        try:
            if weights_mark(read(path).tensors) == weights:
                return path
        except CheckpointError:
            continue
    return ""


def recommended(path: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Seeds of people and of motions that a checkpoint recommends, in its order.

    Raises:
        UserError: when the file cannot be used.
    """
    if not path:
        return (), ()
    try:
        metadata = read_metadata(path)
    except CheckpointError as e:
        raise UserError(str(e)) from e
    people, motions = (recommendations(metadata, kind) for kind in ("people", "motions"))
    return tuple(people), tuple(motions)


def recommendations(metadata: Mapping[str, str], kind: str) -> dict[int, str]:
    """Seeds that a checkpoint recommends, with a short description of each, or an empty string.

    They are lists such as "3, 17, 40", and under `KIND_words` "smile, , pout" in the same order.
    Entries that are not seeds are ignored, as a file may contain anything.
    """
    seeds, words = (
        [word.strip() for word in metadata.get(key, "")[:_MOST_TEXT].split(",")]
        for key in (kind, f"{kind}_words")
    )
    found: dict[int, str] = {}
    for seed, word in zip(seeds, [*words, *[""] * len(seeds)], strict=False):
        if seed.isdecimal() and len(seed) <= 10 and int(seed) <= LAST_SEED:
            found.setdefault(int(seed), word[:_LONGEST_WORD])
    return dict(list(found.items())[:_MOST_SEEDS])


def random_generator() -> Generator:
    """The untrained generator on the processor, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2023)
        G = Generator(RANDOM_CONFIG).eval().requires_grad_(False)
    _give_shape(G)
    return G


def _give_shape(G: Generator) -> None:
    """Scales random weights so that an untrained model shows something: uniform density and glaring
    colours would hide the effect of views and camera."""
    for resolution in (8, 16):  # shapes of about a tenth of the box
        G.get_parameter(f"backbone.synthesis.b{resolution}.conv1.noise_strength").fill_(1.0)
    G.get_parameter("backbone.synthesis.b4.torgb.weight").mul_(0.3)
    G.get_parameter("decoder.net.2.weight")[0] *= 30
    outside = G.decoder(torch.zeros(1, G.config.plane_channels))[0]
    G.get_parameter("decoder.net.2.bias")[0] -= 2 + outside[0]  # empty towards the faces of the box
    G.get_parameter("to_img_raw.weight").mul_(0.2)
    for block in (0, 1):
        G.get_parameter(f"superresolution.block{block}.torgb.weight").mul_(0.05)


def _info(G: Generator, path: str, kind: str, notes: tuple[str, ...]) -> ModelInfo:
    config, options = G.config, G.config.rendering
    mark = mark_of(G)
    return ModelInfo(
        name=Path(path).name if path else "Untrained model",
        path=path,
        format=kind,
        parameters=parameter_count(G),
        image_resolution=config.image_resolution,
        raw_resolution=options.raw_resolution,
        depth_samples=options.depth_samples,
        importance_samples=options.importance_samples,
        ray_range=(options.ray_start, options.ray_end),
        box_warp=options.box_warp,
        num_ws=config.num_ws,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        motion_dim=config.motion_dim,
        plane_resolution=config.plane_resolution,
        superresolution=config.superresolution,
        device=str(G.device),
        layers=layer_probe.layers(G),
        notes=notes,
        weights=mark,
        conditioned=config.c_scale != 0,
        head=cached_head(G, mark),
    )
