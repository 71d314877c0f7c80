"""Multi-view consistency at one time: identity_face, chamfer_mean, warp_visible, flicker.

The first three compare the frontal view with one turned by 30 degrees. All views of a person share
one tri-plane, so only rendering and super-resolution can differ. They are stricter than the
published metrics in `published_views`: changes over time and hidden parts do not count, outliers
do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import cos, pi, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from training.camera import Camera
from training.data.times import CLIP_FRAMES
from training.metrics.clip_windows import Stream, draw_codes, random_numbers
from training.metrics.detectors import Detector, face_kind
from training.metrics.geometry import View, chamfer_distance, clouds, flicker, warping_error
from training.metrics.metric_session import Mean, Result, Session
from training.networks.discriminators import resize
from training.networks.generator import Generator, to_uint8


class Scene:
    """N people at one time each, to be rendered from any camera.

    Args:
        G: the generator.
        z: [N, z_dim].
        z_motion: [N, motion_dim].
        t: [N, 1].
        truncation_psi: see `Generator.mapping`; its camera is the frontal one.
    """

    def __init__(
        self, G: Generator, z: Tensor, z_motion: Tensor, t: Tensor, truncation_psi: float = 1.0
    ) -> None:
        self.G = G
        with torch.no_grad():
            self.ws = G.mapping(z, truncation_psi=truncation_psi)
            self.planes = G.planes(self.ws, z_motion, t)

    @torch.no_grad()
    def picture(self, camera: Camera) -> Tensor:
        """Final pictures [N, 3, H, W], about -1 to 1."""
        raw = self.G.render(self.planes, self.ws, self._cameras(camera))
        return self.G.superresolve(raw, self.ws)

    @torch.no_grad()
    def view(self, camera: Camera, side: int, picture: Tensor | None = None) -> View:
        """Pictures resized to `side` pixels, and depth rendered at that resolution. `picture` is
        the camera's, if it was already rendered."""
        picture = self.picture(camera) if picture is None else picture
        cameras = self._cameras(camera)
        geometry = self.G.render(self.planes, self.ws, cameras, resolution=side)
        image = (resize(picture, side) * 0.5 + 0.5).clamp(0, 1)
        return View(image, geometry.depth, geometry.opacity, cameras)

    def _cameras(self, camera: Camera) -> Tensor:
        numbers = torch.from_numpy(camera.numbers()).to(self.planes.device)
        return numbers.expand(len(self.planes), -1)


def draw_scene(session: Session, numbers: Sequence[int]) -> Scene:
    """People with these numbers, each at one of the 16 times of a clip's frames."""
    G, config = session.G, session.config
    codes = draw_codes(G, config.seed, numbers)
    frames = [random_numbers(config.seed, Stream.TIMES, k).integers(CLIP_FRAMES) for k in numbers]
    t = torch.tensor(frames, dtype=torch.float32, device=G.device)[:, None] / (CLIP_FRAMES - 1)
    return Scene(G, codes.z, codes.z_motion, t, config.truncation_psi)


class Pair:
    """Front and side views of people, rendered when a metric first needs them.

    Args:
        scene: the people.
        yaw: of the side, degrees.
        side: of the views, pixels.
    """

    def __init__(self, scene: Scene, yaw: float, side: int) -> None:
        self._scene, self._side = scene, side
        self._cameras = Camera.orbit(), Camera.orbit(yaw)

    @cached_property
    def pictures(self) -> list[Tensor]:
        """Both views as the generator makes them, [N, 3, H, W], about -1 to 1."""
        return [self._scene.picture(camera) for camera in self._cameras]

    @cached_property
    def views(self) -> list[View]:
        """Both views with their depth."""
        both = zip(self._cameras, self.pictures, strict=True)
        return [self._scene.view(camera, self._side, picture) for camera, picture in both]


def measure_views(session: Session, names: list[str]) -> dict[str, Result]:
    """Those of identity_face, chamfer_mean and warp_visible that are named, from the same views.

    Raises:
        MetricsError, DetectorError: when the face recogniser is missing or cannot be used.
    """
    config = session.config
    measures: dict[str, Callable[[Pair], Tensor]] = {
        "chamfer_mean": _chamfer,
        "warp_visible": lambda pair: warping_error(*pair.views, tolerance=config.tolerance),
    }
    if "identity_face" in names:
        recogniser = session.detector(config.face_recogniser, face_kind(config.face))
        measures["identity_face"] = lambda pair: cosine(recogniser, *map(to_uint8, pair.pictures))
    means = {name: Mean() for name in names}
    for numbers in session.batches(config.views, "views"):
        pair = Pair(draw_scene(session, numbers), config.yaw, config.side)
        for name, mean in means.items():
            mean.add(measures[name](pair))
    return {name: mean.result(session.world, yaw=config.yaw) for name, mean in means.items()}


def _chamfer(pair: Pair) -> Tensor:
    both = zip(*map(clouds, pair.views), strict=True)
    return torch.tensor([chamfer_distance(front, side) for front, side in both])


def cosine(recogniser: Detector, first: Tensor, second: Tensor) -> Tensor:
    """Similarity of the faces in pictures uint8 [N, 3, H, W]: cosines [N] from -1 to 1."""
    return F.cosine_similarity(recogniser(first), recogniser(second))


def measure_orbits(session: Session, names: list[str]) -> dict[str, Result]:
    """flicker."""
    config = session.config
    mean = Mean()
    cameras = small_orbit(config.orbit_angle, config.orbit_frames)
    for numbers in session.batches(config.orbits, "orbits"):
        scene = draw_scene(session, numbers)
        views = [scene.view(camera, config.side) for camera in cameras]
        mean.add(flicker(views, config.tolerance))
    result = mean.result(session.world, angle=config.orbit_angle, frames=config.orbit_frames)
    return dict.fromkeys(names, result)


def small_orbit(angle: float, frames: int) -> list[Camera]:
    """Cameras evenly on a circle around the frontal one.

    Args:
        angle: radius of the circle, degrees of yaw and of pitch.
        frames: number of cameras; the last is next to the first.
    """
    turns = [2 * pi * k / frames for k in range(frames)]
    return [Camera.orbit(angle * cos(turn), angle * sin(turn)) for turn in turns]
