"""A real process whose disk fills up, or whose folder may not be written to any more."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
ENDLESS = (
    *("run", "--model", "mlp", "--epochs", "10000", "--repeats", "1"),
    *("--train-limit", "300", "--test-limit", "100", "--device", "cpu", "--threads", "1"),
)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits another process"),
]


def obey_permissions() -> None:
    """Root may write everywhere, but for its children that can be changed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if os.geteuid() == 0 and any(
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
    ):
        raise OSError(ctypes.get_errno(), "the test needs to drop its rights")


def fill(process: subprocess.Popen[str], folder: Path) -> None:
    """No file may be longer than this from now on."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))


def make_room(process: subprocess.Popen[str], folder: Path) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)


def forbid(process: subprocess.Popen[str], folder: Path) -> None:
    folder.chmod(0o500)


def permit(process: subprocess.Popen[str], folder: Path) -> None:
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("lose", "give_back", "reason"),
    [(fill, make_room, "File too large"), (forbid, permit, "Permission denied")],
)
def test_training_goes_on_and_everything_is_saved_when_the_disk_takes_it_again(
    tmp_path: Path, lose: Callable[..., None], give_back: Callable[..., None], reason: str
) -> None:
    process = subprocess.Popen(
        [COMMAND, *ENDLESS],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_permissions,
    )
    lines: list[str] = []
    assert process.stderr is not None

    def read_until(*words: str) -> None:
        for line in process.stderr or ():
            lines.append(line)
            if all(word in line for word in words):
                return
        pytest.fail("".join(lines[-20:]))

    try:
        read_until("epoch 2/")
        (folder,) = (tmp_path / "results").iterdir()
        lose(process, folder)
        read_until(": not saved", reason)  # summary.toml or resume.pt, as it comes
        read_until(": not saved", reason)
        for _ in range(3):
            read_until("epoch ")
        names = {path.name for path in folder.iterdir()}
        pieces = names - {"summary.toml", "resume.pt", "running.toml", "log.txt"}
        assert len(pieces) <= 1, "more than what was being written when it was lost"
        trained = len(tomllib.loads((folder / "summary.toml").read_text())["runs"][0]["epochs"])
        give_back(process, folder)
        read_until("saved now")
        read_until("saved now")
        process.send_signal(signal.SIGTERM)
        for line in process.stderr:
            lines.append(line)
        assert process.wait(timeout=60) == 143
    finally:
        folder.chmod(0o700)
        process.kill()
        process.wait()
        process.stderr.close()
    told = [line for line in lines if "not saved" in line]
    assert len(told) == 2, told
    found = tomllib.loads((folder / "summary.toml").read_text())
    epochs = [epoch["epoch"] for epoch in found["runs"][0]["epochs"]]
    assert found["status"] == "stopped"
    assert len(epochs) > trained + 3
    assert epochs == list(range(1, len(epochs) + 1))
    left = {path.name for path in folder.iterdir()}
    assert left == {"summary.toml", "resume.pt", "mlp-r1.pt", "log.txt"}
