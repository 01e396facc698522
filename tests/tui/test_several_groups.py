"""Several groups of runs under way at once, in workers: what the screen says, and what k does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import ScriptedTrainer
from test_training_screen import log_text, row, shown, status
from textual.pilot import Pilot

from engine.events import RunId, RunStarted
from engine.records import RunRecord
from engine.settings import Settings
from tui.app import MnistApp
from tui.bridge import Refused
from tui.headless import _line_printer
from tui.screens.training import TrainingScreen
from tui.side_by_side import names
from tui.widgets.model_card import ModelCard
from tui.widgets.plan_table import PlanTable

MakeApp = Callable[..., MnistApp]
MLP = [RunId("mlp", repeat) for repeat in (1, 2, 3)]
CNN = [RunId("cnn", repeat) for repeat in (1, 2, 3)]
SIZES = [(80, 24), (120, 40)]


async def start(pilot: Pilot[int], trainer: ScriptedTrainer) -> TrainingScreen:
    """Two workers: two runs side by side in their third epoch, another one in its first."""
    await pilot.press("s")
    trainer.begin(workers=2)
    for run in MLP[:2]:
        trainer.train(run, epochs=2, place="worker 1")
        trainer.progress(run, 3, 40)
    trainer.bridge.emit(RunStarted(CNN[0], 1234, 4, 1, place="worker 2"))
    trainer.progress(CNN[0], 1, 50, accuracy=0.5)
    plan = trainer.control.plan
    plan.begin_next(lambda run: 2)
    plan.begin_next(lambda run: 1, lambda model: model == "cnn")
    await shown(pilot)
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


@pytest.fixture
def app(make_app: MakeApp) -> MnistApp:
    return make_app(models=("mlp", "cnn"), repeats=3)


@pytest.mark.parametrize("size", SIZES)
async def test_it_says_that_workers_start_until_the_first_run_begins(
    app: MnistApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("s")
        trainer.begin(workers=2)
        await shown(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainingScreen)
        assert "starting 2 workers" in status(screen)
        trainer.bridge.emit(RunStarted(MLP[0], 1234, 4, 1, place="worker 1"))
        await shown(pilot)
        assert "training" in status(screen)
        assert "starting" not in status(screen)
        assert "mlp-r1 begins on worker 1" in log_text(screen)


@pytest.mark.parametrize("size", SIZES)
async def test_each_run_says_in_which_worker_and_epoch_it_is(
    app: MnistApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        shown = {run: row(screen, run) for run in (*MLP, *CNN)}
        assert [shown[run]["state"] for run in MLP] == ["▶ worker 1"] * 2 + ["· queued"]
        assert shown[CNN[0]]["state"] == "▶ worker 2"
        assert (shown[MLP[0]]["epoch"], shown[CNN[0]]["epoch"]) == ("3/4", "1/4")
        await pilot.press("p")
        assert {row(screen, run)["state"] for run in (*MLP[:2], CNN[0])} == {"‖ paused"}


async def test_the_status_line_names_all_groups_where_there_is_room(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        assert "mlp-r1–2, cnn-r1" in status(screen)
        await pilot.resize_terminal(60, 24)
        await shown(pilot)
        assert len(status(screen)) <= 60
        assert "elapsed" in status(screen)


async def test_the_rate_of_a_group_counts_its_own_runs_alone(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        # 60,000 images of each of two runs in an epoch: 40 of 100 steps in 2 s.
        assert row(screen, MLP[0])["images/s"] == "24,000"


async def test_a_card_tells_of_the_group_that_has_come_furthest(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.train(CNN[1], epochs=3, accuracy=0.97, place="worker 3")
        trainer.train(CNN[2], epochs=2, accuracy=0.96, place="worker 4")
        await shown(pilot)
        card = screen.query_one("#card-cnn", ModelCard)
        assert (card.headline.accuracy, card.headline.note) == (0.97, "run 2/3 epoch 3")
        trainer.finish_run(CNN[1], 0.97)
        await shown(pilot)
        assert (card.headline.accuracy, card.headline.note) == (0.96, "run 3/3 epoch 2")


async def test_k_skips_the_chosen_run_with_those_beside_it_and_no_others(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        assert screen.query_one(PlanTable).chosen == MLP[0]
        await pilot.press("k")
        assert trainer.control.take_skips() == {MLP[0]}
        assert "skips mlp-r1–2" in log_text(screen)
        await pilot.press("home", "down", "down", "down", "k")
        assert trainer.control.take_skips() == {CNN[0]}


@pytest.mark.parametrize("size", SIZES)
async def test_k_on_another_run_says_what_can_be_skipped_and_skips_nothing(
    app: MnistApp, trainer: ScriptedTrainer, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("end", "k")
        await pilot.pause()
        assert trainer.control.take_skips() == set()
        assert (
            screen.query_one("#log")
            .lines[-1]
            .text.endswith(  # type: ignore[attr-defined]
                "choose what to skip: mlp-r1–2 or cnn-r1"
            )
        )


async def test_epochs_of_one_group_are_changed_and_no_others(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        await pilot.press("plus")
        assert [row(screen, run)["epoch"] for run in MLP] == ["3/5", "3/5", "0/4"]
        assert row(screen, CNN[0])["epoch"] == "1/4"


async def test_the_frame_names_the_worker_of_a_run_that_has_ended(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.finish_run(MLP[1])
        await pilot.press("home", "down")
        await shown(pilot)
        assert screen.query_one(PlanTable).border_title == "mlp-r2: worker 1"
        await pilot.press("end")
        assert not screen.query_one(PlanTable).border_title


async def test_all_that_is_under_way_comes_into_sight(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), repeats=20).run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        trainer.begin(workers=4)
        for repeat in range(1, 13):
            trainer.train(RunId("mlp", repeat), epochs=4, place=f"worker {repeat % 4 + 1}")
            if repeat <= 8:
                trainer.finish_run(RunId("mlp", repeat))
        await shown(pilot)
        table = pilot.app.screen.query_one(PlanTable)
        lines = [table.render_line(y).text for y in range(1, table.size.height)]
        assert [int(line.split()[2]) for line in lines if "▶" in line] == [9, 10, 11, 12]


async def test_runs_whose_worker_died_wait_while_it_trains_others_and_are_counted_once(
    app: MnistApp, trainer: ScriptedTrainer
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start(pilot, trainer)
        trainer.bridge.emit(RunStarted(MLP[2], 1234, 4, 1, place="worker 1"))
        await shown(pilot)
        assert [row(screen, run)["state"] for run in MLP] == ["· queued"] * 2 + ["▶ worker 1"]
        assert row(screen, MLP[0])["epoch"] == "2/4"
        assert "mlp-r3, cnn-r1" in status(screen)
        for run in MLP[:2]:
            trainer.bridge.emit(RunStarted(run, 1234, 4, 1, place="worker 2"))
        await shown(pilot)
        assert [row(screen, run)["state"] for run in MLP[:2]] == ["▶ worker 2"] * 2
        assert "mlp-r1–2, mlp-r3" in status(screen)


def test_runs_that_do_not_follow_each_other_are_named_one_by_one() -> None:
    records = [RunRecord(run, 4) for run in MLP]
    assert names(records) == "mlp-r1–3"
    assert names(records[1:2]) == "mlp-r2"
    assert names([records[0], records[2]]) == "mlp-r1, mlp-r3"
    assert names(records[::-1]) == "mlp-r3, mlp-r2, mlp-r1"


def test_lines_without_a_screen_say_where_a_run_trains(
    trainer: ScriptedTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer.start(Settings(models=("mlp", "cnn"), repeats=1, epochs=2))
    trainer.begin(workers=2)
    trainer.train(MLP[0], 1, place="worker 1")
    trainer.train(CNN[0], 1, place="worker 2")
    show = _line_printer()
    for event in trainer.bridge.take().events:
        assert not isinstance(event, Refused)
        show(event)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first.endswith("on cpu (a CPU), workers 2")
    assert [line.partition("  epoch")[0] for line in lines] == [
        "mlp-r1  seed 1234  on worker 1",
        "mlp-r1",
        "cnn-r1  seed 1234  on worker 2",
        "cnn-r1",
    ]
