"""Writes named directions into the file of a generator that was trained on synthetic heads.
Each direction of `training.warmup.meanings` is first tried on people. Only those that change the
picture in the intended region and nowhere else, and monotonically, are written. The weights do not
change.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from skimage.draw import polygon2mask

from training import named_directions
from training.camera import Camera
from training.checkpoint import CheckpointError, annotate, load_generator
from training.named_directions import NamedDirection, decoded, encoded, stepped
from training.networks.generator import Generator
from training.synthetic.expression import MOTION_DIM
from training.synthetic.head_model import HeadModel
from training.synthetic.ict import load_model
from training.synthetic.traits import IDENTITY_DIM
from training.terminal import parsed, run_command
from training.warmup.known_codes import Codes
from training.warmup.meanings import (
    POSES,
    TRAITS,
    Pose,
    Region,
    Shape,
    Trait,
    landmarks,
    pose_direction,
    trait_direction,
)

_PROG = "python -m training.warmup.name_directions"
_PEOPLE = 8
_AMOUNTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
_LEAST_RATIO, _LEAST_CHANGE = 3.0, 0.01
_SAME_HUE = 0.03
"""Largest difference in red, green or blue, as fractions of their sum, at which a pixel counts as
skin."""
_SAMPLES = 12
"""Samples along a ray in each pass."""
_SLACK = 0.03
"""Fraction of the whole change that a step may go back, as effects saturate at the ends."""


@dataclass(frozen=True)
class People:
    """People to try directions on, each with a motion."""

    ws: torch.Tensor
    """[n, num_ws, w_dim]."""
    motions: np.ndarray
    """[n, motion_dim]."""
    marks: np.ndarray
    """Their landmarks at rest [n, 68, 2], 0 to 1 across the picture."""

    @classmethod
    def draw(cls, G: Generator, codes: Codes, head: HeadModel) -> People:
        """The same people for every generator with these codes."""
        rng = np.random.default_rng(8)
        z = rng.standard_normal((_PEOPLE, G.config.z_dim)).astype(np.float32)
        motions = rng.standard_normal((_PEOPLE, G.config.motion_dim)).astype(np.float32)
        # The mapping normalises z, so a person's numbers are those of the normalised code.
        lengths = np.sqrt(np.square(z).mean(axis=1, keepdims=True))
        numbers = z / lengths @ codes.identity.cpu().numpy().T
        marks = np.stack([landmarks(head, u, Camera.orbit()) for u in numbers])
        return cls(G.mapping(torch.from_numpy(z).to(G.device)), motions, marks)


@dataclass(frozen=True)
class Effect:
    """Effect of a direction on pictures of people, from one end to the other."""

    inside: float
    """Mean absolute change in its region, 0 to 1."""
    outside: float
    """Mean absolute change in the rest of the head; NaN if the region is the whole picture."""
    monotone: int
    """Number of people whose pictures change monotonically from one end to the other."""

    @property
    def ratio(self) -> float:
        return self.inside / max(self.outside, 1e-9)

    @property
    def passes(self) -> bool:
        is_local = bool(np.isnan(self.outside)) or self.ratio >= _LEAST_RATIO
        return is_local and self.inside >= _LEAST_CHANGE and self.monotone == _PEOPLE


def effect(G: Generator, people: People, direction: NamedDirection, region: Region) -> Effect:
    """Tries a direction on people."""
    shown = [_pictures(G, people, direction, amount) for amount in _AMOUNTS]
    pictures = np.stack([picture for picture, _ in shown])  # [A, n, H, W, 3]
    head = np.max([opacity for _, opacity in shown], axis=0) > 0.5  # [n, H, W]
    change = np.abs(pictures[-1] - pictures[0]).mean(axis=-1)
    inside, outside, monotone = [], [], 0
    for k, marks in enumerate(people.marks):
        where = _mask(marks, region, head.shape[-1]) & head[k]
        if region == "skin":
            where = _like_cheeks(pictures[len(_AMOUNTS) // 2, k], marks) & head[k]
        inside.append(change[k][where].mean())
        outside.append(change[k][head[k] & ~where].mean() if region else np.nan)
        monotone += _goes_one_way(pictures[:, k][:, where])
    return Effect(float(np.mean(inside)), float(np.mean(outside)), monotone)


def _pictures(
    G: Generator, people: People, direction: NamedDirection, amount: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [n, H, W, 3] in 0..1 and opacities [n, H, W] with a step along the direction:
    motions at the end of the clip, people at rest."""
    ws, motions, vector = people.ws, people.motions, decoded(direction.vector)
    moves = direction.code == "motion"
    if moves:
        base = decoded(direction.base)
        motions = np.stack([stepped(code, vector, amount, base) for code in motions])
    else:
        ws = ws + amount * torch.from_numpy(vector).to(ws)
    count = len(ws)
    t = torch.full((count, 1), float(moves), device=G.device)
    planes = G.planes(ws, torch.from_numpy(motions).to(G.device), t)
    c = torch.from_numpy(Camera.orbit().numbers())[None].to(G.device).expand(count, -1)
    raw = G.render(planes, ws, c, depth_samples=_SAMPLES, importance_samples=_SAMPLES)
    image = G.superresolve(raw, ws).clamp(-1, 1).add(1).div(2)
    opacity = torch.nn.functional.interpolate(raw.opacity, image.shape[-2:])
    return image.permute(0, 2, 3, 1).cpu().numpy(), opacity[:, 0].cpu().numpy()


