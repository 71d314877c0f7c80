"""The worker with real models and no window: in a thread, to look into it, and as a process."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from tests.viz.render import fragile_worker
from tests.viz.render.worker_thread import WorkerThread
from training.checkpoint import save
from training.networks.generator import Generator as Network
from viz.exports.export_jobs import ExportJob
from viz.exports.frame_options import FrameOptions, Movement
from viz.render import worker as worker_module
from viz.render.connection import WorkerConnection
from viz.render.inference.stage_interface import Stages
from viz.render.messages import (
    ArrayRing,
    Cancelled,
    Event,
    Failed,
    Finished,
    Loaded,
    Ready,
    Render,
    Rendered,
    Restarted,
    decode,
    encode,
    pack,
    unpack,
)
from viz.render.renderer import Renderer
from viz.render.worker_host import in_process
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.person import Latent
from viz.state.types import Preview, Quality, RenderRequest, RenderResult, SessionState
from viz.worker_process import run

PATIENCE = 20.0
STEPS: dict[str, Callable[[], Generator[tuple[str, float | None], None, Any]]] = {}
"""What the jobs of these tests do, by name."""


@dataclass(frozen=True)
class Job:
    """A job of these tests."""

    name: str


@dataclass(frozen=True)
class IdleJob(Job):
    """One that is done in idle time."""

    idle: ClassVar[bool] = True


class Desk(WorkerConnection):
    """A worker in a thread, and the connection to it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.thread = WorkerThread(dict.fromkeys((Job, IdleJob), lambda job, _: STEPS[job.name]()))
        super().__init__(self.thread.launch, "cpu", wake)

    @property
    def renderer(self) -> Renderer:
        assert self.thread.worker is not None
        assert self.thread.worker.renderer is not None
        return self.thread.worker.renderer


@pytest.fixture
def worker() -> Iterator[Desk]:
    STEPS.clear()
    _LEFT.clear()
    worker = Desk()
    yield worker
    worker.close()


@pytest.fixture
def path(small_generator: Network, tmp_path: Path) -> str:
    save(tmp_path / "small.safetensors", small_generator)
    return str(tmp_path / "small.safetensors")


@pytest.fixture
def ready(worker: Desk, path: str) -> Desk:
    """A worker with a model."""
    worker.load(path)
    wait(worker, Loaded)
    wait(worker, Finished)
    return worker


EventKind = TypeVar("EventKind", bound=Event)
_LEFT: dict[int, list[Event]] = {}
"""What came and was not waited for yet, by worker."""


def wait(
    worker: WorkerConnection, kind: type[EventKind], events: list[Event] | None = None
) -> EventKind:
    """The next event of a kind; those before it go to `events`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        _LEFT.setdefault(id(worker), []).extend(worker.poll())
        while _LEFT[id(worker)]:
            event = _LEFT[id(worker)].pop(0)
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


def until(worker: WorkerConnection, done: Callable[[], object]) -> None:
    """Polls until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        worker.poll()
        time.sleep(0.002)


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


def test_previews_finish_and_full_pictures_give_way(ready: Desk, monkeypatch: pytest.MonkeyPatch):
    started, go_on = threading.Event(), threading.Event()
    renderer = ready.renderer
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
        ready.submit(first)
        assert started.wait(PATIENCE)
        ready.submit(second)
        monkeypatch.setattr(stages, "planes", planes)
        go_on.set()
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


