"""Previews: what they leave out to hold a rate, and that they leave out nothing for nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.viz.scheduling.simulated_window import FAST, SLOW, USUAL, Costs, FakeWorker, ray_work
from viz.scheduling.previews import (
    FINEST,
    PreviewController,
    Sides,
    leaves_nothing_out,
    levels,
    shown,
    words,
)
from viz.scheduling.stage_costs import StageCost
from viz.state.person import Latent
from viz.state.types import Orbit, Preview, Quality, RenderRequest, RenderResult, SessionState

RATE = 12.0
LEAST = Preview(0.5, 0.5, coarse_mesh=True)
SMALL = Preview(int8=True, coarse_mesh=True)


def drag(
    costs: Costs,
    count: int,
    *,
    scrub: bool = False,
    people: bool = False,
    floor: float = 0.0,
    full_first: bool = True,
    sides: Sides | None = None,
) -> list[RenderResult]:
    """Previews of a drag of the camera, of the playhead, or from person to person, that waits for
    each of them."""
    controller, worker, found = PreviewController(sides), FakeWorker(costs), []
    now = 0.0

    def render(request: RenderRequest) -> RenderResult:
        nonlocal now
        worker.submit(request)
        now += 60.0
        (result,) = worker.poll(now)
        controller.measured(result)
        return result

    if full_first:
        render(RenderRequest((SessionState().shot(),)))
    for k in range(count):
        state = SessionState(orbit=Orbit(yaw=k), t=k / count if scrub else 0.0)
        state.latent = Latent(x=float(k) if people else 0.0)
        full = RenderRequest((state.shot(),))
        found.append(render(replace(full, preview=controller.choose(full, RATE, floor))))
    return found


def chosen(results: list[RenderResult]) -> list[Preview]:
    return [result.request.preview or FINEST for result in results]


def expected(costs: Costs, preview: Preview, planes: bool) -> float:
    fixed = costs.rays + costs.superresolution + costs.rest + planes * costs.planes
    return fixed + costs.ray_work * ray_work(preview)


MACHINES = {
    "a GPU": FAST,
    "two cores": SLOW,
    "faster rays": USUAL,
    "fixed costs only": Costs(rays=100, ray_work=4),
    "dear rays": Costs(rays=5, ray_work=600),
    "all dear": SLOW.times(10),
}


@pytest.mark.parametrize("scrub", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_the_best_looking_preview_that_holds_the_rate_is_found(name: str, scrub: bool) -> None:
    costs = replace(MACHINES[name], noise=0.0)
    found = chosen(drag(costs, 40, scrub=scrub))[-1]
    times = {level: expected(costs, level, scrub) for level in levels(Quality(), Sides())}
    budget = 1000 / RATE
    assert times[found] <= max(budget, min(times.values()) * 1.2)
    better = [level for level in times if shown(level) > shown(found)]
    assert all(times[level] > 0.84 * budget for level in better), "time is left unused"


@pytest.mark.parametrize("scrub", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_no_preview_gives_away_much_to_save_little(name: str, scrub: bool) -> None:
    costs = MACHINES[name]
    for found in set(chosen(drag(costs, 40, scrub=scrub))[5:]):
        saved = expected(costs, found, scrub) / expected(costs, FINEST, scrub)
        assert found == FINEST or saved < 0.9 ** -shown(found)


def test_where_fixed_costs_dominate_the_full_picture_is_shown_less_often() -> None:
    assert set(chosen(drag(Costs(rays=100, ray_work=4), 20))[4:]) == {FINEST}


def test_the_least_preview_has_half_the_side_and_the_super_resolution() -> None:
    costs = replace(SLOW.times(10), noise=0.0)
    assert {level.scale for level in chosen(drag(costs, 20))[4:]} == {0.5}
    assert LEAST in levels(Quality(), Sides())
    for sides in (Sides(64, 256), Sides(64, 512)):
        for raw in (None, 32, 48, 64, 128):
            for level in levels(Quality(raw_resolution=raw), sides):
                assert level.final_scale * sides.final >= 256
                assert level.scale * (raw or sides.raw) >= 32


def test_where_the_super_resolution_dominates_it_makes_fewer_pixels() -> None:
    """As a full-size model on two cores. It was shown at full quality three times a second."""
    costs = Costs(planes=60, rays=5, ray_work=40, superresolution=250)
    found = {level.final_scale for level in chosen(drag(costs, 20, sides=Sides(64, 512)))[3:]}
    assert found == {0.5}
    quick = replace(costs, superresolution=20)
    found = {level.final_scale for level in chosen(drag(quick, 20, sides=Sides(64, 512)))[3:]}
    assert found == {1.0}


def test_8_bit_integers_come_before_fewer_samples() -> None:
    costs = Costs(rays=10, ray_work=30, superresolution=60, int8=0.3, noise=0.0)
    usual, small = Sides(64, 256), Sides(64, 256, int8=True)
    assert chosen(drag(costs, 20, sides=usual))[-1].samples < 1
    assert chosen(drag(costs, 20, sides=small))[-1] == SMALL
    assert chosen(drag(FAST, 20, sides=small))[-1] == FINEST, "there is time for all of it"
    assert not leaves_nothing_out(RenderRequest((SessionState().shot(),), preview=SMALL))
    assert words(SMALL) == "8-bit super-resolution"
    for quality in (Quality(precision="float32"), Quality(superresolution=False)):
        assert not any(level.int8 for level in levels(quality, small))


def test_8_bit_integers_are_not_used_where_each_person_would_need_other_weights() -> None:
    costs = Costs(rays=10, ray_work=30, superresolution=50, int8=0.3, weights=45, noise=0.0)
    sides = Sides(64, 256, int8=True)
    assert chosen(drag(costs, 20, sides=sides))[-1] == SMALL
    levels_found = chosen(drag(costs, 20, people=True, sides=sides))
    assert not any(level.int8 for level in levels_found[4:])


def test_8_bit_integers_that_are_not_ready_yet_are_tried_again() -> None:
    """The first pictures of a session may come before its functions are compiled."""
    controller, costs = PreviewController(Sides(int8=True)), Costs(superresolution=90, noise=0.0)
    worker, now = FakeWorker(costs), 0.0
    found: list[Preview] = []
    for k in range(30):
        if k == 15:
            worker.costs = replace(costs, int8=0.2)
        full = RenderRequest((SessionState(orbit=Orbit(yaw=k)).shot(),))
        found.append(controller.choose(full, RATE))
        worker.submit(replace(full, preview=found[-1] if k else None))
        now += 60.0
        controller.measured(*worker.poll(now))
    assert found[-1].int8
    assert shown(found[-1]) > shown(found[14])


def test_one_slow_measurement_does_not_make_previews_look_useless() -> None:
    """The first one may find the processor's caches cold, or another program at work."""
    controller, found = PreviewController(), [Preview()]
    for k in range(20):
        full = RenderRequest((SessionState(orbit=Orbit(yaw=k)).shot(),))
        found.append(controller.choose(full, RATE))
        work = found[-1].scale ** 2 * found[-1].samples if k else 1.0
        spent = 150.0 if k == 1 else 10 + 140 * work
        request = replace(full, preview=found[-1] if k else None)
        stages = {"render": spent, "superresolution": 20.0}
        controller.measured(RenderResult(request, (), stage_ms=stages, total_ms=spent + 20))
    assert found[-1].scale < 1
    assert len(set(found[-5:])) == 1


