"""Past experiments in the dashboard: all of them are listed, and each opens."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
from scripted import text as shown
from textual.pilot import Pilot
from textual.widgets import DataTable, Label

from engine.experiment import run_experiment
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.app import MnistApp
from tui.screens.history import HistoryScreen
from tui.screens.watch import WatchScreen
from tui.widgets.status_line import StatusLine
from tui.widgets.summary_panel import SummaryPanel

MakeApp = Callable[..., MnistApp]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ExperimentRecord:
    """A small experiment that has ended."""
    settings = Settings(
        models=("mlp",), epochs=2, repeats=2, train_limit=300, test_limit=100, device="cpu"
    )
    return run_experiment(replace(settings, results=str(tmp_path_factory.mktemp("past"))))


@pytest.fixture
def results(finished: ExperimentRecord, tmp_path: Path) -> Iterator[Path]:
    """Three like it, and one that cannot be read."""
    folder = tmp_path / "results"
    for day in (1, 2, 3):
        shutil.copytree(finished.folder, folder / f"2026010{day}-120000-mlp")
    bad = folder / "20260104-120000-[bold]bad"
    bad.mkdir()
    (bad / "summary.toml").write_text('schema = "one"')
    yield folder


async def complete(pilot: Pilot[int]) -> DataTable[object]:
    """Wait until all is read."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(pilot.app.screen, HistoryScreen)
    return pilot.app.screen.query_one(DataTable)


async def test_every_experiment_is_listed_and_a_bad_one_hides_no_other(
    make_app: MakeApp, results: Path
) -> None:
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        pilot.app.screen.query_one("#epochs").focus()  # a field is no obstacle
        await pilot.press("h")
        table = await complete(pilot)
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]
        assert [row[:2] for row in rows] == [
            ["20260104-120000-[bold]bad", "unreadable"],
            ["20260103-120000-mlp", "finished"],
            ["20260102-120000-mlp", "finished"],
            ["20260101-120000-mlp", "finished"],
        ]
        assert rows[1][2] == "2"
        assert rows[1][3].startswith("mlp ")
        note = str(pilot.app.screen.query_one("#note", Label).content)
        assert "schema" in note
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, HistoryScreen), "there is nothing to open"


async def test_a_past_experiment_opens_and_esc_leads_back(
    make_app: MakeApp, results: Path, finished: ExperimentRecord
) -> None:
    async with make_app(results=str(results)).run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        await pilot.press("down", "enter")
        await pilot.pause(1.0)
        screen = pilot.app.screen
        assert isinstance(screen, WatchScreen)
        assert "finished" in str(screen.query_one(StatusLine).content)
        assert screen.query_one(SummaryPanel).display
        assert screen.view.record is not None
        assert screen.view.record.runs == finished.runs
        await pilot.press("p", "e", "k", "a", "x", "plus", "r")
        assert screen.view.record.runs == finished.runs
        assert not screen.has_class("-asking")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HistoryScreen)
        await pilot.press("escape", "q")
    assert pilot.app.return_code in (0, None)


async def test_an_experiment_that_goes_before_it_opens_is_refused(
    make_app: MakeApp, results: Path
) -> None:
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        shutil.rmtree(results)
        await pilot.press("down", "enter")
        await pilot.pause(1.5)
        assert isinstance(pilot.app.screen, HistoryScreen)
        await pilot.press("escape")
        assert "cannot be read" in str(pilot.app.screen.query_one("#message", Label).content)


async def test_one_whose_process_was_killed_is_said_to_be_interrupted(
    make_app: MakeApp, results: Path
) -> None:
    summary = results / "20260103-120000-mlp" / "summary.toml"
    text = summary.read_text(encoding="utf-8")
    summary.write_text(text.replace('status = "finished"', 'status = "running"', 1))
    async with make_app(results=str(results)).run_test() as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        assert str(table.get_row_at(1)[1]) == "interrupted"


@pytest.mark.parametrize("name", ["x" * 300, "r\x1b]0;owned\x07\u202ex"])
async def test_an_odd_results_folder_breaks_nothing(
    make_app: MakeApp, tmp_path: Path, name: str
) -> None:
    async with make_app(results=str(tmp_path / name)).run_test() as pilot:
        await pilot.press("h")
        await complete(pilot)
        assert "\x1b" not in shown(pilot.app)
        assert "\u202e" not in shown(pilot.app)


async def test_no_results_folder_is_an_empty_list(make_app: MakeApp, tmp_path: Path) -> None:
    async with make_app(results=str(tmp_path / "none")).run_test() as pilot:
        await pilot.press("h")
        assert (await complete(pilot)).row_count == 0
        assert "none yet" in str(pilot.app.screen.query_one("#note", Label).content)


@pytest.mark.slow
async def test_two_hundred_experiments_of_a_hundred_epochs_are_listed_completely(
    make_app: MakeApp, finished: ExperimentRecord, tmp_path: Path
) -> None:
    summary = tomllib.loads(finished.summary.read_text(encoding="utf-8"))
    for run in summary["runs"]:
        run["epochs"] = [{**run["epochs"][0], "epoch": epoch} for epoch in range(1, 51)]
    text = tomli_w.dumps(summary)
    for number in range(200):
        folder = tmp_path / f"20260101-{number:06}-mlp"
        folder.mkdir()
        (folder / "summary.toml").write_text(text, encoding="utf-8")
    async with make_app(results=str(tmp_path)).run_test() as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        assert table.row_count == 200
        assert str(table.get_row_at(0)[0]) == "20260101-000199-mlp"
        assert table.border_title == "200 experiments"
