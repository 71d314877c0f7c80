"""People and motions from random numbers."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from training.synthetic.expression import MOTION_DIM, expr_weights, head_pose
from training.synthetic.traits import CHOICES, IDENTITY_DIM, PLACES, Traits, identity_from_u


def _flat(traits: Traits) -> dict[str, np.ndarray | str]:
    return {f.name: getattr(traits, f.name) for f in dataclasses.fields(traits)}


def test_every_trait_varies_within_reason():
    rng = np.random.default_rng(0)
    people = [_flat(identity_from_u(rng.standard_normal(IDENTITY_DIM))) for _ in range(300)]
    for name, first in people[0].items():
        values = [person[name] for person in people]
        if isinstance(first, str):
            assert len(set(values)) == {"style": 8, "lamps": 4, "pattern": 4}[name]
            continue
        assert np.std(np.array(values, float), axis=0).min() > 1e-3, name
        assert np.isfinite(np.array(values, float)).all(), name


def test_every_number_of_the_identity_code_counts():
    rng = np.random.default_rng(1)
    codes = rng.standard_normal((60, IDENTITY_DIM))
    people = [_flat(identity_from_u(u)) for u in codes]
    for i in range(IDENTITY_DIM):
        changed = codes.copy()
        changed[:, i] = -changed[:, i]
        others = [_flat(identity_from_u(u)) for u in changed]
        pairs = zip(people, others, strict=True)
        assert any(not np.array_equal(a[k], b[k]) for a, b in pairs for k in a), i


def test_a_number_that_chooses_fades_nothing():
    """The hair is of one style or another: what is chosen changes at once, and nowhere else."""
    for name, changes in CHOICES.items():
        u = np.zeros(IDENTITY_DIM)
        u[PLACES["style"]], u[PLACES["made_up"]] = -0.5, 1.0  # a beard is possible
        values = np.sort(np.concatenate([changes - 1e-6, changes + 1e-6, np.linspace(-3, 3, 40)]))
        people = []
        for value in values:
            u[PLACES[name]] = value
            people.append(identity_from_u(u).numbers())
        moved = np.abs(np.diff(people, axis=0)).sum(axis=1)
        between = np.searchsorted(changes, values)
        assert np.array_equal(moved > 0, np.diff(between) > 0), name


def test_colours_of_shirts_go_all_around():
    rng = np.random.default_rng(5)
    shirts = np.array(
        [identity_from_u(rng.standard_normal(IDENTITY_DIM)).shirt for _ in range(300)]
    )
    assert {*shirts.argmax(axis=1)} == {*shirts.argmin(axis=1)} == {0, 1, 2}
    assert np.median(shirts.max(axis=1) - shirts.min(axis=1)) > 0.1


def test_wrong_number_of_numbers():
    with pytest.raises(ValueError, match="numbers"):
        identity_from_u(np.zeros(3))


def test_face_is_neutral_at_zero_for_any_motion():
    rng = np.random.default_rng(2)
    rest = expr_weights(np.zeros(MOTION_DIM), 0.7)
    for _ in range(20):
        m = 2 * rng.standard_normal(MOTION_DIM)
        assert expr_weights(m, 0.0) == pytest.approx(rest, abs=1e-12)
        assert head_pose(m, 0.0) == pytest.approx((0, 0), abs=1e-12)


def test_motion_depends_on_the_product_and_is_smooth():
    rng = np.random.default_rng(3)
    for _ in range(20):
        m = rng.standard_normal(MOTION_DIM)
        assert expr_weights(m, 0.5) == pytest.approx(expr_weights(m / 2, 1.0))
        assert head_pose(m, 0.5) == pytest.approx(head_pose(m / 2, 1.0))
        steps = [expr_weights(m, t) for t in np.linspace(0, 1, 201)]
        for before, after in itertools.pairwise(steps):
            assert max(abs(after[k] - before[k]) for k in before) < 0.2
            assert max(after.values()) < 1.5


def test_all_expressions_occur():
    rng = np.random.default_rng(4)
    faces = [expr_weights(rng.standard_normal(MOTION_DIM), 1.0) for _ in range(200)]
    for name in faces[0]:
        assert np.std([face[name] for face in faces]) > 1e-3, name
