"""Fréchet distance between two sets of features, modelled as Gaussians (Dowson & Landau, 1982).

    d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

With Inception features of pictures it is FID (Heusel et al., 2017, arXiv 1706.08500), with I3D
features of clips FVD (Unterthiner et al., 2018, arXiv 1812.01717). Both report d^2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.distributed import World


class Moments:
    """Count, mean and covariance of vectors that come in batches, float64, on the CPU.

    Batches and partial results are merged by their deviations from their own means (Chan, Golub &
    LeVeque, 1979): sums of squares would cancel where the mean is large against the spread.
    """

    def __init__(self, dim: int) -> None:
        self.count = 0
        """Vectors seen."""
        self.mean = torch.zeros(dim, dtype=torch.float64)
        """[D]."""
        self.scatter = torch.zeros(dim, dim, dtype=torch.float64)
        """Sum of the outer products of the deviations from the mean [D, D]."""

    @property
    def dim(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> Tensor:
        """[D, D], with the divisor count - 1, as the published FID and FVD have it.

        Raises:
            ValueError: when there are fewer than 2 vectors.
        """
        if self.count < 2:
            raise ValueError(f"A covariance needs at least 2 samples; there are {self.count}.")
        return self.scatter / (self.count - 1)

    def add(self, features: Tensor) -> None:
        """Takes in vectors [N, D] of any float type, from any device.

        Raises:
            ValueError: when they have another shape or are not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise ValueError(f"Features have shape {list(features.shape)}, not [N, {self.dim}].")
        if not len(features):
            return
        features = features.detach().cpu().double()
        if not features.isfinite().all():
            raise ValueError("The features hold numbers that are not finite.")
        batch = Moments(self.dim)
        batch.count = len(features)
        batch.mean = features.mean(dim=0)
        deviations = features - batch.mean
        batch.scatter = deviations.T @ deviations
        self.merge(batch)

    def merge(self, other: Moments) -> None:
        """Takes in all that `other` has seen."""
        total = self.count + other.count
        if not other.count:
            return
        shift = other.mean - self.mean
        between = torch.outer(shift, shift) * (self.count * other.count / total)
        self.scatter = self.scatter + other.scatter + between
        self.mean = self.mean + shift * (other.count / total)
        self.count = total

    def over(self, world: World) -> Moments:
        """What all processes have seen together; every process calls it and gets the same."""
        if world.size == 1:
            return self
        count = torch.tensor([self.count], dtype=torch.float64, device=world.device)
        own_mean = self.mean.to(world.device)
        mean = own_mean * self.count
        world.sum_([count, mean])
        mean = mean / count.clamp_min(1)
        shift = own_mean - mean
        scatter = self.scatter.to(world.device) + self.count * torch.outer(shift, shift)
        world.sum_([scatter])
        result = Moments(self.dim)
        result.count = int(count.item())
        result.mean, result.scatter = mean.cpu(), scatter.cpu()
        return result


def frechet_distance(first: Moments, second: Moments) -> float:
    """d^2 of the Gaussians with these moments, 0 or more, in squared units of the features.

    Raises:
        ValueError: when one of them has fewer than 2 samples, or they differ in dimension.
    """
    if first.dim != second.dim:
        raise ValueError(f"Features of {first.dim} and of {second.dim} numbers cannot be compared.")
    return gaussian_distance(first.mean, first.covariance, second.mean, second.covariance)


def gaussian_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """d^2 of two Gaussians, 0 or more.

    Args:
        mean1, mean2: float64 [D].
        cov1, cov2: float64 [D, D], symmetric, with no negative eigenvalues but rounding errors;
            they may be rank-deficient, as those of fewer samples than features are.
    """
    shift = (mean1 - mean2).square().sum()
    spread = cov1.trace() + cov2.trace() - 2 * trace_of_root(cov1, cov2)
    return max(0.0, (shift + spread).item())


def trace_of_root(cov1: Tensor, cov2: Tensor) -> Tensor:
    """tr((S1 S2)^(1/2)), a float64 scalar, for covariances as in `gaussian_distance`.

    With S = R R^T, the product S1 S2 has the eigenvalues of the symmetric (R1^T R2)(R1^T R2)^T,
    whose roots are the singular values of R1^T R2. Taking these directly never forms the product,
    so its null space costs no precision: a rounding error e of an eigenvalue would become sqrt(e),
    which is why general matrix square roots fail on rank-deficient covariances.
    """
    return torch.linalg.svdvals(_root(cov1).T @ _root(cov2)).sum()


def _root(cov: Tensor) -> Tensor:
    """R [D, rank] with R R^T = cov."""
    values, vectors = torch.linalg.eigh((cov + cov.T) / 2)
    rounding = values[-1].clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    kept = values > rounding
    return vectors[:, kept] * values[kept].sqrt()
