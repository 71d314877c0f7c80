"""Long jobs of the worker beside its pictures."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator

import psutil
import pytest
import torch

from tests.viz.render import worker_desk
from tests.viz.render.worker_desk import PATIENCE, STEPS, Desk, IdleJob, Job, request, until, wait
from viz.render import worker as worker_module
from viz.render.messages import Cancelled, Event, Failed, Finished, Rendered
from viz.state.errors import UserError

worker, path, ready = worker_desk.worker, worker_desk.path, worker_desk.ready


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

    def slow(*_: object, **__: object) -> None:
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
        torch.empty(2**58)

    ready.submit(request(0.1))
    wait(ready, Rendered)
    STEPS["Saving the picture"] = steps
    ready.start(Job("Saving the picture"))
    failed = wait(ready, Failed)
    assert failed.sentence == "Saving the picture failed: there is not enough memory."
    assert ready.renderer.cache.used_bytes == 0
