"""`mnist-tui run`: an experiment without a screen, in plain lines.

One line per epoch on stderr; on stdout the summary's path alone, or with ``--json`` every event
as a line of JSON. There is no colour to switch off.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from engine.control import Control
from engine.events import (
    Emit,
    EpochFinished,
    Event,
    ExperimentFinished,
    ExperimentResumed,
    ExperimentStarted,
    Notice,
    Progress,
    RunFailed,
    RunFinished,
    RunId,
    RunStarted,
    Snapshot,
    as_json,
)
from engine.one_line import one_line
from engine.past_experiment import ENDED
from engine.records import ExperimentRecord
from tui.ending_signals import ENDING_SIGNALS, HANGUP
from tui.plain_lines import print_line
from tui.wording import accuracy, duration, limits, ranking_lines

FEATURES_LINE_SECONDS = 10.0
EXIT_FAILED = 1


Train = Callable[[Emit, Control], ExperimentRecord]
"""Trains an experiment to its end. Should import what it needs itself: torch takes over a second,
and a signal must end the program in order even then."""


def run_headless(train: Train, *, json: bool, on_hangup: str) -> int:
    """Run one experiment; return the exit code. On SIGHUP "finish" goes on, "stop" ends it.

    Raises:
        What ``train`` raises.
    """
    _log_to_stderr()
    control = Control()
    show = _json_printer() if json else _line_printer()
    if on_hangup == "finish" and HANGUP:
        signal.signal(HANGUP, signal.SIG_IGN)
    with _stopping_on_signals(control) as received:
        try:
            record = train(show, control)
        except KeyboardInterrupt:  # the second signal; the summary has been written
            return 128 + received[0]
    if not record.saved:
        return EXIT_FAILED
    if not json:
        for line in ranking_lines(record):
            _say(line)
        if not print_line(str(record.summary), sys.stdout):
            return EXIT_FAILED
    if received:
        return 128 + received[0]
    return EXIT_FAILED if record.status in ("failed", "interrupted") else 0


@contextlib.contextmanager
def _stopping_on_signals(control: Control) -> Iterator[list[int]]:
    """Stop the experiment on the first Ctrl-C, SIGTERM or SIGHUP; a second one ends the process.

    Yields the list of signals received.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        control.stop()
        signal.signal(number, signal.default_int_handler)
        _say(f"stopping on {signal.Signals(number).name}; the summary is being saved")

    # What is ignored stays ignored: nohup, or a shell's background job.
    handled = [
        number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _json_printer() -> Callable[[Event], None]:
    def show(event: Event) -> None:
        if not isinstance(event, Snapshot):
            print_line(as_json(event), sys.stdout)

    return show


def _line_printer() -> Callable[[Event], None]:
    record: ExperimentRecord | None = None
    said_features = 0.0
    features_run: RunId | None = None

    def show(event: Event) -> None:
        nonlocal record, said_features, features_run
        if isinstance(event, ExperimentStarted):
            record = ExperimentRecord.begin(event)
            _say(_started_line(event))
            return
        if isinstance(event, Progress):
            if event.phase != "features":
                return
            if features_run is None:  # runs side by side all tell of the same features
                features_run = event.run
            if event.run != features_run:
                return
            done = event.step == event.steps
            if event.seconds - said_features >= FEATURES_LINE_SECONDS or done:
                said_features = event.seconds
                _say(_features_line(event))
            return
        if record is not None:
            record.record(event)
            if isinstance(event, RunFinished | RunFailed) and event.run == features_run:
                features_run = None
            line = _line(event, record)
            if line:
                _say(line)

    return show


def _started_line(event: ExperimentStarted) -> str:
    settings, environment = event.settings, event.environment
    limited = f", {limits(settings)}" if limits(settings) else ""
    return (
        f"{event.id}: {', '.join(settings.models)}; epochs {settings.epochs}, "
        f"repeats {settings.repeats}, batch size {settings.batch_size}, "
        f"preset {settings.preset}, seed {settings.seed}{limited}; "
        f"on {environment['device']} ({environment['device_name']}){_shared(environment)}"
    )


def _shared(environment: Mapping[str, str | int]) -> str:
    """Among how many it is handed out, where it is."""
    counts = {name: environment[name] for name in ("workers", "nodes") if name in environment}
    return "".join(f", {name} {count}" for name, count in counts.items())


def _features_line(event: Progress) -> str:
    rate = event.step / max(event.seconds, 1e-9)
    left = (event.steps - event.step) / max(rate, 1e-9)
    return (
        f"{event.run}  features of {event.step:,}/{event.steps:,} images  "
        f"{rate:,.0f} images/s  {duration(left)} left"
    )


def _line(event: Event, record: ExperimentRecord) -> str:
    match event:
        case RunStarted():
            return f"{event.run}  seed {event.seed}" + (
                f"  on {event.place}" if event.place else ""
            )
        case EpochFinished(run, epoch):
            validation = ""
            if epoch.validation_accuracy is not None:
                validation = f"validation {accuracy(epoch.validation_accuracy)}  "
            return (
                f"{run}  epoch {epoch.epoch}/{record.runs[run].planned_epochs}  "
                f"train loss {epoch.train_loss:.4f} accuracy {accuracy(epoch.train_accuracy)}  "
                f"{validation}"
                f"test loss {epoch.test_loss:.4f} accuracy {accuracy(epoch.test_accuracy)}  "
                f"{epoch.seconds:.1f} s  {epoch.images_per_second:,.0f} images/s"
            )
        case RunFinished() if event.status != "finished":
            return f"{event.run}  {event.status}"
        case RunFailed() | Notice():
            return ""  # the log's handler on stderr says it
        case ExperimentResumed():
            kept = sum(1 for run in record.runs.values() if run.status in ENDED)
            return (
                f"{record.id}: goes on; {kept} of {len(record.runs)} runs have ended, "
                f"{event.epochs} epochs are kept"
            )
        case ExperimentFinished():
            return f"{event.id}: {event.status}"
        case _:
            return ""


class _OneLine(logging.Formatter):
    """Without tracebacks, which are in log.txt."""

    def format(self, record: logging.LogRecord) -> str:
        return "mnist-tui: " + one_line(" ".join(record.getMessage().split()))


def _log_to_stderr() -> None:
    if sys.stderr is not None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_OneLine())
        logging.getLogger().addHandler(handler)
    logging.getLogger("mnist_tui").setLevel(logging.INFO)


def _say(text: str) -> None:
    print_line(text, sys.stderr)
