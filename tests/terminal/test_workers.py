"""Two worker processes under the dashboard, in a real pseudo-terminal."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
TINY = ["--train-limit", "600", "--test-limit", "200", "--repeats", "1", "--device", "cpu"]

pytestmark = pytest.mark.slow


def test_two_workers_train_two_models_at_once_and_the_chosen_one_is_skipped(
    tmp_path: Path,
) -> None:
    flags = ["--model", "mlp", "--model", "cnn", "--epochs", "10000", "--workers", "2", *TINY]
    with Terminal([COMMAND, *flags], 80, 24, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_for("starting 2 workers", timeout=60)
        terminal.wait_for("▶ worker 1", timeout=60)
        terminal.wait_for("▶ worker 2", timeout=60)
        terminal.press("end", "k")
        terminal.wait_for("↷ skipped", timeout=60)
        assert "▶ worker" in terminal.text(), "the other one trains on"
        terminal.press("x")
        terminal.wait_for("Stop now?")
        terminal.press("y")
        terminal.wait_for("saved in", timeout=60)
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert terminal.restored() == []
    (path,) = tmp_path.glob("results/*/summary.toml")
    runs = tomllib.loads(path.read_text())["runs"]
    ended = {run["model"]: (run["status"], run["place"]) for run in runs}
    assert {status for status, _ in ended.values()} == {"skipped", "stopped"}
    assert ended["cnn"][0] == "skipped"
    assert {place for _, place in ended.values()} == {"worker 1", "worker 2"}