def test_a_super_resolution_that_takes_as_long_for_fewer_pixels_makes_all_of_them() -> None:
    """As on a GPU, whose stages have one size."""
    controller = PreviewController(Sides(64, 512))
    stages = {"render": 30.0, "superresolution": 120.0}
    found: list[Preview] = []
    for k in range(20):
        full = RenderRequest((SessionState(orbit=Orbit(yaw=k)).shot(),))
        found.append(controller.choose(full, RATE))
        request = replace(full, preview=found[-1] if k else None)
        controller.measured(RenderResult(request, (), stage_ms=stages, total_ms=151.0))
    assert {preview.final_scale for preview in found[-5:]} == {1}


def test_the_first_preview_of_a_model_is_the_least_one() -> None:
    assert chosen(drag(FAST, 1, full_first=False)) == [LEAST]


def test_the_floor_of_the_user_is_kept() -> None:
    assert {level.scale for level in chosen(drag(SLOW.times(10), 20, floor=0.75))[4:]} == {0.75}


@pytest.mark.parametrize("budget_share", [0.9, 0.95, 1.0, 1.05])
def test_the_choice_does_not_go_to_and_fro(budget_share: float) -> None:
    """Some level takes just about the time there is, and each measurement is off."""
    middle = expected(SLOW, Preview(0.75, 0.65), planes=False)
    costs = replace(SLOW.times(budget_share * 1000 / RATE / middle), noise=0.15)
    found = chosen(drag(costs, 200))[20:]
    assert sum(a != b for a, b in pairwise(found)) <= 8


