"""The graph memory's world in phases 0 and 1: healthy inside every limit, and each fault beyond its own.

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
    "recall_latency_p50_ms": (0, 10),
    "recall_latency_p99_ms": (0, 55),
    "recall_confidence_mean": (0.70, 1),
    "result_count_mean": (8, 12),
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
HOURS = {"memory_12": 48}
"""How long a fault lasts, where the mean of a day is judged and six hours would be lost in it."""
COUNTED = {
    None: {"formation_cycles_total": 24, "process_crashes_total": 0, "user_visible_failures_total": 0},
    "missed_cycle": {"formation_cycles_total": 23},
    "crash": {"process_crashes_total": 1},
    "user_visible_failure": {"user_visible_failures_total": 3},
}
SHARES = {
    None: {"recall_errors_total": (0, 0.0001), "requests_unanswered_total": (0, 0.0005)},
    "errors_1pc": {"recall_errors_total": (0.009, 0.011)},
    "unavailable": {"requests_unanswered_total": (0.009, 0.011)},
}
WHOLE = {"recall_errors_total": "recalls_total", "requests_unanswered_total": "requests_total"}
PHASE_0 = {
    "task_missing",
    "integration_failure",
    "bench_regression",
    "alerts_missing",
    "dashboard_missing",
    "events_missing",
    "rehearsal_failed",
}
EXPERIMENTS = {
    "latency_8",
    "latency_15",
    "latency_25",
    "latency_25_late",
    "confidence_drop_12",
    "confidence_drop_08",
    "confidence_drop_04",
    "errors_0_5pp",
    "hangs_0_3pp",
    "timeouts_3",
    "timeouts_30",
    "blended_errors_150",
    "leaks_outside",
    "truth_worse",
    "srm",
    "reassigned",
    "contaminated",
    "wrong_percentage",
    "winner_025",
    "no_winner",
    "formation_30_better",
    "coherence_080_better",
    "short_suite",
    "quality_report",
    "sev1_incident",
    "sev2_incident",
    "complaints_6",
}
DRIFTS = {"soak_leak": "soak", "storage_runaway": "store"}
GROWN = """SELECT sum(CASE WHEN value < before THEN value ELSE value - before END) FROM (
    SELECT value, lag(value) OVER (ORDER BY "at") AS before FROM telemetry WHERE metric = '{metric}'
    AND epoch("at") > (SELECT max(epoch("at")) FROM telemetry) - {seconds})"""
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

    def make_and_ask(query, *, fault=None, seed=1, table="telemetry"):
        file = tmp_path / f"{fault}-{seed}-{table}.duckdb"
        of_table = [each for each in world.with_fault(fault).series if each.table == table]
        # Each series has noise of its own, so those that the query does not name need not be made.
        series = [each for each in of_table if each.metric in query] or of_table
        file.unlink(missing_ok=True)
        make_telemetry(series, seed=seed, at=AT, file=file, fault=fault, cache=one_cache, table=table)
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

    assert count == HOURS.get(fault, 6) * 60
    assert above < low <= high < below


@pytest.mark.parametrize(("fault", "above", "below"), [("cpu_7", 42, 44), ("cpu_12", 44, 60)])
def test_a_cpu_fault_moves_the_mean_of_a_day(asked, fault, above, below):
    [(mean,)] = asked(f"SELECT avg(value) FROM telemetry WHERE metric = 'cpu_percent' {A_DAY}", fault=fault)

    assert above + 0.4 < mean < below - 0.4


@pytest.mark.parametrize("fault", COUNTED)
def test_events_are_counted_in_a_day(asked, fault):
    for metric, count in COUNTED[fault].items():
        assert asked(GROWN.format(metric=metric, seconds=86400), fault=fault) == [(count,)], metric


@pytest.mark.parametrize("fault", SHARES)
@pytest.mark.parametrize("seed", [1, 2])
def test_shares_of_six_hours(asked, fault, seed):
    for metric, (low, high) in SHARES[fault].items():
        [(part,)] = asked(GROWN.format(metric=metric, seconds=6 * 3600), fault=fault, seed=seed)
        [(whole,)] = asked(GROWN.format(metric=WHOLE[metric], seconds=6 * 3600), fault=fault, seed=seed)

        assert low <= part / whole <= high, metric
        assert whole > 80_000


def test_a_spike_of_memory_lasts_four_minutes(asked):
    query = "SELECT count(*) FROM telemetry WHERE metric = 'memory_rss_bytes' AND value > 600000000"

    assert [asked(query, fault=fault)[0][0] for fault in ("memory_spike", "memory_spiked")] == [4, 4]


@pytest.mark.parametrize(("fault", "hours", "least"), [("soak_leak", 24, 1.35), ("storage_runaway", 168, 2.0)])
def test_a_drift_is_in_its_own_table(asked, fault, hours, least):
    table = DRIFTS[fault]
    query = f"""SELECT avg(value) FILTER (WHERE epoch("at") > (SELECT max(epoch("at")) FROM {table}) - 600)
        / avg(value) FILTER (WHERE epoch("at") <= (SELECT max(epoch("at")) FROM {table}) - {hours} * 3600)
        FROM {table}"""

    assert asked(query, table=table)[0][0] < 1.2
    assert asked(query, fault=fault, table=table)[0][0] > least


def test_formation_hurts_latency_in_its_own_minutes_only(asked):
    query = f"""SELECT avg(l.value) FILTER (WHERE a.value > 0), avg(l.value) FILTER (WHERE a.value = 0)
        FROM telemetry l JOIN telemetry a USING ("at") WHERE l.metric = 'recall_latency_p99_ms'
        AND a.metric = 'formation_active' {A_DAY}"""
    [(healthy, between)], [(hurt, spared)] = asked(query), asked(query, fault="formation_hurts_latency")

    assert abs(healthy - between) < 1
    assert hurt - spared > 5
    assert spared == between


@pytest.mark.parametrize(
    "fault",
    [
        *BEYOND,
        *filter(None, {**COUNTED, **SHARES}),
        *DRIFTS,
        "cpu_7",
        "cpu_12",
        "memory_spike",
        "results_30",
        "formation_hurts_latency",
    ],
)
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
    service = {"binding_leak", "formation_off", "recall_touched", "world_dies", "concept_corruption", "episode_lost"}
    others = {"cpu_7", "cpu_12", "memory_spike", "memory_spiked", "results_30", "formation_hurts_latency"}
    counted = set(filter(None, {**COUNTED, **SHARES}))

    assert {*BEYOND, *DRIFTS, *PHASE_0, *EXPERIMENTS} | service | others | counted == set(world.faults)


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


@pytest.fixture
def answered(world):
    """Asks the service of a world, without HTTP."""
    from pytest_rollout.world.service import Service

    def ask(path, *, fault=None, **flags):
        service = Service(world.with_fault(fault), at=AT)
        try:
            service.flags.update(flags)
            return service.answer("GET", path, "", b"")
        finally:
            service.server_close()

    return ask


def test_prometheus_text_is_served(answered):
    reply = answered("/metrics")

    assert "dual_memory_bindings_per_hour 1200\n" in reply.body
    assert "# TYPE dual_memory_recalls_total counter\n" in reply.body
    assert reply.content_type.startswith("text/plain")


def test_every_alert_rule_of_the_requirements_is_served(answered):
    wanted = {
        "ConceptFormationStuck",
        "BindingLeaks",
        "BlendedRecallSlow",
        "HighConceptFormationRate",
        "BlendedRecallTimeouts",
        "BindingLeak",
        "ConceptCorruption",
    }

    for fault, missing in ((None, set()), ("alerts_missing", {"BindingLeak"})):
        [group] = answered("/prometheus/api/v1/rules", fault=fault).body["data"]["groups"]
        assert {rule["name"] for rule in group["rules"]} == wanted - missing
        assert all(rule["health"] == "ok" for rule in group["rules"])


def test_a_limit_per_hour_is_not_compared_with_a_rate_per_second(world):
    """`rate()` is per second: without 3600 a limit of 10 an hour would be 36 000."""
    rates = [alert for alert in world.alerts if "rate(" in alert.expr]

    assert rates
    assert all("3600 * rate(" in alert.expr for alert in rates)


def test_a_dashboard_may_be_missing(answered):
    counts = [len(answered("/grafana/api/search", fault=fault).body) for fault in (None, "dashboard_missing")]

    assert counts == [4, 3]


def test_spaces_are_assigned_as_the_flags_say(answered):
    path = "/api/v1/dual_memory/assignment_stats"
    treated = {"dual_memory.blended_recall": True, "dual_memory.canary_percentage": 1}

    assert answered(path).body["treatment"] == 0
    assert answered(path, **treated).body == {
        "at": AT.isoformat(),
        "control": 49_500,
        "treatment": 500,
        "percentage": 1,
        "served": 1,
    }
    assert answered(path, **{**treated, "dual_memory.canary_percentage": 100}).body["served"] == 99
    assert answered(path, fault="wrong_percentage", **treated).body["served"] == 12


def test_every_fault_is_in_the_docs(world):
    page = (DOCS / "index.md").read_text(encoding="utf-8")

    assert [name for name in world.fault_names() if f"| `{name}` |" not in page] == []


def test_every_gate_is_in_the_docs():
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    modules = sorted(WORLD.parent.glob("test_*.py"))
    gates = [name for each in modules for name in re.findall(r"^def (test_\w+)", each.read_text("utf-8"), re.MULTILINE)]
    lock = (WORLD.parent / "gates.lock").read_text("utf-8")
    gates += re.findall(r"rollout\.yaml::\w+::([\w.]+)", lock)

    # In the first cell of a table, or in a sentence; a fault's row says only who notices it.
    told = [line.split(" | ")[0] if line.startswith("|") else line for line in page.splitlines()]
    named = {name for line in told for name in re.findall(r"`([\w.]+)`", line)}

    assert len(modules) == 8
    assert [name for name in gates if name not in named] == []


def test_every_link_to_the_runbook_leads_somewhere():
    pages = [
        WORLD.parent / "rollout.yaml",
        *WORLD.parent.glob("test_*.py"),
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


@pytest.fixture
def recalled(world):
    """How spaces are recalled in a phase, by name."""
    from pytest_rollout.world.service import Service

    def ask(spaces, *, phase, percent=0.0, **flags):
        service = Service(world.showing(phase, percent), at=AT)
        path = "/api/v1/dual_memory/space_status"
        try:
            service.flags.update(flags)
            return [service.answer("GET", path, f"space={each}", b"").body["recall"] for each in spaces]
        finally:
            service.server_close()

    return ask


def test_an_excluded_space_is_recalled_without_concepts(recalled):
    excluded = {"dual_memory.blended_recall_exclude_spaces": "internal-qa-01,other"}

    assert recalled(["internal-qa-01", "internal-qa-02"], phase="phase2", **excluded) == ["pure_episodic", "blended"]


def test_only_listed_spaces_are_recalled_blended_in_internal_testing(recalled):
    """Before, every space was said to be blended as soon as the flag was on."""
    assert recalled(["dogfood-team", "1000001"], phase="phase2") == ["blended", "pure_episodic"]


def test_a_space_keeps_its_group_as_the_percentage_grows(recalled):
    """At 1 % one space in a hundred or so, at every percentage those of the one before, and never the holdback."""
    spaces = [str(number) for number in range(1_000_001, 1_003_001)]
    blended, counts = set(), []
    for percent in (1, 5, 25, 50, 100):
        told = zip(spaces, recalled(spaces, phase="phase4", percent=percent), strict=True)
        now = {space for space, recall in told if recall == "blended"}
        assert blended <= now
        blended = now
        counts.append(len(now) / 30)

    assert counts == pytest.approx([1, 5, 25, 50, 99], abs=2)
    assert recalled(spaces[:20], phase="phase1") == ["pure_episodic"] * 20


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(
    ("fault", "metric", "hours", "every", "inside"),
    [
        ("soak_leak", "soak_memory_rss_bytes", 24, 1, (-math.inf, 1)),
        ("storage_runaway", "storage_bytes", 168, 60, (0.01, 0.1)),
    ],
)
def test_a_slope_is_decided_with_any_seed(world, fault, metric, hours, every, inside, seed):
    """Bounds, too, lie inside the limit in a healthy world, and beyond it under the fault."""
    from pytest_rollout.stats import series as statistics
    from pytest_rollout.world.samples import samples_of

    found = []
    for each in (world, world.with_fault(fault)):
        [described] = [series for series in each.series if series.metric == metric]
        values = samples_of(described, seed)[: hours * 60 : every][::-1]
        found.append(statistics.growth([60 * every * n for n in range(len(values))], values))

    assert inside[0] < found[0].low <= found[0].high < inside[1]
    assert found[1].low > inside[1]
