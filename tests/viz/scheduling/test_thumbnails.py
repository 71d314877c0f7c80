"""Small pictures of what a model recommends: when they are rendered, and what becomes of them."""

from __future__ import annotations

import numpy as np

from tests.viz.app.panel_gallery import sample_model
from viz.scheduling.scheduler import FILL_SECONDS, RequestScheduler
from viz.scheduling.thumbnails import Thumbnails
from viz.state import layouts
from viz.state.interface import Interface
from viz.state.types import ModelInfo, RenderRequest, RenderResult, SessionState


def model() -> ModelInfo:
    info = sample_model()
    return ModelInfo(**{**vars(info), "people": (5, 3), "motions": (7,)})


def answer(request: RenderRequest) -> RenderResult:
    return RenderResult(request, (np.full((4, 4, 3), len(request.shots), np.uint8),), (None,))


def test_they_use_idle_time_and_come_once_each() -> None:
    submitted: list[RenderRequest] = []
    scheduler, thumbnails = RequestScheduler(submitted.append), Thumbnails()
    thumbnails.forget(model())
    full = layouts.full_request(SessionState())

    def frame(now: float) -> None:
        scheduler.ask(full, False, Interface(), now)
        thumbnails.show("people")
        scheduler.spare(list(thumbnails.missing()), now)

    frame(0.0)
    scheduler.answered(answer(submitted[-1]))
    frame(0.3)
    scheduler.answered(answer(submitted[-1]))
    assert submitted[-1] == full, "the picture comes first"
    frame(FILL_SECONDS - 0.1)
    assert submitted[-1] == full, "it is not idle yet"
    seeds = []
    for k in range(4):
        before = len(submitted)
        frame(FILL_SECONDS + 0.1 * (k + 1))
        if len(submitted) > before:
            result = answer(submitted[-1])
            assert scheduler.answered(result) is None, "it is not shown in the viewport"
            assert thumbnails.take(result)
            seeds.append(result.request.shots[0].latent.seed)
    assert seeds == [5, 3]
    assert set(thumbnails.pictures) == {("people", 5), ("people", 3)}
    thumbnails.show("motions")
    (motion,) = thumbnails.missing()
    assert motion.shots[0].motion.seed == 7
    assert motion.shots[0].latent.seed == 5, "on the first of the people"
    assert not list(thumbnails.missing()), "only what is on show"
    thumbnails.show("people")
    thumbnails.forget(sample_model())
    assert not thumbnails.pictures, "another model"


def test_one_that_fails_does_not_keep_the_rest_away() -> None:
    submitted: list[RenderRequest] = []
    scheduler, thumbnails = RequestScheduler(submitted.append), Thumbnails()
    thumbnails.forget(model())
    full = layouts.full_request(SessionState())
    for now in (0.0, 0.3):
        scheduler.ask(full, False, Interface(), now)
        scheduler.answered(answer(submitted[-1]))
    for now in (1.0, 2.0):
        thumbnails.show("people")
        scheduler.spare(list(thumbnails.missing()), now)
        scheduler.failed(submitted[-1])
    assert [request.shots[0].latent.seed for request in submitted[-2:]] == [5, 3]
    assert not thumbnails.take(answer(full))
