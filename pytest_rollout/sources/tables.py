"""Tables: sources whose rows can be added up where they are.

A question asks for a number; a `Statement` asks for a few rows of sums. What
a table's columns are is asked first, because a text that looks like a number
would be added up without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import shown

Value = float | str | bool | datetime
"""What a parameter may be."""
Row = tuple[float | str | bool | None, ...]
"""What comes back: numbers as `int` or `float`, labels as texts, NULL as None."""

NUMBER, BOOLEAN, TEXT, TIME, LOCAL_TIME, OTHER = "number", "boolean", "text", "time", "local time", "other"
"""What a column holds; a local time has no zone."""


class Column(NamedTuple):
    """One column: what it holds, and its type in the database's own words."""

    holds: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One SELECT of our own making.

    Args:
        text: In the words of the source's database, its parameters as that writes them.
        values: The parameters; they are bound, and never part of the text.
        most: How many rows there may be; one more is an error.
        seconds: How long it may take.
    """

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    most: int = 1000
    seconds: float = 60.0


class TableSource(Protocol):
    """A source with tables; safe to use from several threads."""

    @property
    def speech(self) -> str:
        """Which database's SQL it takes: `duckdb`, `postgresql`, `sqlite`, or another's name."""
        ...

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        """What a table, perhaps `schema.table`, has.

        Raises:
            SourceError: There is none, or the source cannot be asked.
        """
        ...

    def rows(self, statement: Statement) -> Sequence[Row]:
        """The rows of a statement, read in a transaction that changes nothing.

        Raises:
            SourceError: As for any question; also more rows than `statement.most`.
        """
        ...


def plain_rows(rows: Sequence[Sequence[object]], statement: Statement, where: str) -> list[Row]:
    """Rows as numbers and texts, whatever types a driver has for them.

    Raises:
        SourceError: More rows than there may be, or a value that is neither.
    """
    if len(rows) > statement.most:
        raise SourceError(f"{where}: more than {statement.most:,} groups of rows".replace(",", " "))
    return [tuple(_plain(value, where) for value in row) for row in rows]


def _plain(value: object, where: str) -> float | str | bool | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        # Databases count and add integers in types of their own; whole ones stay exact.
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise SourceError(f"{where}: {shown(value)} is neither a number nor a text")


def as_float(value: object, where: str) -> float:
    """A sum or count; NULL, the sum of nothing, is 0.

    Raises:
        SourceError: It is no number.
    """
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    raise SourceError(f"{where}: {shown(value)} where a number was meant")
