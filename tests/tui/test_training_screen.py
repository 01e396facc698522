"""While it trains: what is shown, and what every key does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import cycle, pairwise
from pathlib import Path
from typing import cast

import pytest
from scripted import NOW, ScriptedTrainer, text
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from engine.control import SkipRequested, StopRequested
from engine.events import ExperimentResumed, RunFailed, RunId, RunStarted
from tui.app import MnistApp
from tui.bridge import Refused
from tui.chart_lines import MEASURES
from tui.large_digits import large_digits
from tui.screens.help import HelpScreen
from tui.screens.setup import SetupScreen
from tui.screens.training import TrainingScreen
from tui.widgets.chart import Chart
from tui.widgets.charts import Charts
from tui.widgets.device_panel import DevicePanel
from tui.widgets.log_pane import LogPane
from tui.widgets.model_card import ModelCard
from tui.widgets.question_strip import QuestionStrip
from tui.widgets.run_row import columns_for, row_words
from tui.widgets.runs_table import RunsTable
from tui.widgets.status_line import StatusLine
from tui.widgets.summary_panel import SummaryPanel

MakeApp = Callable[..., MnistApp]
MLP, CNN = RunId("mlp", 1), RunId("cnn", 1)


async def start(pilot: Pilot[int], trainer: ScriptedTrainer) -> TrainingScreen:
    """Press Start and let the experiment begin."""
    await pilot.press("s")
    trainer.begin()
    await shown(pilot)
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


async def shown(pilot: Pilot[int]) -> None:
    """Wait until what was emitted is on the screen."""
    await pilot.pause(0.4)


def row(screen: TrainingScreen, run: RunId) -> dict[str, str]:
    assert screen.view.record is not None
    columns = columns_for(screen.query_one(RunsTable).size.width)
    words = row_words(screen.view.record.runs[run], screen.view, screen.view.eta(), columns)
    return {name: text.strip() for name, text in words.items()}


def status(screen: TrainingScreen) -> str:
    return str(screen.query_one(StatusLine).content)


def log_text(screen: TrainingScreen) -> str:
    return "\n".join(line.text for line in screen.query_one(LogPane).lines)


async def test_a_row_per_run_follows_its_progress(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp", "cnn")).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        assert screen.query_one(RunsTable).row_count == 4
        assert row(screen, MLP)["state"] == "· queued"
        trainer.train(MLP, epochs=1)
        trainer.progress(MLP, epoch=2, step=40)
        await shown(pilot)
        cells = row(screen, MLP)
        assert cells["state"] == "▶ running"
        assert cells["epoch"] == "2/4"
        assert cells["train loss"] == "0.2500"
        assert cells["train acc"] == "90.00 %"
        assert cells["test acc"] == "98.00 %"
        assert cells["images/s"] == "12,000"  # of 60,000 images, 40 of 100 steps in 2 s
        # 2.64 of 4 epochs are left, at 5 s of training and 0.5 s of evaluation each.
        assert cells["ETA"] in ("14 s", "15 s")
        # The queued second repeat comes after the rest of the first: 4 more epochs of 5.5 s.
        assert row(screen, RunId("mlp", 2))["ETA"] in ("36 s", "37 s")
        assert row(screen, CNN)["ETA"] == "–"
        assert "left >" in status(screen)


async def test_charts_have_points_within_the_epoch_and_after_it(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.progress(MLP, epoch=1, step=30)
        trainer.progress(MLP, epoch=1, step=60)
        await shown(pilot)
        for measure in ("loss", "accuracy"):
            (train,) = screen.query_one(f"#chart-{measure}", Chart)._lines
            assert train.kind == "train"
            assert [point.x for point in train.points] == pytest.approx([0.15, 0.45])  # middles
        trainer.train(MLP, epochs=1)
        await shown(pilot)
        kinds = {line.kind for line in screen.query_one("#chart-loss", Chart)._lines}
        assert kinds == {"train", "test"}


async def test_the_card_shows_the_newest_accuracy_then_the_mean(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=4, accuracy=0.98)
        await shown(pilot)
        assert screen.query_one(ModelCard).headline.accuracy == 0.98
        trainer.finish_run(MLP, 0.98)
        trainer.train(RunId("mlp", 2), epochs=4, accuracy=0.97)
        trainer.finish_run(RunId("mlp", 2), 0.97)
        await shown(pilot)
        assert screen.query_one(ModelCard).headline.accuracy == pytest.approx(0.975)
        assert screen.query_one(ModelCard).headline.meaning == "mean of 2 runs"


async def test_a_run_that_is_added_at_the_end_does_not_hide_the_mean_of_the_others(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=3).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        for repeat, accuracy in ((1, 0.98), (2, 0.97)):
            trainer.train(RunId("mlp", repeat), 4, accuracy)
            trainer.finish_run(RunId("mlp", repeat), accuracy)
        await shown(pilot)
        assert screen.query_one(ModelCard).headline.meaning == "mean of 2 runs"
        trainer.end("stopped")
        await shown(pilot)
        assert screen.query_one(ModelCard).headline.meaning == "mean of 2 runs"


async def test_what_is_told_of_an_earlier_sitting_has_no_times(
    make_app: MakeApp, trainer: ScriptedTrainer, tmp_path: Path
) -> None:
    app = make_app(models=("mlp",))
    async with app.run_test(size=(120, 40)) as pilot:
        app._train(app._settings, tmp_path)
        await pilot.pause()
        trainer.begin()
        trainer.train(MLP, 4)
        trainer.finish_run(MLP)
        trainer.bridge.emit(ExperimentResumed(NOW, "stopped", 4))
        trainer.train(RunId("mlp", 2), 4)
        trainer.finish_run(RunId("mlp", 2))
        await shown(pilot)
        assert isinstance(app.screen, TrainingScreen)
        lines = log_text(app.screen).splitlines()
        timed = {line.split(" finished")[0]: line[0].isdigit() for line in lines if "mlp-r" in line}
        assert [timed[name] for name in sorted(timed)] == [True, False], timed


async def test_runs_side_by_side_share_a_card_that_shows_their_mean(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    second = RunId("mlp", 2)
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        for run, accuracy in ((MLP, 0.98), (second, 0.97)):
            trainer.train(run, epochs=2, accuracy=accuracy)
        await shown(pilot)
        words = str(screen.query_one(ModelCard).headline)
        assert screen.query_one(ModelCard).headline.accuracy == pytest.approx(0.975)
        assert "mean of 2 runs" in words
        assert "epoch 2/4" in words
        assert [row(screen, run)["state"] for run in (MLP, second)] == ["▶ running"] * 2


async def test_nothing_is_drawn_while_the_terminal_is_the_shells(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=1)
        await shown(pilot)
        chart = screen.query_one("#chart-loss", Chart)
        before = chart._lines
        assert "98.00" in text(pilot.app)
        pilot.app.app_suspend_signal.publish(pilot.app)
        trainer.train(MLP, epochs=2, accuracy=0.99)
        await shown(pilot)
        assert chart._lines == before
        assert "98.00" in text(pilot.app)
        assert "99.00" not in text(pilot.app)
        pilot.app.app_resume_signal.publish(pilot.app)
        await shown(pilot)
        assert "99.00" in text(pilot.app)
        assert chart._lines != before


@pytest.mark.parametrize("waits", [[0.2], [0.9], [0.2, 0.9], [0.9, 0.2], [0.2, 0.2, 0.9]])
async def test_no_chart_is_left_behind_by_the_other_however_often_one_looks(
    make_app: MakeApp,
    trainer: ScriptedTrainer,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        looks: list[list[str]] = []
        monkeypatch.setattr(screen, "draw_chart", lambda measure: looks[-1].append(measure))
        for look, wait in zip(range(1, 25), cycle(waits), strict=False):
            looks.append([])
            screen._looks, screen._wait = look, wait
            screen._draw_charts()
        for measure in MEASURES:
            drawn = [number for number, found in enumerate(looks) if measure in found]
            assert len(drawn) >= 8
            assert all(later - before <= 3 for before, later in pairwise(drawn))
        if min(waits) > 0.5:
            assert all(len(found) != 1 for found in looks), "of different moments"


async def test_a_zoom_that_leaves_nothing_out_says_so_once(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",), epochs=8)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=2)
        await shown(pilot)
        await pilot.press("z", "z")
        await pilot.pause()
        (said,) = (str(toast.render()) for toast in screen.query("Toast").results(Widget))
        assert "zoom shows the last 3 epochs" in said
        trainer.train(MLP, epochs=6)
        await shown(pilot)
        await pilot.press("z")
        await pilot.pause()
        assert screen.query_one(Charts).options.last == 3


async def test_pause_and_resume(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("p")
        assert trainer.control.paused
        assert "paused" in status(screen)
        await pilot.press("p")
        assert not trainer.control.paused
        assert "training" in status(screen)


async def test_stop_asks_first(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("x")
        assert screen.query_one(QuestionStrip).display
        await pilot.press("escape")
        assert not screen.query_one(QuestionStrip).display
        assert not trainer.control.stopping
        await pilot.press("x", "x")
        assert not trainer.control.stopping  # a key held too long is no answer
        await pilot.press("y")
        with pytest.raises(StopRequested):
            trainer.control.check()
        assert "stopping" in status(screen)


async def test_a_question_is_all_that_hears_keys(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        await start(pilot, trainer)
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("e", "p", "k")
        assert not trainer.control.stopping and not trainer.control.paused
        assert trainer.control.check() == 0.0
        await pilot.press("escape", "p")
        assert trainer.control.paused


async def test_a_skipped_run_shows_how_far_it_came(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=2)
        trainer.progress(MLP, epoch=3, step=90)
        trainer.finish_run(MLP, status="skipped")
        await shown(pilot)
        assert row(screen, MLP)["epoch"] == "2/4"
        assert screen.view.fraction(screen.view.record.runs[MLP]) == 0.5  # type: ignore[union-attr]
        assert screen.view.fraction_of_all() == 0.5  # nothing of it is left to do


@pytest.mark.parametrize("size", [(60, 20), (79, 24), (80, 23), (40, 10), (30, 6)])
async def test_a_small_terminal_is_told_so_and_has_the_numbers(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app(models=("mlp",), repeats=1).run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=2, accuracy=0.9812)
        await shown(pilot)
        assert f"small: {size[0]}×{size[1]}" in text(pilot.app)
        assert "98.12" in text(pilot.app)
        trainer.finish_run(MLP, 0.9812)
        trainer.end()
        await shown(pilot)
        assert "98.12" in text(pilot.app)
        panel = screen.query_one(SummaryPanel)
        lines = str(panel.content).split("\n")
        assert max(map(len, lines[:2])) <= max(panel.size.width, len("   model") + 25)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_large_terminal_is_not(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app(models=("mlp",)).run_test(size=size) as pilot:
        await start(pilot, trainer)
        assert "small:" not in text(pilot.app)


async def test_stop_after_epoch(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("e")
        assert "last epoch" in status(screen)
        assert trainer.control.check() == 0.0
        with pytest.raises(StopRequested):
            trainer.control.check_epoch()


async def test_skip_run(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=1)
        await shown(pilot)
        await pilot.press("end", "k")  # it is the only one, wherever the cursor is
        assert "skips mlp-r1" in log_text(screen)
        with pytest.raises(SkipRequested):
            trainer.control.check()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_quitting_asks_without_hiding_the_charts(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        before = [chart.region for chart in screen.query(Chart)]
        await pilot.press("q")
        await pilot.pause()
        strip = screen.query_one(QuestionStrip)
        assert strip.display
        assert [chart.region for chart in screen.query(Chart)] == before
        assert not any(strip.region.overlaps(region) for region in before)
        for button in strip.query("Button"):
            assert screen.region.contains_region(button.region)
        await pilot.press("escape")
        assert not trainer.control.stopping


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_stop_and_quit_waits_for_the_summary(
    make_app: MakeApp, trainer: ScriptedTrainer, key: str
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await start(pilot, trainer)
        await pilot.press(key, "y")
        await shown(pilot)
        assert trainer.control.stopping
        assert app.is_running
        trainer.end("stopped")
        await shown(pilot)
        assert not app.is_running
    assert app.return_code == 0


async def test_the_question_is_answered_with_the_mouse(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("q")
        await pilot.pause()
        await pilot.click(next(b for b in screen.query("Button") if b.name == "epoch"))
        assert trainer.control.stopping


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_result_stays_best_first_with_its_path(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app(models=("mlp", "cnn"), repeats=2).run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        for model, accuracies in (("mlp", (0.97, 0.98)), ("cnn", (0.989, 0.991))):
            for repeat, accuracy in enumerate(accuracies, start=1):
                trainer.train(RunId(model, repeat), 4, accuracy)
                trainer.finish_run(RunId(model, repeat), accuracy)
        trainer.end()
        await shown(pilot)
        panel = screen.query_one(SummaryPanel)
        text = str(panel.content)
        assert panel.display
        assert text.index("1. ◆ cnn") < text.index("2. ● mlp")
        assert "99.00 ± 0.14 %" in text
        assert "97.50 ± 0.71 %" in text
        assert "id/summary.toml" in text.replace("\n", "")
        assert screen.region.contains_region(panel.region)
        assert panel.content_size.height >= len(text.splitlines())
        assert "finished" in status(screen)


@pytest.mark.parametrize(
    ("size", "large"), [((120, 40), True), ((160, 45), True), ((80, 24), False)]
)
async def test_the_best_model_is_the_largest_at_the_end_where_there_is_room(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int], large: bool
) -> None:
    app = make_app(models=("mlp", "cnn"), repeats=1)
    async with app.run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        for run, reached in ((MLP, 0.97), (CNN, 0.98)):
            trainer.train(run, epochs=4, accuracy=reached)
            trainer.finish_run(run, reached)
        await shown(pilot)
        assert "best" not in text(app)  # the experiment goes on
        trainer.end()
        await shown(pilot)
        best = large_digits("98.00")
        assert all(row in text(app) for row in best) == large
        assert ("◆ cnn  ★ best" in text(app)) == large
        assert screen.query_one(DevicePanel).region.height == 0 or size == (160, 45)


async def test_a_new_experiment_can_follow(make_app: MakeApp, trainer: ScriptedTrainer) -> None:
    async with make_app(models=("mlp",)).run_test() as pilot:
        pilot.app.screen.query_one("#epochs").focus()
        await start(pilot, trainer)
        await pilot.press("n")
        assert isinstance(pilot.app.screen, TrainingScreen)
        trainer.end()
        await shown(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(pilot.app.screen, SetupScreen)
        assert pilot.app.focused is pilot.app.screen.query_one("#start")
        screen = await start(pilot, trainer)
        assert screen.query_one(RunsTable).row_count == 2
    assert len(trainer.started) == 2


async def test_an_experiment_that_cannot_begin_says_why_on_the_form(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        await pilot.press("s")
        trainer.training = False
        trainer.bridge.emit(Refused("device: 'cuda:7' is not there; available: cpu"))
        await shown(pilot)
        assert isinstance(pilot.app.screen, SetupScreen)
        message = pilot.app.screen.query_one("#message", Static)
        assert "cuda:7" in str(message.content)


async def test_a_refusal_is_shown_even_if_help_is_open(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        await pilot.press("s", "question_mark")
        trainer.training = False
        trainer.bridge.emit(Refused("no such device"))
        await shown(pilot)
        assert isinstance(pilot.app.screen, SetupScreen)
        assert "no such device" in str(pilot.app.screen.query_one("#message", Static).content)


async def test_a_second_press_of_start_does_nothing(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        setup = pilot.app.screen
        assert isinstance(setup, SetupScreen)
        setup.action_start()
        setup.action_start()
        await shown(pilot)
    assert len(trainer.started) == 1


async def test_an_evaluation_does_not_show_as_training(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.bridge.emit(RunStarted(MLP, 1, 4, 1))
        trainer.progress(MLP, epoch=1, step=100)
        trainer.progress(MLP, epoch=1, step=50, loss=9.0, phase="test")
        await shown(pilot)
        cells = row(screen, MLP)
        assert (cells["train loss"], cells["train acc"]) == ("0.2500", "90.00 %")
        assert cells["ETA"] not in ("–", "0 s")
        assert screen.query_one(ModelCard).headline.accuracy == 0.9


async def test_the_last_epoch_is_taken_back_by_its_own_key_alone(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("q", "e")
        assert trainer.control.stopping
        await pilot.press("x", "escape")
        assert trainer.control.stopping
        await pilot.press("e")
        assert not trainer.control.stopping
        trainer.end()
        await shown(pilot)
        assert pilot.app.screen is screen


async def test_a_question_closes_what_would_hide_it(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app().run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("question_mark", "ctrl+c")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert screen.query_one(QuestionStrip).display


async def test_a_failed_run_says_why_in_the_result(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=1).run_test(size=(80, 24)) as pilot:
        screen = await start(pilot, trainer)
        trainer.bridge.emit(RunFailed(MLP, "the weights could not be downloaded"))
        trainer.end("failed")
        await shown(pilot)
        assert "could not be downloaded" in str(screen.query_one(SummaryPanel).content)
        assert "100%" not in status(screen)


async def test_notices_failures_and_log_records_reach_the_log_pane(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        app.add_log("WARNING", "disk is full")
        trainer.bridge.emit(RunFailed(MLP, "out of memory"))
        app.add_log("ERROR", "mlp-r1 failed: out of memory")
        app.add_log(logging.getLevelName(logging.WARNING), "[red]not markup[/red]\x1b[2J")
        await shown(pilot)
        text = log_text(screen)
        assert "! disk is full" in text
        assert "mlp-r1 failed: out of memory" in text
        assert "[red]not markup[/red]" in text
        assert "\x1b" not in text
        assert row(screen, MLP)["state"] == "✗ failed"


async def test_the_palette_quits_as_the_key_does(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",))
    async with app.run_test(size=(120, 40)) as pilot:
        for screen in (app.screen, await start(pilot, trainer)):
            offered = [c for c in app.get_system_commands(screen) if "quit" in c.title.lower()]
            assert [(command.title, command.help) for command in offered] == [("Quit", "Key: q")]
        await offered[0].callback()
        await pilot.pause()
        assert "Quit?" in text(app)


async def test_help_and_palette_open_while_it_trains(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        titles = [command.title for command in app.get_system_commands(screen)]
        assert {
            "Pause",
            "Stop",
            "Stop after this epoch",
            "Skip the run under way",
            "Quit",
            "Inspect",
        } <= set(titles)
        assert {"Enlarge a chart", "Zoom to the last epochs"} <= set(titles)
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 50)])
async def test_everything_is_on_one_screen(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        for part in ("#status", "#cards", "#chart-loss", "#chart-accuracy", "#runs", "Footer"):
            region = screen.query_one(part).region
            assert screen.region.contains_region(region), part
            assert region.height >= (4 if part in ("#chart-loss", "#runs") else 1), part
        for part in ("#device-panel", "#log"):
            assert screen.query_one(part).size.height >= 1, part


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (79, 23), (250, 80)])
async def test_no_size_breaks_it(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await start(pilot, trainer)
        trainer.train(MLP, epochs=2)
        await pilot.resize_terminal(*size)
        await shown(pilot)
        await pilot.resize_terminal(120, 40)
        await shown(pilot)
        assert row(cast(TrainingScreen, pilot.app.screen), MLP)["epoch"] == "2/4"


async def test_arrows_read_out_epochs_in_both_charts(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)

        def legends() -> list[str]:
            return [Content.from_markup(c.border_subtitle).plain for c in screen.query(Chart)]

        await pilot.press("left")
        assert legends() == ["", ""]
        trainer.train(MLP, 3)
        await pilot.pause(1)
        for key, epoch in (("left", 3), ("left", 2), ("left", 1), ("left", 1), ("right", 2)):
            await pilot.press(key)
            assert [words.split("  ")[0] for words in legends()] == [f"epoch {epoch}"] * 2
        assert "98.00 %" in legends()[1]
        await pilot.press("right", "right")
        assert legends() == ["● mlp", "● mlp"]


async def test_an_end_under_an_open_question_is_told_in_the_top_line(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=1).run_test(size=(80, 24)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=4)
        await shown(pilot)
        await pilot.press("x")
        trainer.finish_run(MLP)
        trainer.end()
        await shown(pilot)
        top = screen._compositor.render_strips()[0].text
        assert "finished" in top
        assert "100%" in top


async def test_a_mean_of_runs_side_by_side_is_of_an_epoch_that_all_have_had(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=2, accuracy=0.96)
        trainer.train(RunId("mlp", 2), epochs=1, accuracy=0.94)
        await shown(pilot)
        line = screen.query_one(ModelCard).headline
        assert line.accuracy == pytest.approx(0.95)
        assert line.note == "test, epoch 1/4"


async def test_a_run_that_has_just_begun_does_not_hide_what_is_known_of_its_model(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(MLP, epochs=4, accuracy=0.96)
        trainer.finish_run(MLP, accuracy=0.96)
        trainer.train(RunId("mlp", 2), epochs=0)
        trainer.progress(RunId("mlp", 2), epoch=1, step=40)
        await shown(pilot)
        line = screen.query_one(ModelCard).headline
        assert (line.accuracy, line.note) == (pytest.approx(0.96), "run 2/2 epoch 1")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 45)])
async def test_many_runs_leave_no_empty_rows(
    make_app: MakeApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with make_app(models=("mlp", "cnn"), repeats=10).run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        assert screen.query_one(LogPane).region.bottom == size[1] - 1
        assert screen.query_one(Chart).region.height >= size[1] // 3
