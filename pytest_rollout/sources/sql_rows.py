"""SQL rows: what the columns and rows of a result say, whichever database it came from.

For a number: a column `value`, or the only one that is not `at`. For a
histogram: `upto`, `count` and perhaps `above`, a row a bucket; or `value` and
perhaps `count`, a row for each of many. `at` is when it was true, and UTC
where it has no zone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, number_of
from pytest_rollout.sources.histogram import points
from pytest_rollout.sources.protocol import Answer, Bucket, Question, Sample

MAX_ROWS = 1000
MAX_SERIES_ROWS = 100_000

Row = tuple[datetime | None, tuple[object, ...]]
"""When it was true, and the numbers in the order of `Columns.numbers`."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a result count.

    Args:
        names: All of them, as the result calls them.
        at: The place of the time.
        numbers: The places of `value`, or of `upto`, `count` and perhaps `above`.
        each: Whether a histogram comes as rows: of `value` and perhaps `count`.
    """

    names: tuple[str, ...]
    at: int | None
    numbers: tuple[int, ...]
    each: bool = False

    def place(self, where: str, number: int) -> str:
        """A number's column, as messages call it."""
        return f"{where}, column '{self.names[self.numbers[number]]}'"


def columns_of(names: Sequence[str], question: Question, where: str) -> Columns:
    """Which columns answer a question.

    Raises:
        SourceError: It cannot be told, without guessing.
    """
    times, rows = _named(names, "at"), False
    if question.buckets:
        found = [_named(names, name) for name in ("upto", "count", "above")]
        wanted = (
            "a histogram has the columns 'upto' and 'count', and may have 'above' and 'at'; rows have 'value', "
            "and may have 'count' and 'at'"
        )
        clear = [len(each) for each in found] in ([1, 1, 0], [1, 1, 1])
        numbers = [place for each in found for place in each]
        if not found[0] and (values := _named(names, "value")):
            rows, numbers = True, [*values, *found[1]]
            clear = len(values) == 1 and len(found[1]) <= 1 and not found[2]
    else:
        numbers = _named(names, "value") or [i for i in range(len(names)) if i not in times]
        wanted, clear = "name it 'value'", len(numbers) == 1
    if not clear or len(times) > 1:
        seen = first_line(", ".join(names), 80)
        asked = "have a histogram" if question.buckets else "is the number"
        raise SourceError(f"{where}: which of the columns {seen} {asked}?\n{wanted}")
    return Columns(tuple(names), times[0] if times else None, tuple(numbers), each=rows)


def _named(names: Sequence[str], name: str) -> list[int]:
    """Where a name stands; of a name that is there twice, DuckDB calls the second `value_1`."""
    exact = [i for i, each in enumerate(names) if each.lower() == name]
    again = re.compile(rf"{name}_\d+")
    return exact and exact + [i for i, each in enumerate(names) if again.fullmatch(each.lower())]


def most_rows(question: Question) -> int:
    """How many rows an answer may have; an engine reads one more, to see that there are too many."""
    return MAX_ROWS if question.start is None and not question.buckets else MAX_SERIES_ROWS


def answer_of(rows: Sequence[Row], columns: Columns, question: Question, where: str) -> Answer:
    """The answer that rows give: a number, a series or a histogram. NULL is no number.

    Raises:
        SourceError: Too many rows, something that is no number, or rows from outside the window.
    """
    most = most_rows(question)
    if len(rows) > most:
        what = "a histogram" if question.buckets else "a series"
        meant = "one was meant" if most == MAX_ROWS else f"{what} was meant\naggregate to fewer in the query"
        raise SourceError(f"{where}: more than {most:,} rows where {meant}".replace(",", " "))
    if question.buckets:
        return _histogram(rows, columns, where)
    place = columns.place(where, 0)
    samples = [Sample(value=number_of(row[0], place), at=at) for at, row in rows if row[0] is not None]
    if question.start is not None:
        samples = _series(samples, question.start, question.at, where)
    return Answer(samples=tuple(samples), body=_body(samples, columns, len(rows)))


def _series(samples: Sequence[Sample], start: datetime, end: datetime, where: str) -> list[Sample]:
    """The samples of a window in their order.

    A row at the very start belongs to the window before, and `BETWEEN`
    brings it along. Any other row from outside is not cut off: it shows that
    the query looks at something else than it was asked for, such as local
    times that are read as UTC.
    """
    timed = []
    for sample in samples:
        if sample.at is None:
            raise SourceError(f"{where}: a row of the series says no time\nreturn it as column 'at'")
        if not start <= sample.at <= end:
            raise SourceError(
                f"{where}: a row of {sample.at.isoformat()} is outside the window"
                f" {start.isoformat()} to {end.isoformat()}\n"
                'write WHERE "at" > :start AND "at" <= :end, and see that the times are UTC'
            )
        if sample.at != start:
            timed.append((sample.at, sample))
    timed.sort(key=lambda each: each[0])
    for (before, _), (at, _) in pairwise(timed):
        if before == at:
            raise SourceError(f"{where}: two rows of {at.isoformat()} where one series was meant\naggregate per time")
    return [sample for _, sample in timed]


def _histogram(rows: Sequence[Row], columns: Columns, where: str) -> Answer:
    """Rows as buckets, from low to high; without `above`, a bucket begins where the one below it ends."""
    if len({at for at, _ in rows}) > 1:
        raise SourceError(f'{where}: the buckets are of several times\nreturn one: max(max("at")) OVER () AS "at"')
    places = [columns.place(where, number) for number in range(len(columns.numbers))]
    if columns.each:
        counted = [tuple(map(_edge, row, places)) for _, row in rows]
        found = points(((each[0], each[1] if len(each) > 1 else 1.0) for each in counted), where)
        total = _total(rows, found)
        return Answer(samples=tuple(total), buckets=found, body=_body(total, columns, len(rows)))
    edges = sorted((tuple(map(_edge, row, places)) for _, row in rows), key=lambda each: each[0])
    buckets: list[Bucket] = []
    for upto, count, *above in edges:
        floor = buckets[-1].upto if buckets else -math.inf
        bucket = Bucket(above=above[0] if above else floor, upto=upto, count=count)
        if not (0 <= count < math.inf and floor <= bucket.above < upto):
            raise SourceError(f"{where}: ({bucket.above:g}, {upto:g}] with {count:g} is no bucket above {floor:g}")
        buckets.append(bucket)
    total = _total(rows, buckets)
    return Answer(samples=tuple(total), buckets=tuple(buckets), body=_body(total, columns, len(rows)))


def _total(rows: Sequence[Row], buckets: Sequence[Bucket]) -> list[Sample]:
    """How many observations there are, and when that was so; nothing where there was no row."""
    return [Sample(value=math.fsum(each.count for each in buckets), at=rows[0][0])] if rows else []


def _edge(value: object, place: str) -> float:
    """A bucket's end or count: a number, and an end may be infinite."""
    number = value if isinstance(value, float) and math.isinf(value) else number_of(value, place)
    if math.isnan(number):
        raise SourceError(f"{place}: NaN is no end and no count of a bucket")
    return number


def _body(samples: Sequence[Sample], columns: Columns, rows: int) -> str:
    """What was read, for the evidence; of a long series its ends, since the answer has all of it."""
    kept = samples if len(samples) <= MAX_ROWS else [samples[0], samples[-1]]
    taken = [{"value": str(each.value), "at": each.at.isoformat() if each.at else None} for each in kept]
    return json.dumps({"rows": rows, "columns": columns.names, "samples": taken})
