"""Ranks of two arms: one number for each unit, put in order together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pytest_rollout.experiment.arrays import ArraySamples, Codes, Numbers
from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Samples
from pytest_rollout.experiment.strata import Strata
from pytest_rollout.stats import rank
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.contrast import Contrast


def contrast(samples: Samples, design: Design, strata: Strata) -> Contrast:
    """How likely a row of the treatment lies above one of the control, and what follows from it.

    Returns:
        `treatment` is P(T > C) + P(T = C) / 2 and `control` the rest to 1;
        `delta` is their difference (Cliff's delta) and `lift` the odds less 1.
        Units are ranked by their means. Unbounded, with the reason, where rows
        are not in memory, over strata, and for bounds at every look, which
        ranks do not have.
    """
    why = ""
    if not isinstance(samples, ArraySamples):
        why = "ranks need every row in memory: claim a quantile, or compare arrays"
    elif design.looks == "continuous":
        why = "ranks have no bounds that hold at every look: claim a quantile"
    elif len(strata.names) > 1:
        why = "ranks are not combined over strata: claim a quantile"
    if why or not isinstance(samples, ArraySamples):
        return Contrast.unbounded(why, method=rank.METHOD, rows=(0, 0))
    control, treatment = of_units(samples, design, strata)
    found = rank.superiority(control, treatment, confidence=design.confidence)
    return Contrast(
        _mapped(found, lambda p: 1 - p, lambda limit: 1 - limit, mirrored=True),
        found,
        _mapped(found, lambda p: 2 * p - 1, lambda limit: (limit + 1) / 2),
        _mapped(found, lambda p: p / (1 - p) - 1 if p < 1 else math.inf, _of_odds),
    )


def of_units(samples: ArraySamples, design: Design, strata: Strata) -> tuple[Numbers, Numbers]:
    """One number for each unit of either arm: the mean of its rows."""
    control, treatment = (_means(*samples.rows((arm, strata.names[0]))) for arm in (design.control, design.treatment))
    return control, treatment


def _means(values: Numbers, units: Codes | None) -> Numbers:
    if units is None or not len(values):
        return values
    sizes = np.bincount(units)
    return np.asarray(np.bincount(units, weights=values)[sizes > 0] / sizes[sizes > 0])


def _of_odds(limit: float) -> float:
    return (limit + 1) / (limit + 2) if limit > -1 else -1.0


def _mapped(
    found: Bounds, to: Callable[[float], float], back: Callable[[float], float], *, mirrored: bool = False
) -> Bounds:
    """Bounds of a monotone function of a probability."""
    if math.isinf(found.low):
        return Bounds.unbounded(found.why, method=found.method, n=found.n, value=to(found.value), few=found.few)
    inner = found.level
    low, high = sorted((to(found.low), to(found.high)))

    def level(limit: float, above: bool) -> float:
        return inner(back(limit), above != mirrored) if inner else 1.0

    return replace(found, value=to(found.value), low=low, high=high, level=level)
