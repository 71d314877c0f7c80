"""Pictures that a generator makes of random people, as training data with known parameters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.camera import Camera
from training.networks.generator import Generator
from viz.render.inference.plan import Plan
from viz.render.inference.select import can_prepare, open_stages
from viz.render.inference.stage_interface import RaySettings, no_check

_PSI = 0.8
"""Truncation: extreme people are too unusual for the landmark network."""


class OwnPictures:
    """Draws people of a generator, without gradients; `seed` determines all draws."""

    def __init__(self, G: Generator, seed: int) -> None:
        self._G = G
        self._stages = open_stages(G, Plan(reference=not can_prepare(G)))
        self.draws = np.random.default_rng(seed)
        """Source of all random draws."""

    @torch.no_grad()
    def person(self) -> Tensor:
        """ws of a random person [1, num_ws, w_dim]."""
        return self._G.mapping(self._normal(self._G.config.z_dim), truncation_psi=_PSI)

    def motion(self) -> Tensor | None:
        """A random motion code [1, motion_dim]; None without motion layers."""
        config = self._G.config
        return self._normal(config.motion_dim) if config.has_motion else None

    def camera(self, most_yaw: float, most_pitch: float) -> tuple[float, float]:
        """Random yaw and pitch, at most these degrees to either side."""
        yaw, pitch = self.draws.uniform(-1, 1, 2)
        return float(yaw) * most_yaw, float(pitch) * most_pitch

    @torch.inference_mode()
    def picture(self, ws: Tensor, motion: Tensor | None, yaw: float, pitch: float) -> Tensor:
        """A person as a camera sees it.

        Args:
            ws: [1, num_ws, w_dim].
            motion: the motion code times t [1, motion_dim]; None without motion layers.
            yaw, pitch: of the camera, degrees, as in `Camera.orbit`.

        Returns:
            float32 [3, H, W] in 0..1, on the generator's device.
        """
        settings = RaySettings.trained(self._G, Camera.orbit(yaw=yaw, pitch=pitch))
        field = self._stages.planes(ws, motion, no_check)
        raw = self._stages.render(field, ws, settings, no_check)
        image = self._stages.superresolve(raw, ws, no_check)
        return (image[0].float() * 0.5 + 0.5).clamp(0, 1)

    def _normal(self, size: int) -> Tensor:
        values = self.draws.standard_normal((1, size), np.float32)
        return torch.from_numpy(values).to(self._G.device)
