"""`mnist-tui predict`: what it prints, what it refuses, its exit codes.

In this process, which has loaded torch already, but for what needs one of its own.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from test_headless import COMMAND, SMALL, Done, command, environment

from engine.data import read_part
from tui.cli import main

LINE = re.compile(r"(.+): (\d)  \d+\.\d %   then \d \d+\.\d %, \d \d+\.\d %")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an experiment in it, three digits in a folder, and something that is none."""
    folder = tmp_path_factory.mktemp("predict")
    runs = ("--model", "mlp", "--epochs", "3", "--repeats", "2")
    small = ("--train-limit", "5000", *SMALL[2:])
    done = command("run", *runs, *small, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "digits").mkdir()
    images, labels = read_part("", "t10k")
    for number in range(3):
        large = 255 - images[number].numpy()
        path = folder / "digits" / f"{number}-is-{labels[number]}.png"
        Image.fromarray(large).resize((150, 150)).save(path)
    (folder / "digits" / "notes.txt").write_text("not read")
    (folder / "bad.png").write_text("no image")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def predict(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command in that folder."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Done:
        try:
            code = main(["predict", *arguments])
        except SystemExit as refusal:
            assert isinstance(refusal.code, int)
            code = refusal.code
        return Done(folder, code, *capsys.readouterr())

    return run


def digits(output: str) -> list[tuple[str, str]]:
    """The digit that each file's name says, and the one that was read."""
    found = [LINE.fullmatch(line) for line in output.splitlines()]
    assert all(found), output
    return [(match[1].split("-is-")[1][0], match[2]) for match in found if match]


def test_files_folders_and_patterns_are_read(folder: Path) -> None:
    images = ("digits", "digits/*.png", "digits/0-is-7.png", "digits/[12]*")
    done = command("predict", "latest", *images, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert digits(done.stdout) == [("7", "7"), ("2", "2"), ("1", "1")] * 3
    assert re.fullmatch(r"\d{8}-\d{6}-mlp/mlp-r\d: mlp, test accuracy .* %\n", done.stderr)


def test_what_cannot_be_read_is_one_line_and_the_rest_goes_on(predict: Callable[..., Done]) -> None:
    done = predict("latest/mlp-r2", "bad.png", "gone.png", "empty", "digits")
    assert done.code == 1
    assert len(digits(done.out)) == 3
    heading, *problems = done.err.splitlines()
    assert "/mlp-r2: mlp" in heading
    assert problems == [
        "mnist-tui: bad.png: is not an image; allowed: PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM",
        "mnist-tui: gone.png: cannot be read: No such file or directory",
        "mnist-tui: empty: no image there",
    ]


def test_json_is_a_line_per_image(predict: Callable[..., Done]) -> None:
    done = predict("latest", "digits", "bad.png", "--json")
    assert (done.code, done.err) == (1, "")
    *read, bad = map(json.loads, done.out.splitlines())
    assert [one["digit"] for one in read] == [7, 2, 1]
    for one in read:
        assert set(one) == {"file", "digit", "probability", "probabilities", "run"}
        assert len(one["probabilities"]) == 10
        assert one["probability"] == one["probabilities"][one["digit"]]
    assert set(bad) == {"file", "error"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("20990101", "digits"), "has no experiment '20990101'"),
        (("latest/cnn", "digits"), "has no experiment with weights of 'cnn'"),
        (("gone.pt", "digits"), "'gone.pt': is not a file"),
        (("bad.pt", "digits"), "bad.pt: is damaged or holds no weights"),
        (("latest", "empty", "*.jpg"), "empty, *.jpg: no image there"),
        (("latest",), "IMAGE"),
    ],
)
def test_bad_usage_is_refused_in_one_line(
    arguments: tuple[str, ...], part: str, folder: Path, predict: Callable[..., Done]
) -> None:
    (folder / "bad.pt").write_text("no weights")
    done = predict(*arguments)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert part in done.err


def test_names_are_shown_inert(folder: Path, tmp_path: Path, predict: Callable[..., Done]) -> None:
    name = tmp_path / "a\x1b]0;title\x07[red]\x1b[2J-is-7.png"
    name.write_bytes((folder / "digits" / "0-is-7.png").read_bytes())
    (tmp_path / "bad\x1b[2J.png").write_bytes(b"x")
    done = predict("latest", str(tmp_path))
    assert done.code == 1
    assert digits(done.out) == [("7", "7")]
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(("flags", "sign"), [([], "▀"), (["--ascii"], "%*")])
def test_a_terminal_also_gets_the_picture(flags: list[str], sign: str, folder: Path) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "predict", *flags, "latest", "digits/0-is-7.png"],
        cwd=folder,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        stdout=terminal,
    )
    os.close(terminal)
    output = b""
    while chunk := _read(controller):
        output += chunk
    os.close(controller)
    assert process.wait(timeout=60) == 0
    lines = output.decode().splitlines()
    assert LINE.fullmatch(lines[0])
    assert len(lines) == 1 + 14
    assert sign in output.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's way to say that the other side has closed
        return b""


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    done = subprocess.run(
        f"{COMMAND} predict latest digits digits digits | head -1",
        shell=True,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
