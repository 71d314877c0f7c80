"""Measures how well people match their photos, how they look from other sides, and how they move.

    python -m benchmarks.portraits photo.jpg other.png --output likeness

Each photo is inverted as `visualizer.py invert` does, first by codes alone, then with tuned
weights. Figures go to the terminal and to figures.jsonl, pictures into the folder: the photo, the
person with its expression and at rest, at rest from four sides, then some motions over time. If it
is interrupted, run it again to continue.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
import tyro
from PIL import Image
from scipy import ndimage
from torch import Tensor

from training.camera import Camera
from training.checkpoint import load_generator
from training.networks.generator import Generator, RawRender
from training.terminal import run_command
from viz.portrait.camera.camera_fit import fit_camera
from viz.portrait.camera.face_template import FaceTemplate
from viz.portrait.camera.self_calibration import find_template
from viz.portrait.faces.face import Face
from viz.portrait.faces.finding import find_faces
from viz.portrait.faces.photo import read_photo
from viz.portrait.inversion.code_search import planes
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.inverting import FittedPerson, Inversion
from viz.portrait.inversion.photo_target import FacePhoto, PhotoTarget
from viz.portrait.tracks.expressions import eye_opening, face_points, mouth_opening
from viz.portrait.unfinished_work import keep, kept
from viz.render.latents import z_motion_from_seed
from viz.state import files
from viz.state.jobs import finish

_YAWS = (-40, -20, 20, 40)
_TIMES = 8
_SEEN, _SOLID = 0.1, 0.5
"""Opacities above which a pixel counts as visible, and as solid."""
_OWN_PEOPLE = 6
"""Number of the model's own people whose motions give the usual size."""
_KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class PortraitsOptions:
    """What is inverted."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Photos of one face each."""
    output: Path
    """Folder for figures and pictures."""
    checkpoint: str = ""
    """Model to use; the bundled one if not given."""
    motions: tuple[int, ...] = (279, 419, 28, 30)
    """Seeds of the motions to show; for the bundled model a laugh, an oh, a blink and speech."""
    inversion: InversionOptions = field(default_factory=InversionOptions)
    """Options of the inversion."""


