"""Drift: how far two distributions are apart, from counts in buckets.

The distance is Kolmogorov and Smirnov's: the largest difference between the
two shares that lie at or below any one number. It needs no model, has no unit,
and its bounds do not grow with the number of buckets.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from pytest_rollout.stats.bounds import Bounds, alpha_of
from pytest_rollout.stats.histogram import Bucket

FEWEST = 100
"""So many independent observations of each before anything is said; the bounds hold from there on."""
METHOD = "Kolmogorov-Smirnov distance, empirical process bound, valid at every look"
_A = 0.85
_SCALE = 0.8
_FACTOR = 1612.0
_MOST = 0.5
"""The constants are the theorem's for levels that a claim may have; of a larger one nothing is said."""


def drift(
    one: Sequence[Bucket],
    other: Sequence[Bucket],
    *,
    confidence: float = 0.95,
    deff: tuple[float, float] = (1.0, 1.0),
) -> Bounds:
    """Always-valid bounds of the distance between two distributions.

    Args:
        one: `(above, upto, count)`, counts not cumulative, in any order; gaps hold nothing.
        other: Likewise; its edges may be others.
        confidence: Of each bound on its own, above 0.5 and below 1.
        deff: Design effect of each, at least 1.

    Returns:
        Bounds between 0 (the same) and 1 (nothing in common). Unbounded when
        either has fewer than 100 independent observations, or when there is no
        edge at which both are known. The honest edge: the distance is that of
        the values as these buckets tell them, so what moves inside a bucket is
        not seen; an edge that lies inside a bucket of the other widens the upper
        bound by all of that bucket; the bounds are wide, because they hold for every distribution
        and at every look (±0.17 with 1000 observations of each, ±0.06 with
        10 000); the two samples need not be independent of each other.

    Raises:
        ValueError: A count is negative or NaN, a bucket without room, buckets
            that overlap, or `deff` below 1.

    Source:
        Howard & Ramdas (2022), Sequential estimation of quantiles with
        applications to A/B testing and best-arm identification, Bernoulli 28,
        theorem 2: with probability 1 - alpha an empirical distribution of n >= m
        observations is at every n within 0.85·sqrt((log(1 + log(n/m)) +
        0.8·log(1612/alpha)) / n) of its own. Each of the two gets half of alpha,
        and the distance is no further off than both together.
    """
    alpha = alpha_of(confidence)
    left, right = _Steps(one), _Steps(other)
    if min(deff) < 1 or not all(map(math.isfinite, deff)):
        raise ValueError(f"deff is {deff}, not 1 or more")
    sizes = (left.total / deff[0], right.total / deff[1])
    n = math.floor(min(left.total, right.total))
    if min(sizes) < FEWEST:
        why = f"{sizes[0]:.0f} and {sizes[1]:.0f} independent observations: at least {FEWEST} of each are needed"
        return Bounds.unbounded(why, method=METHOD, n=n, few=True)
    pairs = [(left.below(edge), right.below(edge)) for edge in sorted({*left.edges, *right.edges})]
    both = [(a[0], b[0]) for a, b in pairs if a[0] == a[1] and b[0] == b[1]]
    # Below the first edge and above the last both are 0 and 1, whatever they are; that compares nothing.
    if not any(0 < a < 1 or 0 < b < 1 or a != b for a, b in both):
        return Bounds.unbounded("the two have no edge in common, so nothing can be compared", method=METHOD, n=n)
    distance = max(abs(a - b) for a, b in both)
    furthest = max(max(a[1] - b[0], b[1] - a[0]) for a, b in pairs)
    missed = len(pairs) - len(both)
    why = f"{missed} of {len(pairs)} edges lie inside a bucket of the other, whose values may lie on either side"
    reach = _reach(sizes, _offset(alpha / 2))

    def level(limit: float, above: bool) -> float:
        gap = distance - limit if above else limit - furthest
        if (above and limit < 0) or (not above and limit > 1):
            return 0.0
        return _level(sizes, gap)

    high = min(1.0, furthest + reach)
    return Bounds(distance, max(0.0, distance - reach), high, n, METHOD, why if missed else "", level)


class _Steps:
    """A cumulative distribution, known at the edges of its buckets and where nothing lies."""

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        self._filled = sorted(bucket for bucket in buckets if bucket[2])
        for low, high, count in buckets:
            if not (0 <= count < math.inf) or not low < high:
                raise ValueError(f"bucket {low:g} … {high:g} holds {count} observations")
        if any(self._filled[at][1] > self._filled[at + 1][0] for at in range(len(self._filled) - 1)):
            raise ValueError("two buckets overlap")
        self._ends = [high for _, high, _ in self._filled]
        self._upto = [0.0, *accumulate(count for _, _, count in self._filled)]
        self.total = self._upto[-1]
        self.edges = {edge for low, high, _ in buckets for edge in (low, high) if math.isfinite(edge)}

    def below(self, edge: float) -> tuple[float, float]:
        """The least and the greatest that the share at or below an edge can be; they differ inside of a full bucket."""
        at = bisect_left(self._ends, edge)  # the first bucket that does not end below it
        inside = at < len(self._ends) and self._filled[at][0] < edge < self._ends[at]
        full = at + 1 if at < len(self._ends) and self._ends[at] == edge else at
        return self._upto[full] / self.total, self._upto[full + inside] / self.total


def _offset(alpha: float) -> float:
    """The constant of the bound for one sample."""
    return _SCALE * math.log(_FACTOR / alpha)


def _reach(sizes: tuple[float, float], offset: float) -> float:
    """How far the distance may be off: the bounds of both samples."""
    return sum(_A * math.sqrt((math.log1p(math.log(n / FEWEST)) + offset) / n) for n in sizes)


def _level(sizes: tuple[float, float], gap: float) -> float:
    """The smallest level at which the distance is shown to be further than `gap` from where it was seen."""
    least = _offset(_MOST / 2)
    if gap <= _reach(sizes, least):
        return 1.0
    low, high = least, 1.0 + gap * gap * max(sizes) / (_A * _A)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _reach(sizes, middle) < gap else (low, middle)
    return min(1.0, 2 * _FACTOR * math.exp(-low / _SCALE))
