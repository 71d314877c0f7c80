"""What a user makes of a model's directions is kept, and no file can spoil it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.named_directions import NamedDirection, encoded
from viz.app.exploring.direction_shelf import (
    MOST_LOADED,
    Direction,
    DirectionShelf,
    load_shelf,
    save_shelf,
    shelf_path,
)
from viz.state.errors import UserError

DIMS = {"person": 3, "motion": 2}
AGE = NamedDirection("Age", "person", encoded(np.ones(3)))


def directions(*keys: str) -> list[Direction]:
    return [Direction(key, NamedDirection(key.title(), "person", AGE.vector)) for key in keys]


def test_it_sorts_stars_and_renames() -> None:
    shelf = DirectionShelf(starred=["c"], order=["b", "a"])
    shelf.rename("a", "  First\n of all " + "x" * 50)
    arranged = shelf.arranged(directions("a", "b", "c", "d"))
    assert [d.key for d in arranged] == ["c", "b", "a", "d"]
    assert arranged[2].name == "First of all xxxxxxxxxxx"
    shelf.rename("a", " ")
    assert shelf.arranged(directions("a"))[0].name == "A"


def test_it_is_kept_by_the_model(tmp_path: Path) -> None:
    shelf = DirectionShelf({"a": "b"}, ["a"], ["b"], ["b", "a"], [AGE])
    path = shelf_path(tmp_path, "0123")
    save_shelf(path, shelf)
    assert load_shelf(path, DIMS) == shelf
    assert load_shelf(path, {"person": 4, "motion": 2}).own == [], "of another model"
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="could not be saved"):
        save_shelf(tmp_path / "file" / "a.json", shelf)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "[" * 99_999,
        {"names": 3, "own": [3, {"name": "a", "code": "person", "vector": "%"}, None]},
        {"own": [{"name": "a", "code": "person", "vector": encoded(np.full(3, np.nan))}]},
        {"starred": {"a": 1}, "order": [["a"]], "hidden": "a"},
    ],
)
def test_what_is_damaged_is_left_out(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "shelf.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    shelf = load_shelf(path, DIMS)
    assert shelf == DirectionShelf()
    assert shelf.arranged(directions("b", "a")) == directions("b", "a")


def test_loaded_directions_replace_those_of_their_name_and_are_bounded(tmp_path: Path) -> None:
    shelf = DirectionShelf()
    shelf.add([AGE])
    other = NamedDirection("Age", "person", encoded(np.arange(3)))
    shelf.add([other])
    assert shelf.own == [other]
    many = [NamedDirection(str(k), "person", AGE.vector) for k in range(MOST_LOADED)]
    with pytest.raises(UserError, match=f"At most {MOST_LOADED}"):
        shelf.add(many)
    assert shelf.own == [other]
    shelf.add(many[:120])  # the bundled model's named and found directions are about 100
    save_shelf(tmp_path / "shelf.json", shelf)
    assert load_shelf(tmp_path / "shelf.json", DIMS).own == [other, *many[:120]]
