"""Ratio: how many units each arm has, beside how many it was planned to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rollout.claim_facts import Truth
from pytest_rollout.quantities import format_number
from pytest_rollout.reports.pictures.canvas import COLOUR, FAINT, INK, new_axes, new_figure, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Share:
    """One arm: how many units it has, and the share of all units that was planned for it (0 to 1)."""

    name: str
    units: float
    planned: float


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The arms of an experiment, and whether their sizes are what was planned."""

    title: str
    arms: Sequence[Share]
    truth: Truth


def draw(facts: Ratio) -> Figure:
    """For each arm, how far its size is from the plan, in per cent of the plan."""
    figure = new_figure(0.9 + 0.35 * len(facts.arms))
    axes = new_axes(figure, facts.title)
    total = sum(arm.units for arm in facts.arms) or 1.0
    off = [100 * (arm.units / total / arm.planned - 1) if arm.planned else 0.0 for arm in facts.arms]
    axes.barh(range(len(off)), off, color=COLOUR[facts.truth], height=0.5, alpha=0.8)
    axes.axvline(0, color=INK, lw=1)
    widest = max(map(abs, off), default=0.0) * 1.3 + 1.0
    axes.set_xlim(-widest, widest)
    axes.set_yticks(range(len(off)), [_label(arm, total) for arm in facts.arms])
    axes.set_ylim(len(off) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, alpha=0.2, lw=0.5)
    for number, each in enumerate(off):
        shown = f"{'+' if each > 0 else ''}{format_number(each, digits=2)} %"
        side = 3 if each >= 0 else -3
        axes.annotate(
            shown,
            (each, number),
            (side, 0),
            textcoords="offset points",
            va="center",
            ha="left" if each >= 0 else "right",
        )
    axes.set_xlabel(f"more or fewer units than planned, in % of the plan ({facts.truth.value})")
    return figure


def _label(arm: Share, total: float) -> str:
    seen, planned = (format_number(100 * each) for each in (arm.units / total, arm.planned))
    return f"{words(arm.name, 24)}\n{format_number(arm.units, digits=12)} units, {seen} % of {planned} %"
