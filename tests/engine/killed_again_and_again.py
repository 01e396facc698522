"""Trains in a process that is killed at random moments and resumed, until it has been killed often
enough; then lets it end. Prints what it saw as JSON.

Usage: python killed_again_and_again.py SETTINGS_AS_JSON SEED KILLS

A program of its own, as it forks: its children need not load torch anew, and it trains nothing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import tomllib
from pathlib import Path

import engine.files
from engine.experiment import resume_experiment, run_experiment
from engine.settings import Settings

LONGEST = 0.5
"""Seconds until a kill."""
SLOW_WRITE = 0.02
"""Seconds that a file takes to get to the disk, so that some kills fall in between."""


def main(settings: Settings, seed: int, kills: int) -> dict[str, object]:
    chance = random.Random(seed)
    results = Path(settings.results)
    killed = inside_writes = 0
    most_epochs = 0
    while True:
        child = os.fork()
        if not child:
            _train(settings, _folder(results))
        ends = time.monotonic() + (chance.uniform(0, LONGEST) if killed < kills else 600)
        status = None
        while status is None and time.monotonic() < ends:
            pid, code = os.waitpid(child, os.WNOHANG)
            status = code if pid else time.sleep(0.001)
        if status is not None:
            folder = _folder(results)
            return {
                "code": os.waitstatus_to_exitcode(status),
                "killed": killed,
                "inside_writes": inside_writes,
                "folder": str(folder),
            }
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1
        folder = _folder(results)
        if folder is not None:
            inside_writes += bool(list(folder.glob(".*.toml.*")) + list(folder.glob(".*.pt.*")))
            epochs = _epochs(folder)
            assert epochs >= most_epochs - settings.repeats, "more than the epoch under way is lost"
            most_epochs = max(epochs, most_epochs)


def _folder(results: Path) -> Path | None:
    return next((path.parent for path in results.glob("*/summary.toml")), None)


def _epochs(folder: Path) -> int:
    summary = tomllib.loads((folder / "summary.toml").read_text(encoding="utf-8"))
    assert summary["status"] == "running"
    return sum(len(run.get("epochs", ())) for run in summary["runs"])


def _train(settings: Settings, folder: Path | None) -> None:
    sync = os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(SLOW_WRITE)
        sync(descriptor)

    engine.files.os.fsync = slow  # type: ignore[attr-defined]
    code = 1
    try:
        record = resume_experiment(folder) if folder else run_experiment(settings)
        code = 0 if record.status == "finished" else 2
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given["models"] = tuple(given["models"])
    print(json.dumps(main(Settings(**given), int(sys.argv[2]), int(sys.argv[3]))))
