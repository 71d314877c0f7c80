"""Weights that are optimised as matrices."""

import torch
from torch import nn

from training.warmup.optimizers import Matrices, hidden_weights, muon


def test_weights_that_make_planes_and_pictures_are_not_hidden(small_generator):
    names = set(hidden_weights(small_generator))
    assert "backbone.mapping.fc0.weight" in names
    assert "backbone.synthesis.b8.conv0.weight" in names
    assert "backbone.synthesis.b8.conv0.affine.weight" in names
    assert not any(name.endswith("torgb.weight") for name in names)
    assert not any(word in name for name in names for word in ("bias", "noise", "decoder", "const"))


def test_matrices_share_their_parameters_memory():
    weight = nn.Parameter(torch.randn(4, 2, 3, 3))
    matrices = Matrices([weight])
    (view,) = matrices.views
    assert view.shape == (4, 18)
    with torch.no_grad():
        view.zero_()
    assert not weight.any()
    weight.square().sum().backward()
    matrices.take_gradients()
    assert view.grad is not None
    assert weight.grad is not None
    assert torch.equal(view.grad, weight.grad.flatten(1))
    weight.grad = None
    matrices.take_gradients()
    assert view.grad is None


def test_a_rare_direction_advances_as_far_as_a_common_one():
    weight = nn.Parameter(torch.zeros(2, 2, 1, 1))
    matrices = Matrices([weight])
    optimizer = muon(matrices, [1.0])
    optimizer.param_groups[0]["lr"] = 0.1
    weight.grad = torch.tensor([[1.0, 0.0], [0.0, 0.01]])[..., None, None]
    matrices.take_gradients()
    optimizer.step()
    common, rare = -weight.detach().flatten(1).diagonal()
    assert common > 0
    assert rare > 0.5 * common
    assert 0.5 < weight.detach().square().mean().sqrt() / (0.2 * 0.1) < 1.5
