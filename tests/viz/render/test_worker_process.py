"""The worker as a process that may end, and the wire to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from PIL import Image

from tests.viz.render import fragile_worker, worker_desk
from tests.viz.render.worker_desk import request, until, wait
from viz.exports.export_jobs import ExportJob, FindDirectionsJob
from viz.exports.frame_options import FrameOptions, Movement
from viz.exports.mesh_options import MeshOptions
from viz.render.connection import WorkerConnection
from viz.render.message_encoding import ArrayRing, decode, encode, pack, unpack
from viz.render.messages import (
    KINDS,
    Event,
    Failed,
    Finished,
    Loaded,
    Ready,
    Render,
    Rendered,
    Restarted,
)
from viz.render.worker_host import Host, in_process
from viz.state import layouts
from viz.state.person import Latent
from viz.state.types import RenderResult, SessionState
from viz.worker_process import run

worker, path, ready = worker_desk.worker, worker_desk.path, worker_desk.ready


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
                found = decode(data, KINDS, reader).result.pictures
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
        assert decode(encode(message), KINDS) == message
    picture = np.arange(2**14, dtype=np.uint16).reshape(128, 128)
    sent = encode(Rendered(RenderResult(full, (picture,), problems=(odd,)), 0))
    found = decode(sent, KINDS).result
    assert (found.request, found.problems) == (full, (odd,))
    assert np.array_equal(found.pictures[0], picture)
    job = ExportJob.of("frames", FrameOptions(), state, Path(odd))
    again = unpack(pack(job), ExportJob)
    assert (again.state, again.path) == (job.state, job.path)


def test_what_is_no_message_is_refused():
    for data in (b"", b"\xff\xff", encode(Ready("cpu"))[:-3]):
        with pytest.raises((ValueError, msgspec.MsgspecError)):
            decode(data, KINDS)


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
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "frame_0000.png").write_bytes(b"whole")
    worker.start(FindDirectionsJob())  # in idle time: it makes room for the export

    def stopped(job: ExportJob) -> str:
        worker.start(job)
        events: list[Event] = []
        wait(worker, Restarted, events)
        left = sorted(path.name for path in tmp_path.rglob("*"))
        assert left == ["frame_0000.png", "frames"]
        return next(e for e in events if isinstance(e, Failed)).sentence

    try:
        sentence = stopped(ExportJob.of("frames", FrameOptions(), SessionState(), folder))
        assert sentence.startswith("Exporting frames stopped: ")
        assert sentence.endswith(". Start it again; finished frames are kept.")
        target = tmp_path / "head.glb"
        sentence = stopped(ExportJob.of("mesh", MeshOptions(), SessionState(), target))
        assert sentence.startswith("Exporting head.glb stopped: ")
        assert sentence.endswith("unexpectedly. Start it again."), "a mesh begins anew"
        assert worker.idle_fraction is None or worker.idle_fraction == 0.5, "it is still to be done"
        assert worker.status is None
    finally:
        worker.close()


def test_half_files_go_when_a_worker_that_hangs_is_restarted(tmp_path: Path):
    worker = WorkerConnection(in_process(fragile_worker.hang_writing), "cpu")

    def half() -> list[Path]:
        return list(tmp_path.rglob("*.part*"))

    try:
        folder = tmp_path / "frames"
        folder.mkdir()
        worker.start(ExportJob.of("frames", FrameOptions(), SessionState(), folder))
        until(worker, lambda: worker.status is not None and worker.status.fraction)
        until(worker, lambda: len(half()) == 2)
        worker.restart()
        until(worker, lambda: not half())
    finally:
        worker.close()


def test_restarting_over_and_over_is_no_failure_and_one_that_failed_is_tried_again():
    dies = [False]
    good, bad = in_process(fragile_worker.serve), in_process(fragile_worker.die)

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        return (bad if dies[0] else good)(connection, device, memory)

    worker = WorkerConnection(launch, "cpu")
    try:
        hosts = [worker.host]
        for _ in range(5):
            worker.restart()
            hosts.append(worker.host)
        assert None not in hosts
        events: list[Event] = []
        wait(worker, Ready, events)
        assert not [event for event in events if isinstance(event, Failed)]
        assert len([event for event in events if isinstance(event, Restarted)]) == 5
        for host in hosts[:-1]:
            assert host is not None
            host.join(10)
            assert not host.is_alive()
        dies[0] = True
        kill(worker)
        assert "cannot be started" in wait(worker, Failed).sentence
        assert worker.host is None
        dies[0] = False
        worker.restart()
        wait(worker, Ready)
    finally:
        worker.close()


def test_a_worker_that_hangs_does_not_outlive_a_window_that_was_killed():
    code = "from tests.viz.render.fragile_worker import hang_in_a_window; hang_in_a_window()"
    window = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert window.stdout is not None
    worker = psutil.Process(int(window.stdout.readline()))
    assert worker.is_running()
    window.kill()
    window.wait()
    worker.wait(20)
    window.stdout.close()


def test_a_worker_that_is_held_does_not_keep_the_window():
    worker = WorkerConnection(in_process(fragile_worker.serve), "cpu")
    wait(worker, Ready)
    host = worker.host
    assert isinstance(host, BaseProcess)
    assert host.pid is not None
    os.kill(host.pid, signal.SIGSTOP)
    while psutil.Process(host.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    worker.close(0.0)
    assert host.exitcode == -signal.SIGKILL


def test_a_worker_that_is_held_in_a_job_can_be_restarted(
    process: WorkerConnection, path: str, tmp_path: Path
):
    process.load(path)
    wait(process, Finished)
    options, folder = FrameOptions(Movement(frames=400)), tmp_path / "frames"
    process.start(ExportJob.of("frames", options, SessionState(), folder))
    until(process, lambda: process.status is not None and process.status.fraction)
    held = process.host
    assert isinstance(held, BaseProcess)
    assert held.pid is not None
    os.kill(held.pid, signal.SIGSTOP)
    process.restart()
    assert process.host is not held
    events: list[Event] = []
    assert wait(process, Restarted, events).sentence == "The renderer was restarted."
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert failed.sentence.startswith("Exporting frames stopped: the renderer was restarted. ")
    assert wait(process, Loaded).again


def test_each_worker_has_shared_memory_whose_name_goes_once_it_began():
    names: list[str] = []
    process = in_process(fragile_worker.serve)

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        assert memory is not None
        names.append(memory.name)
        return process(connection, device, memory)

    worker = WorkerConnection(launch, "cpu")
    try:
        wait(worker, Ready)
        kill(worker)
        wait(worker, Restarted)
        wait(worker, Ready)
        assert len(set(names)) == 2
        for name in names:  # nothing is left even where all processes are killed
            with pytest.raises(FileNotFoundError):
                SharedMemory(name)
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
        ended: list[bool] = []
        worker.load("some.ckpt", ended=lambda: ended.append(True))
        failed = wait(worker, Failed)
        assert "cannot be started" in failed.sentence
        assert worker.host is None
        assert (ended, worker.status) == ([True], None), "nothing is left that seems to be done"
    finally:
        worker.close()


def test_a_system_without_room_for_another_worker_is_told_until_there_is():
    serve, room = in_process(fragile_worker.serve), [True]

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        if not room[0]:
            raise OSError("no room for another process")
        return serve(connection, device, memory)

    worker = WorkerConnection(launch, "cpu")
    try:
        wait(worker, Ready)
        room[0] = False
        kill(worker)
        assert "cannot be started: no room" in wait(worker, Failed).sentence
        ended: list[bool] = []
        worker.load("some.ckpt", ended=lambda: ended.append(True))
        assert "cannot be started: no room" in wait(worker, Failed).sentence
        assert (ended, worker.status) == ([True], None)
        room[0] = True
        worker.load("some.ckpt")
        wait(worker, Finished)
    finally:
        worker.close()


def test_spare_workers_that_end_or_cannot_begin_are_not_tried_for_ever():
    serve, die = in_process(fragile_worker.serve), in_process(fragile_worker.die)
    begun: list[Host] = []

    def launch(connection: Connection, device: str, memory: SharedMemory | None) -> Host:
        if len(begun) > 8:
            raise OSError("no room for another process")
        begun.append((die if begun else serve)(connection, device, memory))
        return begun[-1]

    def listening() -> int:
        return sum(thread.name == "worker _listen" for thread in threading.enumerate())

    worker = WorkerConnection(launch, "cpu")
    try:
        wait(worker, Ready)
        for most in (4, 7):  # three in one show, three in the next
            until(worker, lambda most=most: worker.keep_spare(True) or len(begun) == most)
            until(worker, lambda: listening() == 1)
            worker.poll()
            worker.keep_spare(True)
            assert len(begun) == most
            worker.keep_spare(False)
        begun += begun[:2]
        worker.keep_spare(True)
        worker.submit(request(0.5))
        assert wait(worker, Failed).sentence == "No torch."
    finally:
        worker.close()
