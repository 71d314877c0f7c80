"""A layer's colours that hold still while something moves."""

from __future__ import annotations

from dataclasses import replace

from viz.state.types import Probe, ProbeResult


def steadied(probe: Probe | None, seen: ProbeResult | None, moving: bool) -> Probe | None:
    """The probe with the range of what is on show, as long as something moves: else each picture
    would have its own, and the colours would flicker.

    Args:
        probe: what is asked for.
        seen: the probe on show.
        moving: whether the state changes from frame to frame.
    """
    if probe is None:
        return None
    held = None
    if moving and probe.range is None and seen is not None and _same(probe, seen.probe):
        held = seen.lo, seen.hi
    return probe if held == probe.held else replace(probe, held=held)


def _same(one: Probe, other: Probe) -> bool:
    """Whether their numbers are of one kind."""
    kinds = [(p.layer, p.channel, p.spectrum) for p in (one, other)]
    return kinds[0] == kinds[1]
