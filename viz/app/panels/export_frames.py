"""Controls for the options of exported pictures, frames and videos: those that matter."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import imgui

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.setting_controls import choice, optional, segmented, slider, toggle
from viz.app.panels.widgets import cells, heading
from viz.exports.frame_options import (
    CODECS,
    MOST_TILES,
    MOVEMENTS,
    ORBIT_SHAPES,
    VIDEO_SUFFIXES,
    FrameOptions,
    Look,
    Movement,
    PictureOptions,
    VideoOptions,
)
from viz.exports.schedule import ORBIT_SECONDS, clip_rounds, frame_rate
from viz.exports.shows.show_options import ShowOptions
from viz.state.errors import UserError
from viz.state.person import parse_seeds, seeds_text
from viz.state.types import LOOP_MODES, VIEWS, SessionState

_RATES = (12.0, 24.0, 25.0, 30.0, 50.0, 60.0)
_HEIGHTS = (256, 512, 720, 1080, 1440, 2160)
_BITS = {8: "8", 16: "16"}


def draw_picture(commands: Commands, options: PictureOptions, suffix: str) -> PictureOptions:
    del commands, suffix
    return segmented("Bits", replace(options, look=_look(options.look, True)), "bits", _BITS)


def draw_show(commands: Commands, options: ShowOptions, suffix: str) -> ShowOptions:
    """How long cues are shown, and how large the video is; what moves does so as in the show."""
    here = commands.interface
    options = replace(
        options,
        orbit_period=here.orbit_period,
        orbit_yaw=here.orbit_yaw,
        orbit_pitch=here.orbit_pitch,
        wander_speed=here.animate_speed,
    )
    options = slider("Each cue", options, "seconds")
    return slider("Height", options, "height") if suffix == ".mp4" else options


def draw_frames(commands: Commands, options: FrameOptions, suffix: str) -> FrameOptions:
    del suffix
    movement = _movement(commands.state, options.movement)
    heading("Frame")
    options = replace(options, movement=movement, look=_look(options.look, True))
    return segmented("Bits", options, "bits", _BITS)


def draw_video(commands: Commands, options: VideoOptions, suffix: str) -> VideoOptions:
    movement = _movement(commands.state, options.movement)
    heading("Frame")
    transparent = suffix not in VIDEO_SUFFIXES or suffix != ".mp4"
    options = replace(options, movement=movement, look=_look(options.look, transparent))
    codecs = VIDEO_SUFFIXES.get(suffix, ())
    if codecs:
        return _codec(options, suffix)
    if suffix == ".gif":
        return slider("Colours", options, "colors")
    return slider("Quality", options, "quality") if suffix == ".webp" else options


def _codec(options: VideoOptions, suffix: str) -> VideoOptions:
    fitting = ("auto", *VIDEO_SUFFIXES[suffix])
    if options.codec not in fitting:
        options = replace(options, codec="auto")
    options = choice("Codec", options, "codec", {name: CODECS[name] for name in fitting})
    codec = options.codec
    taken = codec if codec != "auto" else VIDEO_SUFFIXES[suffix][0]
    if taken == "prores" or (codec == "auto" and options.look.background == "transparent"):
        return options
    return slider("Loss (CRF)", options, "crf")


def _movement(state: SessionState, movement: Movement) -> Movement:
    captions = {name: text.split(":")[0] for name, text in MOVEMENTS.items()}
    movement = segmented("Moves", movement, "moving", captions)
    moving = movement.moving
    about = MOVEMENTS[moving].split(":")[-1].strip()
    controls.hint(f"{about[:1].upper()}{about[1:]}.")
    if moving == "path" and not state.keyframes:
        controls.hint("There is no path yet: press K to add what is shown as a keyframe.")
    if moving == "orbit":
        movement = _orbit(movement)
    elif moving == "clip":
        movement = _clip(state, movement)
    movement = _length(movement)
    own = frame_rate(state, replace(movement, frame_rate=None))
    kept = movement.frame_rate or own
    rates = {None: f"Default: {own:.4g}"}
    rates |= {rate: f"{rate:g} a second" for rate in sorted({*_RATES, kept})}
    return choice("Frame rate", movement, "frame_rate", rates)


def _clip(state: SessionState, movement: Movement) -> Movement:
    # The default also suits lengths chosen in seconds.
    automatic = 1 if movement.seconds is not None else clip_rounds(state, movement)
    if movement.rounds is not None:
        automatic = clip_rounds(state, replace(movement, rounds=None))
    movement = slider("Rounds", movement, "rounds", none=automatic)
    return choice("Repeats", movement, "loop", {None: "As it plays here", **LOOP_MODES})


def _orbit(movement: Movement) -> Movement:
    movement = choice("Orbit", movement, "orbit_shape", ORBIT_SHAPES)
    if movement.orbit_shape != "round":
        movement = slider("To each side", movement, "orbit_yaw")
    if movement.orbit_shape == "circle":
        movement = slider("Up and down", movement, "orbit_pitch")
    movement = slider("Rounds", movement, "rounds", none=1)
    return toggle("Clip plays", movement, "clip_plays")


def _length(movement: Movement) -> Movement:
    """A length in seconds, or None for the movement's own length."""
    still = movement.moving == "still"
    about = (
        "Default: as long as the path or the rounds of the clip take, or 4 seconds for each round "
        "of an orbit."
    )
    captions = ("One frame" if still else "Default", "Set")
    movement = optional("Length", movement, "seconds", captions, about, ORBIT_SECONDS)
    movement = replace(movement, frames=None)
    if movement.seconds is None:
        return movement
    return slider("Seconds", movement, "seconds", default=ORBIT_SECONDS)


def _look(look: Look, transparent: bool) -> Look:
    views = list(VIEWS)
    names = ["As shown", *(caption.split()[0] for caption in VIEWS.values())]
    lit = [0] if not look.views else [1 + views.index(view) for view in look.views]

    def about(index: int) -> str:
        if index == 0:
            return "Exports what the viewport shows, with its layout."
        return f"{VIEWS[views[index - 1]]}. Several views are shown side by side."

    clicked = cells("Views", names, lit, about, width=70)
    if clicked == 0:
        look = replace(look, views=())
    elif clicked is not None:
        view = views[clicked - 1]
        rest = tuple(other for other in look.views if other != view)
        look = replace(look, views=rest if view in look.views else (*look.views, view))
    known = (*_HEIGHTS, *filter(None, (look.height,)))
    heights = {None: "As rendered"} | {height: f"{height} px" for height in known}
    look = choice("Height", look, "height", heights)
    look = replace(look, people=_people(look.people))
    if not transparent:
        return replace(look, background="shown")
    _, see_through = controls.toggle(
        "Transparent",
        look.background == "transparent",
        default=False,
        tooltip="Removes the background, using the model's opacity, for slides and compositing.",
    )
    return replace(look, background="transparent" if see_through else "shown")


_typed: dict[str, str] = {}
"""Lists of seeds while they are being typed."""


def _people(people: tuple[int, ...]) -> tuple[int, ...]:
    text = _typed.get("people", seeds_text(people))
    changed, text = controls.text_input(
        "People",
        text,
        placeholder="the one shown",
        default="",
        tooltip="Seeds of several people for a grid, such as 0-8 or 3, 7, 12. Empty for the one "
        "who is shown.",
    )
    if not imgui.is_any_item_active():
        _typed.pop("people", None)
    elif changed:
        _typed["people"] = text
    try:
        return parse_seeds(text, MOST_TILES, "The list of people")
    except UserError as error:
        controls.hint(str(error))
        return people
