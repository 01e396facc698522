"""How a format is refused whose library is not installed."""

from __future__ import annotations

from engine.extras import not_installed
from engine.results import ResultsError


def missing(library: str) -> ResultsError:
    """What a format says whose library is not installed."""
    return ResultsError(f"export: {not_installed(library)}")
