"""The embedded world of the relationship engine: a database, a log, a small service, and what may go wrong."""

from dataclasses import replace

import relationship_engine_log as written
import relationship_engine_store as graph

from pytest_rollout.world import Alert, Call, Effect, Events, Fault, Junit, Phase, Reply, Rows, Series, World

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
ALL = ("phase1", "phase2", "phase3", "phase4")
WRITING = ("phase2", "phase3", "phase4")

FLAGS = {
    "engine": {"mode": "off", "old": True, "nightly_at": "03:00"},
    "strategies": dict.fromkeys(written.STRATEGIES, True),
    "parameters": {"confidence": 0.3, "decay": 0.99, "prune": 0.1, "window": "24h"},
}
STATE = {
    "down": False,
    "database": "up",
    "strategies": dict.fromkeys(written.STRATEGIES, "working"),
    "log": {"files": 3, "packed": 1},
    "capacity": 64,
    "keys": ["demo-key"],
    "old_runs": None,  # where it is not what the flags say
}
MODES = {
    "phase1": ("shadow", True),
    "phase2": ("parallel", True),
    "phase3": ("cutover", False),
    "phase4": ("cutover", False),
    "drill": ("cutover", False),
}


def part_of(answer):
    """A route of the engine, which is down as a whole or not at all."""

    def answered(call: Call) -> object:
        return Reply({"error": "engine unavailable"}, status=503) if call.state["down"] else answer(call)

    return answered


def status(call: Call) -> dict[str, object]:
    """What the engine believes of itself."""
    old = call.flags["engine"]["old"] if call.state["old_runs"] is None else call.state["old_runs"]
    return {
        "at": call.at.isoformat(),
        "mode": call.flags["engine"]["mode"],
        "old_engine": int(old),
        "database": call.state["database"],
        "strategies": call.state["strategies"],
        "log": call.state["log"],
    }


def event(call: Call) -> object:
    """One event, which is taken and processed later; above its capacity the engine takes none."""
    if call.connections > call.state["capacity"]:
        return Reply({"error": "no worker is free"}, status=503)
    return Reply({"taken": True}, status=202)


def webhook(call: Call) -> object:
    """An event with a key."""
    known = call.body["key"] in call.state["keys"]
    return Reply({"taken": True}, status=202) if known else Reply({"error": "unknown key"}, status=401)


SUITE = Junit(tests=16, file="suite.xml")
BACKUPS = Rows(
    file="backups.csv",
    rows=[{"what": "database", "restored": "yes", "entities": graph.ENTITIES, "edges": graph.BACKFILLED}],
    hours_ago=6,
)
ALERTS = [
    Alert(name="EngineCrashed", expr="engine_up == 0", for_="2m", severity="critical", runbook=f"{RUNBOOK}#crash"),
    Alert(
        name="OverPruning", expr="nightly_pruned_percent > 10", severity="critical", runbook=f"{RUNBOOK}#over-pruning"
    ),
    Alert(name="IncrementalSlow", expr="incremental_seconds > 10", runbook=f"{RUNBOOK}#slow-events"),
    Alert(name="NightlySlow", expr="nightly_seconds > 120", severity="critical", runbook=f"{RUNBOOK}#slow-nightly"),
    Alert(name="LlmCost", expr="llm_cost_dollars_a_day > 10", runbook=f"{RUNBOOK}#cost"),
]
SERIES = [
    Series(metric="engine_up", base=1),
    Series(metric="oldest_waiting_seconds", unit="s", base=3, noise=2, lasting=5),
]

ARMS = {
    "control": "current",
    "c020": "c020",
    "c050": "c050",
    "d0950": "d0950",
    "d0995": "d0995",
    "p005": "p005",
    "p050": "p050",
    "w12h": "w12h",
    "w7d": "w7d",
    "wfull": "wfull",
}
TUNING = Events(
    per_hour=400,
    units=4000,
    unit_column="event_id",
    salt="relationship_engine",
    labels=ARMS,
    shares=dict.fromkeys(ARMS, 10.0),
    confidence=0.78,
    effects={"w7d": Effect(confidence=0.02)},
)


