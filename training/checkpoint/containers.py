"""The two file formats of torch.save: a zip archive, and the older row of pickles.

They are read here and not by torch.load, which refuses a whole file for one name that it does not
know, and, for the older format, allocates by sizes that the file declares.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.checkpoint import pickles
from training.checkpoint.checkpoint_errors import shown
from training.checkpoint.pickles import Findings, PickleError
from training.checkpoint.stored import ITEM_SIZES, Storage

_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True)
class Unpickled:
    """What a file holds. Its tensors are views of the mapped file until they are loaded."""

    root: Any
    findings: Findings


def map_file(path: Path) -> mmap.mmap:
    """The bytes of a file that is not empty, read from disk only where they are looked at."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_pickle(path: Path) -> Unpickled:
    """The object in an ordinary pickle.

    Raises:
        PickleError: see `pickles.load`.
        OSError: if the file cannot be read.
    """
    findings = Findings()
    return Unpickled(pickles.load(map_file(path), findings), findings)


def read_torch_save(path: Path) -> Unpickled:
    """The object in a file of torch.save of either format.

    Raises:
        PickleError: if it is damaged or was made by something else.
        OSError: if the file cannot be read.
    """
    mapped = map_file(path)
    findings = Findings()
    if mapped[:4] == b"PK\x03\x04":
        return Unpickled(_read_zip(path, mapped, findings), findings)
    return Unpickled(pickles.load_legacy(mapped, memoryview(mapped), findings), findings)


def _read_zip(path: Path, mapped: mmap.mmap, findings: Findings) -> Any:
    records = _zip_records(path, mapped)
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
            if data is None or data.nbytes < storage.count * ITEM_SIZES[storage.dtype]:
                raise PickleError(f"the values of its storage {shown(key)} are cut short")
            storage.data = data
            storages[key] = storage
        return storages[key]

    return pickles.load(io.BytesIO(records[roots[0]]), findings, persistent_load)


def _zip_records(path: Path, mapped: mmap.mmap) -> dict[str, memoryview]:
    """Name to bytes of the records of a zip archive, which must be stored as they are.

    Raises:
        PickleError: if one is compressed (it might unfold without limit) or not all there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:
        # zipfile raises many types of error for a damaged directory.
        raise PickleError(
            "its directory of contents is missing or damaged, so the download or copy was "
            "probably cut short"
        ) from error
    data = memoryview(mapped)
    records = {}
    for entry in entries:
        name = shown(entry.filename)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise PickleError(f"its record {name} is compressed, which torch.save never does")
        header = data[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size]
        if entry.header_offset < 0 or len(header) < _LOCAL_HEADER.size:
            raise PickleError(f"its record {name} lies outside of the file")
        magic, name_size, extra_size = _LOCAL_HEADER.unpack(header)
        start = entry.header_offset + _LOCAL_HEADER.size + name_size + extra_size
        if magic != b"PK\x03\x04" or start + entry.file_size > len(data):
            raise PickleError(f"its record {name} lies outside of the file")
        records[entry.filename] = data[start : start + entry.file_size]
    return records
