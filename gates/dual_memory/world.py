"""The embedded world of the graph memory: healthy before phase 1 and in it, and everything that may go wrong there."""

import dual_memory_experiment as experiment
import dual_memory_prerequisites as prerequisites
import dual_memory_telemetry as telemetry

from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.world import Call, Counter, Fault, Gauge, Histogram, World

API = "/api/v1/dual_memory"

STATE = {
    "config": {
        "formation_interval_minutes": 60,
        "coherence_threshold": 0.85,
        "min_cluster_size": 10,
        "max_concepts_per_cycle": 100,
        "semantic_weight": 0.0,
        "max_candidates": 0,
        "timeout_ms": 0,
        "blended_spaces": [],
    },
    "stats": {"bindings_per_hour": 1200, "concepts_total": 48_200, "episodes_total": 1_930_000},
    "health": {"status": "healthy", "corrupted_concepts": 0, "lost_episodes": 0},
    "spaces": 50_000,
    "served": None,  # in %, where it is not what the flags say
    "dashboards": [f"dual-memory-{name}" for name in ("overview", "formation", "recall", "resources")],
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
    """How one memory space is recalled: blended where it is listed or the hash puts it, and nothing excludes it."""
    space = call.query.get("space", "")
    excluded = space in call.flags["dual_memory.blended_recall_exclude_spaces"].split(",")
    blended = call.flags["dual_memory.blended_recall"] and not excluded and treated(call, space)
    return {"space": space, "recall": "blended" if blended else "pure_episodic"}


def treated(call: Call, space: str) -> bool:
    """Whether a space is in the treatment: one of those that are listed, or else of the canary percentage."""
    listed = call.state["config"]["blended_spaces"]
    share = call.flags["dual_memory.canary_percentage"]
    assignment = Assignment(salt=experiment.SALT, shares={"treatment": min(share, 100 - experiment.HOLDBACK)})
    return space in listed if listed else assignment.arm(space) == "treatment"


def assignment_stats(call: Call) -> dict[str, object]:
    """How many spaces are in each group, as the canary percentage says it now."""
    spaces = call.state["spaces"]
    on = call.flags["dual_memory.blended_recall"]
    treated = round(spaces * call.flags["dual_memory.canary_percentage"] / 100) if on else 0
    held_back = round(spaces / 100)
    treated = min(treated, spaces - held_back)
    served = 100 * treated / spaces if call.state["served"] is None else call.state["served"]
    percentage = call.flags["dual_memory.canary_percentage"] if on else 0
    counts = {"control": spaces - treated, "treatment": treated}
    return {"at": call.at.isoformat(), **counts, "percentage": percentage, "served": served}


def dashboards(call: Call) -> list[dict[str, str]]:
    """The search of a dashboard server."""
    return [{"uid": uid, "type": "dash-db"} for uid in call.state["dashboards"]]


EXPOSITION = [
    Counter(name="dual_memory_recalls_total", per_second=40),
    Counter(name="dual_memory_recall_errors_total", per_second=0.002),
    Counter(name="dual_memory_blended_timeouts_total", per_second=0),
    Histogram(
        name="dual_memory_recall_seconds",
        per_second=40,
        shares={0.005: 0.5, 0.01: 0.77, 0.025: 0.957, 0.05: 0.993, 0.1: 0.9994},
    ),
    Gauge(name="dual_memory_bindings_per_hour", state="stats.bindings_per_hour"),
    Gauge(name="dual_memory_concepts", state="stats.concepts_total"),
    Gauge(name="dual_memory_corrupted_concepts", state="health.corrupted_concepts"),
]

FAULTS = {
    "binding_leak": Fault(about="15 000 bindings an hour are made", state={"stats.bindings_per_hour": 15_000}),
    "concept_corruption": Fault(about="three concepts are corrupted", state={"health.corrupted_concepts": 3}),
    "episode_lost": Fault(about="one episode is lost", state={"health.lost_episodes": 1}),
    "formation_off": Fault(about="formation is switched off", flags={"dual_memory.enable_concept_formation": False}),
    "recall_touched": Fault(about="blended recall is on in shadow mode", flags={"dual_memory.blended_recall": True}),
    "world_dies": Fault(about="the service dies when its configuration is asked for", dies_at=f"{API}/config"),
}

world = World(
    name="dual_memory",
    state=STATE,
    flags=FLAGS,
    series=[*telemetry.SERIES, *experiment.SERIES],
    events=experiment.EVENTS,
    phases=experiment.PHASES,
    files=prerequisites.FILES,
    exposition=EXPOSITION,
    baselines=telemetry.BASELINES,
    alerts=prerequisites.ALERTS,
    sources={
        "rules": {"kind": "http_json", "url": "{url}/prometheus"},
        "dashboards": {"kind": "http_json", "url": "{url}/grafana"},
    },
    faults={**prerequisites.FAULTS, **telemetry.FAULTS, **experiment.FAULTS, **FAULTS},
    routes={
        f"GET {API}/status": status,
        f"GET {API}/config": part("config"),
        f"GET {API}/stats": part("stats"),
        f"GET {API}/assignment_stats": assignment_stats,
        f"GET {API}/space_status": space_status,
        f"GET {API}/health": part("health"),
        "GET /grafana/api/search": dashboards,
    },
)
