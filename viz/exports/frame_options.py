"""What a user can choose about exported pictures, frames and videos. No torch here: panels and the
command line are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from viz.exports.options import Options
from viz.state.person import Seed
from viz.state.settings import Range
from viz.state.types import FRAME_RATE, LoopMode, View

Moving = Literal["clip", "orbit", "path", "still"]
MOVEMENTS: dict[Moving, str] = {
    "clip": "Clip: the clip plays over its range, or the motion track that drives the person",
    "orbit": "Orbit: the camera moves around the head",
    "path": "Path: camera and time follow the keyframes",
    "still": "Still: nothing moves",
}
OrbitShape = Literal["swing", "circle", "round"]
ORBIT_SHAPES: dict[OrbitShape, str] = {
    "swing": "Swing from side to side",
    "circle": "Circle in front of the face",
    "round": "All the way round",
}
Background = Literal["shown", "transparent"]
Codec = Literal["auto", "h264", "h265", "prores"]
CODECS: dict[Codec, str] = {
    "auto": "By the file's ending",
    "h264": "H.264: plays everywhere",
    "h265": "H.265: smaller files, fewer players",
    "prores": "ProRes 4444: for video editors, can be transparent",
}
VIDEO_SUFFIXES: dict[str, tuple[Codec, ...]] = {
    ".mp4": ("h264", "h265"),
    ".mov": ("h264", "h265", "prores"),
    ".gif": (),
    ".webp": (),
}
"""Suffixes of video files with the codecs that they can hold; "auto" takes the first."""
VIDEOS = tuple(suffix for suffix, codecs in VIDEO_SUFFIXES.items() if codecs)
"""Suffixes of videos, which can also have sound."""
MOST_RATES = {".gif": 50.0, ".webp": 90.0}
"""Highest frame rates that players keep: shorter frames are shown for a tenth of a second."""
Bits = Literal[8, 16]

MOST_FRAMES = 100_000
MOST_TILES = 256
"""Most pictures of a frame."""
MOST_PIXELS = 2**27
"""Most pixels of a frame: readers reject larger ones as a decompression bomb."""


@dataclass(frozen=True)
class Movement(Options):
    """What moves, and for how long."""

    moving: Moving = "clip"
    """What changes from frame to frame: the clip's time over the playback range, the camera on an
    orbit, camera and time along the keyframes, or nothing."""
    frames: Annotated[int, Range(1, MOST_FRAMES)] | None = None
    """Number of frames.

    By default as many as fit into `seconds`, or as the movement has.
    """
    seconds: (
        Annotated[float, Range(0.01, 3600, "s", slider=(0.2, 60), step=0.1, logarithmic=True)]
        | None
    ) = None
    """Length of the movement; its speed follows.

    Instead of `frames`. By default as long as the movement is, or 4 seconds for an orbit.
    """
    frame_rate: Annotated[float, Range(1, 120)] | None = None
    """Frames a second.

    By default 25, at which clips were trained, or the rate of the motion track that drives the
    person.
    """
    rounds: Annotated[int, Range(1, MOST_FRAMES, "\u00d7", slider=(1, 20))] | None = None
    """How often the clip or the orbit repeats.

    By default a clip repeats until `at_least` is reached, and an orbit is shown once.
    """
    at_least: Annotated[float, Range(0, 600, "s")] = 0.0
    """Shortest length of a clip: if neither length nor rounds are chosen, it repeats until it is as
    long. 0: once."""
    loop: LoopMode | None = None
    """What follows the end of the clip; ping-pong plays it there and back, without a jump.

    By default as in the session.
    """
    orbit_shape: OrbitShape = "swing"
    """Path of the camera from where it is now: from side to side; on an ellipse, also up and down;
    or all the way round, which models trained on frontal faces cannot fill."""
    orbit_yaw: Annotated[float, Range(0, 180, "°", slider=(1, 90), step=1)] = 25.0
    """Angle of a swing or an ellipse to each side."""
    orbit_pitch: Annotated[float, Range(0, 89, "°", slider=(0, 45), step=1)] = 8.0
    """Angle of an ellipse up and down."""
    clip_plays: bool = False
    """Plays the clip during an orbit, in whole rounds so that it loops; or the motion track from
    its beginning."""

    @property
    def rate(self) -> float:
        """Frames a second, as far as it is known without the session."""
        return FRAME_RATE if self.frame_rate is None else self.frame_rate

    def conflicts(self) -> list[str]:
        if self.frames is not None and self.seconds is not None:
            return ["The length is given twice: choose frames or seconds."]
        if self.seconds is not None and self.seconds * self.rate > MOST_FRAMES:
            return [f"That would be more than {MOST_FRAMES:,} frames: choose fewer seconds."]
        return []


@dataclass(frozen=True)
class Look(Options):
    """What each frame shows, and how large it is."""

    views: tuple[View, ...] = ()
    """Views side by side.

    By default the session's layout, as the window shows it.
    """
    people: tuple[Seed, ...] = ()
    """Seeds of several people, such as 1 2 or 0-8; one per row, or in a square if there is one
    view.

    By default the session's person.
    """
    columns: Annotated[int, Range(1, MOST_TILES)] | None = None
    """Pictures in a row of a grid of people with one view.

    By default the grid is about square.
    """
    height: Annotated[int, Range(16, 8192, "px")] | None = None
    """Height of the whole frame; its width is in proportion.

    By default as rendered.
    """
    background: Background = "shown"
    """As shown: what the model renders, or the session's own background; or removed by the model's
    opacity, for slides and compositing (PNG, ProRes, GIF, WebP)."""

    def conflicts(self) -> list[str]:
        if max(len(self.views), 1) * max(len(self.people), 1) > MOST_TILES:
            return [f"A frame holds at most {MOST_TILES} pictures: choose fewer people or views."]
        return []


@dataclass(frozen=True)
class PictureOptions(Options):
    """How the moment shown becomes a picture (.png)."""

    suffixes: ClassVar[tuple[str, ...]] = (".png",)
    look: Look = Look()
    bits: Bits = 8
    """Bits a channel: 8, as on the screen; or 16, from the model's own numbers."""


