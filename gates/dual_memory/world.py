"""The embedded world of the graph memory: healthy in phase 1, and everything that may go wrong there."""

from pytest_rollout.world import Call, Fault, Reply, Series, World

API = "/api/v1/dual_memory"
MB = 1_000_000

STATE = {
    "config": {
        "formation_interval_minutes": 60,
        "coherence_threshold": 0.85,
        "min_cluster_size": 10,
        "max_concepts_per_cycle": 100,
    },
    "stats": {"bindings_per_hour": 1200, "concepts_total": 48_200, "episodes_total": 1_930_000},
    "health": {"status": "healthy", "corrupted_concepts": 0, "lost_episodes": 0},
}

FLAGS = {
    "dual_memory.dual_types": True,
    "dual_memory.enable_concept_formation": True,
    "dual_memory.blended_recall": False,
    "dual_memory.canary_percentage": 0,
    "dual_memory.semantic_weight": 0.0,
    "dual_memory.blended_recall_exclude_spaces": "",  # names, separated by commas
}


def status(call: Call) -> dict[str, object]:
    """Which parts of the feature are on, as the flags say it now."""
    return {
        "dual_types": call.flags["dual_memory.dual_types"],
        "formation": call.flags["dual_memory.enable_concept_formation"],
        "blended_recall": call.flags["dual_memory.blended_recall"],
    }


def part(name: str):
    """A route that answers with one part of the state, and when it was so."""
    return lambda call: {"at": call.at.isoformat(), **call.state[name]}


def space_status(call: Call) -> dict[str, object]:
    """How one memory space is recalled: as episodes only, while blended recall is off or excludes it."""
    space = call.query.get("space", "")
    excluded = space in call.flags["dual_memory.blended_recall_exclude_spaces"].split(",")
    blended = call.flags["dual_memory.blended_recall"] and not excluded
    return {"space": space, "recall": "blended" if blended else "pure_episodic"}


def prometheus(call: Call) -> Reply:
    """The same statistics as Prometheus would scrape them."""
    parts = {**call.state["stats"], "corrupted_concepts": call.state["health"]["corrupted_concepts"]}
    lines = [f"# TYPE dual_memory_{name} gauge\ndual_memory_{name} {value}\n" for name, value in parts.items()]
    return Reply("".join(lines), content_type="text/plain; version=0.0.4")


SERIES = [
    Series(metric="memory_rss_bytes", unit="B", base=500 * MB, daily=3 * MB, noise=4 * MB, lasting=60),
    Series(metric="cpu_percent", unit="%", base=40, daily=4, noise=1.5, lasting=5),
    Series(metric="concepts_formed_per_hour", unit="1/h", base=300, daily=50, noise=20, lasting=60),
    Series(metric="episodes_stored_per_hour", unit="1/h", base=12_000, daily=2000, noise=500, lasting=30),
    Series(metric="formation_errors_per_hour", unit="1/h", base=0),
    Series(metric="concept_formation_p99_ms", unit="ms", base=62, daily=6, noise=10, lasting=20),
    Series(metric="consolidation_cycle_seconds", unit="s", base=40, daily=1, noise=2, lasting=60),
    Series(metric="formation_cycles", base=1, every=60),
    Series(metric="process_crashes", base=0, every=60),
    Series(metric="user_visible_failures", base=0, every=60),
    Series(metric="recall_latency_p50_ms", unit="ms", base=5, daily=0.4, noise=0.4),
    Series(metric="recall_latency_p99_ms", unit="ms", base=45, daily=2, noise=3),
    Series(metric="recall_confidence_mean", base=0.75, daily=0.004, noise=0.008, lasting=30),
    Series(metric="error_percent", unit="%", base=0.005, daily=0.001, noise=0.002),
    Series(metric="availability_percent", unit="%", base=99.97, noise=0.02, lasting=30),
]

FAULTS = {
    "over_formation_2000": Fault(about="2000 concepts an hour are formed", series={"concepts_formed_per_hour": 2000}),
    "over_formation_6000": Fault(about="6000 concepts an hour are formed", series={"concepts_formed_per_hour": 6000}),
    "formation_errors_20": Fault(about="20 formation errors an hour", series={"formation_errors_per_hour": 20}),
    "formation_errors_150": Fault(about="150 formation errors an hour", series={"formation_errors_per_hour": 150}),
    "formation_slow_200": Fault(about="forming takes 200 ms at P99", series={"concept_formation_p99_ms": 200}),
    "formation_slow_600": Fault(about="forming takes 600 ms at P99", series={"concept_formation_p99_ms": 600}),
    "memory_12": Fault(about="memory is 12 % above its baseline", series={"memory_rss_bytes": 560 * MB}),
    "memory_25": Fault(about="memory is 25 % above its baseline", series={"memory_rss_bytes": 625 * MB}),
    "cpu_7": Fault(about="CPU is 7 % above its baseline for two days", series={"cpu_percent": 42.8}, hours=48),
    "cpu_12": Fault(about="CPU is 12 % above its baseline for two days", series={"cpu_percent": 44.8}, hours=48),
    "binding_leak": Fault(about="15 000 bindings an hour are made", state={"stats.bindings_per_hour": 15_000}),
    "concept_corruption": Fault(about="three concepts are corrupted", state={"health.corrupted_concepts": 3}),
    "episode_lost": Fault(about="one episode is lost", state={"health.lost_episodes": 1}),
    "consolidation_slow": Fault(about="consolidation takes 60 % longer", series={"consolidation_cycle_seconds": 64}),
    "missed_cycle": Fault(about="the last formation cycle did not run", series={"formation_cycles": 0}, hours=1),
    "user_visible_failure": Fault(
        about="users saw formation fail, three times", series={"user_visible_failures": 3}, hours=1
    ),
    "crash": Fault(about="the process crashed within the last hour", series={"process_crashes": 1}, hours=1),
    "recall_touched": Fault(about="blended recall is on in shadow mode", flags={"dual_memory.blended_recall": True}),
    "world_dies": Fault(about="the service dies when its configuration is asked for", dies_at=f"{API}/config"),
}

world = World(
    name="dual_memory",
    state=STATE,
    flags=FLAGS,
    series=SERIES,
    faults=FAULTS,
    routes={
        f"GET {API}/status": status,
        f"GET {API}/config": part("config"),
        f"GET {API}/stats": part("stats"),
        f"GET {API}/health": part("health"),
        f"GET {API}/space_status": space_status,
        f"GET {API}/metrics": prometheus,
    },
)
