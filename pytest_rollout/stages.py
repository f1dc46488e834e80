"""Stages: where a phase's traffic stands, where it goes next, and where a rollback takes it.

The percentage that is observed decides the stage; the ledger says since when.
Nothing here reads either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.phase import Phase, Stage, percent_text

PREVIOUS, HALF = "previous", "half"
TOLERANCE = 1e-6
"""Percentages are compared as numbers that came through JSON and YAML."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far a phase's traffic has come through every stage.

    Args:
        percent: The percentage; None where nothing was ever heard of any traffic.
        over: Whether what comes next may come: a run there has said PROCEED
            since the traffic came, or the percentage is no stage of the phase.
    """

    percent: float | None = None
    over: bool = True


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A phase's traffic at one instant.

    Args:
        phase: The phase.
        percent: The percentage that is served; None where nobody knows it.
        since: Since when it is; None where the ledger does not say.
        at: The instant.
        reached: How far it had come before.
        steps: The percentages that a rollback by half may rest on; none said: any.
        watch: How long the traffic is watched there.
    """

    phase: Phase
    percent: float | None
    since: datetime | None
    at: datetime
    reached: Reached = Reached()
    steps: tuple[float, ...] = ()
    watch: timedelta = timedelta(0)

    @property
    def resting(self) -> bool:
        """Whether the traffic is at a step that only a partial rollback leads to."""
        planned = self.stage is not None or _same(
            self.phase.traffic if self.phase.traffic is not None else -1, self.percent
        )
        full = max([self.phase.traffic or 0.0, *(each.percent for each in self.phase.stages)])
        return not planned and any(_same(step, self.percent) and step < full for step in self.steps)

    @property
    def watched(self) -> timedelta | None:
        """How much of the watch after a partial rollback is left; None where nobody knows since when it is."""
        return None if self.since is None else max(timedelta(0), self.since + self.watch - self.at)

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

    def too_early(self) -> str:
        """Why the traffic should not be at this stage yet; empty where it may be, and where it is at none."""
        stage = self.stage
        return _too_early(self.phase, self.reached, stage.percent) if stage is not None else ""


def reached(
    phase: Phase, served: Iterable[tuple[float, datetime]], over: Collection[tuple[str, datetime]], *, at: datetime
) -> Reached:
    """How far the traffic of a phase has come through every stage.

    A stage that was left out, or entered before the one below it was over, is
    not reached by being held, nor by being judged: what was reached before
    counts until the traffic went back and through every stage. A stage to
    which the traffic comes again must be over again.

    Args:
        phase: The phase.
        served: Every percentage that was served, and since when, in their order.
        over: Each stage at which a run said PROCEED, and when.
        at: As of when.
    """
    here, since = Reached(), at
    for percent, moment in served:
        if not _too_early(phase, _as_of(phase, here, since, over, moment), percent):
            here, since = Reached(percent=percent), moment
    return _as_of(phase, here, since, over, at)


def _as_of(
    phase: Phase, here: Reached, since: datetime, over: Collection[tuple[str, datetime]], at: datetime
) -> Reached:
    stage = next((each for each in phase.stages if _same(each.percent, here.percent)), None)
    done = stage is None or any(name == stage.name and since <= moment <= at for name, moment in over)
    return replace(here, over=done)


def _too_early(phase: Phase, before: Reached, now: float) -> str:
    """Why traffic that had come so far should not be at this percentage; empty where it may be, or goes back."""
    known = -1.0 if before.percent is None else before.percent
    if now <= known + TOLERANCE:
        return ""
    between = [each.name for each in phase.stages if known + TOLERANCE < each.percent < now - TOLERANCE]
    if between and before.percent is None:
        return f"the traffic is {percent_text(now)}, and nothing is known of it at {between[-1]} since the phase began"
    if between:
        return f"the traffic went from {percent_text(known)} to {percent_text(now)} and left out a stage between them"
    if not before.over:
        return (
            f"the traffic went from {percent_text(known)} to {percent_text(now)} too early: "
            f"no run at {percent_text(known)} has said PROCEED since it came there"
        )
    return ""


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
        lower = [step for step in standing.steps if step <= now / 2 + TOLERANCE]
        return max(lower, default=0.0) if standing.steps else now / 2
    if wanted in {"", PREVIOUS}:
        return standing.previous
    stated = parse_percent(wanted)
    # What is served already is nowhere to go back to: a trigger that fires takes the traffic down.
    return stated if stated < now else standing.previous


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
