import numpy as np
import torch
from scipy import stats

from training.data import CLIP_FRAMES, draw_times, pair_indices


def pair_probabilities() -> np.ndarray:
    """Probability [16, 16] of each (earlier, later) pair, from scipy's Beta distributions."""
    edges = np.linspace(0, 1, CLIP_FRAMES + 1)
    late, early = (np.diff(stats.beta(a, b).cdf(edges)) for a, b in ((2, 1), (1, 2)))
    both = np.outer(late, early)
    return np.triu(both + both.T) - np.diag(np.diag(both))


def test_pairs_follow_the_two_beta_distributions():
    times = draw_times(torch.Generator().manual_seed(0), 200_000, at_frames=True)
    assert times.shape == (200_000, 2, 1)
    assert times.dtype == torch.float32
    index = (times.squeeze(-1) * 15).round().long().numpy()
    assert np.all(index[:, 0] <= index[:, 1])
    counts = np.zeros((CLIP_FRAMES, CLIP_FRAMES))
    np.add.at(counts, (index[:, 0], index[:, 1]), 1)
    expected = pair_probabilities() * len(index)
    assert expected.sum() == len(index)
    possible = np.triu_indices(CLIP_FRAMES)
    assert stats.chisquare(counts[possible], expected[possible]).pvalue > 1e-3


def test_times_between_frames_follow_the_same_two_distributions():
    times = draw_times(torch.Generator().manual_seed(2), 50_000).squeeze(-1).double().numpy()
    assert len(np.unique(times)) > 50_000
    assert np.all(times[:, 0] <= times[:, 1])
    late, early = stats.beta(2, 1).cdf, stats.beta(1, 2).cdf
    assert stats.kstest(times[:, 1], lambda x: late(x) * early(x)).pvalue > 1e-3
    assert stats.kstest(times[:, 0], lambda x: 1 - (1 - late(x)) * (1 - early(x))).pvalue > 1e-3


def test_times_at_frames_are_the_sixteen_of_a_clip():
    times = draw_times(torch.Generator().manual_seed(1), 5_000, at_frames=True)
    assert torch.equal(times.unique(), torch.arange(16) / 15)


def test_equal_generators_give_equal_times():
    first, second = (draw_times(torch.Generator().manual_seed(7), 9) for _ in range(2))
    assert torch.equal(first, second)


def test_the_ends_of_the_uniform_numbers_stay_in_range():
    ends = torch.tensor([[0.0, 0.0], [1 - 1e-12, 1 - 1e-12]], dtype=torch.float64)
    assert pair_indices(ends, 7).tolist() == [[0, 0], [6, 6]]
