"""Held: the highest value that a series kept for a while.

A spike of four minutes is not a level held for five. What a gap hides may
have been anything, so a gap widens the answer instead of ending the question.
The lowest level is the highest of the series turned upside down.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
"""Seconds from the start of a window, and the value there."""
Gap = tuple[float, float]
"""A stretch in which nothing is known: from and to, in seconds."""

_ROUNDING_SECONDS = 1e-3


@dataclass(frozen=True)
class Held:
    """A level that was held: what the samples show, and the most that the gaps allow.

    `shown` is -inf where no stretch without a gap is long enough to show
    anything; `allowed` is inf where a gap alone is.
    """

    shown: float
    allowed: float


@dataclass(frozen=True)
class Lasting:
    """Held for a time: the first and the last sample at the level are at least so far apart."""

    seconds: float

    def reached(self, points: Sequence[Point], first: int, last: int) -> bool:
        """Whether the samples from `first` to `last` are enough."""
        return points[last][0] - points[first][0] >= self.seconds - _ROUNDING_SECONDS


@dataclass(frozen=True)
class InARow:
    """Held by a number of samples, one after another."""

    count: int

    def reached(self, points: Sequence[Point], first: int, last: int) -> bool:  # noqa: ARG002 - the same question as above
        """Whether the samples from `first` to `last` are enough."""
        return last - first + 1 >= self.count


def highest_held(
    points: Sequence[Point],
    gaps: Sequence[Gap],
    long: Lasting | InARow,
    step_seconds: float,
    *,
    doubts: Sequence[Gap] = (),
) -> Held:
    """The highest level that a series stayed at or above for long enough, without a break.

    Args:
        points: Samples in time order.
        gaps: Stretches without samples, in time order.
        long: What is long enough.
        step_seconds: How far apart samples should be; a gap could have held one each step.
        doubts: Stretches too short to end what was held, in which a sample could have been anything.
    """
    stretches = list(_stretches(points, gaps))
    shown = max((_highest(stretch, long) for stretch in stretches), default=-math.inf)
    hidden = [(at, math.inf) for gap in (*gaps, *doubts) for at in _steps(gap, step_seconds)]
    return Held(shown=shown, allowed=_highest(sorted([*points, *hidden]), long) if hidden else shown)


def _stretches(points: Sequence[Point], gaps: Sequence[Gap]) -> Iterator[list[Point]]:
    """The samples between the gaps."""
    found, ends = list(points), [to for _, to in gaps]
    for end in ends:
        before = [point for point in found if point[0] < end]
        found = found[len(before) :]
        yield before
    yield found


def _steps(gap: Gap, step_seconds: float) -> Iterator[float]:
    """Where samples could have stood inside a gap."""
    count = max(1, math.floor((gap[1] - gap[0]) / step_seconds) - 1)
    for number in range(1, count + 1):
        yield gap[0] + (gap[1] - gap[0]) * number / (count + 1)


def _highest(points: Sequence[Point], long: Lasting | InARow) -> float:
    """The largest, over all shortest stretches that are long enough, of the smallest value in each.

    One pass with a queue of candidates for the smallest value (a sliding-window minimum).
    """
    best, first = -math.inf, 0
    smallest: deque[int] = deque()
    for last, (_, value) in enumerate(points):
        while smallest and points[smallest[-1]][1] >= value:
            smallest.pop()
        smallest.append(last)
        if not long.reached(points, first, last):
            continue
        while first < last and long.reached(points, first + 1, last):
            first += 1
        while smallest[0] < first:
            smallest.popleft()
        best = max(best, points[smallest[0]][1])
    return best
