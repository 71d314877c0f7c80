"""The Fréchet distance against closed forms and against scipy's general matrix root."""

import numpy as np
import pytest
import scipy.linalg
import torch

from training.distributed import World
from training.metrics.frechet import Moments, frechet_distance, gaussian_distance


def moments_of(features):
    moments = Moments(features.shape[1])
    moments.add(features)
    return moments


def random_covariance(rng, dim, rank=None):
    factor = rng.standard_normal((dim, rank or dim))
    return torch.from_numpy(factor @ factor.T)


def test_one_dimension():
    mean1, mean2 = torch.tensor([1.0]).double(), torch.tensor([-2.0]).double()
    cov1, cov2 = torch.tensor([[4.0]]).double(), torch.tensor([[0.25]]).double()
    expected = 3.0**2 + (2.0 - 0.5) ** 2
    assert gaussian_distance(mean1, cov1, mean2, cov2) == pytest.approx(expected, rel=1e-12)


def test_diagonal_covariances():
    rng = np.random.default_rng(0)
    mean1, mean2 = torch.from_numpy(rng.standard_normal((2, 40)))
    std1, std2 = torch.from_numpy(rng.random((2, 40)))
    std1[:10] = 0  # directions in which nothing varies are no exception
    expected = (mean1 - mean2).square().sum() + (std1 - std2).square().sum()
    found = gaussian_distance(mean1, std1.square().diag(), mean2, std2.square().diag())
    assert found == pytest.approx(expected.item(), rel=1e-12)


def test_covariances_against_scipy():
    rng = np.random.default_rng(1)
    mean1, mean2 = torch.from_numpy(rng.standard_normal((2, 30)))
    cov1, cov2 = random_covariance(rng, 30), random_covariance(rng, 30)
    root = scipy.linalg.sqrtm((cov1 @ cov2).numpy())
    expected = (mean1 - mean2).square().sum() + (cov1 + cov2).trace() - 2 * np.trace(root).real
    found = gaussian_distance(mean1, cov1, mean2, cov2)
    assert found == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("rank", [1, 7, 60])
def test_equal_gaussians_have_no_distance(rank):
    rng = np.random.default_rng(rank)
    mean, cov = torch.zeros(60, dtype=torch.float64), random_covariance(rng, 60, rank)
    assert gaussian_distance(mean, cov, mean, cov) == pytest.approx(
        0, abs=1e-10 * cov.trace().item()
    )


def test_fewer_samples_than_features():
    """x against a x has the distance (1 - a)^2 (|mean|^2 + trace), whatever the rank."""
    features = torch.from_numpy(np.random.default_rng(2).standard_normal((20, 200))) + 0.5
    first, second = moments_of(features), moments_of(1.5 * features)
    expected = 0.25 * (first.mean.square().sum() + first.covariance.trace())
    assert frechet_distance(first, second) == pytest.approx(expected.item(), rel=1e-10)


def test_orthogonal_subspaces():
    """Gaussians that share no direction: the root's trace is 0."""
    cov1, cov2 = torch.zeros(2, 6, 6, dtype=torch.float64)
    cov1[:3, :3], cov2[3:, 3:] = torch.eye(3), 2 * torch.eye(3)
    zero = torch.zeros(6, dtype=torch.float64)
    assert gaussian_distance(zero, cov1, zero, cov2) == pytest.approx(9, rel=1e-12)


def test_batches_and_parts_give_what_the_whole_gives():
    """The mean is a million times the spread: sums of squares would keep no digit."""
    rng = np.random.default_rng(3)
    features = rng.standard_normal((101, 5)) * [1, 2, 3, 4, 5] + 1e6
    first, second = Moments(5), Moments(5)
    for start in range(0, 60, 7):
        first.add(torch.from_numpy(features[start : min(start + 7, 60)]))
    second.add(torch.from_numpy(features[60:]))
    first.merge(second)
    first.merge(Moments(5))
    assert first.count == 101
    np.testing.assert_allclose(first.mean, features.mean(0), rtol=1e-14)
    np.testing.assert_allclose(first.covariance, np.cov(features.T), rtol=1e-8)
    assert first.over(World()) is first


def test_half_precision_features_are_summed_in_double():
    features = torch.rand(4096, 1, generator=torch.Generator().manual_seed(0)).half()
    moments = moments_of(features)
    assert moments.mean.dtype == torch.float64
    assert moments.mean.item() == features.double().mean().item()


def test_what_cannot_be_compared_is_refused():
    moments = Moments(3)
    with pytest.raises(ValueError, match=r"\[2, 4\], not \[N, 3\]"):
        moments.add(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="not finite"):
        moments.add(torch.full((2, 3), float("nan")))
    moments.add(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(moments, moments)
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_distance(moments, Moments(4))
