"""Reads a camera and sends the window the motion codes of the face in front of it."""

from __future__ import annotations

import contextlib
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.reasons import reason
from viz.exports import naming
from viz.portrait.camera.self_calibration import kept_template
from viz.portrait.live.camera_input import CameraFrame, CameraInput
from viz.portrait.live.face_driver import FaceDriver, Recording
from viz.portrait.live.face_tracker import FaceTracker
from viz.portrait.live.live_messages import (
    KINDS,
    Calibrate,
    CameraFailed,
    CameraOpened,
    CameraTask,
    CloseCamera,
    Pace,
    Record,
    SaveTrack,
    SeenFace,
    SetDriving,
    TrackSaved,
)
from viz.portrait.tracks.motion_map import kept_motion_map
from viz.portrait.tracks.opening_controls import kept_controls
from viz.render.message_encoding import decode, encode
from viz.state.driving.motion_track import write_track
from viz.state.errors import UserError

_SMALL = 160
"""Longer side of the picture that the window shows, pixels."""
_PATIENCE = 0.1
"""Seconds between checks for the window's messages while no picture arrives."""
_SILENCE = 8.0
"""Seconds without a picture after which the camera is given up."""
_SLOWEST = 0.15
"""Most seconds between two pictures that are looked at."""
_BUSY_SHARE = 0.2
"""Weight of the newest picture in the mean time that one takes."""


class Beat:
    """Decides when to look at the camera: each motion should be ready just when the renderer can
    use it, and come from the newest picture possible. Until a `Pace` is known, as often as
    possible."""

    def __init__(self) -> None:
        self._due, self._interval, self._busy = 0.0, 0.0, 0.0

    def follow(self, pace: Pace) -> None:
        """Keeps to a pace until the next one is set."""
        self._interval = min(pace.interval, _SLOWEST)
        self._due = pace.due

    def wait(self, now: float) -> float:
        """Seconds until the next picture is due; not positive if it is due now."""
        return min(self._due - self._busy - now, _SLOWEST)

    def looked(self, now: float, busy: float, moved: bool) -> None:
        """Notes that `busy` seconds were spent on a picture until `now`, and whether it gave
        another motion: if not, one is still due."""
        self._busy += _BUSY_SHARE * (busy - self._busy)
        if moved:
            self._due = max(self._due + self._interval, now)


class Watcher:
    """Serves a window for as long as it wants the camera.

    Args:
        connection: to the window.
        task: which camera, and for which model.
    """

    def __init__(self, connection: Connection, task: CameraTask) -> None:
        self._connection, self._task = connection, task
        self._tracker, self._beat = FaceTracker(), Beat()
        self._recording: tuple[Recording, Path] | None = None
        """What is being recorded, and where it is to be saved."""
        self._last: np.ndarray | None = None
        """The last picture's motion code."""
        self._size = (0, 0)

    def serve(self) -> None:
        """Runs until the window closes the camera or is gone, or the camera fails."""
        torch.set_num_threads(1)  # the renderer needs the other cores
        camera = None
        try:
            driver = self._driver()
            camera = CameraInput(self._task.source, self._task.mirrored)
            self._tell(CameraOpened(camera.name))
            try:
                self._watch(camera, driver)
            finally:
                self._save(driver, camera.name)
        except UserError as error:
            self._tell(CameraFailed(str(error)))
        except (EOFError, OSError):
            pass  # the window is gone
        except Exception:
            self._tell(CameraFailed("The camera failed.", traceback.format_exc()))
        finally:
            if camera is not None:
                camera.close()

    def _driver(self) -> FaceDriver:
        template = kept_template(self._task.weights)
        known = kept_motion_map(self._task.weights)
        controls = known and kept_controls(self._task.weights, len(known.rest))
        if template is None or known is None or controls is None:
            raise UserError(
                "What was learnt about this model's faces could not be saved: free some disk "
                "space, or make the cache folder writable."
            )
        return FaceDriver(template, known, controls)

    def _watch(self, camera: CameraInput, driver: FaceDriver) -> None:
        last = time.monotonic()
        with torch.inference_mode():
            while self._obey(driver, camera.name):
                wait = self._beat.wait(time.perf_counter())
                if wait > 0 and self._recording is None:
                    self._connection.poll(wait)
                    continue
                frame = camera.take(_PATIENCE)
                if frame is not None:
                    last = time.monotonic()
                    self._look(frame, driver)
                elif time.monotonic() - last > _SILENCE:
                    raise UserError(f"{camera.name} sends no pictures: open it again.")

    def _obey(self, driver: FaceDriver, source: str) -> bool:
        """Handles a message from the window; returns False once the camera is to be closed."""
        while self._connection.poll():
            message = decode(self._connection.recv_bytes(), KINDS)
            if isinstance(message, CloseCamera):
                return False
            if isinstance(message, SetDriving):
                driver.set(message)
            elif isinstance(message, Pace):
                self._beat.follow(message)
            elif isinstance(message, Calibrate):
                driver.calibrate()
            elif isinstance(message, Record):
                self._recording = Recording(), Path(message.path)
            elif isinstance(message, SaveTrack):
                self._save(driver, source)
        return True

    def _save(self, driver: FaceDriver, source: str) -> None:
        """Ends the recording, if there is one, and writes it."""
        if self._recording is None:
            return
        (recording, path), self._recording = self._recording, None
        try:
            track = recording.track(driver, self._size, source, self._task.weights)
            path.parent.mkdir(parents=True, exist_ok=True)
            path = naming.unused(path)
            write_track(path, track)
        except UserError as error:
            self._tell(CameraFailed(str(error), over=False))
        except OSError as error:
            sentence = f"{path.name} cannot be written: {reason(error)}."
            self._tell(CameraFailed(sentence, over=False))
        else:
            self._tell(TrackSaved(str(path), len(track)))

    def _look(self, frame: CameraFrame, driver: FaceDriver) -> None:
        begun = time.perf_counter()
        height, width = frame.pixels.shape[:2]
        self._size = (width, height)
        face = self._tracker.look(frame.pixels)
        seen = SeenFace(frame.time, _small(frame.pixels), np.zeros((0, 2), np.float32))
        if face is None:
            driver.lose()
        else:
            driven = driver.drive(face, frame.time)
            if self._recording is not None:
                self._recording[0].add(driven)
            marks = driven.points[:468] / np.array([width, height], np.float32)
            seen = replace(seen, landmarks=marks, code=driven.code, turn=driven.turn)
        now = time.perf_counter()
        self._beat.looked(now, now - begun, seen.code is not self._last)
        self._last = seen.code
        self._tell(replace(seen, busy=now - begun))

    def _tell(self, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # noticed when the next message is read
            self._connection.send_bytes(encode(message))


def _small(pixels: np.ndarray) -> np.ndarray:
    step = max(1, -(-max(pixels.shape[:2]) // _SMALL))
    return np.ascontiguousarray(pixels[::step, ::step])


def watch(connection: Connection, task: CameraTask) -> None:
    """Serves a window; see `Watcher`. Can also run in a thread."""
    with contextlib.closing(connection):
        Watcher(connection, task).serve()
