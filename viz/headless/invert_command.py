"""`invert`: photos and videos become person files. No torch here, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from viz.headless.export_source import SharedDevice
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.state.settings import Range


@dataclass(frozen=True)
class InvertOptions:
    """Find the people of photos in a model: each photo becomes a person file, to be opened in the
    window or named by --person.

    Make person files of people only with their consent.
    """

    photos: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(help_behavior_hint="(required)")
    ]
    """Pictures of faces, from the front or half from the side. Neutral ones are best. From a motion
    track (.track), several frames of its video are used."""
    output: Path
    """Folder of the person files; each is named after its photo."""
    checkpoint: str = ""
    """Model to use. Without one, the model that comes with the program."""
    face: Annotated[int, Range(1, 64)] = 1
    """Which face of a photo with several, the largest first."""
    device: SharedDevice = "auto"
    overwrite: bool = False
    """Whether existing person files may be replaced. Without it finished ones are kept, and those
    that were stopped, here or in the window, are continued."""
    inversion: InversionOptions = field(default_factory=InversionOptions)
    """How the people are found."""
