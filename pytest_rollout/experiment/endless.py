"""Endless: a quantile that is infinite, because so many rows never ended that it has no end either.

Nobody can say how far the arms are apart then, but how far at least; and what
is so bad is told apart from chance at every level, however many triggers are
asked at once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from pytest_rollout.experiment.samples import Cell
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.contrast import Contrast

Ends = Mapping[Cell, tuple[float, float]]
"""Bounds of the quantile in each cell of an arm."""
EndsAt = Callable[[Sequence[float]], Mapping[float, tuple[Ends, Ends]]]
"""Those of control and treatment, at each of some levels."""
Weights = tuple[Mapping[Cell, float], Mapping[Cell, float]]
_Both = tuple[tuple[float, float], tuple[float, float]]
"""Bounds of the control's quantile and of the treatment's."""


def contrast(
    ends_at: EndsAt,
    weights: Weights,
    levels: Sequence[float],
    alpha: float,
    *,
    what: str,
    method: str,
    rows: tuple[int, int],
) -> Contrast:
    """How far apart the arms are at least, of which one has no such quantile.

    Args:
        ends_at: Looks up what the rows say.
        weights: What each cell of an arm weighs.
        levels: The levels that are told apart.
        alpha: Level of one bound.
        what: The quantile, such as "P99".
        method: The estimator, in words.
        rows: How many rows either arm has.
    """
    why = f"so many rows are infinite (timeouts) that {what} is"
    unknown, n = Contrast.unbounded(why, method=method, rows=rows), min(rows)

    @cache
    def below() -> Mapping[float, _Both]:
        return _joined(ends_at([each for each in levels if each <= alpha]), weights)

    both = _joined(ends_at([alpha]), weights)[alpha]
    control, treatment = both
    if math.isfinite(control[1]) and treatment[0] > -math.inf:
        delta = Bounds(math.inf, _least(both), math.inf, n, method, why, _level(below, alpha, _least, above=True))
        lift = Bounds(math.inf, _lift(both), math.inf, n, method, why, _level(below, alpha, _lift, above=True))
        return replace(unknown, delta=delta, lift=lift if lift.low > -math.inf else unknown.lift)
    if math.isfinite(treatment[1]) and control[0] > -math.inf:
        level = _level(below, alpha, _most, above=False)
        return replace(unknown, delta=Bounds(-math.inf, -math.inf, _most(both), n, method, why, level))
    return unknown


def _joined(found: Mapping[float, tuple[Ends, Ends]], weights: Weights) -> dict[float, _Both]:
    """Each arm over its strata."""

    def whole(ends: Ends, weight: Mapping[Cell, float]) -> tuple[float, float]:
        low, high = (sum(weight[cell] * each[end] for cell, each in ends.items()) for end in (0, 1))
        return low, high

    return {level: (whole(ends[0], weights[0]), whole(ends[1], weights[1])) for level, ends in found.items()}


def _least(both: _Both) -> float:
    """By how much an endless treatment is above the control at least."""
    (_, control), (treatment, _) = both
    return min(treatment - control, sys.float_info.max)


def _most(both: _Both) -> float:
    """By how much a treatment is above an endless control at most."""
    (control, _), (_, treatment) = both
    return max(treatment - control, -sys.float_info.max)


def _lift(both: _Both) -> float:
    """The same as a part of the control."""
    (_, control), (treatment, _) = both
    # It is told in per cent.
    return min(treatment / control - 1, sys.float_info.max / 1000) if control > 0 else -math.inf


def _level(
    below: Callable[[], Mapping[float, _Both]], alpha: float, end: Callable[[_Both], float], *, above: bool
) -> Callable[[float, bool], float]:
    """At which level it is shown that the arms lie beyond a limit, on the one side that anything can be shown of.

    Below the level of the bounds, the errors of both arms are added up.
    """

    def level(limit: float, of_above: bool) -> float:
        if of_above != above:
            return 1.0
        beyond = [each for each, both in below().items() if (end(both) > limit if above else end(both) < limit)]
        return min(alpha, 2 * min(beyond)) if beyond else 1.0

    return level
