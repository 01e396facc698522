"""Arrays of numbers in a summary, read quickly: JSON's parser takes a small part of the time that
tomllib's takes for a number, which would be half of that for the whole file.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from engine.rules import shown
from engine.saved_values import WrongValueError
from engine.summary_format import ARRAYS

_ARRAY = re.compile(
    rf"^((?:{'|'.join(sorted(ARRAYS))}) = )(\[[][0-9.,e\s-]*\])$",  # no quotes in it
    re.MULTILINE,
)


def arrays_as_text(toml: str) -> str:
    """Turn arrays into strings, which tomllib passes over; ``number_array`` reads them."""
    return _ARRAY.sub(r"\1'''\2'''", toml)


def number_array(table: Mapping[str, Any], name: str) -> list[Any]:
    """A key's array, by tomllib or of ``arrays_as_text``; empty where it is missing.

    Raises:
        WrongValueError: it is something else.
    """
    found = table.get(name, [])
    if isinstance(found, str):
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(re.sub(r",\s*\]", "]", found))  # JSON has no comma at the end
    if not isinstance(found, list):
        raise WrongValueError(f"{name} is {shown(found)}, which is not an array of numbers")
    return found
