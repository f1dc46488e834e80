"""Collected: what a pytest item is to the plan that governs it, from its markers, its name and its docstring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from inspect import cleandoc, unwrap
from pathlib import Path
from types import CodeType

import pytest

from pytest_rollout.book import PlannedGate
from pytest_rollout.gate_markers import unreadable_markers
from pytest_rollout.plan.model import Plan
from pytest_rollout.strays import GATE_FIXTURES, GATE_MARKERS

COLLECTED_AS = pytest.StashKey[str]()
"""An item's node id when it was collected, of which its gate's id is made: plugins rename items later."""


def planned_gate(
    item: pytest.Item, plan: Plan, markers: Sequence[pytest.Mark], known_phases: Iterable[str]
) -> PlannedGate | str | None:
    """What an item is to the plan that governs it.

    Args:
        item: The item.
        plan: The plan of the folder in which it stands.
        markers: The item's markers, the closest first.
        known_phases: Phases of every plan of the run.

    Returns:
        The gate; or, for an item that means to be one and belongs to no phase
        of the plan, or was given markers that cannot be read after it was
        collected, a sentence that says so; or None for any other item.
    """
    worn = {marker.name for marker in markers}
    phases = tuple(sorted(phase for phase in worn if plan.declares(phase)))
    if phases and (problems := list(unreadable_markers(markers, plan))):
        return f"{relative_id(item, plan)}: {'; '.join(problems)}"
    if phases:
        return _planned(item, plan, phases, markers)
    if worn & (GATE_MARKERS | set(known_phases)) or GATE_FIXTURES & set(getattr(item, "fixturenames", ())):
        return f"{relative_id(item, plan)} carries no phase marker of {plan.rollout}, so no phase judges it"
    return None


def _planned(item: pytest.Item, plan: Plan, phases: tuple[str, ...], markers: Sequence[pytest.Mark]) -> PlannedGate:
    said: dict[str, str] = {}
    for marker in reversed(markers):
        said |= marker.kwargs if marker.name == "gate" else {}
    shadow = next((marker for marker in markers if marker.name == "shadow"), None)
    return PlannedGate(
        id=relative_id(item, plan),
        nodeid=item.nodeid,
        rollout=plan.rollout,
        phases=phases,
        title=_title(item),
        owner=said.get("owner", plan.owner),
        severity=said.get("severity", ""),
        runbook=said.get("runbook", plan.runbook),
        trigger=bool(getattr(item, "can_roll_back", False)),
        rollback=any(marker.name == "rollback" for marker in markers),
        rollback_to=next((m.kwargs.get("to", "") for m in markers if m.name == "rollback"), ""),
        stages=tuple(dict.fromkeys(str(stage) for m in markers if m.name == "stage" for stage in m.args)),
        shadow_until=date.fromisoformat(shadow.kwargs["until"]) if shadow else None,
        shadow_why=shadow.kwargs["why"] if shadow else "",
        description=_description(item),
        line=(item.location[1] or 0) + 1,
    )


def relative_id(item: pytest.Item, plan: Plan) -> str:
    """An item's id from the rollout's folder on: the same wherever pytest was started."""
    inside = item.stash.get(COLLECTED_AS, item.nodeid).split("::")[1:]
    return "::".join([_relative(item.path, plan.folder), *inside])


@lru_cache(maxsize=1024)
def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def live_words(item: pytest.Item) -> frozenset[str]:
    """The fixtures of a gate's own signature that read something live."""
    asked = getattr(getattr(item, "_fixtureinfo", None), "argnames", ())
    return (GATE_FIXTURES - {"budget"}) & set(asked)


def code_of(item: pytest.Item) -> CodeType | None:
    """The code of a gate's function, without the decorators around it; None for a line of a plan."""
    function = getattr(item, "obj", None)
    # Hypothesis makes a function anew, and keeps the one that it runs many times.
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return getattr(unwrap(getattr(function, "__func__", function)), "__code__", None) if callable(function) else None


def qualified_name(item: pytest.Item) -> str:
    """The function's name with its classes, without parameters."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return ".".join([*classes, getattr(item, "originalname", None) or item.name])


def _title(item: pytest.Item) -> str:
    title = getattr(item, "title", None)
    if isinstance(title, str):
        return title
    words = _docstring(item).partition("\n\n")[0]
    return " ".join(words.split()) or item.name.removeprefix("test_").replace("_", " ")


def _description(item: pytest.Item) -> str:
    """What a gate's docstring says after its first paragraph, as its author has set it."""
    title, _, more = _docstring(item).partition("\n\n")
    return cleandoc(f"{title}\n\n{more}").partition("\n\n")[2].strip() if more else ""


def _docstring(item: pytest.Item) -> str:
    found = getattr(getattr(item, "obj", None), "__doc__", None)
    return found.strip() if isinstance(found, str) else ""
