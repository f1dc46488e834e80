"""The database of the relationship engine: entities, edges of the old and the new engine, events, and their faults.

Everything is counted back from the run: 40 events a day for 15 days, of which
the new engine makes 30 edges and the old one 10, which the new one makes too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.world import Table, Tables

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST_EVENT, BETWEEN_EVENTS = timedelta(minutes=12), timedelta(minutes=36)
LAST_NIGHT = timedelta(hours=12)
EVENTS = 600
BACKFILLED = 236
PRUNED_A_NIGHT = 9
ROLES = 8
ENTITIES = 127
ORGANISATIONS = 80  # the first unit of what edges point at
KINDS = (
    "role_at",
    "founded",
    "worked_at",
    "role_at",
    "founded",
    "role_at",
    "worked_at",
    "founded",
    "role_at",
    "partner_of",
)
CONFIDENCES = (0.74, 0.81, 0.86, 0.72, 0.79, 0.88, 0.83, 0.77, 0.93, 0.62)
REVIEWED_BELOW = 0.7

EDGE = {
    "id": int,
    "source": int,
    "target": int,
    "kind": str,
    "confidence": float,
    "weight": float,
    "created_at": timedelta,
    "last_reinforced_at": timedelta,
    "source_event_id": int,
    "engine": str,
}
EVENT = {
    "id": int,
    "kind": str,
    "created_at": timedelta,
    "processed_at": timedelta,
    "edges_old": int,
    "edges_new": int,
}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What the database holds, and what is wrong with it.

    `new` and `old` say between how many days ago each engine wrote, `nights` how many nights the new one pruned.
    """

    new: tuple[float, float] = (0, 0)
    old: tuple[float, float] = (0, 0)
    nights: int = 0
    pruned_last_night: int = PRUNED_A_NIGHT
    confidence: float | None = None
    fewer: int = 0  # of ten events of which only the new engine makes an edge, so many make none
    lost: int = 0
    orphaned: int = 0
    unprocessed: int = 0
    duplicated: int = 0
    uncovered: int = 0
    strange: int = 0
    unreviewed: int = 0
    many: int = 1
    reinforced: float = 0.3
    weight: float = 1.0
    columns: tuple[str, ...] = tuple(EDGE)
    backfilled: int = BACKFILLED
    indexed: bool = True
    roleless: int = 0


@dataclass(frozen=True)
class Store:
    """The database of a graph; its rows are made when it is written, because a run writes one of many."""

    graph: Graph

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """One file of DuckDB."""
        return written(self.graph).write(folder, at)


def old_edge(number: int, graph: Graph) -> dict[str, object]:
    """One of the edges that were there before, with the weight that the migration gave it."""
    role = number <= ROLES
    reinforced = number * 3 % 10 < 10 * graph.reinforced
    created = (40 + number % 50) * DAY
    known = number <= graph.backfilled
    return {
        "id": number,
        "source": number if role else 17 + number % 80,
        "target": ROLES + number if role else 107 + number // 80,
        "kind": ("partner_of" if role and number <= graph.roleless else "role_at") if role else KINDS[number % 10],
        "confidence": 0.75 + number % 10 / 100,
        "weight": (1.3 if reinforced else graph.weight) if known else None,
        "created_at": created,
        "last_reinforced_at": (3 * DAY if reinforced else created) if known else None,
        "source_event_id": None,
        "engine": "old",
    }


def edge(event: int, engine: str, number: int, graph: Graph) -> dict[str, object]:
    """The edge that an engine makes of an event."""
    ago = FIRST_EVENT + event * BETWEEN_EVENTS - timedelta(seconds=3)
    place = event // 4 * 3 + event % 4  # among the events of which an edge is made
    reinforced = place % 10 < 10 * graph.reinforced and ago > 2 * DAY
    confidence = CONFIDENCES[event % 10]
    if engine == "new" and graph.confidence is not None:
        confidence = graph.confidence + event % 10 / 100
    return {
        "id": number,
        "source": 17 + event % 80,
        "target": 97 + event // 80,
        "kind": KINDS[event % 10],
        "confidence": confidence,
        "weight": 1.4 if reinforced else graph.weight,
        "created_at": ago,
        "last_reinforced_at": DAY if reinforced else ago,
        "source_event_id": event,
        "engine": engine,
    }


def within(event: int, days: tuple[float, float]) -> bool:
    """Whether an event lies in a stretch of days."""
    return days[0] * DAY <= FIRST_EVENT + event * BETWEEN_EVENTS < days[1] * DAY


