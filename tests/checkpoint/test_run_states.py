"""A saved state of a training opens as the averaged generator in it."""

from pathlib import Path

import pytest
import torch

from tests.training.train.tiny_run import trainer
from training.checkpoint import CheckpointError, read, save
from training.train.run_generators import run_folder_of, saved_generators


def test_a_state_of_a_run_is_a_generator(tmp_path: Path):
    run = trainer(tmp_path / "run")
    run.state.update = 5
    first = run.folder.save(run.state, keep=2)
    run.state.update = 40
    state = run.folder.save(run.state, keep=2)
    with pytest.raises(
        CheckpointError, match=r"generator\.safetensors, which has the configuration"
    ):
        read(state)
    G = run.networks.G_ema
    save(run.folder.generator, G, metadata={"people": "3, 5"})
    found = read(state)
    assert found.config == G.config
    assert all(torch.equal(found.tensors[name], x) for name, x in G.state_dict().items())
    assert found.metadata["people"] == "3, 5"
    assert found.notes == ("The training's state after update 40.",)
    (run.folder.path / "codes.safetensors").write_bytes(b"")
    assert saved_generators(run.folder.path) == [first, state, run.folder.generator]
    assert run_folder_of(state) == run_folder_of(run.folder.generator) == run.folder.path
    run.folder.generator.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="Cannot load"):
        read(state)


def test_snapshots_are_in_the_order_of_their_numbers(tmp_path: Path):
    names = ["network-snapshot-000200.pkl", "network-snapshot-001000.pkl", "pv3d_9.ckpt"]
    for name in [*names, "log.txt", "fakes000200.png"]:
        (tmp_path / name).write_bytes(b"")
    found = [path.name for path in saved_generators(tmp_path)]
    assert found == ["pv3d_9.ckpt", *names[:2]]
    assert saved_generators(tmp_path / "missing") == []
