"""Logs, the counting half: from the lines of a window to one figure, or to one for each step."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from pytest_rollout.errors import SourceError

SECOND = 1_000_000
_PER_SECONDS = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86400}


class Request(TypedDict):
    """What one process asks of another about some files; times and lengths in microseconds, from 1970 on."""

    files: NotRequired[list[str]]
    pattern: str
    time_format: str
    zone: str
    function: str
    field: str
    matchers: list[tuple[str, str, bool]]
    at: int
    start: int
    step: int
    window: int
    unmatched: float


class Lines:
    """What was found in the window: times in microseconds since 1970, and the values of the lines that were meant."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.times = array("q")
        self.chosen = array("q")
        self.values = array("d")
        self.unmatched = 0

    def enter(self, moment: int, value: float | None) -> None:
        """One line of the window; `value` is None where it was not meant."""
        if len(self.times) >= self.limit:
            raise SourceError(f"more than {self.limit} lines in the window\nask for a shorter one")
        self.times.append(moment)
        if value is not None:
            self.chosen.append(moment)
            self.values.append(value)


def samples(lines: Lines, request: Request) -> list[tuple[float, int]]:
    """The figure of the window, as old as its newest line; or that of each step's end, over a window of its own.

    A window without any line has none.
    """
    function, step, window = request["function"], request["step"], request["window"]
    seconds = window / SECOND
    if not step:
        value = figure(function, lines.values, len(lines.times), seconds)
        if function == "last" and lines.chosen:
            newest, index = max((moment, index) for index, moment in enumerate(lines.chosen))
            return [(lines.values[index], newest)]
        return [(value, max(lines.times))] if lines.times and value is not None else []
    times, rows = sorted(lines.times), sorted(zip(lines.chosen, lines.values, strict=True), key=lambda row: row[0])
    chosen, values = [row[0] for row in rows], [row[1] for row in rows]
    found: list[tuple[float, int]] = []
    for end in reversed(range(request["at"], request["start"], -step)):
        count = bisect_right(times, end) - bisect_right(times, end - window)
        part = values[bisect_right(chosen, end - window) : bisect_right(chosen, end)]
        value = figure(function, part, count, seconds)
        if count and value is not None:
            found.append((value, end))
    return found


def figure(function: str, values: Sequence[float], lines: int, seconds: float) -> float | None:
    """One figure of the values that were meant, of so many lines in so many seconds; None where there is none."""
    if function in _PER_SECONDS:
        return len(values) * _PER_SECONDS[function] / seconds
    if function in {"count", "share"}:
        return float(len(values)) if function == "count" else len(values) / lines if lines else None
    if not values:
        return None
    if function in {"sum", "mean"}:
        return math.fsum(values) / (len(values) if function == "mean" else 1)
    if function in {"min", "max", "last"}:
        return values[-1] if function == "last" else min(values) if function == "min" else max(values)
    percent = int(function[1:])
    needed = -(-100 // (100 - percent))
    if len(values) < needed:
        # The quantile of fewer values is their maximum by another name.
        raise SourceError(f"{len(values)} lines, and it takes {needed} to see {function}\nask over a longer window")
    return sorted(values)[-(-percent * len(values) // 100) - 1]  # the nearest rank: a value that was there
