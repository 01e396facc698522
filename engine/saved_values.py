"""Values of tables that were saved, and may since have become anything."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from engine.one_line import OneLineError
from engine.rules import shown

Kind = TypeVar("Kind")
LOSSES = ("train_loss", "validation_loss", "test_loss", "lowest_loss")
"""Not finite where a training went astray."""
FRACTIONS = ("train_accuracy", "validation_accuracy", "test_accuracy", "macro_f1")
LARGEST = 2**63 - 1
"""That TOML can hold."""
LIMITS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(LOSSES, (0, 1e39)),  # float32 ends before
    **dict.fromkeys(FRACTIONS, (0, 1)),
    "repeat": (1, 10**6),
    "epoch": (1, 10_000),
    "planned_epochs": (1, 10_000),
}
"""Of numbers by their name; those of the others are 0 and ``LARGEST``."""


class WrongValueError(OneLineError):
    """What is wrong in a file, for the line that names it."""


def fill(kind: type[Kind], table: Mapping[str, Any], where: str) -> Kind:
    """A dataclass of plain values from the table that it was saved as; raises as ``take``."""
    fields = _fields(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(
        **{
            name: take(table, name, plain, default, where)
            for name, (plain, default) in fields.items()
        }
    )


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[type, Any]]:
    """The plain type of each field, and its default, ``...`` if it has none."""
    found: dict[str, tuple[type, Any]] = {}
    for field in dataclasses.fields(kind):
        wanted = get_type_hints(kind)[field.name]
        kinds = (wanted, *get_args(wanted))
        plain = next((each for each in (float, int, datetime) if each in kinds), str)
        has_default = field.default is not dataclasses.MISSING
        found[field.name] = plain, field.default if has_default else ...
    return found


def take(
    table: Mapping[str, Any], name: str, kind: type, default: Any = ..., where: str = ""
) -> Any:
    """A value of a table, as ``checked``; the default where it is missing, if there is one.

    Raises:
        WrongValueError: it is missing, or wrong.
    """
    if name not in table:
        if default is ...:
            raise WrongValueError(f"{name} is missing{f' in {where}' if where else ''}")
        return default
    return checked(name, table[name], kind)


def checked(name: str, value: Any, kind: type) -> Any:
    """A value in its type and within its limits.

    Raises:
        WrongValueError: it is not.
    """
    right = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not right or isinstance(value, bool):
        raise WrongValueError(f"{name} is {shown(value)}, which is not of type {kind.__name__}")
    if isinstance(value, int | float):
        low, high = LIMITS.get(name, (0, LARGEST))
        astray = name in LOSSES and isinstance(value, float) and not math.isfinite(value)
        if not (low <= value <= high or astray):
            raise WrongValueError(f"{name} is {shown(value)}; allowed: {low:g} to {high:g}")
    return float(value) if kind is float else value
