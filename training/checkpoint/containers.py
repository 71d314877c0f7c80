"""The two file formats of torch.save: a zip archive, and the older sequence of pickles.

They are not read by torch.load, which rejects a whole file for a single unknown name and, for the
older format, allocates memory by sizes that the file declares.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

from training.checkpoint import pickles
from training.checkpoint.checkpoint_errors import shown
from training.checkpoint.pickles import Findings, PickleError
from training.checkpoint.stored import ITEM_SIZES, FilePart, OpenFile, Storage

_LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True)
class Unpickled:
    """The contents of a file, without its tensors, which are read when they are loaded."""

    root: Any
    findings: Findings


def is_pickle(head: bytes) -> bool:
    """Whether a file that starts with `head` is a pickle."""
    return head[:1] == b"\x80"


def is_torch_save(head: bytes) -> bool:
    """Whether a file that starts with `head` was written by torch.save."""
    return head.startswith((b"PK\x03\x04", _LEGACY_START))


def read_pickle(file: OpenFile) -> Unpickled:
    """The object in an ordinary pickle.

    Raises:
        PickleError: see `pickles.load`.
        OSError: if the file cannot be read.
    """
    findings = Findings()
    return Unpickled(pickles.load(file, findings), findings)


def read_torch_save(file: OpenFile) -> Unpickled:
    """The object in a file of torch.save of either format.

    Raises:
        PickleError: if it is damaged or was made by something else.
        OSError: if the file cannot be read.
    """
    findings = Findings()
    zipped = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    read = _read_zip if zipped else pickles.load_legacy
    return Unpickled(read(file, findings), findings)


def _read_zip(file: OpenFile, findings: Findings) -> Any:
    records = _zip_records(file)
    roots = [name for name in records if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(roots) != 1:
        raise PickleError("it is a zip archive, but not one that torch.save wrote")
    folder = roots[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in records:
        raise PickleError("it is a TorchScript program, not a checkpoint")
    storages: dict[str, Storage] = {}

    def persistent_load(pid: object) -> Storage:
        key, storage = pickles.describe_storage(pid)
        if key not in storages:
            data = records.get(f"{folder}data/{key}")
            if data is None or data.num_bytes < storage.count * ITEM_SIZES[storage.dtype]:
                raise PickleError(f"the values of its storage {shown(key)} are cut short")
            storage.data = data
            storages[key] = storage
        return storages[key]

    root = records[roots[0]]
    file.seek(root.start)
    return pickles.load(io.BytesIO(file.read(root.num_bytes)), findings, persistent_load)


def _zip_records(file: OpenFile) -> dict[str, FilePart]:
    """The records of an uncompressed zip archive by name.

    Raises:
        PickleError: if one is compressed (it might expand without limit) or incomplete.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except Exception as error:
        # zipfile raises many types of error for a damaged directory.
        raise PickleError(
            "its directory of contents is missing or damaged, so the download or copy was "
            "probably cut short"
        ) from error
    size = file.num_bytes
    records = {}
    for entry in entries:
        name = shown(entry.filename)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise PickleError(f"its record {name} is compressed, which torch.save never does")
        if not 0 <= entry.header_offset <= size - _LOCAL_HEADER.size:
            raise PickleError(f"its record {name} lies outside of the file")
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size:
            raise PickleError(f"its record {name} lies outside of the file")
        magic, name_size, extra_size = _LOCAL_HEADER.unpack(header)
        start = entry.header_offset + _LOCAL_HEADER.size + name_size + extra_size
        if magic != b"PK\x03\x04" or start + entry.file_size > size:
            raise PickleError(f"its record {name} lies outside of the file")
        records[entry.filename] = FilePart(file, start, entry.file_size)
    return records
