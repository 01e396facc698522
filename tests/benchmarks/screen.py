"""How quick and how quiet the dashboard is in a real pseudo-terminal on this machine.

    python tests/benchmarks/screen.py [--rounds N] [--only GROUP...]

Bytes are what the terminal receives; a key's time ends when the screen shows what it did.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "terminal"))

from terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
ENDLESS = ["--epochs", "1000", "--repeats", "1"]
SIZES = ((120, 40), (80, 24))
WINDOW = 10.0
KEYS = 60
TURNS = 4
"""Of each of the two, a round."""
KEY_GAP = 0.3
"""Seconds between keys, as a person presses them."""


def dashboard(folder: str, *flags: str, size: tuple[int, int] = (120, 40)) -> Terminal:
    environment = {"XDG_STATE_HOME": folder}  # whoever runs this keeps their own choices
    return Terminal([COMMAND, *flags], *size, cwd=folder, env=environment, whole_frames=False)


def read_for(terminal: Terminal, seconds: float) -> int:
    """Bytes that come within so many seconds."""
    before, end = len(terminal.raw), time.monotonic() + seconds
    terminal.wait_until(lambda: time.monotonic() > end, seconds + 1)
    return len(terminal.raw) - before


def start(rounds: int) -> None:
    """Until the name, and until the whole form, is on the screen."""
    names, forms = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            with dashboard(folder) as terminal:
                terminal.wait_for("mnist-tui")
                names.append(time.perf_counter() - began)
                terminal.wait_for("Start")
                forms.append(time.perf_counter() - began)
    for what, found in (("name", names), ("form", forms)):
        print(f"first paint, {what:<5} {statistics.median(found):6.2f} s  (best {min(found):.2f})")


def past(rounds: int) -> None:
    """Until the whole form is on the screen, with 200 experiments of 100 epochs and with none."""
    forms: dict[str, list[float]] = {"none": [], "200": []}
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "200" / "results"
        short = ["--epochs", "100", "--repeats", "1", "--train-limit", "200", "--test-limit", "100"]
        train = [COMMAND, "run", "--model", "mlp", *short, "--results", str(results)]
        subprocess.run(train, check=True, capture_output=True)
        (one,) = results.iterdir()
        for number in range(199):
            shutil.copytree(one, results / f"20260101-{number:06}-mlp")
        (Path(folder) / "none").mkdir()
        for _ in range(rounds):
            for name, found in forms.items():
                began = time.perf_counter()
                with dashboard(str(Path(folder) / name)) as terminal:
                    terminal.wait_for("Start")
                    found.append(time.perf_counter() - began)
    none, many = (statistics.median(found) for found in forms.values())
    print(f"form, 200 past experiments {many:.2f} s, none {none:.2f} s: {many / none:.2f}×")


def wire(rounds: int) -> None:
    """Bytes a second, idle and while a network trains."""
    for size in SIZES:
        for model, flags in (("mlp", []), ("cnn", []), ("mlp", ["--slow-link"])):
            rates, idle = [], []
            for _ in range(rounds):
                with (
                    tempfile.TemporaryDirectory() as folder,
                    dashboard(folder, "--model", model, *flags, *ENDLESS, size=size) as screen,
                ):
                    screen.wait_for("Start")
                    read_for(screen, 3)
                    idle.append(read_for(screen, 2) / 2)
                    screen.press("s")
                    screen.wait_for("running", 60)
                    read_for(screen, 3)
                    rates.append(read_for(screen, WINDOW) / WINDOW)
            columns, lines = size
            print(
                f"{columns}×{lines} {model:<4}{' '.join(flags):<12} "
                f"live {statistics.median(rates):6,.0f} B/s  "
                f"idle {statistics.median(idle):,.0f} B/s"
            )


def keys(rounds: int) -> None:
    """From a key to the first change that comes of it, while a network trains.

    The key reads out an epoch, which changes the frame of a chart as nothing else does.
    """
    for model in ("mlp", "cnn"):
        times: list[float] = []
        for _ in range(rounds):
            with (
                tempfile.TemporaryDirectory() as folder,
                dashboard(folder, "--model", model, *ENDLESS) as screen,
            ):
                screen.wait_for("Start")
                screen.press("s")
                screen.wait_for("3/1000", 120)
                for number in range(KEYS):
                    read_for(screen, KEY_GAP)
                    times.append(_read_out(screen, shown=number % 2 == 0))
        times.sort()
        print(
            f"key while {model} trains: p50 {1e3 * statistics.median(times):.1f} ms  "
            f"p95 {1e3 * times[int(0.95 * len(times))]:.1f} ms  max {1e3 * times[-1]:.1f} ms"
        )


def _read_out(screen: Terminal, *, shown: bool) -> float:
    """Seconds until the newest epoch is read out, or no longer is."""
    while True:
        began = time.perf_counter()
        screen.press("left" if shown else "right")
        # The right key leads behind the newest epoch, unless another has ended meanwhile.
        with contextlib.suppress(AssertionError):
            screen.wait_until(lambda: ("╎" in screen.text()) == shown, 0.5)
            return time.perf_counter() - began


TRAININGS = {
    "mlp": ["--model", "mlp", "--repeats", "1"],
    "mlp, 5 side by side": ["--model", "mlp", "--repeats", "5"],
    "cnn": ["--model", "cnn", "--repeats", "1", "--train-limit", "6000", "--test-limit", "1000"],
}
TURN = 8.0
"""Seconds that one of the two trains while the other one is held."""
SETTLED = 0.7
"""Seconds until a shell has done what it was told."""
LIVELY = 12.0
"""Seconds after the start, when the screen looks more often, that do not count."""


def throughput(rounds: int) -> None:
    """What the dashboard costs the training, beside `mnist-tui run` with the same flags.

    Both are under way at once and take turns: a machine is not as quick at one moment as at the
    next. Of each turn the epochs count that were not held in their middle. The terminals only take
    the bytes: drawing them would cost the training more than sending them.
    """
    for name, flags in TRAININGS.items():
        flags = [*flags, "--epochs", "10000", "--save-weights", "false"]
        with (
            tempfile.TemporaryDirectory() as with_screen,
            tempfile.TemporaryDirectory() as without,
            dashboard(with_screen, *flags) as screen,
        ):
            screen.wait_for("Start")
            screen.press("s")
            _drain_for(screen, LIVELY)
            screen.hold()
            with Terminal([COMMAND, "run", *flags], cwd=without) as headless:
                _drain_for(headless, LIVELY)
                headless.hold()
                ratios = [
                    _turn(screen, with_screen) / _turn(headless, without)
                    for _ in range(rounds * TURNS)
                ]
        print(
            f"{name}: with the dashboard {statistics.median(ratios):.3f} of the images/s without, "
            f"the middle half of {len(ratios)} turns "
            f"{' to '.join(f'{q:.3f}' for q in statistics.quantiles(ratios, n=4)[::2])}"
        )


def _turn(terminal: Terminal, folder: str) -> float:
    """Let it train; images a second of its epochs."""
    terminal.go_on()
    rate = _rate_now(terminal, folder)
    terminal.hold()
    return rate


def _rate_now(terminal: Terminal, folder: str) -> float:
    """Images a second of the epochs that begin and end within a turn."""
    before = len(_rates(folder))
    _drain_for(terminal, TURN)
    return statistics.mean(_rates(folder)[before + 1 :])


def background(rounds: int) -> None:
    """What the screen costs the training of its own process: it trains in turns on the screen and,
    after Ctrl-Z and `bg`, without one. Two processes differ by some percent for reasons of their
    own; one does not.
    """
    for name, flags in TRAININGS.items():
        command = [COMMAND, *flags, "--epochs", "10000", "--save-weights", "false"]
        with (
            tempfile.TemporaryDirectory() as folder,
            Terminal(["bash", "--norc", "--noprofile", "-i"], cwd=folder) as shell,
        ):
            shell.type(f"XDG_STATE_HOME={folder} {shlex.join(command)}\r")
            shell.wait_for("Start")
            shell.press("s")
            _drain_for(shell, LIVELY)
            shown, hidden = [], [_hidden(shell, folder)]
            for _ in range(rounds * TURNS):
                shell.type("fg\r")
                _drain_for(shell, SETTLED)
                shown.append(_rate_now(shell, folder))
                hidden.append(_hidden(shell, folder))
        around = [(before + after) / 2 for before, after in pairwise(hidden)]
        ratios = [mine / theirs for mine, theirs in zip(shown, around, strict=True)]
        error = statistics.stdev(ratios) / len(ratios) ** 0.5
        print(
            f"{name}: on the screen {statistics.mean(ratios):.3f} of the images/s without, "
            f"standard error {error:.3f}, {len(ratios)} turns"
        )


def _hidden(shell: Terminal, folder: str) -> float:
    """Images a second without the screen."""
    shell.type("\x1a")
    _drain_for(shell, SETTLED)
    shell.type("bg\r")
    _drain_for(shell, SETTLED)
    return _rate_now(shell, folder)


def _drain_for(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    terminal.drain(lambda: time.monotonic() > end, seconds + 1)


def _rates(folder: str) -> list[float]:
    """Images a second in each finished epoch of the first run."""
    (summary,) = Path(folder).glob("results/*/summary.toml")
    runs = tomllib.loads(summary.read_text())["runs"]
    return [epoch["images_per_second"] for epoch in runs[0].get("epochs", [])]


GROUPS = {
    "start": start,
    "past": past,
    "wire": wire,
    "keys": keys,
    "throughput": throughput,
    "background": background,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    given = parser.parse_args()
    for name in given.only:
        GROUPS[name](given.rounds)
