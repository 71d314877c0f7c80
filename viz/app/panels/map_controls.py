"""How maps are coloured, and what lies behind the head."""

from __future__ import annotations

from dataclasses import replace

from gui_utils import controls
from viz.app.panels.setting_controls import choice, number, optional, segmented
from viz.app.panels.widgets import heading
from viz.state.maps.colormaps import COLOR_MAPS
from viz.state.maps.map_settings import BACKGROUNDS, MapView
from viz.state.settings import Setting, setting
from viz.state.types import Display, ModelInfo, Probe, ProbeResult, RenderResult, SessionState

_RAY_RANGE = (2.25, 3.3)
_LEAST_SPAN = 0.01
"""Smallest difference between the ends of a range."""
_AUTO = ("Auto", "Set")

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
    display = _map_range(display, "depth", _shown(result, "depth") or rays, rays)
    display = choice("Opacity colours", display, "opacity_colors", COLOR_MAPS)
    return _map_range(display, "opacity", (0.0, 1.0), (0.0, 1.0))


def probe_colors(probe: Probe, seen: ProbeResult | None) -> Probe:
    """Colours and range of a layer's activation, with their legend."""
    probe = choice("Colours", probe, "colors", COLOR_MAPS)
    declared = setting(Probe, "range")
    least, most = (seen.least, seen.most) if seen else declared.range.ends
    begin = (seen.lo, seen.hi) if seen else (least, most)
    probe = optional("Range", probe, "range", _AUTO, _about_auto(declared), begin)
    if probe.range is None:
        return probe
    low, high = probe.range
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


def _map_range(display: Display, view: MapView, begin: Ends, default: Ends) -> Display:
    """The range of a map, automatic or set: to `begin` at first; a reset restores `default`."""
    name = f"{view}_range"
    declared = setting(Display, name)
    label = f"{view.capitalize()} range"
    display = optional(label, display, name, _AUTO, _about_auto(declared), begin)
    chosen: Ends | None = getattr(display, name)
    if chosen is None:
        return display
    low, high = chosen
    about = declared.sentence
    first, second = ("Near", "Far") if view == "depth" else ("Least", "Most")
    ends = declared.range.ends
    new_low = number(first, low, declared.range, f"First end. {about}", default[0], ends)
    new_high = number(second, high, declared.range, f"Second end. {about}", default[1], ends)
    ordered = _ordered((low, high), (new_low, new_high), _LEAST_SPAN)
    return replace(display, **{name: ordered})


def _about_auto(declared: Setting) -> str:
    return f"{declared.sentence} {declared.note.replace('None takes', 'Auto takes')}"


def _ordered(before: Ends, ends: Ends, span: float) -> Ends:
    """The ends with the second above the first: the one that was not moved gives way."""
    low, high = ends
    if high - low >= span:
        return low, high
    return (low, low + span) if low != before[0] else (high - span, high)
