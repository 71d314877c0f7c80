"""The parts of `Commands` do not hide each other's methods."""

from __future__ import annotations

import itertools

from viz.app.commands import Commands


def goes_on(value: object) -> bool:
    """Whether a method calls the one that it overrides."""
    return "super" in getattr(getattr(value, "__code__", None), "co_names", ())


def test_no_part_hides_a_name_of_another_one():
    parts = [part for part in Commands.__mro__ if part.__module__.startswith("viz.")]
    hidden = {
        f"{first.__name__}.{name} hides {second.__name__}.{name}"
        for first, second in itertools.combinations(parts, 2)
        if not issubclass(first, second)
        for name in vars(first).keys() & vars(second).keys()
        if not (name.startswith("__") or goes_on(vars(first)[name]))
    }
    assert not hidden
