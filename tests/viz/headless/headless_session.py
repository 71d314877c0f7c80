"""A small model and a session of it, as files."""

from pathlib import Path

import pytest

from tests.viz.exports.export_driver import files
from training.checkpoint import save
from viz import program
from viz.render.renderer import Renderer
from viz.state import session
from viz.state.person import Latent, Motion
from viz.state.types import Orbit, SessionState

ROOT = Path(program.__file__).parents[1]


@pytest.fixture
def model(renderer: Renderer, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(path, renderer.G)
    return path


@pytest.fixture
def saved(model: Path, tmp_path: Path) -> Path:
    """A session."""
    path = tmp_path / "session.json"
    state = SessionState(str(model), Latent(3.0), Motion(2.0), 0.5, Orbit(yaw=15))
    session.save_session(path, state)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}
