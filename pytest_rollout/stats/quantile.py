"""Quantile: which order statistics enclose it.

No shape is assumed: rows at or below the true P99 are coins that fall with
0.99, and counting them says between which ranks it lies. Ranks are whole
numbers, so values are looked up and never made up.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Literal

from scipy.special import betainc, betaincc

from pytest_rollout.stats import proportion

PRIOR = 3.0
"""The power of the mixture at every look: the share beyond a quantile is known, so no event at all is rare news."""

Ranks = tuple[int, int]
"""The order statistics, counted from 1, that lie at or below and at or above a quantile; 0 where there is none."""


def middle(n: int, q: float) -> int:
    """The rank of the sample's own quantile: the smallest with a share of at least q at or below it."""
    return min(n, max(1, math.ceil(n * q - 1e-9)))


def around(n: int, q: float, *, deff: float = 1.0) -> Ranks:
    """The ranks whose values lie at or below and at or above the quantile on average; 0 where there is none.

    That of `middle` lies below it by up to half a row, and more where rows come together. It is little for one
    sample, and not for the mean of many small ones.

    Args:
        n: Rows.
        q: Quantile as a fraction, `0 < q < 1`.
        deff: Design effect of "at or below the quantile", at least 1.

    Source:
        A share of k / (n + 1) lies below the k-th of n values on average: David & Nagaraja (2003), ch. 2.
    """
    at = (n + deff) * q
    below, above = math.floor(at + 1 - deff + 1e-9), math.ceil(at - 1e-9)
    return max(0, min(below, middle(n, q))), above if above <= n else 0


def ranks(n: int, q: float, alpha: float, *, deff: float = 1.0, looks: Literal["continuous", "once"] = "once") -> Ranks:
    """The ranks whose values bound a quantile.

    Args:
        n: Rows.
        q: Quantile as a fraction, `0 < q < 1` (0.99 is P99).
        alpha: Level of each bound, above 0 and below 0.5.
        deff: Design effect of the indicator "at or below the quantile", at least 1: n rows count as n / deff.
        looks: Whether the bounds hold at every look, or at one planned look.

    Returns:
        Lower and upper rank. At one look an upper bound of P99 exists from
        299 · deff rows on, at every look from 707 · deff on (at 95 %).

    Raises:
        ValueError: `n` is below 0, or `q`, `alpha` or `deff` is out of range.

    Source:
        Order statistics: David & Nagaraja (2003), ch. 7.1, with the binomial
        in its beta form so that n / deff need not be whole. For every look
        the e-values of `proportion.log_evidence`.
    """
    if not 0 < q < 1 or not 0 < alpha < 0.5 or not 1 <= deff < math.inf or n < 0:
        raise ValueError(f"no ranks for n {n}, q {q}, alpha {alpha}, deff {deff}")

    def shown(count: int, *, above: bool) -> bool:
        return level(count, n, q, above=above, deff=deff, looks=looks) <= alpha

    below = n - bisect_left(range(n), True, key=lambda gone: shown(n - gone - 1, above=True))
    above = bisect_left(range(1, n + 1), True, key=lambda rank: shown(rank, above=False)) + 1
    return below, above if above <= n else 0


def level(
    count: int,
    n: int,
    q: float,
    *,
    above: bool,
    deff: float = 1.0,
    looks: Literal["continuous", "once"] = "once",
) -> float:
    """The smallest level at which a quantile is shown to lie at or above (or at or below) a limit.

    Args:
        count: To show that it lies at or above, how many rows lie below the limit; else how many at or below.
        n: Rows.
        q: Quantile as a fraction.
        above: Which side is to be shown.
        deff: Design effect, at least 1.
        looks: As for `ranks`.
    """
    size, share, part = n / deff, 1 - q, count / deff
    if looks == "once":
        if above:
            return float(betaincc(part + 1, size - part, q)) if count < n else 1.0
        return float(betainc(part, size - part + 1, q)) if count else 1.0
    beyond = min((n - count) / deff, size)
    if (beyond > share * size) != above or n == 0:
        return 1.0
    return math.exp(-max(0.0, proportion.log_evidence(beyond, size, share, above=above, prior=PRIOR)))


def fewest_rows(q: float, alpha: float, *, deff: float = 1.0, looks: Literal["continuous", "once"] = "once") -> int:
    """How many rows both bounds of a quantile need to exist: 59 for P95 and 299 for P99, at one look at 95 %."""
    high = 64
    while 0 in ranks(high, q, alpha, deff=deff, looks=looks):
        high *= 2
    return bisect_left(range(high), True, key=lambda n: 0 not in ranks(n, q, alpha, deff=deff, looks=looks))
