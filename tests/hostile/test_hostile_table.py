"""The table in tests/README.md says what is tried, and how often."""

from __future__ import annotations

import re
from pathlib import Path

from hostile_support import INPUTS


def test_the_table_has_the_tests_own_numbers() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|.*\| ([\d,]+) \|", text, re.MULTILINE)
    told = {name.replace("`", ""): int(number.replace(",", "")) for name, number in rows}
    assert told.pop("together") == sum(INPUTS.values()) >= 20_000
    assert told == INPUTS
