"""The panels, by group: one file a panel, each with ``draw(commands)``.

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
    compare_panel,
    control_panel,
    directions_panel,
    export,
    figures_panel,
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
from viz.state.interface import PanelGroup

GROUPS: dict[PanelGroup, str] = {
    "Person": icons.ICON_FA_USER,
    "Motion": icons.ICON_FA_PERSON_RUNNING,
    "View": icons.ICON_FA_EYE,
    "Output": icons.ICON_FA_FILE_EXPORT,
    "Program": icons.ICON_FA_GEARS,
}
"""Icons of the groups of panels, in the rail's order."""


@dataclass(frozen=True)
class Panel:
    """A panel: a foldable section of the sidebar."""

    group: PanelGroup
    title: str
    icon: str
    draw: Callable[[Commands], None]
    """Draws the panel's controls at the cursor."""
    default_open: bool = True
    in_show: bool = False
    """Whether the mouse reaches it during a show without Ctrl."""


PANELS: tuple[Panel, ...] = (
    Panel("Person", "Appearance", icons.ICON_FA_FACE_SMILE, appearance.draw),
    Panel("Person", "Directions", icons.ICON_FA_COMPASS, directions_panel.draw),
    Panel("Person", "Portrait", icons.ICON_FA_ADDRESS_CARD, portrait.draw, default_open=False),
    Panel("Motion", "Motion", icons.ICON_FA_PERSON_WALKING, motion_panel.draw),
    Panel(
        "Motion", "Motion track", icons.ICON_FA_MASKS_THEATER, track_panel.draw, default_open=False
    ),
    Panel("Motion", "Live", icons.ICON_FA_FACE_LAUGH, live_panel.draw, default_open=False),
    Panel("View", "View", icons.ICON_FA_TABLE_CELLS_LARGE, view.draw),
    Panel("View", "Compare", icons.ICON_FA_SCALE_BALANCED, compare_panel.draw, default_open=False),
    Panel("View", "Camera", icons.ICON_FA_VIDEO, camera_panel.draw),
    Panel("View", "Path", icons.ICON_FA_ROUTE, path_panel.draw, default_open=False),
    Panel(
        "View",
        "Consistency",
        icons.ICON_FA_RULER_COMBINED,
        figures_panel.draw,
        default_open=False,
    ),
    Panel("Output", "Capture", icons.ICON_FA_CAMERA_RETRO, capture.draw),
    Panel("Output", "Export", icons.ICON_FA_FILM, export.draw),
    Panel(
        "Output",
        "Show",
        icons.ICON_FA_PERSON_CHALKBOARD,
        show_panel.draw,
        default_open=False,
        in_show=True,
    ),
    Panel("Program", "Model", icons.ICON_FA_CUBE, model_panel.draw),
    Panel("Program", "Quality", icons.ICON_FA_SLIDERS, quality.draw),
    Panel("Program", "Layers", icons.ICON_FA_LAYER_GROUP, layers_panel.draw, default_open=False),
    Panel("Program", "Performance", icons.ICON_FA_GAUGE_HIGH, performance.draw, default_open=False),
    Panel("Program", "Control", icons.ICON_FA_GAMEPAD, control_panel.draw, default_open=False),
    Panel("Program", "Settings", icons.ICON_FA_GEAR, settings_panel.draw, default_open=False),
)
"""The panels of each group, from top to bottom."""
