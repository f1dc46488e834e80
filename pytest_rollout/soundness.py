"""Soundness: whether a phase's experiment may be believed at all, and what the last day alone says, as claims.

An experiment whose arms are not what was planned says nothing, however narrow
its bounds. These gates come with every phase that compares arms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_rollout.arms import Arms
from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.comparing import claim_about
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.experiment.contamination import BEGIN_AGAIN, contamination
from pytest_rollout.experiment.design import Doubt
from pytest_rollout.live_comparison import LiveComparison
from pytest_rollout.plan.experiment import CONTROL, LAST_DAY
from pytest_rollout.plan.phase import Budget
from pytest_rollout.planned_split import UNPLANNED
from pytest_rollout.quantities import convert, format_number, with_unit


def claim_of(arms: Arms, line: str) -> Claim:
    """The claim that a line of the plan about an experiment makes."""
    if line.endswith(LAST_DAY):
        return _last_day(arms, arms.phase.budgets[line.removesuffix(LAST_DAY)])
    try:
        return _CHECKS[line](arms)
    except SourceError as error:
        why, _, needs = str(error).partition("\n")
        unknown = Reading.unknown(why, reason=error.reason, name=line, needs=needs)
        return claim_about(unknown, Truth.INCONCLUSIVE, text=f"{line} of the experiment", limit="known", near=math.nan)


def _sample_ratio(arms: Arms) -> Claim:
    """Every arm has the units that were planned; a mismatch is doubt about everything that the experiment says."""
    found = _any_metric(arms)
    units = found.assignment.units
    treated = sum(count for (arm, _), count in units.items() if arm != CONTROL)
    whole = sum(units.values())
    reading = Reading.exactly(100 * treated / whole if whole else 0.0, "%", name="units that are treated")
    doubt, planned = found.assignment.doubt, found.rows.design.shares
    if not whole or planned is None:
        # A phase that has just begun waits for its first row; later, what brings the rows is dead.
        empty = found.late() or Doubt(Reason.INFORMATION, "no unit has a row yet")
        why = (arms.split.unplanned or UNPLANNED) if whole else empty
        unknown = Reading.unknown(why.why, name="sample ratio", reason=why.reason, needs=why.needs)
        return claim_about(unknown, Truth.INCONCLUSIVE, text="arms are split as planned", limit="", near=math.nan)
    truth = Truth.PROVEN if doubt is None else Truth.INCONCLUSIVE
    if doubt is not None:
        needs = "find out which units one arm loses: redirects, time-outs, logging, bots"
        reading = replace(reading, why=doubt.why, reason=doubt.reason, needs=needs)
    limit = "the planned ratio, in every stratum"
    return claim_about(
        replace(reading, provenance=found.provenance), truth, text="split as planned", limit=limit, near=math.nan
    )


def _contamination(arms: Arms) -> Claim:
    """Next to no unit has rows in two arms, and next to no row is there twice."""
    found = _any_metric(arms)
    counted = contamination(found.table)
    return _at_most(found, counted.percent, "%", counted.name, counted.most, counted.why, needs=counted.needs)


def _assignment(arms: Arms) -> Claim:
    """Every unit is in the arm that the hash gives it, and none has left the treatment as its traffic grew."""
    wrong, why = arms.misplaced(arms.some_metric)
    return _at_most(_any_metric(arms), wrong, "", "units that are not assigned as planned", 0, why, needs=BEGIN_AGAIN)


def _at_most(
    found: LiveComparison,
    value: float,
    unit: str,
    name: str,
    most: float,
    why: str,
    *,
    needs: str,
) -> Claim:
    reading = Reading.exactly(value, unit, name=name, provenance=found.provenance)
    truth = Truth.PROVEN if value <= most else Truth.INCONCLUSIVE
    reading = replace(reading, why=why, reason=Reason.INVALID, needs="" if truth is Truth.PROVEN else needs)
    limit = f"<= {with_unit(format_number(most), unit)}"
    return claim_about(reading, truth, text=f"{name} {limit}", limit=limit, near=most)


def _last_day(arms: Arms, budget: Budget) -> Claim:
    """A trigger of the last 24 hours alone: refuted when they prove harm, whatever the days before were like.

    It asks for no proof that the last day is good, which the whole window is
    asked for; but rows there must be.
    """
    sides = arms.comparison(budget.metric, last_day=True).statistic(budget.what)
    estimate = replace(sides.lift if budget.lift else sides.delta, name=f"{budget.limit.metric}, last 24 h")
    text = f"the last 24 h do not prove harm in {budget.name}"
    levels = [level for level in budget.limit.levels if level.decision.severity > 1]
    level = levels[0]
    low, high = (_in(end, budget.limit.unit, estimate.unit) for end in (level.low, level.high))
    limit = f"not beyond {with_unit(format_number(high if math.isfinite(high) else low), estimate.unit)} ({level.name})"
    if not estimate.n or math.isnan(estimate.value):
        return claim_about(estimate, Truth.INCONCLUSIVE, text=text, limit=limit, near=math.nan)
    beyond = estimate.low > high or estimate.high < low
    return claim_about(
        estimate,
        Truth.REFUTED if beyond else Truth.PROVEN,
        text=text,
        limit=limit,
        near=high if math.isfinite(high) else low,
        alpha=_alpha(arms, estimate, low, high) if beyond else 1.0,
        consequence=level.consequence(crossed=beyond, trigger=True),
    )


def _alpha(arms: Arms, estimate: Estimate, low: float, high: float) -> float:
    """The level at which it is refuted, for all days of the phase and both ends of a range together."""
    above = estimate.low > high
    ends = math.isfinite(low) + math.isfinite(high)
    if estimate.refuting_level is None:
        return min(1.0, ends * (1 - arms.plan.confidence))
    return min(1.0, ends * 2 * arms.phase.planned_days * estimate.refuting_level(high if above else low, above))


def _in(end: float, unit: str, to: str) -> float:
    return end if math.isinf(end) else convert(end, unit, to)


def _any_metric(arms: Arms) -> LiveComparison:
    """A comparison of any metric: they all have the same rows and units."""
    named = arms.some_metric.name
    return arms.comparison(named, next(arm for arm in arms.experiment.arms if arm != CONTROL))


_CHECKS: Mapping[str, Callable[[Arms], Claim]] = {
    "sample_ratio": _sample_ratio,
    "contamination": _contamination,
    "assignment": _assignment,
}