def test_a_scrub_leaves_out_more_than_an_orbit_where_planes_cost() -> None:
    costs = Costs(planes=40, rays=10, ray_work=90, noise=0)
    orbit, scrub = (chosen(drag(costs, 30, scrub=scrub))[-1] for scrub in (False, True))
    assert shown(scrub) < shown(orbit)


def test_one_picture_that_waited_for_something_else_changes_nothing() -> None:
    results = drag(replace(USUAL, noise=0.0), 12)
    controller = PreviewController()
    for result in results:
        controller.measured(result)
    full = results[-1].request
    before = controller.choose(replace(full, preview=None), RATE)
    paused = {name: 20 * spent for name, spent in results[-1].stage_ms.items()}
    controller.measured(replace(results[-1], stage_ms=paused, total_ms=3000.0))
    assert controller.choose(replace(full, preview=None), RATE) == before


def test_what_was_learned_of_a_quality_is_not_taken_for_another() -> None:
    controller = PreviewController()
    full = RenderRequest((SessionState().shot(),))
    for result in drag(FAST, 3):
        controller.measured(result)
    assert controller.choose(full, RATE) == FINEST
    finer = replace(full, quality=Quality(raw_resolution=256))
    assert controller.milliseconds(finer, None) is None
    assert controller.choose(finer, RATE) != FINEST


def test_meshes_lose_cells_only() -> None:
    assert PreviewController().choose(RenderRequest((SessionState().shot("mesh"),)), 5) == FINEST


def test_a_stage_is_learned_from_two_works() -> None:
    cost = StageCost()
    for noise in (1.0, 0.9, 1.1, 1.0):
        cost.add(1.0, 110.0 * noise)
        cost.add(0.1, 20.0 * noise)
    assert cost.at(0.5) == pytest.approx(60, rel=0.1)
    assert cost.at(1.0) == pytest.approx(110, rel=0.1)


def test_a_stage_measured_once_is_partly_fixed() -> None:
    cost = StageCost(fixed=0.3)
    cost.add(0.5, 50.0)
    assert cost.at(0.5) == pytest.approx(50)
    assert cost.at(1.0) == pytest.approx(85)
    assert StageCost().at(1.0) == 0


def test_a_pause_in_the_first_measurement_is_forgotten_with_the_second() -> None:
    cost = StageCost()
    cost.add(1.0, 2000.0)
    cost.add(1.0, 80.0)
    assert cost.at(1.0) == 80


def test_words_tell_what_is_left_out() -> None:
    assert words(FINEST) == "full quality"
    assert words(LEAST) == "50% of the pixels' side, 50% of the samples"
    assert words(Preview(0.5, coarse_mesh=True), views=["mesh"]) == "a coarser mesh"
    assert words(Preview(0.5, coarse_mesh=True), views=["raw", "mesh"]) == (
        "50% of the pixels' side, a coarser mesh"
    )


def test_full_pictures_of_calmer_moments_do_not_make_small_previews_look_useless() -> None:
    """A loop is filled while the window rests, then the playhead is dragged."""
    calm = Costs(planes=16.0, rays=4.0, ray_work=20.0, superresolution=17.0, rest=6.0, first=0.0)
    busy = replace(calm, planes=35.0, rays=6.0, ray_work=40.0)
    controller, now, seen = PreviewController(), 0.0, list[RenderResult]()
    for costs, count in ((calm, 20), (busy, 20)):
        worker = FakeWorker(costs)
        for k in range(count):
            full = RenderRequest((SessionState(t=k / count + costs.planes / 1000).shot(),))
            chosen_now = None if costs is calm else controller.choose(full, 15.0)
            worker.submit(replace(full, preview=chosen_now))
            now += 100.0
            seen += worker.poll(now)
            controller.measured(seen[-1])
    assert chosen(seen)[-1].samples < 1
