"""Large digits can be told from each other and stand in rows of one width."""

from __future__ import annotations

import pytest

from tui.large_digits import ROWS, large_digits


@pytest.mark.parametrize("ascii", [False, True])
def test_every_digit_has_a_shape_of_its_own(ascii: bool) -> None:
    shapes = {tuple(large_digits(digit, ascii=ascii)) for digit in "0123456789.-"}
    assert len(shapes) == 12


@pytest.mark.parametrize("ascii", [False, True])
def test_rows_are_of_one_width(ascii: bool) -> None:
    rows = large_digits("99.14", ascii=ascii)
    assert len(rows) == ROWS
    assert {len(row) for row in rows} == {len("999 999 9 999 999")}
    assert "".join(rows).isascii() == ascii
