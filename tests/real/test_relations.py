"""The relationship engine's evidence in PostgreSQL and in DuckDB: the same rows, the same claims, the same verdict.

A world writes its DuckDB database; its tables are copied into a real
PostgreSQL, and the gates judge both. What time and people decide is taken out
of the copied plan: it is the same in both, and is tried elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from support import postgres
from support.others import WITHOUT
from support.warm import WarmPython

from pytest_rollout.plan.load import load_plan
from pytest_rollout.readings import Readings
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.world.running import ShownPhase, running_world

REPOSITORY = Path(__file__).parents[2]
GATES = Path("gates") / "relationship_engine"
TYPES = {"DOUBLE": "double precision", "VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamptz"}
CASES = [
    ("", "phase0", 0),
    ("migration_missing", "phase0", 1),
    ("", "phase1", 0),
    ("shadow_writes", "phase1", 20),
    ("", "phase2", 0),
    ("confidence_low", "phase2", 20),
    ("pruned_unsaid", "phase3", 1),
    ("", "phase3", 0),
    ("edges_lost", "phase3", 20),
    ("never_reinforced", "phase3", 1),
]
ALWAYS = {("migration_missing", "phase0"), ("shadow_writes", "phase1"), ("confidence_low", "phase2"), ("", "phase3")}
TRIED = [case for case in CASES if os.environ.get("ROLLOUT_ALL_FAULTS") or case[:2] in ALWAYS]


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}


@pytest.fixture(scope="module")
def server():
    """One PostgreSQL; each case has a database of its own."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def warm():
    """Starts the runs, in forks of a Python that has read their modules."""
    python = WarmPython(CLEAN)
    yield python
    python.close()


def copied(server, database, file):
    """Every table of a DuckDB file, with its indexes, in a new database; its address for a role that only reads."""
    import duckdb
    import psycopg

    server.execute(f"CREATE DATABASE {database}")
    where = {"host": str(server.folder), "port": server.port, "user": "postgres", "dbname": database}
    with duckdb.connect(str(file), read_only=True) as source, psycopg.connect(**where) as target:
        source.execute("SET TimeZone = 'UTC'")
        for (table,) in source.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            described = source.execute(f"DESCRIBE {table}").fetchall()
            columns = ", ".join(f'"{name}" {TYPES.get(kind, kind)}' for name, kind, *_ in described)
            target.execute(f"CREATE TABLE {table} ({columns})")
            # Times as text: DuckDB hands them out with pytz, which is not everywhere.
            casts = ", ".join(f'CAST("{name}" AS VARCHAR)' for name, *_ in described)
            with target.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in source.execute(f"SELECT {casts} FROM {table}").fetchall():
                    copy.write_row(row)
            target.execute(f"GRANT SELECT ON {table} TO gate")
        for (index,) in source.execute("SELECT sql FROM duckdb_indexes()").fetchall():
            target.execute(index)
    return server.url(database=database)


def planned(folder, sources, target, flags, store):
    """A copy of the gates whose plan has two environments, which differ in the database and in nothing else."""
    shutil.copytree(REPOSITORY / GATES, folder / GATES, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / GATES / "rollout.yaml"
    plan = yaml.safe_load(file.read_text("utf-8"))
    for phase in plan["phases"].values():
        for key in ("after", "minimum", "exit", "experiment"):
            phase.pop(key, None)
    for key in ("rto", "on_rollback", "reports", "experiment"):
        plan.pop(key)
    plan["metrics"] = {name: each for name, each in plan["metrics"].items() if "samples" not in each}
    own = {"target": target, "flags": {"kind": "http", "url": flags}}
    plan["environments"] = {
        "duckdb": {**own, "sources": sources},
        "postgresql": {**own, "sources": {**sources, "store": {"kind": "sql", "url": store}}},
    }
    file.write_text(json.dumps(plan, indent=1), encoding="utf-8")  # JSON is YAML, and has no aliases
    return file


def judged(warm, folder, phase, environment):
    """Exit code, and each gate with its claims."""
    out = folder / environment
    asked = [str(GATES), "-m", phase, "--rollout-env", environment, "--rollout-out", str(out)]
    words = [*asked, "-p", "no:cacheprovider", *WITHOUT]
    done = warm.run("pytest", words, cwd=folder, env=CLEAN, timeout=120)
    assert (out / "verdict.json").is_file(), done.stdout + done.stderr
    (verdict,) = json.loads((out / "verdict.json").read_text("utf-8"))["verdicts"]
    return done, {gate["id"]: gate for gate in verdict["gates"]}


def said(gates, source):
    """What was claimed of a source, and how it ended."""
    kept = ("text", "truth", "value", "low", "high", "alpha", "limit", "level", "n", "unit", "why")
    return {
        gate: (facts["decision"], facts["reason"], [[claim[key] for key in kept] for claim in facts["claims"]])
        for gate, facts in gates.items()
        if source in {claim["source"] for claim in facts["claims"]}
    }


@pytest.mark.parametrize(("fault", "phase", "exit_code"), TRIED, ids=lambda each: str(each) or "healthy")
def test_both_databases_say_the_same(server, warm, tmp_path, fault, phase, exit_code):
    """Every number of the database, every claim that rests on one, every gate, and the verdict."""
    at = datetime.now(UTC)
    shown = ShownPhase(name=phase, start=at - timedelta(days=7), traffic=[(0.0, 0.0)])
    world_file = REPOSITORY / GATES / "world.py"
    with running_world(world_file, at=at, folder=tmp_path / "world", fault=fault or None, shown=shown) as world:
        sources = {name: dict(each) for name, each in world.endpoints.sources.items() if name != "recalls"}
        store = copied(server, f"{fault or 'healthy'}_{phase}", tmp_path / "world" / "store.duckdb")
        file = planned(tmp_path, sources, world.endpoints.target, world.endpoints.flags, store)
        plan = load_plan(file, kinds=KINDS, flag_kinds=FLAG_KINDS)
        found = {name: Readings(plan, environment, at, AnswerBook()) for name, environment in plan.environments.items()}
        asked = [name for name, metric in plan.metrics.items() if metric.source == "store"]
        numbers = {name: {metric: readings.metric(metric) for metric in asked} for name, readings in found.items()}
        locked = warm.run("pytest_rollout.cli", ["lock", str(GATES)], cwd=tmp_path, env=CLEAN, timeout=60)
        assert locked.returncode == 0, locked.stdout + locked.stderr
        runs = {name: judged(warm, tmp_path, phase, name) for name in ("duckdb", "postgresql")}

    assert len(asked) >= 30
    if fault != "migration_missing":  # there, what asks for a column that is not there is unknown in words of its own
        for metric in asked:
            one, other = numbers["duckdb"][metric], numbers["postgresql"][metric]
            assert (one.value, one.low, one.high) == (other.value, other.low, other.high), (metric, one, other)
    (duck, duck_gates), (real, real_gates) = runs["duckdb"], runs["postgresql"]
    outcome = {gate: (facts["decision"], facts["reason"]) for gate, facts in duck_gates.items()}
    assert duck.returncode == real.returncode == exit_code, duck.stdout + real.stdout
    assert outcome == {gate: (facts["decision"], facts["reason"]) for gate, facts in real_gates.items()}
    if fault != "migration_missing":
        assert said(duck_gates, "store") == said(real_gates, "store") != {}