def test_lack_of_memory_frees_what_is_kept(ready: Desk, monkeypatch: pytest.MonkeyPatch):
    ready.submit(request(0.1))
    wait(ready, Rendered)
    renderer = ready.renderer
    assert renderer.cache.used_bytes > 0

    def too_much(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(stages_of(renderer), "planes", too_much)
    ready.submit(request(0.2))
    failed = wait(ready, Failed)
    assert failed.out_of_memory
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


def test_jobs_and_pictures_take_turns(ready: Desk):
    steps_done, seen = [], []

    def steps():
        for k in range(100):
            steps_done.append(k)
            yield f"step {k}", k / 100
            time.sleep(0.005)
        return "all"

    STEPS["Counting"] = steps
    ready.start(Job("Counting"), seen.append)
    while not steps_done:
        time.sleep(0.001)
    ready.submit(request(0.7))
    events: list[Event] = []
    finished = wait(ready, Finished, events)
    assert any(isinstance(event, Rendered) for event in events), "the picture came meanwhile"
    assert finished.value == "all"
    assert seen == ["all"]


def test_a_job_can_be_stopped_and_cleans_up(ready: Desk):
    cleaned = threading.Event()

    def steps():
        try:
            while True:
                yield "on and on", None
                time.sleep(0.001)
        finally:
            cleaned.set()

    STEPS["Endless"] = steps
    ready.start(Job("Endless"))
    until(ready, lambda: ready.status is not None and ready.status.detail)
    ready.cancel()
    assert wait(ready, Cancelled).name == "Endless"
    assert cleaned.is_set()
    assert ready.status is None


def test_an_idle_job_makes_way_and_goes_on(ready: Desk, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []

    def steps(name: str, count: int) -> Generator[tuple[str, float | None], None, None]:
        for k in range(count):
            done.append(name)
            yield name, k / count
            time.sleep(0.002)

    STEPS["Idling"] = lambda: steps("idle", 60)
    STEPS["Working"] = lambda: steps("work", 20)
    ended: list[str] = []
    ready.start(IdleJob("Idling"), lambda _: ended.append("idle"))
    until(ready, lambda: len(done) > 5 and ready.idle_fraction)
    assert ready.status is None, "it is not shown"
    ready.start(Job("Working"), lambda _: ended.append("work"))
    until(ready, lambda: len(ended) == 2)
    assert ended == ["work", "idle"]
    first = done.index("work")
    assert done[first : first + 20] == ["work"] * 20, "nothing comes between"

    monkeypatch.setattr(worker_module, "_QUIET_SECONDS", 60.0)  # pictures come and come
    done.clear()
    ready.submit(request(0.5))
    wait(ready, Rendered)
    ready.start(IdleJob("Idling"))
    ready.submit(request(0.6))
    wait(ready, Rendered)
    assert not done
    ready.cancel(idle=True)
    assert wait(ready, Cancelled).name == "Idling"


def test_a_job_that_waits_for_a_picture_is_known_and_can_be_stopped(
    ready: Desk, monkeypatch: pytest.MonkeyPatch
):
    started, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        started.set()
        assert go_on.wait(PATIENCE)
        raise UserError("enough")

    monkeypatch.setattr(ready.renderer, "render", slow)
    ready.submit(request(0.1))
    assert started.wait(PATIENCE)

    def steps():
        yield "never", None

    STEPS["Waiting"] = steps
    ready.start(Job("Waiting"))
    assert ready.status is not None
    assert ready.status.name == "Waiting"
    ready.cancel()
    assert wait(ready, Cancelled).name == "Waiting"
    assert ready.status is None
    go_on.set()


def test_a_job_that_fails_is_told(ready: Desk):
    def steps():
        yield "begun", 0.1
        raise ValueError("no luck")

    STEPS["Trying"] = steps
    ready.start(Job("Trying"))
    failed = wait(ready, Failed)
    assert failed.sentence == "Trying failed: no luck"
    assert "Traceback" in failed.details


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep less, or are not asked")
def test_memory_goes_back_to_the_system_after_a_job(ready: Desk):
    process, kept = psutil.Process(), []

    def steps():
        held = [torch.ones(2**14) for _ in range(4000)]  # 64 kB each
        kept.append(torch.ones(2**14))  # lies behind them, so that they cannot simply be cut off
        yield "begun", 0.1
        del held

    STEPS["Holding"] = steps
    before = process.memory_info().rss
    ready.start(Job("Holding"))
    wait(ready, Finished)
    end = time.monotonic() + PATIENCE
    while process.memory_info().rss > before + 100 * 2**20:
        assert time.monotonic() < end


def test_a_job_without_memory_says_so(ready: Desk):
    def steps():
        yield "begun", 0.1
        raise torch.OutOfMemoryError("CUDA out of memory")

    ready.submit(request(0.1))
    wait(ready, Rendered)
    STEPS["Saving the picture"] = steps
    ready.start(Job("Saving the picture"))
    failed = wait(ready, Failed)
    assert failed.sentence == "Saving the picture failed: there is not enough memory."
    assert ready.renderer.cache.used_bytes == 0


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


# The wire


def test_arrays_go_through_the_ring_for_as_long_as_it_has_room():
    memory = SharedMemory(create=True, size=2**16)
    writer, reader = ArrayRing(memory), ArrayRing(memory)
    try:
        rng = np.random.default_rng(0)
        waiting: list[tuple[np.ndarray, bytes]] = []
        sizes = []
        for _ in range(200):
            picture = rng.integers(0, 255, (rng.integers(20, 90), 64, 3), np.uint8)
            result = RenderResult(request(), (picture, None))
            waiting.append((picture, encode(Rendered(result, 0), writer)))
            sizes.append(len(waiting[-1][1]))
            while waiting and rng.random() < 0.6:
                picture, data = waiting.pop(0)
                found = decode(data, reader).result.pictures
                assert (found[0] == picture).all()
                assert found[1] is None
        assert min(sizes) < 4000 < max(sizes), "some went through the ring, some had no room"
    finally:
        memory.close()
        memory.unlink()


def test_names_that_are_not_utf8_survive_the_wire():
    odd = "/old\udcc4\udce3/\ud800\0.ckpt"
    state = SessionState(odd, Latent(ws_file=odd))
    full = layouts.full_request(state)
    for message in (Render(full), Failed(odd, odd, full)):
        assert decode(encode(message)) == message
    picture = np.arange(2**14, dtype=np.uint16).reshape(128, 128)
    found = decode(encode(Rendered(RenderResult(full, (picture,), problems=(odd,)), 0))).result
    assert (found.request, found.problems) == (full, (odd,))
    assert np.array_equal(found.pictures[0], picture)
    job = ExportJob.of("frames", FrameOptions(), state, Path(odd))
    again = unpack(pack(job), ExportJob)
    assert (again.state, again.path) == (job.state, job.path)


def test_what_is_no_message_is_refused():
    for data in (b"", b"\xff\xff", encode(Ready("cpu"))[:-3]):
        with pytest.raises((ValueError, msgspec.MsgspecError)):
            decode(data)


# The process


@pytest.fixture
def process() -> Iterator[WorkerConnection]:
    worker = WorkerConnection(in_process(run), "cpu")
    yield worker
    worker.close()


def kill(worker: WorkerConnection) -> None:
    """What the system does to a process that takes too much memory."""
    host = worker.host
    assert isinstance(host, BaseProcess)
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)


def test_a_worker_that_is_killed_is_started_again(
    process: WorkerConnection, path: str, tmp_path: Path
):
    process.load(path)
    wait(process, Loaded)
    process.submit(request(0.25))
    before = wait(process, Rendered).result
    folder = tmp_path / "frames"
    job = ExportJob.of("frames", FrameOptions(Movement(frames=400)), SessionState(), folder)
    process.start(job)
    until(process, lambda: process.status is not None and process.status.fraction)
    kill(process)
    events: list[Event] = []
    restarted = wait(process, Restarted, events)
    assert "restarted" in restarted.sentence
    stopped = next(event for event in events if isinstance(event, Failed))
    assert "Exporting frames stopped" in stopped.sentence
    assert process.status is None
    process.submit(request(0.25))
    loaded = wait(process, Loaded)
    assert loaded.again
    after = wait(process, Rendered).result
    assert before.pictures[0] is not None
    assert after.pictures[0] is not None
    assert (after.pictures[0] == before.pictures[0]).all()
    for file in folder.glob("frame_*.png"):
        assert Image.open(file).convert("RGB").size == (128, 128), "what is there is whole"


def test_half_files_go_when_the_worker_ended(tmp_path: Path):
    worker = WorkerConnection(in_process(fragile_worker.die_writing), "cpu")
    try:
        folder = tmp_path / "frames"
        folder.mkdir()
        (folder / "frame_0000.png").write_bytes(b"whole")
        job = ExportJob.of("frames", FrameOptions(), SessionState(), folder)
        worker.start(job)
        events: list[Event] = []
        wait(worker, Restarted, events)
        assert "stopped" in next(e for e in events if isinstance(e, Failed)).sentence
        left = sorted(path.name for path in tmp_path.rglob("*"))
        assert left == ["frame_0000.png", "frames"]
    finally:
        worker.close()


def test_a_picture_that_ends_the_worker_three_times_is_set_aside():
    worker = WorkerConnection(in_process(fragile_worker.serve), "cpu")
    try:
        worker.submit(request(fragile_worker.DEADLY))
        events: list[Event] = []
        failed = wait(worker, Failed, events)
        assert failed.request == request(fragile_worker.DEADLY)
        assert "three times" in failed.sentence
        assert sum(isinstance(event, Restarted) for event in events) == 2
        worker.submit(request(0.5))
        assert wait(worker, Failed).sentence == "No torch."
    finally:
        worker.close()


def test_a_worker_that_cannot_start_is_told_and_not_tried_for_ever():
    worker = WorkerConnection(in_process(fragile_worker.die), "cpu")
    try:
        failed = wait(worker, Failed)
        assert "cannot be started" in failed.sentence
        assert worker.host is None
    finally:
        worker.close()


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
