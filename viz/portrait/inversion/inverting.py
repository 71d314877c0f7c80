"""Turns photos into a person: all stages, with progress and a state from which to resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Generator as Running
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from training.networks.generator import Generator, to_uint8
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.inversion.code_search import CodeSearch, FittedShot, camera_of, planes
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.likeness import Likeness
from viz.portrait.inversion.photo_target import FacePhoto, PhotoTarget
from viz.portrait.inversion.weight_tuning import WeightTuning

Stage = Literal["comparing", "searching", "fitting"]
"""Random people are compared with the photo, codes are searched, weights are fitted."""
_COMPARISON_COST, _COARSE_COST, _TUNING_COST = 0.17, 0.4, 3.2
"""Cost of a comparison and of a step, in full steps of the search."""
_PICTURE_SECONDS = 1.0
"""Least seconds between progress pictures."""
_PICTURE_SHARE = 0.04
"""Largest fraction of the time that they take."""


@dataclass(frozen=True, eq=False)
class InversionProgress:
    """Progress of an inversion."""

    stage: Stage
    fraction: float
    """Fraction of the whole, 0 to 1."""
    seconds_left: float | None
    """Estimated seconds left; None at the very beginning."""
    picture: np.ndarray | None
    """The person as found so far, uint8 [H, W, 3]; None if unchanged."""


@dataclass(frozen=True, eq=False)
class FittedPerson:
    """The result of an inversion; all tensors on the processor. Motion, fit, picture and figures
    are those of the first photo."""

    ws: Tensor
    """float32 [num_ws, w_dim]."""
    motion: Tensor
    """The motion code of the photo's expression at t = 1, float32 [motion_dim]."""
    fit: CameraFit
    """The camera, and the photo's crop that it sees."""
    tuned: dict[str, Tensor] | None
    """Differences between the tuned weights and the model's, float16, by name in its state_dict;
    None without tuning."""
    picture: np.ndarray
    """The person as in the photo, uint8 [S, S, 3]."""
    figures: dict[str, float] = field(default_factory=dict[str, float])
    """`psnr` and `face_psnr` in dB, and `landmarks`, the mean error in sides of the picture."""


