"""The sessions in exports: how they are stored, and reading them back.

PNGs hold the session as text, MP4 and MOV as their comment, GIFs as a comment, WebP as XMP and GLB
in its extras; formats that hold no text get a session file beside them. No torch here: the window
opens exports with this module.
"""

from __future__ import annotations

import html
import json
import re
import struct
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from training.reasons import reason
from viz.exports.frame_options import VIDEOS
from viz.state import files, named_files
from viz.state.errors import UserError
from viz.state.session import from_json
from viz.state.types import SessionState

PNG_KEY = "pv3d_session"
"""Name of the PNG text chunk that holds the session's JSON."""
EXPORT_SUFFIXES = {
    ".png": "picture",
    ".gif": "picture",
    ".webp": "picture",
    ".mp4": "video",
    ".mov": "video",
    ".html": "web page",
    ".glb": "mesh",
    ".ply": "mesh",
    ".obj": "mesh",
    ".stl": "mesh",
}
"""Suffixes of exports, which hold a session or have one beside them, and what each format is."""
FOLDER_SIDECAR = "session.json"
"""Name of the session file in a folder of frames."""
SIDECAR_SUFFIX = ".session.json"
"""Added to the whole name of a file that can hold no session, for the session beside it."""

MESH_FRAME = re.compile(r"frame_\d{4,}\.(glb|ply|obj|mtl|stl)")
"""Names of the files of a mesh sequence."""
_LARGEST_SESSION = 2**24


@dataclass(frozen=True)
class Opened:
    """A session from a file."""

    state: SessionState
    """The state, with paths of its ws files resolved, and its checkpoint as written in the file."""
    model: str
    """Absolute path of the checkpoint; empty where the session names none or that may not be
    opened, see `viz.state.named_files`."""
    weights: str
    """Fingerprint of the weights that made an export; empty for a session file."""
    candidates: tuple[str, ...]
    """Files that may contain those weights, the likeliest first."""


def read_session(path: str | Path, known: Iterable[str] = ()) -> Opened:
    """A session from its file, or from anything that this program exported.

    Args:
        path: a .json, an export, or a folder of exported frames.
        known: models and ws that were opened before, which a session may name wherever they are.

    Raises:
        UserError: when it holds no session, or one that names ws that may not be opened.
    """
    path, known = Path(path), list(known)
    problem = named_files.problem_of(path)
    is_folder = problem == named_files.IS_FOLDER
    if problem and not is_folder:
        raise UserError(f"{path.name} could not be read: {problem}.")
    if path.suffix.lower() in EXPORT_SUFFIXES or is_folder:
        text = _text_of_export(path)
    else:
        try:
            text = _text_of_file(path)
        except (OSError, ValueError) as e:
            raise UserError(f"{path.name} could not be read: {reason(e)}.") from e
    folder = path.absolute() if is_folder else path.absolute().parent
    state = named_files.with_files_found(from_json(text, path.name), folder, known)
    model = named_files.located(state.checkpoint, folder, known)
    others = (*named_files.neighbours(folder), *files.bundled(), *known)
    candidates = tuple(dict.fromkeys(filter(None, (model, *others))))
    return Opened(state, model, _weights(text), candidates)


def _text_of_file(path: Path) -> str:
    """The text of a session's file.

    Raises:
        OSError, ValueError: when it cannot be read.
    """
    if path.stat().st_size > _LARGEST_SESSION:
        raise ValueError("it is too large for a session")
    return path.read_text("utf-8-sig")  # some editors write a byte-order mark


def _weights(text: str) -> str:
    recipe = json.loads(text).get("export")
    found = cast(dict[str, Any], recipe).get("weights") if isinstance(recipe, dict) else None
    return found if isinstance(found, str) else ""


def _text_of_export(path: Path) -> str:
    text = session_text(path)
    if text is None:
        kind = "folder" if path.is_dir() else EXPORT_SUFFIXES[path.suffix.lower()]
        raise UserError(
            f"{path.name} is a {kind} without a session: it was not saved by this program."
        )
    return text


def session_text(path: Path) -> str | None:
    """JSON of the session inside a file that this program wrote; None if there is none.

    Args:
        path: a picture, video or geometry file, or a folder of frames.

    Raises:
        UserError: when the file cannot be read in the format of its suffix.
    """
    from PIL.Image import DecompressionBombError

    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            sidecar = path / FOLDER_SIDECAR
            return _text_of_file(sidecar) if sidecar.is_file() else None
        if suffix in VIDEOS:
            return _text_of_video(path)
        if suffix == ".gif":
            return next((t for t in _gif_comments(path) if t.startswith("{")), None)
        if suffix == ".webp":
            return _text_of_webp(path)
        if suffix == ".png":
            return _text_of_png(path)
        if suffix == ".html":
            return _text_of_page(path)
    except (OSError, ValueError, IndexError, SyntaxError, DecompressionBombError) as e:
        kind = "video" if suffix in VIDEOS else "picture"
        raise UserError(f"{path.name} could not be read as a {kind}.") from e
    return _text_of_geometry(path)


