"""What is loaded, and loading something else."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import toggle
from viz.app.panels.widgets import Button, files_row, fold, times
from viz.state.types import ModelInfo


def draw(commands: Commands) -> None:
    """Open, recent, reload, and the model's numbers."""
    model = commands.model
    files_row(
        Button("Open", commands.open_dialog, icon=icons.ICON_FA_FOLDER_OPEN, lit=True),
        "models",
        commands.recent,
        commands.open_model,
        Button(
            "Reload",
            commands.reload_model,
            icon=icons.ICON_FA_ROTATE,
            enabled=model is not None and bool(model.path),
        ),
    )
    if model is not None:
        _about(model)
    elif commands.job is None:
        controls.hint("No model is loaded: open one, or drop its file on the window.")
    toggle("Watch the file", commands.interface, "reload_on_change")


def _about(model: ModelInfo) -> None:
    motion = f"{model.motion_dim} numbers" if model.moves else "none: still pictures"
    controls.key_value(
        [
            ("Name", model.name),
            ("Format", model.format),
            ("Parameters", _count(model.parameters)),
            ("Picture", _square(model.image_resolution)),
            ("Raw picture", f"{_square(model.raw_resolution)} as trained"),
        ]
    )
    for note in model.notes:
        controls.hint(note)
    if fold("Details"):
        near, far = model.ray_range
        controls.key_value(
            [
                ("File", model.path or "none: random weights"),
                ("Device", model.device),
                ("Motion code", motion),
                ("z", f"{model.z_dim} numbers"),
                ("ws", times(model.num_ws, model.w_dim)),
                ("Tri-planes", times(3, model.plane_resolution, model.plane_resolution)),
                ("Samples a ray", f"{model.depth_samples} + {model.importance_samples}"),
                ("Ray range", f"{near:g} to {far:g}"),
                ("Box side", f"{model.box_warp:g}"),
                ("Super-res.", model.superresolution or "none"),
            ]
        )


def _count(number: int) -> str:
    if number >= 1_000_000:
        return f"{number / 1e6:.1f} million"
    return f"{number:,}".replace(",", " ")


def _square(side: int) -> str:
    return f"{times(side, side)} px"
