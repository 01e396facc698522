"""What goes over the wire is what changed."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from scripted import ScriptedTrainer
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from engine.events import RunId
from tui import narrow_updates
from tui.app import MnistApp

MakeApp = Callable[..., MnistApp]
MLP = RunId("mlp", 1)


def strip(text: str) -> Strip:
    return Strip([Segment(text)])


def shown(update: ChopsUpdate) -> tuple[list[str], str]:
    """A terminal full of dots after the update, and what was sent to it."""
    sent = narrow_updates.render_segments(update, Console(file=io.StringIO()))
    screen = pyte.Screen(10, 2)
    stream = pyte.Stream(screen)
    stream.feed(".........." * 2 + sent)
    return screen.display, sent


@pytest.mark.parametrize(
    ("first", "last", "line"),
    [
        (2, 8, "..cdefgh.."),
        (0, 6, "abcdef...."),
        (6, 10, "......ghij"),
        (3, 4, "...d......"),
        (0, 10, "abcdefghij"),
    ],
)
def test_the_cells_of_a_span_are_sent_and_none_beside_them(
    first: int, last: int, line: str
) -> None:
    chops = [{0: strip("abcdef"), 6: strip("ghij")}] * 2
    display, sent = shown(ChopsUpdate(chops, [(1, first, last)], [[6, 10]] * 2))
    assert display == [".........."[:10], line]
    assert all(letter not in sent for letter in set("abcdefgij") - set(line))


def test_a_part_that_another_widget_covers_is_left_out() -> None:
    chops = [{0: strip("abcdef"), 6: None}]
    display, _ = shown(ChopsUpdate(chops, [(0, 0, 10)], [[6, 10]]))  # type: ignore[arg-type]
    assert display[0] == "abcdef...."


async def test_progress_costs_few_bytes(
    make_app: MakeApp, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def count(app: MnistApp, screen: object, update: object) -> None:
        if isinstance(update, ChopsUpdate):
            sent.append(update.render_segments(app.console))

    monkeypatch.setattr(MnistApp, "_display", count)  # without a terminal nothing is sent
    async with make_app(models=("mlp",)).run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        trainer.begin()
        trainer.train(MLP, epochs=1)
        trainer.progress(MLP, epoch=2, step=50)
        await pilot.pause(0.6)
        screen = pilot.app.screen
        full = len(screen._compositor.render_full_update().render_segments(pilot.app.console))
        sent.clear()
        trainer.progress(MLP, epoch=2, step=51, loss=0.2)
        await pilot.pause(0.15)
        assert sent
        # The table's row, the status line, a card and a few dots of two charts.
        assert 0 < len("".join(sent)) < full / 10
