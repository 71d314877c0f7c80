"""Previews: what they leave out to hold a rate, and when the full picture follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from viz.scheduling.previews import FINEST, Line, PreviewController, mixtures, words
from viz.scheduling.scheduler import REST_SECONDS, RequestScheduler
from viz.state.interface import Interface
from viz.state.types import Orbit, Preview, Quality, RenderRequest, RenderResult, SessionState

RATE = 15.0


class Machine:
    """A renderer that takes known times: rays by their work, the other stages as they are."""

    def __init__(self, rays: float, superresolution: float = 0.0, planes: float = 0.0) -> None:
        self.rays, self.superresolution, self.planes = rays, superresolution, planes
        self._moments: set = set()

    def render(self, request: RenderRequest) -> RenderResult:
        preview = request.preview or Preview()
        stages = {"render": 1.0 + self.rays * preview.scale**2 * preview.samples, "copy": 0.2}
        if self.superresolution and preview.superresolution and request.quality.superresolution:
            stages["superresolution"] = self.superresolution
        moment = request.shots[0].latent, request.shots[0].t
        if moment not in self._moments:
            self._moments.add(moment)
            stages["planes"] = self.planes
        return RenderResult(request, (), stage_ms=stages, total_ms=sum(stages.values()) + 0.5)


def drag(
    machine: Machine, count: int, *, scrub: bool = False, floor: float = 0.0
) -> list[RenderResult]:
    """Previews of a drag of the camera, or of the playhead."""
    controller, shown = PreviewController(), []
    for k in range(count):
        state = SessionState(orbit=Orbit(yaw=k), t=k / count if scrub else 0.0)
        full = RenderRequest((state.shot(),))
        preview = controller.choose(full, RATE, floor)
        shown.append(machine.render(replace(full, preview=preview)))
        controller.measured(shown[-1])
    return shown


MACHINES = {
    "a GPU": Machine(5, 4),
    "little to do": Machine(40),
    "dear rays": Machine(600),
    "dear super-resolution": Machine(60, 400),
    "all dear": Machine(4000, 2000, 10),
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_drag_holds_the_rate_and_leaves_out_no_more_than_that_takes(name):
    machine = MACHINES[name]
    settled = drag(machine, 40)[10:]
    budget = 1000 / RATE
    cheapest = min(
        machine.render(replace(settled[0].request, preview=p)).total_ms for p in mixtures(0, True)
    )
    assert all(result.total_ms <= max(budget, cheapest + 15) for result in settled)
    full = machine.render(replace(settled[0].request, preview=None))
    if full.total_ms < 0.8 * budget:
        assert settled[-1].request.preview == FINEST
    elif cheapest < 0.5 * budget:
        assert settled[-1].total_ms > 0.5 * budget, "time is left unused"


def test_the_choice_settles():
    chosen = [result.request.preview for result in drag(Machine(300, 90), 60)]
    assert len(set(chosen[20:])) == 1


def test_a_scrub_leaves_out_more_than_an_orbit_where_planes_cost():
    machine = Machine(200, 0, planes=40)
    orbit, scrub = drag(machine, 30)[-1], drag(machine, 30, scrub=True)[-1]
    assert scrub.total_ms <= 1000 / RATE
    assert scrub.request.preview is not None
    assert orbit.request.preview is not None
    assert scrub.request.preview.scale < orbit.request.preview.scale


def test_super_resolution_goes_where_rays_alone_show_more():
    with_it = drag(Machine(200, 20), 30)[-1].request.preview
    without = drag(Machine(20, 200), 30)[-1].request.preview
    assert with_it is not None
    assert without is not None
    assert with_it.superresolution
    assert not without.superresolution


def test_the_floor_is_kept():
    result = drag(Machine(10000), 20, floor=0.5)[-1]
    assert result.request.preview is not None
    assert result.request.preview.scale == 0.5


def test_what_was_learned_of_a_quality_is_not_taken_for_another():
    controller, machine = PreviewController(), Machine(2)
    full = RenderRequest((SessionState().shot(),))
    controller.measured(machine.render(full))
    assert controller.choose(full, RATE) == FINEST
    finer = replace(full, quality=Quality(raw_resolution=256))
    assert controller.milliseconds(finer, None) is None
    assert controller.choose(finer, RATE) != FINEST


def test_a_line_is_learned_from_two_places():
    line = Line()
    for _ in range(4):
        line.add(1.0, 110.0)
        line.add(0.1, 20.0)
    assert line.at(0.5) == pytest.approx(60, rel=0.1)
    single = Line()
    single.add(0.5, 50.0)
    assert 0 < single.at(0.25) < 50 < single.at(1.0)


def test_words_tell_what_is_left_out():
    assert words(FINEST) == "full quality"
    assert words(Preview(0.5, 0.5, False)) == (
        "no super-resolution, 50 % of the pixels' side, 50 % of the samples"
    )
    assert words(Preview(0.5, 1.0, False), superresolution=False) == "50 % of the pixels' side"
    assert words(Preview(0.5, coarse_mesh=True), views=["mesh"]) == "a coarser mesh"
    assert words(Preview(0.5, coarse_mesh=True), views=["raw", "mesh"]) == (
        "50 % of the pixels' side, a coarser mesh"
    )


@pytest.mark.parametrize(("rays", "steps"), [(100, 1), (3000, 2)])
def test_a_picture_at_rest_comes_in_steps_where_it_takes_long(rays, steps):
    machine, asked, now = Machine(rays), [], 0.0
    asking, interface = RequestScheduler(asked.append), Interface()
    full = RenderRequest(())
    for k in range(12):  # a drag
        full = RenderRequest((SessionState(orbit=Orbit(yaw=k)).shot(),))
        asking.ask(full, True, interface, now)
        asking.answered(machine.render(asked[-1]), interface)
        now += 0.05
    last = asked[-1].preview
    assert last is not None
    asked.clear()
    for _ in range(6):
        now += REST_SECONDS
        asking.ask(full, False, interface, now)
        if asked and asking.waiting_since is not None:
            asking.ask(full, False, interface, now + 1)  # nothing new while one is under way
            asking.answered(machine.render(asked[-1]), interface)
    assert len(asked) == steps
    assert asked[-1] == full
    if steps == 2:
        assert asked[0].preview is not None
        assert asked[0].preview.scale * asked[0].preview.samples > last.scale * last.samples
