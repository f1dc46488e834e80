"""Contrast: the four answers that comparing two arms gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.mover import Pair, Reach, alone, difference, lift


@dataclass(frozen=True)
class Contrast:
    """Bounds of each arm, of treatment - control, and of treatment / control - 1."""

    control: Bounds
    treatment: Bounds
    delta: Bounds
    lift: Bounds

    @classmethod
    def unbounded(
        cls,
        why: str,
        *,
        method: str,
        rows: tuple[int, int],
        values: tuple[float, float] = (math.nan, math.nan),
        few: bool = False,
    ) -> Contrast:
        """No answer for one reason, which all four share; what is known of the values is kept."""
        control, treatment = values
        known = math.isfinite(control) and math.isfinite(treatment)
        delta = treatment - control if known else math.nan
        ratio = treatment / control - 1 if known and control else math.nan
        of = (
            Bounds.unbounded(why, method=method, n=n, value=value, few=few)
            for n, value in ((rows[0], control), (rows[1], treatment), (min(rows), delta), (min(rows), ratio))
        )
        return cls(*of)

    @classmethod
    def of(
        cls,
        pair: Pair,
        control: Callable[[float], Reach],
        treatment: Callable[[float], Reach],
        alpha: float,
        *,
        method: str,
        rows: tuple[int, int],
        why: str = "",
    ) -> Contrast:
        """All four, from the arms' reaches: `pair` for both together, the others for each alone."""
        return cls(
            alone(control, alpha, n=rows[0], method=method, why=why, levels=pair.levels),
            alone(treatment, alpha, n=rows[1], method=method, why=why, levels=pair.levels),
            difference(pair, alpha, n=min(rows), method=method, why=why),
            lift(pair, alpha, n=min(rows), method=method, why=why),
        )
