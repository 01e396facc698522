"""A model to choose or leave: its name in its colour, its size, what it is."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox

from tui.palette import look

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
        parameters, description = DESCRIPTIONS[model]
        label = Content.assemble(
            (f"{look(model).marker} {model:<13}", f"bold {look(model).color}"),
            f"{parameters:<27}",
            (description, "dim"),
        )
        super().__init__(label, chosen, id=f"model-{model}", compact=True)

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--label")
        return Content.styled("[x]" if self.value else "[ ]", style)
