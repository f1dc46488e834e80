"""Histogram: bounds of a quantile from counts in buckets.

Two things limit what buckets can tell: how many observations there are, and
how wide the bucket is that the quantile lies in. The bounds carry both, and
`why` says which of the two it is.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from scipy.special import betainc

from pytest_rollout.stats import proportion
from pytest_rollout.stats.bounds import Bounds, alpha_of

Bucket = tuple[float, float, float]
"""(above, upto, count): so many observations above the one edge and up to the other, as Prometheus counts."""

METHOD = "order statistics of bucket counts"


@dataclass(frozen=True)
class _Counts:
    """Adjoining buckets and their cumulative counts, scaled to a whole number of independent observations."""

    edges: tuple[float, ...]
    upto: tuple[float, ...]
    n: int

    def bucket(self, rank: float) -> int:
        """The first bucket whose cumulative count reaches `rank`; the last at most."""
        return next((each for each, count in enumerate(self.upto) if count >= rank), len(self.upto) - 1)

    def at_or_below(self, edge: float) -> float:
        """How many lie at or below an edge of a bucket."""
        return (0.0, *self.upto)[self.edges.index(edge)]


def quantile(
    buckets: Iterable[Bucket],
    q: float,
    *,
    confidence: float = 0.95,
    deff: float = 1.0,
    looks: Literal["continuous", "once"] = "once",
) -> Bounds:
    """Bounds of a quantile from adjoining buckets.

    Args:
        buckets: `(above, upto, count)` in any order, counts not cumulative;
            the lowest may reach down to `-inf` and the highest up to `inf`.
            Counts may be fractions, as Prometheus' `increase()` returns.
        q: Quantile as a fraction, `0 < q < 1` (0.99 is P99).
        confidence: Of each bound on its own, above 0.5 and below 1.
        deff: Design effect, at least 1: so many dependent rows tell as much as one.
        looks: Whether the bounds hold at every look at a growing sample, or
            at one planned look.

    Returns:
        Bounds in the unit of the edges: the order statistics that enclose the
        quantile, moved outward to the edges of their buckets. `value` is
        interpolated linearly within its bucket, as Prometheus does. A bound is
        infinite, with the reason, when it falls into a bucket without an edge,
        or when there are too few observations for it (59 for P95, 299 for P99
        at 95 %, at one look; 74 and 377 at every look). The honest edge: `increase()` extrapolates, so over a window
        of few scrapes it overstates how much was seen; observations of one pod
        are alike, which `deff` must say.

    Raises:
        ValueError: A count is negative or NaN, buckets overlap or leave a gap,
            or `q`, `confidence` or `deff` is out of range.

    Source:
        David & Nagaraja (2003), Order statistics, ch. 7.1; for every look,
        see `proportion.continuous`, asked of the share 1 - q above each edge:
        of all edges below the quantile the nearest has the fewest
        observations above it, so one e-process governs them all.
    """
    alpha = alpha_of(confidence)
    if not 0 < q < 1:
        raise ValueError(f"q is {q}, not above 0 and below 1 (P99 is 0.99)")
    edges, raw = _checked(buckets)
    counts = _scaled(edges, raw, deff)
    if counts.n == 0:
        return Bounds.unbounded("nothing was counted, so no quantile is known", method=METHOD)
    if looks == "continuous":
        return _anytime(counts, q, alpha, math.floor(sum(raw)))
    lower, upper = _ranks(counts.n, q, alpha)
    low = edges[counts.bucket(math.nextafter(lower - 1, math.inf))] if lower else -math.inf
    high = edges[counts.bucket(upper) + 1] if upper else math.inf
    value = min(max(_interpolated(counts, q), low), high)
    if math.isinf(value):
        return Bounds.unbounded("the quantile lies in a bucket without edges", method=METHOD, n=math.floor(sum(raw)))

    def level(limit: float, above: bool) -> float:
        return _level(counts, q, limit, above)

    why = _why(counts, (lower, upper), (low, high), q, alpha)
    return Bounds(value, low, high, math.floor(sum(raw)), METHOD, why, level)


def _anytime(counts: _Counts, q: float, alpha: float, n: int) -> Bounds:
    """The edges between which a quantile lies, whenever one looks."""

    def shown_above(edge: float) -> float:
        events = math.floor(counts.n - counts.at_or_below(edge))
        return proportion.always_valid_level(events, counts.n, 1 - q, above=True)

    def shown_at_or_below(edge: float) -> float:
        events = min(counts.n, math.ceil(counts.n - counts.at_or_below(edge)))
        return proportion.always_valid_level(events, counts.n, 1 - q, above=False)

    def level(limit: float, above: bool) -> float:
        if above:
            edge = min((each for each in counts.edges if each >= limit), default=math.inf)
            return shown_above(edge) if edge in counts.edges else 1.0
        edge = max((each for each in counts.edges if each <= limit), default=-math.inf)
        return shown_at_or_below(edge) if edge in counts.edges else 1.0

    # The further an edge is from the quantile, the more is shown: looked for by halves, because rows have many edges.
    lows = bisect_left(counts.edges, True, key=lambda edge: shown_above(edge) > alpha)
    highs = bisect_left(counts.edges, True, key=lambda edge: shown_at_or_below(edge) <= alpha)
    low = counts.edges[lows - 1] if lows else -math.inf
    high = counts.edges[highs] if highs < len(counts.edges) else math.inf
    value = min(max(_interpolated(counts, q), low), high)
    method = f"{METHOD}, valid at every look"
    if math.isinf(value):
        return Bounds.unbounded("the quantile lies in a bucket without edges", method=method, n=n)
    why = ""
    if math.isinf(high) or math.isinf(low):
        side = "upper" if math.isinf(high) else "lower"
        why = f"{counts.n} observations do not show the {side} bound of P{q * 100:g} at every look, or no edge is there"
    elif counts.edges.index(high) == counts.edges.index(low) + 1:
        why = f"{_named(low, high)} cannot resolve it"
    return Bounds(value, low, high, n, method, why, level)


def _ranks(n: int, q: float, alpha: float) -> tuple[int, int]:
    """The order statistics that lie at or below, and at or above, the quantile; 0 where there is none.

    The lower is the largest r with P(fewer than r at or below) <= alpha, the upper
    the smallest r with P(at least r below) <= alpha, both binomial.
    """
    lower = _smallest(lambda below: _at_most(below, n, q) > alpha, n)
    upper = 1 + _smallest(lambda below: _more_than(below, n, q) <= alpha, n)
    return lower, 0 if upper > n else upper


def _at_most(events: int, n: int, share: float) -> float:
    """The probability of at most so many events of n; SciPy's own takes no n beyond 2³¹."""
    return 1.0 if events >= n else float(betainc(n - events, events + 1, 1 - share))


