"""MOVER: bounds of a difference and of a ratio, recovered from those of the arms.

Each arm says how far it may be off, downwards and upwards. What two
independent arms may be off together is the root of the squares: of a mean
that is Welch and Fieller, of shares Newcombe, of quantiles what they need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.optimize import brentq

from pytest_rollout.stats.bounds import Bounds, Level

LEAST_LEVEL = 1e-12
"""Levels below are given as this; a smaller one changes no decision."""
ROUNDING = 1e-12
"""So much of a value may be lost when a ratio is told as a change and asked again."""
MOST_LEVEL = 0.499
"""A bound of a higher level is none."""


@dataclass(frozen=True)
class Reach:
    """One arm's value, and how far below and above it the truth may lie at some level; `inf` where nothing says."""

    value: float
    below: float
    above: float


@dataclass(frozen=True)
class Part:
    """One stratum of an arm: its weight, its reach, and the share of its error that units carry along.

    A unit may have rows in several strata, such as the stages of a rollout,
    and is off in the same direction in all of them.
    """

    weight: float
    reach: Reach
    shared: float = 0.0


@dataclass(frozen=True)
class Pair:
    """Two arms, as far off as a level allows.

    Args:
        at: From a level to the reaches of (control, treatment).
        slack: From a level to what either bound gives way on top of both.
        levels: Those at which `at` may be asked, ascending, when it cannot be asked at all.
    """

    at: Callable[[float], tuple[Reach, Reach]]
    slack: Callable[[float], float] = lambda _: 0.0
    levels: tuple[float, ...] = ()

    def below(self, alpha: float, times: float = 1.0) -> float:
        """The lower bound of treatment - times · control."""
        return _below(self.at(alpha), self.slack(alpha), times)

    def above(self, alpha: float, times: float = 1.0) -> float:
        """The upper bound of treatment - times · control."""
        control, treatment = self.at(alpha)
        return -_below((_negated(control), _negated(treatment)), self.slack(alpha), times)

    def mirrored(self) -> Pair:
        """The same of the negated values."""

        def at(alpha: float) -> tuple[Reach, Reach]:
            control, treatment = self.at(alpha)
            return _negated(control), _negated(treatment)

        return Pair(at, self.slack, self.levels)


def combined(parts: Sequence[Part]) -> Reach:
    """An arm over its strata: weighted values, and errors of which the shared ones add up and the others do not."""
    parts = [part for part in parts if part.weight > 0]

    def together(reaches: Sequence[float]) -> float:
        if math.inf in reaches:
            return math.inf
        weighted = [(part.weight * reach, part.shared) for part, reach in zip(parts, reaches, strict=True)]
        shared = sum(reach * math.sqrt(share) for reach, share in weighted)
        return math.sqrt(shared**2 + sum(reach**2 * (1 - share) for reach, share in weighted))

    value = sum(part.weight * part.reach.value for part in parts)
    return Reach(value, together([part.reach.below for part in parts]), together([part.reach.above for part in parts]))


def difference(pair: Pair, alpha: float, *, n: int, method: str, why: str = "") -> Bounds:
    """Bounds of treatment - control.

    Args:
        pair: The arms.
        alpha: Level of one bound.
        n: Rows of the smaller arm.
        method: The estimator, in words.
        why: Why a bound is missing, where one is.

    Source:
        Zou & Donner (2008), Construction of confidence limits about effect
        measures: a general approach, Statistics in Medicine 27 (MOVER).
    """
    control, treatment = pair.at(alpha)
    value = treatment.value - control.value

    def level(limit: float, above: bool) -> float:
        if above:
            return _smallest(pair, lambda each: pair.below(each) - limit)
        return _smallest(pair, lambda each: limit - pair.above(each))

    return _bounds(value, pair.below(alpha), pair.above(alpha), n, method, why, level)


