"""The worker with real models and no window, in a thread."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.viz.render import worker_desk
from tests.viz.render.worker_desk import PATIENCE, STEPS, Desk, Job, request, stages_of, until, wait
from tests.viz.render.worker_thread import WorkerThread
from viz.render.connection import WorkerConnection
from viz.render.messages import Dropped, Event, Failed, Finished, Loaded, Ready, Rendered
from viz.state import layouts
from viz.state.person import Latent
from viz.state.types import Preview, Quality, RenderRequest, SessionState

worker, path, ready = worker_desk.worker, worker_desk.path, worker_desk.ready


def test_a_model_loads_and_renders(worker: Desk, path: str):
    worker.load(path)
    info = wait(worker, Loaded).info
    assert (info.format, info.raw_resolution, info.moves) == ("PV3D visualizer", 16, True)
    worker.submit(request(0.5))
    result = wait(worker, Rendered).result
    assert result.request == request(0.5)
    assert result.pictures[0] is not None
    assert set(result.stage_ms) == {"mapping", "planes", "render", "superresolution", "copy"}


def test_a_picture_that_is_asked_for_early_comes_once_its_model_is_there(worker: Desk, path: str):
    worker.submit(request(0.5))
    worker.load(path)
    assert wait(worker, Rendered).result.request == request(0.5)


def test_what_follows_a_job_may_fail_alone(ready: Desk):
    def steps() -> Generator[tuple[str, None], None, None]:
        yield "Working", None

    def fails(_: object) -> None:
        raise OSError("the clipboard is gone")

    STEPS["First"] = STEPS["Second"] = steps
    ready.start(Job("First"), fails)
    ready.start(Job("Second"))
    failed = wait(ready, Failed)
    assert failed.sentence.startswith("First")
    assert "clipboard" in failed.details
    wait(ready, Finished)


def test_a_job_that_is_under_way_cleans_up_when_the_worker_ends(ready: Desk):
    cleaned = threading.Event()

    def steps() -> Generator[tuple[str, None], None, None]:
        try:
            while True:
                yield "Working", None
        finally:
            cleaned.set()

    STEPS["Endless"] = steps
    ready.start(Job("Endless"))
    until(ready, lambda: ready.status is not None and ready.status.detail)
    ready.close()
    assert cleaned.is_set()


def test_the_newest_request_wins_and_none_is_answered_late(ready: Desk):
    for k in range(200):
        ready.submit(request(k / 200))
    last = request(199 / 200)
    answered = []
    while not answered or answered[-1] != last:
        answered.append(wait(ready, Rendered).result.request)
    assert len(answered) < 200, "requests that were replaced must not be rendered"
    time.sleep(0.1)
    assert ready.poll() == []


def test_a_picture_requested_again_meanwhile_is_rendered_to_its_end_and_answered_once(
    ready: Desk, monkeypatch: pytest.MonkeyPatch
):
    started, go_on = threading.Event(), threading.Event()
    stages = stages_of(ready.renderer)
    planes = stages.planes

    def slow_planes(*arguments, **options):
        started.set()
        assert go_on.wait(PATIENCE)
        return planes(*arguments, **options)

    monkeypatch.setattr(stages, "planes", slow_planes)
    ready.submit(request(0.1))
    assert started.wait(PATIENCE)
    for t in (0.2, 0.1, 0.1):
        ready.submit(request(t))
    assert wait(ready, Dropped).request == request(0.2)
    go_on.set()
    events: list[Event] = []
    result = wait(ready, Rendered, events).result
    assert result.request == request(0.1)
    assert "planes" not in result.stage_ms, "what was done is kept"
    ready.submit(request(0.3))
    assert wait(ready, Rendered, events).result.request == request(0.3)
    assert events == []


def test_full_pictures_give_way_to_what_does_not_wait_for_them(
    ready: Desk, monkeypatch: pytest.MonkeyPatch
):
    started, go_on = threading.Event(), threading.Event()
    renderer = ready.renderer
    stages = stages_of(renderer)
    planes = stages.planes

    def slow_planes(*arguments, **options):
        started.set()
        assert go_on.wait(PATIENCE)
        return planes(*arguments, **options)

    cases = ((None, False, False), (Preview(), False, True), (None, True, True))
    for preview, waits, is_answered in cases:
        renderer.cache.clear()
        monkeypatch.setattr(stages, "planes", slow_planes)
        started.clear()
        go_on.clear()
        first, second = request(0.1, preview), request(0.9)
        ready.submit(first)
        assert started.wait(PATIENCE)
        ready.submit(second, waits)
        monkeypatch.setattr(stages, "planes", planes)
        go_on.set()
        if not is_answered:
            assert wait(ready, Dropped).request == first
        answers = [wait(ready, Rendered).result.request]
        while answers[-1] != second:
            answers.append(wait(ready, Rendered).result.request)
        assert (first in answers) == is_answered


def test_an_error_is_told_and_the_worker_goes_on(ready: Desk, monkeypatch: pytest.MonkeyPatch):
    renderer = ready.renderer
    stages = stages_of(renderer)
    planes = stages.planes

    def broken(*_, **__):
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(stages, "planes", broken)
    ready.submit(request(0.3))
    failed = wait(ready, Failed)
    assert "the machine is on fire" in failed.sentence
    assert "Traceback" in failed.details
    monkeypatch.setattr(stages, "planes", planes)
    ready.submit(request(0.3))
    assert wait(ready, Rendered).result.request == request(0.3)


def out_of_gpu_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("fill", [out_of_gpu_memory, lambda: torch.empty(2**58)])
def test_lack_of_memory_frees_what_is_kept(
    ready: Desk, monkeypatch: pytest.MonkeyPatch, fill: Callable[[], object]
):
    ready.submit(request(0.1))
    wait(ready, Rendered)
    renderer = ready.renderer
    assert renderer.cache.used_bytes > 0

    monkeypatch.setattr(stages_of(renderer), "planes", lambda *_, **__: fill())
    ready.submit(request(0.2))
    failed = wait(ready, Failed)
    assert failed.out_of_memory
    assert failed.sentence == "There is not enough memory for this picture."
    assert failed.request == request(0.2)
    assert renderer.cache.used_bytes == 0


def test_another_model_takes_the_place_of_the_first_in_memory(ready: Desk, path: str):
    first = weakref.ref(ready.renderer.G)
    gc.disable()  # what waits for the collector would fill a GPU meanwhile
    try:
        ready.load(path)
        wait(ready, Loaded)
        assert first() is None
    finally:
        gc.enable()


def test_a_broken_file_leaves_the_model(ready: Desk, tmp_path: Path):
    (tmp_path / "broken.ckpt").write_text("not a model")
    ready.load(str(tmp_path / "broken.ckpt"))
    assert "broken.ckpt" in wait(ready, Failed).sentence
    ready.submit(request(0.2))
    assert wait(ready, Rendered)


def test_waking_is_asked_for_each_event(path: str):
    woken = threading.Event()
    worker = Desk(woken.set)
    try:
        worker.load(path)
        wait(worker, Loaded)
        assert woken.is_set()
    finally:
        worker.close()


def test_closing_during_a_load_is_quick(path: str):
    worker = Desk()
    worker.load(path)
    start = time.monotonic()
    worker.close()
    assert time.monotonic() - start < 5


def test_a_device_that_is_not_here_is_told_and_another_is_used():
    thread = WorkerThread()
    worker = WorkerConnection(thread.launch, "cuda:31")
    try:
        ready = wait(worker, Ready)
        assert "cuda:31" in ready.notes[0]
        assert worker.device == ready.device != "cuda:31"
    finally:
        worker.close()


def test_a_mesh_is_sent_once(ready: Desk):
    state = SessionState()
    shot = replace(state.shot("mesh"), t=0.5)
    quality = Quality(mesh_resolution=24, mesh_level=0.01)
    first = RenderRequest((shot,), quality)
    ready.submit(first)
    mesh = wait(ready, Rendered).result.meshes[0]
    assert mesh is not None
    turned = replace(shot, camera=replace(state.orbit, yaw=30).camera())
    ready.submit(RenderRequest((shot, turned), quality))
    assert wait(ready, Rendered).result.meshes == (mesh, mesh)


def test_pictures_for_later_leave_the_picture_shown_alone(ready: Desk) -> None:
    """They come in their order, and neither replace what is requested nor its cached stages."""
    ready.submit(request())
    wait(ready, Rendered)
    runs = dict(ready.renderer.stage_runs)
    people = [RenderRequest(layouts.shots(SessionState(latent=Latent(x=k)))) for k in range(1, 5)]
    ready.submit_idle(tuple(people[:2]))
    ready.submit_idle(tuple(people[2:]), appends=True)
    ready.submit(request(0.5))
    events = [wait(ready, Rendered) for _ in range(5)]
    assert [event.result.request for event in events if not event.idle] == [request(0.5)]
    assert [event.result.request for event in events if event.idle] == people
    ready.submit(request())
    assert wait(ready, Rendered).stage_runs["planes"] == runs["planes"] + 1, "that at 0.5 alone"


def test_a_picture_for_later_that_fails_is_told_apart(ready: Desk) -> None:
    lost = RenderRequest(layouts.shots(SessionState(latent=Latent(ws_file="/no/such.person"))))
    ready.submit_idle((lost, request()))
    failed = wait(ready, Failed)
    assert failed.idle
    assert failed.request == lost
    assert wait(ready, Rendered).result.request == request()
