"""What the application does, without a window."""

from __future__ import annotations

from pathlib import Path

import torch

from viz import captures, models
from viz.errors import UserError
from viz.models import Model
from viz.render import Renderer
from viz.session import open_session, save_png


def load(path: str, device: torch.device) -> Model:
    """A model, waiting for it.

    Raises:
        UserError: when it cannot be used.
    """
    steps = models.load_model(path, device)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def render_session(
    source: Path,
    output: Path,
    *,
    checkpoint: str = "",
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Writes the picture that the application shows for a session: the very same pixels.

    Args:
        source: session file, or a picture saved by the program.
        output: PNG to write; it carries the session.
        checkpoint: model instead of the session's.
        device: where the model runs.
        overwrite: whether an existing file may be replaced.

    Raises:
        UserError: when something cannot be read, rendered or written.
    """
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists: choose another name, or add --overwrite.")
    state = open_session(source)
    state.checkpoint = checkpoint or state.checkpoint
    model = load(state.checkpoint, models.pick_device(device))
    try:
        with torch.inference_mode():
            pixels = captures.picture(Renderer(model.G), state)
    except (torch.OutOfMemoryError, MemoryError) as e:
        raise UserError(
            "There is not enough memory for this picture: lower the session's quality."
        ) from e
    save_png(output, pixels, state)
