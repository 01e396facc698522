"""The installed `mnist-tui` in a real pseudo-terminal, training on real MNIST."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest
from terminal import Terminal

from tui.first_frame import PURPOSE

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
QUICK = ["--train-limit", "3000", "--test-limit", "500", "--epochs", "3", "--repeats", "2"]
ALL = ["--model", "mlp", "--epochs", "1000", "--repeats", "2"]
LONG = [*ALL, "--train-limit", "12000", "--test-limit", "1000"]


def summaries(folder: Path) -> list[dict[str, object]]:
    paths = sorted(folder.glob("results/*/summary.toml"))
    return [tomllib.loads(path.read_text()) for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize(("cols", "rows"), [(80, 24), (120, 40)])
def test_a_user_picks_a_model_trains_it_and_quits(tmp_path: Path, cols: int, rows: int) -> None:
    with Terminal([COMMAND, *QUICK], cols=cols, rows=rows, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.wait_for("[x] ● mlp")
        for label in ("cnn", "mobilenetv2"):
            lines = terminal.text().splitlines()
            y = next(index for index, line in enumerate(lines) if f" {label} " in line)
            terminal.click(lines[y].index(label), y)
        terminal.wait_for("2 runs, 3 epochs each")
        terminal.press("s")
        terminal.wait_until(lambda: re.search(r"\d\d\.\d\d %", terminal.text()) is not None, 60)
        terminal.wait_for("1. ● mlp", timeout=60)
        assert re.search(r"1\. ● mlp +\d\d\.\d\d ± \d\.\d\d %", terminal.text())
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert terminal.restored() == []
        (summary,) = summaries(tmp_path)
        assert summary["status"] == "finished"
        assert summary["id"] in terminal.text()  # the path, on the shell's screen


@pytest.mark.slow
def test_keys_of_one_burst_are_obeyed_in_their_order(tmp_path: Path) -> None:
    with Terminal([COMMAND, *LONG], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.type("\x1b[A\x1b[A\x1b[A123")  # up to workers, device, seed; and a number
        terminal.wait_for("seed            123 ")
        terminal.type("\x7f9\x1b[D5")  # Backspace, 9, left, 5
        terminal.wait_for("1259")
        terminal.type("7s")  # a number, and Start
        terminal.wait_for_epoch(1)
        terminal.type("qy")  # a question, and its answer
        assert terminal.wait_exit() == 0
    (summary,) = summaries(tmp_path)
    assert summary["status"] == "stopped"
    runs = summary["runs"]
    assert isinstance(runs, list)
    assert runs[0]["seed"] == 12579


@pytest.mark.slow
def test_quitting_while_training_asks_then_saves(tmp_path: Path) -> None:
    with Terminal([COMMAND, *LONG], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        terminal.press("q")
        terminal.wait_for("Quit?")
        terminal.press("y")
        assert terminal.wait_exit() == 0
        assert terminal.restored() == []
    (summary,) = summaries(tmp_path)
    assert summary["status"] == "stopped"
    runs = summary["runs"]
    assert isinstance(runs, list)
    assert runs[0]["epochs"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_and_restores_the_terminal(tmp_path: Path, number: int) -> None:
    with Terminal([COMMAND, *LONG, "--on-hangup", "stop"], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        terminal.signal(signal.Signals(number))
        assert terminal.wait_exit() == 128 + number
        assert terminal.restored() == []
    assert [summary["status"] for summary in summaries(tmp_path)] == ["stopped"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [(None, "finished", 0), (signal.SIGHUP, "finished", 0), (signal.SIGTERM, "stopped", 143)],
)
def test_a_terminal_that_is_gone_ends_no_training(
    tmp_path: Path, sent: signal.Signals | None, status: str, code: int
) -> None:
    epochs = {None: "30", signal.SIGHUP: "60", signal.SIGTERM: "10000"}[sent]
    small = ("--train-limit", "3000", "--test-limit", "500", "--epochs", epochs)
    with Terminal([COMMAND, *LONG, *small], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_until(lambda: re.search(rf"\d/{epochs}", terminal.text()) is not None, 60)
        terminal.hang_up()
        if sent is not None:
            log_has(tmp_path, "the training goes on")
            assert busy_threads(terminal.process.pid) <= 1, "something but the training is busy"
            terminal.signal(sent)
        assert terminal.wait_exit(60) == code
    (summary,) = summaries(tmp_path)
    assert summary["status"] == status
    log_has(tmp_path, "the training goes on")


def busy_threads(pid: int) -> int:
    """How many threads of a process took a fifth of a core in the last second."""
    before = {thread.id: thread.user_time for thread in psutil.Process(pid).threads()}
    time.sleep(1)
    after = {thread.id: thread.user_time for thread in psutil.Process(pid).threads()}
    return sum(after[id_] - before.get(id_, 0.0) > 0.2 for id_ in after)


@pytest.mark.slow
def test_a_second_signal_does_not_cost_the_summary(tmp_path: Path) -> None:
    """A step of so many images takes a second or more; until its end all have come."""
    huge = ("--model", "cnn", "--batch-size", "6000", "--threads", "1", "--on-hangup", "stop")
    with Terminal([COMMAND, *huge], cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_until(lambda: bool(summaries(tmp_path)), 60)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            terminal.signal(number)
            time.sleep(0.5)
        assert terminal.wait_exit(60) == 129
    (summary,) = summaries(tmp_path)
    assert summary["status"] == "stopped"


def log_has(folder: Path, words: str) -> None:
    """Wait until an experiment's log has these words, and no traceback."""
    deadline = time.monotonic() + 60
    text = ""
    while words not in text:
        assert time.monotonic() < deadline, text
        text = "".join(path.read_text() for path in folder.glob("results/*/log.txt"))
        time.sleep(0.05)
    assert "Traceback" not in text


