"""What some formats need and the program does without."""

from __future__ import annotations

from engine.results import ResultsError


def missing(library: str) -> ResultsError:
    """What a format says whose library is not installed."""
    return ResultsError(f'export: needs {library}: pip install "mnist-tui[export]"')
