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
from datetime import UTC, datetime, timedelta

from pytest_rollout.errors import SourceError
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
        newest[_place(each, found)] = _seconds(each.points)[0][1]
    wanted = {place: each for place, each in enumerate(found) if place not in newest and each.reach}
    if wanted:
        for each in talk.evaluated(_times(wanted, reaching=True), at)[1]:
            newest[_place(each, found)] = _seconds(each.points)[0][1]
    for place, selector in enumerate(found):
        if place not in newest:
            raise UnclearError(f"no recent sample of {selector.spelt()}")
    return newest


def dated(
    talk: Conversation, query: str, points: Series, grid: tuple[datetime, datetime, timedelta]
) -> list[tuple[datetime, float]]:
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
    columns: dict[int, dict[int, float]] = {}
    for each in talk.evaluated_range(_times(dict(enumerate(found))), first, last, step):
        column = columns.setdefault(_place(each, found), {})
        column.update({round(at * 1000): newest for at, newest in _seconds(each.points)})
    kept: list[tuple[datetime, float]] = []
    previous = -math.inf
    ends = first.timestamp(), last.timestamp()
    wandering = any(each.pinned is not None for each in found)
    moved = _as_of(found, ends[0], *ends)
    asked = [columns.get(place, {}) for place in range(len(found))]
    for at, value in points.points:
        moved = _as_of(found, at, *ends) if wandering else moved
        key = round(at * 1000)
        times = [column.get(key, math.nan) + by for column, by in zip(asked, moved, strict=True)]
        newest = min(times) if not any(map(math.isnan, times)) else -math.inf
        if newest > previous:
            kept.append((_instant(newest), value))
            previous = newest
    if len(kept) < len(points.points):
        talk.note(f"{len(points.points) - len(kept)} of {len(points.points)} points left out: no new data behind them")
    return kept


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


def _seconds(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if not points or not all(0 < newest < _LATEST_SECONDS for _, newest in points):
        raise SourceError("what was answered as times are none")
    return points


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
