"""What hostile inputs have in common: strings, values, mutations, and what a refusal must be."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

INPUTS = {
    "settings.toml, cut": 4_200,
    "settings.toml, tables": 2_000,
    "settings.toml, bytes": 1_000,
    "environment": 1_000,
    "summary.toml, cut": 1_000,
    "summary.toml, tables": 2_000,
    "summary.toml, bytes": 1_500,
    "resume.pt, cut": 2_000,
    "resume.pt, bytes": 1_000,
    "resume.pt, values": 700,
    "resume.pt, pickles": 500,
    "IDX, cut": 1_600,
    "IDX, headers": 1_000,
    "IDX, gzip": 600,
    "running.toml": 700,
    "choices.toml": 500,
    "features": 1_000,
    "images": 2_000,
    "names": 2_000,
}
"""How many of each are tried; tests/README.md says what they are."""

ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that a terminal, or a reader of lines, acts upon."""
LONGEST_LINE = 1000

NASTY_NAMES = (
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "[bold red]x[/]",
    "[/]",
    "[link=file:///etc/passwd]here[/link]",
    "[@click=app.quit]quit[/]",
    "a\nb\r\tc",
    "\u202egnp.exe",
    "\u2028\u2029",
    "..",
    "../../outside",
    "/etc/passwd",
    "a/b",
    "C:\\x",
    "~nosuchuser",
    "\x00",
    "x" * 3000,
    "",
    " ",
    "💥\u200d🔥",
    "%s%n{0}",
    "$(touch hacked)",
)
DEEP_LIST: list[Any] = []
DEEP_TABLE: dict[str, Any] = {}
for _ in range(60):
    DEEP_LIST, DEEP_TABLE = [DEEP_LIST], {"a": DEEP_TABLE}
NASTY_VALUES = (
    *NASTY_NAMES,
    *(0, -1, 1, 2, 10, 11, 2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 10**400, 10**4000),
    *(0.0, -0.0, 1.5, -1.5, 1e308, -1e308, 5e-324, 1e39, 1.0000001),
    *(float("nan"), float("inf"), float("-inf")),
    *(True, False, [], {}, [[]], [{}], {"": ""}, [1, "a"], [float("nan")] * 10, DEEP_LIST),
    *(
        DEEP_TABLE,
        date(1, 1, 1),
        time(23, 59),
        datetime(9999, 12, 31),
        datetime(1, 1, 1, tzinfo=UTC),
    ),
    *("auto", "preset", "mlp", "cnn", "running", "finished", "stopped", "queued", "sgd"),
)
names = st.one_of(st.sampled_from(NASTY_NAMES), st.text(max_size=12))
values = st.one_of(
    st.sampled_from(NASTY_VALUES), st.floats(), st.integers(), names, st.lists(names, max_size=3)
)
changes = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(("set", "drop", "add", "double")), values),
    min_size=1,
    max_size=3,
)
"""For ``changed``: where, what and to which value."""


def examples(name: str) -> Callable[[Any], Any]:
    """Try as many as ``INPUTS`` says."""
    return settings(max_examples=INPUTS[name])


def changed(tables: dict[str, Any], wanted: list[tuple[int, str, Any]]) -> dict[str, Any]:
    """A copy of tables with some values at any depth replaced, left out, added, or doubled."""
    tables = copy.deepcopy(tables)
    for where, action, value in wanted:
        spots = list(_spots(tables))
        if not spots:
            break
        holder, key = spots[where % len(spots)]
        value = copy.deepcopy(value)
        if action == "drop":
            del holder[key]
        elif action == "set":
            holder[key] = value
        elif isinstance(holder, dict):
            holder[str(value)[:50]] = value if action == "add" else holder[key]
        else:
            holder.append(value if action == "add" else copy.deepcopy(holder[key]))
    return tables


def _spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in nested tables and lists that holds a value."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _spots(node[key])


def edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes with some of them replaced: from where, how many, by what."""
    for where, count, new in edits:
        start = where % (len(content) + 1)
        content = content[:start] + new + content[start + count :]
    return content


edits = st.lists(
    st.tuples(st.integers(0, 2**16), st.integers(0, 4), st.binary(max_size=4)),
    min_size=1,
    max_size=3,
)
"""For ``edited``."""


def clear_line(error: BaseException, named: str) -> None:
    """Assert that an error is one line that says where, and does nothing to a terminal."""
    text = str(error)
    assert not ACTING.search(text), ascii(text)
    assert 0 < len(text) <= LONGEST_LINE, text
    assert named in text, text
