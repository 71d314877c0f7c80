"""Sliced Wasserstein distance of Laplacian-pyramid patches: pictures compared without a network.

Karras et al., 2018 (arXiv 1710.10196), section 5: patches of 7 x 7 pixels from every level of the
pyramids of real and of generated pictures are projected on random directions, and the projections'
distributions compared. A small distance on a level says that the pictures look alike at its scale.
Here both sets are normalised by the real one's mean and deviation of each colour, not each by its
own, so that wrong colours and contrast count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from training.data.sampling import ClipDataset
from training.metrics.clip_windows import Stream, draw_codes, random_numbers
from training.metrics.distribution import ahead, cache_path, write_tensors
from training.metrics.metric_session import MetricsError, Result, Session
from training.networks.discriminators import resize
from training.networks.generator import to_uint8

CACHE_VERSION = 1
"""Increased whenever the computation of the statistics changes."""
PATCH = 7
"""Side of a patch, pixels."""
PATCHES = 64
"""Patches of each level of a picture."""
DIRECTIONS = 128
"""Directions that patches are projected on."""
QUANTILES = 2048
"""Places at which the projections' distributions are compared."""
COARSEST = 16
"""Side of the last level, pixels; the one before the first that would be smaller or odd."""
_LEAST_DEVIATION = 1e-3
"""Smallest deviation of a colour, where 2 is from black to white: a quarter of a step of 8-bit
pictures."""
_AT_ONCE = 2**24
"""Projections computed at once."""


@dataclass(frozen=True)
class Level:
    """Stored statistics of the real pictures' patches at one level."""

    mean: Tensor
    """Mean of each colour [3]."""
    deviation: Tensor
    """Standard deviation of each colour [3], positive."""
    quantiles: Tensor
    """Quantiles of the projections of normalised patches, rising [DIRECTIONS, QUANTILES]."""

    def normalised(self, patches: Tensor) -> Tensor:
        """patches [M, 3, P] -> [M, 3 * P]."""
        return ((patches - self.mean[:, None]) / self.deviation[:, None]).flatten(1)


def measure(session: Session, names: list[str]) -> dict[str, Result]:
    """swd: 1000 times the mean distance over the levels, as published; each level's by its side.

    Raises:
        MetricsError: when the data set is missing or the pictures are too small.
        DatasetError: when it cannot be used.
    """
    real = real_levels(session)
    dataset = open_dataset(session)
    fake = _patches(session, dataset, partial(_generated, session, dataset), "generated pictures")
    distances = {side: 1000 * distance(session, real[side], fake[side]) for side in real}
    value = sum(distances.values()) / len(distances)
    facts = {f"{side}px": found for side, found in distances.items()}
    return {name: Result(value, session.config.pictures, facts=facts) for name in names}


def real_levels(session: Session) -> dict[int, Level]:
    """Statistics of the real pictures by each level's side, in every process; from the cache if
    possible."""
    path = cache_path(
        session,
        "swd",
        version=CACHE_VERSION,
        pictures=session.config.pictures,
        side=open_dataset(session).resolution,
        sizes=[PATCH, PATCHES, DIRECTIONS, QUANTILES, COARSEST],
    )
    kept = _read(path, session)
    # All processes must agree, as some may not see the cache, or see it later.
    if not session.world.any(kept is None) and kept is not None:
        return kept
    dataset = open_dataset(session)
    patches = _patches(session, dataset, partial(real_pictures, session, dataset), "real pictures")
    levels = {side: _level(session, found) for side, found in patches.items()}
    if session.world.first:
        parts = {
            f"{side}.{name}": tensor.cpu()
            for side, level in levels.items()
            for name, tensor in vars(level).items()
        }
        write_tensors(path, parts)
    return levels


