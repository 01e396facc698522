"""`mnist-tui results delete`: says what would go, asks, and removes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.delete import delete_experiment, refuse_deletion, size_on_disk
from engine.glance import glance
from engine.results import ResultsError
from engine.results_folder import find_experiment
from engine.settings import Settings, expanded
from tui.output_lines import inert
from tui.plain_lines import print_line
from tui.wording import accuracy, counted

NOT_DELETED = 1


def delete_experiments(settings: Settings, names: Sequence[str], *, yes: bool) -> int:
    """Delete experiments; return the exit code: 1 if one is still there.

    Args:
        settings: where results are.
        names: as for ``find_experiment``; all are found before the first is deleted.
        yes: whether the answer is known.

    Raises:
        ResultsError: there is no such experiment, it may not be deleted, or nobody can be asked.
    """
    results = expanded(settings.results)
    folders = list(dict.fromkeys(find_experiment(results, name) for name in names))
    for folder in folders:
        refuse_deletion(folder)
    for folder in folders:
        print_line(_what_goes(folder), sys.stderr)
    if not yes and not _agreed(len(folders)):
        print_line("nothing is deleted", sys.stderr)
        return NOT_DELETED
    code = 0
    for folder in folders:
        try:
            delete_experiment(folder)
        except ResultsError as error:
            print_line(f"mnist-tui: {error}", sys.stderr)
            code = NOT_DELETED
        else:
            print_line(f"{inert(folder.name)}: deleted", sys.stdout)
    return code


def _what_goes(folder: Path) -> str:
    size = f"{size_on_disk(folder) / 1e6:,.1f} MB"
    try:
        found = glance(folder)
    except ResultsError:
        return f"{inert(folder.name)}: unreadable, {size}"
    runs = sum(model.runs for model in found.models)
    words = f"{inert(folder.name)}: {found.status}, {counted(runs, 'finished run')}"
    if found.best is not None and found.best.mean is not None:
        words += f", best accuracy {accuracy(found.best.mean)} ({found.best.name})"
    return f"{words}, {size}"


def _agreed(number: int) -> bool:
    """Ask on the terminal."""
    streams = (sys.stdin, sys.stderr)
    if any(stream is None or not stream.isatty() for stream in streams):
        raise ResultsError("delete: asks on a terminal; without one give --yes")
    what = "this experiment" if number == 1 else f"these {number} experiments"
    print(f"Delete {what} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")
