"""An experiment's whole summary as JSON."""

from __future__ import annotations

import json
import tomllib

from engine.events import plain
from engine.records import ExperimentRecord
from engine.summary import SummaryText


def summary_json(record: ExperimentRecord) -> str:
    """As `summary.toml`: the same names in the same order. Times are text, NaN is null."""
    # By way of the text, so that the two cannot differ.
    summary = tomllib.loads(SummaryText(record).encoded().decode())
    return json.dumps(plain(summary), indent=2, allow_nan=False)
