"""The command line as users meet it: what the README says, --help, completion in real shells."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.cli import build_parser, main

ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")
Words = tuple[str, ...]
FLAG = re.compile(r"--[a-z0-9-]+")
EVERYWHERE = {"--help"}


def commands(
    parser: argparse.ArgumentParser, path: Words = ()
) -> Iterator[tuple[Words, argparse.ArgumentParser]]:
    """The parser of every command that can be given, by its words."""
    under = [action for action in parser._actions if hasattr(action, "_name_parser_map")]
    if not path or not any(action.required for action in under):
        yield path, parser
    for action in under:
        for name, command in action.choices.items():  # type: ignore[union-attr]
            yield from commands(command, (*path, name))


def flags(parser: argparse.ArgumentParser) -> set[str]:
    found = {text for action in parser._actions for text in action.option_strings}
    return {text for text in found if text.startswith("--")} - EVERYWHERE


def arguments(parser: argparse.ArgumentParser) -> list[str]:
    """What stands for its arguments: "RUN", "bash|zsh|fish"."""
    return [
        "|".join(action.choices) if action.choices else str(action.metavar)
        for action in parser._get_positional_actions()
        if not hasattr(action, "_name_parser_map")
    ]


PARSERS = dict(commands(build_parser()))


def named_in_readme() -> dict[Words, str]:
    """What the README writes behind each command; of one on several lines all of it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Settings")[2]
    block = text.partition("```\n")[2].partition("```")[0]
    named: dict[Words, str] = {}
    for entry in re.sub(r"\n +", " ", block).splitlines():
        program, *words = entry.split()
        assert program == "mnist-tui", entry
        path: Words = ()
        while _leads_on(path, words):
            path = (*path, words.pop(0))
        unknown = [word for word in words[:1] if re.fullmatch(r"[a-z-]+", word) and word[0] != "-"]
        assert not unknown, f"there is no command {unknown[0]}: {entry}"
        named[path] = f"{named.get(path, '')} {' '.join(words)}"
    return named


def _leads_on(path: Words, words: list[str]) -> bool:
    """Whether the next word is a command, or one that has others under it."""
    longer = (*path, *words[:1])
    return bool(words) and any(each[: len(longer)] == longer for each in PARSERS)


README = named_in_readme()


@pytest.mark.parametrize("path", PARSERS, ids=" ".join)
def test_readme_names_every_flag_that_there_is_and_no_other(path: Words) -> None:
    assert path in README, "the README does not name this command"
    text, root = README[path], README[()]
    there = flags(PARSERS[path])
    if (same := re.search(r"\[the same, but ([^\]]*)\]", text)) is not None:
        named = set(FLAG.findall(root)) - {"--version"} - set(FLAG.findall(same[1]))
        named |= set(FLAG.findall(text.replace(same[0], "")))
        assert named == there
    else:
        named = set(FLAG.findall(text))
        assert named <= there
        # Flags that all commands take are named where they matter.
        assert (there if not path else there - flags(PARSERS[()])) <= named
    for argument in arguments(PARSERS[path]):
        assert argument in text


def test_readme_names_no_other_command() -> None:
    assert README.keys() == PARSERS.keys()


@pytest.mark.parametrize("path", PARSERS, ids=" ".join)
def test_help_ends_with_examples_that_can_be_given(path: Words) -> None:
    examples = PARSERS[path].format_help().partition("\nexamples:\n")[2].splitlines()
    assert examples
    for line in examples:
        words = re.split(r" {2,}| [>|] ", line.strip())[0].split()
        assert tuple(words[: len(path) + 1]) == ("mnist-tui", *path)
        build_parser().parse_args([word.strip("'") for word in words[1:]])


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"mnist-tui \d+\.\d+\.\d+\n", capsys.readouterr().out)


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The file that the README's line for a shell makes; the shell must be here."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert main(["completion", shell]) == 0
    path = folder / "_mnist-tui"
    path.write_text(capsys.readouterr().out)
    return path


@pytest.mark.parametrize(("stream", "code"), [("/dev/full", 1), ("-", 0)])
def test_a_script_that_nobody_can_take_is_no_traceback(stream: str, code: int) -> None:
    program = "import sys; from tui.cli import main; sys.exit(main(['completion', 'bash']))"
    start = [sys.executable, "-c", program]
    line = f"{shlex.join(start)} >{'&-' if stream == '-' else stream}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")


def shell(*command: str, given: str = "") -> str:
    return subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=True
    ).stdout


CASES = {
    "mnist-tui ": {"run", "resume", "predict", "export-model", "doctor", "completion"},
    "mnist-tui completion ": set(SHELLS),
    "mnist-tui run --model ": {"mlp", "cnn", "mobilenetv2"},
    "mnist-tui run --preset ": {"notebook", "default", "quick", "best"},
    "mnist-tui run --device c": {"cpu", "cuda"},
    "mnist-tui run --sett": {"--settings"},
    "mnist-tui export-model latest --format ": {"onnx", "safetensors", "pt"},
}
"""What is typed, and what a shell must offer."""


def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"source '{script('bash', tmp_path, capsys)}'"]
    for typed in CASES:
        *words, last = typed.split(" ")
        lines += [
            f"COMP_WORDS=({' '.join(words)} '{last}'); COMP_CWORD={len(words)}; COMPREPLY=()",
            "_shtab_mnist_tui; echo ${COMPREPLY[*]}",
        ]
    found = shell("bash", "--norc", "-c", "\n".join(lines)).splitlines()
    for (typed, expected), offered in zip(CASES.items(), found, strict=True):
        assert expected <= set(offered.split()), typed


def test_fish_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"source '{script('fish', tmp_path, capsys)}'"]
    lines += [f"complete -C '{typed}'; echo end" for typed in CASES]
    *found, rest = shell("fish", "--no-config", "-c", "\n".join(lines)).split("end\n")
    assert not rest
    for (typed, expected), offered in zip(CASES.items(), found, strict=True):
        assert expected <= {line.partition("\t")[0] for line in offered.splitlines()}, typed


def test_zsh_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script("zsh", tmp_path, capsys)
    start = f"fpath=('{tmp_path}' $fpath); autoload -Uz compinit; compinit -D -u"
    # zsh completes in a terminal alone. Typed as far as only one is left, and then run.
    lines = [
        "zmodload zsh/zpty; zpty child zsh -f -i",
        f'zpty -w child "{start.replace("$", chr(92) + "$")}; PROMPT="',
        'zpty -w child "mnist-tui() { print -r -- \\"<\\$*>\\" }"',
        "zpty -w -n child $'mnist-tui run --device cu\\t--sett\\t a --model mobilen\\t\\n'",
        "zpty -r child out '*<*>*<*>*'; print -r -- $out; zpty -d child",
    ]
    found = shell("zsh", "-f", "-c", "\n".join(lines))
    given = " ".join(re.findall(r"<([^>$]*)>", found)[-1].split())
    assert given == "run --device cuda --settings a --model mobilenetv2"
