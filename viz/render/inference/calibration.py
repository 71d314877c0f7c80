"""The fastest plan that keeps pictures close to float32's, measured once per machine and model.

The plan is kept in the user's cache folder, so that every start, with or without a window, uses the
same plan and gives the same pixels.
"""

from __future__ import annotations

import torch

from training.networks import generator as networks
from viz.render.inference import format_trials, kept_plans
from viz.render.inference.cpu import winograd
from viz.render.inference.cpu.rays import compiled
from viz.render.inference.format_trials import PlanSteps
from viz.render.inference.plan import Plan
from viz.render.inference.select import can_prepare
from viz.state.jobs import finish

known: dict[str, Plan] = {}
"""Plans by key, for the rest of this process."""


def plan_for(G: networks.Generator) -> Plan:
    """The plan of a model on this machine; measures it, and waits, if it is not known."""
    return finish(find(G))


def find(G: networks.Generator) -> PlanSteps:
    """Finds the plan of a model on this machine in steps; without any if it is known."""
    on_gpu = G.device.type == "cuda"
    if not can_prepare(G):
        return Plan.uniform("bfloat16" if on_gpu else "float32", reference=True)
    key = kept_plans.key_of(G)
    plan = known.get(key) or kept_plans.read(kept_plans.path_of(key), key)
    if plan is None:
        plan = yield from (format_trials.measure_on_gpu if on_gpu else format_trials.measure)(G)
        if not plan.reference:  # a failure is not kept: the next start may succeed
            plan = kept_plans.publish(kept_plans.path_of(key), key, plan)
    known[key] = plan
    if not on_gpu:
        # Compiled in the background, and only now, as this would disturb the measurements.
        for name in {plan.backbone, plan.superresolution}:
            winograd.compiled(G, getattr(torch, name))
        compiled(G.decoder)
    return plan
