"""Person files for tests: drawn at random, as nobody has to look like a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.render import person_file
from viz.render.person_file import PersonFile
from viz.state.person import Latent


def person_of(G: Generator, seed: int = 0, tuned: float = 0.0) -> PersonFile:
    """A person of a model, with weights of its own where `tuned` is not 0."""
    config, draws = G.config, np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return draws.standard_normal(shape, np.float32)

    changes = {
        name: np.asarray(tuned * normal(*weight.shape), np.float16)
        for name, weight in G.named_parameters()
        if tuned and not name.startswith("backbone.mapping.")
    }
    return PersonFile(
        normal(config.num_ws, config.w_dim),
        normal(config.motion_dim),
        weights_mark(G.state_dict()),
        model="small.safetensors",
        name="Anna",
        yaw=12.5,
        pitch=-3.0,
        crop=(200.0, 180.5, 320.0, 2.0),
        picture=person_file.png(np.full((200, 150, 3), 90, np.uint8)),
        tuned=changes,
    )


def written(path: Path, person: PersonFile) -> Latent:
    person_file.write(path, person)
    return Latent(ws_file=str(path))
