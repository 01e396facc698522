"""A list to choose one value of a setting from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Select

from engine.one_line import one_line

LONGEST = 60
"""Characters of a name that are shown."""


class ChoiceSelect(Select[str], inherit_bindings=False):
    """Opens with Enter or Space; the arrows are left to the form, to move between its fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Open list", show=False),
    ]

    def __init__(self, setting: str, choices: Sequence[str], chosen: str) -> None:
        super().__init__(
            as_options(choices), value=chosen, allow_blank=False, compact=True, id=setting
        )


def as_options(choices: Sequence[str]) -> list[tuple[Text, str]]:
    """What a list offers; names are shown as they are, whatever markup is in them."""
    return [(Text(one_line(name, LONGEST)), name) for name in choices]
