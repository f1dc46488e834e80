"""Waiting: what time and people must have said before a phase is over, as claims.

Each condition of a plan is one claim about what is remembered. One that only
time or a signature can end is doubt with a reason of its own, so that a
pipeline can tell a release that waits from one that is ill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.comparing import claim_about
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.plan.nodes import typed_path
from pytest_rollout.plan.phase import Phase, percent_text
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration
from pytest_rollout.remembered import Remembered, Signed, Streak
from pytest_rollout.stages import Standing

SOURCE = "ledger"
PEOPLE = "signatures"
NEW = "the ledger begins with this run, and what is not in it may have happened all the same"
AT_THE_END = frozenset({"minimum", "green", "clean", "statements"})
"""Conditions of a phase as a whole, which are asked at its last stage."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What one phase waits for, at one instant."""

    phase: Phase
    standing: Standing
    past: Remembered
    at: datetime
    folder: Path
    environment: str
    percent: Estimate | None = None

    def why_not(self, condition: str) -> str:
        """Why a condition is not asked at this stage; empty where it is."""
        stage = self.standing.stage
        if condition in AT_THE_END and not self.standing.final and stage is not None:
            return f"asked at {self.phase.stages[-1].name}, the last stage; this is {stage.name}"
        if condition == "hold" and stage is not None and stage.hold is None:
            return f"{stage.name} has no hold"
        if condition == "approvals" and stage is not None and not self.roles:
            return f"nobody has to sign at {stage.name}"
        return ""

    @property
    def roles(self) -> Mapping[str, int]:
        """Whose signatures what comes next takes."""
        return self.standing.roles

    def command(self, name: str) -> str:
        """A command about this phase, as somebody would type it here."""
        return f"rollout {name} {typed_path(self.folder)} {self.phase.name}"

    def claim(self, condition: str) -> Claim:
        """The claim that a condition is met."""
        return _CLAIMS[condition](self)


def _after(waiting: Waiting) -> Claim:
    before = waiting.past.before
    open_ = {name: before.get(name, "") for name in waiting.phase.conditions.after}
    open_ = {name: said for name, said in open_.items() if said != Decision.PROCEED.value}
    done = len(waiting.phase.conditions.after) - len(open_)
    why = "; ".join(said or f"{name} was never judged here" for name, said in open_.items())
    return _counted(
        waiting,
        done,
        len(waiting.phase.conditions.after),
        name="phases before this one that ended with PROCEED",
        text=f"{', '.join(waiting.phase.conditions.after)} is over",
        reason=Reason.PREREQUISITE,
        why=why,
        needs="judge it until it says PROCEED, at its last stage, in this environment",
    )


def _stage(waiting: Waiting) -> Claim:
    phase, standing, percent = waiting.phase, waiting.standing, waiting.percent
    wanted = [stage.name for stage in phase.stages] or [percent_text(phase.traffic or 0.0)]
    limit = f"== {' or '.join(wanted)}"
    text = f"the traffic is {' or '.join(wanted)}"
    if percent is None or standing.percent is None:
        nobody = "nothing says how much traffic is served"
        unknown = Reading.unknown(nobody, name="traffic", unit="%") if percent is None else percent
        return claim_about(unknown, Truth.INCONCLUSIVE, text=text, limit=limit, near=math.nan)
    planned = standing.stage is not None or (
        not phase.stages and phase.traffic is not None and abs(phase.traffic - standing.percent) < 1e-6
    )
    if planned and (why := standing.too_early()):
        back = standing.reached.percent
        first = percent_text(back) if back is not None else phase.stages[0].name
        percent = replace(percent, why=why, needs=f"go back to {first}, and through every stage from there on")
        return claim_about(percent, Truth.REFUTED, text=text, limit="one stage after the other", near=math.nan, alpha=0)
    if not planned and standing.resting and standing.watched != timedelta(0):
        left = standing.watched or standing.watch
        why = f"a partial rollback took the traffic to {percent_text(standing.percent)}, where it is watched"
        watching = replace(percent, why=why, reason=Reason.HOLD_TIME, needs=f"{format_duration(left)} more")
        return claim_about(watching, Truth.INCONCLUSIVE, text=text, limit=limit, near=math.nan)
    truth = Truth.PROVEN if planned else Truth.REFUTED
    return claim_about(percent, truth, text=text, limit=limit, near=math.nan, alpha=0.0 if not planned else 1.0)