def _goes_one_way(pictures: np.ndarray) -> bool:
    """Whether each of the pictures [A, P, 3] is closer to the last one than the picture before,
    measured along the straight line from the first."""
    way = (pictures[-1] - pictures[0]).ravel()
    places = [float((picture - pictures[0]).ravel() @ way) for picture in pictures]
    return bool((np.diff(places) > -_SLACK * places[-1]).all())


def _mask(marks: np.ndarray, region: Region, side: int) -> np.ndarray:
    """Where a region lies, bool [side, side], from landmarks [68, 2]."""
    face = [*range(17), *range(26, 16, -1)]
    chin, eye_line = marks[8, 1], marks[36:48, 1].mean()
    everywhere = np.ones((side, side), bool)
    below = np.arange(side)[:, None] / side + np.zeros((1, side))
    boxes = {
        "mouth": [(48, 68, 0.04)],
        "eyes": [(36, 42, 0.02), (42, 48, 0.02)],
        "brows": [(17, 22, 0.04), (22, 27, 0.04)],
        "glasses": [(36, 42, 0.06), (42, 48, 0.06)],
    }
    if region in boxes:
        return np.any([_box(marks[a:b], margin, side) for a, b, margin in boxes[region]], axis=0)
    if region == "jaw":
        return _box(np.concatenate([marks[48:68], marks[6:11]]), 0.03, side)
    outline = polygon2mask((side, side), marks[face][:, ::-1] * side)
    if region == "beard":
        return outline & (below > marks[33, 1]) | _box(marks[5:12], 0.03, side)
    if region == "hair":
        return ~outline & (below < chin) | (below < eye_line - 0.14)
    if region == "shirt":
        return below > chin + 0.06
    return everywhere


def _like_cheeks(picture: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Where a picture [side, side, 3] has the hue of the cheeks: skin, on a bald head as well."""
    side = len(picture)
    hue = picture / picture.sum(axis=-1, keepdims=True).clip(1e-3)
    cheeks = _box(marks[[1, 15, 2, 14, 29]], 0.0, side)
    cheek = np.median(hue[cheeks], axis=0)
    return np.abs(hue - cheek).max(axis=-1) < _SAME_HUE


def _box(points: np.ndarray, margin: float, side: int) -> np.ndarray:
    """A box around points [P, 2], with a margin as a fraction of the picture."""
    low = ((points.min(axis=0) - margin).clip(0, 1) * side).astype(int)
    high = ((points.max(axis=0) + margin).clip(0, 1) * side).astype(int) + 1
    found = np.zeros((side, side), bool)
    found[low[1] : high[1], low[0] : high[0]] = True
    return found


def tried(G: Generator, head: HeadModel) -> Iterator[tuple[NamedDirection, Effect]]:
    """All directions with their effects, one after the other.

    Raises:
        ValueError: when the meaning of the generator's codes is not known.
    """
    codes = Codes.draw(IDENTITY_DIM, MOTION_DIM, G)
    if not codes.are_read_by(G):
        raise ValueError(
            "This generator was not made by training.warmup on synthetic heads, so what its codes "
            "mean is not known."
        )
    people = People.draw(G, codes, head)
    for meaning in (*POSES, *TRAITS):
        direction = _named(G, codes, head, meaning)
        yield direction, effect(G, people, direction, meaning.region)


def _named(
    G: Generator, codes: Codes, head: HeadModel, meaning: Pose | Trait | Shape
) -> NamedDirection:
    if isinstance(meaning, Pose):
        vector, base = pose_direction(codes, meaning)
        return NamedDirection(meaning.name, "motion", encoded(vector), encoded(base), meaning.about)
    vector = trait_direction(G, codes, head, meaning)
    return NamedDirection(meaning.name, "person", encoded(vector), about=meaning.about)


@dataclass(frozen=True)
class NamingConfig:
    """Write named directions into a generator's file, if they do what their names say."""

    generator: Annotated[Path, tyro.conf.Positional]
    """A generator that `training.warmup` made on synthetic heads, as .safetensors."""
    model: Path
    """The face model that its people were drawn with: ICT-FaceKit's folder, or the compact file."""
    dry: bool = False
    """Only print the effects of the directions."""


@torch.inference_mode()
def name_directions(config: NamingConfig) -> None:
    """Tries all directions, prints what they do, and writes those that pass.

    Raises:
        CheckpointError: when the generator cannot be read or written.
        ValueError: when the face model cannot be used, or the generator is another one.
    """
    G, head = load_generator(config.generator), HeadModel(load_model(config.model))
    passed: list[NamedDirection] = []
    print(f"{'direction':16} {'inside':>8} {'outside':>8} {'ratio':>6} {'one way':>8}")
    for direction, found in tried(G, head):
        print(
            f"{direction.name:16} {found.inside:8.4f} {found.outside:8.4f} {found.ratio:6.1f} "
            f"{found.monotone:4} of {_PEOPLE}{'' if found.passes else '  left out'}",
            flush=True,
        )
        if found.passes:
            passed.append(direction)
    if not config.dry:
        annotate(config.generator, {named_directions.KEY: named_directions.to_text(passed)})
        print(f"{config.generator} has {len(passed)} named directions.")


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status is 1 if the user must fix something."""
    config = parsed(NamingConfig, _PROG, arguments, "demo.safetensors --model ICT-FaceKit")
    try:
        name_directions(config)
    except (CheckpointError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    run_command(main)
