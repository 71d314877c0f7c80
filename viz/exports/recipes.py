"""Recipes: every export carries the session that made it, and how it was made.

A recipe is a session's JSON with one more entry, "export", that sessions do without: the kind of
export, its options, the program's version and a mark of the model's weights. PNGs hold it as text,
MP4 and MOV as their comment, GIFs as a comment, WebP as XMP; what can hold no text has a session
file beside it. No torch here until a model is looked at.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from viz.state import session
from viz.state.errors import UserError
from viz.state.session import PNG_KEY
from viz.state.types import SessionState

if TYPE_CHECKING:
    from training.networks.generator import Generator
    from viz.render.renderer import Renderer

SIDECAR = "session.json"
"""Name of the session file in a folder of frames."""
VIDEOS = (".mp4", ".mov")

_NUMBERS_A_TENSOR = 4096


@dataclass(frozen=True)
class Recipe:
    """How an export is made, apart from the session."""

    kind: str
    """Name of the exporter."""
    options: Any
    """Its options, a dataclass."""
    weights: str
    """Mark of the model's weights."""
    plan: dict[str, Any]
    """Number formats of the model's stages."""

    @classmethod
    def of(cls, renderer: Renderer, state: SessionState, kind: str, options: Any) -> Recipe:
        """The recipe of an export of a state by a renderer's model."""
        plan = dataclasses.asdict(renderer.plan(state.quality))
        return cls(kind, options, weights_mark(renderer.G), plan)

    def text(self, state: SessionState) -> str:
        """The recipe with the session that is exported, as JSON in one line."""
        data = json.loads(session.to_json(state))
        data["export"] = {
            "kind": self.kind,
            "options": dataclasses.asdict(self.options),
            "program": version(),
            "weights": self.weights,
            "formats": self.plan,
        }
        return json.dumps(data)


def same(first: str, second: str) -> bool:
    """Whether two recipes make the same picture, wherever their model's file lies."""
    try:
        one, other = json.loads(first), json.loads(second)
        for data in (one, other):
            data["state"].pop("checkpoint", None)
            data["export"].pop("program", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return one == other


def version() -> str:
    """Version of this program, or nothing where it is not installed."""
    try:
        return metadata.version("pv3d-visualizer")
    except metadata.PackageNotFoundError:
        return ""


def weights_mark(G: Generator) -> str:
    """Sixteen letters that tell one model's weights from another's: a digest of numbers taken
    evenly from each tensor, so that it costs nothing."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(G.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // _NUMBERS_A_TENSOR)].float().cpu().numpy()
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(some.astype("<f4").tobytes())
    return digest.hexdigest()


def session_text(path: Path) -> str | None:
    """JSON of the session that a file of this program's carries; None where it carries none.

    Args:
        path: a picture, video or geometry file, or a folder of frames.

    Raises:
        UserError: when the file cannot be read as what its name says.
    """
    from PIL.Image import DecompressionBombError

    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            sidecar = path / SIDECAR
            return sidecar.read_text("utf-8") if sidecar.is_file() else None
        if suffix in VIDEOS:
            return _text_of_video(path)
        if suffix == ".gif":
            return next((t for t in _gif_comments(path) if t.startswith("{")), None)
        if suffix == ".webp":
            return _text_of_webp(path)
        if suffix == ".png":
            return _text_of_png(path)
    except (OSError, ValueError, IndexError, SyntaxError, DecompressionBombError) as e:
        kind = "video" if suffix in VIDEOS else "picture"
        raise UserError(f"{path.name} could not be read as a {kind}.") from e
    from viz.exports.meshes import mesh_export

    return mesh_export.session_text(path)


def _text_of_png(path: Path) -> str | None:
    from PIL import Image

    with Image.open(path) as picture:
        found = picture.info.get(PNG_KEY)
    return found if isinstance(found, str) else None


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
    """Comments of a GIF, wherever they stand."""
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
