"""Settings: the allowed values of a dataclass field, declared once at the field.

A field is a setting. Its type and default are the dataclass's, its description is the docstring
under it, and a number's range is a `Range` in its annotation:

    pitch: Annotated[float, Range(-89, 89, "°", step=0.1)] = 0.0
    \"\"\"How far the camera stands above the horizon; below 0 it looks from below.\"\"\"

JSON, the command line, sliders, tooltips and error messages all take them from there, through this
module.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec

T = TypeVar("T")

_GLUED_UNITS = ("°", "\u00d7")
_JSON_NAMES = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of names and values",
}
"""Plain words for the types that msgspec names in its messages."""


@dataclass(frozen=True)
class Range:
    """The values that a numeric setting may take, and how a slider shows them."""

    lo: float
    """The minimum, inclusive."""
    hi: float
    """The maximum, inclusive."""
    unit: str = ""
    """Symbol or short name. A fraction with the unit "%" is shown as a percentage."""
    _: KW_ONLY
    slider: tuple[float, float] | None = None
    """The ends of the slider, where the useful range is narrower; None means `lo` and `hi`."""
    step: float = 0.01
    """The smallest change that a slider makes and shows."""
    logarithmic: bool = False
    """Whether equal distances on the slider are equal ratios."""

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of its slider."""
        return self.slider or (self.lo, self.hi)

    def clamp(self, value: float) -> float:
        """The nearest number within the range."""
        return min(max(value, self.lo), self.hi)

    def clamp_to_slider(self, value: float) -> float:
        """The nearest number on its slider."""
        lo, hi = self.ends
        return min(max(value, lo), hi)

    def text(self, word: str = "to") -> str:
        """Both limits with the unit, "-89 to 89°"; `word` stands between them."""
        unit = "" if self.unit == "%" else self.unit  # only sliders show a fraction in percent
        glue = "" if unit in _GLUED_UNITS else " "
        return f"{_number(self.lo)} {word} {_number(self.hi)}{glue}{unit}".rstrip()


Fraction = Annotated[float, Range(0, 1)]
"""A fraction of a whole."""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


@dataclass(frozen=True)
class Setting:
    """Everything declared about a setting."""

    name: str
    default: Any
    """None if the setting has no default."""
    sentence: str
    """What it means, for tooltips: the first paragraph of the field's docstring."""
    note: str
    """The docstring's other paragraphs, for when the value is typed rather than set with a
    slider."""
    numbers: Range | None
    """Range of the number, or of the numbers in a list; None for other settings."""

    @property
    def range(self) -> Range:
        """The range of a number.

        Raises:
            TypeError: when the setting has no range.
        """
        if self.numbers is None:
            raise TypeError(f"{self.name} is not a number with a range.")
        return self.numbers

    @property
    def help(self) -> str:
        """The whole docstring and the range, for the command line."""
        limits = f"({self.numbers.text()})" if self.numbers else ""
        return " ".join(part for part in (self.sentence, self.note, limits) if part)


@functools.cache
def setting(owner: type[Any], name: str) -> Setting:
    """What is declared about a dataclass field.

    Raises:
        KeyError: when there is no such field.
    """
    field = {field.name: field for field in dataclasses.fields(owner)}[name]
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    declarer = next(kind for kind in owner.__mro__ if name in inspect.get_annotations(kind))
    paragraphs = _docstrings(declarer).get(name, "").split("\n\n")
    sentence, *rest = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return Setting(
        name,
        None if default is dataclasses.MISSING else default,
        sentence,
        " ".join(rest),
        _range_of(hints(owner)[name]),
    )


@functools.cache
def hints(owner: type[Any]) -> dict[str, Any]:
    """The types of a dataclass's fields, with their annotations."""
    found = typing.get_type_hints(owner, include_extras=True)
    return {field.name: found[field.name] for field in dataclasses.fields(owner)}


@functools.cache
def _docstrings(owner: type[Any]) -> dict[str, str]:
    """The docstrings under a class's fields."""
    try:
        tree = _tree(owner.__module__)
    except OSError:  # a program without its source has no tooltips
        return {}
    body = next(
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == owner.__name__
    )
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def _range_of(kind: Any) -> Range | None:
    """The range in an annotation such as `Annotated[float, Range(0, 1)] | None`."""
    if typing.get_origin(kind) is Annotated:
        return next((extra for extra in kind.__metadata__ if isinstance(extra, Range)), None)
    found = (_range_of(argument) for argument in typing.get_args(kind))
    return next((numbers for numbers in found if numbers), None)


def problems(value: Any) -> list[str]:
    """A sentence on each setting of a dataclass, at any depth, whose value is not allowed."""
    return list(_problems(type(value), value, ""))


