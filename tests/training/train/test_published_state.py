"""A run that starts from a published checkpoint takes over its whole training."""

from pathlib import Path

import pytest
import torch

from tests.training.train.tiny_run import CONFIG, assert_equal, trainer, weights
from training.checkpoint import CheckpointError, save
from training.config import DiscriminatorConfig
from training.train.loop import Trainer
from training.train.published_state import GROUPS, read_state


def publish(run: Trainer, path: Path, prefix: str = "") -> Path:
    """Writes a run's state as the published training does."""
    model = {
        f"{prefix}{group}.{name}": tensor
        for part, group in GROUPS.items()
        for name, tensor in run.state.modules[part].state_dict().items()
    }
    optimizer = {GROUPS[part]: o.state_dict() for part, o in run.optimizers.items()}
    model[f"{prefix}pl_mean"] = torch.zeros([])
    config = {"training": {"rendering_resolution": 16}}
    contents = {"model": model, "optimizer": optimizer, "num_updates": 4, "config": config}
    torch.save(contents, path)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> tuple[Trainer, Path]:
    folder = tmp_path_factory.mktemp("published")
    run = trainer(folder / "run", updates=4)
    list(run.run())
    return run, publish(run, folder / "published.ckpt")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_networks_and_optimisers_go_on(tmp_path, published, prefix):
    run, _ = published
    path = publish(run, tmp_path / "wrapped.ckpt", prefix)
    again = trainer(tmp_path / "again", start_from=str(path), begin_at=4)
    for name, module in run.state.modules.items():
        assert_equal(weights(module), weights(again.state.modules[name]))
    for name, optimizer in run.optimizers.items():
        ours, theirs = (o.state_dict()["state"] for o in (again.optimizers[name], optimizer))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[k][m], theirs[k][m]) for k in ours for m in ours[k])
    whole = trainer(tmp_path / "whole", updates=6)
    expected = list(whole.run())[4:]
    assert list(again.run()) == expected, "as if the published run had gone on"


def test_discriminators_of_another_size_begin_anew(tmp_path, published, caplog):
    caplog.set_level("INFO")
    other = DiscriminatorConfig(16, 32, 4, mapping_layers=2, group_size=2)
    run = trainer(tmp_path, start_from=str(published[1]), discriminator=other)
    assert "img_discriminator of" in caplog.text
    assert_equal(weights(run.networks.G), weights(published[0].networks.G))
    assert not run.optimizers["D_image"].state


def test_a_generator_alone_gives_no_training(tmp_path, published):
    path = tmp_path / "G.safetensors"
    save(path, published[0].networks.G_ema)
    assert read_state(path) is None
    run = trainer(tmp_path / "run", start_from=str(path))
    assert_equal(weights(run.networks.G), weights(published[0].networks.G_ema))
    assert not run.optimizers["G"].state


def test_a_checkpoint_that_is_not_finite_is_refused(tmp_path, published):
    data = torch.load(published[1])
    data["optimizer"]["generator"]["state"][0]["exp_avg_sq"][0] = float("nan")
    torch.save(data, tmp_path / "bad.ckpt")
    with pytest.raises(CheckpointError, match="moment exp_avg_sq 0 has values that are not finite"):
        trainer(tmp_path / "run", start_from=str(tmp_path / "bad.ckpt"))


def test_schedules_begin_where_they_are_told(tmp_path):
    run = trainer(tmp_path, begin_at=3, updates=5)
    assert len(list(run.run())) == 2
    assert run.state.update == 5
    assert CONFIG.begin_at == 0