class Portraits:
    """Inverts photos and measures the results."""

    def __init__(self, options: PortraitsOptions) -> None:
        self.options = options
        self.G = load_generator(Path(options.checkpoint or files.default_checkpoint()))
        self.template: FaceTemplate = finish(find_template(self.G))
        dim = self.G.config.motion_dim
        self.motions = [torch.from_numpy(z_motion_from_seed(k, dim))[None] for k in options.motions]
        self.usual = self._usual_sizes()

    def run(self, photo: Path, tuning: bool) -> None:
        """Inverts one photo, unless that is done already."""
        name = f"{photo.stem}-{'tuned' if tuning else 'codes'}"
        sheet = self.options.output / f"{name}.png"
        if sheet.exists():
            return
        picture = read_photo(photo).pixels
        face = find_faces(picture)[0]
        options = replace(self.options.inversion, tuning=tuning)
        about = {
            "photo": hashlib.sha256(photo.read_bytes()).hexdigest(),
            "options": msgspec.json.encode(options).decode(),
        }
        path = sheet.with_suffix(".unfinished")
        before = sheet.with_name(f"{photo.stem}-codes.unfinished")
        codes = about | {"options": msgspec.json.encode(replace(options, tuning=False)).decode()}
        state = kept(path, about) or (kept(before, codes) if tuning else None)
        seen = FacePhoto(picture, face.landmarks, fit_camera(self.template, face.landmarks))
        made = Inversion(self.G, [seen], options, state)
        begun = time.monotonic(), time.process_time()
        kept_at = begun[0]
        for step in made.run():
            if step.stage != "comparing" and time.monotonic() - kept_at > _KEEP_SECONDS:
                keep(path, made.state(), about)
                kept_at = time.monotonic()
        seconds, cpu = time.monotonic() - begun[0], time.process_time() - begun[1]
        keep(path, made.state(), about)
        person = made.person()
        config = self.G.config
        size, on_white = config.image_resolution, config.rendering.white_background
        target = PhotoTarget.of(replace(seen, fit=person.fit), size, on_white)
        figures, rows = self._examined(person, target.picture)
        figures = {"person": name, "seconds": seconds, "cpu": cpu, **person.figures, **figures}
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
        print(json.dumps(rounded), flush=True)
        with (self.options.output / "figures.jsonl").open("a") as file:
            file.write(json.dumps(rounded) + "\n")
        joined = torch.cat([torch.cat(row, dim=-1) for row in rows], dim=-2)[0]
        pixels = (joined.clamp(-1, 1) * 127.5 + 127.5).round().byte().permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(sheet)

    @torch.no_grad()
    def _examined(
        self, person: FittedPerson, photo: Tensor
    ) -> tuple[dict[str, Any], list[list[Tensor]]]:
        """Figures of a person, and rows of pictures [1, 3, H, W]."""
        G = self._tuned(person)
        ws, motion, c = person.ws[None], person.motion[None], person.fit.camera
        still = torch.zeros_like(motion)
        (shown, _), (rest, _) = (_picture(G, ws, code, c) for code in (motion, still))
        row, figures = [photo, shown, rest], dict[str, Any]()
        floating, holes = [], []
        for yaw in _YAWS:
            picture, raw = _picture(G, ws, still, Camera.orbit(yaw=yaw))
            row.append(picture)
            seen, solid = (raw.opacity[0, 0].numpy() > least for least in (_SEEN, _SOLID))
            parts = np.zeros(seen.shape, np.int32)
            ndimage.label(seen, output=parts)
            floating.append(int(seen.sum() - np.bincount(parts.ravel())[1:].max(initial=0)))
            filled = np.zeros_like(solid)
            ndimage.binary_fill_holes(solid, output=filled)
            holes.append(int((filled & ~solid).sum()))
        figures |= {"floating": floating, "holes": holes}
        rows = [[*row, _picture(G, ws, motion, Camera.orbit(yaw=30))[0]]]
        neutral = _points(rest)
        if neutral is not None:
            figures["mouth_at_rest"] = float(mouth_opening(neutral))
            figures["eyes_at_rest"] = float(eye_opening(neutral))
        sizes, least = [], []
        for code, usual in zip(self.motions, self.usual, strict=True):
            times = torch.arange(1, _TIMES + 1) / _TIMES
            rows.append([_picture(G, ws, code * float(t), c)[0] for t in times])
            moved = [_points(picture) for picture in rows[-1]]
            least.append(min(float(eye_opening(p)) for p in moved if p is not None))
            sizes.append(round(_distance(moved[-1], neutral) / usual, 3))
        figures |= {"motion_sizes": sizes, "least_eyes": [round(x, 3) for x in least]}
        return figures, rows

    def _tuned(self, person: FittedPerson) -> Generator:
        """The generator with a person's weights."""
        if person.tuned is None:
            return self.G
        G = load_generator(Path(self.options.checkpoint or files.default_checkpoint()))
        for name, change in person.tuned.items():
            G.get_parameter(name).data += change.float()
        return G

    @torch.no_grad()
    def _usual_sizes(self) -> list[float]:
        """Mean displacement of the landmarks of the model's own people by each motion, as a
        fraction of the picture's side."""
        draws = torch.Generator().manual_seed(0)
        found: list[list[float]] = [[] for _ in self.motions]
        front = Camera.orbit()
        for _ in range(_OWN_PEOPLE):
            z = torch.randn((1, self.G.config.z_dim), generator=draws)
            ws = self.G.mapping(z, truncation_psi=0.8)
            neutral = _points(_picture(self.G, ws, torch.zeros_like(self.motions[0]), front)[0])
            for sizes, code in zip(found, self.motions, strict=True):
                sizes.append(_distance(_points(_picture(self.G, ws, code, front)[0]), neutral))
        return [float(np.nanmean(sizes)) for sizes in found]


def _picture(G: Generator, ws: Tensor, code: Tensor, c: Camera) -> tuple[Tensor, RawRender]:
    raw = G.render(planes(G, ws, code), ws, torch.from_numpy(c.numbers())[None])
    return G.superresolve(raw, ws), raw


def _points(picture: Tensor) -> np.ndarray | None:
    """Points of the face in a picture [1, 3, S, S], as fractions of its side; None without a
    face."""
    faces: list[Face] = find_faces(picture[0].clamp(-1, 1) * 0.5 + 0.5)
    return face_points(faces[0]) / picture.shape[-1] if faces else None


def _distance(points: np.ndarray | None, others: np.ndarray | None) -> float:
    if points is None or others is None:
        return float("nan")
    return float(np.linalg.norm(points - others, axis=1).mean())


def tasks(options: PortraitsOptions) -> Iterator[tuple[Path, bool]]:
    """Photos, and whether to tune weights."""
    for tuning in (False, True) if options.inversion.tuning else (False,):
        for photo in options.photos:
            yield photo, tuning


def main(options: PortraitsOptions) -> int:
    options.output.mkdir(parents=True, exist_ok=True)
    portraits = Portraits(options)
    for photo, tuning in tasks(options):
        portraits.run(photo, tuning)
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(PortraitsOptions, prog="python -m benchmarks.portraits")))
