"""Stages: where a phase's traffic stands, where it goes next, and where a rollback takes it.

The percentage that is observed decides the stage; the ledger says since when.
Nothing here reads either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.model import Phase, Stage, percent_text

PREVIOUS, HALF = "previous", "half"
TOLERANCE = 1e-6
"""Percentages are compared as numbers that came through JSON and YAML."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A phase's traffic at one instant.

    Args:
        phase: The phase.
        percent: The percentage that is served; None where nobody knows it.
        since: Since when it is; None where the ledger does not say.
        reached: The percentage that was last reached through every stage; None where the ledger heard of none.
        at: The instant.
    """

    phase: Phase
    percent: float | None
    since: datetime | None
    reached: float | None
    at: datetime

    @property
    def stage(self) -> Stage | None:
        """The stage that this percentage is; None where it is none."""
        return next((each for each in self.phase.stages if _same(each.percent, self.percent)), None)

    @property
    def next(self) -> Stage | None:
        """The stage after this one; None at the last, and outside of all of them."""
        stage = self.stage
        later = [each for each in self.phase.stages if stage and each.percent > stage.percent]
        return later[0] if later else None

    @property
    def roles(self) -> Mapping[str, int]:
        """Whose signatures what comes next takes: the next stage, or the end of the phase."""
        return self.next.approvals if self.next is not None else self.phase.conditions.approvals

    @property
    def final(self) -> bool:
        """Whether the phase's own conditions are asked: at its last stage, or where it has none."""
        return not self.phase.stages or self.stage is self.phase.stages[-1]

    @property
    def left(self) -> timedelta | None:
        """How much of the stage's hold is left; None where there is none, or its start is unknown."""
        stage = self.stage
        if stage is None or stage.hold is None or self.since is None:
            return None
        return max(timedelta(0), self.since + stage.hold - self.at)

    @property
    def previous(self) -> float:
        """The percentage of the stage before this one; 0 at the first."""
        here = self.stage.percent if self.stage else self.percent or 0.0
        return max((each.percent for each in self.phase.stages if each.percent < here), default=0.0)

    def jumped(self) -> bool:
        """Whether the traffic left out a stage on its way here."""
        stage, before = self.stage, self.reached
        return stage is not None and before is not None and _leaves_out(self.phase, before, stage.percent)


def reached(phase: Phase, percents: Iterable[float]) -> float | None:
    """The percentage that was last reached through every stage of a phase; None where there was no traffic.

    One that left out a stage is not reached by being held, nor by being
    judged: what was reached before counts until the traffic went back and
    through every stage.

    Args:
        phase: The phase.
        percents: Every percentage that was served, in their order.
    """
    found: float | None = None
    for percent in percents:
        if found is None or not _leaves_out(phase, found, percent):
            found = percent
    return found


def _leaves_out(phase: Phase, before: float, now: float) -> bool:
    """Whether a stage lies between two percentages, the second of which is more."""
    return any(before + TOLERANCE < each.percent < now - TOLERANCE for each in phase.stages)


def rollback_target(standing: Standing, wanted: Iterable[str]) -> float:
    """The percentage to go back to: the lowest that anything which fired asks for.

    Args:
        standing: Where the traffic is.
        wanted: `previous`, `half`, a percentage, or empty, which is `previous`.
    """
    return min((_target(standing, each) for each in wanted), default=0.0)


def _target(standing: Standing, wanted: str) -> float:
    now = standing.percent
    if now is None:
        return 0.0
    if wanted == HALF:
        return now / 2
    if wanted in {"", PREVIOUS}:
        return standing.previous
    return min(parse_percent(wanted), now)


def parse_target(text: str) -> str:
    """Read where a rollback goes: `previous`, `half`, or a percentage such as `0 %`.

    Raises:
        QuantityError: None of these.
    """
    if text in {PREVIOUS, HALF}:
        return text
    try:
        return percent_text(parse_percent(text))
    except QuantityError:
        raise QuantityError(f"'{text}' is nothing to go back to\nwrite previous, half, or a percentage: 0 %") from None


def _same(one: float, other: float | None) -> bool:
    return other is not None and abs(one - other) <= TOLERANCE
