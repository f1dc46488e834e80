"""Series: a metric over time against its levels, and an interval as it was at each look.

A gap stays a gap: a line drawn over it would say what nobody measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.claim_facts import Truth
from pytest_rollout.reports.pictures.canvas import (
    BLUE,
    COLOUR,
    FAINT,
    INK,
    OF_DECISION,
    SHAPE,
    dates,
    moment,
    new_axes,
    new_figure,
    wide,
    words,
)
from pytest_rollout.reports.pictures.difference import Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Series:
    """A window: `values[i]` at `times[i]`, ascending; a pause of more than three `step`s is a gap."""

    title: str
    times: Sequence[datetime]
    values: Sequence[float]
    step: timedelta
    unit: str = ""
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one evaluation saw of a claim; None where nobody knew, or where a side is unbounded."""

    at: datetime
    truth: Truth
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Looks:
    """One claim at every look, in order of time.

    `always_valid` says that each band holds at every look at once, so that
    looking often cannot make a false alarm; else each holds by itself alone.
    """

    title: str
    looks: Sequence[Look]
    always_valid: bool
    unit: str = ""
    marks: Sequence[Mark] = ()


def draw(facts: Series) -> Figure:
    """A window against its levels."""
    figure = new_figure(2.5, fixed=True, left=0.1)
    axes = new_axes(figure, facts.title)
    for times, values in _stretches(facts):
        axes.plot(times, values, color=BLUE, lw=1.2, marker="." if len(times) < 3 else "")
    if facts.values:
        _frame(axes, [*facts.values], facts.marks)
    axes.set_ylabel(words(facts.unit, 24))
    dates(axes)
    return figure


def draw_looks(facts: Looks) -> Figure:
    """An interval over time."""
    figure = new_figure(2.5, fixed=True, left=0.1, below=0.6)
    axes = new_axes(figure, facts.title)
    known = [look for look in facts.looks if look.value is not None]
    ends = [end for look in known for end in (look.value, look.low, look.high) if end is not None]
    if ends:
        bottom, top = _frame(axes, ends, facts.marks)
        when = [moment(look.at) for look in known]
        low = [bottom if look.low is None else look.low for look in known]
        high = [top if look.high is None else look.high for look in known]
        axes.fill_between(when, low, high, color=BLUE, alpha=0.2, lw=0, step="post", label=_band(facts))
        axes.step(when, [look.value for look in known if look.value is not None], color=BLUE, lw=1.2, where="post")
        for truth in Truth:
            seen = [(moment(look.at), look.value) for look in known if look.truth is truth]
            if seen:
                axes.plot(
                    *zip(*seen, strict=True), SHAPE[truth], color=COLOUR[truth], mec=INK, mew=0.5, label=truth.value
                )
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False, fontsize=7.5)
    axes.set_ylabel(words(facts.unit, 24))
    dates(axes)
    return figure


def _band(facts: Looks) -> str:
    return "bounds, valid at every look at once" if facts.always_valid else "bounds, each valid by itself"


def _stretches(facts: Series) -> Iterable[tuple[list[float], list[float]]]:
    times: list[float] = []
    pause = 3 * facts.step.total_seconds() / 86_400
    values: list[float] = []
    for at, value in zip(map(moment, facts.times), facts.values, strict=True):
        if times and at - times[-1] > pause:
            yield times, values
            times, values = [], []
        times.append(at)
        values.append(value)
    yield times, values


def _frame(axes: Axes, values: Sequence[float], marks: Sequence[Mark]) -> tuple[float, float]:
    bottom, top = wide([*values, *(end for mark in marks for end in mark.ends)])
    axes.set_ylim(bottom, top)
    for mark in marks:
        for end in mark.ends:
            colour = OF_DECISION[mark.decision] if mark.decision else INK
            axes.axhline(end, color=colour, lw=1.2, ls="--")
            axes.annotate(
                words(mark.name, 24) or "limit",
                (1, end),
                (-2, 2),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=7.5,
            )
    axes.grid(axis="y", color=FAINT, alpha=0.2, lw=0.5)
    return bottom, top
