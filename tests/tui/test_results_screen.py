"""Past experiments in the dashboard: listed as the folder changes, found, opened, compared."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest
import tomli_w
from scripted import ScriptedTrainer, until
from scripted import text as shown
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import DataTable, Label

from engine.events import ExperimentResumed
from engine.experiment import run_experiment
from engine.inspection import load_test_digits
from engine.lock import this_process
from engine.past_experiment import read_record
from engine.reading import load_reader
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui.app import MnistApp
from tui.chart_lines import chart_lines
from tui.palette import LETTERS
from tui.screens.confusion import ConfusionScreen
from tui.screens.overlay import OverlayScreen
from tui.screens.past import PastScreen
from tui.screens.results import ResultsScreen
from tui.screens.watch import WatchScreen
from tui.widgets.answers import Answers
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
    for _ in range(600):
        await pilot.pause(0.05)
        screen = pilot.app.screen
        if isinstance(screen, ResultsScreen):
            table = screen.query_one(DataTable)
            if table.border_title != "reading…":
                return table
    raise AssertionError("the experiments were not read")


def names(table: DataTable[object]) -> list[str]:
    return [str(table.get_row_at(row)[1]) for row in range(table.row_count)]


async def open_newest(pilot: Pilot[int]) -> None:
    """Of the experiments that can be read; the first in the list cannot."""
    await pilot.press("h")
    await complete(pilot)
    await pilot.press("down", "enter")
    await until(pilot, lambda: "finished" in shown(pilot.app))


def made_running(folder: Path) -> Path:
    """The experiment in ``folder``, as if it were under way."""
    summary = folder / "summary.toml"
    text = summary.read_text(encoding="utf-8")
    summary.write_text(text.replace('status = "finished"', 'status = "running"', 1))
    return folder


def words(pilot: Pilot[int]) -> str:
    """What is on the screen, as if no line had an end."""
    return " ".join(shown(pilot.app).split())


async def test_every_experiment_is_listed_and_a_bad_one_hides_no_other(
    make_app: MakeApp, results: Path
) -> None:
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        pilot.app.screen.query_one("#epochs").focus()  # a field is no obstacle
        await pilot.press("h")
        table = await complete(pilot)
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]
        assert [row[1:3] for row in rows] == [
            ["20260104-120000-[bold]bad", "unreadable"],
            ["20260103-120000-mlp", "finished"],
            ["20260102-120000-mlp", "finished"],
            ["20260101-120000-mlp", "finished"],
        ]
        assert rows[1][3].startswith("mlp ")
        note = str(pilot.app.screen.query_one("#note", Label).content)
        assert "schema" in note
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, ResultsScreen), "there is nothing to open"


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
        charts = ["m", "l", "o", "u", "b", "z", "←", "→", "charts"]
        assert shown(pilot.app).splitlines()[-1].split()[-11:] == ["Esc", "Back", *charts]
        assert screen.view.record is not None
        assert screen.view.record.runs == finished.runs
        await pilot.press("p", "e", "k", "a", "x", "plus", "r")
        assert screen.view.record.runs == finished.runs
        assert not screen.has_class("-asking")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ResultsScreen)
        await pilot.press("escape", "q")
    assert pilot.app.return_code in (0, None)


@pytest.mark.parametrize("reaches", [True, False])
async def test_a_key_that_does_not_reach_what_is_watched_is_told_so(
    make_app: MakeApp, results: Path, reaches: bool
) -> None:
    owner = this_process() if reaches else replace(this_process(), host="elsewhere")
    record = read_record(made_running(results / "20260103-120000-mlp"))
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = WatchScreen(record, owner, app.take_log)
        await app.push_screen(screen)
        await until(pilot, lambda: "watching" in shown(app))
        for key in ("p", "k", "plus", "r", "x"):
            app.clear_notifications()
            await pilot.press(key)
            await pilot.pause()
            told = [str(toast.render()) for toast in screen.query("Toast").results(Widget)]
            asks = key == "x" and reaches
            assert any("another process trains this" in toast for toast in told) != asks
            assert screen.has_class("-asking") == asks


async def test_elapsed_is_since_it_was_gone_on_with_last(
    make_app: MakeApp, finished: ExperimentRecord
) -> None:
    """As the process that trained it has counted."""
    assert finished.finished is not None
    resumed = ExperimentResumed(finished.finished - timedelta(seconds=83), "stopped", 1)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = PastScreen(replace(finished, interruptions=[resumed]), app.take_log)
        await app.push_screen(screen)
        await until(pilot, lambda: "elapsed 1:23" in shown(app))


async def test_an_experiment_that_goes_before_it_opens_is_shown_as_it_was_read(
    make_app: MakeApp, results: Path, finished: ExperimentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It goes between two looks at the folder, however slow the machine is.
    monkeypatch.setattr("tui.screens.results.INTERVAL", 5.0)
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        await pilot.press("down")
        shutil.rmtree(results)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PastScreen))
        screen = pilot.app.screen
        assert isinstance(screen, PastScreen)
        assert screen.view.record is not None
        assert screen.view.record.runs == finished.runs
        await pilot.press("escape")
        await until(pilot, lambda: "none yet" in shown(pilot.app))


async def test_one_whose_process_was_killed_is_said_to_be_interrupted(
    make_app: MakeApp, results: Path
) -> None:
    made_running(results / "20260103-120000-mlp")
    async with make_app(results=str(results)).run_test() as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        assert str(table.get_row_at(1)[2]) == "interrupted"


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


async def test_the_list_follows_the_folder_and_the_cursor_its_experiment(
    make_app: MakeApp, results: Path
) -> None:
    async with make_app(results=str(results)).run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        await pilot.press("down", "down")
        assert names(table)[table.cursor_row] == "20260102-120000-mlp"
        await pilot.press("end")
        assert names(table)[table.cursor_row] == "20260101-120000-mlp"
        await pilot.press("home", "down", "down")
        assert names(table)[table.cursor_row] == "20260102-120000-mlp"
        shutil.copytree(results / "20260101-120000-mlp", results / "20260105-120000-mlp")
        await until(pilot, lambda: table.row_count == 5)
        assert names(table)[0] == "20260105-120000-mlp"
        assert names(table)[table.cursor_row] == "20260102-120000-mlp"
        shutil.rmtree(results / "20260105-120000-mlp")
        await until(pilot, lambda: table.row_count == 4)
        summary = results / "20260103-120000-mlp" / "summary.toml"
        text = summary.read_text(encoding="utf-8")
        summary.write_text(text.replace('status = "finished"', 'status = "stopped"', 1))
        await until(pilot, lambda: str(table.get_row_at(1)[2]) == "stopped")


async def test_a_filter_keeps_those_that_have_all_its_words(
    make_app: MakeApp, results: Path
) -> None:
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        await pilot.press("slash", *"0102 MLP")
        assert names(table) == ["20260102-120000-mlp"]
        assert table.border_title == "1 of 4 experiments"
        await pilot.press("down")
        assert pilot.app.focused is table
        await pilot.press("slash", "x")
        assert names(table) == []
        assert "nothing matches" in str(pilot.app.screen.query_one("#note", Label).content)
        await pilot.press("enter", "enter", "c", "space", "e", "r")  # there is nothing to act on
        assert isinstance(pilot.app.screen, ResultsScreen)
        await pilot.press("escape")
        assert len(names(table)) == 4
        assert names(table)[table.cursor_row] == "20260102-120000-mlp", "it was chosen before"
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, ResultsScreen)


async def test_those_ticked_are_laid_over_one_another_in_the_order_of_their_letters(
    make_app: MakeApp, results: Path, finished: ExperimentRecord
) -> None:
    async with make_app(results=str(results)).run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        await pilot.press("space", "down", "down", "space", "up", "up", "space")
        ticks = [str(table.get_row_at(row)[0]).strip() for row in range(table.row_count)]
        assert ticks == ["", "B", "A", ""], "the unreadable one cannot be ticked"
        await pilot.press("c")
        screen = pilot.app.screen
        assert isinstance(screen, OverlayScreen)
        assert screen.record.model_names == ("A mlp", "B mlp")
        assert "B  20260103-120000-mlp" in shown(pilot.app)
        [a, b] = screen.record.models
        assert a.test_accuracy == b.test_accuracy == finished.models[0].test_accuracy
        lines = chart_lines(screen.record, None, "accuracy")
        tests = {line.model: line.points for line in lines if line.kind == "test"}
        assert set(tests) == {"A mlp", "B mlp"}
        assert [point.mean for point in tests["B mlp"]] == pytest.approx(
            [
                fmean(run.epochs[epoch].test_accuracy for run in finished.runs.values())
                for epoch in range(2)
            ]
        )
        await pilot.press("l", "u", "b", "z", "m", "escape", "escape")
        assert isinstance(pilot.app.screen, ResultsScreen)


async def test_no_more_are_ticked_than_can_be_told_apart(make_app: MakeApp, results: Path) -> None:
    for day in range(10, 10 + len(LETTERS)):
        shutil.copytree(results / "20260101-120000-mlp", results / f"202601{day}-120000-mlp")
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        table = await complete(pilot)
        await pilot.press(*["space"] * (len(LETTERS) + 2))
        ticks = [str(table.get_row_at(row)[0]).strip() for row in range(table.row_count)]
        assert "".join(ticks) == LETTERS


async def test_an_experiment_is_trained_again_once_that_is_confirmed(
    make_app: MakeApp, trainer: ScriptedTrainer, results: Path, finished: ExperimentRecord
) -> None:
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        await pilot.press("r", "down", "r")
        assert "Train mlp again, 2 × 2 epochs?" in shown(pilot.app)
        await pilot.press("escape")
        assert trainer.started == []
        await pilot.press("r", "y")
        await pilot.pause()
        assert trainer.started == [replace(finished.settings, results=str(results))]


async def test_what_is_exported_is_named_and_replaces_nothing(
    make_app: MakeApp, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with make_app(results=str(results)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        await pilot.press("down", "space", "space")
        note = pilot.app.screen.query_one("#note", Label)
        for name in ("20260103-120000-mlp", "20260103-120000-mlp-2"):
            await pilot.press("e")
            assert "Export 2 as" in shown(pilot.app)
            assert "Esc No" in shown(pilot.app)
            await pilot.press("c")
            path = tmp_path / f"{name}.csv"
            words = f"saved 2 in {tmp_path}: {path.name}"
            await until(pilot, lambda words=words: words in str(note.content))  # type: ignore[misc]
            assert path.read_text().count("\n") == 1 + 2 * 2, "a head, and two runs of two epochs"
        assert (tmp_path / "20260102-120000-mlp.csv").is_file(), "the other one that is ticked"
        await pilot.press("e", "escape")
    assert len(list(tmp_path.glob("*.csv"))) == 4


async def test_what_a_past_experiment_confuses_can_be_seen(
    make_app: MakeApp, results: Path, finished: ExperimentRecord
) -> None:
    async with make_app(results=str(results)).run_test(size=(120, 40)) as pilot:
        await open_newest(pilot)
        await pilot.press("i")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, ConfusionScreen)
        first, second = [run.finished for run in finished.runs.values()]
        assert first is not None
        assert second is not None
        both = shown(pilot.app)
        assert "all 2 runs" in both
        images = [sum(row) for row in first.confusion]
        assert all(f" {digit}{2 * n:>8}" in both for digit, n in enumerate(images))
        await pilot.press("right")
        one = shown(pilot.app)
        assert "mlp-r1" in one
        assert all(f" {digit}{n:>8}" in one for digit, n in enumerate(images))
        await pilot.press("m", "v", "left", "escape")
        assert isinstance(pilot.app.screen, WatchScreen)


async def test_the_networks_of_a_past_experiment_answer_what_is_drawn(
    make_app: MakeApp, results: Path, finished: ExperimentRecord
) -> None:
    best = max(finished.runs.values(), key=lambda run: run.epochs[-1].test_accuracy)
    image = load_test_digits(finished.settings).image(7)
    _, reader = load_reader(finished.folder / f"{best.id}.pt")
    newest = results / "20260103-120000-mlp"
    async with make_app(results=str(results)).run_test(size=(120, 40)) as pilot:
        await open_newest(pilot)
        await pilot.press("d")
        await until(pilot, lambda: f"Answers; as saved: {best.id}" in shown(pilot.app))
        await pilot.press("l", "7", "enter")
        answers = pilot.app.screen.query_one(Answers)
        await until(pilot, lambda: bool(answers._answers))
        assert answers._answers["mlp"] == reader(image)
        await pilot.press("escape")
        (newest / f"{best.id}.pt").write_bytes(b"damaged")
        await pilot.press("d", "space", "down")
        answers = pilot.app.screen.query_one(Answers)
        await until(pilot, lambda: "damaged or holds no weights" in words(pilot))
        assert not answers._answers
        assert "Draw a digit" not in shown(pilot.app)
        await pilot.press("l", "7", "enter")
        await until(pilot, lambda: "test digit 7" in shown(pilot.app))
        await pilot.pause(0.3)
        assert "test digit 7" in shown(pilot.app), "what is broken is told once"


async def test_an_experiment_that_saved_no_network_says_so_where_one_draws(
    make_app: MakeApp, finished: ExperimentRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "20260101-120000-mlp"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("*.pt"))
    async with make_app(results=str(tmp_path)).run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        await complete(pilot)
        await pilot.press("enter", "d")
        await until(pilot, lambda: "None of its networks is saved" in shown(pilot.app))


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
        assert names(table)[0] == "20260101-000199-mlp"
        assert table.border_title == "200 experiments"