def _minimum(waiting: Waiting) -> Claim:
    minimum, phase, past = waiting.phase.conditions.minimum, waiting.phase, waiting.past
    assert minimum is not None
    name = f"time in {phase.name}"
    # Days after a rollback, in which the release had no traffic, are none in which anything was seen of it.
    since = waiting.standing.since if phase.traffic and not phase.stages else past.begun
    if since is None and past.started is not None and not phase.lowest:
        unknown = replace(
            _doubt("it was taken back, and nothing says when it began again", name=name, reason=Reason.NO_DATA),
            needs=f"`{waiting.command('start')} --rollout-env {quote(waiting.environment)}` once it has",
        )
        return claim_about(unknown, Truth.INCONCLUSIVE, text=f"{name} is known", limit="known", near=math.nan)
    return _lasted(waiting, since, minimum, name=name)


def _hold(waiting: Waiting) -> Claim:
    stage = waiting.standing.stage
    if stage is None or stage.hold is None:
        unknown = _doubt("the traffic is at no stage of the plan", name="time at this stage", reason=Reason.NO_DATA)
        return claim_about(unknown, Truth.INCONCLUSIVE, text="the stage was held", limit="a stage", near=math.nan)
    return _lasted(waiting, waiting.standing.since, stage.hold, name=f"time at {stage.name}")


def _lasted(waiting: Waiting, since: datetime | None, wanted: timedelta, *, name: str) -> Claim:
    lasted = waiting.at - since if since is not None else timedelta(0)
    began = f"since {since:%Y-%m-%d %H:%M} UTC" if since is not None else "it begins with this run"
    unit = timedelta(days=1) if wanted >= timedelta(days=2) else timedelta(hours=1)
    left = wanted - lasted
    reading = _reading(lasted / unit, "d" if unit == timedelta(days=1) else "h", name, SOURCE, waiting.at)
    reached = left <= timedelta(0)
    reading = replace(
        reading,
        why="" if reached else began,
        reason=Reason.HOLD_TIME,
        needs=f"{format_duration(left)} more: until {waiting.at + left:%Y-%m-%d %H:%M} UTC" if not reached else "",
    )
    shown = f"{wanted / unit:g} {'d' if unit == timedelta(days=1) else 'h'}"
    truth = Truth.PROVEN if reached else Truth.INCONCLUSIVE
    return claim_about(reading, truth, text=f"{name} >= {shown!r}", limit=f">= {shown}", near=wanted / unit)


def _green(waiting: Waiting) -> Claim:
    return _streak(waiting, waiting.past.green, waiting.phase.conditions.green or 0, "green days")


def _clean(waiting: Waiting) -> Claim:
    return _streak(waiting, waiting.past.clean, waiting.phase.conditions.clean or 0, "clean hours")


def _streak(waiting: Waiting, streak: Streak, wanted: int, name: str) -> Claim:
    if streak.unknown:
        never = _doubt(streak.unknown, name=f"{name} in a row", reason=Reason.NO_DATA)
        text = f"{wanted} {name} in a row"
        return claim_about(never, Truth.INCONCLUSIVE, text=text, limit=f">= {wanted}", near=wanted)
    return _counted(
        waiting,
        streak.count,
        wanted,
        name=f"{name} in a row",
        text=f"{wanted} {name} in a row",
        reason=Reason.STREAK,
        why=streak.why,
        needs=f"{wanted - streak.count} more",
    )


def _incidents(waiting: Waiting) -> Claim:
    return _none(waiting, waiting.past.incidents, f"open incidents of {waiting.phase.conditions.incidents} or worse")


def _interventions(waiting: Waiting) -> Claim:
    allowed = waiting.phase.conditions.interventions or 0
    return _none(waiting, waiting.past.interventions, "interventions by hand since the phase began", allowed)


def _none(waiting: Waiting, found: tuple[str, ...], name: str, allowed: int = 0) -> Claim:
    """So many at most; where the ledger begins with this run, nobody knows of what is not in it."""
    if not waiting.past.known and len(found) <= allowed:
        unknown = replace(
            _doubt(NEW, name=name, reason=Reason.NO_DATA),
            needs=f"`{waiting.command('start')} --rollout-env {quote(waiting.environment)}`, "
            "or the ledger that there was before",
        )
        text = f"{name} <= {allowed}"
        return claim_about(unknown, Truth.INCONCLUSIVE, text=text, limit=f"<= {allowed}", near=allowed)
    reading = _reading(len(found), "", name, SOURCE, waiting.at)
    truth = Truth.PROVEN if len(found) <= allowed else Truth.REFUTED
    reading = replace(reading, why="; ".join(found) if truth is Truth.REFUTED else "")
    alpha = 1.0 if truth is Truth.PROVEN else 0.0
    return claim_about(reading, truth, text=f"{name} <= {allowed}", limit=f"<= {allowed}", near=allowed, alpha=alpha)


