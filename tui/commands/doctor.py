"""`mnist-tui doctor`: what works here, a line per check as soon as it is known."""

from __future__ import annotations

import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain

from engine.doctor.check import Check
from engine.doctor.examinations import checks
from engine.settings import Settings
from tui.ascii_text import to_ascii, wants_ascii
from tui.commands.doctor_terminal import TERMINAL
from tui.output_lines import inert
from tui.plain_lines import print_line

WIDTH = 80
STATE, NAME = 9, 12
"""Columns of them."""
PROBLEM = 1
STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Look at everything; return the exit code: 1 if there is a problem."""
    states: Counter[str] = Counter()
    show = _plain if as_json or not _is_terminal() else _coloured
    for check in chain(TERMINAL.checks(settings), checks(settings)):
        states[check.state] += 1
        lines = [json.dumps(asdict(check))] if as_json else _lines(check, settings.characters)
        for line in lines:
            show(line, check)
    if not as_json:
        counts = (f"{states[state]} {state}" for state in STYLES if states[state])
        print_line(f"{states.total()} checks: {', '.join(counts)}", sys.stdout)
    return PROBLEM if states["problem"] else 0


def _lines(check: Check, characters: str) -> Iterator[str]:
    """What is found in columns, and what to do about it under it."""
    margin = STATE + NAME
    first = f"{check.state:<{STATE}}{inert(check.name):<{NAME}}"
    for text, lead in ((check.found, first), (check.advice, " " * margin + "> ")):
        indent = " " * len(lead)
        for line in textwrap.wrap(
            inert(text), WIDTH, initial_indent=lead, subsequent_indent=indent
        ):
            yield to_ascii(line) if wants_ascii(characters) else line


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _plain(line: str, check: Check) -> None:
    print_line(line, sys.stdout)


def _coloured(line: str, check: Check) -> None:
    """With the state in colour, unless NO_COLOR or the terminal says otherwise."""
    from rich.console import Console
    from rich.text import Text

    text = Text(line)
    if line.startswith(check.state):
        text.stylize(STYLES[check.state], 0, len(check.state))
    Console(highlight=False).print(text, soft_wrap=True)
