"""A session in the real window that changes without end, to be killed at any moment.

python -m tests.viz.app.scripted_session FOLDER SECONDS [MODEL ...]

Each change is a line in FOLDER/changes.txt: the clock time, the seed of the person shown, the file
of the model shown, and of one that is being loaded. The session saves itself every SECONDS. The
models are opened in turn.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from viz.app.application import App
from viz.render.connection import WorkerConnection
from viz.render.worker_host import in_process
from viz.state.person import Latent
from viz.worker_process import run as run_worker


def run(folder: Path, every: float, models: list[str]) -> None:
    worker = WorkerConnection(in_process(run_worker))
    settings = folder / "settings.json"
    app = App(worker, "".join(models[:1]), settings=settings, builtin_dialogs=True)
    commands = app.commands
    commands.autosave.every = every
    commands.interface.lock_person = True
    loaded = 0
    with (folder / "changes.txt").open("a", buffering=1) as log:
        for seed in range(1, 1_000_000):
            commands.state.latent = Latent.at(seed)
            if models and commands.job is None and commands.stage_runs and seed % 20 == 0:
                loaded += 1
                commands.open_model(models[loaded % len(models)])
            app.window.wake()
            app.frame()
            model = commands.model.path if commands.model else ""
            seen = commands.history.present.latent.seed
            log.write(f"{time.time()} {seen} {model} {commands.worker.loading or ''}\n")
            time.sleep(0.02)


if __name__ == "__main__":
    run(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
