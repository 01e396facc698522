"""Look inside, while it trains: what is confused, what is misread, what the first layer sees."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.assets import AssetError
from engine.data import DataError
from engine.events import Snapshot
from engine.inspection import Digits, load_test_digits
from engine.settings import Settings
from tui.bridge import Bridge
from tui.misread import (
    ORDERS,
    confusion_of,
    filters,
    kept,
    misread,
    newest_of_each_model,
    ordered,
)
from tui.palette import look, model_shades
from tui.screens.sized import SizedScreen, side_bindings
from tui.turns import next_in_turn
from tui.widgets.chosen_digit import ChosenDigit
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.first_layer import FirstLayer
from tui.widgets.keys_footer import KeysFooter
from tui.widgets.mistakes import Mistakes
from tui.widgets.tiles import Tiles

VIEWS = ("mistakes", "first-layer", "left")
"""Where there is room the confusion map is always there, on the left, beside one of the others."""
INTERVAL = 0.5
WAITING = "There is something to see after a network's first epoch."


class InspectScreen(SizedScreen[None]):
    """The newest network of each model, one at a time."""

    CSS_PATH = "inspect.tcss"
    HELP = "inspect"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "model", "Network"),
        Binding("v", "view", "View"),
        Binding("o", "order", "Order"),
        Binding("f", "filter", "Filter"),
        *side_bindings("inspect"),
    ]

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        super().__init__()
        self._bridge, self._settings = bridge, settings
        self._digits: Digits | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._model = ""
        self._view = VIEWS[0]
        self._order = ORDERS[0]
        self._filter = ""

    def compose(self) -> ComposeResult:
        """The networks, then what is inside the chosen one."""
        yield Static(id="networks")
        yield Static(WAITING, id="waiting")
        with Horizontal(id="views"):
            with Vertical(id="left"):
                yield ConfusionMap()
                yield ChosenDigit()
            yield Mistakes()
            yield FirstLayer()
        yield KeysFooter()

    async def on_mount(self) -> None:
        """Read the test images once, then follow the training."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show())
        self._show_view()
        self._show()
        try:
            self._digits = await asyncio.to_thread(load_test_digits, self._settings)
        except (AssetError, DataError) as error:
            self.query_one("#waiting", Static).update(Text(f"✗ {error}"))
            return
        self._follow()
        self.set_interval(INTERVAL, self._follow)

    def _follow(self) -> None:
        """Show what has come since the last time."""
        snapshots = newest_of_each_model(self._bridge.snapshots())
        if snapshots != self._snapshots:
            self._snapshots = snapshots
            if self._model not in snapshots:
                self._model = next(iter(snapshots), "")
            self._show()

    def _show(self) -> None:
        self.set_class(not self._snapshots, "-waiting")
        if not self._snapshots or self._digits is None:
            self._show_networks("")
            return
        snapshot, labels = self._snapshots[self._model], self._digits.labels
        self.query_one(ConfusionMap).show(self._model, confusion_of(snapshot, labels))
        self._show_mistakes(snapshot, self._digits)
        self._show_chosen()

    def _show_mistakes(self, snapshot: Snapshot, digits: Digits) -> None:
        if self._filter not in filters(self._model, self._snapshots):
            self._filter = ""
        found = kept(misread(snapshot, digits.labels), self._filter, self._snapshots)
        only = f", {self._filter}" if self._filter else ""
        title = f"Misread: {len(found)} of {len(digits):,}{only}; {self._order}"
        gallery = self.query_one(Mistakes)
        gallery.show(ordered(found, self._order), digits, title)
        first = self.query_one(FirstLayer)
        notes = {
            "mistakes": f"{gallery.part or len(found)} misread{only}; {self._order}",
            "first-layer": f"first layer {first.part}; {first.note}",
            "left": "confusion",
        }
        # Where rows are few, frames and titles have made room for the pictures.
        self._show_networks(notes[self._view] if self.has_class("-short") else "")

    @on(Tiles.Turned)
    def _name_part(self) -> None:
        """Frames do that, where there are any."""
        if self.has_class("-short"):
            self._show()

    @on(Mistakes.Looked)
    def _show_chosen(self) -> None:
        if self._digits is None or not self._snapshots:
            return
        chosen = self.query_one(Mistakes).chosen
        number = chosen.number if chosen is not None else 0
        image, true = self._digits.image(number), self._digits.labels[number]
        self.query_one(ChosenDigit).show(number, image, true, self._snapshots)
        self.query_one(FirstLayer).show(self._snapshots[self._model], image)

    def _show_networks(self, note: str) -> None:
        """Every network there is, the chosen one marked."""
        text = Text("inspect  " if note else "mnist-tui   inspect  ", "bold")
        for model, snapshot in self._snapshots.items():
            shade = model_shades(model, self.colors[2]).full
            name = f" {look(model).marker} {snapshot.run} epoch {snapshot.epoch} "
            if note and model != self._model:  # make room for the note
                name = f" {look(model).marker} "
            text.append(name, f"bold reverse {shade}" if model == self._model else shade)
        text.append(f"  {note}", "dim")
        self.query_one("#networks", Static).update(text)

    def on_resize(self) -> None:
        """What is in sight depends on the size."""
        self._show_view()
        self._show()

    def _show_view(self) -> None:
        if self._view == "left" and self.has_class("-wide"):
            self._view = VIEWS[0]
        self.refresh_bindings()
        for view in VIEWS:
            self.set_class(view == self._view, f"-{view}")
        wanted = self.query_one(f"#{self._view}")
        if wanted.can_focus:
            wanted.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Misread digits are put in order and filtered while they are in sight."""
        return self._view == "mistakes" if action in ("order", "filter") else True

    def action_model(self) -> None:
        """The next network."""
        if self._snapshots:
            self._model = next_in_turn(list(self._snapshots), self._model)
            self._show()

    def action_view(self) -> None:
        """Another look at it; the confusion map needs no turn where it is in sight anyway."""
        views = VIEWS[:2] if self.has_class("-wide") else VIEWS
        self._view = next_in_turn(views, self._view)
        self._show_view()
        self._show()

    def action_order(self) -> None:
        """Another order of the misread digits."""
        self._order = next_in_turn(ORDERS, self._order)
        self._show()

    def action_filter(self) -> None:
        """Misread digits that other networks read rightly, or wrongly, alone."""
        if self._snapshots:
            self._filter = next_in_turn(filters(self._model, self._snapshots), self._filter)
            self._show()
