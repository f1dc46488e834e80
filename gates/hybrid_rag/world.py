"""The embedded world of hybrid retrieval: agents that are served by feature flags, and everything that may go wrong."""

from dataclasses import replace
from datetime import datetime, timedelta

import hybrid_rag_telemetry as telemetry

from pytest_rollout.world import Benchmark, Benchmarks, Call, Fault, Junit, Log, Phase, Rows, World

FEATURES = (
    "hybrid_rag_enabled",
    "vector_search_enabled",
    "graph_database_enabled",
    "redis_cache_enabled",
    "ground_truth_validation_enabled",
    "performance_benchmarks_enabled",
)
PERCENTAGES = ("rollout_percentage", "initial_percentage", "end_percentage")
COHORTS = {
    5: ("Builder", "Deploy", "QA"),
    10: ("Support", "Marketing"),
    25: ("Analyst", "Legal", "Thon"),
}


def flag(percentage: float) -> dict[str, object]:
    """A flag that is raised by date, and stands still while its ends are the same."""
    return {
        "enabled": True,
        "rollout_strategy": "progressive",
        "rollout_percentage": percentage,
        "initial_percentage": percentage,
        "end_percentage": percentage,
        "start_date": "2026-01-05T00:00:00Z",
        "end_date": "2026-01-12T00:00:00Z",
    }


FLAGS = {
    **{name: flag(0) for name in FEATURES},
    "memory_compression_enabled": {"enabled": True, "rollout_strategy": "all", "rollout_percentage": 100},
    "emergency_shutdown": {"enabled": False},
}


def served(flags: dict[str, object], name: str, at: datetime, hours_in: float | None) -> float:
    """What a flag serves, in %: nothing in an emergency; between its ends by date where it is progressive."""
    stated = flags[name]
    if flags["emergency_shutdown"]["enabled"] or not stated["enabled"]:
        return 0.0
    if stated["rollout_strategy"] != "progressive":
        return float(stated["rollout_percentage"])
    start, end = (datetime.fromisoformat(stated[each]) for each in ("start_date", "end_date"))
    if hours_in is not None:  # a world is judged at any time: so many hours after the flag's start
        end, start = at + (end - start) - timedelta(hours=hours_in), at - timedelta(hours=hours_in)
    share = min(1.0, max(0.0, (at - start) / (end - start)))
    return stated["initial_percentage"] + share * (stated["end_percentage"] - stated["initial_percentage"])


def rollout(call: Call) -> dict[str, object]:
    """How much each feature serves, as the service counts it, and which agents that is."""
    found = {name: served(call.flags, name, call.at, call.state["hours_into_ramp"]) for name in FEATURES}
    agents = [name for percent, names in COHORTS.items() if min(found.values()) >= percent for name in names]
    if call.state["agents_by_mistake"] and agents:
        agents = [*agents, *call.state["agents_by_mistake"]]
    compression = served(call.flags, "memory_compression_enabled", call.at, None)
    return {
        "at": call.at.isoformat(),
        "highest": max(found.values()),
        "lowest": min(found.values()),
        "features": found,
        "memory_compression": compression,
        "agents": agents,
    }


def part(name: str):
    """A route that answers with one part of the state, and when it was so."""
    return lambda call: {"at": call.at.isoformat(), **call.state[name]}


STATE = {
    "health": {"status": "healthy", "checks": 5, "passed": 5},
    "creation": {"flags": 6, "errors": 0},
    "hours_into_ramp": None,
    "agents_by_mistake": [],
}
TESTS = Junit(tests=1143, failed=[f"test_known_{number:02}" for number in range(1, 21)], hours_ago=0.5)
BENCHMARKS = Benchmarks(
    results=[Benchmark(name="test_hybrid_query", mean_ms=620, before_ms=640, spread=0.3)], hours_ago=1
)
ENTRIES = {"INFO event=query agent=Builder": 2, "WARNING event=slow_query agent=QA": 90}
LOG = Log(
    file="hybrid_rag.log",
    pattern=r"(?P<at>\S+) (?P<level>[A-Z]+) event=(?P<event>\w+).*",
    entries=ENTRIES,
    hours=30,
)
BACKUPS = Rows(
    file="backups.csv",
    rows=[{"file": "flags.json", "bytes": 2048, "restored": "yes"}],
    hours_ago=0.5,
)
RAMP = {f"{name}.end_percentage": 100 for name in FEATURES}

FAULTS = {
    "tests_97": Fault(
        about="97 % of the tests pass",
        files={"tests": replace(TESTS, tests=970, failed=[f"test_{number:02}" for number in range(30)])},
    ),
    "tests_94": Fault(
        about="94 % of the tests pass",
        files={"tests": replace(TESTS, tests=940, failed=[f"test_{number:02}" for number in range(60)])},
    ),
    "tests_89": Fault(
        about="89 % of the tests pass",
        files={"tests": replace(TESTS, tests=890, failed=[f"test_{number:03}" for number in range(110)])},
    ),
    "benchmark_slow": Fault(
        about="the benchmark of a query takes 1.1 s at P95",
        files={"benchmarks": replace(BENCHMARKS, results=[replace(BENCHMARKS.results[0], mean_ms=860)])},
    ),
    "critical_exception": Fault(
        about="a critical exception is in the log",
        files={"log": replace(LOG, entries={**ENTRIES, "CRITICAL event=graph_lost agent=Deploy": 45})},
    ),
    "creation_error": Fault(about="creating one of the flags failed", state={"creation.errors": 1}),
    "flag_missing": Fault(about="five of the six flags were created", state={"creation.flags": 5}),
    "backup_missing": Fault(
        about="the backup of the flags was never read back",
        files={"backups": replace(BACKUPS, rows=[{"file": "flags.json", "bytes": 2048, "restored": "no"}])},
    ),
    "spontaneous_activation": Fault(
        about="the flags raise themselves by date: about 14 % at hour 24", flags=RAMP, state={"hours_into_ramp": 24}
    ),
    "flag_left_behind": Fault(
        about="one of the six flags serves nothing", flags={"vector_search_enabled.enabled": False}
    ),
    "compression_touched": Fault(
        about="memory compression serves 50 %", flags={"memory_compression_enabled.rollout_percentage": 50}
    ),
    "wrong_cohort": Fault(about="an agent of a later cohort is served", state={"agents_by_mistake": ["Legal"]}),
    "shutdown": Fault(about="somebody pulled the emergency switch", flags={"emergency_shutdown.enabled": True}),
}

world = World(
    name="hybrid_rag",
    state=STATE,
    flags=FLAGS,
    series=telemetry.SERIES,
    files={"tests": TESTS, "benchmarks": BENCHMARKS, "log": LOG, "backups": BACKUPS},
    phases={
        f"phase{number}": Phase(percentage=[f"{name}.{each}" for name in FEATURES for each in PERCENTAGES])
        for number in range(5)
    },
    faults={**telemetry.FAULTS, **FAULTS},
    routes={
        "GET /api/v1/rollout": rollout,
        "GET /api/v1/health": part("health"),
        "GET /api/v1/flags/creation": part("creation"),
    },
)
