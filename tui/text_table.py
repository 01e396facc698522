"""Tables in plain text that fit the terminal: where it is too narrow, columns leave or are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

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
    least: int = 0
    """Cells; a column that has some does not leave when it is its turn, but is cut, to no fewer."""


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
    if width is None:
        return kept
    for turn in sorted({column.leaves for column in columns} - {0}, reverse=True):
        if table_width(kept) <= width:
            break
        kept = [
            replace(column, width=min(column.width, column.least))
            if column.leaves == turn
            else column
            for column in kept
            if column.leaves != turn or column.least
        ]
    whole = {column.name: column.width for column in columns}
    for place, column in enumerate(kept):  # what was cut takes what the others left
        spare = max(0, width - table_width(kept))
        kept[place] = replace(column, width=min(whole[column.name], column.width + spare))
    return kept


def cut(columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows whose texts are no wider than the columns that may be cut."""
    found = [dict(row) for row in rows]
    for column in columns:
        if column.least:
            texts = shortened([row.get(column.name, "") for row in rows], column.width)
            for row, text in zip(found, texts, strict=True):
                row[column.name] = text
    return found


def shortened(texts: Sequence[str], width: int) -> list[str]:
    """Their beginnings, in so many cells; with their ends where they would look alike without."""
    short: list[str] = []
    for end in (0, 3, width // 2):
        short = [_short(text, width, end) for text in texts]
        if len(set(short)) == len(set(texts)):
            break
    return short


def _short(text: str, width: int, end: int) -> str:
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1 - end)}…{set_cell_size(text[::-1], end)[::-1]}"


def heading(columns: Sequence[Column]) -> str:
    """The line above the table."""
    return row_line(columns, {column.name: column.name for column in columns})


def row_line(columns: Sequence[Column], row: Mapping[str, str]) -> str:
    """A row, its texts by the names of their columns."""
    return GAP.join(_padded(row.get(column.name, ""), column) for column in columns).rstrip()


def table_width(columns: Sequence[Column]) -> int:
    """Cells of the longest row."""
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _padded(text: str, column: Column) -> str:
    blank = " " * (column.width - cell_len(text))
    return blank + text if column.right else text + blank
