"""`mnist-tui doctor` as it is read: lines, colours, JSON, exit codes; and the terminal's checks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from engine.doctor.check import Check
from tui import page
from tui.cli import main
from tui.commands import doctor as command
from tui.commands.doctor_terminal import terminal_checks

GOOD = Check("results", "ok", "/somewhere/" + "long/" * 30 + "; 1.0 GB free")
WARNED = Check("threads", "warning", "others use 93 % of the CPU ± 2", "end them " * 12)
BAD = Check("data", "problem", "a\x1b[2Jb: is damaged", "install it again")
MODERN = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "en_US.UTF-8"}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """What the engine finds; may be changed."""
    checks = [GOOD, WARNED, BAD]
    monkeypatch.setattr(command, "checks", lambda settings: iter(checks))
    return checks


def lines(capsys: pytest.CaptureFixture[str], *flags: str, code: int) -> list[str]:
    assert main(["doctor", *flags]) == code
    out, err = capsys.readouterr()
    assert not err
    return out.splitlines()


@pytest.mark.parametrize("width", [60, 80])
def test_every_check_fits_the_terminal(
    width: int,
    found: list[Check],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    whole = " ".join(" ".join(lines(capsys, code=1)).split())
    monkeypatch.setattr(page, "_terminal_width", lambda: width)
    text = lines(capsys, code=1)
    assert max(map(len, text)) in (width, width - 1)
    assert "".join(text).replace(" ", "") == whole.replace(" ", "")
    assert all(line.startswith(" " * 21) for line in text[:-1] if line[0] == " ")


def test_in_a_pipe_every_check_is_a_line(
    found: list[Check], capsys: pytest.CaptureFixture[str]
) -> None:
    text = lines(capsys, code=1)
    assert [line.split()[0] for line in text if line[0] != " "] == [
        "warning",  # there is no terminal
        "ok",
        "warning",
        "problem",
        "4",
    ]
    assert text[-1] == "4 checks: 1 ok, 2 warning, 1 problem"
    assert "problem  data        ab: is damaged" in text
    assert text[text.index("problem  data        ab: is damaged") + 1].endswith(
        "> install it again"
    )


def test_without_a_problem_the_exit_code_is_0(
    found: list[Check], capsys: pytest.CaptureFixture[str]
) -> None:
    found.remove(BAD)
    assert "problem" not in lines(capsys, code=0)[-1]


def test_ascii_is_enough(found: list[Check], capsys: pytest.CaptureFixture[str]) -> None:
    text = lines(capsys, "--ascii", code=1)
    assert all(line.isascii() for line in text)
    assert any("> install it again" in line for line in text)


def test_json_is_a_line_per_check(found: list[Check], capsys: pytest.CaptureFixture[str]) -> None:
    terminal, *others = map(json.loads, lines(capsys, "--json", code=1))
    assert terminal["name"] == "terminal"
    assert others == [vars(check) for check in found]


@pytest.mark.parametrize("wants", [True, False])
def test_colours_are_no_more_than_decoration(
    wants: bool,
    found: list[Check],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(page, "_terminal_width", lambda: 80)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = lines(capsys, code=1)
    if wants:
        monkeypatch.delenv("NO_COLOR")
    coloured = lines(capsys, code=1)
    assert ("\x1b[32mok\x1b[0m" in "".join(coloured)) == wants
    bare = [line for line in coloured if "\x1b" not in line]
    assert set(bare) <= set(plain)
    assert len(coloured) == len(plain)


def test_lines_come_as_they_are_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def slowly(settings: object) -> Iterator[Check]:
        yield WARNED
        seen.append(capsys.readouterr().out)
        yield BAD

    monkeypatch.setattr(command, "checks", slowly)
    assert main(["doctor"]) == 1
    assert "others use 93 %" in seen[0]


def states(environment: dict[str, str], characters: str = "auto") -> dict[str, str]:
    found = terminal_checks(MODERN | environment, characters, 120, 40)
    return {check.name: check.state for check in found}


def test_a_modern_terminal_is_fine() -> None:
    names = ("terminal", "size", "colours", "characters", "mouse")
    assert states({}) == dict.fromkeys(names, "ok")


@pytest.mark.parametrize(
    ("environment", "name", "state"),
    [
        ({"TERM": "dumb"}, "terminal", "problem"),
        ({"TERM": ""}, "terminal", "problem"),
        ({"TERM": "linux", "COLORTERM": ""}, "mouse", "warning"),
        ({"TERM": "linux", "COLORTERM": ""}, "colours", "warning"),
        ({"TERM": "screen-256color", "COLORTERM": ""}, "colours", "ok"),
        ({"NO_COLOR": "1"}, "colours", "ok"),
        ({"LANG": "de_DE.ISO-8859-1"}, "characters", "warning"),
    ],
)
def test_what_a_terminal_lacks_is_said(environment: dict[str, str], name: str, state: str) -> None:
    assert states(environment)[name] == state


def test_where_the_terminal_is_is_said() -> None:
    there = {"TMUX": "/tmp/tmux-0/default,1,0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    first, *_ = terminal_checks(MODERN | there, "auto", 120, 40)
    assert first.found == "xterm-256color, in tmux, over SSH (--slow-link if it lags)"


def test_a_small_terminal_and_ascii_by_choice() -> None:
    found = {check.name: check for check in terminal_checks(MODERN, "ascii", 59, 40)}
    assert found["size"].state == "warning"
    assert found["characters"].state == "ok"
