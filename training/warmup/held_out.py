"""Measures how well a supervised generator reproduces people, motions and cameras that it was not
trained on.

The data set holds the numbers that describe its people and motions, as written by
`training.synthetic`; with landmarks (`--landmarks`), the region of eyes and mouth is also measured
separately, in frontal views.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from skimage.metrics import structural_similarity
from torch import Tensor

from training.checkpoint import CheckpointError, load_generator
from training.data import DatasetError
from training.data.picture_files import resize
from training.data.sampling import open_source
from training.data.source import Annotations, Pictures
from training.distributed import training_device
from training.networks.generator import Frame, Generator
from training.perceptual import flip
from training.terminal import parsed, run_command
from training.train.step import Draws
from training.warmup.known_codes import Codes

_PROG = "python -m training.warmup.held_out"
_EYES_AND_MOUTH = slice(36, 68)
_MARGIN = 0.02
"""Margin around the landmarks, as a fraction of the picture."""


@torch.inference_mode()
def measure(G: Generator, codes: Codes, path: Path, count: int = 24) -> dict[str, float]:
    """Compares frames of a data set with the generator's for the same numbers and cameras.

    Args:
        G: the generator.
        codes: the bases of its codes.
        path: data set of held-out people.
        count: clips to measure, spread over the set; the first and the last frame of each.

    Returns:
        Means by name: PSNR of the whole picture and of the box around eyes and mouth in dB, of the
        final picture and of the raw one; structural similarity (Wang et al., 2004), 1 for equal
        pictures; perceptual distance (FLIP, Andersson et al., 2020, 0 to 1) if its package is
        installed; depth error where the head is opaque, in world units and percent of the box;
        detail as a fraction of the ground truth's (see `detail`); and the fraction of the true
        change between the frames that is explained, overall and around eyes and mouth. Metrics that
        need missing data are absent.

    Raises:
        DatasetError: when the data set cannot be used.
    """
    source = open_source(path)
    draws = Draws((0,), G.device)
    found: dict[str, list[float]] = {}
    for clip in np.linspace(0, len(source.names) - 1, min(count, len(source.names))).astype(int):
        notes = source.annotations(int(clip))
        if notes.identity is None or notes.motion is None or notes.t is None:
            raise DatasetError(f"{path} holds no identity, motion and times of its clips.")
        frames = [0, notes.frame_count - 1]
        frame = _generate(G, codes, notes, frames, draws)
        for name, value in _compare(G, notes, frames, source.pictures(int(clip), frames), frame):
            found.setdefault(name, []).append(value)
    means = {name: sum(values) / len(values) for name, values in found.items()}
    means["detail"] /= max(means.pop("true detail"), 1e-9)
    for name in [name for name in means if name.startswith("changed")]:
        missed = means.pop(name.replace("changed", "missed"))
        means[name.replace("changed", "change explained")] = 1 - missed / max(means.pop(name), 1e-9)
    return {f"held out/{name}": value for name, value in means.items()}


def _generate(
    G: Generator, codes: Codes, notes: Annotations, frames: list[int], draws: Draws
) -> Frame:
    """The generator's version of frames of a clip."""

    def tensor(numbers: np.ndarray | None) -> Tensor:
        return torch.from_numpy(np.asarray(numbers)).to(G.device)

    count = len(frames)
    z = codes.z(tensor(notes.identity)[None], draws.normal(1, G.config.z_dim))
    z_motion = codes.z_motion(tensor(notes.motion)[None], draws.normal(1, G.config.motion_dim))
    t = None if notes.t is None else tensor(notes.t[frames])[:, None]
    c = tensor(notes.cameras[frames])
    return G(z.expand(count, -1), z_motion.expand(count, -1), t, c)


