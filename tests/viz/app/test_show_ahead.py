"""What a show prepares: the next cue's pictures and model, small pictures of the cues, and a whole
show of two models as the audience sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gui_utils import controls
from gui_utils.window.picture_window import PictureWindow
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver
from tests.viz.app.test_stage import arrive, begin, faded_in, index, with_cues
from training.checkpoint import save
from training.networks.generator import Generator
from viz.app.stage.virtual_camera import pictures
from viz.render.messages import LoadAhead, LoadSecond
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.comparing.comparison import Comparison
from viz.state.jobs import Job, finish
from viz.state.person import Latent
from viz.state.types import Cue, Orbit, SessionState, Transition

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@pytest.fixture
def other(small_generator: Generator, tmp_path: Path) -> Path:
    """A checkpoint whose pictures differ."""
    path = tmp_path / "other.safetensors"
    changed = app_driver.sharpened(small_generator)
    changed.decoder.get_parameter("net.2.bias").add_(0.5)
    save(path, changed)
    return path


def edit(desk: AppDriver, k: int, change: Callable[[Cue], Cue]) -> None:
    desk.commands.cue_index = k
    cue = desk.commands.chosen_cue
    assert cue is not None
    desk.commands.edit_cue(change(cue))


def prepared(desk: AppDriver) -> None:
    """Run until the next cue's pictures are there."""
    commands = desk.commands
    desk.until(lambda: commands.ahead and not commands.scheduler.lacks(commands.ahead))


