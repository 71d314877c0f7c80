"""Commands for people, motions, views and the camera."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from viz.app.program_commands import ProgramCommands
from viz.state import layouts, session, settings
from viz.state.animation import path_editing
from viz.state.types import LAYOUTS, VIEWS, Head, Latent, Motion, Orbit


class ViewCommands(ProgramCommands):
    """Commands for who is shown, and how."""

    def random_person(self) -> None:
        """Shows a person drawn at random, and another motion unless it is locked."""
        self.learn("random")
        self._new_person()
        if not self.interface.lock_motion:
            self._new_motion()

    def random_motion(self) -> None:
        """Shows a motion drawn at random, and another person unless that is locked."""
        self.learn("random")
        self._new_motion()
        if not self.interface.lock_person:
            self._new_person()

    def _new_person(self) -> None:
        self.state.latent = Latent.at(_any_seed(), self.state.latent)

    def _new_motion(self) -> None:
        self.state.motion = Motion.at(_any_seed(), self.state.motion)

    def copy_camera(self) -> None:
        """Copies the camera to the clipboard as JSON."""
        self.shell.clipboard = session.camera_to_json(self.state.orbit.camera())
        self.notify("success", "The camera was copied to the clipboard.")

    def paste_camera(self) -> None:
        """Sets the camera from JSON on the clipboard."""

        def paste() -> None:
            camera = session.camera_from_json(self.shell.clipboard)
            orbit = Orbit.from_camera(camera, self.home)
            # A camera inside the head may be too close to the axis for that orbit.
            self._turn_to(Orbit.from_camera(camera) if settings.problems(orbit) else orbit)

        self.guarded(paste)

    def set_conditioning(self) -> None:
        """Makes the current camera the conditioning camera."""
        self.state.conditioning = "set"
        self.state.conditioning_orbit = self.state.orbit

    def set_before(self) -> None:
        """Keeps the picture shown as the left side of the before / after layout."""
        self.state.before = self.state.shot()
        self.state.display = replace(self.state.display, layout="split")

    def next_view(self, step: int = 1) -> None:
        """Shows the next or the previous view.

        Negative steps go back.
        """
        if self.state.display.layout == "grid":
            self.notify("info", "The four views are chosen one by one in the View panel.")
            return
        view = layouts.neighbour(VIEWS, self.state.display.view, step)
        self.state.display = replace(self.state.display, view=view)

    def next_layout(self, step: int = 1) -> None:
        """Shows the next or the previous layout.

        Negative steps go back.
        """
        known = [name for name in LAYOUTS if name != "models" or self.state.compare is not None]
        here = self.state.display.layout if self.state.display.layout in known else "single"
        layout = layouts.neighbour(known, here, step)
        self.state.display = replace(self.state.display, layout=layout)

    def glide_to(self, yaw: float, pitch: float) -> None:
        """Glides the camera to these angles; degrees."""
        self._turn_to(replace(self.state.orbit, yaw=yaw, pitch=pitch))

    @property
    def home(self) -> Orbit:
        """The frontal camera, on the same kind of orbit as the present one."""
        head = self.model.head if self.model else Head()
        return Orbit() if self.state.orbit.lead else Orbit.around(head)

    def reset_camera(self) -> None:
        """Returns to the frontal camera of the training pictures."""
        self._turn_to(self.home)

    def frame_head(self) -> None:
        """Brings the whole head into the picture, seen from where the camera is."""
        if self.model is not None:
            self._turn_to(self.state.orbit.framing(self.model.head))

    def circle(self, published: bool) -> None:
        """Switches between an orbit around the head and that of the published cameras; the angles
        and the lens stay."""
        orbit = self.state.orbit
        head = self.model.head if self.model else Head()
        new = Orbit() if published else Orbit.around(head)
        self._turn_to(replace(orbit, radius=new.radius, pivot=new.pivot, lead=new.lead))

    def _turn_to(self, orbit: Orbit) -> None:
        path_editing.pause(self.interface)
        self.animator.glide_camera(self.state, orbit, time.perf_counter())

    def toggle_orbit(self) -> None:
        """Swings the camera around the head on a slow figure of eight, or stops it."""
        self.interface.auto_orbit = not self.interface.auto_orbit


def _any_seed() -> int:
    return int(np.random.default_rng().integers(0, 10000))
