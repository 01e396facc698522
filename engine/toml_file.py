"""TOML that may be anything: read in bounded memory, refused in words that follow its name."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.one_line import OneLineError

MOST_DOTS = 1000


class TomlError(OneLineError):
    """What is wrong with a file, for a line that begins with its name."""


def _unchanged(text: str) -> str:
    return text


def read_toml(
    path: Path, longest: int, prepare: Callable[[str], str] = _unchanged
) -> dict[str, Any]:
    """The tables of a file of at most so many bytes, whose text goes through ``prepare`` first.

    Raises:
        TomlError: there is none, it is too long, or not TOML.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe might never end, nor even begin
            raise TomlError("cannot be read: is not a file")
        if status.st_size > longest:
            raise TomlError(f"is longer than {size_in_words(longest)}")
        content = path.read_bytes()
    except OSError as error:
        raise TomlError(f"cannot be read: {error.strerror or error}") from error
    return parse_toml(content, prepare)


def parse_toml(content: bytes, prepare: Callable[[str], str] = _unchanged) -> dict[str, Any]:
    """The tables of a file's content; raises as ``read_toml``."""
    if any(line.count(b".") > MOST_DOTS for line in content.split(b"\n")):
        # The parser's time grows with the square of a key's parts.
        raise TomlError(f"has a line with more than {MOST_DOTS} dots")
    try:
        return tomllib.loads(prepare(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise TomlError(f"is not UTF-8 text (byte {error.start})") from error
    except (ValueError, RecursionError) as error:  # ValueError also for a number too long to read
        raise TomlError(f"is not valid TOML: {error}") from error


def size_in_words(size: int) -> str:
    """A limit in bytes as it is told: "256 MiB"."""
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size // 2**10} KiB"
