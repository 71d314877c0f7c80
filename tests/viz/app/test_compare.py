"""Two models side by side in the window."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.render.second_models import another
from training.checkpoint import save
from training.config import GeneratorConfig
from training.perceptual import flip
from viz.exports.frame_options import PictureOptions
from viz.headless import Source
from viz.headless.export_runs import export
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state import session
from viz.state.comparing.comparison import Comparison
from viz.state.comparing.differences import difference
from viz.state.jobs import finish
from viz.state.types import RenderRequest, SessionState

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def other(small_config: GeneratorConfig, tmp_path: Path) -> Path:
    """A second checkpoint."""
    path = tmp_path / "other" / "second.safetensors"
    path.parent.mkdir()
    save(path, another(small_config))
    return path


@pytest.fixture
def run(small_config: GeneratorConfig, tmp_path: Path) -> list[Path]:
    """Generators that a run has saved, in their order."""
    folder = tmp_path / "run"
    folder.mkdir()
    paths = [folder / f"network-snapshot-{number:06d}.safetensors" for number in (9, 40, 200)]
    for seed, path in enumerate(paths, start=3):
        save(path, another(small_config, seed))
    return paths


def both(desk: AppDriver) -> list[np.ndarray]:
    """The two full pictures at rest, once their figures are there."""
    commands = desk.commands
    desk.until(lambda: commands.second is not None and desk.is_settled(), 20)
    desk.until(lambda: commands.figures is not None and desk.is_settled(), 20)
    pictures = desk.pictures()
    assert len(pictures) == 2
    return pictures


def headless(path: Path | str, state: SessionState, psi: float | None = None) -> np.ndarray:
    """What a model alone renders of a state."""
    loaded = finish(load_model(str(path), torch.device("cpu")))
    shot = state.shot()
    if psi is not None:
        shot = replace(shot, latent=replace(shot.latent, psi=psi))
    with torch.inference_mode():
        request = RenderRequest((shot,), state.quality)
        picture = Renderer(loaded.G, reference=loaded.reference).render(request).pictures[0]
    assert picture is not None
    return picture


def seen(desk: AppDriver, key: str) -> np.ndarray:
    """The window's pixels of what was drawn under a name."""
    desk.frames(2)
    left, top, right, bottom = map(round, controls.rects[key])
    return desk.window.read_pixels()[top:bottom, left:right]


