"""The list of devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Select


class DeviceSelect(Select[str], inherit_bindings=False):
    """Opens with Enter or Space; the arrows are left to the form, to move between its fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Open list", show=False),
    ]

    def __init__(self, devices: Sequence[str], chosen: str) -> None:
        options = [(name, name) for name in devices]
        super().__init__(options, value=chosen, allow_blank=False, compact=True, id="device")
