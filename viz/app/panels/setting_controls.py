"""Controls for settings: each takes ranges, units, defaults and tooltips from the declaration.

A control takes the object that a setting belongs to and the setting's name, and returns the object
after the user's changes: a new one, or the same one edited if it is mutable.

    state.orbit = setting_controls.slider("Pitch", state.orbit, "pitch")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from gui_utils import controls
from gui_utils.controls import registry
from viz.state.interface import Interface
from viz.state.settings import Range, setting
from viz.state.types import SessionState

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Owner = TypeVar("Owner", bound="DataclassInstance")


def _with(owner: Owner, name: str, value: Any) -> Owner:
    if isinstance(owner, (Interface, SessionState)):
        setattr(owner, name, value)
        return owner
    return replace(owner, **{name: value})


def slider(
    label: str,
    owner: Owner,
    name: str,
    *,
    none: float | None = None,
    default: float | None = None,
    ends: tuple[float, float] | None = None,
) -> Owner:
    """A slider for a number.

    Args:
        label: caption.
        owner: the object that the setting belongs to.
        name: name of the setting.
        none: the number that None stands for; None is kept if the user chooses that number.
        default: the value that a reset restores, if not the declared default.
        ends: ends of the slider, if they depend on the model; typed numbers may be anything that
            the setting allows.
    """
    declared, value = setting(type(owner), name), getattr(owner, name)
    numbers = declared.range
    value = none if value is None else value
    if value is None:
        raise TypeError(f"{name} is None, which a slider cannot show.")
    back = next((v for v in (default, declared.default, none) if v is not None), None)
    new = number(label, value, numbers, declared.sentence, back, ends, isinstance(value, int))
    registry.tag((owner, name))
    if new == value:
        return owner
    return _with(owner, name, None if none is not None and new == none else new)


def number(
    label: str,
    value: float,
    numbers: Range,
    about: str,
    default: float | None = None,
    ends: tuple[float, float] | None = None,
    whole: bool = False,
) -> float | int:
    """A slider for a number that is not a setting; returns the number after the user's changes.
    `default` is what a reset restores; `ends` are those of the slider, if not those of the
    range."""
    lo, hi = ends or numbers.ends
    factor = 100 if numbers.unit == "%" else 1
    changed, new = controls.slider(
        label,
        factor * value,
        factor * lo,
        factor * hi,
        default=None if default is None else factor * default,
        unit=numbers.unit,
        fmt="%.0f" if whole else _format(numbers, factor),
        log=numbers.logarithmic,
        whole=whole and not numbers.logarithmic,
        tooltip=about,
        typed=(factor * numbers.lo, factor * numbers.hi),
    )
    if not changed:  # numbers shown as percentages are rounded
        return value
    return round(new) if whole else new / factor


def _format(numbers: Range, factor: int) -> str:
    """As many decimals as the step has."""
    return f"%.{max(-math.floor(math.log10(numbers.step * factor) + 1e-9), 0)}f"


def seed(label: str, owner: Owner, name: str) -> Owner:
    """A field for a seed."""
    declared = setting(type(owner), name)
    lo, hi = declared.range.lo, declared.range.hi
    changed, new = controls.drag_int(
        label,
        getattr(owner, name),
        round(lo),
        round(hi),
        default=declared.default,
        tooltip=declared.sentence,
    )
    registry.tag((owner, name))
    return _with(owner, name, new) if changed else owner


def vector(
    label: str,
    owner: Owner,
    name: str,
    *,
    default: tuple[float, float, float] | None = None,
) -> Owner:
    """Fields for three coordinates; `default` is what a reset restores, if not the declared
    default."""
    declared = setting(type(owner), name)
    numbers = declared.range
    changed, new = controls.vector(
        label,
        getattr(owner, name),
        speed=numbers.step / 2,
        lo=numbers.lo,
        hi=numbers.hi,
        default=default or declared.default,
        tooltip=declared.sentence,
    )
    return _with(owner, name, new) if changed else owner


def toggle(label: str, owner: Owner, name: str) -> Owner:
    """A switch."""
    declared = setting(type(owner), name)
    changed, new = controls.toggle(
        label, getattr(owner, name), default=declared.default, tooltip=declared.sentence
    )
    registry.tag((owner, name))
    return _with(owner, name, new) if changed else owner


def choice(
    label: str, owner: Owner, name: str, captions: Mapping[Any, str], *, key: str = ""
) -> Owner:
    """One of several values from a drop-down list; `key` selects the next one."""
    return _pick(controls.combo, label, owner, name, captions, key)


def segmented(label: str, owner: Owner, name: str, captions: Mapping[Any, str]) -> Owner:
    """One of a few values, as a row of buttons."""
    return _pick(controls.segmented, label, owner, name, captions)


def optional(
    label: str, owner: Owner, name: str, captions: tuple[str, str], about: str, begin: Any
) -> Owner:
    """Whether a setting is None or has a value of its own, as two buttons with these captions;
    `begin` is the value that it has at first, `about` the tooltip."""
    value = getattr(owner, name)
    kinds = {False: captions[0], True: captions[1]}
    changed, own = controls.segmented(label, value is not None, kinds, default=False, tooltip=about)
    return _with(owner, name, begin if own else None) if changed else owner


def _pick(
    control: Any,
    label: str,
    owner: Owner,
    name: str,
    captions: Mapping[Any, str],
    key: str = "",
) -> Owner:
    declared = setting(type(owner), name)
    changed, new = control(
        label,
        getattr(owner, name),
        captions,
        default=declared.default,
        tooltip=f"{declared.sentence} Key {key} takes the next one." if key else declared.sentence,
    )
    if control is controls.combo:  # each button of a row is a control of its own
        registry.tag((owner, name))
    return _with(owner, name, new) if changed else owner