def _statements(waiting: Waiting) -> Claim:
    topics = waiting.phase.conditions.statements
    if waiting.past.unsigned:
        return _unsigned(waiting, len(topics), "statements that people have signed")
    missing = [topic for topic in topics if topic not in waiting.past.statements]
    awaited = ", ".join(f"{topic}, that says “{topics[topic]}”" for topic in missing)
    command = f"{waiting.command('statement')} --env {quote(waiting.environment)}"
    told = "; ".join(
        f"{topic}: “{each.says}”, said by {each.by} on {each.at[:10]}"
        for topic, each in waiting.past.statements.items()
    )
    refused = "; ".join(f"{topic}: {waiting.past.refused[topic]}" for topic in missing if topic in waiting.past.refused)
    return _counted(
        waiting,
        len(topics) - len(missing),
        len(topics),
        name="statements that people have signed",
        text=f"somebody has signed a statement on {', '.join(topics)}",
        reason=Reason.APPROVAL,
        why=". ".join(part for part in (f"awaited: {awaited}" if missing else told, refused) if part),
        needs=f"{command} --topic {quote(missing[0])} --says …" if missing else "",
        source=PEOPLE,
    )


def _approvals(waiting: Waiting) -> Claim:
    roles = waiting.roles
    if waiting.past.unsigned:
        return _unsigned(waiting, sum(roles.values()), "signatures")
    signed = {role: waiting.past.signed.get(role, Signed(needed=needed)) for role, needed in roles.items()}
    open_ = {role: needed - len(signed[role].by) for role, needed in roles.items() if len(signed[role].by) < needed}
    by = "; ".join(f"{role}: {', '.join(one.by)}" for role, one in signed.items() if one.by)
    refused = "; ".join(sentence for role in open_ for sentence in signed[role].refused)
    awaited = ", ".join(f"{role} ({left})" if left > 1 else role for role, left in open_.items())
    stage = f" --stage {quote(waiting.standing.stage.name)}" if waiting.standing.stage else ""
    command = f"{waiting.command('approve')}{stage} --env {quote(waiting.environment)}"
    return _counted(
        waiting,
        sum(min(len(signed[role].by), needed) for role, needed in roles.items()),
        sum(roles.values()),
        name="signatures",
        text=f"signed by {', '.join(roles)}",
        reason=Reason.APPROVAL,
        why=". ".join(part for part in (f"awaited: {awaited}" if awaited else "", by, refused) if part),
        needs=f"{command} --role {quote(next(iter(open_)))}" if open_ else "",
        source=PEOPLE,
    )


def _unsigned(waiting: Waiting, wanted: int, name: str) -> Claim:
    """Nothing is known of any signature, which is no wait for one."""
    why = replace(
        _doubt(waiting.past.unsigned, name=name, reason=Reason.NO_DATA),
        provenance=Provenance(source=PEOPLE, at=waiting.at),
    )
    return claim_about(why, Truth.INCONCLUSIVE, text=f"{name} >= {wanted}", limit=f">= {wanted}", near=wanted)


def _counted(
    waiting: Waiting,
    count: int,
    wanted: int,
    *,
    name: str,
    text: str,
    reason: Reason,
    why: str,
    needs: str,
    source: str = SOURCE,
) -> Claim:
    """So many of something are there, of so many that are wanted; fewer is doubt, which its reason explains."""
    reading = _reading(count, "", name, source, waiting.at)
    reached = count >= wanted
    reading = replace(reading, why=why, reason=reason, needs="" if reached else needs)
    truth = Truth.PROVEN if reached else Truth.INCONCLUSIVE
    return claim_about(reading, truth, text=text, limit=f">= {wanted}", near=wanted)


def _reading(value: float, unit: str, name: str, source: str, at: datetime) -> Reading:
    return Reading.exactly(value, unit, name=name, provenance=Provenance(source=source, at=at))


def _doubt(why: str, *, name: str, reason: Reason) -> Reading:
    return Reading.unknown(why, name=name, reason=reason, provenance=Provenance(source=SOURCE))


_CLAIMS: Mapping[str, Callable[[Waiting], Claim]] = {
    "after": _after,
    "stage": _stage,
    "minimum": _minimum,
    "hold": _hold,
    "green": _green,
    "clean": _clean,
    "incidents": _incidents,
    "interventions": _interventions,
    "statements": _statements,
    "approvals": _approvals,
}
