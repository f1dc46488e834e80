"""hybrid_rag's pages and plan say the same, and its world is healthy inside every limit.

The limits here are those of the rollout's requirements, not read from its plan.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.decisions import Decision
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.world.load import load_world
from pytest_rollout.world.samples import samples_of

GATES = Path(__file__).parents[3] / "gates" / "hybrid_rag"
DOCS = GATES.parents[1] / "docs" / "rollouts" / "hybrid_rag"
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
REQUIRED = {
    "test_pass_rate": {"warning": 0.98, "critical": 0.95, "emergency": 0.90},
    "error_rate": {"warning": 0.1, "critical": 0.5, "sustained": 0.5, "emergency": 1.0},
    "latency_p95": {"warning": 200, "critical": 300, "sustained": 300, "emergency": 500},
    "latency_p99": {"warning": 500, "critical": 1000},
    "cache_hits": {"warning": 50, "critical": 30},
    "precision_at_10": {"warning": 0.70, "critical": 0.50},
    "recall_at_10": {"warning": 0.60},
    "health_checks": {"warning": 5},
    "cost": {"warning": 125 / 30},
}
INSIDE = {
    "error_percent": (0, 0.1),
    "latency_p95_ms": (0, 200),
    "latency_p99_ms": (0, 500),
    "cache_hit_percent": (50, 100),
    "precision_at_10": (0.7, 1),
    "recall_at_10": (0.6, 1),
    "health_checks_passed": (5, 5),
    "cost_dollars_a_day": (0, 125 / 30),
}


@pytest.fixture(scope="module")
def plan():
    return load_plan(GATES / "rollout.yaml", kinds=KINDS, flag_kinds=FLAG_KINDS)


@pytest.fixture(scope="module")
def world():
    return load_world(GATES / "world.py")


@pytest.mark.parametrize("metric", REQUIRED)
def test_every_limit_is_the_one_that_was_asked_for(plan, metric):
    """In each phase that has it, with the decision of its level."""
    for phase in plan.phases.values():
        budget = phase.budgets.get(metric)
        if budget is None:
            assert phase.name == "phase0"
            continue
        levels = {level.name: level for level in budget.limit.levels}
        found = {name: max(level.low, -level.high) for name, level in levels.items()}
        wanted = {
            name: value if levels[name].low > float("-inf") else -value for name, value in REQUIRED[metric].items()
        }
        assert found == pytest.approx(wanted, rel=1e-4)
        for name, level in levels.items():
            assert level.decision is (Decision.ROLLBACK if name in {"sustained", "emergency"} else Decision.HOLD)
            assert level.to == {"sustained": "5 %", "emergency": "0 %"}.get(name, "")
        timed = {name for name, level in levels.items() if level.held == timedelta(minutes=5)}
        assert timed == ({"sustained", "emergency"} if metric in {"error_rate", "latency_p95"} else set())


def test_traffic_hours_and_objective_are_those_that_were_asked_for(plan):
    phases = [*plan.phases.values()]

    assert [phase.traffic for phase in phases] == [0, 5, 10, 10, None]
    assert [stage.percent for stage in phases[4].stages] == [15, 20, 25]
    assert [phase.conditions.clean for phase in phases] == [3, 7, 11, 23, 16]
    assert [phase.conditions.interventions for phase in phases] == [0] * 5
    assert [phase.conditions.minimum for phase in phases[:4]] == [timedelta(hours=each) for each in (4, 8, 12, 24)]
    assert [phase.checkpoint.name for phase in phases[2:]] == ["hour 24", "hour 48", "hour 72"]
    assert {phase.checkpoint.held for phase in phases[2:]} == {timedelta(hours=24)}
    assert plan.rto == timedelta(minutes=2)
    assert plan.every == timedelta(minutes=5)
    first, second = phases[1].schedule[0], phases[2].schedule[0]
    assert (first.every, first.lasting) == (timedelta(minutes=1), timedelta(minutes=15))
    assert (second.every, second.lasting) == (timedelta(minutes=1), timedelta(minutes=30))


def test_a_rollback_sets_every_percentage_of_the_six_flags_and_no_other(plan, world):
    for phase in plan.phases.values():
        (action,) = phase.responses["on_rollback"].actions
        names = {
            f"{flag}.{part}"
            for flag, value in world.flags.items()
            if flag not in {"memory_compression_enabled", "emergency_shutdown"}
            for part in value
            if part.endswith("percentage")
        }
        assert action.options["set"] == dict.fromkeys(sorted(names), "{percentage}")
        assert len(names) == 18


@pytest.mark.parametrize("metric", INSIDE)
def test_a_healthy_world_is_inside_every_limit(world, metric):
    """At every minute of its two weeks, for several seeds."""
    (series,) = [each for each in world.series if each.metric == metric]
    low, high = INSIDE[metric]
    for seed in range(1, 4):
        values = samples_of(series, seed)
        assert low <= min(values) - series.daily
        assert max(values) + series.daily <= high


def test_a_progressive_flag_would_serve_about_14_percent_at_hour_24(world):
    """By itself, which is what the fault is about."""
    route = world.with_fault("spontaneous_activation").routes["GET /api/v1/rollout"]
    faulty = world.with_fault("spontaneous_activation")

    class Asked:
        at, flags, state = AT, faulty.flags, faulty.state

    assert route(Asked)["highest"] == pytest.approx(100 / 7)
    assert route(Asked)["memory_compression"] == 100


def test_every_link_to_the_runbook_leads_somewhere():
    files = [*GATES.glob("*.py"), GATES / "rollout.yaml", DOCS / "index.md", DOCS / "runbook.md"]
    links = {
        link
        for page in files
        for link in re.findall(r"(?:runbook\.md|RUNBOOK\}|\]\()#([\w-]+)", page.read_text("utf-8"))
    }
    headings = re.findall(r"^#+ (.+)$", (DOCS / "runbook.md").read_text("utf-8"), re.MULTILINE)

    assert links
    assert links <= {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_fault_is_in_the_table(world):
    page = (DOCS / "index.md").read_text("utf-8")

    assert {name for name in world.faults if f"| `{name}` |" not in page} == set()
