"""What the documents tell users to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import tyro

from viz import program
from viz.app import shortcuts
from viz.headless import command_line

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def commands(text: str) -> list[list[str]]:
    """Command lines of the program that stand indented in a document."""
    lines = re.findall(r"^    (?:\S*python )?visualizer\.py(.*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("words", [*commands(GUIDE), *commands(README)], ids=" ".join)
def test_commands_exist_with_their_options(words: list[str]) -> None:
    if words and words[0] in command_line.COMMANDS:
        source, options = command_line.parse(words[0], words[1:])
        assert source.output
        assert options is not None
    elif words and words[0].startswith("--"):
        assert tyro.cli(tyro.conf.OmitArgPrefixes[program.AppOptions], args=words)
    else:
        assert not words or words[0] in program.COMMANDS


def test_keys_of_the_guide_exist() -> None:
    keys = set(re.findall(r"`([A-Z←→]|Space|\d|(?:Ctrl|Shift)\+\S+?)`", GUIDE))
    assert len(keys) > 8
    known = {caption for _, caption, _ in shortcuts.help_rows()}
    known |= {str(digit) for digit in range(1, 10)} | {f"Ctrl+{digit}" for digit in range(1, 10)}
    assert keys <= known


@pytest.mark.parametrize("document", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_links_and_pictures_exist(document: str) -> None:
    text = (ROOT / "docs" / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not target.startswith("http"):
            assert (ROOT / "docs" / target).exists(), f"{document} names {target}"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_named_files_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    named = re.findall(r"`((?:viz|gui_utils|training|benchmarks|tests|docs)/[\w/.]*)`", text)
    assert named
    for path in named:
        assert (ROOT / path).exists(), f"{document} names {path}"
