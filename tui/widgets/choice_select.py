"""A list to choose one value of a setting from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Select


class ChoiceSelect(Select[str], inherit_bindings=False):
    """Opens with Enter or Space; the arrows are left to the form, to move between its fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Open list", show=False),
    ]

    def __init__(self, setting: str, choices: Sequence[str], chosen: str) -> None:
        options = [(name, name) for name in choices]
        super().__init__(options, value=chosen, allow_blank=False, compact=True, id=setting)
