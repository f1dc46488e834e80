"""Freshness: how old the data behind an answer of Prometheus is.

Prometheus repeats a series for five minutes after its last sample, and dates
every answer with the question. So each selector of the query is asked for
the time of its newest sample. The data is as old as the oldest of these; a
selector that says nothing, or a query without any, is of unknown age.

A selector that looks back on purpose (`offset`, `@`) beside one that does
not is a reference, not old data: it is judged as of the time it looks at.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, compress, repeat

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.columns import Columns, from_seconds
from pytest_rollout.sources.prometheus_api import Conversation, Series, named
from pytest_rollout.sources.promql import Selector, UnclearError, selectors

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL = "selector"
_LATEST_SECONDS = 1e11


def taken(talk: Conversation, query: str, at: datetime) -> datetime | None:
    """When the data was taken that `query` shows as of `at`; None, with a note, where that cannot be told."""
    try:
        found = _selectors(query)
        newest = _newest(talk, found, at)
    except (UnclearError, SourceError) as error:
        talk.note(f"age unknown: {str(error).splitlines()[0]}")
        return None
    now = at.timestamp()
    moved = _as_of(found, now, now, now)
    return _instant(min(moved[place] + newest[place] for place in range(len(found))))


def _newest(talk: Conversation, found: tuple[Selector, ...], at: datetime) -> dict[int, float]:
    """The newest sample of each selector; of one with a range, also where it is older than five minutes.

    Raises:
        UnclearError: A selector has none.
    """
    newest = {}
    for each in talk.evaluated(_times(dict(enumerate(found))), at)[1]:
        newest[_place(each, found)] = _seconds(each)[0]
    wanted = {place: each for place, each in enumerate(found) if place not in newest and each.reach}
    if wanted:
        for each in talk.evaluated(_times(wanted, reaching=True), at)[1]:
            newest[_place(each, found)] = _seconds(each)[0]
    for place, selector in enumerate(found):
        if place not in newest:
            raise UnclearError(f"no recent sample of {selector.spelt()}")
    return newest


def dated(talk: Conversation, query: str, points: Series, grid: tuple[datetime, datetime, timedelta]) -> Columns:
    """The points of a range query with the times of the data behind them; those without new data are left out.

    Raises:
        SourceError: The times cannot be told.
    """
    first, last, step = grid
    try:
        found = _selectors(query)
    except UnclearError as error:
        where = talk.service.shown("/api/v1/query_range")
        raise SourceError(f"{where}: when the samples were taken cannot be told: {error}") from None
    newest: list[dict[float, float]] = [{} for _ in found]
    told = talk.evaluated_range(_times(dict(enumerate(found))), first, last, step)
    if len(found) == len(told) == 1 and _place(told[0], found) == 0 and told[0].times == points.times:
        oldest = list(_seconds(told[0]))  # the usual case, of which nothing has to be looked up
    else:
        for each in told:
            newest[_place(each, found)].update(zip(each.times, _seconds(each), strict=True))
        # Both answers write the instants of one grid alike. Where a selector says nothing, its data is older than any.
        never = repeat(-math.inf)
        moved = _moved(found, points.times, first.timestamp(), last.timestamp())
        taken_at = [
            list(map(operator.add, map(column.get, points.times, never), by))
            for column, by in zip(newest, moved, strict=True)
        ]
        oldest = taken_at[0] if len(taken_at) == 1 else list(map(min, *taken_at))
    if oldest and oldest[0] > -math.inf and all(map(operator.lt, oldest, oldest[1:])):
        return Columns(points.values, from_seconds(oldest))
    newer = list(map(operator.gt, oldest, [-math.inf, *accumulate(oldest, max)]))
    if few := newer.count(False):
        talk.note(f"{few} of {len(newer)} points left out: no new data behind them")
    return Columns(tuple(compress(points.values, newer)), from_seconds(compress(oldest, newer)))


def _moved(found: tuple[Selector, ...], times: Sequence[float], first: float, last: float) -> Sequence[Sequence[float]]:
    """For each selector and each point, what to add to the selector's time; see `_as_of`."""
    if any(each.pinned is not None for each in found):
        rows = [_as_of(found, at, first, last) for at in times]
        return [[row[place] for row in rows] for place in range(len(found))]
    return [[by] * len(times) for by in _as_of(found, first, first, last)]


def _selectors(query: str) -> tuple[Selector, ...]:
    found = selectors(query)
    if not found:
        raise UnclearError("the query looks at no series")
    return found


def _times(wanted: dict[int, Selector], *, reaching: bool = False) -> str:
    """One query for the newest sample's time of each selector, told apart by a label."""
    parts = []
    for place, each in wanted.items():
        time = f"timestamp({each.spelt()})"
        if reaching:
            # Steps below the five minutes that a sample is repeated for find the newest; few enough for 30 days.
            step = min(max(each.reach / 500, 60), 290)
            time = f"max_over_time({time}[{each.reach * 1000:.0f}ms:{step * 1000:.0f}ms])"
        parts.append(f'label_replace(max({time}), "{_LABEL}", "{place}", "", "")')
    return " or ".join(parts)


def _place(series: Series, found: tuple[Selector, ...]) -> int:
    """Which selector a series of our own query speaks of."""
    label = series.labels.get(_LABEL, "")
    if label not in {str(place) for place in range(len(found))}:
        raise SourceError(f"{named(series.labels)} was answered to a question for times")
    return int(label)


def _seconds(series: Series) -> tuple[float, ...]:
    """The values of a series that are times."""
    found = series.values
    if not found or not all(map(math.isfinite, found)) or min(found) <= 0 or max(found) >= _LATEST_SECONDS:
        raise SourceError("what was answered as times are none")
    return found


def _as_of(found: tuple[Selector, ...], at: float, first: float, last: float) -> list[float]:
    """What to add to each selector's time: how far it looks back on purpose, less what all of them do."""
    pins = {"start": first, "end": last}
    back = []
    for each in found:
        pinned = pins[each.pinned] if isinstance(each.pinned, str) else each.pinned
        back.append(max(0.0, each.offset + (0.0 if pinned is None else at - pinned)))
    return [each - min(back) for each in back]


def _instant(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
