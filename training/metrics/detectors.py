"""Networks supplied by the user that turn clips and pictures into features.

A file of weights (torch.save of a state dict) is loaded as data into our own networks, and nothing
in it is executed. A TorchScript file is a program: it is loaded only on request, and must be
trusted like any other program.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.checkpoint.checkpoint_errors import listed, shown
from training.data.times import CLIP_FRAMES
from training.metrics.arcface import FACE_SIDE, IRSE50
from training.metrics.i3d import CLIP_SIDE, InceptionI3d
from training.reasons import first_line, reason


class DetectorError(Exception):
    """A detector cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True)
class CropBox:
    """Part of the picture, as fractions of its width and height from the upper left corner."""

    left: float = 32 / 256
    top: float = 35 / 256
    right: float = 220 / 256
    bottom: float = 223 / 256

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError("a crop needs 0 <= left < right <= 1 and 0 <= top < bottom <= 1")

    def of(self, pictures: Tensor) -> Tensor:
        """Crops pictures [N, C, H, W], to whole pixels."""
        height, width = pictures.shape[2:]
        rows = slice(round(self.top * height), max(round(self.bottom * height), 1))
        columns = slice(round(self.left * width), max(round(self.right * width), 1))
        return pictures[:, :, rows, columns]


def prepare_clips(clips: Tensor) -> Tensor:
    """uint8 [N, T, 3, H, W] to float [N, 3, T, 224, 224], -1 to 1.

    Resized bilinearly without antialiasing, as the published FVD does.
    """
    count, frames = clips.shape[:2]
    flat = clips.flatten(0, 1).float() / 127.5 - 1
    size = (CLIP_SIDE, CLIP_SIDE)
    flat = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return flat.reshape(count, frames, *flat.shape[1:]).transpose(1, 2)


def prepare_faces(pictures: Tensor, crop: CropBox | None) -> Tensor:
    """uint8 [N, 3, H, W] to float [N, 3, 112, 112], -1 to 1, of the crop. Without a crop, the
    whole picture is used without antialiasing, as in the published evaluation."""
    size = (FACE_SIDE, FACE_SIDE)
    if crop is None:
        whole = F.interpolate(pictures.float(), size=size, mode="bilinear", align_corners=False)
        return whole / 127.5 - 1
    faces = crop.of(pictures).float() / 127.5 - 1
    return F.interpolate(faces, size=size, mode="bilinear", antialias=True, align_corners=False)


@dataclass(frozen=True)
class Kind:
    """The input of a detector."""

    name: str
    """Name to show to the user."""
    example: tuple[int, ...]
    """Shape of a minimal uint8 input, to test a detector when it is loaded."""
    prepare: Callable[[Tensor], Tensor] = lambda pictures: pictures
    """Converts uint8 RGB input to the network's input."""
    keywords: dict[str, bool] = field(default_factory=dict)
    """Keyword arguments of published TorchScript detectors, passed to networks that accept them."""
    network: Callable[[], nn.Module] | None = None
    """Builds the network for a state dict; None if only TorchScript is supported."""


VIDEO = Kind(
    "video detector",
    (1, CLIP_FRAMES, 3, 64, 64),
    prepare_clips,
    {"rescale": False, "resize": False, "return_features": True},
    InceptionI3d,
)
"""Clips uint8 [N, T, 3, H, W]. The network takes float [N, 3, T, 224, 224] in -1 to 1: I3D of
Kinetics-400, as the TorchScript that FVD's ports use or as the state dict of the PyTorch port."""
IMAGE = Kind("image detector", (1, 3, 64, 64), keywords={"return_features": True})
"""Pictures. The network takes them as they are, uint8 [N, 3, H, W] in RGB, and resizes them itself,
as the TorchScript Inception of StyleGAN's metrics does."""


def face_kind(crop: CropBox | None) -> Kind:
    """Faces: uint8 pictures [N, 3, H, W], cut out and resized by `prepare_faces`. The network takes
    float [N, 3, 112, 112] in -1 to 1: ArcFace IR-SE50 as published, or any TorchScript embedder."""
    return Kind(
        "face recogniser",
        (1, 3, 64, 64),
        lambda pictures: prepare_faces(pictures, crop),
        network=IRSE50,
    )


