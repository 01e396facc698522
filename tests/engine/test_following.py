"""An experiment on disk, told as events."""

from __future__ import annotations

from dataclasses import replace

from engine_support import Recorder

from engine.control import Control
from engine.events import Event, ExperimentFinished, ExperimentStarted, PlanChanged, RunFinished
from engine.experiment import resume_experiment, run_experiment
from engine.following import news
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.settings import Settings


def test_looks_at_any_moment_add_up_to_the_experiment(short: Settings) -> None:
    """A look after every third event, at what is on disk then."""
    known: ExperimentRecord | None = None
    told: list[Event] = []
    control = Control()
    count = 0

    def look(event: Event) -> None:
        nonlocal known, count
        folder = event.folder if isinstance(event, ExperimentStarted) else None
        count += 1
        if folder is not None:
            follow.append(folder)
            control.plan.add("cnn", 1)
        if count % 3 == 0 or isinstance(event, ExperimentFinished):
            known = fold(known, list(news(known, read_record(follow[0]))))

    def fold(known: ExperimentRecord | None, events: list[Event]) -> ExperimentRecord:
        told.extend(events)
        for event in events:
            if isinstance(event, ExperimentStarted):
                known = ExperimentRecord.begin(event)
            assert known is not None
            known.record(event)
        assert known is not None
        return known

    follow: list = []
    record = run_experiment(replace(short, repeats=2), Recorder(look), control)
    assert known is not None
    assert len(known.runs) == 3
    assert known.runs == record.runs
    assert (known.status, known.finished) == (record.status, record.finished)
    assert sum(isinstance(event, RunFinished) for event in told) == 3
    assert isinstance(told[0], ExperimentStarted)
    assert isinstance(told[-1], ExperimentFinished)


def test_nothing_new_is_no_event(short: Settings) -> None:
    control = Control()
    stopped = run_experiment(
        replace(short, repeats=2), Recorder(lambda event: control.stop_after_epoch()), control
    )
    resume_experiment(stopped.folder)
    first = list(news(None, read_record(stopped.folder)))
    assert isinstance(first[0], ExperimentStarted)
    known = ExperimentRecord.begin(first[0])
    for event in first:
        known.record(event)
    again = list(news(known, read_record(stopped.folder)))
    assert [type(event) for event in again] in ([], [ExperimentFinished])
    assert not any(isinstance(event, PlanChanged) for event in again)
