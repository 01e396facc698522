"""The devices that train and how busy they are, and the machine's other GPUs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip

from engine.load import Load, sample_loads
from tui.bar import bar, sparkline
from tui.widgets.strip_widget import StripWidget
from tui.wording import counted, gibibytes

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
        self._devices = ["cpu"]
        """That train, as torch calls them."""
        self._name = ""
        self._workers = ""
        """How many there are, where it is not this process that trains."""
        self._cluster = False
        """Whether they are, or may be, on other machines."""
        self._threads = 0
        self._loads: dict[str, Load] = {}
        """Those that train come first."""
        self._minutes: dict[str, deque[float | None]] = {}
        """How busy each was at the last readings, in percent."""

    def on_mount(self) -> None:
        """Begin to read."""
        self._loads = loads_of(self._devices)  # a CPU's first has nothing to compare with
        self.set_interval(INTERVAL, self._read)

    def show_environment(self, environment: Mapping[str, str | int]) -> None:
        """What the experiment trains on."""
        self._devices = str(environment["device"]).split(", ")
        self._name = str(environment["device_name"])
        self._cluster = "ray" in environment
        if self._cluster:  # of whose other machines no load is known here
            self.border_title = "This machine"
            nodes = environment.get("nodes", 1)
            self._workers = f"a cluster of {counted(nodes, 'node')}"
        elif "workers" in environment:
            count = environment["workers"]
            self._workers = counted(count, "worker")
        self.redraw()

    def show_threads(self, threads: int) -> None:
        """How many CPU threads train now; 0 says nothing new."""
        if threads not in (0, self._threads):
            self._threads = threads
            self.redraw()

    async def _read(self) -> None:
        # On a thread: a GPU's driver may take its time, above all when it is first asked.
        before = len(self._loads)
        self._loads = await asyncio.to_thread(loads_of, self._devices)
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
            lines = [self._line()]
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
        own = name in self._own() and not self._cluster
        words = f" {_percent(load):>5}  {_memory(load):>14}"
        sensors = f"  {_sensors(load):>12}"
        width = self.size.width - len(name) - 3
        if width - len(words + sensors) >= 6:
            words += sensors
        recent = sparkline(self._minutes.get(name, ()), 100.0, min(READINGS, width - len(words)))
        mark = "▶ " if own else "  "
        return Text.assemble((f"{mark}{name} ", "bold" if own else ""), recent, words)

    def _own(self) -> list[str]:
        """Those of the loads that are of devices that train."""
        return list(self._loads)[: len(self._devices)]

    def _line(self) -> Text:
        name, *others = self._own()
        load = self._loads[name]
        if others:
            return self._several([name, *others])
        text = Text.assemble((", ".join(self._devices), "bold"), self._note())
        text.append(f"  load {_percent(load)}  memory {_memory(load)}")
        return text.append(f"  {_sensors(load)}" if _sensors(load) else "")

    def _several(self, names: list[str]) -> Text:
        """As many as fit, and how many others there are."""
        text = Text()
        for index, name in enumerate(names):
            more = f"  and {len(names) - index} more"
            load = self._loads[name]
            part = Text.assemble((name, "bold"), f" {_percent(load)} {_memory(load)}")
            part = Text("  " if index else "").append_text(part)
            last = index == len(names) - 1
            if text.cell_len + part.cell_len + (0 if last else len(more)) > self.size.width:
                return text.append(more, "dim")
            text.append_text(part)
        return text

    def _note(self) -> str:
        """Who shares it out, and among how many threads."""
        threads = ""
        if self._threads and self._devices == ["cpu"]:
            threads = counted(self._threads, "thread")
        return "".join(f", {words}" for words in (self._workers, threads) if words)

    def _lines(self, name: str, load: Load) -> list[Text]:
        width = max(8, self.size.width - 22)
        used, total = load.memory_used, load.memory_total
        return [
            Text.assemble(
                (", ".join(self._devices), "bold"), self._note(), f"  {self._name or load.name}"
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


def loads_of(devices: Sequence[str]) -> dict[str, Load]:
    """How busy devices are, and after them the other GPUs."""
    loads: dict[str, Load] = {}
    for device in {device.partition(":")[0]: device for device in reversed(devices)}.values():
        loads |= sample_loads(device)  # of one GPU it says all
    own = [device for device in devices if device in loads]
    return {name: loads[name] for name in [*own, *(name for name in loads if name not in own)]}


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
