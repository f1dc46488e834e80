"""The past of an embedded world: a ledger and signatures as if its rollout had been lived through.

A first run should show a phase on its last day, with everything that time and
people have to say already said. What a plan asks for is what is made up here,
and only for an embedded world, whose verdict releases nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Draft, Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import BASELINE, Phase, Stage
from pytest_rollout.recorded import asked_of
from pytest_rollout.stages import Standing
from pytest_rollout.verdict import Because, Verdict
from pytest_rollout.world.running import ShownPhase
from pytest_rollout.world_signers import JUDGED_BEFORE, SIGNED_BEFORE, WORLD_RECEIPT

LEDGER = "ledger.sqlite"
BY = "embedded world"
YOUNG = "young"
UNSIGNED = "unsigned"
OPEN = "previous_phase_open"
YOUNG_AGE = timedelta(days=2, hours=12)
"""The third day; of a shorter phase a fifth. Of a phase in stages it is the stage that is so young."""
_SPARE = timedelta(hours=1)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Lived:
    """How much of a rollout a world has behind it.

    Args:
        plan: The rollout's plan.
        environment: The embedded environment's name.
        at: Now.
        phases: The phases that are judged; each is on its last day.
        stage: The stage that a staged phase is at; empty for the last.
        fault: What was injected.
        baselines: What was recorded before, by metric: `days` and `logs`.
    """

    plan: Plan
    environment: str
    at: datetime
    phases: Sequence[str]
    stage: str
    fault: str
    baselines: Mapping[str, Mapping[str, Sequence[object]]]

    def started(self, phase: Phase) -> datetime:
        """When a phase began that is on its last day now."""
        here = self.here(phase)
        length = length_of(phase, here)
        if self.fault == YOUNG:
            below = _held(phase.stages[: phase.stages.index(here)]) if here else timedelta(0)
            own = length - below
            return self.at - below - (YOUNG_AGE if own > YOUNG_AGE else own / 5)
        return self.at - length - _SPARE

    def here(self, phase: Phase) -> Stage | None:
        """The stage that a phase is at; None where it has none."""
        return next((each for each in phase.stages if each.name == self.stage), None) or (
            phase.stages[-1] if phase.stages else None
        )

    def shown(self) -> ShownPhase | None:
        """The phase that the world shows: the last of those that are judged."""
        names = [name for name in self.phases if name in self.plan.phases]
        if not names:
            return None
        phase = self.plan.phases[names[-1]]
        start = self.started(phase)
        traffic = [
            (percent, (since - start) / timedelta(seconds=1))
            for percent, since in _traffic(phase, self.here(phase), start)
        ]
        return ShownPhase(name=phase.name, start=start, traffic=traffic)

    @property
    def unsigned(self) -> bool:
        """Whether nobody has signed: where that is the fault, and in a phase that has only begun."""
        return self.fault in {UNSIGNED, YOUNG}

    @property
    def awaited(self) -> dict[str, tuple[str, Mapping[str, int]]]:
        """For each phase that is judged, the stage that it is at, and who must sign for what comes next."""
        found = {}
        for phase in (self.plan.phases[name] for name in self.phases if name in self.plan.phases):
            here = self.here(phase)
            percent = here.percent if here else None
            standing = Standing(phase=phase, percent=percent, since=None, at=self.at)
            found[phase.name] = (here.name if here else "", standing.roles)
        return found

    @property
    def before(self) -> list[Phase]:
        """The phases before the first that is judged, in their order."""
        names = list(self.plan.phases)
        first = min((names.index(name) for name in self.phases if name in names), default=0)
        return [self.plan.phases[name] for name in names[:first]]


def length_of(phase: Phase, here: Stage | None) -> timedelta:
    """How long a phase takes until its last day, or until the end of the stage that it is at."""
    stated = phase.conditions
    if here is not None and here is not phase.stages[-1]:
        return _held(phase.stages[: phase.stages.index(here) + 1])
    stages = _held(phase.stages)
    # A day that is begun is not green yet, and neither is the one in which the phase began.
    green = _DAY * (stated.green + 1) if stated.green else timedelta(0)
    clean = timedelta(hours=stated.clean + 1) if stated.clean else timedelta(0)
    # A change from a baseline is that of a whole day.
    day = _DAY if any(each.against == BASELINE for each in phase.budgets.values()) else timedelta(0)
    gathering = _DAY * 6 if phase.traffic and not phase.stages and phase.compares else timedelta(0)
    return max(stated.minimum or timedelta(0), (stages if phase.stages else gathering) + max(green, clean, day))


def _held(stages: Sequence[Stage]) -> timedelta:
    """How long all of these stages are held."""
    return sum((stage.hold or timedelta(0) for stage in stages), timedelta(0))


def write_past(lived: Lived, folder: Path) -> str:
    """Make the ledger of an embedded world; where it is."""
    path = folder / LEDGER
    entries = [
        *_baselines(lived),
        *(entry for phase in lived.before for entry in _over(lived, phase)),
        *(entry for name in lived.phases for entry in _lived(lived, name)),
    ]
    entries.sort(key=lambda draft: draft.at)
    with open_ledger(str(path), folder) as ledger:
        ledger.append_all(entries, recorded_at=lived.at)
    return str(path)


def write_baselines(lived: Lived, where: str) -> None:
    """Record what the world was before in a ledger that stays, the first time."""
    with open_ledger(where, lived.plan.folder) as ledger:
        ledger.append_all(list(_baselines(lived)), recorded_at=lived.at)


def _baselines(lived: Lived) -> Iterable[Draft]:
    for name, days in lived.baselines.items():
        metric = lived.plan.metrics.get(name)
        if metric is None:
            continue
        at = lived.at - timedelta(days=28)
        yield drafts.recorded(
            Kind.BASELINE,
            rollout=lived.plan.rollout,
            environment=lived.environment,
            at=at,
            body={
                "metric": name,
                "unit": metric.unit,
                "days": [str(each) for each in days["days"]],
                "logs": [float(str(each)) for each in days["logs"]],
                "recorded_at": at.isoformat(),
                "by": BY,
                "asked": asked_of(metric),
                "source": metric.source,
            },
            once=f"baseline of {name} in embedded world {lived.environment}",
        )


def _over(lived: Lived, phase: Phase) -> Iterable[Draft]:
    """A phase before: begun long ago, and over; or still open."""
    open_ = lived.fault == OPEN and phase is lived.before[-1]
    began = min(lived.started(lived.plan.phases[name]) for name in lived.phases) - _DAY
    yield drafts.phase_start(
        rollout=lived.plan.rollout, environment=lived.environment, phase=phase.name, at=began - _DAY, by=BY
    )
    reasons = [Because(Reason.FAILED, "a gate of this phase failed")] if open_ else []
    yield _evaluation(lived, phase, began, reasons, phase.stages[-1].name if phase.stages else "")


def _lived(lived: Lived, name: str) -> Iterable[Draft]:
    """A phase that is judged now: its start, its stages, and an evaluation for each interval since."""
    phase = lived.plan.phases.get(name)
    if phase is None:
        return
    began = lived.started(phase)
    about = {"rollout": lived.plan.rollout, "environment": lived.environment, "phase": name}
    yield drafts.phase_start(**about, at=began, by=BY)
    here = lived.here(phase)
    traffic = list(_traffic(phase, here, began))
    for place, (percent, since) in enumerate(traffic):
        if place:  # the stage before was over: a minute earlier a run there said so
            yield _evaluation(lived, phase, since - _MINUTE, [], phase.stages[place - 1].name)
        yield drafts.percentage(**about, percentage=percent, at=since, by=BY)
    if name in lived.awaited:
        at = lived.at.replace(microsecond=0) - SIGNED_BEFORE - JUDGED_BEFORE
        yield drafts.receipt(**about, at=at, digest=WORLD_RECEIPT, by=BY)
    waits = [Because(Reason.HOLD_TIME, "the phase has not lasted its minimum time")]
    waits += [Because(Reason.STREAK, "more green days are needed")] if phase.conditions.green else []
    moment, last = began, lived.at - _MINUTE
    while moment < last:
        # A phase that another judged one comes after is over.
        over = name != lived.phases[-1] and moment + lived.plan.every >= last
        yield _evaluation(lived, phase, moment, [] if over else waits, here.name if over and here else "")
        moment += lived.plan.every


def _traffic(phase: Phase, here: Stage | None, began: datetime) -> Iterable[tuple[float, datetime]]:
    """Since when there was how much traffic."""
    if here is None:
        if phase.traffic is not None:
            yield phase.traffic, began
        return
    since = began
    for stage in phase.stages[: phase.stages.index(here) + 1]:
        yield stage.percent, since
        since += stage.hold or timedelta(0)


def _evaluation(lived: Lived, phase: Phase, at: datetime, reasons: Sequence[Because], stage: str = "") -> Draft:
    verdict = Verdict(
        rollout=lived.plan.rollout,
        phase=phase.name,
        decision=Decision.HOLD if reasons else Decision.PROCEED,
        reasons=tuple(reasons),
        gates=(),
        plan_digest=lived.plan.digest,
    )
    code = 0 if not reasons else 10 if verdict.waiting else 1
    run = drafts.Run(run_id=f"{phase.name} {at:%Y-%m-%d %H:%M}", mode="live", exit_code=code, embedded=True)
    return drafts.evaluation(verdict, run, environment=lived.environment, at=at, stage=stage)
