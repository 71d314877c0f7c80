"""Controls for the options of exported pictures, frames and videos: those that matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgui_bundle import imgui

from gui_utils import controls
from viz.app.commands import Commands
from viz.app.panels.widgets import cells, heading
from viz.exports.choices import parse_seeds, seeds_text
from viz.exports.frame_options import (
    CODECS,
    MOVEMENTS,
    ORBIT_SHAPES,
    PICTURE_VIEWS,
    VIDEO_SUFFIXES,
    FrameOptions,
    Look,
    Movement,
    Moving,
    PictureOptions,
    VideoOptions,
)
from viz.exports.schedule import ORBIT_SECONDS
from viz.state.types import LOOP_MODES, VIEWS, SessionState

_RATES = (12.0, 24.0, 25.0, 30.0, 50.0, 60.0)
_HEIGHTS = (256, 512, 720, 1080, 1440, 2160)
_AS_RENDERED = 0


def draw_picture(
    state: SessionState, commands: Commands, options: PictureOptions, suffix: str
) -> PictureOptions:
    del state, commands, suffix
    return replace(options, look=_look(options.look, True), bits=_bits(options.bits))


def draw_frames(
    state: SessionState, commands: Commands, options: FrameOptions, suffix: str
) -> FrameOptions:
    del commands, suffix
    movement = _movement(state, options.movement)
    heading("Frame")
    return FrameOptions(movement, _look(options.look, True), _bits(options.bits))


def draw_video(
    state: SessionState, commands: Commands, options: VideoOptions, suffix: str
) -> VideoOptions:
    del commands
    movement = _movement(state, options.movement)
    heading("Frame")
    transparent = suffix not in VIDEO_SUFFIXES or suffix != ".mp4"
    options = replace(options, movement=movement, look=_look(options.look, transparent))
    codecs = VIDEO_SUFFIXES.get(suffix, ())
    if codecs:
        return _codec(options, suffix)
    if suffix == ".gif":
        _, colors = controls.slider_int(
            "Colours",
            options.colors,
            2,
            256,
            default=256,
            tooltip="Colours of each frame: fewer make a smaller file.",
        )
        options = replace(options, colors=colors)
    if suffix == ".webp":
        _, quality = controls.slider_int(
            "Quality",
            options.quality,
            0,
            100,
            default=90,
            tooltip="100 is without loss.",
        )
        options = replace(options, quality=quality)
    return options


def _codec(options: VideoOptions, suffix: str) -> VideoOptions:
    fitting = ("auto", *VIDEO_SUFFIXES[suffix])
    _, codec = controls.combo(
        "Codec",
        options.codec if options.codec in fitting else "auto",
        {name: CODECS[name] for name in fitting},
        default="auto",
        tooltip="How the video is compressed. By the ending it is H.264, which plays in slides "
        "and browsers; ProRes for a transparent .mov.",
    )
    options = replace(options, codec=codec)
    taken = codec if codec != "auto" else VIDEO_SUFFIXES[suffix][0]
    if taken == "prores" or (codec == "auto" and options.look.background == "transparent"):
        return options
    _, crf = controls.slider_int(
        "Loss (CRF)",
        options.crf,
        0,
        40,
        default=16,
        tooltip="What compression may lose: 0 nothing, 16 nothing that one sees, 30 a small file.",
    )
    return replace(options, crf=crf)


def _movement(state: SessionState, movement: Movement) -> Movement:
    default = Movement()
    captions: dict[Moving, str] = {name: text.split(":")[0] for name, text in MOVEMENTS.items()}
    picked: tuple[bool, Moving] = controls.segmented(
        "Moves",
        movement.moving,
        captions,
        default=default.moving,
        tooltip="What changes from frame to frame.",
    )
    moving = picked[1]
    movement = replace(movement, moving=moving)
    about = MOVEMENTS[moving].split(":")[-1].strip()
    controls.hint(f"{about[:1].upper()}{about[1:]}.")
    if moving == "path" and not state.keyframes:
        controls.hint("There is no path yet: key K keeps what is shown as a key of it.")
    if moving == "orbit":
        movement = _orbit(movement)
    elif moving == "clip":
        movement = _clip(movement)
    movement = _length(movement)
    rates = sorted({*_RATES, movement.frame_rate})
    _, rate = controls.combo(
        "Frame rate",
        movement.frame_rate,
        {rate: f"{rate:g} a second" for rate in rates},
        default=default.frame_rate,
        tooltip="Frames a second. A clip was trained at 25.",
    )
    return replace(movement, frame_rate=rate)


def _clip(movement: Movement) -> Movement:
    _, rounds = controls.slider_int(
        "Rounds",
        movement.rounds or 1,
        1,
        20,
        default=1,
        unit="\u00d7",
        tooltip="How often the clip plays.",
    )
    options = {"": "As it plays here", **LOOP_MODES}
    _, loop = controls.combo(
        "Repeats",
        movement.loop or "",
        options,
        default="",
        tooltip="How one round follows the other; ping-pong goes there and back without a jump.",
    )
    # One round is the default in a way that also fits lengths chosen in seconds.
    loop_mode = next((mode for mode in LOOP_MODES if mode == loop), None)
    return replace(movement, rounds=rounds if rounds > 1 else None, loop=loop_mode)


def _orbit(movement: Movement) -> Movement:
    default = Movement()
    _, shape = controls.combo(
        "Orbit",
        movement.orbit_shape,
        ORBIT_SHAPES,
        default=default.orbit_shape,
        tooltip="The camera's way, from where it stands now.",
    )
    movement = replace(movement, orbit_shape=shape)
    if shape != "round":
        _, yaw = controls.slider(
            "To each side",
            movement.orbit_yaw,
            1.0,
            90.0,
            default=default.orbit_yaw,
            unit="°",
            fmt="%.0f",
            tooltip="How far the camera swings to each side.",
        )
        movement = replace(movement, orbit_yaw=yaw)
    if shape == "circle":
        _, pitch = controls.slider(
            "Up and down",
            movement.orbit_pitch,
            0.0,
            45.0,
            default=default.orbit_pitch,
            unit="°",
            fmt="%.0f",
            tooltip="How far the camera swings up and down.",
        )
        movement = replace(movement, orbit_pitch=pitch)
    _, rounds = controls.slider_int(
        "Rounds",
        movement.rounds or 1,
        1,
        20,
        default=1,
        unit="\u00d7",
        tooltip="How often the camera goes round.",
    )
    _, plays = controls.toggle(
        "Clip plays",
        movement.clip_plays,
        default=False,
        tooltip="Lets the clip play meanwhile, in whole rounds, so that the end meets the start.",
    )
    return replace(movement, rounds=rounds if rounds > 1 else None, clip_plays=plays)


def _length(movement: Movement) -> Movement:
    """Seconds, or as long as the movement is by itself."""
    still = movement.moving == "still"
    _, own = controls.segmented(
        "Length",
        movement.seconds is not None,
        {False: "One frame" if still else "Its own", True: "Set"},
        default=False,
        tooltip="Its own: as long as the clip or the path plays, 4 seconds a round for an orbit.",
    )
    if not own:
        return replace(movement, seconds=None, frames=None)
    _, seconds = controls.slider(
        "Seconds",
        movement.seconds or ORBIT_SECONDS,
        0.2,
        60.0,
        default=ORBIT_SECONDS,
        unit="s",
        fmt="%.1f",
        log=True,
        tooltip="How long it plays: the movement is as fast as that takes.",
    )
    return replace(movement, seconds=seconds, frames=None)


def _look(look: Look, transparent: bool) -> Look:
    views = {view: VIEWS[view] for view in PICTURE_VIEWS}
    names = ["As shown", *(views[view].split()[0] for view in PICTURE_VIEWS)]
    lit = [0] if not look.views else [1 + PICTURE_VIEWS.index(view) for view in look.views]

    def about(index: int) -> str:
        if index == 0:
            return "Exports what the viewport shows, with its layout."
        return f"{views[PICTURE_VIEWS[index - 1]]}: several views stand side by side."

    clicked = cells("Views", names, lit, about, width=70)
    if clicked == 0:
        look = replace(look, views=())
    elif clicked is not None:
        view = PICTURE_VIEWS[clicked - 1]
        rest = tuple(other for other in look.views if other != view)
        look = replace(look, views=rest if view in look.views else (*look.views, view))
    heights = {_AS_RENDERED: "As rendered"} | {h: f"{h} px" for h in _HEIGHTS}
    if look.height is not None:
        heights.setdefault(look.height, f"{look.height} px")
    _, height = controls.combo(
        "Height",
        look.height or _AS_RENDERED,
        heights,
        default=_AS_RENDERED,
        tooltip="Height of the whole frame; its width is in proportion.",
    )
    look = replace(look, height=height or None, people=_people(look.people))
    if not transparent:
        return replace(look, background="shown")
    _, see_through = controls.toggle(
        "Transparent",
        look.background == "transparent",
        default=False,
        tooltip="Leaves out the background, by the model's opacity, for slides and compositing.",
    )
    return replace(look, background="transparent" if see_through else "shown")


_typed: dict[str, str] = {}
"""Lists of seeds as they are being typed."""


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
    found = parse_seeds(text) if changed else people
    return people if found is None else found


def _bits(bits: Any) -> Any:
    _, bits = controls.segmented(
        "Bits",
        bits,
        {8: "8", 16: "16"},
        default=8,
        tooltip="Bits a channel: 8 as on the screen, or 16 from the model's own numbers.",
    )
    return bits
