"""`?`: what the screen shows and every key of it."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.palette import LETTERS

CURVE_KEYS = """\
  m             enlarge the loss chart, the accuracy chart, then show all
  l             loss axis: logarithmic or linear
  u             curves over epochs, or over seconds of training
  b             repeats as mean and band, or as a line each
  z             zoom to the last 10 epochs, if more are done; 3; all
"""
CHART_KEYS = f"""\
{CURVE_KEYS}  o             smooth train curves by 0.6, 0.9, not; raw ones stay, faint
"""
TEXTS = {
    "setup": """\
[b]Before training[/b]

Choose models, how long to train and where. A wrong value says at once what is allowed.
Every run of a model uses a seed of its own: repeats show how much luck is in a result.
A preset is how the networks are trained: notebook, at a constant rate, as published;
quick, one epoch; default, with a one-cycle schedule; best, with shifted images and more
epochs as well. Workers are processes that share out the runs and train at the same time:
so many on a CPU, or one on each of several devices, if device is all. Models, preset,
epochs, repeats, device and workers begin as you started them last.

[b]Keys[/b]
  ↑ ↓  Tab      move between the fields
  Space         choose a model, open a list
  s             start (also Enter on the Start button or in a field)
  r             go on with the experiment that ended too early last, if any
  w             watch what another process trains, if one does: after
                a dropped connection, or what mnist-tui run trains
  h             results: the experiments there are, to open and compare
                s, r, w, h, q and ? work in a field, too: no number has
                these letters
  t             colours: dark, light, high contrast, the terminal's own
  q             quit
  Ctrl+Z        to the shell; fg comes back
  Ctrl+P        command palette: every action and the themes
  Ctrl+L        draw the whole screen again, if another program has
                written on it
  ?             this page; Esc closes it

[b]Networks[/b]  channels × rows × columns; on the right parameters

  [b]mlp[/b]   image 1×28×28
        └ flatten              784
          └ linear, ReLU       100            78,500
            └ linear            10             1,010        79,510 in all

  [b]cnn[/b]   image 1×28×28
        └ convolution 3×3       32×28×28         320
          └ max-pool 2, ReLU    32×14×14
            └ convolution 3×3   64×14×14      18,496
              └ max-pool 2      64×7×7
                └ linear        10            31,370        50,186 in all

  [b]mobilenetv2[/b]   image 1×28×28, enlarged to 3×224×224
        └ ImageNet features     1280×7×7   2,223,872 frozen, run once
          └ mean                1280
            └ dropout 0.2
              └ linear          10            12,810 the part that trains
""",
    "training": f"""\
[b]While it trains[/b]

Top: accuracy of each model. Before the first test it is the train accuracy, then the newest
test accuracy, and the mean over all repeats once they are done.
Charts: thin lines are train values within the epochs, marked lines the test values after
each epoch: the mean of a model's repeats, and faint around it what lies between them.
Table: one row per run; repeats of a small network train side by side and end together.
Several workers train several runs at once; each row then names its worker.
ETA is the time until that run is done, evaluation and the runs before it included; ">" at
the top means that a model has not been measured yet. Pauses count in "elapsed",
which begins anew when an experiment is gone on with.

[b]Keys[/b]
  p             pause, and resume
  x             stop: asks whether now or after this epoch; all is saved
  e             end the experiment after this epoch, to which a paused
                training goes on; e again takes it back
  k             skip the run under way, or those side by side; of several
                workers that of the chosen run
  n             new experiment, once this one has ended
{CHART_KEYS}  t             colours: dark, light, high contrast, the terminal's own
  q             quit; while it trains it asks first
  Ctrl+Z        to the shell, and the training is held; fg comes back, and
                after bg it trains on without the screen until then
  a             add a run: one more of a model, or the first of another
  r  Delete     remove the chosen run from the queue
  + -           one epoch more or fewer for the chosen run
                (those that train side by side change together)
  \\[ ]           train the chosen run earlier or later; also Shift+↑ ↓
  ← →           read out the exact values of an epoch; so does the mouse
  ↑ ↓           choose a run in the table; so does a click
  i  d  c       inspect, draw, compare: below
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it

