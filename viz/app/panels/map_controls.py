"""How maps are coloured, and what lies behind the head."""

from __future__ import annotations

from dataclasses import replace

from gui_utils import controls
from viz.app.panels.setting_controls import choice, number, segmented
from viz.app.panels.widgets import heading
from viz.state.maps.colormaps import COLOR_MAPS
from viz.state.maps.map_settings import BACKGROUNDS, MapView
from viz.state.settings import setting
from viz.state.types import Display, ModelInfo, Probe, ProbeResult, RenderResult, SessionState

_RAY_RANGE = (2.25, 3.3)
_LEAST_SPAN = 0.01
"""Smallest difference between the ends of a range."""
Ends = tuple[float, float]


def background_row(display: Display) -> Display:
    """What lies behind the head."""
    display = segmented("Background", display, "background", BACKGROUNDS)
    if display.background != "color":
        return display
    declared = setting(Display, "background_color")
    changed, color = controls.color(
        "Behind",
        display.background_color,
        default=declared.default,
        tooltip="Colour behind the head.",
    )
    return replace(display, background_color=color) if changed else display


def maps_section(
    state: SessionState, model: ModelInfo | None, result: RenderResult | None
) -> Display:
    """Colours and ranges of the depth and of the opacity."""
    heading("Maps")
    rays = state.orbit.camera().ray_range(*(model.ray_range if model else _RAY_RANGE))
    display = choice("Depth colours", state.display, "depth_colors", COLOR_MAPS)
    ends = _map_range("Depth", display, "depth", _shown(result, "depth") or rays, rays)
    display = choice(
        "Opacity colours", replace(display, depth_range=ends), "opacity_colors", COLOR_MAPS
    )
    ends = _map_range("Opacity", display, "opacity", (0.0, 1.0), (0.0, 1.0))
    return replace(display, opacity_range=ends)


def probe_colors(probe: Probe, seen: ProbeResult | None) -> Probe:
    """Colours and range of a layer's activation, with their legend."""
    probe = choice("Colours", probe, "colors", COLOR_MAPS)
    declared = setting(Probe, "range")
    least, most = (seen.least, seen.most) if seen else declared.range.ends
    is_auto = _auto_switch("Range", probe.range is None, declared.sentence, declared.note)
    if is_auto:
        return replace(probe, range=None)
    found = (seen.lo, seen.hi) if seen else (least, most)
    low, high = probe.range or found
    slack = max(most - least, 1e-6) / 2
    ends = min(least - slack, low), max(most + slack, high)
    new_low = number("From", low, declared.range, "Value of the darkest colour.", least, ends)
    new_high = number("To", high, declared.range, "Value of the brightest colour.", most, ends)
    return replace(probe, range=_ordered((low, high), (new_low, new_high), 1e-6))


def _shown(result: RenderResult | None, view: MapView) -> Ends | None:
    """The range of the first visible picture of a map."""
    if result is None:
        return None
    shots = result.request.shots
    found = (e for shot, e in zip(shots, result.map_ranges, strict=False) if shot.view == view)
    return next(found, None)


def _map_range(
    title: str, display: Display, view: MapView, found: Ends, default: Ends
) -> Ends | None:
    """The range of a map; None where it is found automatically.

    Args:
        title: title title of the map.
        display: the settings.
        view: the map.
        found: the initial range when one is set.
        default: the settings that a reset restores.
    """
    name = f"{view}_range"
    declared, chosen = setting(Display, name), getattr(display, name)
    if _auto_switch(f"{title} range", chosen is None, declared.sentence, declared.note):
        return None
    low, high = chosen or found
    about = declared.sentence
    first, second = ("Near", "Far") if view == "depth" else ("Least", "Most")
    ends = declared.range.ends
    new_low = number(first, low, declared.range, f"First end. {about}", default[0], ends)
    new_high = number(second, high, declared.range, f"Second end. {about}", default[1], ends)
    return _ordered((low, high), (new_low, new_high), _LEAST_SPAN)


def _auto_switch(label: str, is_auto: bool, about: str, note: str) -> bool:
    _, chosen = controls.segmented(
        label,
        is_auto,
        {True: "Auto", False: "Set"},
        default=True,
        tooltip=f"{about} {note.replace('None takes', 'Auto takes')}",
    )
    return chosen


def _ordered(before: Ends, ends: Ends, span: float) -> Ends:
    """The ends with the second above the first: the one that was not moved gives way."""
    low, high = ends
    if high - low >= span:
        return low, high
    return (low, low + span) if low != before[0] else (high - span, high)
