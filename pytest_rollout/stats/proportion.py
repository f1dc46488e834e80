"""Proportion: bounds of one share, `events` of `total`.

Two answers to "how many of them fail". `continuous` holds at every look
together, however often one looks and whenever one stops; `once` is shorter
and holds for one look, planned before the data were seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import betainc, betaincc, betaincinv, betaln

from pytest_rollout.stats.bounds import Bounds, alpha_of

HALF = 0.5
"""The first parameter of the beta mixture: half an event's worth of prior belief."""
TINY = 1e-300
LAST = math.nextafter(1.0, 0.0)


def continuous(events: float, total: float, *, confidence: float = 0.95, deff: float = 1.0) -> Bounds:
    """Always-valid bounds of a share: they hold at all looks at once.

    Args:
        events: How many of `total` had the event, at least 0; fractions are allowed.
        total: How many there were.
        confidence: Of each bound on its own, above 0.5 and below 1.
        deff: Design effect, at least 1: so many dependent rows tell as much as one.

    Returns:
        Bounds between 0 and 1. Without events the upper one is 3.79·deff/total
        at 95 %. The lower one is 0 up to half an event. Unbounded when
        `total` is 0. The honest edge: a design effect fixed in advance, and
        one share that does not change with time; a burst not yet seen is not
        covered by `deff=1`.

    Raises:
        ValueError: A number is NaN or infinite, `events` is not between 0 and
            `total`, or `deff` is below 1.

    Source:
        Beta-mixture e-values, the method of mixtures for one-sided binomial
        tests: Robbins (1970), Statistical methods related to the law of the
        iterated logarithm; Howard, Ramdas, McAuliffe & Sekhon (2021),
        Time-uniform, nonparametric, nonasymptotic confidence sequences.
    """
    alpha = alpha_of(confidence)
    s, n = _checked(events, total, deff)
    method = "share, beta-mixture e-values, valid at every look"
    if n == 0:
        return Bounds.unbounded("nothing was counted, so no share is known", method=method)
    share = events / total

    def level(limit: float, above: bool) -> float:
        return always_valid_level(s, n, limit, above=above)

    needed = -math.log(alpha)
    low = _edge(lambda p: log_evidence(s, n, p, above=True) - needed, share, share / 2) if s > HALF else 0.0
    high = _edge(lambda p: log_evidence(s, n, p, above=False) - needed, share, (s + 1) / n) if s < n else 1.0
    return Bounds(share, low, high, math.floor(total), method, level=level)


def always_valid_level(s: float, n: float, limit: float, *, above: bool) -> float:
    """The smallest level at which a share is shown to lie above (or below) a limit, whenever one looks.

    Args:
        s: Independent events, at least 0.
        n: Independent observations, at least `s` and above 0.
        limit: The share in question.
        above: Which side is to be shown.
    """
    return _trivial_level(s, n, limit, above, lambda: math.exp(-max(0.0, log_evidence(s, n, limit, above=above))))


def once(events: float, total: float, *, confidence: float = 0.95, deff: float = 1.0) -> Bounds:
    """Clopper-Pearson bounds of a share, for one look planned in advance.

    Not Wilson's: for a rare event Wilson's lower bound is wrong far more often
    than `confidence` allows (in up to 20 % of the samples instead of 5 %), and
    a gate must not be. The price is some width.

    Args:
        events: How many of `total` had the event, at least 0; fractions are allowed.
        total: How many there were.
        confidence: Of each bound on its own, above 0.5 and below 1.
        deff: Design effect, at least 1.

    Returns:
        Bounds between 0 and 1; without events the upper one is 3.00·deff/total
        at 95 %. Unbounded when `total` is 0. The honest edge: as for
        `continuous`, and a second look at growing data is not covered.

    Raises:
        ValueError: As for `continuous`.

    Source:
        Clopper & Pearson (1934), Biometrika 26; the beta form is in Brown, Cai
        & DasGupta (2001), Interval estimation for a binomial proportion.
    """
    alpha = alpha_of(confidence)
    s, n = _checked(events, total, deff)
    method = "share, Clopper-Pearson"
    if n == 0:
        return Bounds.unbounded("nothing was counted, so no share is known", method=method)

    def level(limit: float, above: bool) -> float:
        def tail() -> float:
            return float(betainc(s, n - s + 1, limit) if above else betaincc(s + 1, n - s, limit))

        return _trivial_level(s, n, limit, above, tail)

    share = events / total
    low = min(share, float(betaincinv(s, n - s + 1, alpha))) if s > 0 else 0.0
    high = max(share, float(betaincinv(s + 1, n - s, 1 - alpha))) if s < n else 1.0
    return Bounds(share, low, high, math.floor(total), method, level=level)