@dataclass(frozen=True)
class MovingOptions(Options):
    """How a movement is exported."""

    movement: Movement = Movement()
    look: Look = Look()

    def file_size(self, suffix: str, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the pictures in a file, for frames rendered at `size`."""
        del suffix
        return size


@dataclass(frozen=True)
class FrameOptions(MovingOptions):
    """How a movement becomes a folder of numbered pictures (.png)."""

    suffixes: ClassVar[tuple[str, ...]] = ("",)
    bits: Bits = 8
    """Bits a channel: 8, as on the screen; or 16, from the model's own numbers."""

    def misfits(self, path: Path) -> list[str]:
        if path.suffix.lower() in (".png", *VIDEO_SUFFIXES):
            return [f"{path.name} cannot be the name of a folder, and frames go into a folder."]
        return []


@dataclass(frozen=True)
class VideoOptions(MovingOptions):
    """How a movement becomes a video (.mp4, .mov) or a moving picture (.gif, .webp)."""

    suffixes: ClassVar[tuple[str, ...]] = tuple(VIDEO_SUFFIXES)
    movement: Movement = Movement(at_least=4.0)
    """By default a clip repeats, as once it takes only 0.64 seconds."""
    codec: Codec = "auto"
    """How .mp4 and .mov are compressed. By the file's ending, it is H.264, which plays in slides
    and browsers, or ProRes 4444 for a transparent .mov.

    GIF and WebP have their own compression.
    """
    crf: Annotated[int, Range(0, 51, slider=(0, 40))] = 16
    """Compression of H.264 and H.265: 0 is lossless, 16 visually lossless, 30 makes a small
    file."""
    quality: Annotated[int, Range(0, 100)] = 90
    """Quality of WebP; 100 is without loss."""
    colors: Annotated[int, Range(2, 256)] = 256
    """Colours of each frame of a GIF: fewer make a smaller file."""
    sound: bool = True
    """Whether .mp4 and .mov keep the sound of the video whose motion track drives the person; it
    must lie beside the track, or have been opened before."""
    plays: Annotated[int, Range(0, 65_535)] = 0
    """How often a GIF or WebP plays; 0 for ever."""

    def file_size(self, suffix: str, size: tuple[int, int]) -> tuple[int, int]:
        """H.264 and H.265 need even sides: an odd one is padded by a copy of its last column or
        row."""
        if self.codec_for(Path(f"video{suffix}")) not in ("h264", "h265"):
            return size
        width, height = size
        return width + width % 2, height + height % 2

    def codec_for(self, path: Path) -> Codec | None:
        """The codec that goes into this file; None for GIF and WebP."""
        known = VIDEO_SUFFIXES.get(path.suffix.lower(), ())
        if not known:
            return None
        if self.codec != "auto":
            return self.codec
        if self.look.background == "transparent" and "prores" in known:
            return "prores"
        return known[0]

    def misfits(self, path: Path) -> list[str]:
        suffix = path.suffix.lower()
        if wrong := super().misfits(path):
            return wrong
        if too_fast := problem_of_rate(suffix, self.movement.rate):
            return [too_fast]
        codec, transparent = self.codec_for(path), self.look.background == "transparent"
        if codec is not None and codec not in VIDEO_SUFFIXES[suffix]:
            fitting = next(s for s, codecs in VIDEO_SUFFIXES.items() if codec in codecs)
            return [f"{CODECS[codec].split(':')[0]} does not go into {suffix}: use {fitting}."]
        if codec in ("h264", "h265") and transparent:
            return [
                "H.264 and H.265 cannot be transparent: choose .mov with ProRes, .webp, .gif, or "
                "PNG frames."
            ]
        return []


def problem_of_rate(suffix: str, rate: float) -> str:
    """Why players would not keep a frame rate; empty where they do."""
    most = MOST_RATES.get(suffix.lower())
    if most is None or rate <= most:
        return ""
    return (
        f"Players show a {suffix} at up to {most:g} frames a second and slow down faster ones: "
        f"choose a frame rate up to {most:g}, or .mp4."
    )
