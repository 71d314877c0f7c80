"""What goes wrong, or goes on, while two models are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gui_utils import controls
from tests.viz.app import app_driver, test_compare
from tests.viz.app.app_driver import AppDriver
from tests.viz.app.test_compare import both
from tests.viz.app.test_stage import arrive, begin
from tests.viz.render.second_models import another
from training.checkpoint import save
from training.config import GeneratorConfig
from viz.app.stage.virtual_camera import CameraScene, pictures
from viz.render import worker
from viz.state import layouts
from viz.state.types import LAYOUTS, VIEWS, Cue

desk, display, model, start, other = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
    test_compare.other,
)


def quiet(desk: AppDriver) -> None:
    """Nothing has failed."""
    assert [t.sentence for t in desk.app.toasts if t.level == "error"] == []


def test_files_that_go_and_change_and_memory_that_ends(
    desk: AppDriver, other: Path, small_config: GeneratorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = desk.commands
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise MemoryError

        patch.setattr(worker, "load_model", fail)
        commands.compare_with(str(other))
        desk.see_toast("there is not enough memory")
        assert len(desk.pictures()) == 1
        assert commands.second_problem
    commands.retry_second()
    before = both(desk)
    assert not commands.second_problem

    save(other, another(small_config, 7))
    desk.until(lambda: commands.second is not None and not commands.loading_second, 10)
    weights = commands.second.weights if commands.second else ""
    desk.until(lambda: commands.second is not None and commands.second.weights != weights, 10)
    after = both(desk)
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])
    other.unlink()
    desk.see_toast("second.safetensors was removed from the disk")
    desk.key("r")
    both(desk)

    commands.compare_with(str(other.with_name("missing.ckpt")))
    desk.see_toast("missing.ckpt")
    assert len(desk.pictures()) == 1
    desk.key("ctrl+z")
    both(desk)  # what was kept in memory is shown again
    commands.swap_compared()
    desk.see_toast("second.safetensors")
    assert desk.model.name == "small.safetensors", "a file that is gone takes no place"


def test_a_swap_is_undone_as_a_whole(desk: AppDriver, other: Path) -> None:
    commands = desk.commands
    commands.compare_with(str(other))
    before = both(desk)
    commands.swap_compared()
    desk.until(lambda: desk.model.name == other.name, 10)
    swapped = both(desk)
    assert np.array_equal(swapped[0], before[1])
    for key, name, expected in (
        ("ctrl+z", "small.safetensors", before),
        ("ctrl+shift+z", other.name, swapped),
    ):
        desk.key(key)
        desk.until(lambda name=name: desk.model.name == name, 10)
        for picture, known in zip(both(desk), expected, strict=True):
            assert np.array_equal(picture, known)
    desk.click("Compare/Close")
    desk.frames(3)
    assert commands.state.compare is None
    assert "Compare/Open" in controls.rects, "the panel stays"
    quiet(desk)


def test_all_goes_on_beside_it(desk: AppDriver, other: Path, model: Path) -> None:
    commands = desk.commands
    desk.drop(model, other)
    assert commands.question is not None
    desk.key("Escape")
    commands.question = None
    desk.run_jobs()
    commands.compare_with(str(other))
    both(desk)
    state = commands.state
    for models in ("difference", "beside"):
        state.display = replace(state.display, models=models)
        for view in VIEWS:
            state.display = replace(state.display, view=view)
            desk.settle()
        state.display = replace(state.display, view="image")
        desk.key("i", "g")  # the inspector, and the gallery
        desk.move("Viewport")
        desk.settle()
        desk.key("i", "g", "h")
        desk.resize(500, 400)
        desk.settle()
        desk.key("h")
        desk.resize(900, 600)
    for _ in LAYOUTS:
        desk.key("l")
        desk.settle()
    assert state.display.layout == "models"
    desk.drag("Viewport", (50, 20))
    desk.key("o")
    desk.run_for(0.5)
    desk.key("o", "space")
    desk.run_for(0.3)
    desk.key("space")
    shown = both(desk)
    quiet(desk)

    # The virtual camera, and a show whose second cue compares, in the audience's window.
    commands.state.display = replace(commands.state.display, models="difference", nearest=True)
    result = desk.settle()
    side = shown[0].shape[0]
    drawn = pictures(CameraScene(result, commands.state.display), (side, side))
    whole = layouts.compose(commands.state, desk.pictures())
    assert np.array_equal(np.asarray(drawn), whole)
    alone = Cue.of(replace(commands.state, compare=None), transition="cut")
    commands.state.cues = (alone, Cue.of(commands.state, transition="cut"))
    commands.cue_index = 0
    commands.interface.audience, commands.interface.audience_names = "window", False
    screen = begin(desk)
    desk.key("Next")
    arrive(desk)
    desk.until(lambda: commands.second is not None and desk.is_settled(), 20)
    desk.until(lambda: np.array_equal(screen.read_pixels(), whole))
    commands.end_show()
    quiet(desk)

    # What it exports is what was seen, whatever happens meanwhile.
    commands.state.t = 0.0
    desk.settle()
    whole = layouts.compose(commands.state, desk.pictures())
    commands.exports.what = "frames"
    commands.export()
    desk.key("r")
    desk.run_jobs(60)
    commands.stop_comparing()
    first = min(Path(commands.capture_folder).glob("*/frame_*.png"))
    with Image.open(first) as saved:
        assert np.array_equal(np.asarray(saved), whole)
    assert len(list(first.parent.glob("frame_*.png"))) == 16
    quiet(desk)
