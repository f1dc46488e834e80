"""Distributions: the rows of each arm, as shares below a value and as a shape, with their quantiles marked.

Two arms whose means agree may still differ where it hurts; here one sees where.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_rollout.quantities import format_number
from pytest_rollout.reports.pictures.canvas import BLUE, FAINT, INK, PURPLE, RED, SKY, dressed, new_figure, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = (("-", BLUE), ("--", RED), ("-.", PURPLE), (":", SKY))
_SLICES = 60
_POINTS = 400
_SHOWN = 0.999
"""So much of the larger arm is shown: a single row of ten minutes would press all others into one line."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The rows of one arm, binned: `counts[i]` rows up to `values[i]`, values ascending."""

    name: str
    values: Sequence[float]
    counts: Sequence[float]

    @cached_property
    def below(self) -> Sequence[float]:
        """How many rows there are up to each value."""
        return list(accumulate(self.counts))

    @property
    def n(self) -> float:
        """How many rows."""
        return self.below[-1] if self.below else 0.0

    def quantile(self, q: float) -> float:
        """The value that a share `q` of the rows does not exceed; an arm has at least one row."""
        place = bisect_left(self.below, q * self.n)
        return self.values[min(place, len(self.values) - 1)]


@dataclass(frozen=True, kw_only=True)
class Distributions:
    """Arms of one metric, the control first, and which quantiles are marked."""

    title: str
    arms: Sequence[Arm]
    unit: str = ""
    quantiles: Sequence[float] = (0.5, 0.95, 0.99)


def draw(facts: Distributions) -> Figure:
    """Shares below a value on top, shapes underneath."""
    figure = new_figure(3.6, fixed=True, left=0.14)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    dressed(above, facts.title)
    dressed(below, "")
    arms = [arm for arm in facts.arms if arm.n > 0]
    for number, arm in enumerate(arms):
        _shares(above, arm, number, facts.quantiles)
        _shape(below, arm, number)
    above.set_ylabel("share of rows below")
    above.set_ylim(0, 1.04)
    below.set_yticks(range(len(arms)), [words(arm.name, 24) for arm in arms])
    below.set_ylim(len(arms) - 0.4, -0.6)
    below.set_xlabel(words(facts.unit) or "value")
    if arms:
        above.legend(loc="lower right", frameon=False, fontsize=8)
        above.set_xlim(min(arm.values[0] for arm in arms), max(arm.quantile(_SHOWN) for arm in arms) * 1.02 or 1.0)
    return figure


def _shares(axes: Axes, arm: Arm, number: int, quantiles: Sequence[float]) -> None:
    line, colour = _STYLES[number % len(_STYLES)]
    total = arm.n
    every = max(len(arm.values) // _POINTS, 1)
    values = [*arm.values[::every], arm.values[-1]]
    shares = [each / total for each in (*arm.below[::every], total)]
    said = "   ".join(f"P{100 * q:g} {format_number(arm.quantile(q))}" for q in quantiles)
    label = words(f"{arm.name}, n = {format_number(arm.n, digits=12)}   {said}")
    axes.step(values, shares, where="post", ls=line, color=colour, lw=1.6, label=label)
    for q in quantiles:
        axes.plot([arm.quantile(q)], [q], marker="os^D"[number % 4], ms=5, color=colour, mec=INK, mew=0.6)


def _shape(axes: Axes, arm: Arm, number: int) -> None:
    """How dense the rows are along the axis, mirrored: a violin without its smoothing."""
    import numpy as np

    values, counts = np.asarray(arm.values, dtype=float), np.asarray(arm.counts, dtype=float)
    low, high = float(values[0]), arm.quantile(_SHOWN)
    edges = np.linspace(low, high if high > low else low + 1.0, _SLICES + 1)
    heights, _ = np.histogram(np.minimum(values, edges[-1]), bins=edges, weights=counts)
    dense = 0.42 * heights / max(float(heights.max()), 1.0)
    middles = (edges[:-1] + edges[1:]) / 2
    colour = _STYLES[number % len(_STYLES)][1]
    axes.fill_between(middles, number - dense, number + dense, color=colour, alpha=0.35, lw=0)
    axes.plot([arm.quantile(0.5)], [number], marker="|", ms=12, mew=2, color=INK)
    axes.axhline(number, color=FAINT, lw=0.5)