def _more_than(events: int, n: int, share: float) -> float:
    """The probability of more events than that."""
    return 0.0 if events >= n else 1.0 if events < 0 else float(betainc(events + 1, n - events, share))


def _smallest(holds: Callable[[int], bool], most: int) -> int:
    """The smallest whole number in `[0, most]` for which something holds from there on; `most + 1` when for none."""
    return bisect_left(range(most + 1), True, key=holds)


def _level(counts: _Counts, q: float, limit: float, above: bool) -> float:
    """The level at which a limit is refuted, judged at the nearest edge that makes it harder."""
    if above:
        edge = min((each for each in counts.edges if each >= limit), default=math.inf)
        return _at_most(math.ceil(counts.at_or_below(edge)), counts.n, q) if edge in counts.edges else 1.0
    edge = max((each for each in counts.edges if each <= limit), default=-math.inf)
    below = math.floor(counts.at_or_below(edge)) if edge in counts.edges else 0
    return _more_than(below - 1, counts.n, q) if below else 1.0


def _interpolated(counts: _Counts, q: float) -> float:
    """The quantile by linear interpolation in its bucket; in a bucket without an edge, the edge that it has."""
    rank = q * counts.upto[-1]
    at = counts.bucket(rank)
    above, upto = counts.edges[at], counts.edges[at + 1]
    if upto == math.inf:
        return above
    if above == -math.inf:
        above = min(0.0, upto)
    before = counts.upto[at - 1] if at else 0.0
    return above + (upto - above) * (rank - before) / (counts.upto[at] - before)


def _why(counts: _Counts, ranks: tuple[int, int], bounds: tuple[float, float], q: float, alpha: float) -> str:
    low, high = bounds
    reasons = []
    for side, rank, bound, share in (("upper", ranks[1], high, q), ("lower", ranks[0], low, 1 - q)):
        if not rank:
            least = math.ceil(math.log(alpha) / math.log(share))
            reasons.append(
                f"{counts.n} observations are too few for the {side} bound of P{q * 100:g}: at least {least}"
            )
        elif math.isinf(bound):
            reasons.append(f"the {side} bound lies in a bucket without an edge")
    if not reasons and counts.edges.index(high) == counts.edges.index(low) + 1:
        reasons.append(f"{_named(low, high)} cannot resolve it")
    return "; ".join(reasons)


def _named(above: float, upto: float) -> str:
    return f"bucket {above:g} … {upto:g}"


def _checked(buckets: Iterable[Bucket]) -> tuple[tuple[float, ...], list[float]]:
    """Edges, one more than buckets, and counts; in order."""
    ordered = sorted(buckets)
    for above, upto, count in ordered:
        if not (0 <= count < math.inf):
            raise ValueError(f"{_named(above, upto)} holds {count} observations")
        if not above < upto:
            raise ValueError(f"{_named(above, upto)} has no room between its edges")
    for (_, upto, _), (above, _, _) in pairwise(ordered):
        if upto != above:
            raise ValueError(f"one bucket ends at {upto:g} and the next begins at {above:g}: buckets must adjoin")
    edges = (*(above for above, _, _ in ordered), *(upto for _, upto, _ in ordered[-1:]))
    return edges, [count for _, _, count in ordered]


def _scaled(edges: tuple[float, ...], raw: Sequence[float], deff: float) -> _Counts:
    """Counts of so many independent observations as there are at least; whole numbers stay as they are."""
    if not 1 <= deff < math.inf:
        raise ValueError(f"deff is {deff}, not 1 or more")
    total = math.fsum(raw)
    n = math.floor(total / deff)
    return _Counts(edges, tuple(each * (n / total) if total else 0.0 for each in accumulate(raw)), n)