def distance(session: Session, real: Level, patches: Tensor) -> float:
    """Mean Wasserstein distance of the projections over all directions, in standard deviations.

    Args:
        session: the measurement; its processes share the directions.
        real: the real pictures' statistics.
        patches: of the pictures to compare [M, 3, PATCH * PATCH].
    """
    own = session.world.share(DIRECTIONS)
    found = quantiles(real.normalised(patches), unit_directions(session)[own.start :: own.step])
    change = (found - real.quantiles[own.start :: own.step]).abs().double().mean(dim=1).sum()
    session.world.sum_([change])
    return change.item() / DIRECTIONS


def quantiles(vectors: Tensor, directions: Tensor) -> Tensor:
    """Quantiles [D, QUANTILES], ascending, of the projections of vectors [M, K] on unit directions
    [D, K]."""
    count = len(vectors)
    middles = (torch.arange(QUANTILES, device=vectors.device) + 0.5) / QUANTILES
    index = (middles * count).long()
    at_once = max(1, _AT_ONCE // count)
    parts = [(d @ vectors.T).sort(dim=1).values[:, index] for d in directions.split(at_once)]
    return torch.cat(parts) if parts else vectors.new_zeros(0, QUANTILES)


def pyramid(pictures: Tensor) -> list[Tensor]:
    """Laplacian pyramid (Burt & Adelson, 1983) of pictures [N, C, H, H], padded by reflection: the
    difference of each level from the next one enlarged, the finest first, then a small picture."""
    levels = []
    while pictures.shape[-1] % 2 == 0 and pictures.shape[-1] >= 2 * COARSEST:
        smaller = _smooth(pictures)[:, :, ::2, ::2]
        spread = torch.zeros_like(pictures)
        spread[:, :, ::2, ::2] = 4 * smaller
        levels.append(pictures - _smooth(spread))
        pictures = smaller
    return [*levels, pictures]


def _smooth(pictures: Tensor) -> Tensor:
    """Convolution with the outer product of [1, 4, 6, 4, 1] / 16."""
    taps = pictures.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = pictures.shape[1]
    kernel = taps.expand(channels, 1, 1, 5)
    x = F.pad(pictures, (2, 2, 2, 2), mode="reflect")
    x = F.conv2d(x, kernel, groups=channels)
    return F.conv2d(x, kernel.transpose(2, 3), groups=channels)


def cut(level: Tensor, places: Tensor) -> Tensor:
    """Patches [N, PATCHES, 3, PATCH * PATCH] of pictures [N, 3, H, W].

    Args:
        level: the pictures.
        places: of the patches, 0..1 from the topmost and leftmost ones [N, PATCHES, 2].
    """
    height, width = level.shape[2:]
    room = torch.tensor([height - PATCH + 1, width - PATCH + 1], device=level.device)
    first = (places * room).long()  # [N, PATCHES, 2]
    steps = torch.arange(PATCH, device=level.device)
    rows = (first[..., 0, None] + steps)[..., :, None]  # [N, PATCHES, PATCH, 1]
    columns = (first[..., 1, None] + steps)[..., None, :]
    index = torch.arange(len(level), device=level.device).reshape(-1, 1, 1, 1)
    found = level[index, :, rows, columns]  # [N, PATCHES, PATCH, PATCH, 3]
    return found.flatten(2, 3).transpose(2, 3)


def _patches(
    session: Session,
    dataset: ClipDataset,
    pictures: Callable[[Sequence[int]], Tensor],
    task: str,
) -> dict[int, Tensor]:
    """Patches of all pictures by level side [pictures * PATCHES, 3, PATCH * PATCH]. The processes
    share the work and get the same result."""
    config, device = session.config, session.G.device
    side = dataset.resolution
    if side < PATCH:
        raise MetricsError(f"swd needs pictures of at least {PATCH} px; these have {side}.")
    count = config.pictures
    empty = pyramid(torch.zeros(1, 3, side, side))
    shape = (count, PATCHES, 3, PATCH * PATCH)
    found = {level.shape[-1]: torch.zeros(shape, device=device) for level in empty}
    for numbers in session.batches(count, task):
        uniform = [random_numbers(config.seed, Stream.PATCHES, k).random for k in numbers]
        places = np.stack([draw((PATCHES, 2), np.float32) for draw in uniform])
        at = torch.from_numpy(places).to(device)
        for level in pyramid(pictures(numbers).to(device).float() / 127.5 - 1):
            found[level.shape[-1]][numbers] = cut(level, at)
    session.world.sum_(found.values())
    return {side: patches.flatten(0, 1) for side, patches in found.items()}


def open_dataset(session: Session) -> ClipDataset:
    """The data set whose sample k provides real picture k, and camera and time of generated picture
    k."""
    config = session.config
    side = min(session.source.resolution, session.G.config.image_resolution)
    return ClipDataset(session.source, side, seed=config.seed, mirror=False, stride=config.stride)


def real_pictures(session: Session, dataset: ClipDataset, numbers: Sequence[int]) -> Tensor:
    """Real pictures uint8 [N, 3, H, W]: the first frame of even samples, the second of odd ones."""
    samples = ahead(dataset.__getitem__, numbers, session.config.batch)
    return torch.stack([sample.images[k % 2] for k, sample in zip(numbers, samples, strict=True)])


@torch.no_grad()
def _generated(session: Session, dataset: ClipDataset, numbers: Sequence[int]) -> Tensor:
    """Generated pictures uint8 [N, 3, H, W], with cameras and times of the real ones."""
    G, config = session.G, session.config
    found = [dataset.cameras(k) for k in numbers]
    c = torch.stack([cameras for cameras, _ in found]).to(G.device)  # [N, 2, 25]
    times = torch.stack([t for _, t in found]).to(G.device)
    each = torch.arange(len(numbers), device=G.device)
    frame = torch.tensor(numbers, device=G.device) % 2
    codes = draw_codes(G, config.seed, numbers)
    ws = G.mapping(codes.z, c[:, 0], truncation_psi=config.truncation_psi)
    raw = G.render(G.planes(ws, codes.z_motion, times[each, frame]), ws, c[each, frame])
    return to_uint8(resize(G.superresolve(raw, ws), dataset.resolution))


def _level(session: Session, patches: Tensor) -> Level:
    mean = patches.mean(dim=(0, 2))
    deviation = patches.std(dim=(0, 2)).clamp_min(_LEAST_DEVIATION)
    plain = Level(mean, deviation, patches.new_zeros(DIRECTIONS, QUANTILES))
    own = session.world.share(DIRECTIONS)
    part = quantiles(plain.normalised(patches), unit_directions(session)[own.start :: own.step])
    plain.quantiles[own.start :: own.step] = part
    session.world.sum_([plain.quantiles])
    return plain


def unit_directions(session: Session) -> Tensor:
    """Unit vectors [DIRECTIONS, 3 * PATCH * PATCH]."""
    rng = random_numbers(session.config.seed, Stream.DIRECTIONS)
    vectors = torch.from_numpy(rng.standard_normal((DIRECTIONS, 3 * PATCH**2), np.float32))
    return F.normalize(vectors).to(session.G.device)


def _read(path: Path, session: Session) -> dict[int, Level] | None:
    """Cached statistics; None if there are no usable ones."""
    try:
        state = load_file(path)
        sides = sorted({int(name.partition(".")[0]) for name in state}, reverse=True)
        parts = ("mean", "deviation", "quantiles")
        levels = {side: Level(*(state[f"{side}.{part}"] for part in parts)) for side in sides}
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    shapes = {(tuple(v.mean.shape), tuple(v.quantiles.shape)) for v in levels.values()}
    if shapes != {((3,), (DIRECTIONS, QUANTILES))}:
        return None
    device = session.G.device
    return {
        side: Level(*(tensor.to(device) for tensor in vars(level).values()))
        for side, level in levels.items()
    }
