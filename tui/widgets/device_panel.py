"""The device and how busy it is."""

from __future__ import annotations

from rich.text import Text
from textual.strip import Strip

from engine.device import Load, sample_load
from tui.bar import bar
from tui.widgets.strip_widget import StripWidget
from tui.wording import gibibytes

INTERVAL = 2.0
"""Seconds between two readings."""


class DevicePanel(StripWidget):
    """Reads the load itself; a few lines where there is room, else one."""

    def __init__(self) -> None:
        super().__init__(id="device-panel", classes="panel")
        self.border_title = "Device"
        self._device = "cpu"
        self._name = ""
        self._threads = 0
        self._load: Load | None = None

    def on_mount(self) -> None:
        """Begin to read."""
        self._load = sample_load(self._device)  # a CPU's first has nothing to compare with
        self.set_interval(INTERVAL, self._read)

    def show_device(self, device: str, name: str) -> None:
        """Which device trains."""
        self._device, self._name = device, name
        self._read()

    def show_threads(self, threads: int) -> None:
        """How many CPU threads train."""
        self._threads = threads
        self._read()

    def _read(self) -> None:
        self._load = sample_load(self._device)
        self.redraw()

    def draw(self) -> list[Strip]:
        """A few lines where there is room, else one."""
        if self._load is None:
            return []
        draw = self._lines if self.size.height > 1 else self._line
        return [self.strip(line) for line in draw(self._load).split()]

    def _line(self, load: Load) -> Text:
        text = Text.assemble((self._device, "bold"), self._threads_note())
        return text.append(f"  load {_percent(load)}  memory {_memory(load)}")

    def _threads_note(self) -> str:
        if not self._threads or self._device != "cpu":
            return ""
        return f", {self._threads} thread{'s' if self._threads > 1 else ''}"

    def _lines(self, load: Load) -> Text:
        width = max(8, self.size.width - 16)
        text = Text.assemble((self._device, "bold"), self._threads_note())
        text.append(f"  {self._name or load.name}\n")
        text.append("load   ").append_text(bar((load.percent or 0) / 100, width))
        text.append(f" {_percent(load):>6}\nmemory ")
        used, total = load.memory_used, load.memory_total
        text.append_text(bar(used / total if used is not None and total else 0, width))
        return text.append(f"\n       {_memory(load)}")


def _percent(load: Load) -> str:
    return "n/a" if load.percent is None else f"{load.percent:.0f} %"


def _memory(load: Load) -> str:
    if load.memory_used is None or load.memory_total is None:
        return "n/a"
    return f"{gibibytes(load.memory_used)} of {gibibytes(load.memory_total)}"