def in_phases(about: str, *, files: dict = {}, state: dict = {}, series: dict = {}, **said: object) -> Fault:  # noqa: B006 - never changed
    """A fault that changes files of each phase: by source, and by phase."""
    phases = sorted({phase for by_phase in files.values() for phase in by_phase})
    own = {
        phase: Phase(other_files={name: by_phase[phase] for name, by_phase in files.items() if phase in by_phase})
        for phase in phases
    }
    return Fault(about=about, phases=own, state=state, series=series, **said)


def stored(about: str, *phases: str, **changed: object) -> Fault:
    """A fault of the database."""
    return in_phases(about, files={"store": graph.stores(*phases, **changed)})


def logged(about: str, *phases: str, **changed: object) -> Fault:
    """A fault of the log."""
    return in_phases(about, files={"runs": written.logs(*phases, **changed)})


def both(about: str, *phases: str, store: dict, log: dict, **said: object) -> Fault:
    """A fault of the database and of the log."""
    files = {"store": graph.stores(*phases, **store), "runs": written.logs(*phases, **log)}
    return in_phases(about, files=files, **said)


def checked(about: str, **changed: object) -> Fault:
    """A fault of the database before anything is deployed."""
    return Fault(about=about, files={"store": graph.Store(replace(graph.HEALTHY["phase0"], **changed))})


UNMIGRATED = tuple(name for name in graph.EDGE if name not in {"weight", "last_reinforced_at"})
BACKUP = BACKUPS.rows[0]

