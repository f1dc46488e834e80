"""Told: a source of tables through the answer book, so that what it said is evidence and can be replayed.

A source's columns, its speech and the rows of each statement are asked once a
run and written down. What is worked out from them asks the same statements
again, in the same words, and is told the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.tables import Column, Row, Statement, TableSource

_SECONDS = 60.0


@dataclass(frozen=True)
class Told:
    """A source of tables, asked through the book of a run.

    Args:
        name: The source's name in the plan.
        source: The source; a replay never asks it.
        book: What was asked in this run.
    """

    name: str
    source: TableSource
    book: AnswerBook

    @cached_property
    def speech(self) -> str:
        """Which database's SQL it takes.

        Raises:
            SourceError: A replay of a run that did not ask this.
        """
        return str(self.book.share(("speech", self.name), lambda: self.source.speech, _SECONDS))

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        """What a table has.

        Raises:
            SourceError: The source's own, or a record that is damaged.
        """
        key = ("columns", self.name, table)
        found = self.book.share(
            key, lambda: {name: list(each) for name, each in self.source.columns(table, seconds).items()}, seconds
        )
        if not isinstance(found, dict):
            raise SourceError(f"the shared columns of {table} are damaged")
        return {name: Column(*map(str, each)) for name, each in found.items()}

    def rows(self, statement: Statement) -> list[Row]:
        """The rows of a statement.

        Raises:
            SourceError: The source's own, or a record that is damaged.
        """
        values = {name: _text_of(each) for name, each in statement.values.items()}
        key = ("rows", self.name, statement.text, json.dumps(values, sort_keys=True))
        work = lambda: [[_written(each) for each in row] for row in self.source.rows(statement)]  # noqa: E731 - one use
        found = self.book.share(key, work, statement.seconds)
        try:
            assert isinstance(found, list)
            return [tuple(map(_read, row)) for row in found]
        except (AssertionError, TypeError, ValueError, LookupError):
            raise SourceError(f"the shared rows of {self.name} are damaged") from None


def _text_of(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _written(value: float | str | bool | None) -> object:
    """JSON has no infinity and no NaN; each is a list with its name."""
    return [repr(value)] if isinstance(value, float) and not math.isfinite(value) else value


def _read(value: object) -> float | str | bool | None:
    if isinstance(value, list):
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[value[0]]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError
