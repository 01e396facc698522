"""The format of `summary.toml`, as `summary.schema.json` has it, which says everything once.

It is a JSON Schema (draft 2020-12). Beside its own keywords a key has its "unit" and, if it was not
there from the first, "since" which version of the format it is; "versions" says what each brought.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Part = Mapping[str, Any]
"""A schema, or a part of one."""


@cache
def summary_schema() -> Part:
    """The whole file."""
    path = Path(__file__).with_name("summary.schema.json")
    schema: Part = json.loads(path.read_text(encoding="utf-8"))
    return schema


def resolved(part: Part) -> Part:
    """A part with what its reference points to."""
    if "$ref" not in part:
        return part
    return {**summary_schema()["$defs"][part["$ref"].rpartition("/")[2]], **part}


def keys(table: Part) -> Iterator[tuple[str, Part]]:
    """The keys of a table, and of all tables in it, with their schemas."""
    for name, part in table.get("properties", {}).items():
        key = resolved(part)
        yield name, key
        yield from keys(key)
        yield from keys(resolved(key.get("items", {})))


def number(key: Part) -> Part:
    """The schema of a key's number, or of its numbers in an array; empty if it has none."""
    while "items" in key:
        key = resolved(key["items"])
    finite: Part = key.get("anyOf", [key])[0]
    return finite if "minimum" in finite else {}


KEYS = tuple(keys(summary_schema()))
"""All of them."""


def _limits() -> dict[str, tuple[float, float]]:
    limits: dict[str, tuple[float, float]] = {}
    for name, key in KEYS:
        if found := number(key):
            low, high = limits.get(name, (found["minimum"], found["maximum"]))
            limits[name] = min(low, found["minimum"]), max(high, found["maximum"])
    return limits


VERSIONS: tuple[int, ...] = tuple(summary_schema()["properties"]["schema"]["enum"])
"""Those that are read; the last is written."""
LIMITS = _limits()
"""The least and the greatest of numbers, by their key; the wider, where two tables differ."""
ANY_LIMITS = (0, summary_schema()["$defs"]["count"]["maximum"])
"""Of those that are in no summary: what TOML can hold."""
ARRAYS = {name for name, key in KEYS if "items" in key and number(key)}
"""Keys whose value is an array of numbers, or of arrays of them."""
LOSSES = {name for name, key in KEYS if "anyOf" in key}
"""Numbers that are not finite where a training went astray."""
