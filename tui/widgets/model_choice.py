"""A model to choose or leave: its name in its colour, its size, what it is."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox

from tui.palette import look, model_style

DESCRIPTIONS = {
    "mlp": ("79,510 parameters", "one hidden layer of 100"),
    "cnn": ("50,186 parameters", "two 3×3 convolutions"),
    "mobilenetv2": ("12,810 of 2,236,682 train", "frozen ImageNet features"),
}


class ModelChoice(Checkbox):
    """A check box that can be read without colour: [x] or [ ]."""

    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    def __init__(self, model: str, chosen: bool) -> None:
        super().__init__("", chosen, id=f"model-{model}", compact=True)
        self._model = model

    def on_mount(self) -> None:
        """Colours depend on the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._describe())
        self._describe()

    def _describe(self) -> None:
        parameters, description = DESCRIPTIONS[self._model]
        self.label = Content.assemble(
            (
                f"{look(self._model).marker} {self._model:<13}",
                model_style(self._model, self.app.screen.colors[2], bold=True),
            ),
            f"{parameters:<27}",
            (description, "dim"),
        )

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--label")
        return Content.styled("[x]" if self.value else "[ ]", style)
