"""Output that is not Textual's becomes log records and never reaches the terminal.

The promises are about the file descriptors of a whole process, so each test runs a script in one of
its own. The script hands its records back in a file.
"""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest

from tui.capture import MAX_WAITING
from tui.output_lines import MAX_LINE, LineSplitter, inert
from tui.record_queue import RecordQueue

ROOT = Path(__file__).parents[2]

PRELUDE = """
import json, logging, logging.handlers, os, subprocess, sys, threading, time, warnings
from pathlib import Path
from tui.capture import MAX_WAITING, OUTPUT_LOGGER, captured_output
from tui.record_queue import RecordQueue

records = []
root = logging.getLogger()

def listen():
    root.addHandler(RecordQueue(lambda level, text: records.append((level, text))))

def state():
    streams = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, warnings.showwarning]
    files = [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)]
    return streams, files, sorted(os.listdir("/proc/self/fd"))
"""

EPILOGUE = """
Path(sys.argv[1]).write_text(json.dumps(records))
"""

# The dashboard in small: the training thread does everything that must not reach the screen.
APP = """
from textual.app import App
from textual.widgets import Static

class Dashboard(App):
    def compose(self):
        print("from compose")
        yield Static()

    def on_resize(self, event):
        self.query_one(Static).update(f"on screen {event.size.width}x{event.size.height}")

    def on_mount(self):
        self.call_after_refresh(threading.Thread(target=self.train).start)

    def train(self):
        train()
        self.call_from_thread(self.exit, message="goodbye")

def run():
    with captured_output() as capture:
        app = Dashboard()
        capture.attach(app)
        app.run()
"""


def script_of(tmp_path: Path, *parts: str) -> list[str]:
    script = tmp_path / "script.py"
    script.write_text("".join(textwrap.dedent(part) for part in (PRELUDE, *parts, EPILOGUE)))
    return [sys.executable, str(script), str(tmp_path / "records.json")]


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in os.environ if name not in ("COLUMNS", "LINES")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}


def records_in(tmp_path: Path) -> list[str]:
    texts: list[tuple[str, str]] = json.loads((tmp_path / "records.json").read_text())
    return [f"{level} {text}" for level, text in texts]


