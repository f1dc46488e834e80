"""Dunnett: several treatments against one control, none of them flattered by being the best of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from pytest_rollout.stats.bounds import Bounds, alpha_of

if TYPE_CHECKING:
    from scipy.stats._multicomp import DunnettResult

FEWEST = 30


def dunnett(
    control: ArrayLike, treatments: Sequence[ArrayLike], *, seed: int, confidence: float = 0.95
) -> list[Bounds]:
    """Bounds of several means against one control, all lower (and all upper) ones together.

    Args:
        control: Shape `(n,)`, independent rows (or one number for each unit), finite.
        treatments: For each arm its rows, likewise.
        seed: Of the quasi-random integration; the same seed gives the same bounds.
        confidence: With which all lower bounds hold together, and all upper ones; above 0.5 and below 1.

    Returns:
        For each treatment the bounds of its mean - the control's. Unbounded,
        with the reason, below 30 rows an arm or when nothing varies. The
        honest edge: one variance is taken for all arms; where they differ
        much, use `holm` over comparisons that each have their own.

    Raises:
        ValueError: No treatment, or rows that are not finite numbers.

    Source:
        Dunnett (1955), A multiple comparison procedure for comparing several
        treatments with a control, JASA 50; as in SciPy.
    """
    alpha_of(confidence)
    arms = [np.asarray(each, dtype=np.float64) for each in (control, *treatments)]
    if len(arms) < 2 or any(arm.ndim != 1 or not np.isfinite(arm).all() for arm in arms):
        raise ValueError("a control and at least one treatment, each with one finite number for each row")
    method, rows = "mean, Dunnett", [min(len(arms[0]), len(arm)) for arm in arms[1:]]
    if min(rows) < FEWEST:
        why = f"{min(rows)} rows of an arm are too few for a mean: at least {FEWEST}"
        return [Bounds.unbounded(why, method=method, n=n, few=True) for n in rows]
    if all(np.ptp(arm) == 0 for arm in arms):
        return [Bounds.unbounded("the rows of no arm vary", method=method, n=n) for n in rows]

    def ask(alternative: Literal["greater", "less"], shift: float = 0.0) -> DunnettResult:
        moved = [arm - shift for arm in arms[1:]]
        return stats.dunnett(*moved, control=arms[0], alternative=alternative, rng=np.random.default_rng(seed))

    lows = np.atleast_1d(ask("greater").confidence_interval(confidence).low)
    highs = np.atleast_1d(ask("less").confidence_interval(confidence).high)
    found = []
    for each, (low, high) in enumerate(zip(lows, highs, strict=True)):
        value = float(arms[each + 1].mean() - arms[0].mean())

        def level(limit: float, above: bool, each: int = each) -> float:
            return float(ask("greater" if above else "less", limit).pvalue[each])

        found.append(Bounds(value, min(value, float(low)), max(value, float(high)), rows[each], method, level=level))
    return found