def test_pictures_differences_and_figures_are_those_of_numpy(
    desk: AppDriver, model: Path, other: Path, tmp_path: Path
) -> None:
    commands = desk.commands
    desk.key("r")
    desk.key("ctrl+shift+o")
    desk.choose(other)
    first, second = both(desk)
    state = commands.state
    assert np.array_equal(first, headless(model, state))
    assert np.array_equal(second, headless(other, state))
    assert list(commands.recent) == [str(other), str(model)]

    figures = commands.figures
    assert figures is not None
    error = np.mean((first.astype(float) - second) ** 2)
    assert figures.psnr == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    similar = structural_similarity(first, second, channel_axis=-1, data_range=255)
    assert figures.ssim == pytest.approx(similar, abs=1e-9)
    assert figures.flip == flip(first / 255, second / 255)

    assert state.compare is not None
    state.compare = replace(state.compare, psi=0.3)
    first, second = both(desk)
    assert np.array_equal(first, headless(model, state))
    assert np.array_equal(second, headless(other, state, psi=0.3))

    # The pixels on the screen, and those of the exported picture.
    side = first.shape[0]
    for models in ("difference", "split", "beside"):
        state.display = replace(
            state.display, models=models, difference="signed", gain=3.0, nearest=True
        )
        state.display = replace(state.display, gizmo=False, split=0.4)
        desk.settle()
        edge = round(0.4 * side)
        expected = {
            "difference": difference(first, second, "signed", 3.0),
            "split": np.concatenate([first[:, :edge], second[:, edge:]], axis=1),
            "beside": np.concatenate([first, second], axis=1),
        }[models]
        desk.key("s")
        desk.run_jobs()
        newest = max(
            Path(commands.capture_folder).glob("*.png"), key=lambda p: p.stat().st_mtime_ns
        )
        with Image.open(newest) as saved:
            assert np.array_equal(np.asarray(saved), expected), models
        target = tmp_path / f"{models}.png"
        commands.remember()
        source = Source(target, newest, str(model), compare=str(other))
        export("picture", source, PictureOptions())
        with Image.open(target) as saved:
            assert np.array_equal(np.asarray(saved), expected), models
        if models == "difference":
            shown = seen(desk, "Difference")
            part = slice(side // 3, side // 2)  # what lies on the picture lies elsewhere
            at = ((np.arange(side) + 0.5) * shown.shape[0] / side).astype(int)[part]
            assert np.array_equal(shown[at][:, at], expected[part, part])

    # A model that is dropped asks whose place it takes; undo, redo, close.
    desk.drop(model)
    assert commands.question is not None
    commands.question.answered("Compare with it")
    commands.question = None
    same = both(desk)
    assert not np.array_equal(same[0], same[1]), "the truncation differs"
    state = commands.state
    assert state.compare is not None
    state.compare = replace(state.compare, psi=None)
    same = both(desk)
    assert np.array_equal(same[0], same[1])
    assert commands.figures is not None
    assert commands.figures.psnr == np.inf
    desk.key("ctrl+z", "ctrl+z")
    first, second = both(desk)
    assert np.array_equal(second, headless(other, commands.state, psi=0.3))
    commands.stop_comparing()
    desk.run_jobs()
    assert len(desk.pictures()) == 1
    assert commands.state.display.layout == "single"
    assert commands.second is None
    desk.key("ctrl+z")
    both(desk)


def test_the_generators_of_a_run_are_looked_through(
    start: Start, model: Path, run: list[Path], tmp_path: Path
) -> None:
    desk = start(model, panels=("Compare",), size=(1100, 800))
    desk.settle(60.0)
    commands = desk.commands
    commands.compare_with(str(run[0].parent))
    both(desk)
    assert commands.run_generators == run
    assert (commands.run_index, commands.compared_names[1]) == (2, run[2].name)
    desk.click("Compare/Earlier")
    _, earlier = both(desk)
    assert np.array_equal(earlier, headless(run[1], commands.state))
    assert list(commands.recent) == [str(run[2]), str(model)], "a run takes one place"
    desk.click("Compare/Generator", x=0.02)
    desk.until(lambda: commands.second is not None and commands.second.path == str(run[0]))
    _, oldest = both(desk)
    assert np.array_equal(oldest, headless(run[0], commands.state))
    desk.key("ctrl+z")
    desk.until(lambda: commands.second is not None and commands.second.path == str(run[1]))

    # A file that is no model leaves the first one, says so, and is left again.
    run[0].write_bytes(b"nothing")
    commands.show_generator(0)
    assert desk.see_toast(run[0].name).level == "warning", "it goes by itself"
    assert len(desk.pictures()) == 1
    assert run[0].name in commands.second_problem
    assert len(commands.second_problem) < 160
    assert "Cannot load" in commands.second_details, "all of it can be unfolded"
    desk.frames(3)
    assert "Compare/Try again" in controls.rects
    commands.show_generator(1)
    assert np.array_equal(both(desk)[1], earlier)
    assert not commands.second_problem + commands.second_details
    run[1].unlink()
    assert np.array_equal(both(desk)[1], earlier), "it stays in memory"

    # Saved in the session, which opens with it again, and without it where it is gone.
    commands.show_generator(2)
    both(desk)
    path = tmp_path / "saved.json"
    session.save_session(path, commands.state)
    commands.stop_comparing()
    desk.run_jobs()
    desk.drop(path)
    both(desk)
    run[2].unlink()
    data = json.loads(session.to_json(replace(commands.state)))
    data["state"]["compare"] = asdict(Comparison("/nowhere/gone.safetensors", 0.5, "x"))
    path.write_text(json.dumps(data))
    desk.drop(path)
    desk.until(lambda: commands.second_problem)
    assert "gone.safetensors" in commands.second_problem
    assert len(desk.pictures()) == 1


def test_a_window_that_begins_by_comparing_has_nothing_to_undo(
    start: Start, model: Path, other: Path
) -> None:
    desk = start(model)
    desk.commands.begin_comparing(str(other))
    desk.settle(60.0)
    both(desk)
    assert not desk.commands.history.can_undo
    assert not desk.commands.unsaved


def test_comparing_survives_the_end_of_the_renderer(start: Start, model: Path, other: Path) -> None:
    desk = start(model)
    desk.settle(60.0)
    desk.commands.compare_with(str(other))
    before = both(desk)
    desk.host.vanish()
    desk.see_toast("The renderer was restarted")
    desk.until(lambda: desk.commands.second is not None, 30)
    desk.key("r")
    after = both(desk)
    assert not np.array_equal(before[1], after[1])
    assert desk.commands.compared_names == (model.name, other.name)
