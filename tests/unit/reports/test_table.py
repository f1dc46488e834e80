"""Rows fitted to a screen: nothing runs over, nothing moves the cursor."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.reports.table import columns_of, fitted, folded, plain

ROWS = [
    ["decision", "gate", "seen", "limit"],
    ["ROLLBACK[critical]", "recall_latency_p99", "65 ms", "≤ 60 ms (critical)"],
    ["HOLD[no-data]", "test_concepts_condense_episodes", "telemetry answered, and the result is empty " * 3, ""],
    ["PROCEED", "test_formation_is_configured_for_shadow_mode", "a cycle forms at most 100 concepts", ""],
]
cells = st.text(alphabet=st.characters(exclude_categories=["C", "Z", "M"]), max_size=40)
tables = st.integers(1, 5).flatmap(
    lambda size: st.lists(st.lists(cells, min_size=size, max_size=size), min_size=1, max_size=6)
)


@pytest.mark.parametrize("width", [80, 160])
def test_no_line_is_wider_than_the_screen(width):
    lines = fitted(ROWS, width)

    assert len(lines) == len(ROWS)
    assert all(columns_of(line) <= width for line in lines)


def test_columns_stand_below_each_other():
    lines = fitted(ROWS, 160)

    assert lines[0].index("gate") == lines[1].index("recall_latency_p99") == lines[3].index("test_formation")
    assert lines[0].index("seen") == lines[1].index("65 ms") == lines[3].index("a cycle")
    assert lines[1].endswith("≤ 60 ms (critical)")


def test_a_sentence_with_nothing_to_its_right_runs_to_the_edge():
    """And does not widen its column for the others."""
    lines = fitted(ROWS, 80)

    assert lines[2].endswith("…")
    assert columns_of(lines[2]) == 80
    assert "≤ 60 ms" in lines[1]


def test_what_fits_is_not_cut():
    assert fitted([["a", "b"], ["long cell", "x"]], 80) == ["a          b", "long cell  x"]


@pytest.mark.parametrize("width", [80, 160])
def test_wide_characters_take_two_columns(width):
    rows = [["decision", "gate", "seen"], ["HOLD", "数据丢失" * 30, "五"], ["HOLD", "short", "六"]]
    lines = fitted(rows, width)

    assert all(columns_of(line) <= width for line in lines)
    assert columns_of(lines[1].partition("五")[0]) == columns_of(lines[2].partition("六")[0])


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("数据", 4), ("é", 1), ("e\u0301", 1), ("…", 1), ("ＡＢ", 4), ("€", 1)],  # noqa: RUF001 - wide letters
)
def test_columns_of_a_text(text, columns):
    assert columns_of(text) == columns


@given(tables, st.integers(60, 200))
def test_any_table_fits_any_screen(rows, width):
    lines = fitted(rows, width)

    assert len(lines) == len(rows)
    assert all(columns_of(line) <= width for line in lines)
    assert all("\n" not in line for line in lines)


@given(tables, st.integers(60, 200))
def test_a_cut_is_always_marked(rows, width):
    """A number that lost its end is not shown as another number."""
    for row, line in zip(rows, fitted(rows, width), strict=True):
        for cell in row:
            words = cell.strip()
            assert words in line or "…" in line


@given(st.text())
def test_plain_text_is_one_line_without_control(text):
    """What a server said cannot move the cursor, colour the screen or turn the direction of writing."""
    shown = plain(text)

    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n  b\tc", "a b c"),
        ("\x1b[31mred", "�[31mred"),
        ("a\x00b\x07", "a�b�"),
        ("right\u202eto left", "right�to left"),
        ("zero\u200bwidth", "zero�width"),
        ("größe 数", "größe 数"),
        ("lone \ud800", "lone �"),
        ("  ", ""),
    ],
)
def test_control_characters_are_replaced(text, shown):
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("line", "width", "rows"),
    [
        ("VERDICT  PROCEED  a b · c d · exit 0", 80, ["VERDICT  PROCEED  a b · c d · exit 0"]),
        ("VERDICT  PROCEED  a b · c d · exit 0", 28, ["VERDICT  PROCEED  a b · c d", "    · exit 0"]),
        ("VERDICT  PROCEED  a b · c d · exit 0", 26, ["VERDICT  PROCEED  a b", "    · c d · exit 0"]),
        ("VERDICT  HOLD  one two three · exit 1", 20, ["VERDICT  HOLD  one", "    two three", "    · exit 1"]),
        ("", 80, [""]),
    ],
)
def test_a_line_is_ended_between_its_parts(line, width, rows):
    """And between words where a part is wider than the screen."""
    assert folded(line, width) == rows