FAULTS = {
    # Before deployment
    "test_failure": Fault(about="a test fails", files={"suite": replace(SUITE, tests=15, failed=["test_decay"])}),
    "migration_missing": checked("the migration was not applied", columns=UNMIGRATED),
    "backfill_short": checked("200 of the 236 edges have a weight", backfilled=200),
    "index_missing": checked("the index idx_edge_weight is not there", indexed=False),
    "backup_old": Fault(about="the backup is 30 hours old", files={"backups": replace(BACKUPS, hours_ago=30)}),
    "backup_unproven": Fault(
        about="the backup was never restored", files={"backups": replace(BACKUPS, rows=[{**BACKUP, "restored": "no"}])}
    ),
    "scheduler_wrong": Fault(about="the nightly run is set for noon", flags={"engine.nightly_at": "12:00"}),
    "log_not_rotated": Fault(about="the log is one file", state={"log.files": 1, "log.packed": 0}),
    "key_refused": Fault(about="the webhook does not know the key", state={"keys": []}),
    "alerts_missing": Fault(about="the alert rule OverPruning is not deployed", without_alerts=["OverPruning"]),
    "drill_stopped": Fault(
        about="without the language model no edge was made in the drill",
        files={"runs": written.log(replace(written.HEALTHY["phase0"], survived=5))},
    ),
    "load_collapse": Fault(about="the engine fails when more than 4 connections are open", state={"capacity": 4}),
    # The engine
    "engine_crash": in_phases(
        "the engine crashed an hour ago, and was down for twenty minutes",
        files={"runs": written.logs(*ALL, crashed=True)},
        series={"engine_up": 0},
        minutes=20,
        ends_minutes_ago=40,
    ),
    "engine_down": Fault(about="the engine answers 503 to everything", state={"down": True}, series={"engine_up": 0}),
    "engine_hangs": in_phases(
        "no event has been processed for twelve hours",
        files={"store": graph.stores(*ALL, unprocessed=20)},
        series={"oldest_waiting_seconds": 43_200},
    ),
    "database_down": Fault(about="the engine does not reach its database", state={"database": "down"}),
    "nightly_failed": logged("last night's consolidation failed, as those before", *ALL, nightly_fails=True),
    "nightly_missing": logged("there was no consolidation", *ALL, nights_missing=True),
    "nightly_70": logged("consolidation takes 70 s", *ALL, nightly=70),
    "nightly_130": logged("consolidation takes 130 s", *ALL, nightly=130),
    "incremental_7": logged("the slowest event of the day took 7 s", *ALL, slowest=7),
    "incremental_12": logged("the slowest event of the day took 12 s", *ALL, slowest=12),
    "cost_7": logged("the language model costs $7 a day", *ALL, cost=0.3),
    "cost_11": logged("the language model costs $11 a day", *ALL, cost=0.46),
    "errors": logged("events fail, five a day", "phase1", errors=True),
    "uptime_low": Fault(
        about="the engine was down for 20 minutes", series={"engine_up": 0}, minutes=20, ends_minutes_ago=90
    ),
    # What goes on, and what does not
    "llm_down": both(
        "the language model does not answer: a fifth fewer edges",
        *ALL,
        store={"fewer": 3},
        log={"llm_fails": True, "found": 0.8},
        state={"strategies.semantic_llm": "failing"},
    ),
    "strategy_down": Fault(about="the temporal strategy fails", state={"strategies.temporal": "failing"}),
    "strategy_off": Fault(about="the topology strategy is switched off", flags={"strategies.graph_topology": False}),
    "llm_stops_everything": both(
        "the language model does not answer, and events wait for it",
        *ALL,
        store={"unprocessed": 20},
        log={"llm_fails": True},
        state={"strategies.semantic_llm": "failing"},
    ),
    # The graph
    "shadow_writes": stored("shadow mode writes: edges of the new engine are in the database", "phase1", new=(0, 2)),
    "too_few_found": logged("a fifth of the relationships is found", "phase1", found=0.2),
    "pruned_7": both(
        "7 % of the edges were pruned last night",
        *WRITING,
        store={"pruned_last_night": 35},
        log={"pruned": 35, "pruned_percent": 7.0},
    ),
    "pruned_12": both(
        "12 % of the edges were pruned last night",
        *WRITING,
        store={"pruned_last_night": 60},
        log={"pruned": 60, "pruned_percent": 12.0},
    ),
    "pruned_unsaid": stored("60 edges were pruned last night, and the log says nine", *WRITING, pruned_last_night=60),
    "confidence_low": both(
        "the new engine is unsure: confidences below 0.4", *ALL, store={"confidence": 0.3}, log={"confidence": 0.35}
    ),
    "edges_lost": stored("five edges are gone", *ALL, lost=5),
    "entities_lost": stored("two entities are gone", *ALL, orphaned=2),
    "role_unlinked": stored("one of eight roles has no edge to its organisation", *ALL, roleless=1),
    "edges_doubled": stored("six edges are there twice", *WRITING, duplicated=6),
    "kinds_unexpected": stored("a kind of edge that nobody knows", *WRITING, strange=4),
    "not_reviewed": stored("three doubtful edges did not go to review", *WRITING, unreviewed=3),
    "too_many_edges": stored("60 edges a day", *WRITING, many=2),
    "not_covered": stored("four edges of the old engine are none of the new one", "phase2", uncovered=4),
    "never_reinforced": stored("no edge is ever reinforced", *WRITING, reinforced=0.0),
    "weights_low": stored("edges weigh 0.5", *WRITING, weight=0.5, reinforced=0.3),
    "old_engine_writes": stored("the old engine still writes", "phase3", "phase4", old=(0, 15)),
    "old_engine_on": Fault(about="the old engine runs, whatever its switch says", state={"old_runs": True}),
    # Tuning
    "no_winner": Fault(about="no set of parameters is better", events={"phase4": replace(TUNING, effects={})}),
    "wrong_parameters": Fault(about="the threshold of confidence is 0.5 already", flags={"parameters.confidence": 0.5}),
}

world = World(
    name="relationship_engine",
    state=STATE,
    flags=FLAGS,
    series=SERIES,
    alerts=ALERTS,
    files={
        "store": graph.Store(graph.HEALTHY["phase0"]),
        "runs": written.log(written.HEALTHY["phase0"]),
        "suite": SUITE,
        "backups": BACKUPS,
    },
    events={"phase4": TUNING},
    phases={
        phase: Phase(
            flags={"engine.mode": MODES[phase][0], "engine.old": MODES[phase][1]},
            other_files={"store": graph.Store(graph.HEALTHY[phase]), "runs": written.log(written.HEALTHY[phase])},
        )
        for phase in MODES
    },
    sources={"rules": {"kind": "http_json", "url": "{url}/prometheus"}},
    faults=FAULTS,
    routes={
        "GET /status": part_of(status),
        "POST /events": part_of(event),
        "POST /webhook": part_of(webhook),
    },
)
