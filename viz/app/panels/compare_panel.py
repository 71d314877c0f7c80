"""A second model beside the one shown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.comparing.compare_view import figures_text
from viz.app.panels.setting_controls import choice, optional, segmented, slider
from viz.app.panels.widgets import Button, button_row, files_row, heading
from viz.state.comparing.comparison import Comparison
from viz.state.person import Latent
from viz.state.settings import setting
from viz.state.types import DIFFERENCES, MODELS_MODES, SessionState


def draw(commands: Commands) -> None:
    """Open and close, how the two are shown, truncation, the run's generators, and figures."""
    state = commands.state
    files_row(
        Button(
            "Open",
            commands.compare_dialog,
            icon=icons.ICON_FA_FOLDER_OPEN,
            lit=state.compare is None,
        ),
        "models",
        commands.recent,
        commands.compare_with,
        Button("Run", commands.compare_run_dialog, icon=icons.ICON_FA_FOLDER_TREE),
    )
    if state.compare is None:
        controls.hint("No second model is open.")
        return
    button_row(
        Button(
            "Swap",
            commands.swap_compared,
            icon=icons.ICON_FA_RIGHT_LEFT,
            enabled=commands.second is not None,
        ),
        Button("Close", commands.stop_comparing, icon=icons.ICON_FA_XMARK),
    )
    if commands.state.compare is None:
        return  # just closed
    _about(commands)
    _generators(commands)
    heading("Show")
    _mode(state)
    state.compare = _truncation(state, state.compare)
    heading("Difference")
    _difference(state, commands)


def _about(commands: Commands) -> None:
    second = commands.second
    if commands.second_problem:
        controls.hint(commands.second_problem)
        button_row(
            Button(
                "Try again",
                commands.retry_second,
                commands.second_details or "Loads the second model's file again.",
                icon=icons.ICON_FA_ROTATE,
            )
        )
    elif second is None:
        controls.hint("Loading the second model\u2026")
    if second is not None:
        sides = f"{second.image_resolution} px"
        controls.key_value([("Second", second.name), ("Format", f"{second.format} \u00b7 {sides}")])
        for note in second.notes:
            controls.hint(note)
        if missing := commands.not_shared:
            controls.hint(missing)


def _generators(commands: Commands) -> None:
    """A slider over the generators in the second model's folder."""
    found, index = commands.run_generators, commands.run_index
    if len(found) < 2 or index is None:
        return
    moved, number = controls.slider(
        "Generator",
        index + 1,
        1,
        len(found),
        default=len(found),
        whole=True,
        tooltip="Goes through the generators that the run has saved, in the order of the training.",
    )
    if moved:
        commands.show_generator(round(number) - 1)
    controls.hint(f"{found[index].name}, {index + 1} of {len(found)}")
    button_row(
        Button(
            "Earlier",
            partial(commands.step_generator, -1),
            "Compares with the generator that the run saved before this one.",
            icon=icons.ICON_FA_CHEVRON_LEFT,
            enabled=index > 0,
        ),
        Button(
            "Later",
            partial(commands.step_generator, 1),
            "Compares with the generator that the run saved after this one.",
            icon=icons.ICON_FA_CHEVRON_RIGHT,
            enabled=index < len(found) - 1,
        ),
    )


def _mode(state: SessionState) -> None:
    if state.display.layout != "models":
        button_row(
            Button(
                "Show both",
                partial(_show, state),
                "Shows both models; the layout shows the first one alone now.",
                icon=icons.ICON_FA_SCALE_BALANCED,
                lit=True,
            )
        )
    state.display = choice("Shown as", state.display, "models", MODELS_MODES)
    if state.display.models == "split":
        state.display = slider("Divider", state.display, "split")


def _show(state: SessionState) -> None:
    state.display = replace(state.display, layout="models")


def _truncation(state: SessionState, compare: Comparison) -> Comparison:
    """Truncation of the second model, which can follow that of the first."""
    about = "Whether the second model has a truncation of its own."
    captions = ("As the first", "Own")
    compare = optional("Truncation", compare, "psi", captions, about, state.latent.psi)
    if compare.psi is None:
        return compare
    return slider("Second \u03c8", compare, "psi", default=setting(Latent, "psi").default)


def _difference(state: SessionState, commands: Commands) -> None:
    state.display = segmented("Kind", state.display, "difference", DIFFERENCES)
    state.display = slider("Amplify", state.display, "gain")
    if state.display.models == "difference" and state.display.view == "mesh":
        controls.hint("Meshes have no difference: they lie on both sides of the divider.")
    if state.display.models == "difference" and state.display.view == "depth":
        controls.hint("At 1\u00d7, white is a difference as large as the depth range.")
    figures = commands.figures
    rows = figures_text(figures) if figures is not None else ()
    names = ("PSNR", "SSIM", "FLIP")
    controls.key_value(rows or [(name, "\u2013") for name in names])
