"""`mnist-tui predict`: what a trained network reads in image files, in plain lines.

A line per image on stdout, and on a terminal the picture that the network saw; or with ``--json``
a line of JSON. What cannot be read is a line on stderr, and the others go on.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.results import ResultsError
from engine.settings import Settings, expanded
from engine.trained import Trained, find_trained
from tui.output_lines import inert
from tui.plain_lines import print_line
from tui.wording import trained_network

SIDE = 28
PLACES = 3
SOME_UNREAD = 1


def predict(settings: Settings, run: str, images: Sequence[str], *, as_json: bool) -> int:
    """Read digits; return the exit code: 1 if an image could not be read.

    Args:
        settings: where results are, and what the terminal can draw.
        run: which network, as for ``find_trained``.
        images: files, folders and patterns.
        as_json: lines of JSON instead.

    Raises:
        ResultsError: there is no such network, it cannot be loaded, or there is no image at all.
    """
    trained = find_trained(expanded(settings.results), run)
    found = [(name, list(_files(name))) for name in images]
    if not any(files for _, files in found):
        nothing = ", ".join(inert(name) for name, _ in found)
        raise ResultsError(f"{nothing}: no image there; give image files, folders or patterns")
    # Late, since it loads torch: what is wrong above is said at once.
    from engine.image_file import ImageError, read_digit
    from engine.reading import load_reader

    model, read = load_reader(trained.path)
    if not as_json:
        print_line(inert(trained_network(trained, model)), sys.stderr)
    draws = sys.stdout is not None and sys.stdout.isatty() and not as_json
    code = 0
    for name, files in found:
        if not files:
            code = SOME_UNREAD
            _complain(name, f"{name}: no image there", as_json=as_json)
        for path in files:
            try:
                image = read_digit(path)
            except ImageError as error:
                code = SOME_UNREAD
                _complain(str(path), str(error), as_json=as_json)
                continue
            answer = read(image)
            line = _json(path, answer, trained) if as_json else _line(path, answer)
            if not print_line(line, sys.stdout):
                return SOME_UNREAD
            if draws:
                _draw(image, settings.characters)
    return code


def _files(name: str) -> Iterator[Path]:
    """The images that a file's, a folder's or a pattern's name stands for."""
    # A file may be called [1].png; and a shell without patterns leaves them to the program.
    is_pattern = glob.has_magic(name) and not os.path.lexists(name)
    for each in sorted(glob.glob(name, recursive=True)) if is_pattern else [name]:
        path = Path(each)
        if not path.is_dir():
            yield path
            continue
        from engine.image_file import SUFFIXES

        for inside in sorted(path.iterdir() if os.access(path, os.R_OK | os.X_OK) else ()):
            hidden = inside.name.startswith(".")
            if inside.suffix.lower() in SUFFIXES and not hidden:
                yield inside


def _line(path: Path, answer: Sequence[float]) -> str:
    """The digit first, then what else it could be: "7.png: 7  99.8 %   then 1 0.1 %, 9 0.0 %"."""
    first, *others = sorted(range(len(answer)), key=lambda digit: -answer[digit])[:PLACES]
    then = ", ".join(f"{digit} {answer[digit]:.1%}" for digit in others).replace("%", " %")
    return f"{inert(str(path))}: {first}  {answer[first] * 100:.1f} %   then {then}"


def _json(path: Path, answer: Sequence[float], trained: Trained) -> str:
    digit = max(range(len(answer)), key=answer.__getitem__)
    return json.dumps(
        {
            "file": str(path),
            "digit": digit,
            "probability": answer[digit],
            "probabilities": list(answer),
            "run": trained.name,
        }
    )


def _complain(name: str, problem: str, *, as_json: bool) -> None:
    if as_json:
        print_line(json.dumps({"file": name, "error": problem}), sys.stdout)
    else:
        print_line(f"mnist-tui: {inert(problem)}", sys.stderr)


def _draw(image: bytes, characters: str) -> None:
    """What the network saw, where the terminal is wide enough for it."""
    if shutil.get_terminal_size().columns < SIDE:
        return
    from rich.console import Console
    from rich.segment import Segment, Segments

    from tui.ascii_text import wants_ascii
    from tui.pixels import BLACKBOARD, picture, rows_of

    console = Console(highlight=False)
    plain = wants_ascii(characters) or console.color_system is None or console.no_color
    for strip in picture(rows_of(image, SIDE), None if plain else BLACKBOARD):
        console.print(Segments([*strip, Segment.line()]), end="")
