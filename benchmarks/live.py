"""Measures how quickly and faithfully a face in front of the camera moves the person.

    python -m benchmarks.live talk.mp4                   the bundled model
    python -m benchmarks.live talk.mp4 model.ckpt --person 17 --json live.json

The video stands in for a webcam. Needs a display with xdotool (or run it under
`xvfb-run -s "-screen 0 1280x800x24"`), and nothing else running. It reports the rate of new
pictures, the latency from a frame to its picture on the screen, and the correlation of mouth and
eye openings between the pictures shown and the camera's.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import torch
import tyro

from benchmarks.window import Bench, MovementRow
from training.terminal import run_command
from viz.app.live.live_commands import LiveCamera
from viz.portrait.faces.finding import find_faces
from viz.portrait.live.live_messages import SeenFace
from viz.portrait.tracks.expressions import eye_opening, face_points, mouth_opening
from viz.state.driving.drive import code_text

_LEARNING = 1800.0
"""Maximum time for learning a new model's faces, seconds."""


@dataclass(frozen=True)
class LiveTimingOptions:
    """What is measured."""

    video: Annotated[str, tyro.conf.Positional]
    """A video of a face."""
    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to show; the bundled one if not given."""
    person: int = 17
    """Seed of the person to drive."""
    seconds: float = 10.0
    """Length of the measurement."""
    json: str = ""
    """File for the figures."""


@dataclass
class LiveFigures:
    """What was measured."""

    learning_s: float = 0.0
    """Time from the command to the open camera."""
    rate: float = 0.0
    """New pictures on the screen per second."""
    lag_ms: float = 0.0
    """Median time from a frame to its picture on the screen."""
    late_ms: float = 0.0
    """90th percentile of that time."""
    looking_ms: float = 0.0
    """Median time of the face networks for a frame."""
    mouth: float = 0.0
    """Correlation of mouth openings."""
    eyes: float = 0.0
    """Correlation of eye openings."""
    window: MovementRow | None = None


class LiveBench(Bench):
    """The application with its camera open."""

    def measure(self, options: LiveTimingOptions) -> LiveFigures:
        """Opens the camera, lets it drive the person for a while, and closes it."""
        self.rest(options.person)
        begin, commands = time.perf_counter(), self.commands
        commands.open_live_video(options.video)
        self.until(lambda: commands.live is None or self._drives, _LEARNING)
        if commands.live is None:
            raise SystemExit("The camera was closed.")
        found = LiveFigures(learning_s=round(time.perf_counter() - begin, 1))
        camera = commands.live
        end = time.perf_counter() + 3.0  # until the cost of previews is known
        self.until(lambda: time.perf_counter() > end)
        seen: dict[str, SeenFace] = {}

        def note(_: float) -> None:
            if camera.seen is not None and camera.seen.code is not None:
                seen.setdefault(code_text(camera.seen.code), camera.seen)

        found.window = self.run(MovementRow("live", options.person), options.seconds, note)
        commands.close_camera()
        self._fill_in(found, seen)
        return found

    @property
    def _drives(self) -> bool:
        live: LiveCamera | None = self.commands.live
        return live is not None and live.rate > 0

    def _fill_in(self, found: LiveFigures, seen: dict[str, SeenFace]) -> None:
        assert found.window is not None
        found.rate = found.window.rate
        pairs = [
            (at, result, seen[driven.code])
            for at, result in self.shown
            if (driven := result.request.shots[0].driven) is not None and driven.code in seen
        ]
        lags = sorted(1000 * (at - source.time) for at, _, source in pairs)
        found.lag_ms, found.late_ms = round(median(lags), 1), round(lags[int(0.9 * len(lags))], 1)
        found.looking_ms = round(1000 * median(source.busy for _, _, source in pairs), 1)
        openings = []
        for _, result, source in pairs:
            faces = find_faces(torch.from_numpy(result.pictures[0]).permute(2, 0, 1).float() / 255)
            if faces:
                height, width = source.picture.shape[:2]
                marks = source.landmarks * np.array([width, height])
                both = marks, face_points(faces[0])
                openings.append(
                    [f(points) for f in (mouth_opening, eye_opening) for points in both]
                )
        values = np.array(openings).T
        found.mouth = round(float(np.corrcoef(values[0], values[1])[0, 1]), 3)
        found.eyes = round(float(np.corrcoef(values[2], values[3])[0, 1]), 3)


def main(options: LiveTimingOptions) -> int:
    """Measures and prints."""
    with LiveBench(options.checkpoint) as bench:
        found = bench.measure(options)
    text = json.dumps(asdict(found), indent=2)
    print(text)
    if options.json:
        Path(options.json).write_text(text)
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(LiveTimingOptions, prog="python -m benchmarks.live")))
