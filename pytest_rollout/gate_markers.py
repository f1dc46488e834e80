"""Gate markers: what cannot be read of a gate's markers, and fixtures that only have our names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

import pytest

from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase, percent_text
from pytest_rollout.stages import TOLERANCE, parse_target
from pytest_rollout.strays import GATE_FIXTURES, GATE_MARKERS

BAD_GATES: pytest.StashKey[list[str]] = pytest.StashKey()
"""What is wrong with the gates of one module or class, while it is collected."""
_FIXTURES_MODULE = "pytest_rollout.fixtures"
_MARKER_KEYS = {"gate": {"owner", "severity", "runbook"}, "shadow": {"until", "why"}}
_NEAR = 0.8
"""How alike two words are of which one is taken for the other misspelt: `slow` is no `shadow`."""
_SEVERITIES = ("blocker", "critical", "normal", "minor", "trivial")


def foreign_fixtures(item: pytest.Function) -> Iterator[str]:
    """Fixtures of a gate that have a name of ours and are somebody else's."""
    definitions = item._fixtureinfo.name2fixturedefs
    for name in sorted(GATE_FIXTURES & set(definitions)):
        owner = definitions[name][-1].func.__module__
        if owner != _FIXTURES_MODULE:
            yield f"{item.name}: the fixture '{name}' comes from {owner}, not from pytest-rollout: rename that one"


def bad_gates(items: Iterable[object], file: str, plan: Plan) -> Iterator[str]:
    """Gates whose fixtures are somebody else's, or whose markers cannot be read or are nearly ours; and what would do.

    Args:
        items: What was collected of one name.
        file: Where it stands.
        plan: The plan that governs it.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            line = (item.location[1] or 0) + 1
            yield from (f"{file}:{line}: {problem}" for problem in _problems(item, plan))


def _problems(item: pytest.Function, plan: Plan) -> Iterator[str]:
    yield from foreign_fixtures(item)
    yield from (f"{item.name}: {problem}" for problem in unreadable_markers(list(item.iter_markers()), plan))
    yield from (f"{item.name}: {problem}" for problem in _misspelt(item, plan.phases))


def _misspelt(item: pytest.Function, phases: Collection[str]) -> Iterator[str]:
    """Markers that nobody has registered and that are nearly one of ours: a `rolback` would take nothing back."""
    registered = {re.split(r"[:(\s]", line, maxsplit=1)[0] for line in item.config.getini("markers")}
    ours = sorted({*GATE_MARKERS, *phases})
    for name in dict.fromkeys(marker.name for marker in item.iter_markers()):
        near = [] if name in registered else difflib.get_close_matches(name, ours, n=1, cutoff=_NEAR)
        if near:
            yield f"unknown marker '{name}'; did you mean '{near[0]}'? phases: {listed(phases)}"


def unreadable_markers(markers: Sequence[pytest.Mark], plan: Plan) -> Iterator[str]:
    """What is wrong with each marker, and what it takes."""
    phases = [plan.phases[name] for name in dict.fromkeys(marker.name for marker in markers) if name in plan.phases]
    for marker in markers:
        problems = list(_marker_problems(marker)) or list(_nowhere(marker, phases, plan.partial_steps))
        yield from (f"@pytest.mark.{marker.name}: {text}" for text in problems)


def _nowhere(marker: pytest.Mark, phases: Sequence[Phase], steps: Iterable[float]) -> Iterator[str]:
    """Stages at which no phase of the gate ever is: at none of them would anybody run it."""
    planned = {each.percent for phase in phases for each in phase.stages}
    planned |= {phase.traffic for phase in phases if phase.traffic is not None}
    if marker.name != "stage" or not planned:
        return
    for stage in marker.args:
        if all(abs(parse_percent(stage) - each) > TOLERANCE for each in {*planned, *steps}):
            names = " and ".join(phase.name for phase in phases)
            yield f"'{stage}' is no stage of {names}; stages: {', '.join(map(percent_text, sorted(planned)))}"


def _marker_problems(marker: pytest.Mark) -> Iterator[str]:
    if marker.name == "rollback":
        yield from _rollback_problems(marker)
    if marker.name == "stage":
        yield from _stage_problems(marker)
    known = _MARKER_KEYS.get(marker.name)
    if known is None:
        return
    if marker.args:
        yield f"takes names only: {listed(known)}"
    for key, value in marker.kwargs.items():
        if key not in known:
            yield "; ".join([f"unknown '{key}'; it takes {listed(known)}", *did_you_mean(key, known)])
        elif not isinstance(value, str) or not value.strip():
            yield f"{key} is a text, not {value!r}"
    if marker.name == "shadow":
        yield from _shadow_problems(marker)
    if marker.kwargs.get("severity", "normal") not in _SEVERITIES:
        yield f"severity is one of {', '.join(_SEVERITIES)}"


def _rollback_problems(marker: pytest.Mark) -> Iterator[str]:
    if marker.args or marker.kwargs.keys() - {"to"}:
        yield "takes nothing, or to= and the traffic to go back to, such as to='0 %'"
    to = marker.kwargs.get("to", "previous")
    try:
        parse_target(to if isinstance(to, str) else repr(to))
    except QuantityError as error:
        yield str(error).replace("\n", "; ")


def _stage_problems(marker: pytest.Mark) -> Iterator[str]:
    if not marker.args or marker.kwargs:
        yield "takes the stages that the gate is for, such as '25 %'"
    for stage in marker.args:
        try:
            parse_percent(stage if isinstance(stage, str) else repr(stage))
        except QuantityError as error:
            yield str(error).replace("\n", "; ")


def _shadow_problems(marker: pytest.Mark) -> Iterator[str]:
    missing = {"until", "why"} - set(marker.kwargs)
    if missing:
        yield f"says no {listed(missing)}: a gate stays in shadow until a day, for a reason"
    try:
        date.fromisoformat(str(marker.kwargs.get("until", "2000-01-01")))
    except ValueError:
        yield f"until is a day such as '2026-12-01', not {marker.kwargs['until']!r}"
