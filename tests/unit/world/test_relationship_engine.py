"""relationship_engine's plan holds the limits that were asked for, its pages lead somewhere, and its graph adds up.

The limits here are those of the rollout's requirements, not read from its plan.
"""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_rollout.decisions import Decision
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.world.load import load_world

GATES = Path(__file__).parents[3] / "gates" / "relationship_engine"
DOCS = GATES.parents[1] / "docs" / "rollouts" / "relationship_engine"
HOLD, BACK = Decision.HOLD, Decision.ROLLBACK
REQUIRED = {
    "incremental_seconds": [("warning", 5, HOLD), ("alert", 10, HOLD)],
    "nightly_seconds": [("warning", 60, HOLD), ("critical", 120, BACK)],
    "llm_cost": [("warning", 5, HOLD), ("alert", 10, HOLD)],
    "pruned_percent": [("warning", 5, HOLD), ("critical", 10, BACK)],
}
RANGES = {
    "edges_per_day": (10, 50),
    "would_be_edges": (10, 50),
    "edges_reinforced": (20, 40),
    "would_be_confidence": (0.7, 0.9),
}


@pytest.fixture(scope="module")
def plan():
    return load_plan(GATES / "rollout.yaml", kinds=KINDS, flag_kinds=FLAG_KINDS)


@pytest.fixture(scope="module")
def store():
    """The world's module of the database."""
    load_world(GATES / "world.py")
    sys.path.insert(0, str(GATES))
    try:
        import relationship_engine_store
    finally:
        sys.path.remove(str(GATES))
    return relationship_engine_store


@pytest.mark.parametrize("metric", REQUIRED)
def test_every_limit_is_the_one_that_was_asked_for(plan, metric):
    """In each phase that has it, with the decision of its level."""
    found = [phase.budgets[metric].limit for phase in plan.phases.values() if metric in phase.budgets]

    assert len(found) >= 3
    for limit in found:
        assert [(each.name, each.high, each.decision) for each in limit.levels] == REQUIRED[metric]


@pytest.mark.parametrize("metric", RANGES)
def test_every_range_is_the_one_that_was_asked_for(plan, metric):
    """Both ends; beyond them it holds."""
    found = [phase.budgets[metric].limit for phase in plan.phases.values() if metric in phase.budgets]

    assert found
    for limit in found:
        (level,) = limit.levels
        assert ((level.low, level.high), level.decision) == (RANGES[metric], HOLD)


def test_phases_last_a_week_and_need_green_days_and_people(plan):
    """Seven days each; seven green ones, but for the tuning; and the edges that were judged by hand."""
    phases = [plan.phases[f"phase{number}"] for number in range(1, 5)]

    assert [phase.conditions.minimum for phase in phases] == [timedelta(days=7)] * 4
    assert [phase.conditions.green for phase in phases] == [7, 7, 7, None]
    assert [phase.conditions.after for phase in phases] == [(f"phase{number}",) for number in range(4)]
    for phase in phases[1:3]:
        assert "50 sampled edges" in phase.conditions.statements["edges-judged"]
    assert len(phases[3].experiment.arms) == 10


def test_every_runbook_link_leads_to_a_heading():
    """Those of the plan, of the gates and of the world's alerts."""
    headings = re.findall(r"^#+ (.+)$", (DOCS / "runbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
    texts = [path.read_text("utf-8") for path in [*GATES.glob("*.py"), GATES / "rollout.yaml"]]
    asked = {anchor for text in texts for anchor in re.findall(r"(?:runbook\.md|RUNBOOK\})#([\w-]+)", text)}

    assert len(asked) >= 20
    assert asked <= anchors


@pytest.mark.parametrize("phase", ["phase0", "phase1", "phase2", "phase3", "phase4", "drill"])
def test_nothing_is_lost_in_a_healthy_graph(store, phase):
    """Edges and pruned ones are those of the backup and those reported; none is doubled, and all have both ends."""
    tables = store.written(store.HEALTHY[phase]).tables
    edges, events = tables["edge"].rows, tables["raw_events"].rows
    entities = {row["id"] for row in tables["entity"].rows}
    reported = sum(row["edges_old"] + row["edges_new"] for row in events)

    assert len(edges) + len(tables["pruned"].rows) - reported == store.BACKFILLED == 236
    assert len({row["id"] for row in edges}) == len(edges)
    assert len({(row["engine"], row["source"], row["target"], row["kind"]) for row in edges}) == len(edges)
    assert {row[end] for row in edges for end in ("source", "target")} <= entities
    assert sum(row["kind"] == "role_at" and row["source"] <= 8 for row in edges) == 8


def test_a_healthy_graph_is_inside_every_range(store):
    """10 to 50 edges a day, 20 to 40 % reinforced, most confidences 0.7 to 0.9, 0 to 5 % pruned a night."""
    tables = store.written(store.HEALTHY["phase3"]).tables
    edges = tables["edge"].rows
    new = [row for row in edges if row["engine"] == "new"]
    week, day = timedelta(days=7), timedelta(days=1)
    old = [row for row in edges if row["created_at"] >= week]

    assert 10 < sum(row["created_at"] < day for row in new) < 50
    assert 0.25 < sum(row["weight"] > 1 for row in old) / len(old) < 0.35
    assert sum(0.7 < row["confidence"] <= 0.9 for row in new) / len(new) > 0.7
    last = sum(row["pruned_at"] < day for row in tables["pruned"].rows)
    assert 0 < last / len(edges) < 0.05
