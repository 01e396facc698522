"""Plain tables and bars: what leaves where there is little room, and what stays."""

from __future__ import annotations

from tui.text_table import Column, cut, fitting, heading, measured, row_line, shortened
from tui.trend import trend

COLUMNS = [Column("name"), Column("often", leaves=1), Column("seldom", leaves=2)]
ROWS = [{"name": "a", "often": "bb", "seldom": "ccc"}, {"name": "漢字", "seldom": "c"}]


def test_columns_are_as_wide_as_their_longest_text() -> None:
    columns = measured(COLUMNS, ROWS)
    assert heading(columns) == "name  often  seldom"
    assert [row_line(columns, row) for row in ROWS] == [
        "a     bb     ccc",
        "漢字         c",  # two cells each
    ]


def test_columns_leave_in_their_order_and_the_first_stays() -> None:
    columns = measured(COLUMNS, ROWS)
    left = {width: heading(fitting(columns, width)) for width in (None, 19, 18, 11, 10, 2)}
    whole, without, alone = "name  often  seldom", "name  often", "name"
    assert left == {None: whole, 19: whole, 18: without, 11: without, 10: alone, 2: alone}


def test_a_column_is_cut_in_its_turn_and_takes_what_others_leave() -> None:
    columns = [Column("name", leaves=2, least=4), Column("number"), Column("more", leaves=1)]
    rows = [
        {"name": "abcdefghij", "number": "1", "more": "x"},
        {"name": "漢字漢字漢", "number": "2"},
    ]
    found = {}
    for width in (26, 24, 20, 19, 12, 9):
        kept = fitting(measured(columns, rows), width)
        found[width] = [heading(kept), *(row_line(kept, row) for row in cut(kept, rows))]
    assert found == {
        26: ["name        number  more", "abcdefghij  1       x", "漢字漢字漢  2"],
        24: ["name        number  more", "abcdefghij  1       x", "漢字漢字漢  2"],
        20: ["name    number  more", "abcde…  1       x", "漢字 …  2"],
        19: ["name   number  more", "abcd…  1       x", "漢字…  2"],
        12: ["name  number", "abc…  1", "漢 …  2"],
        9: ["name  number", "abc…  1", "漢 …  2"],
    }


def test_what_differs_looks_different_when_it_is_cut() -> None:
    assert shortened(["20260101-mlp", "20260102-mlp"], 9) == ["20260101…", "20260102…"]
    assert shortened(["20260101-mlp", "20260101-cnn"], 9) == ["20260…mlp", "20260…cnn"]
    assert shortened(["20260101-mlp", "20260101"], 9) == ["20260101…", "20260101"]


def test_bars_go_from_the_lowest_to_the_highest() -> None:
    assert trend([0, 1, 2, 3, 4, 5, 6, 7], 0, 7, 8) == "▁▂▃▄▅▆▇█"
    assert trend([0.9, 1.0], 0.0, 1.0, 5, ascii=True) == "*#"
    assert trend([5, 5], 5, 5, 9) == "██"
    assert trend([], 0, 1, 9) == trend([1], 0, 1, 0) == ""


def test_more_values_than_bars_are_shown_as_means() -> None:
    assert trend([0, 0, 3.5, 3.5, 7, 7], 0, 7, 3) == "▁▅█"
    assert trend([0, 7] * 50, 0, 7, 10) == "▅" * 10
    assert len(trend(list(range(101)), 0, 100, 40)) == 40