def is_foreign(path: str, suffixes: Collection[str]) -> bool:
    """Whether a file has one of these suffixes and holds no session, so that it is not an export.

    A file that cannot be read counts as foreign: whoever reads it says what is wrong.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes or named_files.problem_of(path):
        return False
    if suffix not in EXPORT_SUFFIXES:
        return True
    with suppress(UserError):
        return session_text(Path(path)) is None
    return True


def _text_of_png(path: Path) -> str | None:
    from PIL import Image

    with Image.open(path) as picture:
        found = picture.info.get(PNG_KEY)
    return found if isinstance(found, str) else None


_IN_PAGE = re.compile(f'<script type="application/json" id="{PNG_KEY}">(.*?)</script>', re.DOTALL)


def _text_of_page(path: Path) -> str | None:
    with path.open(encoding="utf-8", errors="replace") as file:
        found = _IN_PAGE.search(file.read(_LARGEST_SESSION))
    return found[1] if found else None


def _text_of_video(path: Path) -> str | None:
    import av

    with av.open(str(path)) as container:
        found = container.metadata.get("comment", "")
    return found if found.startswith("{") else None


def gif_comment(text: str) -> bytes:
    """A GIF's comment extension: blocks of at most 255 bytes."""
    data = text.encode()
    parts = (data[k : k + 255] for k in range(0, len(data), 255))
    return b"\x21\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"


def _gif_comments(path: Path) -> Iterator[str]:
    """Comments of a GIF, wherever they are in the file."""
    with path.open("rb") as file:
        header = _exactly(file, 13)
        if header[:3] != b"GIF":
            raise ValueError("no GIF")
        _skip_table(file, header[10])
        while (kind := _exactly(file, 1)) != b"\x3b":
            if kind == b"\x21":
                label = _exactly(file, 1)
                blocks = b"".join(_blocks(file, keep=label == b"\xfe"))
                if label == b"\xfe":
                    yield blocks.decode("utf-8", "replace")
            elif kind == b"\x2c":
                _skip_table(file, _exactly(file, 9)[8])
                _exactly(file, 1)
                for _ in _blocks(file, keep=False):
                    pass
            else:
                raise ValueError("damaged")


def _skip_table(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _blocks(file: IO[bytes], keep: bool) -> Iterator[bytes]:
    while size := _exactly(file, 1)[0]:
        block = _exactly(file, size)
        if keep:
            yield block


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise ValueError("the file ends early")
    return data


_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:pv3d="urn:pv3d-visualizer">'
    "<pv3d:session>{}</pv3d:session>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
)


def xmp(text: str) -> bytes:
    """An XMP packet that holds the recipe."""
    return _XMP.format(html.escape(text, quote=False)).encode()


def _text_of_webp(path: Path) -> str | None:
    with path.open("rb") as file:
        head = _exactly(file, 12)
        if head[:4] != b"RIFF" or head[8:] != b"WEBP":
            raise ValueError("no WebP")
        while len(chunk := file.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"XMP ":
                packet = _exactly(file, size).decode("utf-8")
                found = re.search(r"<pv3d:session>(.*?)</pv3d:session>", packet, re.DOTALL)
                return html.unescape(found[1]) if found else None
            file.seek(size + size % 2, 1)
    return None


def _text_of_geometry(path: Path) -> str | None:
    """JSON of the session that a .glb holds, or that is in a file beside other geometry files."""
    try:
        if path.suffix.lower() == ".glb":
            with path.open("rb") as file:
                return _extras_text(file)
        sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
        if not sidecar.is_file() and MESH_FRAME.match(path.name):
            sidecar = path.with_name(FOLDER_SIDECAR)
        return _text_of_file(sidecar) if sidecar.is_file() else None
    except (OSError, ValueError, RecursionError) as e:
        raise UserError(f"{path.name} could not be read as a mesh.") from e


def _extras_text(file: IO[bytes]) -> str | None:
    """The recipe in a GLB's extras, as JSON; None where there is none.

    Raises:
        ValueError: when it is no GLB.
    """
    head = file.read(20)
    if len(head) < 20 or head[:4] != b"glTF" or head[16:] != b"JSON":
        raise ValueError("no GLB")
    size = struct.unpack("<I", head[12:16])[0]
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the file ends early")
    document = json.loads(data)
    try:
        recipe = document["asset"]["extras"][PNG_KEY]
    except (KeyError, TypeError):
        return None
    return recipe if isinstance(recipe, str) else json.dumps(recipe)
