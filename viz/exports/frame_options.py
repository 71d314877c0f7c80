"""What a user can choose about exported pictures, frames and videos. No torch here: panels and the
command line are made of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from viz.state.types import FRAME_RATE, LoopMode, View

Moving = Literal["clip", "orbit", "path", "still"]
MOVEMENTS: dict[Moving, str] = {
    "clip": "Clip: time runs over the playback range",
    "orbit": "Orbit: the camera moves round the head",
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
BACKGROUNDS: dict[Background, str] = {
    "shown": "As the model paints it",
    "transparent": "Transparent where the model is empty",
}
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
"""Endings of video files, with the codecs that go into them; the first is taken by "auto"."""
PICTURE_VIEWS: tuple[View, ...] = ("image", "raw", "depth", "normals", "opacity")
"""Views that are pictures; the mesh is drawn by the window."""
Bits = Literal[8, 16]

MOST_FRAMES = 100_000
MOST_SECONDS = 3600.0
MOST_TILES = 256
LARGEST_SIDE = 8192
"""Greatest height of a frame, pixels."""
MOST_PIXELS = 2**27
"""Most pixels of a frame: readers take larger ones for an attack."""


def _outside(name: str, value: float | None, low: float, high: float) -> Iterator[str]:
    if value is not None and not low <= value <= high:
        yield f"{name} is {value:g}; it must lie within {low:g} and {high:g}."


@dataclass(frozen=True)
class Movement:
    """What moves, and for how long."""

    moving: Moving = "clip"
    """The clip's time over the playback range, the camera on an orbit, camera and time along the
    keyframes, or nothing."""
    frames: int | None = None
    """Number of frames, 1 to 100,000. None: as many as `seconds` hold, or as the movement has."""
    seconds: float | None = None
    """Length, instead of `frames`. None: as long as the movement is, or 4 seconds for an orbit."""
    frame_rate: float = FRAME_RATE
    """Frames a second, 1 to 120. A clip was trained at 25."""
    rounds: int | None = None
    """How often the clip or the orbit goes through within that length. None: a clip as often as it
    does at the session's speed, an orbit once."""
    loop: LoopMode | None = None
    """How the clip repeats: loop, ping-pong (there and back, without a jump) or once. None: as the
    session plays."""
    orbit_shape: OrbitShape = "swing"
    """From side to side; on an ellipse that also goes up and down; or all the way round, which a
    model that was trained on faces from the front cannot fill."""
    orbit_yaw: float = 25.0
    """Degrees that a swing or a circle goes to each side, 0 to 180."""
    orbit_pitch: float = 8.0
    """Degrees that a circle goes up and down, 0 to 89."""
    clip_plays: bool = False
    """Whether the clip plays during an orbit, in whole rounds, so that the end meets the start."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = [
            *_outside("The number of frames", self.frames, 1, MOST_FRAMES),
            *_outside("The length in seconds", self.seconds, 0.01, MOST_SECONDS),
            *_outside("The frame rate", self.frame_rate, 1, 120),
            *_outside("The number of rounds", self.rounds, 1, MOST_FRAMES),
            *_outside("The orbit's swing to the side", self.orbit_yaw, 0, 180),
            *_outside("The orbit's swing up and down", self.orbit_pitch, 0, 89),
        ]
        if self.frames is not None and self.seconds is not None:
            found.append("The length is given twice: choose frames or seconds.")
        elif self.seconds is not None and self.seconds * self.frame_rate > MOST_FRAMES:
            found.append(f"That would be more than {MOST_FRAMES:,} frames: choose fewer seconds.")
        return found


@dataclass(frozen=True)
class Look:
    """What each frame shows, and how large it is."""

    views: tuple[View, ...] = ()
    """Views side by side: image, raw, depth, normals, opacity. None given: the session's layout, as
    the window shows it."""
    people: tuple[int, ...] = ()
    """Seeds of several people, one a row, or a square of them where there is one view. None given:
    the session's person."""
    columns: int | None = None
    """Pictures in a row of a grid of people with one view; None makes it about square."""
    height: int | None = None
    """Height of the frame, pixels, the width in proportion; None as rendered."""
    background: Background = "shown"
    """As the model paints it; or transparent, by the model's opacity (PNG, ProRes, GIF, WebP)."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = [
            *_outside("The number of columns", self.columns, 1, MOST_TILES),
            *_outside("The height", self.height, 16, LARGEST_SIDE),
        ]
        if any(view not in PICTURE_VIEWS for view in self.views):
            known = ", ".join(PICTURE_VIEWS)
            found.append(f"Only pictures can be put into frames: choose among {known}.")
        if max(len(self.views), 1) * max(len(self.people), 1) > MOST_TILES:
            found.append(f"A frame can hold {MOST_TILES} pictures: choose fewer people or views.")
        if any(not 0 <= seed < 2**32 for seed in self.people):
            found.append("The people's seeds must lie within 0 and 2**32 - 1.")
        return found


@dataclass(frozen=True)
class PictureOptions:
    """How the moment shown becomes a picture (.png)."""

    look: Look = Look()
    bits: Bits = 8
    """Bits a channel: 8, as on the screen; or 16, from the model's numbers."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = self.look.problems()
        if self.bits not in (8, 16):
            found.append(f"{self.bits} bits a channel are not possible: choose 8 or 16.")
        return found

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this file's format cannot hold."""
        found = self.problems()
        if path.suffix.lower() != ".png":
            found.append(f"{path.name} must end in .png: that is what pictures are saved as.")
        return found


