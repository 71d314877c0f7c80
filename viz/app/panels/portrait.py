"""From a photo to a person: the photo, its face, options and the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgui_bundle import icons_fontawesome_6 as icons

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels import setting_controls
from viz.app.panels.widgets import (
    Button,
    button_row,
    cells,
    disabled,
    files_row,
    fold,
    heading,
    job_progress,
    person_file_row,
    unless_busy,
    value_with_button,
)
from viz.app.portraits.photo_at_work import Portrait
from viz.state.files import CHECKPOINTS
from viz.state.person import PERSON_SUFFIX
from viz.state.types import SessionState

_LIKENESS = {
    False: "Quick",
    True: "Close",
}
MAY_STOP = "Once the search has begun, you can stop and resume later: the person so far is kept."
_CONSENT = (
    "Make a person only of someone who agrees to it: a person file can be made to say and do "
    "things that they never did."
)
_STYLE = (
    "The model that comes with the program was trained on synthetic people: it gives a likeness in "
    "its own style. For a lifelike person, open a model that was trained on videos of real "
    "people: checkpoints/README.md says where to get one."
)


def draw(commands: Commands) -> None:
    """The photo and its faces, options, the start button, progress, and the person shown."""
    state = commands.state
    with disabled(commands.model is None):
        _open(commands)
        portrait = commands.portrait
        if portrait.path:
            _photo(portrait, commands)
            _face(portrait, commands)
            _making(portrait, commands)
        _shown(state, commands)
    controls.hint(_CONSENT)
    if commands.model is not None and CHECKPOINTS in Path(commands.model.path).parents:
        controls.hint(_STYLE)


def _open(commands: Commands) -> None:
    button_row(
        Button(
            "Open a photo",
            commands.open_photo_dialog,
            icon=icons.ICON_FA_IMAGE,
            enabled=not commands.portrait.making,
            lit=not commands.portrait.path,
        )
    )
    files_row(
        Button("Open a person", commands.open_person_dialog, icon=icons.ICON_FA_FOLDER_OPEN),
        "people",
        commands.recent_files(PERSON_SUFFIX),
        commands.open_person,
    )


def _photo(portrait: Portrait, commands: Commands) -> None:
    if value_with_button(
        "Photo",
        Path(portrait.path).name,
        icons.ICON_FA_XMARK,
        "Closes the photo. The person made from it stays.",
        full_text=portrait.path,
    ):
        commands.close_photo()
        return
    _, portrait.beside = controls.toggle(
        "Beside the picture",
        portrait.beside,
        default=True,
        tooltip="Shows the photo beside the picture, to mark the face and to compare. While a "
        "person is being made, the picture is that person; switch this off to go on working.",
    )
    if portrait.crop is not None:
        _, portrait.whole = controls.toggle(
            "Whole photo",
            portrait.whole,
            default=False,
            tooltip="Shows the whole photo instead of the part that the picture shows.",
        )


def _face(portrait: Portrait, commands: Commands) -> None:
    heading("Face")
    if portrait.found is None:
        controls.hint("Looking for faces\u2026")
        return
    busy = bool(portrait.making)
    faces = portrait.faces
    if len(faces) > 1:
        with disabled(busy):
            clicked = cells(
                "Faces",
                [str(k + 1) for k in range(len(faces))],
                {portrait.chosen},
                lambda k: f"Face {k + 1} of {len(faces)}, the largest first.",
            )
        if clicked is not None:
            commands.choose_face(clicked)
    face = portrait.face
    if face is None:
        controls.hint("No face was found: mark one by hand.")
    else:
        if face.remark:
            controls.hint(face.remark)
        if not busy:
            controls.hint(
                "Where the points do not fit the face, drag the box, its corners or the eyes."
            )
    button_row(
        Button(
            "Mark by hand",
            commands.add_face,
            icon=icons.ICON_FA_DRAW_POLYGON,
            enabled=not busy,
        )
    )


def _making(portrait: Portrait, commands: Commands) -> None:
    heading("Person")
    if portrait.making:
        job_progress(f"Making {Path(portrait.making).stem}##Making", commands)
        controls.hint(MAY_STOP)
        return
    _, portrait.name = controls.text_input(
        "Name",
        portrait.name,
        placeholder=Path(portrait.path).stem,
        default="",
        tooltip="Name of the person and of the person file, which goes into the folder of saved "
        "pictures. If empty, the photo's name.",
    )
    options = portrait.options
    _, tuning = controls.segmented(
        "Likeness",
        options.tuning,
        _LIKENESS,
        default=True,
        tooltip="Quick finds the nearest person that the model knows and makes a small file. "
        "Close also fits the model's weights: it takes longer, and the file is as large "
        "as the model.",
    )
    options = replace(options, tuning=tuning)
    if fold("Steps"):
        options = setting_controls.slider("Search", options, "code_steps")
        if tuning:
            options = setting_controls.slider("Fitting", options, "tuning_steps")
            options = setting_controls.slider("Unseen sides", options, "locality")
        options = setting_controls.slider("Naturalness", options, "prior")
    portrait.options = options
    unfinished = commands.person_unfinished
    ready = portrait.face is not None and not portrait.looking and not portrait.corrected
    start = Button(
        "Go on" if unfinished else "Start",
        commands.make_person,
        "Continues with the person that was stopped; if the photo, the face or the steps have "
        "changed, it starts over."
        if unfinished
        else "Makes the person of the chosen face; you can go on working meanwhile.",
        icon=icons.ICON_FA_PLAY,
        enabled=ready,
        lit=True,
    )
    button_row(unless_busy(start, commands))


def _shown(state: SessionState, commands: Commands) -> None:
    """The person file being shown."""
    if not state.latent.is_portrait:
        return
    heading("Shown")
    person_file_row("Person", state)
    state.latent = setting_controls.slider("Expression", state.latent, "expression", default=1.0)
    button_row(Button("As in the photo", commands.view_as_photo, icon=icons.ICON_FA_CAMERA))
