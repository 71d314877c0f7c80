"""What the viewport shows, and how."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.widgets import Button, button_row, disabled, heading
from viz.state.types import (
    LAYOUTS,
    MESH_STYLES,
    VIEWS,
    Display,
    ModelInfo,
    Quality,
    RenderResult,
    SessionState,
    View,
)

_CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")
_NEAREST, _FARTHEST = 0.1, 12.0
_RAY_RANGE = (2.25, 3.3)


def draw(state: SessionState, result: RenderResult | None, commands: Commands) -> None:
    """Layout, views, filtering, depth range, mesh and gizmo."""
    del result
    with disabled(commands.model is None):
        state.display = _layout(state.display)
        _before(state, commands)
        heading("Picture")
        state.display = _picture(state, commands.model)
        heading("Mesh")
        _mesh(state)


def _layout(display: Display) -> Display:
    default = Display()
    _, layout = controls.combo(
        "Layout",
        display.layout,
        LAYOUTS,
        default=default.layout,
        tooltip="How many pictures are shown, and what differs between them.",
    )
    display = replace(display, layout=layout)
    if layout == "grid":
        grid: list[View] = list(display.grid)
        for index, corner in enumerate(_CORNERS):
            picked: tuple[bool, View] = controls.combo(
                corner,
                grid[index],
                VIEWS,
                default=default.grid[index],
                tooltip="What this picture shows.",
            )
            grid[index] = picked[1]
        return replace(display, grid=(grid[0], grid[1], grid[2], grid[3]))
    _, view = controls.combo(
        "Show",
        display.view,
        VIEWS,
        default=default.view,
        tooltip="Which of the model's outputs is shown.",
    )
    display = replace(display, view=view)
    return _columns(display) if layout in ("yaws", "times") else display


def _columns(display: Display) -> Display:
    default = Display()
    _, columns = controls.slider_int(
        "Pictures",
        display.columns,
        2,
        12,
        default=default.columns,
        tooltip="Number of pictures; where they do not fit in one row they take several.",
    )
    span = display.yaw_span
    if display.layout == "yaws":
        _, span = controls.slider(
            "Yaw span",
            span,
            0.0,
            180.0,
            default=default.yaw_span,
            unit="°",
            fmt="%.0f",
            tooltip="Degrees between the first and the last picture.",
        )
    return replace(display, columns=columns, yaw_span=span)


def _before(state: SessionState, commands: Commands) -> None:
    splits = state.display.layout == "split"
    if splits:
        # Kept only when moved: there and back, percent would change the last digit.
        changed, split = controls.slider(
            "Divider",
            100 * state.display.split,
            0.0,
            100.0,
            default=100 * Display().split,
            unit="%",
            fmt="%.0f",
            tooltip="Where before ends and after begins, in percent of the picture's width.",
        )
        if changed:
            state.display = replace(state.display, split=split / 100)
        if state.before is None:
            controls.hint("Nothing is kept as before yet: both sides show the same.")
    button_row(
        Button(
            "Set before",
            commands.set_before,
            "Keeps the picture shown as the left side of the before / after layout. Key B.",
            icon=icons.ICON_FA_TABLE_COLUMNS,
            lit=splits and state.before is None,
        )
    )


def _picture(state: SessionState, model: ModelInfo | None) -> Display:
    display = state.display
    _, nearest = controls.segmented(
        "Pixels",
        display.nearest,
        {False: "Bilinear", True: "Nearest"},
        default=False,
        tooltip="How a picture is enlarged: bilinear blends its pixels, nearest shows squares.",
    )
    _, gizmo = controls.toggle(
        "Gizmo",
        display.gizmo,
        default=True,
        tooltip="Draws the world's axes in the corner of the picture: x, y up, z to the viewer.",
    )
    ray_range = state.orbit.camera().ray_range(*(model.ray_range if model else _RAY_RANGE))
    _, automatic = controls.segmented(
        "Depth range",
        display.depth_range is None,
        {True: "Auto", False: "Set"},
        default=True,
        tooltip="Distances at the two ends of the depth colours; auto takes those between which "
        "the rays of this camera run.",
    )
    depth_range = None if automatic else display.depth_range or ray_range
    if depth_range is not None:
        depth_range = _depth_range(depth_range, ray_range)
    return replace(display, nearest=nearest, gizmo=gizmo, depth_range=depth_range)


def _depth_range(
    depth_range: tuple[float, float], default: tuple[float, float]
) -> tuple[float, float]:
    near, far = depth_range
    moved, near = controls.slider(
        "Near",
        near,
        _NEAREST,
        _FARTHEST,
        default=default[0],
        tooltip="Distance of the first depth colour from the camera, in world units.",
    )
    if moved:
        far = max(far, near + 0.01)
    moved, far = controls.slider(
        "Far",
        far,
        _NEAREST,
        _FARTHEST,
        default=default[1],
        tooltip="Distance of the last depth colour from the camera, in world units.",
    )
    return (min(near, far - 0.01) if moved else near), far


def _mesh(state: SessionState) -> None:
    _, mesh_style = controls.combo(
        "Style",
        state.display.mesh_style,
        MESH_STYLES,
        default=Display().mesh_style,
        tooltip="How the mesh view is drawn.",
    )
    state.display = replace(state.display, mesh_style=mesh_style)
    default = Quality()
    _, resolution = controls.slider_int(
        "Resolution",
        state.quality.mesh_resolution,
        32,
        512,
        default=default.mesh_resolution,
        unit="cells",
        tooltip="Cells along each side of the grid that the mesh is found on; twice as many take "
        "eight times as long.",
    )
    _, level = controls.slider(
        "Level",
        state.quality.mesh_level,
        0.1,
        200.0,
        default=default.mesh_level,
        fmt="%.1f",
        log=True,
        tooltip="Density on the mesh's surface, in 1 / world units; higher lies deeper.",
    )
    state.quality = replace(state.quality, mesh_resolution=resolution, mesh_level=level)
