"""The face model and a renderer of it, where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.synthetic.ict import MorphableModel, load_model

SHARED_MODEL = (
    Path(__file__).resolve().parents[3] / "shared" / "synthetic_heads" / "ict_compact.npz"
)


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The compact face model or a checkout; a skip where there is none."""
    given = os.environ.get("PV3D_ICT_MODEL")
    path = Path(given) if given else SHARED_MODEL
    if not path.exists():
        pytest.skip("no face model: set PV3D_ICT_MODEL to an ICT-FaceKit checkout or compact file")
    return path


@pytest.fixture(scope="session")
def morphable(model_path: Path) -> MorphableModel:
    return load_model(model_path)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache folder of this test run."""
    return tmp_path_factory.mktemp("synthetic_cache")


@pytest.fixture(scope="session")
def renderer(morphable: MorphableModel, cache: Path) -> Iterator:
    """A HeadRenderer at 192 px; a skip where OpenGL cannot be used without a window."""
    pytest.importorskip("moderngl", reason="moderngl (the extra 'synthetic') is not installed")
    from training.synthetic.head_renderer import HeadRenderer

    try:
        made = HeadRenderer(morphable, 192, cache=cache)
    except RuntimeError as error:
        pytest.skip(f"no OpenGL without a window: {error}")
    yield made
    made.close()
