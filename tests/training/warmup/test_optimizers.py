"""Weights that are optimised as matrices."""

import pytest
import torch
from torch import nn

from training.warmup.optimizers import Muon, hidden_weights


def test_weights_that_make_planes_and_pictures_are_not_hidden(small_generator):
    names = set(hidden_weights(small_generator))
    assert "backbone.mapping.fc0.weight" in names
    assert "backbone.synthesis.b8.conv0.weight" in names
    assert "backbone.synthesis.b8.conv0.affine.weight" in names
    assert not any(name.endswith("torgb.weight") for name in names)
    assert not any(word in name for name in names for word in ("bias", "noise", "decoder", "const"))


def test_a_rare_direction_advances_as_far_as_a_common_one():
    weight = nn.Parameter(torch.zeros(2, 2, 1, 1))
    still = nn.Parameter(torch.ones(2, 2))
    optimizer = Muon([{"params": [weight, still], "lr": 0.1}])
    weight.grad = torch.tensor([[1.0, 0.0], [0.0, 0.01]])[..., None, None]
    optimizer.step()
    common, rare = -weight.detach().flatten(1).diagonal()
    assert common > 0
    assert rare > 0.5 * common
    assert 0.5 < weight.detach().square().mean().sqrt() / (0.2 * 0.1) < 1.5
    assert torch.equal(still, torch.ones(2, 2)), "without a gradient"


@pytest.mark.parametrize("sides", [(6, 20), (20, 6)])
def test_steps_are_those_of_torchs_muon(sides):
    torch.manual_seed(0)
    start = torch.randn(*sides)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    options = {"lr": 0.01, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = Muon([{"params": [ours], "lr": 0.01}]), torch.optim.Muon([theirs], **options)
    for _ in range(3):
        ours.grad = torch.randn(*sides)
        theirs.grad = ours.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert (ours - theirs).norm() < 0.03 * (ours - start).norm(), "which computes in bfloat16"
