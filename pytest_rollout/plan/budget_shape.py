"""Budget shape: every key of a budget and of its levels."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.plan import names
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.phase import BASELINE
from pytest_rollout.plan.shape import Choice, Parsed, Shape, Text, duration
from pytest_rollout.plan.structures import Either, Fields, ListOf, Others, Refusal
from pytest_rollout.plan.thresholds import PATTERN, parse_limit

BUDGET_KEYS = frozenset({"phases", "against", "action", "runbook"})
"""The keys of a budget that are no levels."""

_THRESHOLD = Parsed(
    about="a number and its unit, such as 600 MB, a range, such as 10..1000 /h, or a change, such as +10 %",
    parse=parse_limit,
    pattern=PATTERN,
)
_DECISION = Choice(about="what being beyond it asks for: hold or rollback", words=("hold", "rollback"))
_AGAINST = Choice(about="the reference that its levels are changes from", words=(BASELINE, CONTROL))
_TO = Parsed(
    about="the traffic that a rollback goes back to: previous, half, or a percentage",
    parse=parse_percent,
    pattern=r"[0-9.].*",
    words=("previous", "half"),
)
_ACTION = Text(about="what to do when it is crossed")
_RUNBOOK = Text(about="where it is written what to do")


def _level(*, decision_required: bool) -> Fields:
    decision: dict[str, Shape] = {"decision": _DECISION}
    return Fields(
        about="a level: its limit, and what being beyond it asks for",
        required={"limit": _THRESHOLD, **(decision if decision_required else {})},
        optional={
            **({} if decision_required else decision),
            "for": duration("how long it must last before it counts, such as 5m"),
            "to": _TO,
            "action": _ACTION,
            "runbook": _RUNBOOK,
        },
        refused={"against": ("belongs to the budget, for all of its levels", "write it one level up")},
    )


def _budget(about: str, required: Mapping[str, Shape], refused: Mapping[str, Refusal]) -> Fields:
    level = Either(
        about="a limit, or a mapping with limit, decision, for, action, runbook",
        short=_THRESHOLD,
        long=_level(decision_required=False),
    )
    return Fields(
        about=about,
        required=required,
        optional={"against": _AGAINST, "warning": level, "critical": level, "action": _ACTION, "runbook": _RUNBOOK},
        refused={"for": _FOR_AT_A_LEVEL, "to": _TO_AT_A_LEVEL, **refused},
        others=Others(
            about="any further level says its decision: {limit: ..., decision: hold or rollback}",
            names=names.LEVEL,
            values=_level(decision_required=True),
        ),
    )


_TO_AT_A_LEVEL: Refusal = ("where to go back to belongs to a level", "write it there: critical: {limit: ..., to: 0 %}")
_FOR_AT_A_LEVEL: Refusal = ("a duration belongs to a level", "write it there: critical: {limit: ..., for: 5m}")
_PHASES = ListOf(about="the phases it holds in", items=Text(about="a phase's name"))
BUDGET = _budget("a metric's limit in some phases, its levels from mild to severe", {"phases": _PHASES}, {})
PHASE_BUDGET = _budget(
    "a metric's limit in this phase, in place of the general one",
    {},
    {"phases": ("a phase's own budget holds in that phase alone", "remove 'phases'")},
)