[b]The result, once it has ended[/b]
  test accuracy mean over a model's finished runs ± standard deviation
  95 % CI       19 times in 20 the true mean is in mean ± this
                (Student's t)
  best run      the highest of them
  ★ best        the highest mean; whether by more than chance, tells
                mnist-tui results compare
  runs          those trained to their end, which the figures are over;
                "4/5" if others were skipped, stopped or failed
  time/run      seconds of training, without the tests; runs side by side
                share theirs equally
  images/s      trained each second, by runs side by side all together

[b]Look closer, also while it trains[/b]
  Inspect       what each network confuses, misreads, and looks for
  Draw          draw a digit; every network answers
  Compare       the models side by side, and accuracy against time
""",
    "watch": f"""\
[b]Watching what another process trains[/b]

Read from the files that it writes after each epoch, so progress within an epoch is not
shown; of networks, those of runs that have ended read what you draw. Charts and table are as
while it trains here. Leaving ends nothing.

[b]Keys[/b]
  x             stop that process: it saves what is trained and ends
  n  Esc        back; the other process trains on
  q             quit; the other process trains on
{CHART_KEYS}  t             colours: dark, light, high contrast, the terminal's own
  ← →           read out the exact values of an epoch; so does the mouse
  ↑ ↓           choose a run in the table; so does a click
  i  d  c       what is confused; draw a digit; compare the models
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it
""",
    "past": f"""\
[b]A past experiment[/b]

Its curves, its result and its runs, as its files say: train curves have a point for each epoch.
Its networks, as they were saved, read what you draw.

[b]Keys[/b]
  i  d  c       what is confused; draw a digit; compare the models
  Esc           back to the results
{CHART_KEYS}  t             colours: dark, light, high contrast, the terminal's own
  ← →           read out the exact values of an epoch; so does the mouse
  ↑ ↓           choose a run in the table; so does a click
  q             quit
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it
""",
    "results": f"""\
[b]Results[/b]

Every experiment in the results folder, that begun last first; new ones and what others train
come by themselves. The accuracy is that of the best model, the mean over its finished runs.
Below the table is what the chosen one came to, or why it cannot be read.

[b]Keys[/b]
  ↑ ↓           choose; also Page up, Page down, Home, End, and the mouse
  Enter         open it: its curves, its runs, its result, what is confused
  Space         tick it, or no more, and go on to the next; up to {len(LETTERS)}, which
                are compared in the order of their letters
  c             compare: those ticked over one another
  /             filter: words of the id, models, status, preset; all must
                be there; Enter or ↓ leads to the table, Esc shows all
  r             train again with the settings of the chosen one; asks first
  e             export those ticked, also those that a filter hides, or
                else the chosen one, into files in the folder that the
                program was started in: asks which kind
  Esc           back to the form
  t             colours: dark, light, high contrast, the terminal's own
  q             quit
  Ctrl+P        command palette: every action and the themes
  ?             this page; Esc closes it
""",
    "overlay": f"""\
[b]Experiments over one another[/b]

Each model of each experiment is a line: A is the one that was ticked first. The table is as
in Compare: means over finished runs, ± standard deviation; ★ marks the best of a column.
Below, each model against the same one of A: Welch's t-test asks whether other repeats would
come out the same, McNemar's whether two networks differ on the test images. Several
comparisons are adjusted for their number (Holm).

[b]Keys[/b]
  d             the differences in words instead of the charts, and back
{CURVE_KEYS}  ← →           sort by another column; a click on its name does, too
  r             the other way round
  Esc           back to the results
  ?             this page; Esc closes it
""",
    "confusion": """\
[b]What was confused[/b]

How often a true digit (row) was taken for each digit (column) in the test, after the last epoch.
Precision is the part of the answers that were right, recall the part of a digit's images that
were read rightly, F1 their harmonic mean. Below are the pairs that were confused most.
The calibration error says how far certainty and accuracy lie apart: at 2 %, a network that is 90 %
certain may be right 88 times in 100.

[b]Keys[/b]
  m             the next network
  ← →           one run after the other, and all of them added up
  v             the matrix or each digit's figures, where there is room
                for one of them
  c  Esc        compare, back to the experiment
  ?             this page; Esc closes it
""",
    "inspect": """\
[b]Inspect[/b]

The newest network of each model, as it was after its last epoch.
Confusion: how often a true digit (row) was taken for each digit (column) in the test. Recall is
the part of a digit's images that were read rightly.
Misread: test digits with the true digit, the answer, how certain it was, and the number.
First layer: for mlp what each of its 100 units looks for; for cnn its 32 filters, each beside
what it finds in the chosen digit. [b #56b4e9]Blue[/] weights
speak for a unit, [b #d55e00]orange[/] ones against it.
mobilenetv2's first layer is ImageNet's and does not change.

[b]Keys[/b]
  m             the next network
  v             misread digits, first layer; if narrow also confusion
  o             order of the misread digits: certainty, digit, number
  f             all misread digits, those another network reads rightly,
                those that all networks misread
  ↑ ↓ ← →       choose a digit; Page up and down turn the page
                6 → 0 100% #445: test digit 445, a 6, was read as a 0,
                with that certainty
  d  c  Esc     draw, compare, back to the training
""",
    "draw": """\
[b]Draw[/b]

Draw with the mouse: left button draws, right button erases. Or with the keyboard: put the pen
down and move it. The drawing is scaled and centred as MNIST's digits are before it is read.
Each network shows the probability that it gives to each digit. Of what was trained earlier,
before a Resume or in a past experiment, it is each model's most accurate run.

[b]Keys[/b]
  ↑ ↓ ← →       move the pen
  Space         pen down, pen up
  x             erase as the pen moves, or no more
  w             wipe
  l             load a test digit by its number, to change it
  s             save as PNG in the experiment's folder
  i  c  Esc     inspect, compare, back to the training
""",
    "compare": """\
[b]Compare[/b]

Means over the finished runs of each model, ± standard deviation; ★ marks the best of a column.
The notebook's figures are those it published for ten epochs at a constant rate: the preset
"notebook" trains like that.
Below, each run's way: test accuracy after every epoch over the seconds it has trained so far.
Features of mobilenetv2 are not in its time; they are computed once for all runs.

[b]Keys[/b]
  ← →           sort by another column; a click on its name does, too
  r             the other way round
  i  d  Esc     inspect, draw, back to the training
""",
}


class HelpScreen(ModalScreen[None]):
    """Closes with Escape, `?` or q."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 100; max-width: 100%; height: auto; max-height: 100%;
        border: round $border; background: $surface; padding: 0 1; scrollbar-size-vertical: 1;
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
            # Paragraphs fill the page's width; what is indented keeps its lines.
            yield Static(re.sub(r"(?<=\S)\n(?=[^\s\[])", " ", TEXTS[self._page]))
