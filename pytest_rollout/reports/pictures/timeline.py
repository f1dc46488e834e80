"""Timeline: what happened to a rollout: its traffic, phases, evaluations, incidents and rollbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Decision
from pytest_rollout.reports.pictures.canvas import (
    BLUE,
    FAINT,
    INK,
    OF_DECISION,
    RED,
    SHAPE_OF_DECISION,
    dates,
    dressed,
    moment,
    new_figure,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROWS = ("phase", "evaluations", "incidents")


@dataclass(frozen=True, kw_only=True)
class Change:
    """From `at` on, so many per cent of the traffic; `back` says that a rollback set it."""

    at: datetime
    percent: float
    back: bool = False


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that lasted: a phase, an incident; `until` is None while it does."""

    name: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One evaluation of one phase."""

    at: datetime
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A rollout in one environment, up to `until`; each row in order of time."""

    title: str
    until: datetime
    changes: Sequence[Change] = ()
    phases: Sequence[Span] = ()
    judged: Sequence[Judged] = ()
    incidents: Sequence[Span] = ()

    @property
    def since(self) -> datetime:
        """When the first of it happened; a day before the end where nothing has."""
        moments = [*(each.at for each in self.changes), *(each.at for each in self.judged)]
        moments += [each.since for each in (*self.phases, *self.incidents)]
        return min(moments, default=self.until - timedelta(days=1))


def draw(facts: Timeline) -> Figure:
    """The traffic as steps; below it, phases, evaluations and incidents in rows of their own."""
    figure = new_figure(3.6, fixed=True, left=0.12, below=0.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    dressed(above, facts.title)
    dressed(below, "")
    _traffic(above, facts)
    below.set_yticks(range(len(_ROWS)), _ROWS)
    below.set_ylim(len(_ROWS) - 0.4, -0.6)
    below.tick_params(axis="y", length=0)
    _spans(below, facts.phases, facts.until, 0, BLUE)
    _spans(below, facts.incidents, facts.until, 2, RED)
    _evaluations(below, facts.judged)
    air = max((facts.until - facts.since) * 0.02, timedelta(minutes=10))
    below.set_xlim(moment(facts.since - air), moment(facts.until + air))
    dates(below)
    return figure


def _traffic(axes: Axes, facts: Timeline) -> None:
    axes.set_ylabel("traffic, %")
    axes.set_ylim(-3, 108)
    axes.grid(axis="y", color=FAINT, alpha=0.2, lw=0.5)
    if not facts.changes:
        axes.text(0.5, 0.5, "no percentage is recorded", transform=axes.transAxes, ha="center", color=FAINT)
        return
    when = [moment(at) for at in (*(each.at for each in facts.changes), facts.until)]
    percents = [*(each.percent for each in facts.changes), facts.changes[-1].percent]
    axes.step(when, percents, where="post", color=BLUE, lw=1.8)
    axes.fill_between(when, percents, step="post", color=BLUE, alpha=0.15, lw=0)
    for each in facts.changes:
        axes.annotate(
            f"{each.percent:g} %",
            (moment(each.at), each.percent),
            (3, 4),
            textcoords="offset points",
            fontsize=7.5,
        )
        if each.back:
            axes.plot([moment(each.at)], [each.percent], "X", color=RED, mec=INK, ms=9)
            axes.annotate(
                "rolled back",
                (moment(each.at), each.percent),
                (8, 14),
                textcoords="offset points",
                fontsize=7.5,
                color=RED,
            )


def _spans(axes: Axes, spans: Sequence[Span], until: datetime, row: int, colour: str) -> None:
    for number, span in enumerate(spans):
        since, end = moment(span.since), moment(span.until or until)
        faint = 0.55 if number % 2 else 0.35
        axes.barh(row, end - since, left=since, height=0.6, color=colour, alpha=faint, lw=0)
        axes.text(since, row, f" {words(span.name, 20)}", va="center", fontsize=7.5, color=INK, clip_on=True)


def _evaluations(axes: Axes, judged: Sequence[Judged]) -> None:
    for decision in Decision:
        when = [moment(each.at) for each in judged if each.decision is decision]
        if when:
            label = f"{decision.value} ({len(when)})"
            marker = SHAPE_OF_DECISION[decision]
            axes.plot(when, [1] * len(when), marker, color=OF_DECISION[decision], mec=INK, mew=0.3, ms=5, label=label)
    if judged:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False, fontsize=7.5)
