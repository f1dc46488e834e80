"""Rank: how often a row of the treatment lies above one of the control.

Of the values only their order counts, so no outlier weighs. The answer is a
probability, a half where the arms are alike, and not a difference of medians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from pytest_rollout.stats.bounds import Bounds, alpha_of
from pytest_rollout.stats.longrun import Numbers

METHOD = "P(treatment > control) + P(equal) / 2, Brunner-Munzel"
FEWEST = 10
MOST = 1_000_000
"""Ranks sort every row; above so many rows a quantile says more for less."""


@dataclass(frozen=True)
class Evidence:
    """What reports may show beside the bounds; nothing is judged by it.

    Args:
        mann_whitney: The two-sided p-value of Mann and Whitney's test.
        hodges_lehmann: The median of all differences of one row of the treatment and one of the control; the lower
            one of two.
    """

    mann_whitney: float
    hodges_lehmann: float


def superiority(control: ArrayLike, treatment: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bounds of P(T > C) + P(T = C) / 2, for one planned look.

    Args:
        control: Shape `(n,)`, independent rows (or one number for each unit), without NaN.
        treatment: Shape `(m,)`, likewise.
        confidence: Of each bound on its own, above 0.5 and below 1.

    Returns:
        Bounds between 0 and 1. Unbounded, with the reason, below 10 rows an
        arm, above a million in all, and when the arms do not overlap at all.
        The honest edge: rows of one unit are not independent; give one number
        for each unit.

    Raises:
        ValueError: An array is not one-dimensional or holds NaN, or `confidence` is out of range.

    Source:
        Brunner & Munzel (2000), The nonparametric Behrens-Fisher problem,
        Biometrical Journal 42.
    """
    alpha = alpha_of(confidence)
    x, y = _checked("control", control), _checked("treatment", treatment)
    n, m = len(x), len(y)
    if min(n, m) < FEWEST:
        why = f"{min(n, m)} rows or units of an arm are too few for ranks: at least {FEWEST}"
        return Bounds.unbounded(why, method=METHOD, n=min(n, m), few=True)
    if n + m > MOST:
        why = f"{n + m} rows are more than the {MOST} that are ranked: claim a quantile"
        return Bounds.unbounded(why, method=METHOD, n=min(n, m))
    from scipy.stats import rankdata  # half a second to import, and asked by few

    together = rankdata(np.concatenate([x, y]))
    above_x, above_y = together[:n] - rankdata(x), together[n:] - rankdata(y)
    value = float(above_y.mean()) / n
    parts = (float(above_x.var(ddof=1)) / (n * m * m), float(above_y.var(ddof=1)) / (m * n * n))
    variance = sum(parts)
    if variance <= 0:
        why = "the arms do not overlap, or are all ties, so ranks do not say how far they may be off"
        return Bounds.unbounded(why, method=METHOD, n=min(n, m), value=value)
    degrees = variance**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    error = math.sqrt(variance)
    reach = -float(stdtrit(degrees, alpha)) * error

    def level(limit: float, above: bool) -> float:
        if not 0 <= limit <= 1:
            return 0.0 if above == (limit < 0) else 1.0
        distance = (value - limit) / error
        return float(stdtr(degrees, -distance if above else distance))

    return Bounds(value, max(0.0, value - reach), min(1.0, value + reach), min(n, m), METHOD, level=level)


def evidence(control: ArrayLike, treatment: ArrayLike) -> Evidence:
    """Mann and Whitney's p-value and Hodges and Lehmann's shift, for reports.

    Args:
        control: Shape `(n,)`, at least one row.
        treatment: Shape `(m,)`, likewise.

    Raises:
        ValueError: An array is empty, not one-dimensional, or holds NaN or infinities.
    """
    x, y = _checked("control", control), _checked("treatment", treatment)
    if not len(x) or not len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("both arms need rows, and finite ones")
    from scipy.stats import mannwhitneyu

    p = float(mannwhitneyu(y, x, alternative="two-sided", method="asymptotic").pvalue)
    return Evidence(p, _median_difference(np.sort(x), np.sort(y)))


def _median_difference(x: Numbers, y: Numbers) -> float:
    """The median of all `y - x`, found by counting and not by making them."""
    wanted = (len(x) * len(y) + 1) // 2
    low, high = float(y[0] - x[-1]), float(y[-1] - x[0])

    def at_or_below(shift: float) -> int:
        return len(x) * len(y) - int(np.searchsorted(x, y - shift, side="left").sum())

    while high - low > 1e-12 * max(abs(low), abs(high)) and (middle := (low + high) / 2) not in {low, high}:
        low, high = (low, middle) if at_or_below(middle) >= wanted else (middle, high)
    return high


def _checked(name: str, rows: ArrayLike) -> Numbers:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        raise ValueError(f"{name} is not one number for each row: shape {array.shape}, or NaN")
    return array
