"""Batches: a series before and after a change, judged by its days.

Nobody randomised the days, and the minutes of one day are alike. So each day
counts once, by the mean of its logarithms, and how much days differ from one
another is learnt from those before the change.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from pytest_rollout.stats.bounds import Bounds, alpha_of
from pytest_rollout.stats.longrun import Numbers

METHOD = "daily means of ln x, before against after, not randomised"
FEWEST_DAYS = 3
DAY_SECONDS = 86_400.0
MOST_MISSING_OF_A_DAY = 0.2
ALIKE = 1e-12
"""Days whose logarithms differ by less are copies of one another, as far as floats can tell."""


def baseline_ratio(now_days: ArrayLike, base_days: ArrayLike, *, planned_days: int, confidence: float = 0.95) -> Bounds:
    """Bounds of the ratio of a level now to what it was before.

    Args:
        now_days: Shape `(d,)`, for each day of the window the mean of ln x; see `daily_logs`.
        base_days: Shape `(m,)`, the same for each day before the change.
        planned_days: D, over how many days the window may grow while somebody looks.
        confidence: Of each bound on its own, at all looks of those days together; above 0.5 and below 1.

    Returns:
        Bounds of `x now / x before`: 1.2 is 20 % more. With s, the standard
        deviation between the days before, `exp(mean now - mean before ±
        t(m - 1, 1 - alpha / 2D) · s · √(1/d + 1/m))`. Unbounded, with the
        reason, below 3 days before, without a day now, and when all days
        before are equal. The honest edge: nothing but time separates before
        and after, so whatever else changed is in the ratio; days that drift
        from week to week are further apart than days of one week show.

    Raises:
        ValueError: A number is not finite, `planned_days` is below 1, or `confidence` is out of range.

    Source:
        Student's prediction interval for a mean of d new observations (Hahn &
        Meeker, 1991, Statistical Intervals, ch. 4), Bonferroni over the
        planned days and over complete and growing days.
    """
    alpha = alpha_of(confidence)
    if planned_days < 1:
        raise ValueError(f"planned_days is {planned_days}, not 1 or more")
    now, base = _checked("now_days", now_days), _checked("base_days", base_days)
    if not len(now):
        return Bounds.unbounded("no day has passed since the change", method=METHOD)
    if len(base) < FEWEST_DAYS:
        why = f"{len(base)} days before the change are too few to say how much days differ: at least {FEWEST_DAYS}"
        return Bounds.unbounded(why, method=METHOD, n=len(now), value=_ratio(now, base))
    spread = float(np.std(base, ddof=1))
    if spread <= ALIKE:
        why = f"all {len(base)} days before the change are equal, which says nothing about how much days differ"
        return Bounds.unbounded(why, method=METHOD, n=len(now), value=_ratio(now, base))
    looks = 2 * max(planned_days, len(now))
    error = spread * math.sqrt(1 / len(now) + 1 / len(base))
    centre, degrees = float(now.mean() - base.mean()), len(base) - 1

    def level(limit: float, above: bool) -> float:
        if limit <= 0:
            return 0.0 if above else 1.0
        distance = (centre - math.log(limit)) / error
        return min(1.0, looks * float(stdtr(degrees, -distance if above else distance)))

    reach = -float(stdtrit(degrees, alpha / looks)) * error
    value, low, high = (_exp(each) for each in (centre, centre - reach, centre + reach))
    if math.isinf(value):
        return Bounds.unbounded("the ratio is beyond every number", method=METHOD, n=len(now))
    return Bounds(value, low, high, len(now), METHOD, level=level)


def daily_logs(times_seconds: ArrayLike, values: ArrayLike, *, start_seconds: float, step_seconds: float) -> Numbers:
    """The mean of ln x of each full day of a series, counted from its start.

    Args:
        times_seconds: Shape `(n,)`, strictly increasing.
        values: Shape `(n,)`, in the metric's unit, above 0.
        start_seconds: Where the first day begins; what lies before is left out.
        step_seconds: How often a sample is due.

    Returns:
        Shape `(days,)`, oldest first. A day that is not over, and one of which
        more than a fifth is missing, is left out.

    Raises:
        ValueError: Shapes differ, a number is not finite, or a value is 0 or less.
    """
    times, numbers = _checked("times_seconds", times_seconds), _checked("values", values)
    if times.shape != numbers.shape:
        raise ValueError(f"times have shape {times.shape} and values {numbers.shape}: both must be (n,)")
    if (below := int((numbers <= 0).sum())) > 0:
        raise ValueError(f"{below} of {len(numbers)} values are 0 or less, and a ratio needs values above 0")
    if not step_seconds > 0:
        raise ValueError(f"step_seconds is {step_seconds}, not above 0")
    inside = times >= start_seconds
    if not inside.any():
        return np.empty(0)
    day = ((times[inside] - start_seconds) // DAY_SECONDS).astype(np.int64)
    counts = np.bincount(day)
    sums = np.bincount(day, weights=np.log(numbers[inside]))
    over = start_seconds + DAY_SECONDS * (np.arange(len(counts)) + 1) <= times[-1] + step_seconds
    whole = over & (counts >= (1 - MOST_MISSING_OF_A_DAY) * DAY_SECONDS / step_seconds)
    return np.asarray(sums[whole] / counts[whole], dtype=np.float64)


def _checked(name: str, numbers: ArrayLike) -> Numbers:
    array = np.asarray(numbers, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, not one number a day or sample")
    if not np.isfinite(array).all():
        raise ValueError(f"{int((~np.isfinite(array)).sum())} of {len(array)} numbers of {name} are NaN or infinite")
    return array


def _ratio(now: Numbers, base: Numbers) -> float:
    return _exp(float(now.mean() - base.mean())) if len(base) else math.nan


def _exp(number: float) -> float:
    return math.exp(number) if number < 700 else math.inf