def run_on_pipes(tmp_path: Path, *parts: str) -> tuple[str, list[str]]:
    """Run a script without a terminal; what came out of it, and its records."""
    done = subprocess.run(
        script_of(tmp_path, *parts),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout, records_in(tmp_path)


def run_on_terminal(tmp_path: Path, *parts: str) -> tuple[str, list[str]]:
    """Run a script in a pseudo-terminal; every byte that came out of it, and its records."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (14, 61))
    process = subprocess.Popen(
        script_of(tmp_path, *parts),
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    output = b""
    try:
        while data := os.read(master, 1 << 16):
            output += data
    except OSError:  # what Linux says at the end of a pseudo-terminal
        pass
    finally:
        os.close(master)
        code = process.wait(timeout=60)
    assert code == 0, output.decode()
    return output.decode(), records_in(tmp_path)


def test_every_way_to_write_becomes_a_record_and_nothing_gets_out(tmp_path: Path) -> None:
    output, records = run_on_pipes(
        tmp_path,
        """
        listen()
        print("before")
        with captured_output():
            print("a print")
            print("a print to stderr", file=sys.stderr)
            os.write(1, b"native 1\\n")
            os.write(2, b"native 2\\n")
            subprocess.run(["sh", "-c", "echo from a child >&2"], check=True)
            subprocess.run(["echo", "child of a stream"], stdout=sys.stdout, check=True)
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
            warnings.warn("a warning")
            logging.error("an error")
            os.write(2, b"no line feed")
        print("after")
        """,
    )
    assert output.split() == ["before", "after"]
    captured = [
        "a print", "a print to stderr", "native 1", "native 2", "from a child",
        "child of a stream", "from a thread", "no line feed",
    ]  # fmt: skip
    assert [r for r in records if r.removeprefix("WARNING ") in captured] == [
        f"WARNING {line}" for line in captured
    ]
    others = [r for r in records if r.removeprefix("WARNING ") not in captured]
    assert len(others) == 2
    assert any("UserWarning: a warning" in r for r in others)
    assert "ERROR an error" in others


@pytest.mark.parametrize("ending", ["pass", "raise KeyError", "sys.exit()", "os.close(1)"])
def test_everything_is_restored_however_the_context_ends(tmp_path: Path, ending: str) -> None:
    output, _ = run_on_pipes(
        tmp_path,
        f"""
        listen()
        before = state()
        try:
            with captured_output():
                assert state() != before
                {ending}
        except (KeyError, SystemExit):
            pass
        assert state() == before
        print("printed", flush=True)
        os.write(2, b"native\\n")
        """,
    )
    assert output.split() == ["printed", "native"]


def test_it_can_be_entered_again_but_not_twice_at_once(tmp_path: Path) -> None:
    output, records = run_on_pipes(
        tmp_path,
        """
        listen()
        before = state()
        for _ in range(2):
            with captured_output():
                try:
                    with captured_output():
                        pass
                except RuntimeError as error:
                    print(error)
        assert state() == before
        """,
    )
    assert output == ""
    assert records == ["WARNING output is being captured already"] * 2


def test_a_closed_standard_stream_is_refused(tmp_path: Path) -> None:
    _, records = run_on_pipes(
        tmp_path,
        """
        code = '''if True:
            import sys
            from tui.capture import captured_output
            try:
                with captured_output():
                    pass
            except OSError as error:
                print(error, file=sys.stderr)
        '''
        command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        records.append(("done", done.stderr.strip()))
        """,
    )
    assert records == ["done standard output or standard error is closed"]


def test_captured_lines_are_never_captured_again(tmp_path: Path) -> None:
    # Each of these writes what it logs, or that it failed to, to a captured stream.
    output, records = run_on_pipes(
        tmp_path,
        """
        class Broken(logging.Handler):
            def emit(self, record):
                try:
                    raise ValueError
                except ValueError:
                    self.handleError(record)

        class Printing(logging.Handler):
            def emit(self, record):
                print("printed", record.getMessage())

        def fails(level, text):
            raise ValueError

        seen = []
        logging.getLogger(OUTPUT_LOGGER).addFilter(lambda record: seen.append(record) or True)
        with captured_output():
            print("for lastResort")  # no handler at all
            time.sleep(0.3)
        assert len(seen) == 1, seen
        listen()
        old_stream = logging.StreamHandler(sys.stderr)
        with captured_output():
            handlers = [old_stream, logging.StreamHandler(), logging.FileHandler("/dev/stderr"),
                        Broken(), Printing(), RecordQueue(fails)]
            for handler in handlers:
                root.addHandler(handler)
            print("a line")
            time.sleep(0.3)
        assert len(seen) == 2, seen
        """,
    )
    assert output == ""
    assert records == ["WARNING a line"]


def test_a_handler_that_hangs_does_not_hold_up_the_writer(tmp_path: Path) -> None:
    _, records = run_on_pipes(
        tmp_path,
        """
        class Hanging(logging.Handler):
            def emit(self, record):
                go_on.wait(60)

        go_on = threading.Event()
        listen()
        root.addHandler(Hanging())
        with captured_output():
            for i in range(MAX_WAITING + 20_000):  # a pipe holds far less
                print(f"line {i} of the many that are written while logging stands still")
            go_on.set()
        """,
    )
    assert records[0].startswith("WARNING line 0 of")
    lines = [record for record in records if " of the many " in record]
    counts = [int(found[1]) for r in records if (found := re.search(r"\((\d+) lines of output", r))]
    assert counts, "the lines that found no room are reported"
    assert len(lines) >= MAX_WAITING
    assert len(lines) + sum(counts) == MAX_WAITING + 20_000


def test_a_child_that_outlives_the_context_does_not_hold_it_up(tmp_path: Path) -> None:
    run_on_pipes(
        tmp_path,
        """
        with captured_output():
            child = subprocess.Popen(["sleep", "120"])
        child.kill()
        child.wait()
        """,
    )


def test_under_a_running_app_only_textual_reaches_the_terminal(tmp_path: Path) -> None:
    output, records = run_on_terminal(
        tmp_path,
        APP,
        """
        def train():
            print("stray print")
            print("\\x1b[2Jstray clear", file=sys.stderr)
            os.write(1, b"stray native 1\\n")
            os.write(2, b"stray native 2\\n")
            subprocess.run(["sh", "-c", "echo stray child >&2"], check=True)
            warnings.warn("stray warning")
            logging.info("not wanted")

        listen()
        before = state()
        run()
        assert state() == before
        print("printed afterwards")
        """,
    )
    assert set(re.findall(r"on screen (\w+)", output)) == {"61x14"}
    assert "stray" not in output and "compose" not in output
    # Textual's message comes once the screen is left, then what the script prints.
    assert output.rpartition("\x1b[?1049l")[2].count("goodbye") == 1
    assert output.rstrip().endswith("printed afterwards")
    expected = ["compose", "print", "clear", "native 1", "native 2", "child"]
    lines = [record for record in records if "stray warning" not in record]
    assert lines == ["WARNING from compose"] + [f"WARNING stray {what}" for what in expected[1:]]
    assert len(records) == len(lines) + 1


def test_a_crash_of_the_app_is_reported_on_the_terminal(tmp_path: Path) -> None:
    output, records = run_on_terminal(
        tmp_path,
        APP,
        """
        def train():
            app.call_from_thread(app.crash)

        class Crashing(Dashboard):
            def crash(self):
                self.call_later(lambda: 1 / 0)

        listen()
        with captured_output() as capture:
            app = Crashing()
            capture.attach(app)
            app.run()
        """,
    )
    assert "ZeroDivisionError" in output.rpartition("\x1b[?1049l")[2]
    assert not any("ZeroDivisionError" in record for record in records)


def test_a_process_that_multiprocessing_starts_is_captured_too(tmp_path: Path) -> None:
    output, records = run_on_terminal(
        tmp_path,
        APP,
        """
        from multiprocessing import resource_tracker, util

        def train():
            resource_tracker.ensure_running()  # the first thing that a worker process needs
            util.spawnv_passfds(
                os.fsencode(sys.executable), [sys.executable, "-c", "print('from a worker')"], []
            )
            os.wait()
            time.sleep(0.2)

        listen()
        run()
        """,
    )
    assert "WARNING from a worker" in records
    assert "from a worker" not in output
    assert "fds_to_keep" not in output


def test_lines_are_cut_whole_whatever_the_pieces() -> None:
    data = "één\r\nzwei\n\n  drei\n".encode()
    splitter = LineSplitter()
    lines = [line for byte in data for line in splitter.feed(bytes([byte]))]
    assert lines == ["één", "zwei", "  drei"]
    assert splitter.close() == []


def test_a_progress_bar_leaves_its_last_state() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"\r 0%\r 50%") == []
    assert splitter.feed(b"\r100%\r\x1b[K\r") == []
    assert splitter.feed(b"\nnext\n") == ["100%", "next"]


def test_endless_lines_and_bars_stay_bounded() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed(b"x" * 5_000) == []
    assert splitter.feed(b"\n") == ["x" * MAX_LINE + "…"]
    for step in range(10_000):
        assert splitter.feed(b"step %d\r" % step) == []
    assert splitter.feed(b"\n") == ["step 9999"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ×", "plain ×"),
        ("\x1b[1;31mred\x1b[0m \x9b2Jx", "red x"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1b]52;c;Zm9v", ""),
        ("\x1bP+q544e\x1b\\a\x1bc\x1b(B\x1b7b", "ab"),
        ("bell\x07 null\x00 back\x08 del\x7f", "bell null back del"),
        ("a\tb", "a   b"),
        ("right\u202eto\u2066left\u200b", "righttoleft"),
        ("two\nlines\u2028more", "two lines more"),
        ("cut \x1b[3", "cut "),
    ],
)
def test_text_is_made_inert(text: str, expected: str) -> None:
    assert inert(text) == expected


def test_undecodable_bytes_are_replaced() -> None:
    assert LineSplitter().feed(b"a\xff\xfeb\n") == ["a\ufffd\ufffdb"]


def test_records_are_handed_on_as_one_line() -> None:
    got: list[tuple[str, str]] = []
    logger = logging.Logger("test")
    logger.addHandler(RecordQueue(lambda level, text: got.append((level, text))))
    logger.warning("%d\n  lines \x1b[31min red", 2)
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("failed")
    logger.error("%d", "not a number")  # as logging itself: no record, and no exception here
    assert got == [("WARNING", "2 lines in red"), ("ERROR", "failed (ValueError: why)")]
