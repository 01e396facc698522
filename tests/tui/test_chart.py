"""The chart widget shows what it is given and repaints no more than that."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, nan

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Region

from tui.axes import Scale
from tui.chart_line import ChartLine, Kind
from tui.curve import Bucket, Curve
from tui.palette import LOOKS, look, model_shades
from tui.read_out import Reading
from tui.widgets.chart import Chart


class Recorder(Chart):
    """A chart that remembers which regions it asked to be repainted; None is all of it."""

    def __init__(self) -> None:
        super().__init__("loss", "log")
        self.repainted: list[Region | None] = []

    def refresh(self, *regions: Region, **options: bool) -> Recorder:
        if hasattr(self, "repainted"):
            self.repainted.extend(regions or (None,))
        super().refresh(*regions, **options)
        return self


class ChartApp(App[None]):
    CSS = "Chart { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.pointed_at: list[int | None] = []

    def compose(self) -> ComposeResult:
        yield Recorder()

    def on_chart_pointed_at(self, event: Chart.PointedAt) -> None:
        self.pointed_at.append(event.epoch)

    @property
    def chart(self) -> Recorder:
        return self.query_one(Recorder)

    def picture(self) -> str:
        strips = self.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)


def line(
    values: Iterable[tuple[float, float]], model: str = "mlp", kind: Kind = "train", repeat: int = 1
) -> ChartLine:
    curve = Curve()
    for x, y in values:
        curve.append(x, y)
    return ChartLine(model, repeat, kind, curve.points())


TRAIN = [(x / 20, 2 / (1 + x)) for x in range(60)]
TEST = [(1.0, 0.2), (2.0, 0.1), (3.0, 0.08)]


async def test_an_empty_chart_shows_its_frame_axes_and_what_it_waits_for() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        picture = app.picture()
        assert "loss" in picture
        assert "waiting for the first step" in picture
        assert "epoch" in picture


async def test_a_line_and_its_legend_appear() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.show([line(TRAIN), line(TEST, kind="test")], epochs=10)
        await pilot.pause()
        picture = app.picture()
        assert "waiting" not in picture
        assert "● mlp" in picture
        assert "train" in picture and "test" in picture
        assert sum(row.count("●") for row in picture.splitlines()[1:-1]) == len(TEST)


async def test_unchanged_data_refreshes_nothing() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.show([line(TRAIN)], epochs=10)
        await pilot.pause()
        app.chart.repainted.clear()
        app.chart.show([line(TRAIN)], epochs=10)
        assert app.chart.repainted == []


async def test_a_new_point_repaints_only_the_cells_around_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.show([line(TRAIN)], epochs=10)
        await pilot.pause()
        app.chart.repainted.clear()
        app.chart.show([line([*TRAIN, (3.5, 0.03)])], epochs=10)
        regions = [region for region in app.chart.repainted if region is not None]
        assert regions and len(regions) == len(app.chart.repainted)
        assert sum(region.area for region in regions) < 20


async def test_what_is_repainted_is_what_a_full_repaint_would_show() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        for count in (5, 20, 40, 60):
            app.chart.show([line(TRAIN[:count]), line(TEST[: count // 20], kind="test")], 10)
            await pilot.pause()
        partly = app.picture()
        app.chart.refresh()
        await pilot.pause()
        assert app.picture() == partly


@pytest.mark.parametrize("size", [(80, 24), (20, 5), (10, 3), (2, 2), (1, 1)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        app.chart.show([line(TRAIN), line(TEST, kind="test")], epochs=10)
        await pilot.pause()
        app.chart.show([], epochs=3)
        await pilot.pause()


async def test_a_resize_redraws_the_whole_chart() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.show([line(TRAIN), line(TEST, kind="test")], epochs=10)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        rows = app.picture().splitlines()
        assert "10" in rows[-2][90:]
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        assert "●" in "".join(app.picture().splitlines()[1:-1])


@pytest.mark.parametrize("theme", ["textual-light", "nord", "ansi-dark"])
async def test_a_change_of_theme_recolours_the_chart(theme: str) -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.theme = "textual-dark"
        app.chart.show([line(TRAIN)], epochs=10)
        await pilot.pause()
        before = [app.chart.render_line(y) for y in range(14)]
        app.theme = theme
        await pilot.pause()
        after = [app.chart.render_line(y) for y in range(14)]
        assert [strip.text for strip in after] == [strip.text for strip in before]
        assert after != before


async def test_limits_start_over_with_a_new_experiment() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.show([line([(1, 900.0), (2, 1000.0)])], epochs=10)
        await pilot.pause()
        app.chart.show([], epochs=10)
        app.chart.show([line(TRAIN)], epochs=10)
        await pilot.pause()
        assert "1000" not in app.picture()


@pytest.mark.parametrize("scale", ["log", "percent", "linear"])
async def test_a_diverged_run_does_not_end_the_program(scale: Scale) -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart._scale = scale
        diverged = (Bucket(1, nan, nan, nan), Bucket(2, inf, inf, inf))
        app.chart.show([ChartLine("mlp", 1, "test", diverged), line(TRAIN)], epochs=10)
        await pilot.pause()
        assert "mlp" in app.picture()


async def test_a_chart_takes_no_focus() -> None:
    app = ChartApp()
    async with app.run_test() as pilot:
        await pilot.press("tab")
        assert app.focused is None


def test_models_differ_in_colour_and_in_marker() -> None:
    assert len({item.color for item in LOOKS.values()}) == len(LOOKS)
    assert len({item.marker for item in LOOKS.values()}) == len(LOOKS)
    assert look("a model of the past").marker not in {item.marker for item in LOOKS.values()}


@pytest.mark.parametrize("paper", ["#121212", "#e0e0e0", "#ffffff"])
@pytest.mark.parametrize("model", LOOKS)
def test_colours_can_be_read_on_dark_and_on_light(model: str, paper: str) -> None:
    background = Color.parse(paper)
    color = Color.parse(model_shades(model, background).full)
    lighter, darker = sorted((luminance(color), luminance(background)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def luminance(color: Color) -> float:
    """Relative luminance, 0–1, as the accessibility guidelines define it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_the_mouse_reads_out_the_epoch_under_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)) as pilot:
        app.chart.show([line(TRAIN), line(TEST, kind="test")], epochs=3)
        await pilot.hover(Chart, offset=(30, 8))
        await pilot.hover(Chart, offset=(75, 8))
        assert app.pointed_at[-2:] == [1, 3]
        app.chart.point_at(2, (Reading("mlp", "0.1000", "0.2000"),))
        await pilot.pause()
        assert "epoch 2  ● 0.1000 train 0.2000" in app.picture()
        columns = {row.index("╎") for row in app.picture().splitlines() if "╎" in row}
        assert len(columns) == 1
        app.chart.point_at(None)
        await pilot.pause()
        assert "╎" not in app.picture()
        assert "● mlp" in app.picture()
