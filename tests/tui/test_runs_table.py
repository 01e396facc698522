"""The table of runs: what is in sight, and how little of it is painted again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.console import Console
from rich.text import Text
from scripted import ScriptedTrainer, turn_wheel
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from engine.events import RunId
from tui.app import MnistApp
from tui.screens.training import TrainingScreen
from tui.widgets.run_row import NARROW, _end_of, _of_all, columns_for
from tui.widgets.runs_table import RunsTable
from tui.widgets.strip_widget import GAP, changed_cells

MakeApp = Callable[..., MnistApp]


async def begin(pilot: Pilot[int], trainer: ScriptedTrainer) -> RunsTable:
    await pilot.press("s")
    trainer.begin()
    await pilot.pause(0.4)
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen.query_one(RunsTable)


def lines(table: RunsTable) -> list[str]:
    """The table as it is on the screen, without its column names."""
    return [table.render_line(y).text for y in range(1, table.size.height)]


def repeats(table: RunsTable) -> list[int]:
    """Of the rows in sight."""
    return [int(line.split()[2]) for line in lines(table) if line.strip()]


async def test_a_step_paints_the_changed_cells_of_its_row_and_no_others(
    make_app: MakeApp, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(models=("mlp",), repeats=3).run_test(size=(120, 40)) as pilot:
        table = await begin(pilot, trainer)
        trainer.train(RunId("mlp", 1), epochs=1)
        trainer.progress(RunId("mlp", 1), epoch=2, step=40)
        await pilot.pause(0.4)
        painted: list[Region] = []
        monkeypatch.setattr(table, "refresh", lambda *regions, **_: painted.extend(regions))
        trainer.progress(RunId("mlp", 1), epoch=2, step=41, loss=0.1)
        await pilot.pause(0.15)
        assert painted
        assert {region.height for region in painted} == {1}
        cells = sum(region.width for region in painted if region.y == 1)
        assert 0 < cells < table.size.width // 2
        rows = {region.y for region in painted}
        painted.clear()
        table.show(table._view)
        assert not [region for region in painted if region.y not in rows]


async def test_keys_and_wheel_bring_other_runs_into_sight(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=20).run_test(size=(80, 24)) as pilot:
        table = await begin(pilot, trainer)
        room = table.size.height - 1
        assert repeats(table) == list(range(1, room + 1))
        await pilot.press("end")
        assert repeats(table)[-1] == 20
        await pilot.press("home", "pagedown", "pagedown")
        assert 1 < repeats(table)[0] < repeats(table)[-1] < 20
        await pilot.press("home", *["down"] * room)
        assert repeats(table) == list(range(2, room + 2))
        await pilot.press(*["up"] * room)
        assert repeats(table)[0] == 1
        await pilot.press("end", "pageup", "pageup")
        assert 1 < repeats(table)[0] < repeats(table)[-1] < 20
        await pilot.press("home")
        await turn_wheel(pilot, table, room)
        assert repeats(table) == list(range(2, room + 2))
        await turn_wheel(pilot, table, -room)
        assert repeats(table)[0] == 1
        await pilot.click(table, offset=(5, 3))
        assert table._cursor == 2
        assert {line[-1] for line in lines(table)} == {"┃", "│"}


async def test_the_run_under_way_comes_into_sight(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=20).run_test(size=(80, 24)) as pilot:
        table = await begin(pilot, trainer)
        for repeat in range(1, 15):
            trainer.train(RunId("mlp", repeat), epochs=4)
            trainer.finish_run(RunId("mlp", repeat))
        trainer.train(RunId("mlp", 15), epochs=1)
        await pilot.pause(0.4)
        assert 15 in repeats(table)


@pytest.mark.parametrize("width", [79, 80, 100, 120, 160])
def test_every_column_holds_what_it_may_have_to_say(width: int) -> None:
    longest = {
        "model": "■ mobilenetv2",
        "run": "200",
        "state": "✓ finished",
        "epoch": "20/20",
        "train loss": "12.3456" if width >= 100 else "0.1234",
        "test acc": "100.00 %",
        "images/s": "999,999",
        "img/s": "999,999",
        "ETA": "2:03:09" if width >= 100 else "59:59",
    }
    columns = columns_for(width - 2)
    assert sum(columns.values()) < width
    for name, text in longest.items():
        assert columns.get(name, 99) > len(text), name


@pytest.mark.parametrize("width", [79, 100, 160])
@pytest.mark.parametrize("place", ["worker 2", "cuda:7", "192.0.2.117 cuda:0"])
def test_a_worker_is_named_beyond_doubt_and_no_other_column_suffers(width: int, place: str) -> None:
    usual, columns = columns_for(width), columns_for(width, len(place))
    shown = _end_of(place, columns["state"] - 1 - len("▶ "))
    assert place.endswith(shown.removeprefix("…"))
    assert len(shown) >= len("cuda:0")
    assert sum(columns.values()) <= width
    others = columns.keys() - {"state", "progress"}
    assert {name: columns[name] for name in others} == {name: usual[name] for name in others}


def strip(markup: str) -> Strip:
    return Strip(Text.from_markup(markup, end="").render(Console()))


def test_changed_cells_are_found_by_character_and_by_style() -> None:
    assert changed_cells(strip("abc"), strip("abc")) == []
    assert changed_cells(strip("abc"), strip("aXc")) == [(1, 2)]
    assert changed_cells(strip("ab[dim]c[/]"), strip("ab[bold]c[/]")) == [(2, 3)]


def test_line_with_wide_characters_is_painted_whole() -> None:
    assert changed_cells(strip("数据.."), strip("数字..")) == [(0, 6)]
    assert changed_cells(strip("ab...."), strip("数字..")) == [(0, 6)]


def test_far_changes_are_painted_apart_and_near_ones_together() -> None:
    blank = "." * 30
    near = "X" + "." * (GAP - 1) + "X" + "." * (29 - GAP)
    far = "X" + "." * GAP + "X" + "." * (28 - GAP)
    assert changed_cells(strip(blank), strip(near)) == [(0, GAP + 1)]
    assert changed_cells(strip(blank), strip(far)) == [(0, 1), (GAP + 1, GAP + 2)]


async def test_style_of_a_whole_text_is_on_its_strip(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test():
        widget = RunsTable()
        await app.screen.mount(widget)
        (segment,) = widget.strip(Text("word", "bold"))
        assert segment.style is not None
        assert segment.style.bold


@pytest.mark.parametrize(
    ("epochs", "shown"), [(10, "7/10"), (999, "7/999"), (1000, "7"), (10_000, "7")]
)
def test_a_total_that_does_not_fit_is_left_out_rather_than_cut(epochs: int, shown: str) -> None:
    assert _of_all(7, epochs, NARROW["epoch"] - 1) == shown
