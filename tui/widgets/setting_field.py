"""One setting as a line of a form: its name, an input, and what is allowed if it is refused."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.widgets import Input, Label

from engine.rules import SettingsError
from engine.settings import FIELDS, from_text, rule
from tui.widgets.ordered_input import OrderedInput


class NumberInput(OrderedInput):
    """An input that leaves the form's keys to the form: no number has these letters."""

    FORM_KEYS = frozenset("srwhq?")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is text for this input."""
        return character not in self.FORM_KEYS and super().check_consume_key(key, character)

    async def on_key(self, event: Key) -> None:
        """A space would wipe the number, which is selected on arrival."""
        if event.key == "space":
            event.stop()
            event.prevent_default()


class SettingField(Horizontal):
    """Checks the text at every key; ``value`` is what it means unless it is refused."""

    DEFAULT_CSS = """
    SettingField { height: 1; }
    """

    def __init__(self, name: str, label: str, value: object) -> None:
        super().__init__(id=f"field-{name}", classes="field")
        self.setting = name
        self._label = label
        self._text = f"{value:g}" if isinstance(value, float) else str(value)
        if value is None:
            self._text = ""
        elif value == 0 and rule(name).zero:
            self._text = rule(name).zero
        self.value: Any = value
        self.refused = False

    def compose(self) -> ComposeResult:
        """Name, input, help or refusal."""
        yield Label(self._label, classes="field-name")
        placeholder = "preset's" if self._optional else ""
        yield NumberInput(self._text, placeholder, compact=True, id=self.setting)
        yield Label(rule(self.setting).help, classes="field-note", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Accept the text or say what is allowed."""
        self.refused = False
        try:
            empty = self._optional and not event.value.strip()
            self.value = None if empty else from_text(self.setting, event.value, self._label)
        except SettingsError:
            self.refused = True
        self.set_class(self.refused, "-refused")
        note = f"✗ give {rule(self.setting).allowed}" if self.refused else rule(self.setting).help
        self.query_one(".field-note", Label).update(note)

    @property
    def _optional(self) -> bool:
        return FIELDS[self.setting].default is None

    @property
    def input(self) -> Input:
        """The field's input."""
        return self.query_one(Input)
