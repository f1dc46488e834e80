"""Signed: who signed for what comes next and when, who is awaited, and what does not count: in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pytest_rollout.judgement import GateVerdict
from pytest_rollout.record import PhaseRecord, StatementRecord
from pytest_rollout.reports.sheet import sheet
from pytest_rollout.reports.words import moment

HEADS = ("role", "who", "signed", "counts until", "remark")
VERIFIED = "verified"
"""In place of the time of a signature of which only the name is known."""
_SOURCE, _STATEMENTS = "signatures", "::statements"


class Entry(NamedTuple):
    """One signature, in words; one that is awaited has nobody (`who` is empty)."""

    role: str
    who: str = ""
    signed: str = ""
    until: str = ""
    remark: str = ""


def entries(phase: PhaseRecord) -> Iterator[Entry]:
    """The signatures of each role, then those that it lacks."""
    for role in phase.facts.roles:
        for each in role.signed:
            when = moment(each.signed_at) or VERIFIED, moment(each.expires_at)
            yield Entry(role.role, each.principal, *when, each.comment)
        yield from [Entry(role.role)] * role.missing


def refusals(phase: PhaseRecord) -> tuple[str, ...]:
    """Why other signatures do not count, each reason once."""
    return tuple(dict.fromkeys(why for role in phase.facts.roles for why in role.refused))


def rests_on_people(gate: GateVerdict) -> bool:
    """Whether a gate is about what people signed, and not about numbers alone."""
    return gate.gate.id.endswith(_STATEMENTS) or any(claim.source == _SOURCE for claim in gate.claims)


def told(phase: PhaseRecord) -> tuple[str, ...]:
    """A line for each signature, awaited or there, for each that does not count, and for each statement."""
    return (
        *map(_signature, entries(phase)),
        *(f"Does not count: {why}" for why in refusals(phase)),
        *map(_statement, phase.facts.statements),
    )


def table(phase: PhaseRecord) -> str:
    """The same as CSV: a row for each signature, statement, and whatever is awaited or does not count."""
    rows = [entry._replace(who=entry.who or "awaited") for entry in entries(phase)]
    rows += [Entry(role.role, "does not count", remark=why) for role in phase.facts.roles for why in role.refused]
    for each in phase.facts.statements:
        remark = f"asked for “{each.asked}”" + (f", said “{each.says}”" if each.says else "")
        remark += f": {each.refused}" if each.refused else ""
        rows.append(Entry(each.topic, each.by or "awaited", moment(each.at), remark=remark))
    return sheet([HEADS, *rows])


def _signature(entry: Entry) -> str:
    if not entry.who:
        return f"{entry.role}: awaited"
    until = f", counts until {entry.until}" if entry.until else ""
    when = f"signed {entry.signed}" if entry.signed != VERIFIED else "whose signature was verified"
    return f"{entry.role}: {entry.who}, {when}{until}" + (f", “{entry.remark}”" if entry.remark else "")


def _statement(each: StatementRecord) -> str:
    said = f"“{each.says}”, said by {each.by} on {moment(each.at)}" if each.by else "awaited"
    return f"{each.topic}, asked for “{each.asked}”: {said}" + (f" ({each.refused})" if each.refused else "")
