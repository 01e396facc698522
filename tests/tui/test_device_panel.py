"""The device's load on the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from scripted import ScriptedTrainer
from textual.pilot import Pilot

from engine.load import Load
from tui.app import MnistApp
from tui.bar import sparkline
from tui.widgets import device_panel
from tui.widgets.device_panel import DevicePanel

MakeApp = Callable[..., MnistApp]
GPU = Load("NVIDIA H100", 97.0, 3 * 2**30, 80 * 2**30, 61.0, 310.5)


async def panel_rows(
    pilot: Pilot[int], trainer: ScriptedTrainer, **environment: str | int
) -> list[str]:
    """The panel's rows, a few readings after Start."""
    await pilot.press("s")
    trainer.begin(**environment)
    await pilot.pause(0.5)
    panel = pilot.app.screen.query_one(DevicePanel)
    return [panel.render_line(y).text for y in range(panel.size.height)]


def test_sparkline_has_the_newest_at_the_right_and_blanks_for_the_unknown() -> None:
    assert sparkline([0.0, 50.0, None, 100.0], 100.0, 6).plain == "  ▁▅ █"
    assert sparkline([0.0, 100.0, 100.0], 100.0, 2).plain == "██"
    assert sparkline([-5.0, 900.0], 100.0, 2).plain == "▁█"


@pytest.mark.parametrize(
    ("load", "size", "words"),
    [
        (GPU, (120, 40), ["97 %", "3.0/80.0 GiB", "61 °C 310 W", "█"]),
        (GPU, (80, 24), ["load 97 %", "memory 3.0/80.0 GiB", "61 °C 310 W"]),
        (Load("GPU", None, None, None, None, 70.0), (120, 40), ["n/a", "n/a 70 W"]),
        (Load("CPU", 12.0, 2**30, 2**31), (120, 40), ["12 %", "1.0/2.0 GiB"]),
    ],
)
async def test_panel_says_what_the_driver_says(
    make_app: MakeApp,
    trainer: ScriptedTrainer,
    monkeypatch: pytest.MonkeyPatch,
    load: Load,
    size: tuple[int, int],
    words: list[str],
) -> None:
    monkeypatch.setattr(device_panel, "sample_loads", lambda device: {"cuda:0": load})
    monkeypatch.setattr(device_panel, "INTERVAL", 0.05)
    async with make_app().run_test(size=size) as pilot:
        text = "\n".join(await panel_rows(pilot, trainer))
        for word in words:
            assert word in text, text


@pytest.mark.parametrize(
    ("size", "gpus", "rows"),
    [
        ((120, 40), 4, 4),
        ((120, 40), 8, 4),
        ((160, 45), 8, 8),
        ((160, 45), 16, 10),
        ((80, 24), 8, 1),
    ],
)
async def test_every_gpu_of_the_machine_has_a_row_or_is_counted(
    make_app: MakeApp,
    trainer: ScriptedTrainer,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    gpus: int,
    rows: int,
) -> None:
    loads = {f"cuda:{index}": replace(GPU, percent=10.0 * index) for index in range(gpus)}
    loads = {"cuda:2": loads.pop("cuda:2"), **loads}
    monkeypatch.setattr(device_panel, "sample_loads", lambda device: loads)
    monkeypatch.setattr(device_panel, "INTERVAL", 0.05)
    async with make_app().run_test(size=size) as pilot:
        lines = await panel_rows(pilot, trainer)
        assert len(lines) == rows
        if rows == 1:
            assert "load 20 %" in lines[0]
            return
        assert lines[0].startswith("▶ cuda:2 ")
        assert "20 %" in lines[0]
        assert "3.0/80.0 GiB" in lines[0]
        assert "61 °C" in lines[0] or size[0] < 160
        shown = gpus if gpus <= rows else rows - 1
        assert sum("cuda:" in line for line in lines) == shown
        assert (f"and {gpus - shown} more" in lines[-1]) == (shown < gpus)


@pytest.mark.parametrize(("size", "marked"), [((120, 40), 2), ((80, 24), 0)])
async def test_each_of_several_devices_is_told(
    make_app: MakeApp,
    trainer: ScriptedTrainer,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    marked: int,
) -> None:
    gpus = {f"cuda:{index}": replace(GPU, percent=90.0 + index) for index in range(4)}

    def sample(device: str) -> dict[str, Load]:
        own = {device: gpus[device]} if device in gpus else {}
        return own | gpus

    monkeypatch.setattr(device_panel, "sample_loads", sample)
    monkeypatch.setattr(device_panel, "INTERVAL", 0.05)
    async with make_app().run_test(size=size) as pilot:
        lines = await panel_rows(pilot, trainer, device="cuda:1, cuda:3", workers=2)
    assert sum("▶" in line for line in lines) == marked
    if marked:
        assert [line.split()[1] for line in lines[:2]] == ["cuda:1", "cuda:3"]
    assert "91 %" in lines[0]
    assert "93 %" in lines[0 if size == (80, 24) else 1]


async def test_a_line_says_how_many_devices_it_has_no_room_for(
    make_app: MakeApp, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"cuda:{index}" for index in range(8)]
    monkeypatch.setattr(device_panel, "sample_loads", lambda device: dict.fromkeys(names, GPU))
    monkeypatch.setattr(device_panel, "INTERVAL", 0.05)
    async with make_app().run_test(size=(80, 24)) as pilot:
        (line,) = await panel_rows(pilot, trainer, device=", ".join(names), workers=8)
    assert f"and {8 - line.count('cuda:')} more" in line


async def test_a_cluster_is_not_taken_for_this_machine(
    make_app: MakeApp, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = {"cuda:0": GPU, "cuda:1": GPU}
    monkeypatch.setattr(device_panel, "sample_loads", lambda device: loads)
    monkeypatch.setattr(device_panel, "INTERVAL", 0.05)
    async with make_app().run_test(size=(120, 40)) as pilot:
        lines = await panel_rows(pilot, trainer, device="cuda", ray="2.0", nodes=3)
        assert "machine" in str(pilot.app.screen.query_one(DevicePanel).border_title)
    assert not any("▶" in line for line in lines)
