"""The loaded model, as the interface knows it."""

from __future__ import annotations

from dataclasses import dataclass

from training.named_directions import NamedDirection
from viz.state.types.orbit import TRAINED_TURN, Head


@dataclass(frozen=True)
class LayerInfo:
    """A layer of the network, for the list of layers."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """Shape of its output for one person, [C, h, w]."""
    parameters: int


@dataclass(frozen=True)
class ModelInfo:
    """The loaded model, as the interface shows it."""

    name: str
    """Short name: the file's, or that of the built-in random model."""
    path: str
    """Empty for the built-in random model."""
    format: str
    """"PV3D visualizer", "PV3D", "EG3D" or "random"."""
    parameters: int
    image_resolution: int
    raw_resolution: int
    depth_samples: int
    importance_samples: int
    ray_range: tuple[float, float]
    box_warp: float
    num_ws: int
    z_dim: int
    w_dim: int
    motion_dim: int
    """0 for a still model: time and motion do nothing."""
    plane_resolution: int
    superresolution: str
    device: str
    layers: tuple[LayerInfo, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that the user should know about this model."""
    people: tuple[int, ...] = ()
    """Seeds of people that the model's makers recommend."""
    motions: tuple[int, ...] = ()
    """Seeds of motions that they recommend."""
    people_words: tuple[str, ...] = ()
    """A short description of each of these people; empty where there is none."""
    motions_words: tuple[str, ...] = ()
    """A short description of each of these motions; empty where there is none."""
    directions: tuple[NamedDirection, ...] = ()
    """Directions that the model's makers have named."""
    int8_previews: bool = False
    """Whether previews are faster with the super-resolution in 8-bit integers."""
    weights: str = ""
    """Fingerprint of the model's weights."""
    head: Head = Head()
    """Where the heads of its people lie."""
    conditioned: bool = True
    """Whether the mapping network takes a camera."""
    trained_turn: tuple[float, float] | None = TRAINED_TURN
    """Degrees of yaw and pitch to either side that its training pictures reach; None for an
    untrained model."""

    @property
    def moves(self) -> bool:
        return self.motion_dim > 0
