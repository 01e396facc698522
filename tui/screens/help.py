"""`?`: what the screen shows and every key of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

TEXTS = {
    "setup": """\
[b]Before training[/b]

Choose models, how long to train and where. A wrong value says at once what is allowed.
Every run of a model uses a seed of its own: repeats show how much luck is in a result.
A preset is how the networks are trained: notebook, at a constant rate, as published;
default, with a one-cycle schedule; best, with shifted images and more epochs as well.

[b]Keys[/b]
  ↑ ↓  Tab      move between the fields
  Space         choose a model, open a list
  s             start (also Enter on the Start button or in a field)
  t             other colours: dark, light, high contrast, the terminal's own
  q             quit
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it

[b]Models[/b]
  mlp           784 → 100 → ReLU → 10; 79,510 parameters
  cnn           conv 32 → pool → ReLU → conv 64 → pool → 10; 50,186 parameters
  mobilenetv2   ImageNet features, frozen, computed once → dropout → 10;
                12,810 of 2,236,682 parameters train
""",
    "training": """\
[b]While it trains[/b]

Top: accuracy of each model. Before the first test it is the train accuracy, then the newest
test accuracy, and the mean over all repeats once they are done.
Charts: thin lines are train values within the epochs, marked lines the test values after
each epoch; one colour and one marker per model; earlier repeats are drawn fainter.
Table: one row per run; repeats of a small network train side by side and end together.
ETA is the time until that run is done, evaluation and the runs before it included; ">" at
the top means that a model has not been measured yet.

[b]Keys[/b]
  p             pause, and resume
  x             stop (asks: now, or after this epoch); finished epochs are saved
  e             stop after this epoch
  k             skip this run, or those side by side, and start the next
  n             new experiment, once this one has ended
  m             enlarge the loss chart, then the accuracy chart, then show everything again
  l             loss axis: logarithmic or linear
  o             smooth the train curves: by 0.6, by 0.9, not; the raw ones stay, faint
  z             zoom to the last 10 epochs, to the last 3, to all
  t             other colours: dark, light, high contrast, the terminal's own
  q             quit; while it trains it asks first
  ↑ ↓           move in the table
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it
""",
}


class HelpScreen(ModalScreen[None]):
    """Closes with Escape, `?` or q."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 100; max-width: 100%; height: auto; max-height: 100%;
        border: round $border; background: $surface; padding: 0 2;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close"),
    ]

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        """One page of text."""
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            yield Static(TEXTS[self._page])
