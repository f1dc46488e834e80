"""The table: rows of words, fitted to a width.

Columns take what they need; when that is too much, the widest give way first.
A sentence with nothing to its right runs on to the edge of the screen.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Collection, Sequence

_GAP = "  "
_PARTS = " · "
_FURTHER = "    "
_NARROWEST = 8


def plain(text: str) -> str:
    """Text on one line without control characters: what a server said cannot move the cursor or colour the screen."""
    return "".join(each if _shows(each) else "�" for each in " ".join(text.split()))


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def columns_of(text: str) -> int:
    """How many columns of a screen a text takes: two for a wide character, none for a mark on the one before."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in {"W", "F"} else 1
        for each in text
    )


def folded(line: str, width: int) -> list[str]:
    """A line as several that fit a screen: ended between the parts that ` · ` sets apart, and else between words."""
    rows: list[str] = []
    for part in line.split(_PARTS):
        joined = f"{rows[-1]}{_PARTS}{part}" if rows else part
        if rows and columns_of(joined) > width:
            rows.append(f"{_FURTHER}{_PARTS.lstrip()}{part}")
        else:
            rows[-1:] = [joined]
    wrapper = textwrap.TextWrapper(
        width, subsequent_indent=_FURTHER, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return [each for row in rows for each in (wrapper.wrap(row) if columns_of(row) > width else [row])]


def fitted(rows: Sequence[Sequence[str]], width: int, *, whole: int = 0, middle: Collection[int] = ()) -> list[str]:
    """Rows as lines no wider than `width`; the first row is the heading.

    Args:
        rows: Cells, the same number in each row.
        width: Columns of the screen.
        whole: How many of the first columns are never cut, because rows that look alike would say nothing.
        middle: Columns that are cut in the middle, since their ends tell rows apart.
    """
    trimmed = [_without_empty_end(row) for row in rows]
    widths = [
        max((columns_of(row[column]) for row in trimmed if _sets_width(row, column, len(rows[0]))), default=0)
        for column in range(len(rows[0]))
    ]
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths[whole:], default=0) > _NARROWEST:
        widths[widths.index(max(widths[whole:]), whole)] -= 1
    return [_line(row, widths, width, middle) for row in trimmed]


def _without_empty_end(row: Sequence[str]) -> list[str]:
    cells = list(row)
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _sets_width(row: Sequence[str], column: int, columns: int) -> bool:
    """A last cell that has room to its right does not widen its column."""
    return column < len(row) and not (column == len(row) - 1 and len(row) < columns)


def _line(row: Sequence[str], widths: Sequence[int], width: int, middle: Collection[int]) -> str:
    line = ""
    for column, cell in enumerate(row):
        last = column == len(row) - 1
        shown = _cell(cell, width - columns_of(line) if last else widths[column], middle=column in middle)
        line += shown if last else shown + " " * (widths[column] - columns_of(shown)) + _GAP
    return line.rstrip()


def _cell(text: str, width: int, *, middle: bool = False) -> str:
    if columns_of(text) <= width:
        return text
    end = _beginning(text[::-1], (width - 1) // 2)[::-1] if middle else ""
    return _beginning(text, width - 1 - columns_of(end)) + "…" + end


def _beginning(text: str, width: int) -> str:
    """As much of a text as fits."""
    kept, room = "", width
    for each in text:
        room -= columns_of(each)
        if room < 0:
            break
        kept += each
    return kept
