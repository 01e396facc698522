"""`mnist-tui doctor`: what works here, a line per check as soon as it is known."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from itertools import chain

from engine.doctor.check import Check
from engine.doctor.examinations import checks
from engine.settings import Settings
from tui.commands.doctor_terminal import TERMINAL
from tui.output_lines import inert
from tui.page import Page

STATE, NAME = 9, 12
"""Columns of them."""
PROBLEM = 1
STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Look at everything; return the exit code: 1 if there is a problem, or stdout is full."""
    page = Page(settings.characters)
    states: Counter[str] = Counter()
    for check in chain(TERMINAL.checks(settings), checks(settings)):
        states[check.state] += 1
        if as_json:
            page.line(json.dumps(asdict(check)))
        else:
            _say(page, check)
    if not as_json:
        counts = (f"{states[state]} {state}" for state in STYLES if states[state])
        page.line(f"{states.total()} checks: {', '.join(counts)}")
    return PROBLEM if states["problem"] else int(not page.complete)


def _say(page: Page, check: Check) -> None:
    """What is found in columns, and what to do about it under it."""
    margin = " " * (STATE + NAME)
    found = f"{check.state:<{STATE}}{inert(check.name):<{NAME}}{inert(check.found)}"
    page.paragraph(found, margin, STYLES[check.state], len(check.state))
    if check.advice:
        page.paragraph(f"{margin}> {inert(check.advice)}", f"{margin}  ")
