"""`mnist-tui results export`: an experiment as a file for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.past_experiment import read_record
from engine.results import ResultsError
from engine.results_folder import find_experiment, without_trainer
from engine.settings import Settings, expanded
from tui.export.formats import TEXT
from tui.export.writing import content, export, usual_path
from tui.plain_lines import print_line

STDOUT = "-"


def export_experiment(
    settings: Settings, id_: str, format: str, output: str | None, *, replace: bool
) -> int:
    """Write an experiment and print where to; return the exit code.

    Args:
        settings: where results are.
        id_: as for ``find_experiment``.
        format: one of ``formats.ENDINGS``.
        output: the file or folder; "-" is stdout; None takes the usual name.
        replace: whether it may take the place of one that is there.

    Raises:
        ResultsError: there is no such experiment, or it cannot be written.
    """
    if output == STDOUT and format not in TEXT:
        raise ResultsError(f"--output: {format} is not text; give a path, or {', '.join(TEXT)}")
    record = without_trainer(read_record(find_experiment(expanded(settings.results), id_)))
    if output == STDOUT:
        return int(not _to_stdout(content(record, format)))
    path = Path(output) if output else usual_path(record, format)
    return int(not print_line(str(export(record, format, path, replace=replace)), sys.stdout))


def _to_stdout(text: bytes) -> bool:
    """Whole, as it would be in a file; return False if it could not be written."""
    if sys.stdout is None:
        return True
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # a reader that has seen enough
        return True
    except OSError:
        return False
    return True
