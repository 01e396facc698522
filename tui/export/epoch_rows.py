"""An experiment as CSV: a row for every epoch of every run."""

from __future__ import annotations

import csv
import dataclasses
import io

from engine.events import EpochResult
from engine.records import ExperimentRecord

RUN = ("experiment", "model", "repeat", "seed")
EPOCH = tuple(field.name for field in dataclasses.fields(EpochResult))


def epoch_rows(record: ExperimentRecord) -> str:
    """The rows below their names; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*RUN, *EPOCH))
    for run in record.runs.values():
        of_run = (record.id, run.id.model, run.id.repeat, run.seed)
        writer.writerows((*of_run, *dataclasses.astuple(epoch)) for epoch in run.epochs)
    return text.getvalue()