def _trivial_level(s: float, n: float, limit: float, above: bool, otherwise: Callable[[], float]) -> float:
    """The level at which a limit is refuted, where 0 and 1 and what lies beyond them need no statistics."""
    if above:
        if limit < 0 or (limit == 0 and s > 0):
            return 0.0
        return 1.0 if limit >= s / n else min(1.0, float(otherwise()))
    if limit > 1 or (limit == 1 and s < n):
        return 0.0
    return 1.0 if limit <= s / n else min(1.0, float(otherwise()))


def log_evidence(s: float, n: float, p: float, *, above: bool, prior: float = HALF) -> float:
    """The logarithm of the e-value that a share lies above (or below) `p`: a mixture against `p` itself.

    Summed over shares beyond `p` with a density of power `prior`, cut off at
    `p`; exact for any `s`, and good to 4 digits up to n = 10¹². With no more
    than `prior` events nothing lies above anything.

    Args:
        s: Independent events, at least 0; fractions are allowed.
        n: Independent observations.
        p: The share in question, above 0 and below 1.
        above: Which side is to be shown.
        prior: A half for rare events, which may be none at all; 3 for the known share beyond a quantile.
    """
    against = s * math.log(p) + (n - s) * math.log1p(-p)
    if above:
        if s <= prior:
            return 0.0
        beyond = float(betaincc(s - prior, n - s + 1, p))
        if beyond <= 0:
            return -math.inf
        return math.log(prior * beyond) + prior * math.log(p) + float(betaln(s - prior, n - s + 1)) - against
    beyond = float(betainc(s + prior, n - s + 1, p))
    if beyond <= 0:
        return -math.inf
    return math.log(prior * beyond) - prior * math.log(p) + float(betaln(s + prior, n - s + 1)) - against


def _edge(excess: Callable[[float], float], share: float, first: float) -> float:
    """The number nearest to `share`, on the side of `first`, with enough evidence; to 12 digits and not inside."""
    near, far, factor = share, first, 0.5 if first < share else 2.0
    while far < LAST and excess(far) < 0:
        near, far = far, far * factor
        if far < TINY:
            return 0.0
    if far >= LAST:
        far = LAST
        if excess(far) < 0:
            return 1.0
    near = min(near, LAST) or far / 1e6
    if excess(near) >= 0:  # only where the share itself is 0, and its bound less than a millionth of the first guess
        return far
    found, step = float(brentq(excess, near, far, xtol=TINY, rtol=1e-13)), 1e-13
    while excess(found) < 0:
        found, step = found * (1 + step if factor > 1 else 1 - step), 2 * step
        if not TINY <= found < LAST:  # no number between is sure to be outside
            return float(found >= LAST)
    return min(found, 1.0)


def _checked(events: float, total: float, deff: float) -> tuple[float, float]:
    """Events and total after the design effect."""
    if not (math.isfinite(events) and math.isfinite(total)) or not 0 <= events <= total:
        raise ValueError(f"{events} events of {total}: events lie between 0 and a finite total")
    if not 1 <= deff < math.inf:
        raise ValueError(f"deff is {deff}, not 1 or more")
    return events / deff, total / deff
