"""The connection drops; opened again, the dashboard shows what still trains and can stop it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
LONG = [
    *("--model", "mlp", "--epochs", "1000", "--repeats", "2"),
    *("--train-limit", "12000", "--test-limit", "1000"),
]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("cols", "rows"), [(80, 24), (120, 40)])
def test_what_trains_on_after_a_hang_up_is_watched_and_stopped(
    tmp_path: Path, cols: int, rows: int
) -> None:
    with Terminal([COMMAND, *LONG], cwd=tmp_path) as first:
        first.wait_for("Start")
        first.press("enter")
        first.wait_for_epoch(2)
        first.hang_up()
        with Terminal([COMMAND], cols, rows, cwd=tmp_path) as second:
            second.wait_for("w watches")
            second.wait_for("w Watch")
            second.press("w")
            second.wait_for("watching", timeout=60)
            second.wait_for_epoch(3)
            second.wait_for_epoch(second.epoch() + 1)
            assert first.process.poll() is None, "watching has ended it"
            second.press("n")
            second.wait_for("w watches")
            second.press("w")
            second.wait_for("watching", timeout=60)
            second.press("x")
            second.wait_for("Stop that process?")
            second.press("y")
            second.wait_for("◼ stopped", timeout=60)
            second.press("q")
            assert second.wait_exit() == 0
            assert second.restored() == []
        assert first.process.wait(timeout=20) == 143
    (path,) = tmp_path.glob("results/*/summary.toml")
    assert tomllib.loads(path.read_text())["status"] == "stopped"


def test_a_process_that_is_killed_while_it_is_watched_is_said_to_be_gone(tmp_path: Path) -> None:
    with Terminal([COMMAND, "run", *LONG], cwd=tmp_path) as trains:
        trains.wait_for("epoch 2/1000", timeout=60)
        with Terminal([COMMAND], 80, 24, cwd=tmp_path) as watches:
            watches.wait_for("w watches")
            watches.press("w")
            watches.wait_for("watching", timeout=60)
            watches.wait_for_epoch(2)
            trains.process.kill()
            trains.process.wait()
            watches.wait_for("interrupted", timeout=60)
            watches.press("n")
            watches.wait_for("r goes on with")
            watches.press("q")
            assert watches.wait_exit() == 0
