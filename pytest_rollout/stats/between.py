"""Between: bounds of the share that lies in an interval, from counts in buckets.

A bucket that an interval cuts could lie in it as a whole or not at all: the
bounds carry both, and `why` names it. Rows are buckets too, of one value each,
and no interval cuts those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pytest_rollout.stats import proportion
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.histogram import Bucket

METHOD = "share of an interval, beta-mixture e-values, valid at every look"


def between(
    buckets: Sequence[Bucket], above: float, upto: float, *, confidence: float = 0.95, deff: float = 1.0
) -> Bounds:
    """Always-valid bounds of the share above one number and up to another.

    Args:
        buckets: `(above, upto, count)`, counts not cumulative; they may leave gaps, in which nothing lies.
        above: The lower end, which is outside as the lower edge of a bucket is; may be `-inf`.
        upto: The upper end, which is inside; may be `inf`.
        confidence: Of each bound on its own, above 0.5 and below 1.
        deff: Design effect, at least 1: so many dependent rows tell as much as one.

    Returns:
        Bounds between 0 and 1. The lower one counts the buckets that lie in the
        interval as a whole, the upper one also those that it cuts; the value
        takes a cut bucket in proportion, and one without an end not at all.
        Unbounded when nothing was counted. The honest edge: that of
        `proportion.continuous`, and a value that is exactly `above` is outside,
        because no histogram can tell it from the values below.

    Raises:
        ValueError: The ends are NaN or the wrong way round, a count is negative
            or NaN, or `deff` is below 1.

    Source:
        See `proportion.continuous`. That cut buckets only widen the bounds is
        monotonicity: more events never lower a bound.
    """
    if math.isnan(above) or math.isnan(upto) or not above < upto:
        raise ValueError(f"from {above:g} to {upto:g} is no interval")
    inside = touched = total = value = 0.0
    cut = ""
    for low, high, count in buckets:
        if not (0 <= count < math.inf) or not low < high:
            raise ValueError(f"bucket {low:g} … {high:g} holds {count} observations")
        total += count
        if high <= above or low >= upto:
            continue
        touched += count
        if above <= low and high <= upto:
            inside, value = inside + count, value + count
            continue
        if count:
            cut = cut or f"the interval cuts the bucket {low:g} … {high:g}, which holds {count:g} of them"
            width = high - low
            value += count * (min(high, upto) - max(low, above)) / width if math.isfinite(width) else 0.0
    if not total:
        return Bounds.unbounded("nothing was counted, so no share is known", method=METHOD)
    fewest, most = math.floor(inside), min(total, math.ceil(touched))
    lower = proportion.continuous(fewest, total, confidence=confidence, deff=deff)
    upper = proportion.continuous(most, total, confidence=confidence, deff=deff)
    lower_level, upper_level = lower.level, upper.level

    def level(limit: float, is_above: bool) -> float:
        chosen = lower_level if is_above else upper_level
        return chosen(limit, is_above) if chosen else 1.0

    share = min(max(value / total, lower.low), upper.high)
    return replace(lower, value=share, high=upper.high, method=METHOD, why=cut, level=level)
