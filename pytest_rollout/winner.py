"""The winner: which of several arms is proven better than the control, with the error of all comparisons held."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from pytest_rollout.arms import Arms
from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.comparing import claim_about
from pytest_rollout.errors import QuestionError, did_you_mean, listed
from pytest_rollout.estimates import Estimate
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.quantities import format_number, with_unit
from pytest_rollout.stats.multiplicity import holm


def winner(
    arms: Arms, metric: str, what: str, sources: frozenset[int], *, among: Collection[str] | None = None
) -> Claim:
    """The claim that one arm is better than the control, and which.

    The arms are compared one by one, and Holm's correction decides which
    differences stand: the chance to name any arm that is not better is at most
    1 - confidence. Without `among` all arms are asked.

    Raises:
        QuestionError: The metric does not say which way is good; or `among` names none, or the control, or an arm
            that the experiment does not have.
    """
    better = arms.plan.metrics[metric].better if metric in arms.plan.metrics else ""
    asked = _asked([arm for arm in arms.experiment.arms if arm != CONTROL], among)
    deltas = {arm: arms.comparison(metric, arm).statistic(what).delta for arm in asked}
    if not better:
        raise QuestionError(
            f"metric '{metric}' does not say which way is good: write 'better: lower' or 'better: higher'"
        )
    levels = [_level(delta, higher=better == "higher") for delta in deltas.values()]
    stands = holm(levels, family=len(levels), level=1 - arms.plan.confidence)
    proven = {arm: delta for (arm, delta), stood in zip(deltas.items(), stands, strict=True) if stood}
    sign = 1 if better == "higher" else -1
    known = {arm: delta for arm, delta in deltas.items() if not math.isnan(delta.value)}
    first = max(proven or known or deltas, key=lambda arm: sign * deltas[arm].value if arm in known else -math.inf)
    best = deltas[first]
    told = "; ".join(f"{arm}: {_shown(delta)}" for arm, delta in deltas.items())
    why = f"{first} wins: {told}" if proven else f"no arm is proven better than {CONTROL}: {told}"
    estimate = replace(best, why=why if proven or not best.why else best.why, sources=sources)
    truth = Truth.PROVEN if proven else Truth.INCONCLUSIVE
    # The limit is what every report shows, however narrow: so the winner's name leads it.
    beyond = f"{'>' if sign > 0 else '<'} 0, {len(levels)} arms at once (Holm)"
    limit = f"{first} wins: {beyond}" if proven else beyond
    return claim_about(estimate, truth, text=f"an arm has better {metric}", limit=limit, near=0.0)


def _asked(arms: list[str], among: Collection[str] | None) -> list[str]:
    """The arms of which one may win, in the order of the plan."""
    if among is None:
        return arms
    for arm in among:
        if arm not in arms:
            guess = did_you_mean(arm, arms)
            raise QuestionError("\n  ".join([f"'{arm}' is no arm that could win", f"arms: {listed(arms)}", *guess]))
    if not among:
        raise QuestionError(f"nobody can win among no arms\n  arms: {listed(arms)}")
    return [arm for arm in arms if arm in among]


def _level(delta: Estimate, *, higher: bool) -> float:
    """The level at which it is shown that an arm is better; 1 where nothing is."""
    if math.isnan(delta.value) or (delta.value <= 0) == higher or delta.refuting_level is None:
        return 1.0
    return min(1.0, max(0.0, delta.refuting_level(0.0, higher)))


def _shown(delta: Estimate) -> str:
    ends = f"[{format_number(delta.low)}, {format_number(delta.high)}]"
    return f"{with_unit(format_number(delta.value), delta.unit)} {ends}"
