"""Sheets: rows as CSV, in which no spreadsheet finds a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def sheet(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV with line feeds, the heads first; a cell that would be a formula has an apostrophe before it."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_unarmed(cell) for cell in row] for row in rows)
    return written.getvalue()


def _unarmed(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "@"} or (cell[:1] in {"+", "-"} and not cell[1:2].isdigit()) else cell