def _problems(kind: Any, value: Any, place: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        for name, hint in hints(kind).items():
            inner = f"{place}.{name}" if place else name
            yield from _problems(hint, getattr(value, name), inner)
    elif origin is Annotated:
        numbers = _range_of(kind)
        if numbers is not None and not numbers.lo <= value <= numbers.hi:
            yield f"{place} is {_shown(value)}; it must lie between {numbers.text('and')}."
        else:
            yield from _problems(arguments[0], value, place)
    elif origin in (types.UnionType, typing.Union):
        if value is not None:
            yield from _problems(_without_none(arguments), value, place)
    elif origin in (tuple, list):
        many = origin is list or arguments[-1] is Ellipsis
        for index, item in enumerate(value):
            part = arguments[0] if many else arguments[index]
            yield from _problems(part, item, f"{place}[{index}]")
    elif origin is Literal and value not in arguments:
        yield f"{place} is {_shown(value)}; choose {choices(arguments)}."


def _without_none(arguments: tuple[Any, ...]) -> Any:
    return next(argument for argument in arguments if argument is not type(None))


def choices(names: tuple[Any, ...]) -> str:
    """Names for a sentence: "a, b or c"."""
    *most, last = map(str, names)
    return f"{', '.join(most)} or {last}" if most else last


def _shown(value: Any) -> str:
    """A value for a sentence."""
    if type(value) is dict:
        return "a table"
    if type(value) in (list, tuple):
        return f"a list of {len(value)}"
    if isinstance(value, float):
        return f"{value:g}"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}\u2026"


def read(kind: type[T], plain: Any) -> T:
    """Converts plain data, as parsed from JSON, to a type: a dataclass, a list or a table.

    Integers are accepted for floats. Absent fields take their defaults; unknown ones are ignored.

    Raises:
        ValueError: when the data do not fit; its sentences name each fault and its place.
    """
    try:
        value = msgspec.convert(plain, kind)
        wrong = list(_problems(kind, value, ""))
    except msgspec.ValidationError as error:
        raise ValueError(_in_words(str(error), kind, plain)) from error
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error
    if wrong:
        raise ValueError(" ".join(wrong[:8]))
    return value


def fitting_fields(kind: type[Any], plain: Any) -> dict[str, Any]:
    """The fields of a dataclass, by name, that can be read from possibly damaged plain data.

    What does not fit a field, an entry of a table or an item of a list is left out.
    """
    return {
        name: value
        for name, part in _entries(plain)
        if name in hints(kind)
        for value in _fitting(hints(kind)[name], part)
    }


def _fitting(kind: Any, plain: Any) -> Iterator[Any]:
    """Plain data as a type, without the parts that do not fit; yields nothing if none fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict and type(plain) is dict:
        yield {key: v for key, part in _entries(plain) for v in _fitting(arguments[1], part)}
    elif origin is list and type(plain) is list:
        yield [
            value
            for item in typing.cast(list[Any], plain)
            for value in _fitting(arguments[0], item)
        ]
    else:
        with suppress(ValueError):
            yield read(kind, plain)


def _entries(plain: Any) -> list[tuple[str, Any]]:
    """Names and values of a table; empty for anything else."""
    return list(typing.cast(dict[str, Any], plain).items()) if isinstance(plain, dict) else []


_EXPECTED = re.compile(r"Expected `(?P<kind>[^`]+)`(?: of length (?P<length>\d+))?, got")
_PLACE = re.compile(r" - at `\$(?P<place>.*)`$")


def _in_words(message: str, kind: Any, plain: Any) -> str:
    """msgspec's message about data that do not fit a type, as a sentence."""
    found = _PLACE.search(message)
    steps = found["place"] if found else ""
    place = steps.removeprefix(".") or "it"
    what = _PLACE.sub("", message)
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", steps):
        kind, plain = _step(kind, name), plain[name] if name else plain[int(index)]
    expected = _EXPECTED.match(what)
    if expected:
        *kinds, last = (_JSON_NAMES.get(k, k) for k in expected["kind"].split(" | "))
        wanted = f"{', '.join(kinds)} or {last}" if kinds else last
        more = f" of {expected['length']}" if expected["length"] else ""
        return f"{place} is {_shown(plain)}; it must be {wanted}{more}."
    if what.startswith("Invalid enum value"):
        return f"{place} is {_shown(plain)}; choose {choices(typing.get_args(bare(kind)))}."
    missing = re.match(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"{place} has no {missing[1]}."
    return f"{place}: {what.rstrip('.')}."


def _step(kind: Any, name: str) -> Any:
    """The type of a field or, without a name, of a list's items."""
    kind = bare(kind)
    return hints(kind)[name] if name else typing.get_args(kind)[0]


def bare(kind: Any) -> Any:
    """A type without `Annotated` and `| None`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return bare(arguments[0])
    if origin in (types.UnionType, typing.Union):
        return bare(_without_none(arguments))
    return kind
