"""`mnist-tui completion`: a script by which a shell completes commands, flags and values."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import shtab

from engine.recipes import PRESETS
from engine.settings import FIELDS, MODEL_NAMES, rule
from tui.plain_lines import print_text

NETWORKS = ("latest", *(f"latest/{model}" for model in MODEL_NAMES))
OPEN = {"preset": tuple(PRESETS), "device": ("auto", "cpu", "cuda", "mps", "xpu")}
"""Of settings with a list that is not closed: what is in it everywhere."""
BY_METAVAR = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "IMAGE": shtab.FILE}


def completion(shell: str) -> int:
    """Print the script for a shell; return the exit code."""
    from tui.cli import build_parser  # which knows of this command, too

    parser = build_parser()
    for action in _actions(parser):
        _teach(action)
    return int(not print_text(shtab.complete(parser, shell=shell), sys.stdout))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every flag and argument of a command and of those under it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _teach(action: argparse.Action) -> None:
    """Add the values that the parser leaves to the settings to check, so that each has one rule."""
    if action.choices is None and (values := _values(action)):
        action.choices = values
    elif action.metavar in BY_METAVAR:
        # Where shtab looks for it.
        action.complete = BY_METAVAR[str(action.metavar)]  # type: ignore[attr-defined]


def _values(action: argparse.Action) -> Sequence[str]:
    if action.metavar == "RUN":
        return NETWORKS
    if not action.option_strings or action.dest not in FIELDS:
        return ()
    found = rule(action.dest)
    if found.kind is bool:
        return ("true", "false")
    return OPEN.get(action.dest, found.choices)
