"""Keeps a layer's colours constant while something moves."""

from __future__ import annotations

from dataclasses import replace

from viz.state.types import Probe, ProbeResult


def steadied(probe: Probe | None, seen: ProbeResult | None, moving: bool) -> Probe | None:
    """The probe with the range of the picture shown, as long as something moves: otherwise each
    picture would have its own range, and the colours would flicker.

    Args:
        probe: the requested probe.
        seen: the probe of the picture shown.
        moving: whether the state changes from frame to frame.
    """
    if probe is None:
        return None
    held = None
    if moving and probe.range is None and seen is not None and _same(probe, seen.probe):
        held = seen.lo, seen.hi
    return probe if held == probe.held else replace(probe, held=held)


def _same(one: Probe, other: Probe) -> bool:
    """Whether the values of two probes are of the same kind."""
    kinds = [(p.layer, p.channel, p.spectrum) for p in (one, other)]
    return kinds[0] == kinds[1]
