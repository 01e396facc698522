"""Values of tables that were saved, and may since have become anything."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import lt
from typing import Any, TypeVar, get_args, get_type_hints

from engine import summary_format
from engine.one_line import OneLineError
from engine.rules import shown
from engine.summary_format import ANY_LIMITS

Kind = TypeVar("Kind")
LOSSES = {*summary_format.LOSSES, "lowest_loss"}
"""Not finite where a training went astray. The lowest one is in checkpoints alone."""
LIMITS = {**summary_format.LIMITS, "lowest_loss": summary_format.LIMITS["test_loss"]}
"""Of numbers by their name; those of the others are ``ANY_LIMITS``."""


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
    """A value in its type and within its limits; a date in UTC, which it is in if it has no zone.

    Raises:
        WrongValueError: it is not.
    """
    right = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not right or isinstance(value, bool):
        raise WrongValueError(f"{name} is {shown(value)}, which is not of type {kind.__name__}")
    if isinstance(value, datetime):
        return _in_utc(name, value)
    if isinstance(value, int | float):
        low, high = LIMITS.get(name, ANY_LIMITS)
        astray = name in LOSSES and isinstance(value, float) and not math.isfinite(value)
        if not (low <= value <= high or astray):
            raise WrongValueError(f"{name} is {shown(value)}; allowed: {low:g} to {high:g}")
    return float(value) if kind is float else value


def _in_utc(name: str, value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # in the first and the last hours of the calendar
        raise WrongValueError(f"{name} is {value.isoformat()}, no date in UTC") from error


def indices(name: str, found: Sequence[Any]) -> tuple[int, ...]:
    """Whole numbers that rise, within their limits.

    Raises:
        WrongValueError: they are something else.
    """
    if {type(each) for each in found} - {int}:
        raise WrongValueError(f"{name} holds something else than whole numbers")
    if not all(map(lt, found, found[1:])):
        raise WrongValueError(f"{name} is not in rising order")
    for each in (*found[:1], *found[-1:]):
        checked(name, each, int)
    return tuple(found)