def _compare(
    G: Generator, notes: Annotations, frames: list[int], truth: Pictures, frame: Frame
) -> list[tuple[str, float]]:
    """Differences of one clip's frames by name."""
    found: list[tuple[str, float]] = []
    sides = {"": frame.image, "raw ": frame.raw.image}
    for prefix, image in sides.items():
        side = image.shape[-1]
        target = np.stack([resize(picture, side) for picture in truth.images])
        picture = image.clamp(-1, 1).add(1).mul(127.5).permute(0, 2, 3, 1).cpu().numpy()
        errors = (picture - target) / 255  # [n, H, W, 3]
        found.append((f"{prefix}PSNR dB", _psnr(errors)))
        changes = [("", errors[1:] - errors[:-1], np.diff(target.astype(np.float64), axis=0) / 255)]
        if notes.landmarks is not None and all(_is_in_front(notes.cameras[k]) for k in frames):
            boxes = [_box(notes.landmarks[k], side) for k in frames]
            psnr = [_psnr(error[box]) for error, box in zip(errors, boxes, strict=True)]
            found.append((f"{prefix}PSNR eyes and mouth dB", sum(psnr) / len(psnr)))
            box = (slice(None), *boxes[0])
            changes.append((" eyes and mouth", changes[0][1][box], changes[0][2][box]))
        if not prefix:
            found += [("detail", detail(picture)), ("true detail", detail(target))]
            found += [(f"missed{where}", float(np.square(e).sum())) for where, e, _ in changes]
            found += [(f"changed{where}", float(np.square(d).sum())) for where, _, d in changes]
            similar = [
                structural_similarity(a, b.astype(np.float32), channel_axis=-1, data_range=255)
                for a, b in zip(picture, target, strict=True)
            ]
            found.append(("structural similarity", float(np.mean(similar))))
            pairs = zip(target / 255, picture / 255, strict=True)
            distances = [d for d in (flip(true, ours) for true, ours in pairs) if d is not None]
            if distances:
                found.append(("perceptual distance FLIP", sum(distances) / len(distances)))
    if truth.depth is not None and truth.mask is not None:
        error = _depth_error(frame, truth)
        if math.isfinite(error):
            found.append(("depth error", error))
            found.append(("depth error % of box", 100 * error / G.config.rendering.box_warp))
    return found


def detail(pictures: np.ndarray) -> float:
    """Mean absolute difference between the brightness of pictures [n, H, W, 3], of any range, and
    its average over 5 x 5 pixels."""
    gray = torch.from_numpy(pictures.astype(np.float32)).mean(dim=-1)[:, None]
    smooth = F.avg_pool2d(gray, 5, stride=1)
    return float((gray[..., 2:-2, 2:-2] - smooth).abs().mean())


def _is_in_front(camera: np.ndarray) -> bool:
    """Whether a camera [25] is at most 60 degrees from the front."""
    position = camera[:16].reshape(4, 4)[:3, 3]
    return bool(position[2] >= 0.5 * np.linalg.norm(position))


def _psnr(error: np.ndarray) -> float:
    """PSNR in dB from errors of values in a range of 1."""
    return -10 * math.log10(max(float(np.square(error).mean()), 1e-12))


def _box(landmarks: np.ndarray, side: int) -> tuple[slice, slice]:
    """Rows and columns around the eyes and the mouth."""
    points = landmarks[_EYES_AND_MOUTH]
    low = (np.clip(points.min(axis=0) - _MARGIN, 0, 1) * side).astype(int)
    high = (np.clip(points.max(axis=0) + _MARGIN, 0, 1) * side).astype(int) + 1
    return slice(low[1], high[1]), slice(low[0], high[0])


def _depth_error(frame: Frame, truth: Pictures) -> float:
    """Mean absolute depth error where both heads are opaque; NaN if they never are."""
    size = frame.raw.depth.shape[-2:]
    depth = torch.from_numpy(np.asarray(truth.depth))[:, None].to(frame.raw.depth.device)
    mask = torch.from_numpy(np.asarray(truth.mask))[:, None].to(depth).div(255)
    depth = F.interpolate(depth, size, mode="nearest-exact")
    opaque = (F.interpolate(mask, size, mode="area") > 0.999) & (frame.raw.opacity > 0.5)
    return (frame.raw.depth - depth).abs()[opaque].mean().item()


@dataclass(frozen=True)
class HeldOutConfig:
    """Measure a supervised generator on held-out people."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a warm-up run, or a generator's file with `codes.safetensors` beside it."""
    data: Path
    """Data set of people not used in training, made by `training.synthetic`."""
    count: int = 48
    """Number of clips to measure."""
    device: str = "cpu"
    """Where to compute: auto, cpu, cuda or cuda:1."""
    json: bool = False
    """Print JSON instead of lines."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status is 1 if the user must fix something."""
    config = parsed(HeldOutConfig, _PROG, arguments, "runs/warmup --data held_out.zip")
    generator = config.run / "generator.safetensors" if config.run.is_dir() else config.run
    try:
        G = load_generator(generator, device=training_device(config.device))
        codes = Codes.load(generator.with_name("codes.safetensors"), G)
        found = measure(G, codes, config.data, config.count)
    except (CheckpointError, DatasetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if config.json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name.removeprefix('held out/'):36} {value:8.4f}")
    return 0


if __name__ == "__main__":
    run_command(main)
