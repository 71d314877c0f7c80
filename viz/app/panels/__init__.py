"""The sidebar: one file a panel, each with ``draw(state, result, commands)``.

A panel reads the application through `Commands`, edits the session state in place by replacing its
frozen parts, and knows neither torch nor the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imgui_bundle import icons_fontawesome_6 as icons

from viz.app.commands import Commands
from viz.app.panels import (
    appearance,
    camera_panel,
    capture,
    control_panel,
    directions_panel,
    export,
    layers_panel,
    live_panel,
    model_panel,
    motion_panel,
    path_panel,
    performance,
    portrait,
    quality,
    settings_panel,
    show_panel,
    track_panel,
    view,
)
from viz.state.types import RenderResult, SessionState

Draw = Callable[[SessionState, RenderResult | None, Commands], None]


@dataclass(frozen=True)
class Panel:
    """A section of the sidebar."""

    title: str
    icon: str
    draw: Draw
    """Draws the panel's controls at the cursor; the result is the newest one, if any."""
    default_open: bool = True


PANELS: tuple[Panel, ...] = (
    # What is used most comes first; a model is also opened from the bar, by key and by dropping it.
    Panel("View", icons.ICON_FA_TABLE_CELLS_LARGE, view.draw),
    Panel("Directions", icons.ICON_FA_COMPASS, directions_panel.draw),
    Panel("Appearance", icons.ICON_FA_USER, appearance.draw),
    Panel("Motion", icons.ICON_FA_PERSON_RUNNING, motion_panel.draw),
    Panel("Portrait", icons.ICON_FA_ADDRESS_CARD, portrait.draw, default_open=False),
    Panel("Live", icons.ICON_FA_FACE_LAUGH, live_panel.draw, default_open=False),
    Panel("Motion track", icons.ICON_FA_MASKS_THEATER, track_panel.draw, default_open=False),
    Panel("Camera", icons.ICON_FA_VIDEO, camera_panel.draw),
    Panel("Path", icons.ICON_FA_ROUTE, path_panel.draw, default_open=False),
    Panel("Capture", icons.ICON_FA_CAMERA_RETRO, capture.draw),
    Panel("Export", icons.ICON_FA_FILE_EXPORT, export.draw, default_open=False),
    Panel("Model", icons.ICON_FA_CUBE, model_panel.draw, default_open=False),
    Panel("Quality", icons.ICON_FA_SLIDERS, quality.draw, default_open=False),
    Panel("Layers", icons.ICON_FA_LAYER_GROUP, layers_panel.draw, default_open=False),
    Panel("Performance", icons.ICON_FA_GAUGE_HIGH, performance.draw, default_open=False),
    Panel("Show", icons.ICON_FA_PERSON_CHALKBOARD, show_panel.draw, default_open=False),
    Panel("Control", icons.ICON_FA_GAMEPAD, control_panel.draw, default_open=False),
    Panel("Settings", icons.ICON_FA_GEAR, settings_panel.draw, default_open=False),
)
