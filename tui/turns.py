"""Choices that one key goes through, and begins anew behind the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def next_in_turn(choices: Sequence[Choice], present: Choice) -> Choice:
    """The one behind ``present``; the first, if that is the last or none of them."""
    at = choices.index(present) if present in choices else -1
    return choices[(at + 1) % len(choices)]
