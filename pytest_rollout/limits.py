"""Limits: the levels that a plan sets for one metric, and what crossing each asks for.

A `Limit` is used with `in`: `assert metrics("rss") in budget("rss")`. The
claim is proven when the whole interval is inside the mildest level; refuted
when it is wholly beyond one; the worst level so refuted names the decision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.comparing import Consequence, claim_about
from pytest_rollout.decisions import Decision
from pytest_rollout.errors import QuestionError
from pytest_rollout.estimates import Estimate
from pytest_rollout.intervals import refuted_at, truth_within
from pytest_rollout.quantities import convert, format_apart, with_unit

DEFAULT_DECISIONS = {"warning": Decision.HOLD, "critical": Decision.ROLLBACK}
"""What crossing a level asks for unless the plan says otherwise; a level of any other name must say it."""


@dataclass(frozen=True)
class Level:
    """One level of a limit: the range that is inside it, and what being beyond it asks for.

    `low` and `high` are in the limit's unit, infinite where that side is
    open; both ends are still inside. With `held`, only a value that stayed
    beyond for so long is beyond. `to` is the traffic that a rollback for it
    goes back to: `previous`, `half`, a percentage, or empty for what is usual.
    """

    name: str
    low: float
    high: float
    decision: Decision
    action: str = ""
    runbook: str = ""
    held: timedelta | None = None
    to: str = ""

    def consequence(self, *, crossed: bool, trigger: bool) -> Consequence:
        """What a claim says of this level; what it asks for, only where it is crossed."""
        told = Consequence(trigger=trigger, action=self.action, runbook=self.runbook)
        return replace(told, level=self.name, decision=self.decision, to=self.to) if crossed else told

    def stricter_than(self, milder: Level) -> bool:
        """Whether this level allows less than `milder` does, so that it could never be the worse one."""
        return self.low > milder.low or self.high < milder.high


@dataclass(frozen=True)
class _Judged:
    """One level, the estimate that it judges, and the range that is inside it in the estimate's unit."""

    level: Level
    estimate: Estimate
    low: float
    high: float

    @property
    def truth(self) -> Truth:
        """What the estimate's bounds say of the range."""
        return truth_within(self.estimate, self.low, self.high, closed=True)


@dataclass(frozen=True, eq=False)
class Limit:
    """The limit of one metric, its levels from mild to severe.

    `metric` is the name of the estimate that it judges; any other is
    refused, so that a budget cannot be met by the wrong number.
    """

    name: str
    metric: str
    unit: str
    levels: tuple[Level, ...]

    def __contains__(self, estimate: object) -> Claim:  # `in` asks the claim's truth itself
        return self.claim(estimate)

    def claim(self, estimate: object) -> Claim:
        """The claim that `estimate` is inside every level.

        Raises:
            QuestionError: Something else than an estimate of this limit's metric.
        """
        if not isinstance(estimate, Estimate):
            raise QuestionError(
                f"budget '{self.name}' judges an estimate, not {estimate!r}: "
                f"write `metrics('{self.metric}') in budget('{self.name}')`"
            )
        if estimate.name != self.metric:
            raise QuestionError(f"budget '{self.name}' judges '{self.metric}', not '{estimate.name}'")
        found = self._worst(estimate)
        level, judged, low, high = found.level, found.estimate, found.low, found.high
        refuted = found.truth is Truth.REFUTED
        near = high if judged.high > high else low if judged.low < low else high if math.isfinite(high) else low
        return claim_about(
            judged,
            found.truth,
            text=f"{estimate.name} in budget('{self.name}')",
            limit=f"{self._shown(judged, level)} ({level.name})",
            alpha=_refuted_at(judged, low, high) if refuted else 1.0,
            near=near,
            consequence=level.consequence(crossed=refuted, trigger=self.can_roll_back()),
        )

    def can_roll_back(self) -> bool:
        """Whether crossing any of the levels takes the release back."""
        return any(level.decision is Decision.ROLLBACK for level in self.levels)

    def _worst(self, estimate: Estimate) -> _Judged:
        """The refuted level with the worst decision (the severest of those), else the mildest that is not proven."""
        judged = [each for level in self.levels for each in self._judged(estimate, level)]
        refuted = [each for each in judged if each.truth is Truth.REFUTED]
        if refuted:
            return max(reversed(refuted), key=lambda each: each.level.decision.severity)
        return next((each for each in judged if each.truth is not Truth.PROVEN), judged[0])

    def _judged(self, estimate: Estimate, level: Level) -> list[_Judged]:
        """What one level says: of the estimate, or of what was held at either open end."""
        low, high = self._range(level, estimate.unit)
        if level.held is None:
            return [_Judged(level, estimate, low, high)]
        lowest, highest = estimate.held(level.held)
        above = [_Judged(level, highest, -math.inf, high)] if math.isfinite(high) else []
        below = [_Judged(level, lowest, low, math.inf)] if math.isfinite(low) else []
        return above + below

    def _range(self, level: Level, unit: str) -> tuple[float, float]:
        return _converted(level.low, self.unit, unit), _converted(level.high, self.unit, unit)

    def _shown(self, estimate: Estimate, level: Level) -> str:
        low, high = self._range(level, estimate.unit)
        texts = [format_apart(end, estimate.value)[0] for end in (low, high)]
        if math.isinf(low):
            return f"≤ {with_unit(texts[1], estimate.unit)}"
        if math.isinf(high):
            return f"≥ {with_unit(texts[0], estimate.unit)}"
        return f"{texts[0]} … {with_unit(texts[1], estimate.unit)}"


def _refuted_at(judged: Estimate, low: float, high: float) -> float:
    """The level at which a range is refuted: what may be beyond either of two ends has two chances to seem so."""
    ends = math.isfinite(low) + math.isfinite(high)
    return min(1.0, ends * refuted_at(judged, low, high))


def _converted(end: float, unit: str, to: str) -> float:
    convert(0.0, unit, to)
    return end if math.isinf(end) else convert(end, unit, to)


def out_of_order(levels: Sequence[Level]) -> list[tuple[Level, Level]]:
    """Pairs (severe, mild) in which the severe level is crossed before the mild one."""
    return [(severe, mild) for mild, severe in pairwise(levels) if severe.stricter_than(mild)]
