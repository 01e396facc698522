"""`kill -9` at any moment costs at most the epoch under way."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from test_resume import assert_alike

from engine.experiment import run_experiment
from engine.past_experiment import read_record
from engine.settings import Settings

PROGRAM = Path(__file__).with_name("killed_again_and_again.py")
KILLS = 25


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 2])
def test_fifty_kills_lose_nothing(short: Settings, tmp_path: Path, at_once: int) -> None:
    settings = replace(short, epochs=75, repeats=2, repeats_at_once=at_once, train_limit=500)
    unbroken = run_experiment(replace(settings, results=str(tmp_path / "unbroken")))
    done = subprocess.run(
        [sys.executable, PROGRAM, json.dumps(asdict(settings)), str(at_once), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["code"] == 0, done.stderr
    assert found["killed"] == KILLS
    assert found["inside_writes"] > 0
    record = read_record(Path(found["folder"]))
    assert_alike(record, unbroken)
    assert record.interruptions
    left = {path.name for path in record.folder.iterdir()}
    assert left == {"summary.toml", "mlp-r1.pt", "mlp-r2.pt"}
