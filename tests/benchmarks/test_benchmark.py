"""The benchmark on a small model: every task by both ways, told as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import render
from benchmarks.render import RenderTimingOptions
from training.checkpoint import save


@pytest.fixture
def checkpoint(small_generator, tmp_path: Path) -> str:
    save(tmp_path / "small.safetensors", small_generator)
    return str(tmp_path / "small.safetensors")


def test_every_task_is_told(checkpoint, tmp_path, capsys):
    target = tmp_path / "speed.json"
    options = RenderTimingOptions(checkpoint, "cpu", turns=2, mesh=24, memory=False, json=target)
    assert render.main(options) == 0
    shown = capsys.readouterr().out
    data = json.loads(target.read_text())
    tasks = {row["task"]: row for row in data["rows"]}
    assert set(tasks) == {"orbit", "scrub", "person", *render.STAGES, "mesh 24"}
    for name, row in tasks.items():
        assert name in shown
        assert all(number > 0 for number in row["ours"] + row["plain"]), name
        assert row["ratio"] > 0
    assert data["facts"]["PSNR, dB"] > 60
    for task in ("orbit", "scrub"):
        assert float(data["facts"][f"{task} previews"].split("/s, slowest")[0]) > 0
    assert data["machine"]["torch"]


def test_a_model_without_super_resolution_has_no_such_row(tmp_path, small_config):
    from dataclasses import replace

    from training.networks.generator import Generator

    G = Generator(replace(small_config, superresolution="none")).eval().requires_grad_(False)
    rows, _ = render.measure(G, RenderTimingOptions(turns=1, mesh=0))
    assert [row.task for row in rows] == ["orbit", "scrub", "person", "planes", "render"]


def test_a_model_that_is_not_there(tmp_path, capsys):
    assert render.main(RenderTimingOptions(str(tmp_path / "none.ckpt"), "cpu")) == 1
    assert "none.ckpt" in capsys.readouterr().err