def test_the_next_cue_is_there_before_its_key(desk: AppDriver, other: Path) -> None:
    show = with_cues(desk)
    edit(show, 1, lambda cue: replace(cue, plays="orbit"))
    edit(show, 2, lambda cue: replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    screen = begin(show)
    first = screen.read_pixels()
    prepared(show)
    assert len(show.commands.ahead) > 2, "what plays begins to be rendered, too"
    show.run_jobs()
    show.commands.next_cue()
    show.frames(1)
    state = show.commands.state.cues[1].applied_to(SessionState())
    expected = Renderer(show.renderer.G).render(layouts.full_request(state)).pictures[0]
    assert expected is not None
    assert np.array_equal(screen.read_pixels(), expected), "within the frame of the key"
    show.commands.interface.auto_orbit = False
    show.commands.next_cue()
    rendered = len(show.results)
    arrive(show)
    assert show.model.path == str(other)
    shown = screen.read_pixels()
    assert np.array_equal(shown, show.picture())
    assert show.wanted() not in [result.request for result in show.results[rendered:]]
    other.unlink()
    show.key("Home")
    arrive(show)
    assert np.array_equal(screen.read_pixels(), first)
    show.key("End")  # its file is gone, but not from memory
    arrive(show)
    assert np.array_equal(screen.read_pixels(), shown)


def test_a_compared_model_is_there_before_its_key(desk: AppDriver, other: Path) -> None:
    show = with_cues(desk)
    both = replace(show.commands.state.display, layout="models")
    edit(show, 1, lambda cue: replace(cue, display=both, compare=Comparison(str(other))))
    show.commands.cue_index = 0
    show.commands.interface.audience_names = False
    screen = begin(show)
    show.run_jobs()
    rendered = len(show.results)
    show.key("Next")
    arrive(show)
    assert show.commands.second is not None and show.commands.second.path == str(other)
    expected = layouts.compose(show.commands.state, show.pictures())
    assert np.array_equal(screen.read_pixels(), expected)
    assert show.wanted() not in [result.request for result in show.results[rendered:]]
    show.commands.interface.audience_names = True
    show.frames(2)
    side, named = expected.shape[0], screen.read_pixels()
    assert (named[side // 2, side // 2] == 255).all(), "the line between the models"
    assert not np.array_equal(named[:8, :20], expected[:8, :20]), "the first model's name"
    assert not np.array_equal(named[:8, -20:], expected[:8, -20:]), "the second one's"
    assert np.array_equal(named[-20:, : side // 4], expected[-20:, : side // 4])
    conference = np.asarray(pictures(show.app.audience.scene, (side, side))).astype(int)
    assert np.abs(conference - named).max() <= 1, "the virtual camera shows the same"
    other.write_bytes(b"nothing that a model is made of")
    show.key("Prior")
    arrive(show)
    first = screen.read_pixels()
    show.commands.worker.start(LoadSecond(""))  # lets what is kept go
    show.commands.second = None
    show.commands.retry_second()
    show.run_jobs()
    show.key("Next")
    standing = show.commands.current_show
    assert standing is not None
    show.until(lambda: standing.failed)
    show.frames(3)
    assert np.array_equal(screen.read_pixels(), first)


def test_quick_steps_between_models_end_at_the_right_one(desk: AppDriver, other: Path) -> None:
    show = with_cues(desk)
    edit(show, 1, lambda cue: replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    screen = begin(show)
    first = screen.read_pixels()
    show.commands.next_cue()
    assert show.commands.current_show is not None
    assert show.commands.current_show.word == "LOADING"
    show.commands.previous_cue()
    arrive(show)
    show.run_jobs()
    assert show.model.name == "small.safetensors"
    assert np.array_equal(screen.read_pixels(), first)


def test_a_model_whose_loading_ends_the_worker_is_not_prepared_for_ever(
    desk: AppDriver, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = with_cues(desk)
    edit(show, 1, lambda cue: replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    worker, tries = show.commands.worker, []
    start = worker.start

    def fatal(job: Job, *arguments: Any) -> int:
        number = start(job, *arguments)
        if isinstance(job, LoadAhead):
            tries.append(number)
            show.host.vanish()
        return number

    monkeypatch.setattr(worker, "start", fatal)
    begin(show)
    show.until(lambda: len(tries) == 3, 30)
    show.run_for(1.0)
    arrive(show)
    assert len(tries) == 3
    monkeypatch.undo()
    show.commands.next_cue()
    arrive(show)
    assert show.model.path == str(other)


def test_a_model_that_cannot_be_read_leaves_the_picture(desk: AppDriver, other: Path) -> None:
    show = with_cues(desk)
    edit(show, 1, lambda cue: replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    other.write_bytes(b"nothing that a model is made of")
    screen = begin(show)
    first = screen.read_pixels()
    show.key("Next")
    standing = show.commands.current_show
    assert standing is not None
    show.until(lambda: standing.failed)
    show.frames(3)
    assert np.array_equal(screen.read_pixels(), first)
    assert "other.safetensors" in standing.message
    show.key("Next")
    arrive(show)
    assert np.array_equal(screen.read_pixels(), show.picture())
    assert show.model.name == "small.safetensors"


def test_cues_have_small_pictures(desk: AppDriver, other: Path) -> None:
    show = with_cues(desk)
    edit(show, 1, lambda cue: replace(cue, checkpoint=str(other)))
    show.commands.cue_index = 0
    show.commands.preferences.opened(str(other))
    controls.open_sections.update({panel: panel == "Show" for panel in controls.open_sections})
    show.resize(1390, 980)

    def there() -> list[bool]:
        return [show.commands.cue_image(cue) is not None for cue in show.commands.state.cues]

    show.until(lambda: there() == [True, False, True])
    edit(show, 0, lambda cue: replace(cue, name="Renamed"))
    assert there() == [True, False, True]
    show.commands.cue_index = 0
    begin(show)
    show.until(lambda: all(there()))  # the next cue's model is there
    show.frames(2)
    assert "Next cue's picture" in controls.rects


def eight_cues(desk: AppDriver, other: Path) -> list[np.ndarray]:
    """Eight cues over two checkpoints; what a headless render shows of each."""
    ways: list[Transition] = ["cut", "fade", "glide", "cut", "fade", "cut", "fade", "glide"]
    own = desk.model.path
    desk.commands.preferences.opened(str(other))
    desk.commands.state.cues = tuple(
        Cue(
            name=f"Cue {k}",
            checkpoint=own if k % 4 < 2 else str(other),
            latent=Latent.at(k),
            orbit=Orbit(yaw=5.0 * k - 20),
            transition=way,
            seconds=0.1,
        )
        for k, way in enumerate(ways)
    )
    renderers: dict[str, Renderer] = {}
    expected: list[np.ndarray] = []
    with torch.inference_mode():
        for cue in desk.commands.state.cues:
            if cue.checkpoint not in renderers:
                loaded = finish(load_model(cue.checkpoint, torch.device("cpu")))
                renderers[cue.checkpoint] = Renderer(loaded.G, reference=loaded.reference)
            request = layouts.full_request(cue.applied_to(SessionState()))
            picture = renderers[cue.checkpoint].render(request).pictures[0]
            assert picture is not None
            expected.append(picture)
    return expected


@dataclass
class Seen:
    """What the audience saw in a frame."""

    pixels: np.ndarray
    angle: float
    """That the picture was rendered from, radians."""


def recorded(desk: AppDriver, screen: PictureWindow) -> list[Seen]:
    """Gets every frame that the audience sees from now on."""
    frames: list[Seen] = []
    update = desk.app.audience.update

    def record(now: float) -> None:
        update(now)
        result = desk.app.audience.scene.result
        assert result is not None
        x, _, z = result.request.shots[0].camera.position
        frames.append(Seen(screen.read_pixels(), math.atan2(x, z)))

    desk.app.audience.update = record
    return frames


def test_a_show_of_two_models_by_a_clicker(desk: AppDriver, other: Path) -> None:
    expected = eight_cues(desk, other)
    desk.commands.interface.audience = "window"
    screen = begin(desk)
    desk.until(lambda: np.array_equal(screen.read_pixels(), expected[0]))
    frames = recorded(desk, screen)
    desk.frames(1)
    keys = ["Next", "Right", "Down", "space", "Next", "Return", "Next"]
    for k, key in enumerate(keys, start=1):
        del frames[:-1]
        desk.key(key)
        arrive(desk)
        desk.until(lambda k=k: np.array_equal(frames[-1].pixels, expected[k]))
        before, after = expected[k - 1].astype(int), expected[k].astype(int)
        assert index(desk) == k
        last, cue = desk.commands.state.cues[k - 1 : k + 1]
        low, high = np.minimum(before, after) - 2, np.maximum(before, after) + 2
        glides = cue.transition == "glide" and cue.checkpoint == last.checkpoint
        for frame in frames:
            assert frame.pixels.std() > 1, "no blank"
            if cue.transition == "cut":
                assert any(np.array_equal(frame.pixels, whole) for whole in (before, after))
            elif not glides:
                assert ((frame.pixels >= low) & (frame.pixels <= high)).all()
        way = np.diff([frame.angle for frame in frames])
        assert (way >= 0).all() or (way <= 0).all(), "nothing stale in between"
        assert glides or np.count_nonzero(way) == 1
    desk.key("Prior")
    faded_in(desk, screen)
    assert np.array_equal(screen.read_pixels(), expected[6])


def test_the_inset_lies_in_the_corner(desk: AppDriver) -> None:
    show = with_cues(desk)
    edit(show, 0, lambda cue: replace(cue, display=replace(cue.display, inset="depth")))
    show.commands.cue_index = 0
    screen = begin(show)
    pictures = show.pictures()
    assert len(pictures) == 2
    expected = layouts.compose(show.commands.state, pictures).astype(int)
    seen = screen.read_pixels().astype(int)
    assert not np.array_equal(seen, pictures[0])
    assert np.abs(seen - expected).max() <= 3  # OpenGL rounds otherwise
    show.key("Next")
    arrive(show)
    assert np.array_equal(screen.read_pixels(), show.picture())
