"""An entry in the table of exports is all that a format needs: it has a panel and a command."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import Start
from viz.exports.options import Estimate, Options
from viz.exports.table import EXPORTERS, Exporter
from viz.state.settings import Range

desk, display, model, start = (
    app_driver.desk,
    app_driver.display,
    app_driver.model,
    app_driver.start,
)


@dataclass(frozen=True)
class CardOptions(Options):
    """What a card says."""

    suffixes: ClassVar[tuple[str, ...]] = (".card",)
    copies: Annotated[int, Range(1, 9)] = 2
    """How often."""
    loud: bool = False
    """In capital letters."""
    mood: Literal["calm", "merry"] = "calm"
    """How it is meant."""


def write_card(
    _: Any, state: Any, options: CardOptions, path: Path, *, overwrite: bool = False
) -> Generator[tuple[str, float], None, Path]:
    del overwrite
    yield "Writing", 0.5
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{state.latent.seed} {options.mood}"
    path.write_text("\n".join([text.upper() if options.loud else text] * options.copies))
    return path


def test_a_new_format_has_controls_and_is_written(
    start: Start, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimate(*_: object) -> Estimate:
        return Estimate(("a card",))

    card = Exporter("card", "Card", "A card.", CardOptions, write_card, estimate)
    monkeypatch.setitem(EXPORTERS, "card", card)
    desk = start(model, size=(900, 760), panels=("Export",))
    desk.settle()
    desk.click("Export/What")
    desk.click("Export/What/Card")
    desk.click("Export/Loud")
    desk.click("Export/Mood")
    desk.click("Export/Mood/Merry")
    desk.drag("Export/Copies", (200, 0))
    options = desk.commands.exports.current
    assert (options.loud, options.mood) == (True, "merry")
    assert options.copies > 2
    desk.until(lambda: "Export/Export" in controls.rects)
    desk.click("Export/Export")
    desk.see_toast("Saved ")
    (path,) = Path(desk.commands.capture_folder).glob("*.card")
    assert path.read_text().split("\n") == ["0 MERRY"] * options.copies
