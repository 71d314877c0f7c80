"""Wrong, damaged and malicious files: one clear error, and nothing of theirs ever runs."""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.checkpoint.checkpoint_writers import (
    METADATA,
    WRITERS,
    problems_of,
    state_of_small,
    write_pv3d,
)
from tests.checkpoint.official_files import CONFIG, make_generator, write_eg3d
from training.checkpoint import READERS, CheckpointError, pickles, read

FORMATS = pytest.mark.parametrize("name", WRITERS)


def test_every_reader_is_attacked() -> None:
    assert {reader.format for reader in READERS} <= WRITERS.keys()


@FORMATS
@pytest.mark.parametrize("part", [0.001, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_truncated(name: str, part: float, tmp_path: Path) -> None:
    path = tmp_path / "file"
    WRITERS[name](path)
    data = path.read_bytes()
    path.write_bytes(data[: min(int(part * len(data)), len(data) - 1)])
    problems_of(path)


@FORMATS
def test_random_damage_loads_or_gives_the_one_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    WRITERS[name](path)
    data = path.read_bytes()
    draw = random.Random(name)
    # Half of the positions in the structure, which is a small part of the bytes.
    interesting = [*range(min(4000, len(data))), *range(max(0, len(data) - 4000), len(data))]
    for k in range(120):
        position = draw.choice(interesting) if k % 2 else draw.randrange(len(data))
        damaged = bytearray(data)
        damaged[position] = draw.randrange(256)
        path.write_bytes(damaged[:position] if k % 5 == 0 else damaged)
        try:
            read(path)
        except CheckpointError as error:
            assert len(str(error)) < 5000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0" * 1000, "zeros"),
        (b"Hello, this is no checkpoint.\n" * 30, "text file"),
        ("Grüße\n".encode() * 100, "text file"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "Git LFS"),
        (b"\x1f\x8b\x08\0\0", "archive"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no known format"),
        (b"\x80", "ends too early"),
        (b"PK\x03\x04", "cut short"),
        (struct.pack("<Q", 2**63) + b"{}", "header"),
        (struct.pack("<Q", 2) + b"{}", "another program"),
        (struct.pack("<Q", 3) + b"{]}", "damaged"),
        *(
            (struct.pack("<Q", len(header)) + header + b"\0" * 16, "damaged")
            for header in (
                b'{"a": 1}',
                b'{"a": {"dtype": "F32", "shape": [4]}}',
                b'{"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}',
                b'{"a": {"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]}}',
                b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}',
                b'{"a": {"dtype": [], "shape": [4], "data_offsets": [0, 16]}}',
                b'{"__metadata__": {"format": 3}}',
                b"{" + b'"a": {' * 5000,
            )
        ),
        (
            struct.pack("<Q", 62)
            + b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}'
            + b"\0" * 12,
            "cut short",
        ),
    ],
)
def test_other_files(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.ckpt"
    path.write_bytes(data)
    assert words in " ".join(problems_of(path))


def test_no_file_and_folder_and_fifo(tmp_path: Path) -> None:
    assert "no such file" in problems_of(tmp_path / "missing")[0]
    assert "folder" in problems_of(tmp_path)[0]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo")
        assert "not a file" in problems_of(tmp_path / "fifo")[0]


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: file name too long"):
        read(tmp_path / ("n" * 300))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(f"{tmp_path}/a\0b")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(Path, "stat", refuse)
    assert "cannot be read: permission denied" in problems_of(tmp_path / "a")[0]


_COPIED_OVER = """
import sys, threading, time
from pathlib import Path
import torch
from training.checkpoint import CheckpointError, read

torch.set_num_threads(1)

def copy(path, data, end):  # as cp does
    while time.monotonic() < end:
        with path.open("wb") as file:
            for k in range(0, len(data), 4096):
                file.write(data[k : k + 4096])
        time.sleep(0.005)

for path in map(Path, sys.argv[1:]):
    end, data = time.monotonic() + 1.5, path.read_bytes()
    thread = threading.Thread(target=copy, args=(path, data, end))
    thread.start()
    while time.monotonic() < end:
        try:
            read(path)
        except CheckpointError:
            pass
    thread.join()
    read(path)
"""


def test_files_that_are_copied_over_while_they_are_read(tmp_path: Path) -> None:
    for name, write in WRITERS.items():
        write(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", _COPIED_OVER, *(str(tmp_path / name) for name in WRITERS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_file_that_is_being_written_is_told_from_a_damaged_one(
    tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "a"
    write_pv3d(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert "cut short" in problems_of(path)[0]
    path.write_bytes(whole)
    describe_storage = pickles.describe_storage

    def meanwhile(pid: object) -> Any:
        path.write_bytes(whole[:5000])
        return describe_storage(pid)

    monkeypatch.setattr(pickles, "describe_storage", meanwhile)
    assert problems_of(path) == [
        "it was written to while it was read: open it again once it is complete"
    ]


class TestOtherModels:
    def test_safetensors(self, tmp_path: Path) -> None:
        save_file({"unet.weight": torch.zeros(3)}, tmp_path / "a")
        assert "unet.weight" in problems_of(tmp_path / "a")[0]
        save_file({"unet.weight": torch.zeros(3)}, tmp_path / "b", METADATA)
        assert "another model" in problems_of(tmp_path / "b")[0]

    def test_state_dicts(self, tmp_path: Path) -> None:
        torch.save(nn.Linear(2, 3).state_dict(), tmp_path / "a")
        assert "another model" in problems_of(tmp_path / "a")[0]
        state = make_generator().state_dict()
        backbone = {name: t for name, t in state.items() if name.startswith("backbone.")}
        torch.save(backbone, tmp_path / "b")
        assert "no tri-plane decoder" in problems_of(tmp_path / "b")[0]
        torch.save([1, 2], tmp_path / "c")
        assert "no network in it" in problems_of(tmp_path / "c")[0]

    def test_stylegan2(self, tmp_path: Path) -> None:
        model = nn.Module()
        backbone = make_generator().backbone
        model.add_module("synthesis", backbone.synthesis)
        model.add_module("mapping", backbone.mapping)
        write_eg3d(tmp_path / "a", model)
        assert "StyleGAN2" in problems_of(tmp_path / "a")[0]
        assert "no tri-plane decoder" in problems_of(tmp_path / "a")[0]

    @pytest.mark.parametrize("content", [{"a": 1}, [1], "text", None])
    def test_pickles(self, content: object, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(pickle.dumps(content))
        assert "G_ema" in problems_of(tmp_path / "a")[0]

    def test_zip_archives(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a", "w") as archive:
            archive.writestr("readme.txt", "hello")
        assert "not one that torch.save wrote" in problems_of(tmp_path / "a")[0]


class TestTensors:
    def write(self, path: Path, state: dict[str, Tensor], kind: str) -> None:
        if kind == "native":
            save_file(state, path, METADATA)
        else:
            torch.save({"model": {f"generator_ema.{k}": v for k, v in state.items()}}, path)

    @pytest.mark.parametrize("kind", ["native", "pv3d"])
    def test_everything_wrong_is_listed(self, kind: str, tmp_path: Path) -> None:
        state = state_of_small()
        del state["backbone.mapping.fc1.bias"]
        state["surprise"] = torch.zeros(2)
        state["to_img_raw.bias"] = torch.zeros(5)
        state["decoder.net.0.bias"] = torch.zeros(16, dtype=torch.int64)
        self.write(tmp_path / "a", state, kind)
        problems = problems_of(tmp_path / "a")
        names = ("mapping.fc1.bias", "surprise", "to_img_raw.bias", "decoder.net.0.bias")
        assert len(problems) == len(names)
        for name in names:
            assert sum(name in problem for problem in problems) == 1

    @pytest.mark.parametrize("kind", ["native", "pv3d"])
    def test_values(self, kind: str, tmp_path: Path) -> None:
        state = state_of_small()
        state["to_img_raw.bias"][1] = torch.nan
        state["decoder.net.0.bias"][0] = -torch.inf
        state["backbone.synthesis.b4.resample_filter"] *= 2
        self.write(tmp_path / "a", state, kind)
        problems = " ".join(problems_of(tmp_path / "a"))
        assert all(
            name in problems for name in ("to_img_raw.bias", "decoder.net.0.bias", "b4.resample")
        )

    def test_long_lists_are_shortened(self, tmp_path: Path) -> None:
        state = state_of_small()
        for name in [n for n in state if "b8" in n and not n.endswith("conv1.weight")]:
            del state[name]
        self.write(tmp_path / "a", state, "native")
        with pytest.raises(CheckpointError, match=r"and \d+ more") as caught:
            read(tmp_path / "a")
        assert len(caught.value.problems) > 12
        assert str(caught.value).count("\n") == 13

    def test_broadcast_tensors_do_not_unfold(self, tmp_path: Path) -> None:
        # One stored number that claims to be a whole weight, and far more than that.
        state = state_of_small()
        state["decoder.net.0.weight"] = torch.zeros(1).expand(16, 8)
        state["decoder.net.2.weight"] = torch.zeros(1).expand(9, 16)
        self.write(tmp_path / "a", state, "pv3d")
        assert len(problems_of(tmp_path / "a")) == 2
        state["backbone.mapping.w_avg"] = torch.zeros(1).expand(2**40)
        self.write(tmp_path / "a", state, "pv3d")
        assert "impossible shape" in problems_of(tmp_path / "a")[0]

    def test_shared_storage_does_not_unfold(self, tmp_path: Path) -> None:
        state = state_of_small()
        storage = torch.zeros(max(tensor.numel() for tensor in state.values()))
        shared = {
            f"generator_ema.{name}": storage[: tensor.numel()].view(tensor.shape)
            for name, tensor in state.items()
            if not name.endswith("resample_filter")
        }
        torch.save({"model": shared}, tmp_path / "a")
        assert "more values" in problems_of(tmp_path / "a")[0]


class TestNativeHeader:
    def write(self, path: Path, **metadata: str) -> Path:
        save_file(state_of_small(), path, {**METADATA, **metadata})
        return path

    def test_version(self, tmp_path: Path) -> None:
        newer = problems_of(self.write(tmp_path / "a", version="2"))[0]
        assert "version '2'" in newer
        assert "reads 1" in newer
        problems_of(self.write(tmp_path / "b", version="x" * 10**5))

    @pytest.mark.parametrize("config", ["", "{", "[]", "3", "[" * 10**5, '{"w_dim": NaN}'])
    def test_broken_configuration(self, config: str, tmp_path: Path) -> None:
        assert "configuration" in problems_of(self.write(tmp_path / "a", config=config))[0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"w_dim": -1},
            {"w_dim": "16"},
            {"unknown": 1},
            {"plane_resolution": 10**400},
            {"c_scale": 1e400},
            {"superresolution": "9X"},
        ],
    )
    def test_impossible_configuration(self, changes: dict[str, Any], tmp_path: Path) -> None:
        config = json.dumps({**CONFIG.to_dict(), **changes})
        (name,) = changes
        assert name in problems_of(self.write(tmp_path / "a", config=config))[0]

    def test_configuration_of_another_size(self, tmp_path: Path) -> None:
        changes = {"w_dim": 32, "mapping_layers": 10**8, "raw_layer": False, "channel_max": 4}
        config = json.dumps({**CONFIG.to_dict(), **changes})
        problems = problems_of(self.write(tmp_path / "a", config=config))
        for name in ("w_dim", "mapping_layers", "raw_layer", "channels at 4 px"):
            assert any(name in problem for problem in problems)
