"""Standing: where a rollout is now: each phase, how long it has lasted, its streak, and its last decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Decision
from pytest_rollout.quantities import format_duration
from pytest_rollout.reports.pictures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    OF_DECISION,
    SHAPE_OF_DECISION,
    new_axes,
    new_figure,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Row:
    """One phase: how long it has lasted of how long it must, its streak of how long that must be, its last decision.

    None where it has not begun, nothing is asked, or nothing was evaluated.
    """

    phase: str
    held: timedelta | None = None
    minimum: timedelta | None = None
    streak: int | None = None
    wanted: int | None = None
    unit: str = ""
    decision: Decision | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The phases of a rollout, in the plan's order, and what is open."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def draw(facts: Standing) -> Figure:
    """A row a phase: two bars that fill up to what is asked, and the last decision beside them."""
    figure = new_figure(0.75 + 0.42 * max(len(facts.rows), 1) + 0.2 * len(facts.notes[:4]))
    axes = new_axes(figure, facts.title)
    axes.set_xlim(0, 1.9)
    axes.set_ylim(len(facts.rows) - 0.4, -0.9)
    axes.set_yticks(range(len(facts.rows)), [words(row.phase, 24) for row in facts.rows])
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    for left, heading in ((0.0, "lasted"), (0.5, "in a row"), (1.0, "last evaluation")):
        axes.text(left, -0.6, heading, fontsize=7.5, color=FAINT)
    for number, row in enumerate(facts.rows):
        _bars(axes, row, number)
    for number, note in enumerate(facts.notes[:4]):
        axes.annotate(
            words(note),
            (0, 0),
            (0, -4 - 11 * number),
            xycoords="axes fraction",
            textcoords="offset points",
            va="top",
            fontsize=7.5,
        )
    return figure


def _bars(axes: Axes, row: Row, number: int) -> None:
    if row.held is None:
        axes.text(0, number, "not begun", va="center", color=FAINT)
        return
    asked = f" of {format_duration(row.minimum)}" if row.minimum else ""
    _bar(axes, 0.0, number, row.held / row.minimum if row.minimum else None, f"{format_duration(row.held)}{asked}")
    if row.streak is not None:
        asked = f" of {row.wanted}" if row.wanted is not None else ""
        _bar(axes, 0.5, number, row.streak / row.wanted if row.wanted else None, f"{row.streak}{asked} {row.unit}")
    if row.decision:
        marker = SHAPE_OF_DECISION[row.decision]
        axes.plot([1.02], [number], marker, color=OF_DECISION[row.decision], mec=INK, mew=0.5, ms=8)
        axes.text(1.06, number, words(row.said or row.decision.value, 44), va="center", fontsize=8)


def _bar(axes: Axes, left: float, number: int, share: float | None, label: str) -> None:
    """A bar that is full when what is asked has been reached; an outline alone where nothing is asked."""
    axes.barh(number, 0.44, left=left, height=0.56, color="none", ec=FAINT, lw=0.6)
    if share is not None:
        done = share >= 1
        axes.barh(
            number, 0.44 * min(share, 1.0), left=left, height=0.56, color=GREEN if done else BLUE, alpha=0.45, lw=0
        )
    axes.text(left + 0.01, number, words(label, 30), va="center", fontsize=8)
