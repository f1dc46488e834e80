"""Awaiting: which people a rollout waits for, as sentences: roles, how many of how many, and who could sign.

Of the phase that began last, at the traffic that the ledger last heard of;
everything about signatures is checked as a run checks it, offline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.errors import PlanError, SignoffError
from pytest_rollout.phase_past import Subject, given_receipts
from pytest_rollout.signatures import Signatures
from pytest_rollout.signoff.approvals import awaited
from pytest_rollout.stages import Standing

if TYPE_CHECKING:
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.ledger.timeline import Status
    from pytest_rollout.plan.environment import Environment
    from pytest_rollout.plan.model import Plan
    from pytest_rollout.plan.phase import Phase


def awaited_lines(plan: Plan, declared: Environment, ledger: Ledger, statuses: Sequence[Status]) -> Iterator[str]:
    """A line for each role and statement that the phase which began last asks for.

    Args:
        plan: The rollout's plan.
        declared: The environment, as the plan says it.
        ledger: Its ledger.
        statuses: Where each phase stands, in the plan's order.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    begun = [each for each in statuses if each.phase_started is not None]
    if not begun:
        return
    status = max(begun, key=lambda each: (each.phase_started, statuses.index(each)))
    phase = plan.phases[status.phase]
    try:
        for line in _lines(plan, _alone(declared), ledger, phase, status):
            yield f"{phase.name}: {line}"
    except (SignoffError, PlanError) as error:
        yield f"{phase.name}: nothing is known of signatures: {str(error).partition(chr(10))[0]}"


def _lines(plan: Plan, environment: Environment, ledger: Ledger, phase: Phase, status: Status) -> Iterator[str]:
    at: datetime = status.at
    signatures = Signatures(plan=plan, environment=environment, at=at)
    percent = status.share.percentage if status.share else None
    standing = Standing(phase=phase, percent=percent, since=None, at=at)
    stage = standing.stage.name if standing.stage else ""
    if standing.roles:
        subject = Subject(plan=plan, environment=environment.name, at=at)
        found, unknown = signatures.signoff(
            phase, stage, standing.roles, lambda moments: given_receipts(ledger, subject, phase.name, moments)
        )
        what = f"to leave {stage}, " if stage and standing.next else ""
        yield from (f"{what}{line}" for line in awaited(found))
        if unknown:
            yield unknown
    said, refused = signatures.said(phase)
    for topic, wanted in phase.conditions.statements.items():
        if topic in said:
            yield f"{topic}: “{said[topic].says}”, said by {said[topic].by} on {said[topic].at[:10]}"
        else:
            why = f"; {refused[topic]}" if topic in refused else ""
            yield f"{topic}: awaited, a signed statement that says “{wanted}”{why}"


def _alone(declared: Environment) -> Environment:
    """The environment as far as signatures go: what its sources need is not asked of somebody who looks."""
    import os

    from pytest_rollout.plan.expand import expand

    return expand(replace(declared, target="", flags=None, sources={}, ledger=""), os.environ)
