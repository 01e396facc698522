"""How the curves are seen: scale, smoothing, zoom."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import pytest
from scripted import ScriptedTrainer
from textual.pilot import Pilot

from engine.events import EpochResult, RunId
from engine.records import RunRecord
from tui.app import MnistApp
from tui.chart_lines import in_seconds
from tui.chart_options import ChartOptions, smoothed
from tui.curve import Bucket
from tui.widgets.chart import Chart
from tui.widgets.charts import Charts
from tui.widgets.status_line import StatusLine

MakeApp = Callable[..., MnistApp]
MLP = RunId("mlp", 1)


def buckets(*means: float) -> list[Bucket]:
    return [Bucket(float(x), mean, mean, mean) for x, mean in enumerate(means)]


def test_smoothing_a_constant_leaves_it_as_it_is_from_the_first_point_on() -> None:
    assert [point.mean for point in smoothed(buckets(3.0, 3.0, 3.0), 0.9)] == pytest.approx(
        [3.0] * 3
    )


def test_smoothing_weighs_the_past() -> None:
    # By hand, weight 0.5: 4, then (0.5·0.5·4 + 0.5·1) / 0.75 = 2.
    assert [point.mean for point in smoothed(buckets(4.0, 1.0), 0.5)] == pytest.approx([4.0, 2.0])


def test_smoothing_leaves_out_what_is_no_number_and_keeps_gaps() -> None:
    points = [*buckets(1.0, nan), Bucket(2.0, 1.0, 1.0, 1.0, after_gap=True)]
    found = smoothed(points, 0.6)
    assert [point.x for point in found] == [0.0, 2.0]
    assert found[1].after_gap
    assert found[1].mean == pytest.approx(1.0)


def test_zoom_begins_so_many_whole_epochs_before_the_newest_point() -> None:
    assert ChartOptions().first_epoch(42.3) == 0
    assert ChartOptions(last=10).first_epoch(42.3) == 33
    assert ChartOptions(last=10).first_epoch(4.0) == 0


def test_every_choice_comes_round_again() -> None:
    options = ChartOptions()
    for newest, lasts in ((11, [10, 3, 0]), (10, [3, 0, 3]), (3, [0, 0, 0])):
        options = ChartOptions()
        seen = [options := options.next_zoom(newest) for _ in range(3)]
        assert [choice.last for choice in seen] == lasts, "each step shows something else"
    seen = [options := options.next_smoothing() for _ in range(3)]
    assert [choice.smoothing for choice in seen] == [0.6, 0.9, 0.0]
    assert options.next_unit().next_unit() == options
    assert options.next_scale().next_scale() == options == ChartOptions()


async def begin(pilot: Pilot[int], trainer: ScriptedTrainer) -> None:
    await pilot.press("s")
    trainer.begin()
    trainer.train(MLP, epochs=20)
    await pilot.pause(0.5)


def texts(pilot: Pilot[int], measure: str) -> str:
    chart = pilot.app.screen.query_one(f"#chart-{measure}", Chart)
    return "\n".join(chart.render_line(y).text for y in range(chart.size.height))


async def test_keys_change_how_the_curves_are_seen(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), epochs=20).run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        chart = pilot.app.screen.query_one("#chart-loss", Chart)
        before = texts(pilot, "loss")
        await pilot.press("l")
        await pilot.pause()
        assert texts(pilot, "loss") != before
        await pilot.press("l", "o")
        await pilot.pause()
        assert {line.kind for line in chart._lines} == {"raw", "train", "test"}
        assert "smooth 0.6" in str(chart.border_title)
        await pilot.press("o", "o", "z", "z")
        await pilot.pause()
        assert "last 3" in str(chart.border_title)
        axis = texts(pilot, "accuracy").splitlines()[-1]
        assert axis.split() == ["epoch", "17", "18", "19", "20"]
        await pilot.press("z")
        await pilot.pause()
        assert texts(pilot, "loss") == before


async def test_charts_are_enlarged_one_after_the_other(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), epochs=20).run_test(size=(80, 24)) as pilot:
        await begin(pilot, trainer)
        charts = pilot.app.screen.query_one(Charts)
        small = charts.region
        for measure in ("loss", "accuracy"):
            await pilot.press("m")
            await pilot.pause(0.3)
            chart = pilot.app.screen.query_one(f"#chart-{measure}", Chart)
            assert pilot.app.screen.maximized is chart
            assert chart.region.width == 80
            assert chart.region.height > small.height
            assert pilot.app.screen.query_one(StatusLine).region.width == 80  # stays in sight
        await pilot.press("m")
        await pilot.pause(0.3)
        assert pilot.app.screen.maximized is None
        assert charts.region == small


async def test_what_the_user_chose_is_told_whole_on_a_narrow_screen(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), epochs=20).run_test(size=(80, 24)) as pilot:
        await begin(pilot, trainer)
        await pilot.press("o", "z")
        await pilot.pause(0.3)
        strips = pilot.app.screen._compositor.render_strips()
        assert any("smooth 0.6, last 10" in strip.text for strip in strips)


def test_seconds_follow_the_time_that_each_epoch_took() -> None:
    run = RunRecord(MLP, 10)
    for number, seconds in ((1, 4.0), (2, 2.0)):
        run.epochs.append(EpochResult(number, 0.1, 0.9, 0.1, 0.9, 0.001, seconds, 1.0, 0.0))
    points = [Bucket(x, 1.0, 1.0, 1.0) for x in (0.5, 1.0, 1.5, 2.0, 2.5)]
    assert [point.x for point in in_seconds(points, run)] == [2.0, 4.0, 5.0, 6.0]
    assert in_seconds(points, RunRecord(MLP, 10)) == ()


async def test_the_key_shows_seconds_and_epochs_again(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    app = make_app(models=("mlp",))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(MLP, 3)
        await pilot.pause(0.5)

        def axis() -> str:
            (line,) = (s.text for s in app.screen.query(Chart).first().draw()[-1:])
            return line

        assert axis().startswith("epoch 0")
        await pilot.press("left", "u")
        await pilot.pause(0.3)
        assert axis().split()[0] == "s"
        assert axis().split()[-1] == "15"  # three epochs of five seconds
        assert "╎" not in "".join(s.text for s in app.screen.query(Chart).first().draw())
        await pilot.press("u")
        await pilot.pause(0.3)
        assert axis().startswith("epoch 0")


async def test_how_the_charts_were_left_is_how_they_begin_next_time(
    make_app: MakeApp, trainer: ScriptedTrainer
) -> None:
    async with make_app(models=("mlp",), epochs=20).run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        await pilot.press("o", "b", "z")
    trainer.training = False
    async with make_app(models=("mlp",), epochs=20).run_test(size=(120, 40)) as pilot:
        await begin(pilot, trainer)
        options = pilot.app.screen.query_one(Charts).options
        assert options == ChartOptions(smoothing=0.6, band=False)
        assert "a line each, smooth 0.6" in str(pilot.app.screen.query_one(Chart).border_title)


@pytest.mark.parametrize(
    "table", [None, 3, {}, {"smoothing": 0.5}, {"log_loss": 1, "gone": True}, {"band": "no"}]
)
def test_what_is_no_option_is_as_usual(table: object) -> None:
    assert ChartOptions.of(table) == ChartOptions()
