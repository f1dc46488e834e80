"""Difference: a value with its bounds against its limit, the picture that explains a claim.

Where the whole interval is in the green, the claim is proven; wholly outside,
refuted; across the line, nobody can tell yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.quantities import format_number, with_unit
from pytest_rollout.reports.pictures.canvas import (
    AMBER,
    COLOUR,
    FAINT,
    GREEN,
    INK,
    OF_DECISION,
    PAPER,
    RED,
    SHAPE,
    new_axes,
    new_figure,
    wide,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One level of a limit: its name, its ends (infinite where a side is open), what being beyond it asks for."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    decision: Decision | None = None

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends that there are."""
        return tuple(end for end in (self.low, self.high) if math.isfinite(end))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One claim as a picture shows it.

    `value`, `low` and `high` are in `unit`; None where nobody knows it, or
    where a side is unbounded. `marks` are the limit's levels, the one that
    the claim is about first; none where the claim is no comparison with a number.
    """

    title: str
    truth: Truth
    value: float | None
    low: float | None
    high: float | None
    unit: str = ""
    limit: str = ""
    marks: Sequence[Mark] = ()
    why: str = ""

    @property
    def exact(self) -> bool:
        """Whether it is a reading, with no bounds around it."""
        return self.value is not None and self.low == self.value == self.high


_SAYS = {
    Truth.PROVEN: "proven: {what} inside the limit",
    Truth.REFUTED: "refuted: {what} outside the limit",
    Truth.INCONCLUSIVE: "inconclusive: {what} on both sides of the limit",
}


def draw(facts: Difference) -> Figure:
    """The picture of one claim; see the module."""
    figure = new_figure(1.75, fixed=True)
    axes = new_axes(figure, facts.title)
    known = [each for each in (facts.value, facts.low, facts.high) if each is not None]
    left, right = wide([*known, *(end for mark in facts.marks for end in mark.ends), *([] if known else [0.0])])
    axes.set_xlim(left, right)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        words(" · ".join(part for part in (facts.unit, _said(facts)) if part), 110), loc="left", fontsize=8.5
    )
    _shade(axes, facts)
    _limits(axes, facts.marks)
    _interval(axes, facts, left, right)
    return figure


def _shade(axes: Axes, facts: Difference) -> None:
    """Green inside every level, amber beyond some, red beyond all."""
    left, right = axes.get_xlim()
    inside = [(max(mark.low, left), min(mark.high, right)) for mark in facts.marks if mark.ends]
    inside.sort(key=lambda ends: ends[0] - ends[1])  # the widest first
    if inside:
        axes.axvspan(left, right, color=RED, alpha=0.10, lw=0)
    for number, ends in enumerate(inside, 1):
        axes.axvspan(*ends, color=PAPER, lw=0)
        axes.axvspan(*ends, color=GREEN if number == len(inside) else AMBER, alpha=0.16, lw=0)


def _limits(axes: Axes, marks: Sequence[Mark]) -> None:
    for number, mark in enumerate(marks):
        colour = OF_DECISION[mark.decision] if mark.decision else INK
        for end in mark.ends:
            axes.axvline(end, color=colour, lw=1.4, ls="--" if number == 0 else ":")
            beyond = f" {words(mark.name, 24)} " if mark.name else " limit "
            axes.text(end, 0.96, beyond, color=INK, fontsize=7.5, va="top", ha="left" if end == mark.high else "right")


def _interval(axes: Axes, facts: Difference, left: float, right: float) -> None:
    colour = COLOUR[facts.truth]
    if facts.value is None:
        axes.axvspan(left, right, ymin=0.36, ymax=0.64, fc="none", ec=FAINT, hatch="///", lw=0)
        middle = (left + right) / 2
        axes.text(middle, 0, " unknown ", ha="center", va="center", fontweight="bold", backgroundcolor="white")
        return
    if not facts.exact:
        ends = [left if facts.low is None else facts.low, right if facts.high is None else facts.high]
        axes.plot(ends, [0, 0], color=colour, lw=6, alpha=0.55, solid_capstyle="butt")
        for end, bounded, arrow in ((ends[0], facts.low, "<"), (ends[1], facts.high, ">")):
            axes.plot([end], [0], marker="|" if bounded is not None else arrow, ms=14, mew=2, color=colour)
            if bounded is not None:
                # Above the bar, where the value's own label below cannot meet it.
                axes.annotate(
                    format_number(bounded), (end, 0), (0, 9), textcoords="offset points", ha="center", fontsize=7.5
                )
    axes.plot([facts.value], [0], marker=SHAPE[facts.truth], ms=9, color=colour, mec=INK, mew=0.8)
    shown = words(with_unit(format_number(facts.value), facts.unit), 40)
    axes.annotate(
        shown,
        (facts.value, 0),
        (0, -20),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
        bbox={"fc": PAPER, "alpha": 0.6, "lw": 0, "pad": 1},
    )


def _said(facts: Difference) -> str:
    if facts.value is None:
        return f"unknown, so nothing is proven: {facts.why}" if facts.why else "unknown, so nothing is proven"
    what = "the reading is" if facts.exact else "the whole interval is"
    if facts.truth is Truth.INCONCLUSIVE:
        what = "it could be" if facts.exact else "the interval lies"
    said = _SAYS[facts.truth].format(what=what)
    return f"{said} ({facts.limit})" if facts.limit else said
