"""When a silent worker is reported."""

from __future__ import annotations

from itertools import pairwise

from viz.render.worker_host import BUSY_SECONDS, QUIET_SECONDS, REPEAT_SECONDS, StallWatch

STEP = 0.25
"""Seconds between two polls."""


class Silence:
    """A worker, on a simulated clock."""

    def __init__(self, heard: bool = True) -> None:
        self.watch, self.now, self.spent = StallWatch(), 100.0, 5.0
        if heard:
            self.watch.heard()

    def wait(self, seconds: float, share: float = 0.0, waits: bool = True) -> list[float]:
        """Lets time pass while it uses a share of a processor; when it was reported."""
        told: list[float] = []
        for k in range(round(seconds / STEP)):
            self.now += STEP
            self.spent += share * STEP
            if self.watch.look(self.now, waits, lambda: self.spent):
                told.append((k + 1) * STEP)
        return told


def test_a_worker_that_does_nothing_is_reported_soon_and_again() -> None:
    told = Silence().wait(60.0)
    assert QUIET_SECONDS <= told[0] < QUIET_SECONDS + 5
    assert all(REPEAT_SECONDS <= b - a < REPEAT_SECONDS + 3 for a, b in pairwise(told))
    assert len(told) > 2


def test_looking_for_a_result_now_and_then_is_not_work() -> None:
    assert Silence().wait(30.0, share=0.01)


def test_a_worker_that_computes_is_given_more_time_the_longer_it_took_before() -> None:
    worker = Silence()
    assert not worker.wait(60.0, share=0.5)
    worker.watch.heard()
    assert not worker.wait(270.0, share=0.5)
    assert worker.wait(40.0, share=0.5)
    (first, *_) = Silence().wait(200.0, share=0.5)
    assert BUSY_SECONDS <= first < BUSY_SECONDS + 5


def test_a_picture_that_takes_many_minutes_is_reported_ever_more_rarely() -> None:
    told = Silence().wait(1000.0, share=1.0)
    assert len(told) == 4
    assert all(b > 1.9 * a for a, b in pairwise(told))


def test_what_it_computed_before_it_got_stuck_does_not_count() -> None:
    worker = Silence()
    assert not worker.wait(40.0, share=1.0)
    told = worker.wait(40.0)
    assert QUIET_SECONDS <= told[0] < QUIET_SECONDS + 5


def test_signs_of_life_and_rest_are_no_silence() -> None:
    worker = Silence()
    for _ in range(10):
        assert not worker.wait(15.0)
        worker.watch.heard()
    assert not worker.wait(300.0, waits=False)
    assert not worker.wait(15.0)


def test_a_computer_that_was_asleep_has_not_waited() -> None:
    worker = Silence()
    worker.wait(5.0)
    worker.now += 8 * 3600
    assert not worker.wait(10.0)


def test_a_worker_that_starts_may_take_longer() -> None:
    worker = Silence(heard=False)
    assert not worker.wait(60.0)
    assert worker.wait(30.0)
