"""What the terminal can do, as far as it says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from engine.doctor.check import Check, Examination
from engine.settings import Settings
from tui.ascii_text import wants_ascii

LEAST = (60, 16)
"""Columns and lines that the screens are made for at least."""
FEW = "standard"
"""What rich calls a terminal of sixteen colours."""
COLORS = {"truecolor": "16 million", "256": "256", FEW: "16", "windows": "16"}


def look(settings: Settings) -> Iterator[Check]:
    """The terminal that keys come from; what is printed may go elsewhere."""
    if sys.stdin is None or not sys.stdin.isatty():
        advice = "the dashboard needs one; mnist-tui run does not"
        yield Check("terminal", "warning", "there is none", advice)
        return
    size = os.get_terminal_size(sys.stdin.fileno())
    yield from terminal_checks(os.environ, settings.characters, size.columns, size.lines)


TERMINAL = Examination("terminal", look, "mnist-tui run needs no terminal")


def terminal_checks(
    environment: Mapping[str, str], characters: str, columns: int, lines: int
) -> Iterator[Check]:
    """What a terminal of that size can do, by the variables and the setting ``characters``."""
    yield _kind(environment)
    yield _size(columns, lines)
    yield _colors(environment)
    yield _characters(environment, characters)
    yield _mouse(environment)


def _kind(environment: Mapping[str, str]) -> Check:
    kind = environment.get("TERM", "")
    if kind in ("", "dumb", "unknown"):
        advice = "the dashboard cannot open: export TERM=xterm-256color, or use mnist-tui run"
        return Check("terminal", "problem", f"TERM is {kind!r}", advice)
    ways = {"TMUX": "in tmux", "STY": "in GNU screen"}
    inside = [text for name, text in ways.items() if environment.get(name)]
    remote = any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
    where = [*inside, "over SSH (--slow-link if it lags)"] if remote else inside
    return Check("terminal", "ok", ", ".join([kind, *where]))


def _size(columns: int, lines: int) -> Check:
    if columns < LEAST[0] or lines < LEAST[1]:
        advice = f"enlarge it: the screens need {LEAST[0]} by {LEAST[1]}, better 120 by 40"
        return Check("size", "warning", f"{columns} columns by {lines} lines", advice)
    return Check("size", "ok", f"{columns} columns by {lines} lines")


def _colors(environment: Mapping[str, str]) -> Check:
    from rich.console import Console

    console = Console(force_terminal=True, _environ=environment)
    if console.no_color:
        return Check("colours", "ok", "none, as NO_COLOR asks for")
    system = console.color_system or FEW
    found = f"{COLORS.get(system, system)} colours"
    if system == FEW:
        advice = "export TERM=xterm-256color if it can show more; or --theme terminal"
        return Check("colours", "warning", found, advice)
    return Check("colours", "ok", found)


def _characters(environment: Mapping[str, str], characters: str) -> Check:
    if not wants_ascii(characters, environment):
        return Check("characters", "ok", "Unicode: ± ● ▀ ⣿ are a sign, a dot, a half block, dots")
    if characters == "ascii":
        return Check("characters", "ok", "ASCII, as the settings ask for")
    advice = "export LC_ALL=C.UTF-8, or --characters unicode, for finer charts"
    return Check("characters", "warning", "ASCII, since the locale is not UTF-8", advice)


def _mouse(environment: Mapping[str, str]) -> Check:
    if environment.get("TERM") == "linux":
        return Check("mouse", "warning", "none on this console", "use the keys; ? shows them")
    return Check("mouse", "ok", "asked for; hold Shift to select text with it")
