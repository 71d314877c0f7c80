"""What the tests of exports share."""

from __future__ import annotations

import copy
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from training.networks.generator import Generator
from viz.exports.frame_options import Look
from viz.exports.pictures.frame_renderer import FrameRenderer
from viz.exports.table import EXPORTERS
from viz.render.renderer import Renderer
from viz.state import jobs
from viz.state.types import SessionState


@pytest.fixture
def renderer(small_generator: Generator) -> Renderer:
    """Of a small model with dense shapes in soft colours, and nothing outside of its box."""
    G = copy.deepcopy(small_generator)
    for resolution in (8, 16):
        G.get_parameter(f"backbone.synthesis.b{resolution}.conv1.noise_strength").fill_(1.0)
    G.decoder.get_parameter("net.2.weight")[0] *= 200
    outside = G.decoder(torch.zeros(1, G.config.plane_channels))[0]
    G.decoder.get_parameter("net.2.bias")[0] -= 6 + outside[0]
    G.get_parameter("to_img_raw.weight").mul_(0.1)
    for block in (0, 1):
        G.get_parameter(f"superresolution.block{block}.torgb.weight").mul_(0.02)
    return Renderer(G)


def finish(steps: Any) -> Any:
    """What steps return, all of them done in the worker's way."""
    with torch.inference_mode():
        return jobs.finish(steps)


def export(
    renderer: Renderer, name: str, state: SessionState, options: Any, path: Path, **more: Any
) -> Any:
    """Runs an exporter of the table."""
    return finish(EXPORTERS[name].run(renderer, state, options, path, **more))


def frame(
    renderer: Renderer, state: SessionState, look: Look | None = None, bits: Any = 8
) -> np.ndarray:
    """One frame's pixels."""
    return finish(FrameRenderer(renderer, look or Look(), bits).frame(state))


def decoded(path: Path, pixel_format: str = "rgb24") -> list[np.ndarray]:
    """Frames of a video or picture, read by FFmpeg."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format=pixel_format) for f in container.decode(video=0)]


def files(folder: Path) -> list[str]:
    """All that is in a folder, hidden files as well."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes, by the system's own hand: much like a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
