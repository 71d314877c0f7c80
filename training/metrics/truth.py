"""Depth error against ground truth, for supervised models on data sets with depth and masks.

An adversarially trained model cannot reproduce a given person of the data set. A supervised one
can, as its codes are functions of the numbers that describe the person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.camera_numbers import require_cameras
from training.data.picture_files import pick
from training.data.source import Annotations, ClipError
from training.data.times import CLIP_FRAMES
from training.metrics.clip_windows import Stream, random_numbers
from training.metrics.geometry import depth_error
from training.metrics.metric_session import Mean, MetricsError, Result, Session
from training.networks.generator import Generator
from training.warmup.known_codes import Codes

CodesOf = Callable[[Annotations], tuple[Tensor, Tensor]]
"""Maps a clip's annotations to the z [z_dim] and z_motion [motion_dim] that reproduce it."""


def supervised_codes(path: Path, G: Generator, seed: int) -> CodesOf:
    """Codes from the bases that a supervised warm-up saved.

    The component of a code that no number determines is random, as in training. Without it the code
    would be shorter, and the mapping network, which normalises codes, would show a more extreme
    person.

    Args:
        path: safetensors file with `identity` [numbers, z_dim] and `motion` [numbers, motion_dim].
        G: the generator.
        seed: of that component, which is always the same for a person.

    Raises:
        MetricsError: when it cannot be used.
    """
    try:
        bases = Codes.load(path, G)
    except ValueError as error:
        raise MetricsError(str(error)) from error

    def codes(notes: Annotations) -> tuple[Tensor, Tensor]:
        if notes.identity is None or notes.motion is None:
            raise MetricsError(
                "The data set has no identity and motion numbers from which to make codes."
            )
        rng = random_numbers(seed, Stream.CODES, 0)
        numbers = torch.from_numpy(notes.identity)[None], torch.from_numpy(notes.motion)[None]
        z, z_motion = (
            torch.from_numpy(rng.standard_normal((1, basis.shape[1]), np.float32)).to(G.device)
            for basis in (bases.identity, bases.motion)
        )
        try:
            return (
                bases.z(numbers[0].to(G.device), z)[0],
                bases.z_motion(numbers[1].to(G.device), z_motion)[0],
            )
        except RuntimeError as error:
            raise MetricsError(f"{path} does not fit the data set: {error}.") from error

    return codes


def measure(session: Session, names: list[str]) -> dict[str, Result]:
    """depth: the mean absolute error of rendered depth within the masks, in one frame of each clip.

    The mapping is conditioned on the frontal camera, as in the supervised warm-up. Unreadable clips
    are left out.

    Raises:
        MetricsError: when codes or depth are missing, or the codes do not match.
        DatasetError: when the data set cannot be used.
    """
    config, source = session.config, session.source
    if config.codes is None:
        raise MetricsError("The codes of the supervised model are missing.")
    codes = supervised_codes(config.codes, session.G, config.seed)
    mean = Mean()
    order = random_numbers(config.seed, Stream.ORDER).permutation(len(source.names))
    for numbers in session.batches(min(config.views, len(order)), "clips with depth"):
        for k in numbers:
            try:
                mean.add(_clip_error(session, codes, int(order[k]), k))
            except ClipError:
                mean.add(torch.tensor([torch.nan]))
    result = mean.result(session.world)
    if result.value is not None:
        percent = 100 * result.value / session.G.config.rendering.box_warp
        result = replace(result, facts={**result.facts, "percent_of_box": percent})
    return dict.fromkeys(names, result)


@torch.no_grad()
def _clip_error(session: Session, codes: CodesOf, clip: int, k: int) -> Tensor:
    """[1]: the error in one random frame."""
    G, source, config = session.G, session.source, session.config
    notes = source.annotations(clip)
    count = notes.frame_count if notes.t is not None else min(notes.frame_count, CLIP_FRAMES)
    frame = int(random_numbers(config.seed, Stream.TRUTH, k).integers(count))
    t = frame / (CLIP_FRAMES - 1) if notes.t is None else float(notes.t[frame])
    require_cameras(notes.cameras[frame : frame + 1], frame)
    pictures = source.pictures(clip, [frame])
    if pictures.depth is None or pictures.mask is None:
        raise MetricsError(f"{source.path} has no depth and masks.")
    side = min(config.side, source.resolution)
    truth = torch.from_numpy(pick(pictures.depth, side).copy())[:, None].to(G.device)
    mask = torch.from_numpy(pick(pictures.mask, side) > 127)[:, None].to(G.device)
    z, z_motion = (code[None].to(G.device) for code in codes(notes))
    c = torch.from_numpy(notes.cameras[frame : frame + 1]).to(G.device)
    ws = G.mapping(z, truncation_psi=config.truncation_psi)
    planes = G.planes(ws, z_motion, torch.full((1, 1), t, device=G.device))
    return depth_error(G.render(planes, ws, c, resolution=side).depth, truth, mask)
