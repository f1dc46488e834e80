"""Paired: the same question put to both versions.

A replayed suite asks old and new the same things, so what differs between
questions cancels. Each pair is one difference, and the differences are one
sample.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from pytest_rollout.stats import quantile as ranks
from pytest_rollout.stats.bounds import Bounds, alpha_of
from pytest_rollout.stats.longrun import Numbers
from pytest_rollout.stats.sequential import Mixture

FEWEST = 10
FEWEST_AT_EVERY_LOOK = 100
"""Below so many pairs no mean is claimed at every look."""
PLANNED = 1000.0
"""At so many pairs bounds for every look are shortest; suites are of hundreds or thousands of questions."""


def mean(before: ArrayLike, after: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bounds of the mean of after - before, for one planned look.

    Args:
        before: Shape `(n,)`, finite.
        after: Shape `(n,)`, of the same questions in the same order.
        confidence: Of each bound on its own, above 0.5 and below 1.

    Returns:
        Bounds in the values' unit. Unbounded, with the reason, below 10
        pairs and when all differences are equal. The honest edge: pairs are
        independent of one another, and skewed differences need hundreds.

    Raises:
        ValueError: Lengths differ, a number is not finite, or `confidence` is out of range.

    Source:
        Student (1908), Biometrika 6; for every look see `sequential.Mixture`.
    """
    differences = _differences(before, after)
    centre = float(differences.mean()) if len(differences) else 0.0
    squares = float(np.square(differences - centre).sum())
    return mean_of_sums(len(differences), centre, squares, confidence=confidence)


def mean_of_sums(
    n: int,
    value: float,
    squares: float,
    *,
    confidence: float = 0.95,
    looks: Literal["continuous", "once"] = "once",
) -> Bounds:
    """The same from what pairs in a database add up to, at every look if need be.

    Args:
        n: How many pairs.
        value: The mean difference.
        squares: The sum of squared deviations from it.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: Whether the bounds hold at every look, as questions are added or asked again, or at one planned look.

    Returns:
        As `mean`; at every look unbounded below 100 pairs. The honest edge
        then: a disaster in too few questions to be among them is not seen.

    Raises:
        ValueError: `squares` is negative or not finite, or `confidence` is out of range.
    """
    alpha, always = alpha_of(confidence), looks == "continuous"
    how = "normal mixture valid at every look" if always else "Student's t"
    method, least = f"mean of paired differences, {how}", FEWEST_AT_EVERY_LOOK if always else FEWEST
    if n < least:
        return Bounds.unbounded(f"{n} pairs are too few: at least {least}", method=method, n=n, few=True)
    if not (math.isfinite(value) and 0 <= squares < math.inf):
        raise ValueError(f"{n} differences with mean {value} and squares {squares}: both must be finite")
    error = math.sqrt(squares / (n - 1) / n)
    if error == 0:
        why = f"all {n} differences are {value:g}, which says nothing about how far their mean may be off"
        return Bounds.unbounded(why, method=method, n=n, value=value)

    def level(limit: float, above: bool) -> float:
        errors = (value - limit) / error if above else (limit - value) / error
        return mixture.level(errors, n) if always else float(stdtr(n - 1, -errors))

    mixture = Mixture.tuned(PLANNED, alpha)
    reach = (mixture.multiplier(n, alpha) if always else -float(stdtrit(n - 1, alpha))) * error
    return Bounds(value, value - reach, value + reach, n, method, level=level)


def quantile(
    before: ArrayLike,
    after: ArrayLike,
    q: float,
    *,
    confidence: float = 0.95,
    looks: Literal["continuous", "once"] = "once",
) -> Bounds:
    """Bounds of a quantile of after - before: order statistics of the differences.

    Args:
        before: Shape `(n,)`, finite.
        after: Shape `(n,)`, of the same questions in the same order.
        q: Quantile of the differences as a fraction, `0 < q < 1`.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: Whether the bounds hold at every look, or at one planned look.

    Returns:
        Bounds in the values' unit. A bound is infinite, with the reason,
        where there are too few pairs for it. The honest edge: a quantile of
        differences is not a difference of quantiles.

    Raises:
        ValueError: As for `mean`, or `q` is out of range.

    Source:
        See `quantile.ranks`.
    """
    alpha = alpha_of(confidence)
    if not 0 < q < 1:
        raise ValueError(f"q is {q}, not above 0 and below 1 (P99 is 0.99)")
    differences = np.sort(_differences(before, after))
    n, method = len(differences), f"P{q * 100:g} of paired differences, order statistics"
    if n == 0:
        return Bounds.unbounded("there are no pairs", method=method, few=True)
    lower, upper = ranks.ranks(n, q, alpha, looks=looks)
    value = float(differences[ranks.middle(n, q) - 1])
    low = min(value, float(differences[lower - 1])) if lower else -math.inf
    high = max(value, float(differences[upper - 1])) if upper else math.inf
    few = not (lower and upper)
    least = ranks.fewest_rows(q, alpha, looks=looks) if few else 0
    why = f"{n} pairs are too few for both bounds of P{q * 100:g}: at least {least}" if few else ""

    def level(limit: float, above: bool) -> float:
        count = int(np.searchsorted(differences, limit, side="left" if above else "right"))
        return ranks.level(count, n, q, above=above, looks=looks)

    method += " valid at every look" if looks == "continuous" else ""
    return Bounds(value, low, high, n, method, why, level, few)


def _differences(before: ArrayLike, after: ArrayLike) -> Numbers:
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"before has shape {first.shape} and after {second.shape}: both must be (n,)")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("some numbers are NaN or infinite: leave the pair out and count it as failed")
    return second - first
