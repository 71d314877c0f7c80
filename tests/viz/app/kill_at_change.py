"""Kills sessions close to a change of model.

python -m tests.viz.app.kill_at_change MODEL OTHER [COUNT]

Needs a display, or `xvfb-run -a`. Prints how far from the change each kill came, and fails where
more than that one change of model was lost or a file is broken.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT
from viz.app.sessions.autosave import Autosave
from viz.state import session

REACH = 0.3
"""Seconds before and after the change, at most."""
_CHANGE = 2
"""The change that a kill comes close to; 0 is the first model."""
_PATIENCE = 60.0
_NEVER = 600.0
"""Seconds between two saves: only changes of model are saved."""


class Line(NamedTuple):
    """A line of the session's log."""

    time: float
    seed: int
    model: str
    loading: str


def logged(folder: Path) -> list[Line]:
    """What a session with models has written whole."""
    text = (folder / "changes.txt").read_text("utf-8")
    rows = [line.split(" ") for line in text[: text.rfind("\n") + 1].splitlines()]
    return [Line(float(row[0]), int(row[1]), row[2], row[3]) for row in rows]


def changes(lines: list[Line]) -> list[Line]:
    """The first line with each of the models that follow one another."""
    shown = [line for line in lines if line.model]
    return shown[:1] + [b for a, b in pairwise(shown) if a.model != b.model]


def requests(lines: list[Line]) -> list[Line]:
    """The first line of each time that another model is loaded, but for the first one."""
    return [b for a, b in pairwise(lines) if a.model and b.loading and not a.loading]


def kill(folder: Path, models: list[Path], offset: float) -> float:
    """Runs a session that opens models in turn and saves itself at changes of model alone, and
    kills it close to one.

    Args:
        folder: of its settings and its log.
        models: files without blanks in their names, opened in turn.
        offset: seconds after the change, or below 0 before the moment at which it is expected.

    Returns:
        seconds after the change; before the one expected, where it did not come.

    Raises:
        AssertionError: where more than this change is lost, or a file is broken.
    """
    folder.mkdir(exist_ok=True)
    (folder / "changes.txt").touch()
    words = (sys.executable, "-m", "tests.viz.app.scripted_session", str(folder), str(_NEVER))
    with subprocess.Popen((*words, *map(str, models)), start_new_session=True, cwd=ROOT) as process:
        try:
            expected = _wait(process, folder, offset)
            time.sleep(max(expected + offset - time.time(), 0.0))
            killed = time.time()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    lines = logged(folder)
    made = changes(lines)
    keeper = Autosave(folder / "sessions")
    states = [session.from_json(kept.path.read_text("utf-8")) for kept in keeper.sessions()]
    assert states, "the changes before were saved"
    found = keeper.find_crashed()
    assert found is not None, "the next start offers to go on"
    saved = session.from_json(found.path.read_text("utf-8"))
    assert saved.latent.seed >= made[_CHANGE - 1].seed, "more than one change of model is lost"
    assert saved.checkpoint in {change.model for change in made[_CHANGE - 1 :]} | {str(models[0])}
    return killed - (made[_CHANGE].time if len(made) > _CHANGE else expected)


def _wait(process: subprocess.Popen[bytes], folder: Path, offset: float) -> float:
    """Waits until the change has come, or has to be expected before it comes; its time."""
    end = time.time() + _PATIENCE
    while time.time() < end:
        assert process.poll() is None, "the session runs"
        lines = logged(folder)
        made, asked = changes(lines), requests(lines)
        if len(made) > _CHANGE:
            return made[_CHANGE].time
        if offset < 0 and len(made) == _CHANGE and len(asked) == _CHANGE:
            took = made[_CHANGE - 1].time - asked[_CHANGE - 2].time
            if time.time() >= (due := asked[-1].time + took) + offset:
                return due
        time.sleep(0.005)
    raise AssertionError("the session changes its model")


def main(models: list[Path], count: int) -> None:
    chance = random.Random(1)
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            offset = REACH * (2 * number / max(count - 1, 1) - 1) + chance.uniform(-0.03, 0.03)
            print(f"{number + 1}: killed {kill(Path(folder), models, offset):+.3f} s", flush=True)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:3]], int((*sys.argv[3:], "10")[0]))
