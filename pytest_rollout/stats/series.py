"""Series: the mean and the slope of one autocorrelated series.

Memory, processor time, queue lengths: one number a minute, each much like the
one before. Treating them as independent raises false alarms; here the series
itself says how much it wanders, and one that wanders too much has no bounds.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pytest_rollout.stats.bounds import Bounds, Level, alpha_of
from pytest_rollout.stats.longrun import Error, Numbers, error_of
from pytest_rollout.stats.stretches import Indices, averaged, cells_of, daily_cycle, stretches

FEWEST = 30
MOST_MISSING = 0.2
MOST_WANDERING = 0.3
"""How much belief in a random walk leaves a mean without bounds."""
SLOWEST_OF_MEAN = 2.0
"""A mean needs a series that comes back; a slope does not."""


def mean(times_seconds: ArrayLike, values: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bounds for the process mean over the window that a series spans.

    Args:
        times_seconds: Shape `(n,)`, strictly increasing, roughly regular.
        values: Shape `(n,)`, in the metric's unit.
        confidence: Of each bound on its own, above 0.5 and below 1.

    Returns:
        Bounds in the metric's unit, around the plain average of the values.
        A daily cycle is no noise from one day on; in a shorter window it
        widens the bounds or leaves none. Unbounded, with the reason, below 30
        points, with more than a fifth of the window missing, when all values
        are equal, or when the series cannot be told from a random walk. The
        honest edge: strongly skewed values and long memory are covered less
        often than `confidence` says; claim a share above a limit instead.

    Raises:
        ValueError: Shapes differ, a number is not finite, or times do not increase.

    Source:
        See `longrun.error_of`.
    """
    alpha = alpha_of(confidence)
    times, numbers = _checked(times_seconds, values)
    method = "mean, autocorrelation from the slowest waves"
    if doubt := _too_little(times):
        return _unbounded(doubt, method, numbers)
    if np.ptp(numbers) == 0:
        why = f"all {len(numbers)} values are {numbers[0]:g}, which says nothing about how far their mean may be off"
        return _unbounded(why, method, numbers)
    cells = cells_of(np.zeros(len(numbers), dtype=np.int64))
    when, level = averaged(times, cells), averaged(numbers - numbers.mean(), cells)
    combination = np.bincount(cells) / len(numbers)
    design = np.column_stack([np.ones(len(when)), *daily_cycle(times, when, days=1)])
    error = error_of(combination, level, when, design, slowest=SLOWEST_OF_MEAN)
    return _bounded(float(numbers.mean()), error, alpha, n=len(numbers), method=method, refuse_wandering=True)


def slope(
    times_seconds: ArrayLike, values: ArrayLike, *, confidence: float = 0.95, warm_up_seconds: float = 0.0
) -> Bounds:
    """Bounds for the straight trend of a series within its window.

    A restart is a fall to less than half that lasts and that stands out of
    the series' own noise; `stretches.restarts` says it exactly. Every stretch between restarts has a level of its
    own and all have one slope, so a leak is seen in all of them and a restart
    does not hide it. Stretches of fewer than 10 points are left out.

    Args:
        times_seconds: Shape `(n,)`, strictly increasing, roughly regular.
        values: Shape `(n,)`, in the metric's unit.
        confidence: Of each bound on its own, above 0.5 and below 1.
        warm_up_seconds: Left out at the start and after each restart.

    Returns:
        Bounds in the metric's unit per hour, around the least-squares slope.
        A daily cycle is taken out from two days on. Unbounded, with the
        reason, below 30 points, with more than a fifth of the window missing,
        or when restarts leave too little. The honest edge: in a window shorter
        than a day the climb of a morning *is* a slope; a pure random walk is
        covered in about 86 % instead of 95 %; a constant series has slope 0
        exactly.

    Raises:
        ValueError: As for `mean`, or a negative warm-up.

    Source:
        See `longrun.error_of`.
    """
    alpha = alpha_of(confidence)
    times, numbers = _checked(times_seconds, values)
    if not warm_up_seconds >= 0:
        raise ValueError(f"warm_up_seconds is {warm_up_seconds}, not 0 or more")
    return _slope(times, numbers, stretches(times, numbers, warm_up_seconds), alpha)


