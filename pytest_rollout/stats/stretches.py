"""Stretches: a series cut at restarts, averaged down, and its daily cycle.

What happens to a series before anything is estimated from it.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pytest_rollout.stats.longrun import Numbers

Indices = NDArray[np.int64]

CELLS = 300
"""Longer series are averaged down to about so many points: only slow waves are read anyway."""
SHORTEST_STRETCH = 10
DAY_SECONDS = 86_400.0
HARMONICS = 3
"""Waves of 24, 12 and 8 hours make a daily cycle."""


def stretches(times: Numbers, numbers: Numbers, warm_up_seconds: float) -> Indices:
    """The number of the stretch between restarts that each point belongs to; -1 where it is left out.

    Shapes `(n,)` in and out. Left out are `warm_up_seconds` from each start,
    and stretches of fewer than 10 points.
    """
    numbered = np.zeros(len(times), dtype=np.int64)
    starts = [0, *restarts(numbers)] if len(times) else []
    numbered[starts[1:]] = 1
    numbered = np.cumsum(numbered)
    for each, start in enumerate(starts):
        numbered[(numbered == each) & (times < times[start] + warm_up_seconds)] = -1
        if (numbered == each).sum() < SHORTEST_STRETCH:
            numbered[numbered == each] = -1
    return numbered


def restarts(numbers: Numbers) -> list[int]:
    """Where a series fell to less than half and stayed there: the index of each first low value.

    Once it did so, its falls to less than three quarters are restarts, too:
    whatever leaks does not always leak as far. Series with values below 0
    have none.
    """
    if len(numbers) < 6 or (numbers < 0).any():
        return []
    return _falls(numbers, 0.75) if _falls(numbers, 0.5) else []


def _falls(numbers: Numbers, share: float) -> list[int]:
    """Where a series falls below a share of itself.

    Medians of three points before and after are compared, so that one odd
    value is no fall. It must be deeper than 6 robust standard deviations of
    the steps, so that noise is none either: cutting noise where it falls would
    make a slope of it.
    """
    middles = np.median(sliding_window_view(numbers, 3), axis=1)
    before, after, here = middles[:-3], middles[3:], numbers[3:-2]
    steps = np.diff(numbers)
    noise = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    deep = (after < before * share) & (here < before * share) & (before - after > 6 * noise)
    falls = np.flatnonzero(deep) + 3
    return [int(each) for each, gap in zip(falls, np.diff(falls, prepend=-np.inf), strict=True) if gap > 2]


def cells_of(stretch: Indices) -> Indices:
    """The number of the cell that each point is averaged into: about 300 in all, none across a restart."""
    length = max(1, round(len(stretch) / CELLS))
    cells: list[Indices] = []
    first = 0
    for points in np.unique(stretch, return_counts=True)[1]:
        count = max(1, int(points) // length)
        cells.append(first + np.arange(points) * count // points)
        first += count
    return np.concatenate(cells)


def averaged(numbers: Numbers, cells: Indices) -> Numbers:
    """The mean of each cell, shape `(cells,)`."""
    return np.bincount(cells, numbers) / np.bincount(cells)


def daily_cycle(times: Numbers, when: Numbers, *, days: float) -> list[Numbers]:
    """Waves of 24, 12 and 8 hours at the instants `when`; none when the series `times` is shorter than `days`.

    A window is as long as its points times their distance: 1440 minutes are a day.
    """
    span = float(times[-1] - times[0]) * len(times) / (len(times) - 1)
    if span < days * DAY_SECONDS * 0.995:
        return []
    angle = 2 * np.pi * (when - when[0]) / DAY_SECONDS
    return [wave(angle * each) for each in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
