"""What the value of a setting may be, and the two checks that every source of values goes through.

``from_text`` reads typed text (environment, command line, dashboard), ``checked`` takes values of
TOML or Python; a value that one refuses, both refuse, in the same words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from engine.one_line import OneLineError


class SettingsError(OneLineError, ValueError):
    """A value that cannot be used. Its text is one line: where, what was found, what is allowed."""


@dataclass(frozen=True)
class Rule:
    """What one setting is for and what it accepts."""

    kind: type
    """bool, int, float, str or tuple (of str)."""
    section: str
    """Its table in the settings file."""
    help: str
    allowed: str
    """In words, for the line that refuses another value."""
    low: float | None = None
    high: float | None = None
    zero: str = ""
    """The word that may stand for 0, even where 0 itself is out of range: "auto", "preset"."""
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None


def setting(default: Any, rule: Rule) -> Any:
    """A dataclass field with a rule; a default of None means that the preset decides."""
    return field(default=default, metadata={"rule": rule})


def whole(section: str, low: int, high: int, help: str, zero: str = "") -> Rule:
    """A whole number."""
    lowest = f"{low} ({zero})" if zero and not low else str(low)
    allowed = f"a whole number from {lowest} to {high}"
    return Rule(int, section, help, allowed, low, high, zero)


def number(section: str, low: str, high: str, help: str) -> Rule:
    """Any number; the limits as they shall be shown."""
    allowed = f"a number from {low} to {high}"
    return Rule(float, section, help, allowed, float(low), float(high))


def choice(section: str, choices: tuple[str, ...], help: str) -> Rule:
    """One of some words."""
    return Rule(str, section, help, f"one of {', '.join(choices)}", choices=choices)


def switch(section: str, help: str) -> Rule:
    """True or false."""
    return Rule(bool, section, help, "true or false")


def text(section: str, allowed: str, help: str, pattern: str = r"(?s).*") -> Rule:
    """Text that matches a pattern whole."""
    return Rule(str, section, help, allowed, pattern=re.compile(pattern))


def checked(rule: Rule, value: object, where: str) -> Any:
    """Return ``value``, as TOML or Python gave it, in the type of the rule.

    Raises:
        SettingsError: the type is wrong or the value is out of range; ``where`` leads the line.
    """
    refused = SettingsError(f"{where}: {shown(value)} is not allowed; give {rule.allowed}")
    if rule.zero and value == rule.zero:
        return 0
    match value:
        case bool():
            right = rule.kind is bool
        case int() | float() if rule.kind is float:
            right = True
            try:
                value = float(value)
            except OverflowError:
                raise refused from None
        case list() if rule.kind is tuple:
            right, value = True, tuple(value)
        case _:
            right = isinstance(value, rule.kind)
    if not right or not _within(rule, value):
        raise refused
    return value


def _within(rule: Rule, value: object) -> bool:
    if isinstance(value, tuple):
        known = all(item in rule.choices for item in value)
        return bool(value) and known and len(set(value)) == len(value)
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return False  # not a name that files can have, nor text that TOML can hold
        if rule.pattern is not None:
            return rule.pattern.fullmatch(value) is not None
        return not rule.choices or value in rule.choices
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Written so that NaN, which compares false with everything, is refused.
        above = rule.low is None or value >= rule.low
        return above and (rule.high is None or value <= rule.high)
    return True


def from_text(rule: Rule, typed: str, where: str) -> Any:
    """Return typed text as a value of the rule.

    Raises:
        SettingsError: as ``checked``.
    """
    typed = typed.strip()
    value: object = typed
    try:
        if rule.kind is bool:
            value = {"true": True, "false": False}.get(typed.lower(), typed)
        elif rule.kind is tuple:
            value = tuple(part.strip() for part in typed.split(",") if part.strip())
        elif rule.kind in (int, float):
            value = rule.kind(typed)
    except ValueError:
        pass  # checked() refuses the text with the same words as any other wrong value
    return checked(rule, value, where)


def shown(value: object, limit: int = 60) -> str:
    """A value as an error message shows it: on one line, not too long."""
    plain = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    try:
        text = repr(plain)
    except (ValueError, RecursionError):  # thousands of digits, or of tables in each other
        text = f"a {type(plain).__name__} too large to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"
