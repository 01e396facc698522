"""Tables in plain text that fit the terminal: columns leave one by one where it is too narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column and what it does where there is little room."""

    name: str
    width: int = 0
    """Cells; a longer text moves what is right of it."""
    right: bool = False
    """Whether its texts, as numbers do, end below each other."""
    leaves: int = 0
    """Where not all fit, the columns of the highest number leave first; those of 0 stay."""


def measured(columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> list[Column]:
    """The columns, as wide as their longest text."""
    names = {column.name: column.name for column in columns}
    return [
        replace(column, width=max(cell_len(row.get(column.name, "")) for row in (names, *rows)))
        for column in columns
    ]


def fitting(columns: Sequence[Column], width: int | None) -> list[Column]:
    """The columns that fit in so many cells, or all if that is None."""
    kept = list(columns)
    while width is not None and _width(kept) > width:
        leaves = max(column.leaves for column in kept)
        if leaves == 0:
            break
        kept = [column for column in kept if column.leaves != leaves]
    return kept


def heading(columns: Sequence[Column]) -> str:
    """The line above the table."""
    return row_line(columns, {column.name: column.name for column in columns})


def row_line(columns: Sequence[Column], row: Mapping[str, str]) -> str:
    """A row, its texts by the names of their columns."""
    return GAP.join(_padded(row.get(column.name, ""), column) for column in columns).rstrip()


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _padded(text: str, column: Column) -> str:
    blank = " " * (column.width - cell_len(text))
    return blank + text if column.right else text + blank