@pytest.mark.slow
def test_stray_output_never_reaches_the_screen(tmp_path: Path) -> None:
    """A warning, a print and native writes of the training go to the log pane and log.txt."""
    (tmp_path / "noisy.py").write_text(
        "import os, sys, warnings\n"
        "import engine.run\n"
        "from tui.cli import main\n"
        "train = engine.run._train\n"
        "def noisy(*args):\n"
        "    print('stray print')\n"
        "    os.write(1, b'native stdout\\n'); os.write(2, b'native stderr\\n')\n"
        "    warnings.warn('a warning')\n"
        "    return train(*args)\n"
        "engine.run._train = noisy\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, str(tmp_path / "noisy.py"), "--model", "mlp", *QUICK]
    with Terminal(command, cols=160, rows=50, cwd=tmp_path) as terminal:  # a long log pane
        terminal.wait_for("Start", timeout=60)
        terminal.press("enter")
        terminal.wait_for("! native stderr", timeout=60)
        terminal.wait_for("1. ● mlp", timeout=60)
        for line in terminal.text().splitlines():
            assert not re.search(r"stray|native|a warning", line) or "││" in line, "not in the pane"
        terminal.press("q")
        assert terminal.wait_exit() == 0
    (log,) = tmp_path.glob("results/*/log.txt")
    for text in ("stray print", "native stdout", "native stderr", "a warning"):
        assert text in log.read_text()


def test_a_dumb_terminal_is_refused_in_one_line(tmp_path: Path) -> None:
    with Terminal([COMMAND], env={"TERM": "dumb"}, cwd=tmp_path) as terminal:
        terminal.wait_for("mnist-tui run")
        assert terminal.wait_exit() == 2


def test_the_first_frame_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, tui.app; tui.app.MnistApp\n"
        "assert not {'torch', 'torchvision', 'plotext', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_the_name_is_on_the_screen_before_textual_is_loaded(tmp_path: Path) -> None:
    """Loading stops here with an error or a signal; either way the terminal is put back."""
    for stop, code in (("raise ImportError('broken')", 1), ("import signal; signal.pause()", 143)):
        (tmp_path / "textual.py").write_text(stop)
        command = [sys.executable, "-c", "import sys; from tui.cli import main; sys.exit(main())"]
        with Terminal(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}) as terminal:
            if code != 1:
                terminal.wait_for(f"mnist-tui  {PURPOSE}")
                terminal.signal(signal.SIGTERM)
            assert terminal.wait_exit() == code
            assert terminal.restored() == []
            assert PURPOSE.encode() in terminal.raw
            assert PURPOSE not in terminal.text()