class Detector:
    """A loaded detector: maps uint8 input of its kind to float32 features [N, dim].

    Args:
        network: ready on `device`.
        kind: what it takes.
        device: where it is.
        sha256: of its file.

    Raises:
        DetectorError: when its output for an example is not one row of features.
    """

    def __init__(self, network: Any, kind: Kind, device: torch.device, sha256: str = "") -> None:
        self.kind, self.device, self.sha256 = kind, device, sha256
        self.network = network
        self._keywords = _understood(network, kind.keywords)
        example = torch.zeros(kind.example, dtype=torch.uint8)
        try:
            features = self(example)
        except Exception as error:  # a foreign program may raise anything
            line = shown(str(error).strip().split("\n")[-1])
            raise DetectorError(f"it fails on an example picture ({line})") from error
        if features.ndim != 2 or len(features) != 1:
            raise DetectorError(f"it gives {list(features.shape)} for one input, not [1, features]")
        self.dim: int = features.shape[1]
        """Number of features per input."""

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        ready = self.kind.prepare(pictures.to(self.device))
        return self.network(ready, **self._keywords).float()


def load_detector(
    path: Path, kind: Kind, device: torch.device | str = "cpu", *, run_torchscript: bool = False
) -> Detector:
    """The detector in a file.

    Args:
        path: a state dict of the kind's network, or TorchScript.
        kind: `VIDEO`, `IMAGE` or a `face_kind`.
        device: where it is to run.
        run_torchscript: whether TorchScript files may be loaded; they are programs that can do
            anything on this machine.

    Raises:
        DetectorError: when it cannot be used.
    """
    device = torch.device(device)
    try:
        if not is_torchscript(path):
            network = _from_state(path, kind)
        elif run_torchscript:
            network = torch.jit.load(str(path), map_location=device)
        else:
            raise DetectorError(
                "it is TorchScript, which is a program; add --run-torchscript if you trust it"
            )
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Detector(network.eval().to(device), kind, device, sha256)
    except DetectorError as error:
        raise DetectorError(f"Cannot use the {kind.name} {path}: {error}.") from error
    except OSError as error:
        raise DetectorError(f"Cannot read the {kind.name} {path}: {reason(error)}.") from error
    except RuntimeError as error:  # of torch.jit.load
        line = shown(first_line(error))
        raise DetectorError(f"The {kind.name} {path} is damaged: {line}.") from error


def is_torchscript(path: Path) -> bool:
    """Whether a file is TorchScript, by its members; torch.save writes no constants.pkl.

    Raises:
        OSError: when it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _from_state(path: Path, kind: Kind) -> nn.Module:
    """The kind's network with the weights of a state dict.

    Raises:
        DetectorError: when the file is not a state dict, or belongs to a different network.
    """
    if kind.network is None:
        raise DetectorError("it is not TorchScript, the only supported format")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many types for damaged files
        raise DetectorError("it is neither TorchScript nor a file of weights") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DetectorError("it does not contain a state dict")
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    network = kind.network()
    own = network.state_dict()
    # Batch counters are not needed, and missing from files of old versions of torch.
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    wrong = [n for n in own if n in state and own[n].shape != state[n].shape]
    if missing or wrong:
        facts = [f"{word} {listed(n)}" for word, n in (("lacks", missing), ("resizes", wrong)) if n]
        raise DetectorError(f"it belongs to a different network (it {', and '.join(facts)})")
    network.load_state_dict({n: state[n] for n in own if n in state}, strict=False)
    return network


def _understood(network: Any, keywords: dict[str, bool]) -> dict[str, bool]:
    """Those of the keywords that a TorchScript network accepts; none for our own networks."""
    if not isinstance(network, torch.jit.ScriptModule):
        return {}
    forward: Any = network.forward
    known = {argument.name for argument in forward.schema.arguments}
    return {name: value for name, value in keywords.items() if name in known}
