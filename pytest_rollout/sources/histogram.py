"""Histogram: counts by size, as Prometheus writes them, to buckets that do not overlap.

Classic ones are cumulative series with a label `le`; native ones arrive with
both ends; rows are the finest histogram there is. What does not add up is
refused: a quantile of it would be made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import shown
from pytest_rollout.sources.protocol import Bucket

MOST_VALUES = 10_000
"""How many different values rows may have; each is a bucket of its own."""
_ROUNDING = 1e-9
"""How far counts may be apart, relative to the total: rates of cumulative buckets are rounded one by one."""


def classic(cumulative: Mapping[str, float], where: str) -> tuple[tuple[Bucket, ...], float]:
    """Buckets and the total count of `le` to count of observations at or below it.

    Args:
        cumulative: The series, by their label `le`.
        where: For messages.

    Raises:
        SourceError: No `+Inf`, a count that shrinks, or a label that is no number.
    """
    bounds: dict[float, float] = {}
    for label, count in cumulative.items():
        upto = _number(label, f"{where}: the label le")
        if upto in bounds:
            raise SourceError(f'{where}: two buckets end at le="{label}"\nreduce them in the query: sum by (le) (…)')
        if not math.isfinite(count):
            raise SourceError(f'{where}: the bucket le="{label}" counts {count}')
        bounds[upto] = count
    if math.inf not in bounds:
        raise SourceError(f'{where}: the histogram has no bucket le="+Inf", so its total is unknown')
    total = bounds[math.inf]
    buckets, above, below = [], -math.inf, 0.0
    for upto in sorted(bounds):
        inside = bounds[upto] - below
        if inside < -_ROUNDING * abs(total):
            raise SourceError(
                f"{where}: the buckets do not add up: {bounds[upto]:g} observations at or below {upto:g}, "
                f"and {below:g} at or below {above:g}\n"
                "ask for increase(…_bucket[…]) over a range in which nothing restarted, summed by (le) alone"
            )
        buckets.append(Bucket(above=above, upto=upto, count=max(inside, 0.0)))
        above, below = upto, max(bounds[upto], below)
    return tuple(buckets), total


def native(histogram: Mapping[str, object], where: str) -> tuple[tuple[Bucket, ...], float]:
    """Buckets and the total count of a native histogram, from low to high; empty ones are left out, as it does.

    Raises:
        SourceError: Buckets that cannot be read, overlap, or do not add up.
    """
    rows, total = histogram.get("buckets", []), _number(histogram.get("count"), f"{where}: the count")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise SourceError(f"{where}: the buckets are {shown(rows)}")
    buckets = sorted((_native_bucket(row, where) for row in rows), key=lambda each: each.above)
    for left, right in pairwise(buckets):
        if right.above < left.upto:
            raise SourceError(f"{where}: the buckets that end at {left.upto:g} and {right.upto:g} overlap")
    inside = math.fsum(each.count for each in buckets)
    if abs(inside - total) > _ROUNDING * abs(total):
        raise SourceError(f"{where}: {total:g} observations, and the buckets hold {inside:g}\nthe rest may be NaN")
    return tuple(buckets), total


def points(rows: Iterable[tuple[float, float]], where: str) -> tuple[Bucket, ...]:
    """Buckets of rows: one for each value, no wider than it, and empty ones between, so that they adjoin.

    Args:
        rows: Values and how often each occurs, in any order; a value may come again.
        where: For messages.

    Raises:
        SourceError: A value that is not finite, a count that is none, or too many different values.
    """
    counts: dict[float, float] = {}
    for value, count in rows:
        if not math.isfinite(value) or not 0 <= count < math.inf:
            raise SourceError(f"{where}: {value:g}, {count:g} times, is no row of a distribution")
        counts[value] = counts.get(value, 0.0) + count
    if len(counts) > MOST_VALUES:
        raise SourceError(
            f"{where}: {len(counts)} different values, and at most {MOST_VALUES} are told apart\n"
            "round them in the query, or count them into buckets there (upto, count)"
        )
    buckets: list[Bucket] = []
    for value in sorted(counts):
        above = math.nextafter(value, -math.inf)
        if buckets and buckets[-1].upto < above:
            buckets.append(Bucket(above=buckets[-1].upto, upto=above, count=0.0))
        buckets.append(Bucket(above=above, upto=value, count=counts[value]))
    return tuple(buckets)


def _native_bucket(row: object, where: str) -> Bucket:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 4 or row[0] not in {0, 1, 2, 3}:
        raise SourceError(f"{where}: {shown(row)} is no bucket of a native histogram")
    left, right, count = (_number(each, f"{where}: a bucket") for each in row[1:])
    if left > right or not math.isfinite(count) or count < 0:
        raise SourceError(f"{where}: a bucket from {left:g} to {right:g} counts {count:g}")
    # Ours are open to the left and closed to the right; its rule is 0 for that, 1 for the mirror, 2 open, 3 closed.
    above = math.nextafter(left, -math.inf) if row[0] in {1, 3} else left
    upto = math.nextafter(right, -math.inf) if row[0] in {1, 2} and left < right else right
    return Bucket(above=above, upto=upto, count=count)


def _number(value: object, where: str) -> float:
    try:
        if isinstance(value, str) and not math.isnan(number := float(value)):
            return number
    except ValueError:
        pass  # said below
    raise SourceError(f"{where} is {shown(value)}, not a number")
