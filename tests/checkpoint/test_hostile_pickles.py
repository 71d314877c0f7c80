"""Malicious pickles: nothing of theirs ever runs."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoint.checkpoint_writers import problems_of, write_pv3d
from tests.checkpoint.official_files import (
    make_generator,
    pv3d_contents,
    still,
    write_eg3d,
    write_pickle,
)
from training.checkpoint import read
from training.checkpoint.pickles import LEGACY_MAGIC


class _Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


class TestMalice:
    @pytest.mark.parametrize("function", [os.system, builtins.exec, builtins.eval, io.open])
    @pytest.mark.parametrize("kind", ["pv3d", "legacy", "eg3d", "kept module", "kept table"])
    def test_calls_are_not_made(self, function: Callable[..., object], kind: str, tmp_path) -> None:
        victim = tmp_path / "victim"
        arguments = {
            "system": (f"touch {victim}",),
            "open": (str(victim), "w"),
        }.get(function.__name__, (f"open({str(victim)!r}, 'w')",))
        extra = {"evil": _Call(function, *arguments)}
        path = tmp_path / "a"
        generator = make_generator(still())
        if kind == "eg3d":
            write_eg3d(path, generator, extra=extra)
        elif kind == "kept module":
            write_eg3d(path, generator, extra=extra, write=torch.save)
        elif kind == "kept table":
            torch.save({"G_ema": {**generator.state_dict(), **extra}}, path)
            assert "evil" in problems_of(path)[0]
            assert not victim.exists()
            return
        else:
            contents = pv3d_contents(make_generator().state_dict()) | extra
            torch.save(contents, path, _use_new_zipfile_serialization=kind == "pv3d")
        notes = read(path).notes
        assert not victim.exists()
        assert any(function.__name__ in note and "ignored" in note for note in notes)

    @pytest.mark.parametrize("write", [write_pickle, torch.save])
    @pytest.mark.parametrize("name", ["", "G_ema"])
    def test_embedded_source_is_not_run(self, write: Any, name: str, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        source = f"open({str(victim)!r}, 'w').close()"
        write_eg3d(tmp_path / "a", make_generator(still()), source=source, name=name, write=write)
        read(tmp_path / "a")
        assert not victim.exists()

    def test_compressed_zip(self, tmp_path: Path) -> None:
        write_pv3d(tmp_path / "a")
        with (
            zipfile.ZipFile(tmp_path / "a") as source,
            zipfile.ZipFile(tmp_path / "b", "w", zipfile.ZIP_DEFLATED) as bomb,
        ):
            for name in source.namelist():
                bomb.writestr(name, source.read(name))
        assert "compressed" in problems_of(tmp_path / "b")[0]

    @pytest.mark.parametrize(
        "program",
        [
            b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
            b"\x80\x02)" + b"\x85" * 10**6 + b".",
            b"\x80\x04Nr\xff\xff\xff\xff.",  # a memo index of four thousand million
            b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.",
            b"\x80\x05\x96" + struct.pack("<Q", 2**34) + b"x.",
            b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
            b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
            b"\x80\x02}" + b")" + b"2\x86" * 80 + b"Ns.",  # a key whose hash takes for ever
            b"\x80\x02]Nb.",
            b"\x80\x02cbuiltins\nexec\n}b(X\x01\0\0\0aKKu.",
            b"\x80\x02\x82\x01.",
            b"\x80\x02K\x01Q.",
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nNK\x00))tR.",
            b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x03abc\x85R.",
        ],
        ids=lambda program: program[:8].hex(),
    )
    def test_programs(self, program: bytes, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(program)
        problems_of(tmp_path / "a")

    @pytest.mark.parametrize("function", ["_codecs\nencode", "torch\nSize"])
    def test_calls_that_make_the_same_again_and_again(self, function: str, tmp_path: Path) -> None:
        """Six bytes of the file each, and a megabyte of memory."""
        text = b"X" + struct.pack("<I", 2**20) + b"a" * 2**20
        argument = text if "codecs" in function else b"(" + b"K\0" * 2**20 + b"t"
        program = b"\x80\x02" + argument + b"q\x000c" + function.encode() + b"\nq\x010]"
        program += b"h\x01h\x00\x85Ra" * 1000 + b"."
        (tmp_path / "a").write_bytes(program)
        assert "repeats itself" in problems_of(tmp_path / "a")[0]

    def test_tensors_in_tensors(self, tmp_path: Path) -> None:
        """Each level has the next one read twice: 2 to the power of 40 readings."""
        storage = io.BytesIO()
        typed = torch.zeros(3)._typed_storage()
        torch.save(typed, storage, _use_new_zipfile_serialization=False)
        blob = storage.getvalue()
        storage.seek(0)
        for _ in range(3):
            pickle.load(storage)
        tail, head = storage.read(), pickle.dumps(LEGACY_MAGIC, 2) + pickle.dumps(1001, 2)
        program = b""
        for _ in range(40):
            program = b"\x80\x03B" + struct.pack("<I", len(blob)) + blob + b"q\x00"
            program += b"ctorch.storage\n_load_from_bytes\nq\x010" + b"h\x01h\x00\x85R0" * 2 + b"N."
            blob = head + program + tail
        (tmp_path / "a").write_bytes(program)
        assert "no data" in problems_of(tmp_path / "a")[0]

    def test_tables_that_hold_each_other(self, tmp_path: Path) -> None:
        table: dict[str, Any] = {"weight": torch.zeros(2)}
        table["self"] = table
        doubled: dict[str, Any] = {}
        for _ in range(60):
            doubled = {"a": doubled, "b": doubled}
        for contents in (table, {"G_ema": table}, doubled):
            torch.save(contents, tmp_path / "a")
            assert "modules" in problems_of(tmp_path / "a")[0]

    def test_modules_that_hold_each_other(self, tmp_path: Path) -> None:
        meta: dict[str, Any] = {"_modules": {}}
        for _ in range(60):
            node = _State(meta)
            meta = {"_modules": {"a": node, "b": node}}
        (tmp_path / "a").write_bytes(pickle.dumps({"G_ema": _State(meta)}))
        assert "modules" in problems_of(tmp_path / "a")[0]

    def test_legacy_file_that_declares_too_much(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        torch.save({"x": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
        data = path.read_bytes()
        path.write_bytes(data[:-20] + struct.pack("<q", 2**50) + data[-12:])
        assert "too early" in problems_of(path)[0]


class _State:
    def __init__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
