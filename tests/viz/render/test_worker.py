"""The worker thread with real models and no window."""

import gc
import threading
import time
import weakref
from typing import TypeVar

import pytest
import torch

from training.checkpoint import save
from viz.render.inference.stages import Stages
from viz.render.renderer import Renderer
from viz.render.worker import Cancelled, Event, Failed, Finished, Job, Loaded, Rendered, Worker
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.types import Preview, Quality, RenderRequest, SessionState

PATIENCE = 20.0


@pytest.fixture
def worker():
    worker = Worker(torch.device("cpu"))
    yield worker
    worker.close()


@pytest.fixture
def path(small_generator, tmp_path) -> str:
    save(tmp_path / "small.safetensors", small_generator)
    return str(tmp_path / "small.safetensors")


EventKind = TypeVar("EventKind", bound=Event)


def wait(worker: Worker, kind: type[EventKind], events: list[Event] | None = None) -> EventKind:
    """The next event of a kind; those before it go to `events`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for event in worker.poll():
            if isinstance(event, kind):
                return event
            if events is not None:
                events.append(event)
        time.sleep(0.002)
    raise AssertionError(f"no {kind.__name__} came")


def stages_of(renderer: Renderer) -> Stages:
    """The stages that full pictures are computed by."""
    return renderer.stages(renderer.plan(Quality()))


def request(t: float = 0.0, preview: Preview | None = None) -> RenderRequest:
    return RenderRequest(layouts.shots(SessionState(t=t)), preview=preview)


def test_a_model_loads_and_renders(worker, path):
    worker.load(path)
    info = wait(worker, Loaded).info
    assert (info.format, info.raw_resolution, info.moves) == ("PV3D visualizer", 16, True)
    worker.submit(request(0.5))
    result = wait(worker, Rendered).result
    assert result.request == request(0.5)
    assert result.pictures[0] is not None
    assert set(result.stage_ms) == {"mapping", "planes", "render", "superresolution", "copy"}


def test_what_follows_a_job_may_fail_alone(worker):
    def steps(_: object):
        yield "Working", None

    def fails(_: object) -> None:
        raise OSError("the clipboard is gone")

    worker.start(Job("First", steps, fails))
    worker.start(Job("Second", steps))
    end = time.monotonic() + PATIENCE
    while (worker.status or worker._jobs or worker._running) and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(0.05)
    failed, finished = worker.poll()
    assert isinstance(failed, Failed)
    assert failed.sentence.startswith("First")
    assert "clipboard" in failed.details
    assert isinstance(finished, Finished)


def test_a_job_that_is_under_way_cleans_up_when_the_worker_ends():
    cleaned = threading.Event()

    def steps(_: object):
        try:
            while True:
                yield "Working", None
        finally:
            cleaned.set()

    worker = Worker(torch.device("cpu"))
    worker.start(Job("Endless", steps))
    while worker.status is None or not worker.status.detail:
        time.sleep(0.002)
    worker.close()
    assert cleaned.is_set()


def test_the_newest_request_wins_and_none_is_answered_late(worker, path):
    worker.load(path)
    wait(worker, Loaded)
    for k in range(200):
        worker.submit(request(k / 200))
    last = request(199 / 200)
    answered = []
    while not answered or answered[-1] != last:
        answered.append(wait(worker, Rendered).result.request)
    assert len(answered) < 200, "requests that were replaced must not be rendered"
    time.sleep(0.1)
    assert worker.poll() == []


def test_previews_finish_and_full_pictures_give_way(worker, path, monkeypatch):
    worker.load(path)
    wait(worker, Loaded)
    started, go_on = threading.Event(), threading.Event()
    renderer = worker._renderer
    assert renderer is not None
    stages = stages_of(renderer)
    planes = stages.planes

    def slow_planes(*arguments, **options):
        started.set()
        assert go_on.wait(PATIENCE)
        return planes(*arguments, **options)

    for preview, is_answered in ((None, False), (Preview(), True)):
        renderer.cache.clear()
        monkeypatch.setattr(stages, "planes", slow_planes)
        started.clear()
        go_on.clear()
        first, second = request(0.1, preview), request(0.9)
        worker.submit(first)
        assert started.wait(PATIENCE)
        worker.submit(second)
        monkeypatch.setattr(stages, "planes", planes)
        go_on.set()
        answers = [wait(worker, Rendered).result.request]
        while answers[-1] != second:
            answers.append(wait(worker, Rendered).result.request)
        assert (first in answers) == is_answered


def test_an_error_is_told_and_the_worker_goes_on(worker, path, monkeypatch):
    worker.load(path)
    wait(worker, Loaded)
    renderer = worker._renderer
    assert renderer is not None
    stages = stages_of(renderer)
    planes = stages.planes

    def broken(*_, **__):
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(stages, "planes", broken)
    worker.submit(request(0.3))
    failed = wait(worker, Failed)
    assert "the machine is on fire" in failed.sentence
    assert "Traceback" in failed.details
    monkeypatch.setattr(stages, "planes", planes)
    worker.submit(request(0.3))
    assert wait(worker, Rendered).result.request == request(0.3)


def test_lack_of_memory_frees_what_is_kept(worker, path, monkeypatch):
    worker.load(path)
    wait(worker, Loaded)
    worker.submit(request(0.1))
    wait(worker, Rendered)
    renderer = worker._renderer
    assert renderer is not None
    assert renderer.cache.used_bytes > 0

    def too_much(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(stages_of(renderer), "planes", too_much)
    worker.submit(request(0.2))
    failed = wait(worker, Failed)
    assert failed.out_of_memory
    assert failed.request == request(0.2)
    assert renderer.cache.used_bytes == 0


def test_another_model_takes_the_place_of_the_first_in_memory(worker, path):
    worker.load(path)
    wait(worker, Loaded)
    assert worker._renderer is not None
    first = weakref.ref(worker._renderer.G)
    gc.disable()  # what waits for the collector would fill a GPU meanwhile
    try:
        worker.load(path)
        wait(worker, Loaded)
        assert first() is None
    finally:
        gc.enable()


def test_a_broken_file_leaves_the_model(worker, path, tmp_path):
    worker.load(path)
    wait(worker, Loaded)
    (tmp_path / "broken.ckpt").write_text("not a model")
    worker.load(str(tmp_path / "broken.ckpt"))
    assert "broken.ckpt" in wait(worker, Failed).sentence
    worker.submit(request(0.2))
    assert wait(worker, Rendered)


def test_jobs_and_pictures_take_turns(worker, path):
    worker.load(path)
    wait(worker, Loaded)
    steps_done, seen = [], []

    def steps(_):
        for k in range(100):
            steps_done.append(k)
            yield f"step {k}", k / 100
            time.sleep(0.005)
        return "all"

    worker.start(Job("Counting", steps, seen.append))
    while not steps_done:
        time.sleep(0.001)
    worker.submit(request(0.7))
    events: list[Event] = []
    finished = wait(worker, Finished, events)
    assert any(isinstance(event, Rendered) for event in events), "the picture came meanwhile"
    assert finished.value == "all"
    assert seen == ["all"]


def test_a_job_can_be_stopped_and_cleans_up(worker):
    cleaned = threading.Event()

    def steps(_):
        try:
            while True:
                yield "on and on", None
                time.sleep(0.001)
        finally:
            cleaned.set()

    worker.start(Job("Endless", steps))
    while worker.status is None or not worker.status.detail:
        time.sleep(0.001)
    worker.cancel()
    assert wait(worker, Cancelled).name == "Endless"
    assert cleaned.is_set()
    assert worker.status is None


def test_a_job_that_waits_for_a_picture_is_known_and_can_be_stopped(worker, path, monkeypatch):
    worker.load(path)
    wait(worker, Loaded)
    started, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        started.set()
        assert go_on.wait(PATIENCE)
        raise UserError("enough")

    monkeypatch.setattr(worker._renderer, "render", slow)
    worker.submit(request(0.1))
    assert started.wait(PATIENCE)

    def steps(_: object):
        yield "never", None

    worker.start(Job("Waiting", steps))
    assert worker.status is not None
    assert worker.status.name == "Waiting"
    worker.cancel()
    assert worker.status is None
    go_on.set()
    assert wait(worker, Cancelled).name == "Waiting"


def test_a_job_that_fails_is_told(worker):
    def steps(_):
        yield "begun", 0.1
        raise ValueError("no luck")

    worker.start(Job("Trying", steps))
    failed = wait(worker, Failed)
    assert failed.sentence == "Trying failed: no luck"
    assert "Traceback" in failed.details


def test_a_job_without_memory_says_so(worker, path):
    def steps(_):
        yield "begun", 0.1
        raise torch.OutOfMemoryError("CUDA out of memory")

    worker.load(path)
    wait(worker, Loaded)
    worker.submit(request(0.1))
    wait(worker, Rendered)
    worker.start(Job("Saving the picture", steps))
    failed = wait(worker, Failed)
    assert failed.sentence == "Saving the picture failed: there is not enough memory."
    assert worker._renderer is not None
    assert worker._renderer.cache.used_bytes == 0


def test_waking_is_asked_for_each_event(small_generator, path):
    woken = threading.Event()
    worker = Worker(torch.device("cpu"), woken.set)
    try:
        worker.load(path)
        wait(worker, Loaded)
        assert woken.is_set()
    finally:
        worker.close()


def test_closing_during_a_load_is_quick(path):
    worker = Worker(torch.device("cpu"))
    worker.load(path)
    start = time.monotonic()
    worker.close()
    assert time.monotonic() - start < 5
