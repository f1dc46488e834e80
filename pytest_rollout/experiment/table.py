"""Table: which columns of a table are an experiment, and which of its rows.

A table is described by names; what its columns really hold is looked up
before anything is added up, and what does not fit is an error that names the
column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from pytest_rollout.errors import SourceError, UsageError, did_you_mean, listed
from pytest_rollout.sources.tables import BOOLEAN, LOCAL_TIME, NUMBER, OTHER, TEXT, TIME, Column, Value


@dataclass(frozen=True)
class Table:
    """The columns of one metric in a table of rows.

    Args:
        name: The table, perhaps `schema.table`; files are one table called `file`.
        unit: The column of the randomisation unit; None where rows are independent.
        arm: The column that says which arm a row is of.
        at: The column of its time.
        value: The column of its value: numbers, or true and false for a share.
        arms: Each arm of the experiment with its label in the column `arm`.
        stratum: A column that splits the rows into strata.
        strata: The strata that take part; rows of others are not looked at. Empty for all.
        timeout: A column that is true where a row timed out: its value is then
            `+inf`, or true where values are true and false.
        row: A column that names a row, so that duplicates can be told.
        ignored: Labels of the column `arm` that are known and of no arm of this experiment; None is NULL.
        zone: `UTC` for a time column without a zone; without it, such a column is refused.

    Raises:
        UsageError: Fewer than two arms, two arms with one label, another zone.
    """

    name: str
    unit: str | None
    arm: str
    at: str
    value: str
    arms: Mapping[str, str] = field(kw_only=True)
    stratum: str | None = field(default=None, kw_only=True)
    strata: Sequence[str] = field(default=(), kw_only=True)
    timeout: str | None = field(default=None, kw_only=True)
    row: str | None = field(default=None, kw_only=True)
    ignored: Sequence[str | None] = field(default=(), kw_only=True)
    zone: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        labels = [*self.arms.values(), *self.ignored]
        if len(self.arms) < 2 or len(set(labels)) < len(labels):
            said = ", ".join(f"{arm} is '{label}'" for arm, label in self.arms.items())
            raise UsageError(
                f"table '{self.name}': an experiment has two arms or more, each with a label of its own: {said}"
            )
        if self.strata and self.stratum is None:
            raise UsageError(f"table '{self.name}': strata {listed(self.strata)}, and no column that says them")
        if self.zone not in {None, "UTC"}:
            raise UsageError(
                f"table '{self.name}': zone '{self.zone}': only UTC has no hour twice; convert others in a view"
            )
        for name in (self.name, *self.named().values()):
            if not name or any(ord(letter) < 32 for letter in name):
                raise UsageError(f"table '{self.name}': {name!r} is no name of a table or column")

    def named(self) -> Mapping[str, str]:
        """Each column that is used, by what for."""
        uses = {
            "unit": self.unit,
            "arm": self.arm,
            "at": self.at,
            "value": self.value,
            "stratum": self.stratum,
            "timeout": self.timeout,
            "row": self.row,
        }
        return {use: name for use, name in uses.items() if name is not None}


@dataclass(frozen=True)
class Span:
    """The time that is looked at: rows with `start < at <= end`.

    Args:
        start: Where it begins, with an offset from UTC.
        end: Where it ends.
        stages: The start of each stage by its label, in their order; the first
            lies at `start` or before. Each is a stratum, because the mean over
            stages of different percentages is not that of any of them.

    Raises:
        UsageError: Times without an offset, or in no order.
    """

    start: datetime
    end: datetime
    stages: Mapping[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        starts = list(self.stages.values())
        if any(each.utcoffset() is None for each in (self.start, self.end, *starts)):
            raise UsageError(f"the time from {self.start} to {self.end} has no offset from UTC")
        ordered = all(before < after for before, after in pairwise([*starts, self.end]))
        if self.start >= self.end or not ordered or (starts and starts[0] > self.start):
            told = ", ".join(f"{label} at {each}" for label, each in self.stages.items())
            raise UsageError(
                f"from {self.start} to {self.end}: stages begin one after the other, the first at the start: {told}"
            )

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


_FITTING: Mapping[str, tuple[frozenset[str], str]] = {
    "value": (frozenset({NUMBER, BOOLEAN}), "numbers, or true and false"),
    "at": (frozenset({TIME, LOCAL_TIME}), "times"),
    "timeout": (frozenset({NUMBER, BOOLEAN}), "true and false"),
    "arm": (frozenset({TEXT, NUMBER, BOOLEAN, OTHER}), "labels"),
    "stratum": (frozenset({TEXT, NUMBER, BOOLEAN}), "labels"),
}


def check_columns(table: Table, columns: Mapping[str, Column], speech: str) -> None:
    """Refuse a table that has not the columns that are named, or other things in them.

    Raises:
        SourceError: Names the column, what it holds, and what would do.
    """
    for use, name in table.named().items():
        if name not in columns:
            lines = [f"{table.name}: there is no column '{name}' for the {use}", f"columns: {listed(columns)}"]
            raise SourceError("\n".join([*lines, *did_you_mean(name, columns)]))
        column = columns[name]
        fitting, meant = _FITTING.get(use, (frozenset({column.holds}), ""))
        if use == "at" and speech == "sqlite" and column.holds == TEXT:
            continue  # SQLite has no times, and keeps them as texts in UTC
        if column.holds not in fitting:
            fix = "what only looks like it is not converted: CAST it in a view, where all can see how"
            raise SourceError(f"{table.name}: column '{name}' is {column.type}, not {meant}\n{fix}")
    clock = columns[table.at]
    if clock.holds == LOCAL_TIME and table.zone is None and speech != "sqlite":
        fix = "state zone: UTC if they are times of UTC, or convert them in a view"
        raise SourceError(
            f"{table.name}: column '{table.at}' is {clock.type}, and nobody knows whose time that is\n{fix}"
        )


def label_value(table: Table, name: str, label: str, columns: Mapping[str, Column]) -> Value:
    """A label as the type of its column, so that the database compares like with like.

    Raises:
        SourceError: A column of numbers or of true and false cannot hold this label.
    """
    column = columns[name]
    try:
        if column.holds == NUMBER:
            return float(label)
        if column.holds == BOOLEAN:
            return {"true": True, "false": False}[label.lower()]
    except (ValueError, KeyError):
        raise SourceError(
            f"{table.name}: column '{name}' is {column.type} and cannot hold the label '{label}'"
        ) from None
    return label


def label_of(value: float | str | bool | None) -> str | None:
    """A label as text: true, false, 5, 12.5; None is NULL."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def changed(name: str) -> str:
    """What is said of a table of which two statements say different things."""
    return f"{name}: changed while it was read\nask again, or end the window earlier"