def growth(
    times_seconds: ArrayLike, values: ArrayLike, *, confidence: float = 0.95, warm_up_seconds: float = 0.0
) -> Bounds:
    """Bounds for the growth of a series in percent per hour: `slope` of the logarithm.

    Args:
        times_seconds: Shape `(n,)`, strictly increasing, roughly regular.
        values: Shape `(n,)`, in the metric's unit, above 0.
        confidence: Of each bound on its own, above 0.5 and below 1.
        warm_up_seconds: Left out at the start and after each restart.

    Returns:
        Bounds in percent per hour, `(exp(slope of ln value) - 1) * 100`.
        Unbounded as for `slope`, and when a value is 0 or less.

    Raises:
        ValueError: As for `slope`.
    """
    alpha = alpha_of(confidence)
    times, numbers = _checked(times_seconds, values)
    if not warm_up_seconds >= 0:
        raise ValueError(f"warm_up_seconds is {warm_up_seconds}, not 0 or more")
    if (below := int((numbers <= 0).sum())) > 0:
        why = f"{below} of {len(numbers)} values are 0 or less, and growth in percent needs values above 0"
        return Bounds.unbounded(why, method="growth", n=len(numbers))
    log = _slope(times, np.log(numbers), stretches(times, numbers, warm_up_seconds), alpha)
    value, low, high = (_percent(each) for each in (log.value, log.low, log.high))
    if not math.isfinite(value):
        return Bounds.unbounded(log.why or "growth is beyond every number", method=log.method, n=log.n)
    return replace(log, value=value, low=low, high=high, level=_of_percent(log.level))


def _slope(times: Numbers, numbers: Numbers, numbered: Indices, alpha: float) -> Bounds:
    """The common slope of all stretches; `numbered` says which point is in which, and -1 is left out."""
    doubt = _too_little(times)
    kept = numbered >= 0
    times, numbers, numbered = times[kept], numbers[kept], np.unique(numbered[kept], return_inverse=True)[1]
    count = int(numbered.max(initial=0)) + 1
    method = "least-squares slope, autocorrelation from the slowest waves"
    method += f", {count} stretches between restarts" if count > 1 else ""
    if doubt := doubt or _too_few(times):
        return Bounds.unbounded(doubt, method=method, n=len(numbers))
    cells = cells_of(numbered)
    when, level = averaged(times, cells), averaged(numbers - numbers.mean(), cells)
    stretch = np.round(averaged(numbered.astype(np.float64), cells)).astype(np.int64)
    cycle = daily_cycle(times, when, days=2)
    hours = (when - when.mean()) / 3600
    design = np.column_stack([hours, *np.eye(count)[stretch].T, *cycle])
    combination = np.linalg.pinv(design)[0]
    error = error_of(combination, level, when, design)
    method += ", daily cycle removed" if cycle else ""
    return _bounded(float(combination @ level), error, alpha, n=len(numbers), method=method, refuse_wandering=False)


def _bounded(value: float, error: Error | None, alpha: float, *, n: int, method: str, refuse_wandering: bool) -> Bounds:
    if error is None:
        return Bounds.unbounded("too little is left between the restarts", method=method, n=n, value=value)
    if refuse_wandering and error.wandering > MOST_WANDERING:
        why = "the series climbs or wanders like a random walk: a mean needs a longer window, best of whole days"
        return Bounds.unbounded(why, method=method, n=n, value=value)

    def level(limit: float, above: bool) -> float:
        return error.tail(value - limit if above else limit - value)

    width = error.quantile(alpha)
    return Bounds(value, value - width, value + width, n, method, level=level)


def _unbounded(why: str, method: str, numbers: Numbers) -> Bounds:
    value = float(numbers.mean()) if len(numbers) else math.nan
    return Bounds.unbounded(why, method=method, n=len(numbers), value=value)


def _checked(times_seconds: ArrayLike, values: ArrayLike) -> tuple[Numbers, Numbers]:
    times, numbers = np.asarray(times_seconds, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if times.ndim != 1 or times.shape != numbers.shape:
        raise ValueError(f"times have shape {times.shape} and values {numbers.shape}: both must be (n,)")
    for name, each in (("times", times), ("values", numbers)):
        if not np.isfinite(each).all():
            raise ValueError(f"{int((~np.isfinite(each)).sum())} of {len(each)} {name} are NaN or infinite")
    if (np.diff(times) <= 0).any():
        raise ValueError("times do not increase strictly")
    return times, numbers


def _too_little(times: Numbers) -> str:
    """Why a series cannot be judged at all, or nothing."""
    if doubt := _too_few(times):
        return doubt
    step = float(np.median(np.diff(times)))
    missing = 1 - len(times) * step / (float(times[-1] - times[0]) + step)
    return f"{missing:.0%} of the window has no points" if missing > MOST_MISSING else ""


def _too_few(times: Numbers) -> str:
    few = f"{len(times)} points are too few for an autocorrelated series: at least {FEWEST}"
    return few if len(times) < FEWEST else ""


def _percent(slope_per_hour: float) -> float:
    """Percent per hour of a slope of the logarithm; infinite where it is beyond every number."""
    return math.expm1(slope_per_hour) * 100 if slope_per_hour < 700 else math.inf


def _of_percent(level: Level | None) -> Level | None:
    if level is None:
        return None

    def in_percent(limit: float, above: bool) -> float:
        if limit <= -100:
            return 0.0 if above else 1.0
        return level(math.log1p(limit / 100), above)

    return in_percent