def test_the_first_line_fits_a_narrow_terminal(tmp_path: Path) -> None:
    (tmp_path / "textual.py").write_text("import signal; signal.pause()")
    command = [sys.executable, "-c", "from tui.cli import main; main()"]
    with Terminal(command, cols=30, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}) as terminal:
        terminal.wait_for("mnist-tui  train")
        assert [bool(line.strip()) for line in terminal.text().splitlines()][:2] == [True, False]


def colours(raw: bytes) -> set[bytes]:
    """The codes of colours other than the terminal's default."""
    codes = {code for text in re.findall(rb"\x1b\[([0-9;]*)m", raw) for code in text.split(b";")}
    sixteen = (b"%d" % (base + n) for base in (30, 40, 90, 100) for n in range(8))
    return codes & {b"38", b"48", *sixteen}


@pytest.mark.slow
def test_no_color_is_kept_to_the_last_byte(tmp_path: Path) -> None:
    with Terminal([COMMAND, *QUICK], cwd=tmp_path, env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("[x] ● mlp")
        terminal.press("tab", "s")
        terminal.wait_for("running", timeout=60)
        terminal.press("x")
        terminal.wait_for("Stop now?")
        terminal.press("y")
        terminal.wait_for("saved in results", timeout=60)
        assert colours(bytes(terminal.raw)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["flag", "locale"])
def test_a_terminal_without_unicode_gets_ascii_alone(tmp_path: Path, how: str) -> None:
    flags, environment = (["--ascii"], {}) if how == "flag" else ([], {"LC_ALL": "C"})
    with Terminal([COMMAND, *flags, *QUICK], cwd=tmp_path, env=environment) as terminal:
        terminal.wait_for("[x] o mlp")
        terminal.press("s")
        terminal.wait_for("running", timeout=60)
        terminal.press("?")
        terminal.wait_for("While it trains")
        assert bytes(terminal.raw).isascii()
        terminal.press("q")  # closes the page
        terminal.wait_until(lambda: "While it trains" not in terminal.text())
        terminal.press("q")
        terminal.wait_for("Quit?")
        terminal.press("y")
        assert terminal.wait_exit() == 0


@pytest.mark.slow
def test_sixteen_colours_are_enough(tmp_path: Path) -> None:
    with Terminal([COMMAND, *QUICK], cwd=tmp_path, env={"TERM": "xterm"}) as terminal:
        terminal.wait_for("[x] ● mlp")
        terminal.press("s")
        terminal.wait_for("running", timeout=60)
        assert not colours(bytes(terminal.raw)) & {b"38", b"48"}


WINDOW = 4.0
"""Seconds over which bytes are counted."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "size", "limit"),
    [([], (120, 40), 4_000), ([], (80, 24), 2_500), (["--slow-link"], (120, 40), 2_000)],
)
def test_a_training_sends_few_bytes(
    tmp_path: Path, flags: list[str], size: tuple[int, int], limit: int
) -> None:
    """A slow machine sends fewer, never more."""
    with Terminal([COMMAND, *flags, *ALL], *size, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        opened, begin = len(terminal.raw), time.monotonic()
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        before, end = len(terminal.raw), time.monotonic() + WINDOW
        # The form once more and this screen once, whatever Textual lays out meanwhile.
        assert before - opened < 40_000 + limit * (time.monotonic() - begin)
        terminal.wait_until(lambda: time.monotonic() > end)
        assert 0 < len(terminal.raw) - before < limit * WINDOW


def epochs_on_disk(folder: Path) -> int:
    runs = summaries(folder)[0]["runs"]
    assert isinstance(runs, list)
    return len(runs[0].get("epochs", []))


@pytest.mark.slow
def test_a_terminal_that_stops_reading_costs_no_epoch_and_is_told_the_truth(
    tmp_path: Path,
) -> None:
    with Terminal([COMMAND, *LONG], 120, 40, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("enter")
        terminal.wait_for_epoch(2)
        terminal.press(*"mmmmmmmmm")  # drawn anew so often, more waits than a terminal holds
        stalled, deadline = epochs_on_disk(tmp_path), time.monotonic() + 60
        while epochs_on_disk(tmp_path) < stalled + 20:  # nobody reads the screen meanwhile
            assert time.monotonic() < deadline, "the training waits for the screen"
            time.sleep(0.2)
        terminal.wait_for_epoch(epochs_on_disk(tmp_path), 20)


@pytest.mark.slow
def test_the_form_begins_as_it_was_started_last(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    flags = ["--model", "mlp", "--epochs", "2", "--repeats", "3"]
    small = ["--train-limit", "500", "--test-limit", "100"]
    with Terminal([COMMAND, *small, *flags], cwd=tmp_path, env=environment) as terminal:
        terminal.wait_for("[x] ● mlp")
        terminal.press("s")
        terminal.wait_for("✓ finished", timeout=60)
    with Terminal([COMMAND], cwd=tmp_path, env=environment) as terminal:
        terminal.wait_for("3 runs, 2 epochs each")
    with Terminal([COMMAND, "--epochs", "10"], cwd=tmp_path, env=environment) as terminal:
        terminal.wait_for("15 runs, 10 epochs each")


@pytest.mark.slow
def test_a_digit_is_drawn_with_the_mouse_and_read(tmp_path: Path) -> None:
    """Left button pressed, dragged, released, in the terminal's own words (SGR)."""
    with Terminal([COMMAND, "--model", "mlp", *QUICK], 120, 40, cwd=tmp_path) as terminal:
        terminal.wait_for("Start")
        terminal.press("s")
        terminal.wait_for("✓ finished", timeout=60)
        terminal.press("d")
        terminal.wait_for("s Save")
        terminal.type("\x1b[<0;30;8M\x1b[<32;30;20M\x1b[<0;30;20m")

        def stroke() -> list[str]:
            return [row for row in terminal.text().splitlines() if "▀▀" in row[:58]]

        terminal.wait_until(lambda: len(stroke()) >= 12)  # a line, not two dots
        terminal.wait_until(lambda: re.search(r"[━╸] +\d+%", terminal.text()) is not None)
        terminal.type("\x1b[<35;50;12M")  # moved without a button
        terminal.press("w")
        terminal.wait_for("Draw a digit")
        terminal.type("l18\r")  # in one burst
        terminal.wait_for("test digit 18, a 3")


@pytest.mark.slow
def test_a_terminal_that_goes_without_a_signal_ends_no_training_either(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    small = ("--train-limit", "3000", "--test-limit", "500", "--epochs", "20")
    with subprocess.Popen(
        [COMMAND, *LONG, *small],
        cwd=tmp_path,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,  # of which it is not the controlling terminal
    ) as process:
        os.close(slave)
        seen, pressed = b"", False
        while not list(tmp_path.glob("results/*/resume.pt")):
            seen += os.read(master, 65536)
            if not pressed and b"Start" in seen:
                os.write(master, b"s")
                pressed = True
        os.close(master)
        assert process.wait(timeout=60) == 0
    assert [summary["status"] for summary in summaries(tmp_path)] == ["finished"]
    log_has(tmp_path, "the training goes on")
