"""How smoothly the window draws while full-size pictures are rendered.

    python benchmarks/window_frames.py --people 3

Renders new people with a full-size generator of random weights while the window draws without a
pause, and prints the work of the window's frames in milliseconds (median, 99th percentile, most)
and the seconds a picture took beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from viz.app.application import App
from viz.state.types import SessionState


@dataclass(frozen=True)
class Options:
    """What is measured."""

    people: int = 3
    """Full pictures that are rendered, each of a new person."""
    checkpoint: str = ""
    """Model to render with; empty makes a full-size one with random weights."""


def main(options: Options) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.checkpoint or _random_model(Path(folder) / "full.safetensors")
        settings = Path(folder) / "settings.json"
        settings.write_text('{"window": {"size": [1280, 800]}}')
        app = App(checkpoint, SessionState(), settings=settings)
        app.interface.previews = False
        while app.result is None:
            app.frame()
        app.window.frame_times.clear()
        seconds = [_render(app, person) for person in range(1, options.people + 1)]
        frames = np.array(app.window.frame_times) * 1000
        app.close()
    middle, high, most = np.percentile(frames, [50, 99, 100])
    print(f"{len(frames)} frames: median {middle:.1f}, 99 % {high:.1f}, most {most:.1f} ms")
    print(f"seconds a picture: {np.round(seconds, 2).tolist()}")


def _render(app: App, person: int) -> float:
    """Seconds until a new person's full picture is there, the window drawing all the while."""
    app.state.latent = replace(app.state.latent, x=float(person))
    start = time.perf_counter()
    while app.result is None or app.result.request.shots[0].latent != app.state.latent:
        app.window.wake()  # the next frame does not wait for an event
        app.frame()
    return time.perf_counter() - start


def _random_model(path: Path) -> str:
    from training.checkpoint import save
    from training.config import GeneratorConfig
    from training.networks.generator import Generator

    save(path, Generator(GeneratorConfig()).eval().requires_grad_(False))
    return str(path)


if __name__ == "__main__":
    main(tyro.cli(Options))
