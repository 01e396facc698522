"""Draw a digit and see what every trained network takes it for, as one draws."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from engine.assets import AssetError
from engine.data import DataError
from engine.inspection import Digits, load_test_digits
from engine.models import WeightsError
from engine.reading import centred
from engine.results import ResultsError
from engine.settings import Settings
from tui.bridge import Bridge
from tui.drawing import Drawing
from tui.drawing_readers import DrawingReaders, Network, saved_names
from tui.experiment_view import ExperimentView
from tui.screens.sized import SizedScreen, side_bindings
from tui.widgets.answers import Answers
from tui.widgets.canvas import Canvas
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.ordered_input import OrderedInput

INTERVAL = 0.5
EMPTY = "Draw a digit: every network answers."
TEST_IMAGES = 10_000


class DrawScreen(SizedScreen[None]):
    """A canvas, and what each model's network takes the drawing for."""

    CSS_PATH = "draw.tcss"
    HELP = "draw"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (35, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "wipe", "Wipe"),
        # Priority: the number may come in the same burst.
        Binding("l", "load", "Load", priority=True),
        Binding("s", "save", "Save"),
        *side_bindings("draw"),
    ]

    def __init__(
        self,
        bridge: Bridge,
        settings: Settings,
        view: ExperimentView,
        drawing: Drawing,
        no_network: str,
    ) -> None:
        """``drawing`` is gone on with; ``no_network`` is said while there is none."""
        super().__init__()
        self._drawing = drawing
        self._settings, self._view, self._no_network = settings, view, no_network
        self._digits: Digits | None = None
        self._readers = DrawingReaders(bridge, view, settings.mobilenetv2_weights)
        self._networks: dict[str, Network] = {}
        self._broken: dict[str, Network] = {}
        self._reading = asyncio.Event()

    def compose(self) -> ComposeResult:
        """The canvas on the left, the answers on its right."""
        words = "   drag to draw, right button erases; or Space, then arrows"
        yield Static(Text.assemble(("mnist-tui   draw", "bold"), words), id="title")
        with Horizontal(id="desk"):
            canvas = Canvas(self._drawing)
            canvas.border_title = "Drawing"
            yield canvas
            yield Answers()
        last = (self._settings.test_limit or TEST_IMAGES) - 1
        prompt = f"number of a test digit, 0 to {last}; Enter loads it"
        yield OrderedInput(placeholder=prompt, type="integer", id="number")
        yield Static(id="note")
        yield KeysFooter()

    def on_mount(self) -> None:
        """Follow the training and the pen."""
        self.query_one(Canvas).focus()
        self.run_worker(self._read_drawings(), exit_on_error=False)
        self.set_interval(INTERVAL, self._follow)
        self._reading.set()
        self._follow()

    def _follow(self) -> None:
        """Ask anew when a network has been trained further."""
        networks, before = self._readers.networks(), self._networks
        if networks.keys() == before.keys() and all(networks[m] is before[m] for m in networks):
            return
        self._networks = networks
        self._reading.set()
        saved = ", ".join(saved_names(networks))
        self.query_one(Answers).border_title = f"Answers; as saved: {saved}" if saved else "Answers"

    @on(Canvas.Changed)
    def _ask(self) -> None:
        self._reading.set()

    async def _read_drawings(self) -> None:
        """One reading at a time, of the newest drawing: strokes in between are never queued."""
        while True:
            await self._reading.wait()
            self._reading.clear()
            drawing, answers = self.query_one(Canvas).drawing, self.query_one(Answers)
            if drawing.is_empty or not self._networks:
                answers.say(EMPTY if self._networks else self._no_network)
                continue
            image, networks = drawing.image, self._networks
            if not drawing.as_loaded:
                image = await asyncio.to_thread(centred, image)
            found: dict[str, tuple[float, ...]] = {}
            # The quick ones first: mobilenetv2 takes longer than the next stroke.
            for model in sorted(networks, key=lambda name: name == "mobilenetv2"):
                answer = await self._answer(model, networks[model], image)
                if answer is not None:
                    found[model] = answer
                    shown = {name: found[name] for name in networks if name in found}
                    answers.show(shown, columns=len(networks))
            if not found:
                answers.say("")

    async def _answer(self, model: str, network: Network, image: bytes) -> tuple[float, ...] | None:
        """None of one that cannot be built; why is said once."""
        if self._broken.get(model) is network:
            return None
        try:
            return await asyncio.to_thread(self._readers.read, model, network, image)
        except (AssetError, WeightsError, ResultsError) as error:
            self._broken[model] = network
            self._note(f"✗ {model}: {error}")
            return None

    def action_wipe(self) -> None:
        """An empty canvas."""
        self.query_one(Canvas).change(None)
        self._note("")

    def action_load(self) -> None:
        """Ask for the number of a test digit."""
        self._note("")
        self.add_class("-asking")
        # At once: what is typed next is the number, however fast it comes.
        self.set_focus(self.query_one("#number"))

    @on(Input.Submitted, "#number")
    async def _load(self, event: Input.Submitted) -> None:
        """Load it, to be edited."""
        try:
            if self._digits is None:
                self._digits = await asyncio.to_thread(load_test_digits, self._settings)
        except (AssetError, DataError) as error:
            self._note(f"✗ {error}")
            return
        typed, last = event.value.strip(), len(self._digits) - 1
        if not typed.isdecimal() or int(typed) > last:
            found = f"{typed} is not a number of a test digit; " if typed else ""
            self._note(f"✗ {found}give 0 to {last}")
            return
        self.query_one(Canvas).change(self._digits.image(int(typed)))
        self._note(f"test digit {int(typed)}, a {self._digits.labels[int(typed)]}")
        self._stop_asking()

    def _stop_asking(self) -> None:
        self.remove_class("-asking")
        self.query_one(Canvas).focus()

    def action_save(self) -> None:
        """Save the drawing beside the experiment's summary."""
        if self.query_one(Canvas).drawing.is_empty:
            self._note("✗ not saved: nothing is drawn")
            return
        if self._view.record is None:
            self._note("✗ not saved: the experiment has no folder yet")
            return
        try:
            path = self.query_one(Canvas).drawing.save(self._view.record.folder)
        except OSError as error:
            self._note(f"✗ not saved: {error.filename}: {error.strerror or error}")
        else:
            self._note(f"saved as {path}")

    def action_leave(self) -> None:
        """Escape leaves the question first, then the screen."""
        if self.has_class("-asking"):
            self._note("")
            self._stop_asking()
        else:
            self.dismiss(None)

    def _note(self, text: str) -> None:
        self.query_one("#note", Static).update(Text(text))
