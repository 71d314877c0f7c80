"""Small pictures: which are requested when, and which are kept."""

from __future__ import annotations

import numpy as np

from tests.viz.app.panel_gallery import sample_model
from viz.scheduling.thumbnails import Thumbnails, of_code, of_person
from viz.state.person import Latent, Motion
from viz.state.types import ModelInfo, RenderRequest, RenderResult

PICTURE = np.zeros((64, 64, 3), np.uint8)


class Worker:
    """What the window has requested of a worker, and the worker's answers."""

    def __init__(self) -> None:
        self.queue: list[RenderRequest] = []
        self.done: list[int] = []
        """Seeds of the people that it has rendered."""

    def submit(self, requests: tuple[RenderRequest, ...], appends: bool = False) -> None:
        self.queue = [*(self.queue if appends else ()), *requests]

    def render(self, thumbnails: Thumbnails, count: int = 1) -> None:
        for _ in range(min(count, len(self.queue))):
            request = self.queue.pop(0)
            self.done.append(request.shots[0].latent.seed)
            thumbnails.take(RenderResult(request, (PICTURE.copy(),), (None,)))


def model(weights: str) -> ModelInfo:
    return ModelInfo(**{**vars(sample_model()), "weights": weights})


def frame(
    thumbnails: Thumbnails, visible: range, around: range = range(0)
) -> list[np.ndarray | None]:
    found = [thumbnails.picture(of_person(Latent.at(seed))) for seed in visible]
    for seed in around:
        thumbnails.picture(of_person(Latent.at(seed)), urgency=1)
    thumbnails.send()
    return found


def test_what_is_visible_comes_first_and_once() -> None:
    worker = Worker()
    thumbnails = Thumbnails(worker.submit)
    found: list[np.ndarray | None] = []
    for _ in range(40):
        found = frame(thumbnails, range(20, 40), range(40, 60))
        assert thumbnails.waiting is False, "nothing has been asked for since"
        worker.render(thumbnails)
    assert all(picture is not None for picture in found)
    while worker.queue:
        worker.render(thumbnails)
        frame(thumbnails, range(20, 40), range(40, 60))
    assert worker.done == list(range(20, 60))


def test_scrolling_on_leaves_the_rest() -> None:
    worker = Worker()
    thumbnails = Thumbnails(worker.submit)
    frame(thumbnails, range(0, 20))
    worker.render(thumbnails)
    for _ in range(20):
        frame(thumbnails, range(100, 120))
        worker.render(thumbnails)
    assert worker.done == [0, *range(100, 120)]


def test_memory_stays_flat_through_thousands() -> None:
    worker = Worker()
    room = 100 * PICTURE.nbytes
    thumbnails = Thumbnails(worker.submit, room)
    for first in range(0, 2000, 10):
        for _ in range(3):
            frame(thumbnails, range(first, first + 20))
            worker.render(thumbnails, 8)
        assert thumbnails.used_bytes <= room
    assert len(thumbnails) == 100
    last = frame(thumbnails, range(1990, 2010))
    assert all(picture is not None for picture in last), "what is on show is still there"


def test_models_keep_their_pictures_apart() -> None:
    worker = Worker()
    thumbnails = Thumbnails(worker.submit)
    thumbnails.use(model("a"))
    frame(thumbnails, range(1))
    worker.render(thumbnails)
    thumbnails.use(model("b"))
    request = of_person(Latent.at(0))
    assert thumbnails.picture(request) is None
    assert thumbnails.picture(request, model="a") is not None, "that of another one is kept"
    thumbnails.picture(of_person(Latent.at(7)), model="a")
    thumbnails.send()
    assert [r.shots[0].latent.seed for r in worker.queue] == [0], "only this model can render"


def test_one_that_fails_does_not_keep_the_rest_away() -> None:
    worker = Worker()
    thumbnails = Thumbnails(worker.submit)
    frame(thumbnails, range(3))
    failed = worker.queue.pop(0)
    thumbnails.failed(failed, "There is no such person.")
    for _ in range(3):
        frame(thumbnails, range(3))
        worker.render(thumbnails)
    assert worker.done == [1, 2]
    assert thumbnails.problem(failed) == "There is no such person."
    frame(thumbnails, range(10, 13))
    worker.queue.clear()
    thumbnails.lost()
    frame(thumbnails, range(10, 13))
    worker.render(thumbnails, 9)
    assert worker.done == [1, 2, 11, 12], "the one under way may have ended the worker"


def test_a_motion_moves_on_the_person_shown() -> None:
    requests = of_code(Motion.at(3), Latent.at(5))
    shots = [request.shots[0] for request in requests]
    assert {(shot.latent.seed, shot.motion.seed) for shot in shots} == {(5, 3)}
    times = [shot.t for shot in shots]
    assert times == sorted(times, reverse=True)
    assert (times[0], times[-1]) == (1.0, 0.0)
    assert len(of_code(Latent.at(5), Latent())) == 1