def makes(event: int, engine: str, graph: Graph) -> bool:
    """Whether an engine makes an edge of an event."""
    if 1 <= event <= graph.unprocessed:
        return False
    if engine == "old":
        return event % 4 == 0 and within(event, graph.old)
    found = event % 4 == 0 or (event % 4 != 3 and event // 4 % 10 >= graph.fewer)
    return found and within(event, graph.new)


def written(graph: Graph) -> Tables:
    """The tables of a graph."""
    old = [old_edge(number, graph) for number in range(1, BACKFILLED + 1)]
    count = (graph.nights - 1) * PRUNED_A_NIGHT + graph.pruned_last_night if graph.nights else 0
    pruned, old = old[ROLES : ROLES + count], old[:ROLES] + old[ROLES + count :]
    night = [max(0, (place - graph.pruned_last_night) // PRUNED_A_NIGHT + 1) for place in range(count)]
    tombstones = [
        {"edge_id": each["id"], "pruned_at": LAST_NIGHT + night[place] * DAY} for place, each in enumerate(pruned)
    ]
    made, events = [], []
    for event in range(EVENTS):
        engines = [engine for engine in ("old", "new") if makes(event, engine, graph)]
        copies = {engine: graph.many if engine == "new" else 1 for engine in engines}
        for engine, times in copies.items():
            for again in range(times):
                row = edge(event, engine, 1000 + len(made), graph)
                made.append({**row, "target": row["target"] + 8 * again} if again else row)
        ago = FIRST_EVENT + event * BETWEEN_EVENTS
        done = ago - timedelta(seconds=2) if not 1 <= event <= graph.unprocessed else None
        row = {"id": event, "kind": "article", "created_at": ago, "processed_at": done}
        events.append({**row, "edges_old": copies.get("old", 0), "edges_new": copies.get("new", 0)})
    made, events = spoiled(made, events, graph)
    edges = old + made
    doubtful = [each for each in made if each["confidence"] < REVIEWED_BELOW and each["engine"] == "new"]
    review = [{"edge_id": each["id"]} for each in doubtful[graph.unreviewed :]]
    return Tables(tables=tables(edges, events, tombstones, review, graph))


def spoiled(made: list, events: list, graph: Graph) -> tuple[list, list]:
    """What is wrong with the new engine's edges: lost, doubled, not covering the old ones, or of an unknown kind."""
    covering = {each["source_event_id"] for each in made if each["engine"] == "old"}
    kept = made[graph.lost :]
    for place in range(graph.duplicated):
        again = {**[each for each in kept if each["engine"] == "new"][place], "id": 5000 + place}
        kept.append(again)
        events[again["source_event_id"]]["edges_new"] += 1
    uncovered = sorted(covering)[: graph.uncovered]
    kept = [each for each in kept if not (each["engine"] == "new" and each["source_event_id"] in uncovered)]
    for event in uncovered:
        events[event]["edges_new"] = 0
    strange = [each for each in kept if each["engine"] == "new" and each["source_event_id"] not in covering]
    for each in strange[: graph.strange]:
        each["kind"] = "met_once"
    return kept, events


def tables(edges: list, events: list, tombstones: list, review: list, graph: Graph) -> dict[str, Table]:
    """Rows as tables."""
    kinds = ["role"] * ROLES + ["organisation"] * ROLES + ["person"] * 80 + ["organisation"] * (ENTITIES - 96)
    entities = [
        {"id": number, "kind": kind, "name": f"{kind} {number}", "created_at": 95 * DAY}
        for number, kind in enumerate(kinds, 1)
        if not 20 <= number < 20 + graph.orphaned
    ]
    columns = {name: EDGE[name] for name in graph.columns}
    rows = [{name: row[name] for name in columns} for row in edges]
    indexes = {"idx_edge_weight": "weight"} if graph.indexed and "weight" in columns else {}
    return {
        "entity": Table(columns={"id": int, "kind": str, "name": str, "created_at": timedelta}, rows=entities),
        "edge": Table(columns=columns, rows=rows, indexes=indexes),
        "raw_events": Table(columns=EVENT, rows=events),
        "pruned": Table(columns={"edge_id": int, "pruned_at": timedelta}, rows=tombstones),
        "review": Table(columns={"edge_id": int}, rows=review),
    }


HEALTHY = {
    "phase0": Graph(),
    "phase1": Graph(old=(0, 7)),
    "phase2": Graph(new=(0, 7), old=(0, 14), nights=7),
    "phase3": Graph(new=(0, 14), old=(7, 15), nights=14),
    "phase4": Graph(new=(0, 15), old=(14, 15), nights=15),
    "drill": Graph(new=(0, 14), old=(7, 15), nights=14),
}


def stores(*phases: str, **changed: object) -> dict[str, Store]:
    """The database of some phases with something otherwise."""
    return {phase: Store(replace(HEALTHY[phase], **changed)) for phase in phases}
