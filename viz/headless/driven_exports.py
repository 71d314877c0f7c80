"""People moved by motion tracks, exported without a window."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from viz.exports import writing
from viz.exports.table import EXPORTERS, Run
from viz.headless.drive_command import DriveOptions
from viz.headless.export_runs import export
from viz.portrait.tracks.pasted_video import export_into_video
from viz.portrait.tracks.person_fit import fit_track
from viz.render.renderer import Renderer
from viz.state.driving import driven
from viz.state.driving.motion_track import TRACK_SUFFIX
from viz.state.jobs import Steps
from viz.state.types import SessionState


def drive(options: DriveOptions, *, show: bool = False) -> Path:
    """Runs the command with options that `DriveOptions.check` accepts.

    Returns:
        the path that was written.

    Raises:
        UserError: when something cannot be read, rendered or written.
    """
    name, exported = options.exporter()
    film = "" if options.video is None else str(options.video.absolute())
    run = partial(_into_video, film=film) if options.into_video else EXPORTERS[name].run
    if options.fit:
        writing.require_free([_fitted(options.output)], options.overwrite)
        run = partial(_fit_first, run=run)
    export(
        name,
        options.source(),
        exported,
        show=show,
        drive=options.drive(),
        seed=options.seed,
        run=run,
    )
    return options.output


def _fitted(output: Path) -> Path:
    """Where the track that was fitted is saved."""
    return output.with_suffix(TRACK_SUFFIX)


def _fit_first(
    renderer: Renderer,
    state: SessionState,
    options: Any,
    path: Path,
    *,
    run: Run,
    overwrite: bool = False,
    **more: Any,
) -> Steps[Path]:
    """Fits the track to the person, and runs an export with it."""
    made = yield from fit_track(renderer, state, _fitted(path))
    state = replace(state, drive=driven.begin(str(made.absolute()), state.drive))
    return (yield from run(renderer, state, options, path, overwrite=overwrite, **more))


def _into_video(
    renderer: Renderer,
    state: SessionState,
    options: Any,
    path: Path,
    *,
    film: str,
    overwrite: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Generator[tuple[str, float | None], None, Path]:
    del options, share
    return (yield from export_into_video(renderer, state, path, film, overwrite=overwrite))
