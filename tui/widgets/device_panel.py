"""The device that trains and how busy it is, and the machine's other GPUs."""

from __future__ import annotations

import asyncio
from collections import deque

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip

from engine.load import Load, sample_loads
from tui.bar import bar, sparkline
from tui.widgets.strip_widget import StripWidget
from tui.wording import gibibytes

LINES = 4
"""That a single device takes."""
INTERVAL = 2.0
"""Seconds between two readings."""
READINGS = 30
"""Of the last minute."""


class DevicePanel(StripWidget):
    """Reads the load itself; a few lines where there is room, else one."""

    def __init__(self) -> None:
        super().__init__(id="device-panel", classes="panel")
        self.border_title = "Device"
        self._device = "cpu"
        self._name = ""
        self._threads = 0
        self._loads: dict[str, Load] = {}
        """The device that trains comes first."""
        self._minutes: dict[str, deque[float | None]] = {}
        """How busy each was at the last readings, in percent."""

    def on_mount(self) -> None:
        """Begin to read."""
        self._loads = sample_loads(self._device)  # a CPU's first has nothing to compare with
        self.set_interval(INTERVAL, self._read)

    def show_device(self, device: str, name: str) -> None:
        """Which device trains."""
        self._device, self._name = device, name
        self.redraw()

    def show_threads(self, threads: int) -> None:
        """How many CPU threads train."""
        self._threads = threads
        self.redraw()

    async def _read(self) -> None:
        # On a thread: a GPU's driver may take its time, above all when it is first asked.
        before = len(self._loads)
        self._loads = await asyncio.to_thread(sample_loads, self._device)
        if len(self._loads) != before:
            self.refresh(layout=True)
        for name, load in self._loads.items():
            self._minutes.setdefault(name, deque(maxlen=READINGS)).append(load.percent)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for every device, or the lines of one, where the layout leaves it to the panel."""
        return max(LINES, len(self._loads))

    def draw(self) -> list[Strip]:
        """A few lines where there is room, else one."""
        if not self._loads:
            return []
        (name, load), *others = self._loads.items()
        if self.size.height == 1:
            lines = [self._line(load)]
        elif not others:
            lines = self._lines(name, load)
        else:
            lines = self._rows()
        return [self.strip(line) for line in lines]

    def _rows(self) -> list[Text]:
        """A line for each of several devices; how many there is no room for is said in the last."""
        room = self.size.height
        rows = [self._row(name, load) for name, load in self._loads.items()]
        if len(rows) > room:
            rows[room - 1 :] = [Text(f"and {len(rows) - room + 1} more", "dim")]
        return rows

    def _row(self, name: str, load: Load) -> Text:
        own = name == next(iter(self._loads))
        words = f" {_percent(load):>5}  {_memory(load):>14}"
        sensors = f"  {_sensors(load):>12}"
        width = self.size.width - len(name) - 3
        if width - len(words + sensors) >= 6:
            words += sensors
        recent = sparkline(self._minutes.get(name, ()), 100.0, min(READINGS, width - len(words)))
        mark = "▶ " if own else "  "
        return Text.assemble((f"{mark}{name} ", "bold" if own else ""), recent, words)

    def _line(self, load: Load) -> Text:
        text = Text.assemble((self._device, "bold"), self._threads_note())
        text.append(f"  load {_percent(load)}  memory {_memory(load)}")
        return text.append(f"  {_sensors(load)}" if _sensors(load) else "")

    def _threads_note(self) -> str:
        if not self._threads or self._device != "cpu":
            return ""
        return f", {self._threads} thread{'s' if self._threads > 1 else ''}"

    def _lines(self, name: str, load: Load) -> list[Text]:
        width = max(8, self.size.width - 22)
        used, total = load.memory_used, load.memory_total
        return [
            Text.assemble(
                (self._device, "bold"), self._threads_note(), f"  {self._name or load.name}"
            ),
            Text.assemble(
                "load   ", bar((load.percent or 0) / 100, width), f" {_percent(load):>14}"
            ),
            Text.assemble(
                "memory ",
                bar(used / total if used is not None and total else 0, width),
                f" {_memory(load):>14}",
            ),
            Text.assemble(
                "recent ",
                sparkline(self._minutes.get(name, ()), 100.0, min(width, READINGS)),
                f" {_sensors(load):>14}",
            ),
        ]


def _percent(load: Load) -> str:
    return "n/a" if load.percent is None else f"{load.percent:.0f} %"


def _memory(load: Load) -> str:
    if load.memory_used is None or load.memory_total is None:
        return "n/a"
    return f"{load.memory_used / 2**30:.1f}/{gibibytes(load.memory_total)}"


def _sensors(load: Load) -> str:
    """Temperature and power, of a device that has them."""
    if load.temperature is None and load.power is None:
        return ""
    warmth = "n/a" if load.temperature is None else f"{load.temperature:.0f} °C"
    return f"{warmth} {'n/a' if load.power is None else f'{load.power:.0f} W'}"
