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
from engine.events import Snapshot
from engine.inspection import Digits, load_test_digits
from engine.models import WeightsError
from engine.reading import Reader, centred, load_reader, make_reader
from engine.results import ResultsError
from engine.settings import Settings
from engine.trained import Trained, saved_networks
from tui.bridge import Bridge
from tui.experiment_view import ExperimentView
from tui.misread import newest_of_each_model
from tui.screens.sized import SizedScreen, side_bindings
from tui.widgets.answers import Answers
from tui.widgets.canvas import Canvas
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.ordered_input import OrderedInput

INTERVAL = 0.5
TEST_IMAGES = 10_000


class DrawScreen(SizedScreen[None]):
    """A canvas and the newest network of each model; of what was trained before, the best saved."""

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

    def __init__(self, bridge: Bridge, settings: Settings, view: ExperimentView) -> None:
        super().__init__()
        self._bridge, self._settings, self._view = bridge, settings, view
        self._digits: Digits | None = None
        self._saved: dict[str, Trained] = {}
        self._networks: dict[str, Snapshot | Trained] = {}
        self._readers: dict[str, tuple[Snapshot | Trained, Reader]] = {}
        """By model, each with what it was made of."""
        self._reading = asyncio.Event()

    def compose(self) -> ComposeResult:
        """The canvas on the left, the answers on its right."""
        words = "   drag to draw, right button erases; or Space, then arrows"
        yield Static(Text.assemble(("mnist-tui   draw", "bold"), words), id="title")
        with Horizontal(id="desk"):
            canvas = Canvas()
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
        if self._view.record is not None:
            self._saved = saved_networks(self._view.record)
        self.set_interval(INTERVAL, self._follow)
        self._follow()
        self._note(self._from_before())

    def _follow(self) -> None:
        """Ask anew when a network has been trained further."""
        networks: dict[str, Snapshot | Trained] = dict(self._saved)
        networks |= newest_of_each_model(self._bridge.snapshots())
        if networks != self._networks:
            self._networks = networks
            self._reading.set()

    def _from_before(self) -> str:
        """Which networks are not of this training."""
        saved = [one.path.stem for one in self._networks.values() if isinstance(one, Trained)]
        if saved:
            return f"as saved: {', '.join(saved)}"
        nobody = not self._networks and self._view.ended is not None
        return "✗ no network answers: none was saved with this experiment" if nobody else ""

    @on(Canvas.Changed)
    def _ask(self) -> None:
        self._reading.set()

    async def _read_drawings(self) -> None:
        """One reading at a time, of the newest drawing: strokes in between are never queued."""
        while True:
            await self._reading.wait()
            self._reading.clear()
            drawing, answers = self.query_one(Canvas).drawing, self.query_one(Answers)
            if drawing.is_empty:
                answers.show(list(self._networks), {})
                continue
            image, networks = drawing.image, dict(self._networks)
            if not drawing.as_loaded:
                image = await asyncio.to_thread(centred, image)
            found = {}
            # The quick ones first: mobilenetv2 takes longer than the next stroke.
            for model in sorted(networks, key=lambda name: name == "mobilenetv2"):
                try:
                    found[model] = await asyncio.to_thread(
                        self._read, model, networks[model], image
                    )
                except (AssetError, WeightsError, ResultsError) as error:
                    self._note(f"✗ {model}: {error}")
                    continue
                shown = {name: found[name] for name in networks if name in found}
                answers.show(list(networks), shown)

    def _read(self, model: str, network: Snapshot | Trained, image: bytes) -> tuple[float, ...]:
        """On a thread."""
        made_of, reader = self._readers.get(model, (None, None))
        if reader is None or made_of != network:
            if isinstance(network, Trained):
                _, reader = load_reader(network.path)
            else:
                reader = make_reader(model, network.weights, self._settings.mobilenetv2_weights)
            self._readers[model] = (network, reader)
        return reader(image)

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
            self._stop_asking()
        else:
            self.dismiss(None)

    def _note(self, text: str) -> None:
        self.query_one("#note", Static).update(Text(text))
