"""What `mnist-tui run` and `mnist-tui resume` take, and which training each of them starts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from engine.settings import Settings, expanded

if TYPE_CHECKING:
    from engine.control import Control
    from engine.events import Emit
    from engine.records import ExperimentRecord
    from tui.headless import Train

RUN_EXAMPLES = """examples:
  mnist-tui run --epochs 1 --repeats 1      all three models, one epoch
  mnist-tui run --model mlp --model cnn --repeats 10 --device cuda
  mnist-tui run --preset best --json        every event as a line of JSON
"""
RESUME_EXAMPLES = """examples:
  mnist-tui resume                          the newest experiment that ended too early
  mnist-tui resume 20261122-073012-mlp-cnn
"""


def add_run(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    run = commands.add_parser(
        "run",
        parents=[common],
        help="train without a terminal: a line per epoch, the summary's path on stdout",
        epilog=RUN_EXAMPLES,
    )
    _add_json(run)
    run.set_defaults(call=_run)


def add_resume(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    resume = commands.add_parser(
        "resume",
        parents=[common],
        help="go on with an experiment that ended too early, as run does",
        epilog=RESUME_EXAMPLES,
    )
    resume.add_argument(
        "id", nargs="?", metavar="ID", help="or its beginning (default: the newest)"
    )
    _add_json(resume)
    resume.set_defaults(call=_resume)


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print every event as a line of JSON")


def _run(settings: Settings, parsed: argparse.Namespace) -> int:
    def train(emit: Emit, control: Control) -> ExperimentRecord:
        from engine.experiment import run_experiment

        return run_experiment(settings, emit, control)

    return _headless(train, settings, parsed)


def _resume(settings: Settings, parsed: argparse.Namespace) -> int:
    def train(emit: Emit, control: Control) -> ExperimentRecord:
        from engine.experiment import resume_experiment
        from engine.results_folder import find_experiment, newest_unfinished

        results = expanded(settings.results)
        id_ = parsed.id
        record = newest_unfinished(results) if id_ is None else None
        folder = record.folder if record else find_experiment(results, id_)
        return resume_experiment(folder, emit, control)

    return _headless(train, settings, parsed)


def _headless(train: Train, settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.headless import run_headless

    return run_headless(train, json=parsed.json, on_hangup=settings.on_hangup)
