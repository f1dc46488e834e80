"""Foresight: whether an experiment can be judged at all, as claims, before anybody needs the answer.

That its table has the columns and rows of the last day, and that no
comparison of the phase that is next is one which cannot be proven in its
minimum time, however good the release is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from shlex import quote

from pytest_rollout.arms import Arms
from pytest_rollout.claim_facts import Truth
from pytest_rollout.claims import Claim
from pytest_rollout.comparing import claim_about
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.exposure import DAY
from pytest_rollout.memory import Memory
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.nodes import typed_path
from pytest_rollout.plan.phase import PLANNED_DAYS, Phase
from pytest_rollout.planned_split import smaller_share
from pytest_rollout.planning import Foreseen, Planning, cannot_succeed, length_of
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration
from pytest_rollout.readings import Readings
from pytest_rollout.sources.tables import as_float

LEAST_CHANCE = 50.0
"""A gate that is less likely than this, in per cent, to be proven in the phase's minimum time is a finding."""


def comparing(plan: Plan) -> list[Phase]:
    """The phases that are planned with what budgets compare with the control arm."""
    return [phase for phase in plan.phases.values() if any(each.against == CONTROL for each in phase.budgets.values())]


def arms_ahead(plan: Plan, memory: Memory, readings: Readings, phase: Phase) -> Arms:
    """A phase's experiment with the rows to plan it with: its own, or those of the days before it begins.

    Raises:
        SourceError: The past cannot be read.
    """
    arms = Arms(plan, phase, memory.waiting(phase.name), readings)
    if arms.waiting.past.started is not None:
        return arms
    return replace(arms, since=arms.waiting.at - PLANNED_DAYS * DAY)


def rows_are_there(plan: Plan, memory: Memory, readings: Readings, name: str) -> Claim:
    """The claim that a metric's table has its columns, and rows of the last day."""
    phase = next(phase for phase in plan.phases.values() if phase.experiment is not None)
    arms = Arms(plan, phase, memory.waiting(phase.name), readings)
    samples = replace(arms, since=arms.waiting.at - DAY).samples(name)
    text = f"{name} has rows of the last 24 h"
    provenance = Provenance(source=plan.metrics[name].source, query=f"rows of {samples.table.value}")
    try:
        counted = f"SELECT count(*), count(v) FROM ({samples.sql.rows()}) AS experiment"  # noqa: S608 - quoted names
        [[rows, values]] = samples.source.rows(samples.sql.statement(counted))
    except SourceError as error:
        why, _, needs = str(error).partition("\n")
        unknown = Reading.unknown(why, reason=error.reason, name=name, needs=needs, provenance=provenance)
        return claim_about(unknown, Truth.INCONCLUSIVE, text=text, limit="rows", near=math.nan)
    many = as_float(values, "values")
    reading = Reading.exactly(many, name=f"{name}, rows of the last 24 h", provenance=provenance)
    if many:
        return claim_about(reading, Truth.PROVEN, text=text, limit=">= 1", near=1)
    empty = f"table '{samples.table.name}' has no row of the last 24 h"
    none = (
        f"none of the {as_float(rows, 'rows'):.0f} rows of the last 24 h has a value in column '{samples.table.value}'"
    )
    why, needs = none if as_float(rows, "rows") else empty, "see why nothing newer arrives in it"
    reading = replace(reading, why=why, reason=Reason.STALE, needs=needs)
    return claim_about(reading, Truth.INCONCLUSIVE, text=text, limit=">= 1", near=1)


def next_phase(memory: Memory, phases: Iterable[Phase]) -> Phase:
    """The phase to plan: the last that has begun or may begin; the first where none has.

    Raises:
        SourceError: The past cannot be read.
    """
    first, *others = phases
    chosen = first
    for phase in others:
        past = memory.waiting(phase.name).past
        after = phase.conditions.after
        over = bool(after) and all(past.before.get(each) == Decision.PROCEED.value for each in after)
        chosen = phase if over or past.started is not None else chosen
    return chosen


def can_succeed(plan: Plan, memory: Memory, readings: Readings) -> Claim:
    """The claim that each comparison of the next phase can be proven in its minimum time.

    Raises:
        SourceError: The past cannot be read.
    """
    phase = next_phase(memory, comparing(plan))
    arms = arms_ahead(plan, memory, readings, phase)
    length = length_of(arms)
    found = list(Planning(arms, smaller_share(phase), length).foreseen())
    least = min(found, key=lambda each: each.chance)
    text = f"each comparison of {phase.name} can be proven in {format_duration(length)}"
    reading = Reading.exactly(100 * least.chance, "%", name=f"the least chance in {phase.name}: {least.budget}")
    reading = replace(reading, provenance=Provenance(source=plan.metrics[arms.some_metric.name].source))
    unlikely = set(cannot_succeed(found))
    if unlikely:
        why = "; ".join(_sentence(each) for each in found if each.budget in unlikely)
        where = f"--rollout-env {quote(memory.environment.name)}"
        command = f"rollout power {typed_path(plan.folder)} {phase.name} {where}"
        needs = f"more traffic, a longer phase, or a wider limit: see `{command}`"
        reading = replace(reading, why=why, reason=Reason.LOW_N, needs=needs)
    truth = Truth.INCONCLUSIVE if unlikely else Truth.PROVEN
    return claim_about(reading, truth, text=text, limit=f">= {LEAST_CHANCE:g} %", near=LEAST_CHANCE)


def _sentence(each: Foreseen) -> str:
    if each.why:
        return f"{each.budget}: {each.why}"
    half = each.hours[0]
    when = "never at this traffic" if half is None else f"as likely as not after {half / 24:.0f} d"
    return f"{each.budget}: a chance of {each.chance:.0%}, {when}"
