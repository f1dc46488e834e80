"""The graph memory's world in phase 1: healthy inside every limit, and each fault beyond its own.

The limits are those of the rollout's requirements, not read from its plan.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_rollout.world.load import load_world
from pytest_rollout.world.telemetry import make_telemetry

WORLD = Path(__file__).parents[3] / "gates" / "dual_memory" / "world.py"
DOCS = WORLD.parents[2] / "docs" / "rollouts" / "dual_memory"
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
MB = 1e6
INSIDE = {
    "memory_rss_bytes": (0, 550 * MB),
    "concepts_formed_per_hour": (10, 1000),
    "formation_errors_per_hour": (0, 0),
    "concept_formation_p99_ms": (0, 100),
    "consolidation_cycle_seconds": (0, 59.9),
    "process_crashes": (0, 0),
    "user_visible_failures": (0, 0),
    "recall_latency_p50_ms": (0, 10),
    "recall_latency_p99_ms": (0, 55),
    "recall_confidence_mean": (0.70, 1),
    "error_percent": (0, 0.01),
    "availability_percent": (99.9, 100),
}
BEYOND = {
    "over_formation_2000": ("concepts_formed_per_hour", 1000, 5000),
    "over_formation_6000": ("concepts_formed_per_hour", 5000, math.inf),
    "formation_errors_20": ("formation_errors_per_hour", 10, 100),
    "formation_errors_150": ("formation_errors_per_hour", 100, math.inf),
    "formation_slow_200": ("concept_formation_p99_ms", 100, 500),
    "formation_slow_600": ("concept_formation_p99_ms", 500, math.inf),
    "memory_12": ("memory_rss_bytes", 550 * MB, 600 * MB),
    "memory_25": ("memory_rss_bytes", 600 * MB, math.inf),
    "consolidation_slow": ("consolidation_cycle_seconds", 60, math.inf),
}
COUNTED = {
    "missed_cycle": ("formation_cycles", 23),
    "crash": ("process_crashes", 1),
    "user_visible_failure": ("user_visible_failures", 3),
}
A_DAY = 'AND epoch("at") > (SELECT max(epoch("at")) FROM telemetry) - 86400'


@pytest.fixture(scope="module")
def world():
    return load_world(WORLD)


@pytest.fixture(scope="module")
def one_cache(tmp_path_factory):
    """The tests of this file ask the same worlds again and again."""
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture
def asked(world, tmp_path, rows, one_cache):
    """Makes the world's telemetry and asks it."""

    def make_and_ask(query, *, fault=None, seed=1):
        file = tmp_path / f"{fault}-{seed}.duckdb"
        make_telemetry(world.with_fault(fault).series, seed=seed, at=AT, file=file, fault=fault, cache=one_cache)
        return rows(file, query)

    return make_and_ask


def test_no_seed_and_no_hour_takes_a_healthy_series_beyond_its_limit(world):
    """What a series can reach at most, by its own description, lies inside."""
    for series in world.series:
        if series.metric in INSIDE:
            low, high = INSIDE[series.metric]
            assert low <= series.base - series.daily - series.noise, series.metric
            assert series.base + series.daily + series.noise <= high, series.metric


@pytest.mark.parametrize("seed", range(6))
def test_healthy_telemetry_is_inside_at_every_minute_of_two_weeks(asked, seed):
    reached = asked("SELECT metric, min(value), max(value) FROM telemetry GROUP BY metric", seed=seed)

    for metric, low, high in reached:
        if metric in INSIDE:
            assert INSIDE[metric][0] <= low, metric
            assert high <= INSIDE[metric][1], metric


@pytest.mark.parametrize("seed", range(6))
def test_the_healthy_mean_cpu_of_any_day_is_inside(asked, seed):
    query = """SELECT max(mean) FROM (
        SELECT avg(value) OVER (ORDER BY "at" ROWS 1439 PRECEDING) AS mean, row_number() OVER (ORDER BY "at") AS n
        FROM telemetry WHERE metric = 'cpu_percent') WHERE n >= 1440"""

    assert asked(query, seed=seed)[0][0] < 41


@pytest.mark.parametrize("seed", range(6))
def test_healthy_episodes_per_concept_are_inside_at_every_minute(asked, seed):
    query = """SELECT min(e.value / c.value), max(e.value / c.value) FROM telemetry e JOIN telemetry c USING ("at")
        WHERE e.metric = 'episodes_stored_per_hour' AND c.metric = 'concepts_formed_per_hour'"""
    [(low, high)] = asked(query, seed=seed)

    assert low > 15
    assert high < 80


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("fault", "beyond"), BEYOND.items())
def test_a_fault_is_beyond_its_own_limit_for_hours(asked, fault, beyond, seed):
    metric, above, below = beyond
    query = f"SELECT count(*), min(value), max(value) FROM telemetry WHERE metric = '{metric}' AND value > {above}"
    [(count, low, high)] = asked(query, fault=fault, seed=seed)

    assert count == 360
    assert above < low <= high < below


