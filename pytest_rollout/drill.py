"""Drill: a rollback that is performed to see how long it takes and what it loses.

It does what the plan's `on_rollback` says, on an embedded world, or on a real
system where `--rollout-act` says so. What must survive is read before and
after, each time anew; the clock runs from the decision until the system is
seen to be back. What was measured is written down, and a replay acts no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.acting import Clocks, act
from pytest_rollout.actions.outcome import State
from pytest_rollout.claims import Claim, check
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import QuestionError, RolloutError, SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.occasion import Occasion
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.provenance import Provenance
from pytest_rollout.verdict import Because, Traffic, Verdict

if TYPE_CHECKING:
    from pytest_rollout.claims import GateClaims
    from pytest_rollout.plan.environment import Environment
    from pytest_rollout.plan.model import Plan
    from pytest_rollout.readings import Readings

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Range:
    """Where drills take place.

    Args:
        environment: What is rolled back, opened.
        anew: Reads it at an instant, without remembering anything.
        allowed: Whether a system that is no embedded world may be rolled back.
        run_id: The run.
        now: The clock.
    """

    environment: Callable[[], Environment]
    anew: Callable[[datetime], Readings]
    allowed: bool
    run_id: str
    now: Callable[[], datetime]


@dataclass(frozen=True)
class DrillResult:
    """What one drill showed; every figure was measured in it."""

    _rto: float
    _record: Mapping[str, object] = field(repr=False)
    _provenance: Provenance = field(repr=False)
    _claims: GateClaims = field(repr=False)

    @property
    def took(self) -> Reading:
        """From the decision until all was seen to be back, in s; unknown where it never was, however fast it failed."""
        why, gave_up = self._why, self._record.get("gave_up")
        if isinstance(gave_up, int | float):
            never = f"it was never seen to work (given up after {gave_up:g} s)"
            why = f"{never}: {why}" if why else never
        return self._reading("rollback, from decision to verified", "s", self._record.get("seconds"), why)

    @property
    def objective(self) -> Reading:
        """The plan's `rto`, in s."""
        return Reading.exactly(self._rto, "s", name="rto", provenance=self._provenance)

    @property
    def worked(self) -> Claim:
        """The claim that every action was done, and all was seen to be back within the objective."""
        state = self._record.get("state")
        said = f"{state}: {self._why}" if self._why else f"{state}"
        return check(state == State.DONE.value, f"the rollback was done and verified in time ({said})")

    def before(self, metric: str) -> Reading:
        """A metric that was to be kept, just before the rollback.

        Raises:
            QuestionError: The drill was not told to keep it.
        """
        return self._reading(f"{metric} before the rollback", "", self._kept("before", metric), "it was not known")

    def after(self, metric: str) -> Reading:
        """The same just after it.

        Raises:
            QuestionError: As for `before`.
        """
        return self._reading(f"{metric} after the rollback", "", self._kept("after", metric), "it was not known")

    def change(self, metric: str) -> Reading:
        """By how much it changed: 0 where nothing was lost or added; unknown where before or after is.

        Raises:
            QuestionError: As for `before`.
        """
        before, after = self._kept("before", metric), self._kept("after", metric)
        known = isinstance(before, int | float) and isinstance(after, int | float)
        change = after - before if known else None  # type: ignore[operator]  # both are numbers then
        return self._reading(f"{metric} after the rollback less before", "", change, "before or after is not known")

    @property
    def _why(self) -> str:
        return str(self._record.get("why") or "")

    def _kept(self, when: str, metric: str) -> object:
        kept = self._record.get(when)
        if not isinstance(kept, Mapping) or metric not in kept:
            raise QuestionError(f"the drill kept no '{metric}': drill(to=…, keeping=['{metric}'])")
        return kept[metric]

    def _reading(self, name: str, unit: str, value: object, why: str) -> Reading:
        sources = frozenset({self._claims.read(name)})
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            unknown = Reading.unknown(why or "nobody measured it", name=name, unit=unit, provenance=self._provenance)
            return replace(unknown, sources=sources)
        return replace(Reading.exactly(value, unit, name=name, provenance=self._provenance), sources=sources)


