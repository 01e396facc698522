"""What goes over the wire is what changed."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from scripted import ScriptedTrainer, until
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Label

from engine.events import RunId
from tui.app import MnistApp
from tui.shown_cells import Changed, ShownCells

MakeApp = Callable[..., MnistApp]
MLP = RunId("mlp", 1)
WIDTH = 10
STYLES = (None, Style(color="red"), Style(bold=True))
TEXTS = st.text("ab 0│日é\u0301👩", max_size=4)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(STYLES)), max_size=5)


class Wire:
    """A terminal of two lines, and what is sent to it."""

    def __init__(self, width: int = WIDTH, height: int = 2) -> None:
        self.shown = ShownCells()
        self.shown.forget(Size(width, height))
        self.screen = pyte.Screen(WIDTH, 2)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("." * WIDTH * 2)

    def send(self, update: LayoutUpdate | ChopsUpdate) -> str:
        console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
        sent = Changed(update, self.shown).render_segments(console)
        self.stream.feed(sent)
        return sent


def strip(*pieces: str | tuple[str, Style | None]) -> Strip:
    return Strip(
        [Segment(piece) if isinstance(piece, str) else Segment(*piece) for piece in pieces]
    )


def layout(*lines: Strip) -> LayoutUpdate:
    return LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, len(lines)))


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
    wire = Wire()
    chops = [{0: strip("abcdef"), 6: strip("ghij")}] * 2
    sent = wire.send(ChopsUpdate(chops, [(1, first, last)], [[6, 10]] * 2))
    assert wire.screen.display == ["." * WIDTH, line]
    assert all(letter not in sent for letter in set("abcdefgij") - set(line))


def test_a_part_that_another_widget_covers_is_left_out() -> None:
    wire = Wire()
    wire.send(ChopsUpdate([{0: strip("abcdef"), 6: None}], [(0, 0, 10)], [[6, 10]]))  # type: ignore[arg-type]
    assert wire.screen.display[0] == "abcdef...."


def test_what_the_terminal_shows_is_not_sent_again() -> None:
    wire = Wire()
    assert wire.send(layout(strip("abcdefghij"), strip("0123456789")))
    assert wire.send(layout(strip("abcde", "fghij"), strip("0123456789"))) == ""
    sent = wire.send(layout(strip("abcdefghiJ"), strip("0123456789")))
    assert "J" in sent and "a" not in sent
    red = strip(("a", STYLES[1]), "bcdefghiJ")
    assert "b" not in wire.send(layout(red, strip("0123456789")))
    assert [wire.screen.buffer[0][x].fg for x in (0, 1)] == ["red", "default"]


def test_a_terminal_that_was_elsewhere_gets_everything_again() -> None:
    wire = Wire()
    full = layout(strip("abcdefghij"), strip("0123456789"))
    first = wire.send(full)
    wire.shown.forget(Size(WIDTH, 2))
    assert wire.send(full) == first


def test_what_is_beyond_the_terminal_is_not_sent() -> None:
    wire = Wire(4, 1)
    wire.send(layout(strip("abcdefghij"), strip("0123456789")))
    assert wire.screen.display == ["abcd......", ".........."]


@given(st.lists(LINES, min_size=2, max_size=6))
def test_a_terminal_that_got_the_changes_shows_what_one_shows_that_got_all(
    frames: list[list[tuple[str, Style | None]]],
) -> None:
    """Whatever the characters: narrow, wide, combining, or cut in two by the edge."""
    changes = Wire()
    for pieces in frames:
        frame = layout(strip(*pieces).adjust_cell_length(WIDTH))
        changes.send(frame)
        everything = Wire()
        everything.send(frame)
        assert changes.screen.buffer[0] == everything.screen.buffer[0]


async def test_a_screen_that_comes_back_shows_at_once_and_whole(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if parts of it have changed while it was covered."""
    painted: list[object] = []
    monkeypatch.setattr(App, "_display", lambda app, screen, update: painted.append(update))
    app = make_app()
    async with app.run_test() as pilot:
        message = app.screen.query_one("#message", Label)
        above: Screen[None] = Screen()
        await app.push_screen(above)
        await until(pilot, lambda: app._painted is above)
        message.update("two\nlines")
        painted.clear()
        app.pop_screen()
        message.update("or\nthree\nlines")
        await until(pilot, lambda: any(isinstance(update, Changed) for update in painted))
        first = next(update for update in painted if isinstance(update, Changed))
        assert isinstance(first.update, LayoutUpdate)


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