def lift(pair: Pair, alpha: float, *, n: int, method: str, why: str = "") -> Bounds:
    """Bounds of treatment / control - 1.

    All ratios θ for which treatment - θ·control may be 0 (Fieller). Unbounded
    where the control is within noise of 0, and its ratio could be any number.

    Args:
        pair: The arms.
        alpha: Level of one bound.
        n: Rows of the smaller arm.
        method: The estimator, in words.
        why: Why a bound is missing, where one is.

    Source:
        Fieller (1954), Some problems in interval estimation, JRSS B 16; Donner
        & Zou (2012), Closed-form confidence intervals for functions of the
        normal mean and standard deviation (MOVER for ratios).
    """
    control = pair.at(alpha)[0]
    if control.value < 0:
        pair = pair.mirrored()
    control, treatment = pair.at(alpha)
    value = treatment.value / control.value - 1 if control.value > 0 else math.nan
    if not _clear_of_zero(pair, alpha):
        why = why or "the control is within noise of 0, so a relative change could be any number"
        return Bounds.unbounded(why, method=method, n=n, value=value)

    def level(limit: float, above: bool) -> float:
        def shown(each: float) -> float:
            if not _clear_of_zero(pair, each):
                return -1.0
            # A ratio is told as θ - 1 and asked as θ again: what that rounds off is no doubt.
            rounded = ROUNDING * abs(treatment.value)
            return rounded + (pair.below(each, 1 + limit) if above else -pair.above(each, 1 + limit))

        return _smallest(pair, shown, smooth=False)

    arms, opposite, slack = pair.at(alpha), pair.mirrored().at(alpha), pair.slack(alpha)
    low = _root(lambda times: _below(arms, slack, times), value + 1, -1.0) - 1
    high = _root(lambda times: _below(opposite, slack, times), value + 1, 1.0) - 1
    return _bounds(value, low, high, n, method, why, level)


def alone(
    of: Callable[[float], Reach], alpha: float, *, n: int, method: str, why: str, levels: tuple[float, ...]
) -> Bounds:
    """Bounds of one arm."""
    nothing = Reach(0.0, 0.0, 0.0)
    return difference(Pair(lambda each: (nothing, of(each)), levels=levels), alpha, n=n, method=method, why=why)


def _bounds(value: float, low: float, high: float, n: int, method: str, why: str, level: Level) -> Bounds:
    low, high = min(low, value), max(high, value)
    if low == high:
        # What was sampled is never exact, however alike the rows are.
        low, high = math.nextafter(value, -math.inf), math.nextafter(value, math.inf)
    return Bounds(value, low, high, n, method, why, level)


def _clear_of_zero(pair: Pair, alpha: float) -> bool:
    control = pair.at(alpha)[0]
    return control.value - control.below - pair.slack(alpha) > 0


def _smallest(pair: Pair, shown: Callable[[float], float], *, smooth: bool = True) -> float:
    """The smallest level at which `shown` is at least 0, or a little more; 1 where it is at none."""
    if pair.levels:
        return next((each for each in pair.levels if shown(each) >= 0), 1.0)
    if not shown(MOST_LEVEL) >= 0:
        return 1.0
    if shown(LEAST_LEVEL) >= 0:
        return LEAST_LEVEL
    low, high = math.log(LEAST_LEVEL), math.log(MOST_LEVEL)
    if smooth:
        return math.exp(brentq(lambda log: shown(math.exp(log)), low, high, xtol=1e-9))
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(math.exp(middle)) >= 0 else (middle, high)
    return math.exp(high)


def _below(arms: tuple[Reach, Reach], slack: float, times: float) -> float:
    control, treatment = arms
    of_control = control.above if times >= 0 else control.below
    off = _hypot(treatment.below, abs(times) * of_control if times else 0.0)
    return treatment.value - times * control.value - off - slack * max(1.0, abs(times))


def _root(refuted: Callable[[float], float], inside: float, direction: float) -> float:
    """The refuted ratio nearest to one that is not, going outwards; infinite where none is refuted."""
    near, step = inside, max(1.0, abs(inside))
    far = near + direction * step
    while not refuted(far) >= 0:
        step *= 2
        near, far = far, inside + direction * step
        if step > 1e15:
            return direction * math.inf
    if math.isfinite(refuted(near)) and refuted(near) < 0:
        return float(brentq(refuted, near, far, xtol=1e-300, rtol=1e-14))
    while abs(far - near) > 4e-16 * abs(far) and (middle := (near + far) / 2) not in {near, far}:
        near, far = (near, middle) if refuted(middle) >= 0 else (middle, far)
    return far


def _negated(reach: Reach) -> Reach:
    return Reach(-reach.value, reach.above, reach.below)


def _hypot(one: float, other: float) -> float:
    return math.inf if math.isinf(one) or math.isinf(other) else math.hypot(one, other)