class Drill:
    """The drills of one gate.

    Args:
        plan: The rollout's plan.
        phase: The phase whose `on_rollback` is performed.
        place: What is rolled back, and whether it may be.
        readings: The book of what was done in this run, and its instant.
        claims: What the gate has read and claimed.
        gate: Who asks.
    """

    def __init__(
        self, plan: Plan, phase: str, place: Range, readings: Readings, claims: GateClaims, *, gate: str
    ) -> None:
        self._plan, self._phase, self._place = plan, phase, place
        self._readings, self._claims, self._gate = readings, claims, gate

    def __call__(self, *, to: str = "0 %", keeping: Sequence[str] = ()) -> DrillResult:
        """Roll back, and measure it.

        Args:
            to: The percentage of traffic to go back to.
            keeping: Metrics of the plan that must be after it what they were before, such as counts and checksums.

        Raises:
            RolloutError: The plan says no `on_rollback`, or a real system may not be rolled back without
                `--rollout-act`; or a metric that the plan does not have.
            Inconclusive: In a replay: there was no such drill.
        """
        percent = parse_percent(to)
        if self._plan.rto is None:
            raise RolloutError(f"{self._plan.rollout} says no on_rollback and no rto: there is nothing to drill")
        refused: list[RolloutError] = []

        def work() -> object:
            try:
                return self._performed(percent, tuple(keeping))
            except RolloutError as error:
                refused.append(error)
                raise

        key = ("drill", self._gate, to, *keeping)
        seconds = self._rto + _PATIENCE_SECONDS
        provenance = Provenance(source="drill", query=f"rollback to {to}", at=self._readings.at)
        try:
            found = self._readings.answers.share(key, work, seconds)
        except SourceError as error:
            if refused:
                raise refused[0] from None
            found = {"why": str(error), "before": dict.fromkeys(keeping), "after": dict.fromkeys(keeping)}
        record = found if isinstance(found, dict) else {"why": "the recorded drill is damaged"}
        return DrillResult(self._rto, record, provenance, self._claims)

    @property
    def _rto(self) -> float:
        return self._plan.rto.total_seconds() if self._plan.rto is not None else math.nan

    def _performed(self, percent: float, keeping: Sequence[str]) -> dict[str, object]:
        here = self._place.environment()
        occasion = Occasion(
            plan=self._plan,
            verdict=self._decision(percent),
            environment=here,
            run_id=self._place.run_id,
            at=self._readings.at,
            read=self._place.anew,
        )
        if occasion.response is None:
            raise RolloutError(f"{self._plan.rollout} says no on_rollback for {self._phase}: there is nothing to drill")
        if here.world is None and not self._place.allowed:
            raise RolloutError(
                f"a drill takes the traffic of '{here.name}' back to {percent:g} %, which is no embedded world\n"
                "  where that is meant, say so: --rollout-act"
            )
        before = self._kept(keeping)
        began = time.monotonic()
        outcome = act(occasion, since=began, clocks=Clocks(now=self._place.now))
        gave_up = time.monotonic() - began
        after = self._kept(keeping)
        told = {**outcome.as_json(), "before": before, "after": after}
        if outcome.seconds is None:
            return {**told, "seconds": None, "gave_up": round(gave_up, 3)}
        return {**told, "seconds": round(outcome.seconds, 3)}

    def _decision(self, percent: float) -> Verdict:
        """The verdict that a drill pretends."""
        return Verdict(
            rollout=self._plan.rollout,
            phase=self._phase,
            decision=Decision.ROLLBACK,
            reasons=(Because(Reason.TRIGGER, "a rollback drill"),),
            gates=(),
            plan_digest=self._plan.digest,
            traffic=Traffic(back=percent),
        )

    def _kept(self, names: Sequence[str]) -> dict[str, float | None]:
        """Metrics as they are at this moment; None for what nobody knows."""
        readings = self._place.anew(self._place.now())
        found = {name: readings.metric(name).value for name in names}
        return {name: None if math.isnan(value) else value for name, value in found.items()}