@pytest.mark.parametrize(("fault", "above", "below"), [("cpu_7", 42, 44), ("cpu_12", 44, 60)])
def test_a_cpu_fault_moves_the_mean_of_a_day(asked, fault, above, below):
    [(mean,)] = asked(f"SELECT avg(value) FROM telemetry WHERE metric = 'cpu_percent' {A_DAY}", fault=fault)

    assert above + 0.4 < mean < below - 0.4


@pytest.mark.parametrize(("fault", "counted"), COUNTED.items())
def test_a_fault_of_events_is_counted_in_a_day(asked, fault, counted):
    metric, count = counted
    [(found,)] = asked(f"SELECT sum(value) FROM telemetry WHERE metric = '{metric}' {A_DAY}", fault=fault)

    assert found == count


@pytest.mark.parametrize("fault", [*BEYOND, *COUNTED, "cpu_7", "cpu_12"])
def test_a_fault_changes_one_series_only(world, fault):
    changed = [
        before.metric
        for before, after in zip(world.series, world.with_fault(fault).series, strict=True)
        if before != after
    ]

    assert len(changed) == 1
    assert world.with_fault(fault).state == world.state
    assert world.with_fault(fault).flags == world.flags


def test_the_faults_of_the_oracle_are_there(world):
    others = {"binding_leak", "recall_touched", "world_dies", "concept_corruption", "episode_lost", "cpu_7", "cpu_12"}

    assert {*BEYOND, *COUNTED, *others} == set(world.faults)


@pytest.mark.parametrize(
    ("fault", "path", "expected"),
    [
        (None, "stats", {"bindings_per_hour": 1200}),
        ("binding_leak", "stats", {"bindings_per_hour": 15_000}),
        (None, "health", {"corrupted_concepts": 0, "lost_episodes": 0}),
        ("concept_corruption", "health", {"corrupted_concepts": 3}),
        ("episode_lost", "health", {"lost_episodes": 1}),
        (None, "status", {"dual_types": True, "formation": True, "blended_recall": False}),
        ("recall_touched", "status", {"dual_types": True, "formation": True, "blended_recall": True}),
        (None, "config", {"formation_interval_minutes": 60, "coherence_threshold": 0.85, "min_cluster_size": 10}),
        (None, "config", {"max_concepts_per_cycle": 100}),
    ],
)
def test_the_service_says_what_the_fault_says(world, fault, path, expected):
    from pytest_rollout.world.service import Service

    service = Service(world.with_fault(fault), at=AT)
    try:
        answer = service.answer("GET", f"/api/v1/dual_memory/{path}", "", b"").body
    finally:
        service.server_close()

    assert expected.items() <= json.loads(json.dumps(answer)).items()


def test_prometheus_text_is_served(world):
    from pytest_rollout.world.service import Service

    service = Service(world, at=AT)
    try:
        reply = service.answer("GET", "/api/v1/dual_memory/metrics", "", b"")
    finally:
        service.server_close()

    assert "dual_memory_bindings_per_hour 1200\n" in reply.body
    assert reply.content_type.startswith("text/plain")


def test_every_fault_is_in_the_docs(world):
    page = (DOCS / "index.md").read_text(encoding="utf-8")

    assert [name for name in world.fault_names() if f"| `{name}` |" not in page] == []


def test_every_gate_is_in_the_docs():
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    gates = re.findall(r"^def (test_\w+)", (WORLD.parent / "test_phase1_shadow.py").read_text("utf-8"), re.MULTILINE)

    assert gates
    assert [name for name in gates if f"| `{name}` |" not in page] == []


def test_every_link_to_the_runbook_leads_somewhere():
    pages = [
        WORLD.parent / "rollout.yaml",
        WORLD.parent / "test_phase1_shadow.py",
        DOCS / "index.md",
        DOCS / "runbook.md",
    ]
    wanted = {
        link
        for page in pages
        for link in re.findall(r"(?:runbook\.md|RUNBOOK\}|\]\()#([\w-]+)", page.read_text("utf-8"))
    }
    headings = re.findall(r"^#+ (.+)$", (DOCS / "runbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert len(wanted) > 5
    assert wanted <= anchors


def test_the_world_of_the_docs_is_one(tmp_path):
    [source] = re.findall(r"```python\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL)
    file = tmp_path / "world.py"
    file.write_text(source)

    assert load_world(file).with_fault("quiet").series[0].late == 3


def test_an_excluded_space_is_recalled_without_concepts(world):
    from pytest_rollout.world.service import Service

    service = Service(world, at=AT)
    try:
        service.flags.update(
            {"dual_memory.blended_recall": True, "dual_memory.blended_recall_exclude_spaces": "qa,dogfood"}
        )
        recalls = [
            service.answer("GET", "/api/v1/dual_memory/space_status", f"space={space}", b"").body["recall"]
            for space in ("qa", "other")
        ]
    finally:
        service.server_close()

    assert recalls == ["pure_episodic", "blended"]
