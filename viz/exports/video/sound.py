"""The sound of a driver's video, copied into what was exported."""

# PyAV's streams are not fully typed.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from viz.exports.video.encoders import open_video
from viz.state.driving import driven
from viz.state.types import SessionState


def film_with_sound(state: SessionState, moving: str) -> tuple[Path, float] | None:
    """The video whose sound goes with a movement (see `Movement.moving`), and the second at which
    the movement begins in it; None unless a track drives the person at its own speed, and its video
    is found."""
    used = driven.in_use(state)
    if used is None or moving not in ("clip", "path"):
        return None
    drive, track = used
    film = driven.film_of(drive.track, track)
    if state.playback.speed != 1 or not film:
        return None
    first, _ = driven.ends(drive, track)
    return Path(film), (track.first + first) / track.fps


def add_sound(part: Path, suffix: str, film: Path, begin: float, seconds: float) -> None:
    """Adds a video's sound to an exported file; without a sound that can be copied it stays as it
    is.

    Args:
        part: the export, replaced once the sound is in.
        suffix: format of the export.
        film: the video; its sound is copied as it is where the format can hold it, and encoded as
            AAC otherwise.
        begin: second of the video at which the export begins.
        seconds: length of the export.
    """
    for copied in (True, False):
        mixed = part.with_name(f"{part.name}.sound")
        try:
            if not _mix(part, mixed, suffix, film, (begin, begin + seconds), copied):
                return
            mixed.replace(part)
            return
        except (FFmpegError, ValueError):
            continue  # the format does not hold that codec, or the sound is damaged
        finally:
            mixed.unlink(missing_ok=True)


def _mix(
    part: Path, mixed: Path, suffix: str, film: Path, span: tuple[float, float], copied: bool
) -> bool:
    """Writes the pictures of `part` and the sound of `film` to `mixed`; whether there is sound."""
    with av.open(str(part)) as pictures, av.open(str(film)) as heard:
        if not heard.streams.audio:
            return False
        shown, source = pictures.streams.video[0], heard.streams.audio[0]
        with open_video(mixed, suffix, pictures.metadata.get("comment", "")) as output:
            out: Any = output
            video = out.add_stream_from_template(shown)
            audio: Any = (
                out.add_stream_from_template(source)
                if copied
                else out.add_stream("aac", rate=source.rate)
            )
            sounds = (_copied if copied else _encoded)(heard, source, audio, span)
            # In the order of their times, or players would have to jump to and fro.
            for packet in heapq.merge(_pictures(pictures, shown, video), sounds, key=_time):
                out.mux(packet)
    return True


def _time(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


def _pictures(container: Any, shown: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(shown):
        if packet.dts is not None:
            packet.stream = stream
            yield packet


def _copied(heard: Any, source: Any, stream: Any, span: tuple[float, float]) -> Iterator[Any]:
    begin = round(span[0] / source.time_base)
    for packet in heard.demux(source):
        if packet.pts is None or not span[0] <= packet.pts * source.time_base < span[1]:
            continue
        packet.pts, packet.dts = packet.pts - begin, packet.pts - begin
        packet.stream = stream
        yield packet


def _encoded(heard: Any, source: Any, stream: Any, span: tuple[float, float]) -> Iterator[Any]:
    begin = None
    for frame in heard.decode(source):
        if frame.time is None or not span[0] <= frame.time < span[1]:
            continue
        begin = frame.pts if begin is None else begin
        frame.pts -= begin
        yield from stream.encode(frame)
    yield from stream.encode(None)
