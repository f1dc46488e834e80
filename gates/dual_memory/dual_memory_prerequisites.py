"""What lies beside the telemetry: test results, benchmarks, the event log, lists, alert rules; and their faults."""

from dataclasses import replace

from pytest_rollout.world import Alert, Benchmark, Benchmarks, Fault, Junit, Log, Rows

RUNBOOK = "docs/rollouts/dual_memory/runbook.md"
TASKS = [
    "dual memory types",
    "formation engine",
    "consolidation",
    "bindings",
    "blended recall",
    "assignment of spaces",
    "feature flags",
    "metrics",
    "dashboards",
    "alert rules",
    "event log",
    "integrity check",
    "migration guide",
    "runbook",
]
BASELINES = {
    "memory_rss_mb": 500,
    "cpu_percent": 40,
    "recall_latency_p50_ms": 5,
    "recall_latency_p99_ms": 45,
    "recall_confidence_mean": 0.75,
    "error_percent": 0.01,
}
PHASES = [f"phase{number}" for number in range(6)]

INTEGRATION = Junit(tests=212, file="integration.xml")
BENCHMARKS = Benchmarks(
    results=[
        Benchmark(name="test_store_episode", mean_ms=2.02, before_ms=2.0),
        Benchmark(name="test_recall_episodic", mean_ms=5.1, before_ms=5.05),
        Benchmark(name="test_recall_blended", mean_ms=9.3, before_ms=9.4),
        Benchmark(name="test_form_concepts", mean_ms=58, before_ms=58, spread=0.3),
    ]
)
SLOWER = [
    replace(each, mean_ms=each.before_ms * 1.08) if each.name == "test_store_episode" else each
    for each in BENCHMARKS.results
]
EVENTS = {
    "INFO event=formation cycle={n} concepts=300": 60,
    "INFO event=consolidation cycle={n} seconds=40": 60,
    "INFO event=heartbeat": 10,
}
EVENT_LOG = Log(
    file="dual_memory.log",
    pattern=r"(?P<at>\S+) (?P<level>[A-Z]+) event=(?P<event>\w+).*",
    entries=EVENTS,
)
TASK_LIST = Rows(file="tasks.csv", rows=[{"task": task, "status": "complete"} for task in TASKS])
BASELINE_LIST = Rows(
    file="baselines.csv",
    rows=[{"metric": metric, "value": value} for metric, value in BASELINES.items()],
    hours_ago=48,
)
REHEARSAL = Rows(
    file="rehearsal.jsonl",
    rows=[
        *({"what": phase, "expected": "PROCEED", "found": "PROCEED"} for phase in PHASES),
        {"what": "experiment", "known_ms": 15.0, "low_ms": 12.1, "high_ms": 18.4},
    ],
    hours_ago=72,
)
FILES = {
    "integration": INTEGRATION,
    "benchmarks": BENCHMARKS,
    "event_log": EVENT_LOG,
    "tasks": TASK_LIST,
    "baselines": BASELINE_LIST,
    "rehearsal": REHEARSAL,
}

ALERTS = [
    # A rate is per second: a limit per hour is compared with 3600 times of it.
    Alert(name="ConceptFormationStuck", expr="increase(formation_cycles_total[2h]) < 1", runbook=RUNBOOK),
    Alert(name="BindingLeaks", expr="dual_memory_bindings_per_hour > 8000", for_="10m", runbook=RUNBOOK),
    Alert(name="BlendedRecallSlow", expr="recall_latency_p99_ms > 55", for_="5m", runbook=RUNBOOK),
    Alert(name="HighConceptFormationRate", expr="concepts_formed_per_hour > 1000", for_="10m", runbook=RUNBOOK),
    Alert(
        name="BlendedRecallTimeouts",
        expr="3600 * rate(dual_memory_blended_timeouts_total[5m]) > 10",
        for_="5m",
        runbook=RUNBOOK,
    ),
    Alert(
        name="BindingLeak",
        expr="dual_memory_bindings_per_hour > 10000",
        for_="2m",
        severity="critical",
        runbook=RUNBOOK,
    ),
    Alert(name="ConceptCorruption", expr="dual_memory_corrupted_concepts > 0", severity="critical", runbook=RUNBOOK),
]

FAULTS = {
    "task_missing": Fault(
        about="13 of the 14 tasks are complete",
        files={"tasks": replace(TASK_LIST, rows=[*TASK_LIST.rows[:-1], {"task": TASKS[-1], "status": "open"}])},
    ),
    "integration_failure": Fault(
        about="two integration tests fail",
        files={"integration": replace(INTEGRATION, failed=["test_recall_after_restart", "test_binding_is_unique"])},
    ),
    "bench_regression": Fault(
        about="storing an episode takes 8 % longer", files={"benchmarks": replace(BENCHMARKS, results=SLOWER)}
    ),
    "alerts_missing": Fault(about="the alert rule BindingLeak is not deployed", without_alerts=["BindingLeak"]),
    "dashboard_missing": Fault(
        about="one of the four dashboards is not deployed",
        state={"dashboards": [f"dual-memory-{name}" for name in ("overview", "formation", "recall")]},
    ),
    "events_missing": Fault(
        about="formation events do not arrive in the log",
        files={
            "event_log": replace(EVENT_LOG, entries={text: n for text, n in EVENTS.items() if "formation" not in text})
        },
    ),
    "rehearsal_failed": Fault(
        about="the rehearsal of phase 3 said HOLD",
        files={
            "rehearsal": replace(
                REHEARSAL,
                rows=[{**row, "found": "HOLD"} if row["what"] == "phase3" else row for row in REHEARSAL.rows],
            )
        },
    ),
}