class Inversion:
    """Finds the person in a photo, or in several.

    `run` can be stopped at any time: `person` gives the result so far, and another Inversion of the
    same photos, model and options that is given `state` continues exactly where this one stopped.
    """

    @torch.inference_mode(False)
    def __init__(
        self,
        G: Generator,
        photos: Sequence[FacePhoto],
        options: InversionOptions | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        """
        Args:
            G: any generator, without gradients; it is not changed.
            photos: of one person, at least one. Several that differ in head pose and expression
                show what belongs to the person.
            options: None for the defaults.
            state: the `state` of an inversion that was stopped.
        """
        self.G, self.options = G, options or InversionOptions()
        self._photos = [replace(photo, pixels=photo.pixels.to(G.device)) for photo in photos]
        likenesses = [self._likeness(photo) for photo in self._photos]
        self._search = CodeSearch(G, self._photos, likenesses, self.options)
        self._tuning: WeightTuning | None = None
        self._compared = 0.0
        if state is not None:
            self._restore(state)
        self._done_before = self._done()

    @torch.inference_mode(False)
    def run(self) -> Running[InversionProgress, None, None]:
        """Continues to the end, step by step."""
        search = self._search
        clock = _Clock()
        if search.step == 0:
            for self._compared in search.choose_start():
                yield self._progress("comparing", clock)
        while search.step < search.steps:
            search.take_step()
            yield self._progress("searching", clock)
        if not self.options.tuning:
            return
        tuning = self._tuning = self._tuning or self._begin_tuning()
        while tuning.step < tuning.steps:
            tuning.take_step()
            yield self._progress("fitting", clock)

    @torch.inference_mode(False)
    @torch.no_grad()
    def person(self) -> FittedPerson:
        """The person as found so far."""
        tuning = self._tuning
        if tuning is None:
            likeness, shot, fit, G = *self._refined(0), self.G
        else:
            likeness, shot, fit, G = tuning.likenesses[0], tuning.shots[0], self._fit(0), tuning.G
        image = _image(G, shot)
        return FittedPerson(
            ws=shot.ws[0].cpu(),
            motion=shot.motion[0].cpu(),
            fit=fit,
            tuned=None if tuning is None else tuning.differences(),
            picture=_uint8(image),
            figures=likeness.figures(image),
        )

    def state(self) -> dict[str, Tensor]:
        """Everything that the next steps depend on, on the processor."""
        found = {f"search.{name}": value for name, value in self._search.state().items()}
        if self._tuning is not None:
            tuned = self._tuning.state()
            found |= {f"tuning.{name}": value for name, value in tuned.items()}
        return found

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"search": {}, "tuning": {}}
        for name, value in state.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self._search.restore(parts["search"])
        self._compared = float(self._search.step > 0)
        if parts["tuning"]:
            self._tuning = self._begin_tuning()
            self._tuning.restore(parts["tuning"])

    def _likeness(self, photo: FacePhoto) -> Likeness:
        config = self.G.config
        white, size = config.rendering.white_background, config.image_resolution
        return Likeness(PhotoTarget.of(photo, size, white))

    @torch.no_grad()
    def _fit(self, number: int) -> CameraFit:
        """The camera and crop that the search has found for a photo."""
        search = self._search
        view = search.start_view + search.view * search.spreads
        return refined_fit(self._photos[number].fit, view[number].double().tolist())

    @torch.no_grad()
    def _refined(self, number: int) -> tuple[Likeness, FittedShot, CameraFit]:
        """The result of the search for a photo, with its view made part of the crop: the likeness
        to it, the shot, and the fit."""
        fit, shot = self._fit(number), self._search.shot(number)
        view = shot.c.new_tensor([[fit.yaw, fit.pitch, 0, 0, 0, 0]])
        shot = FittedShot(shot.ws.detach().clone(), shot.motion.detach().clone(), camera_of(view))
        return self._likeness(replace(self._photos[number], fit=fit)), shot, fit

    def _begin_tuning(self) -> WeightTuning:
        found = [self._refined(number) for number in range(len(self._photos))]
        likenesses, shots = [each[0] for each in found], [each[1] for each in found]
        return WeightTuning(self.G, likenesses, shots, self._search.occupancy, self.options)

    def _progress(self, stage: Stage, clock: _Clock) -> InversionProgress:
        done, whole = self._done(), self._cost(1.0, self._search.steps, self.options.tuning_steps)
        worked = done - self._done_before
        left = clock.seconds * (whole - done) / worked if worked > 0 else None
        picture = clock.paced(self._picture)
        return InversionProgress(stage, min(done / whole, 1.0), left, picture)

    @torch.no_grad()
    def _picture(self) -> np.ndarray | None:
        """A picture from the newest step's rendering, which costs less than rendering the result so
        far."""
        tuning = self._tuning
        G, seen = (self.G, self._search.seen) if tuning is None else (tuning.G, tuning.seen)
        return _uint8(G.superresolve(*seen)) if seen is not None else None

    def _done(self) -> float:
        tuned = 0 if self._tuning is None else self._tuning.step
        return self._cost(self._compared, self._search.step, tuned)

    def _cost(self, compared: float, searched: int, tuned: int) -> float:
        coarse = min(searched, self._search.coarse_steps)
        cost = compared * self.options.candidates * _COMPARISON_COST
        cost += coarse * _COARSE_COST + searched - coarse
        return cost + (tuned * _TUNING_COST if self.options.tuning else 0)


def refined_fit(fit: CameraFit, view: Sequence[float]) -> CameraFit:
    """The camera and crop that show with the plain lens what `camera_of` sees in the crop of `fit`;
    view [6] as there."""
    yaw, pitch, roll, zoom, right, down = view
    middle = fit.square.to_picture(np.array([0.5 + right, 0.5 + down]))
    return replace(
        fit,
        yaw=yaw,
        pitch=pitch,
        centre=(float(middle[0]), float(middle[1])),
        side=fit.side * math.exp(zoom),
        angle=fit.angle - roll,
    )


class _Clock:
    """Estimates the duration of an inversion."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._due = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def paced(self, picture: Callable[[], np.ndarray | None]) -> np.ndarray | None:
        """Another progress picture, if one is due."""
        begun = self.seconds
        if begun < self._due:
            return None
        made = picture()
        self._due = begun + max(_PICTURE_SECONDS, (self.seconds - begun) / _PICTURE_SHARE)
        return made


def _image(G: Generator, shot: FittedShot) -> Tensor:
    raw = G.render(planes(G, shot.ws, shot.motion), shot.ws, shot.c)
    return G.superresolve(raw, shot.ws)


def _uint8(image: Tensor) -> np.ndarray:
    return to_uint8(image[0]).permute(1, 2, 0).cpu().numpy()