@dataclass(frozen=True)
class FrameOptions:
    """How a movement becomes a folder of numbered pictures (.png)."""

    movement: Movement = Movement()
    look: Look = Look()
    bits: Bits = 8
    """Bits a channel: 8, as on the screen; or 16, from the model's numbers."""

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        found = self.movement.problems() + self.look.problems()
        if self.bits not in (8, 16):
            found.append(f"{self.bits} bits a channel are not possible: choose 8 or 16.")
        return found

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this name cannot stand for."""
        found = self.problems()
        if path.suffix.lower() in (".png", *VIDEO_SUFFIXES):
            found.append(f"{path.name} is no name for a folder: frames go into a folder.")
        return found


@dataclass(frozen=True)
class VideoOptions:
    """How a movement becomes a video (.mp4, .mov) or a moving picture (.gif, .webp)."""

    movement: Movement = Movement()
    look: Look = Look()
    codec: Codec = "auto"
    """How .mp4 and .mov are compressed. auto takes H.264, and ProRes 4444 for a transparent .mov;
    GIF and WebP have their own."""
    crf: int = 16
    """Loss of H.264 and H.265, 0 to 51: lower is better and larger. 16 looks like the original."""
    quality: int = 90
    """Quality of WebP, 0 to 100; 100 is without loss."""
    colors: int = 256
    """Colours of a GIF, 2 to 256."""
    plays: int = 0
    """How often a GIF or WebP plays; 0 for ever."""

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

    def problems(self) -> list[str]:
        """Sentences on what cannot be; nothing where all is well."""
        return [
            *self.movement.problems(),
            *self.look.problems(),
            *_outside("The loss (crf)", self.crf, 0, 51),
            *_outside("The quality of WebP", self.quality, 0, 100),
            *_outside("The number of colours", self.colors, 2, 256),
            *_outside("The number of plays", self.plays, 0, 65535),
        ]

    def problems_with(self, path: Path) -> list[str]:
        """Those, and what this file's format cannot hold."""
        found, suffix = self.problems(), path.suffix.lower()
        if suffix not in VIDEO_SUFFIXES:
            known = ", ".join(VIDEO_SUFFIXES)
            found.append(f"{path.name} does not end in one of {known}: choose a format by its end.")
            return found
        codec, transparent = self.codec_for(path), self.look.background == "transparent"
        if codec is not None and codec not in VIDEO_SUFFIXES[suffix]:
            fitting = next(s for s, codecs in VIDEO_SUFFIXES.items() if codec in codecs)
            found.append(f"{CODECS[codec].split(':')[0]} does not go into {suffix}: use {fitting}.")
        elif codec in ("h264", "h265") and transparent:
            found.append(
                "H.264 and H.265 know no transparency: choose .mov with ProRes, .webp, .gif, or "
                "PNG frames."
            )
        return found
