"""The environment `production` of dual_memory says what `demo` says, of real servers that hold the same.

Every row of the table of faults is tried, in the phases that it names. That
takes minutes: a few rows are chosen that have every decision, every reason and
every kind of source that a fault can reach. `ROLLOUT_ALL_FAULTS=1` tries all:

    ROLLOUT_ALL_FAULTS=1 pytest tests/real/test_production.py -n 2
"""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import postgres, production
from support.oracle import ALL_FAULTS, REPOSITORY, lines

CHOSEN = {
    "": "every source, and PROCEED",
    "soak_leak": "soak",
    "alerts_missing": "rules and alerts",
    "dashboard_missing": "dashboards",
    "integration_failure": "integration",
    "bench_regression": "benchmarks",
    "events_missing": "event_log",
    "rehearsal_failed": "a file",
    "storage_runaway": "store",
    "binding_leak": "service",
    "recall_touched": "flags and target",
    "young": "the ledger",
    "unsigned": "signatures",
    "previous_phase_open": "the ledger, of another phase",
    "memory_25": "telemetry, now; ROLLBACK by a budget",
    "memory_spike": "telemetry, a window",
    "crash": "telemetry, a counter; ROLLBACK by a trigger",
    "errors_1pc": "telemetry, a share",
    "formation_hurts_latency": "telemetry, two series",
    "world_dies": "a service that ends",
    "metrics_down": "a Prometheus that is stopped",
    "stale": "a Prometheus whose targets are gone",
    "nan": "a Prometheus that holds NaN",
}
SAME = 0.3
"""By how much two numbers may differ. The two worlds began seconds apart, and of the four errors in six hours
one may lie on the edge; two queries that mean different things differ by far more."""
ALL = [line for line in lines("dual_memory") if set(line.phases) <= {"phase0", "phase1"}]
TRIED = [row for row in ALL if ALL_FAULTS or row.fault in CHOSEN]


@pytest.fixture(scope="module")
def server():
    """One PostgreSQL; each fault has a database of its own."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def judge():
    """Starts the runs: forks, but for those of the healthy world, which are new interpreters."""
    judge = production.Judge()
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a copy of the gates, in a repository that says who wrote them."""
    folder = tmp_path_factory.mktemp("project")
    gates = production.GATES
    shutil.copytree(REPOSITORY / gates, folder / gates, ignore=shutil.ignore_patterns("__pycache__"))
    author = ["-c", "user.name=Author", "-c", "user.email=author@example.com"]
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "Write the gates"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder


def test_what_is_tried_leaves_no_outcome_out():
    """Each exit code and reason of the table, and each phase; and each choice is a fault that there is."""
    assert len(ALL) >= 37
    assert set(CHOSEN) <= {row.fault for row in ALL}
    for outcome in ("exit_code", "reason"):
        assert {getattr(row, outcome) for row in TRIED} == {getattr(row, outcome) for row in ALL}
    assert {phase for row in TRIED for phase in row.phases} == {phase for row in ALL for phase in row.phases}


@pytest.mark.parametrize("row", TRIED, ids=lambda row: row.fault or "healthy")
def test_production_says_what_the_demo_says(tmp_path, project, server, judge, row):
    """Exit code, decision, codes, gates and numbers are those of the demo and the table; and a replay repeats them."""
    world, injected = project / production.GATES / "world.py", [f"--rollout-fault={row.fault}"] if row.fault else []

    def judged(what, phase, environment, *words, **told):
        out = tmp_path / phase / what
        words = ["--rollout-env", environment, *words]
        return production.judged(judge, project, phase, out, *words, anew=not row.fault, **told)

    with ThreadPoolExecutor(1) as pool:  # the demo runs while servers start
        demos = {phase: pool.submit(judged, "demo", phase, "demo", *injected) for phase in row.phases}
        with production.production(world, row.fault, tmp_path / "servers", server) as variables:
            assert set(variables) == production.VARIABLES
            runs = {}
            for phase in row.phases:
                ledger = production.remembered(world, row.fault, phase, tmp_path / phase / "memory")
                told = {**variables, "LEDGER_URL": ledger}
                runs[phase] = judged("real", phase, "production", variables=told)

    for phase, real in runs.items():
        demo = demos[phase].result()
        expected = {**demo.gates, **otherwise(row.fault, real)}
        said = f"{real.said}\n{demo.said}"
        assert real.receipt["environment"] == "production"
        assert not real.receipt["embedded"]
        assert (real.exit_code, real.verdict["decision"]) == (demo.exit_code, demo.verdict["decision"]), said
        assert real.exit_code == row.exit_code, said
        assert real.gates == expected, said
        assert real.codes == {reason for _, reason in expected.values() if reason}, said
        numbers = {
            claim: number for claim, number in demo.numbers.items() if demo.gates[claim[0]] == real.gates[claim[0]]
        }
        assert {claim: real.numbers.get(claim) for claim in numbers} == pytest.approx(numbers, rel=SAME)
        assert row.reason in {"", *(reason for _, reason in demo.gates.values())}

        bundle = tmp_path / phase / "real" / "evidence.zip"
        again = judged("again", phase, "production", f"--rollout-replay={bundle}")
        assert json.dumps(again.claims) == json.dumps(real.claims)
        assert again.gates == real.gates
        # What was a go is none any more: a replay releases nothing.
        assert again.exit_code == (real.exit_code or 1), again.said


def otherwise(fault, real):
    """What gates say in production where they cannot say what they say in the demo.

    - `metrics_down`: in production the server that has the telemetry is the one that has the alert rules.
    - `stale`: Prometheus answers with the newest sample for five minutes, and then with nothing. A query that
      looks back further finds it, and says how old it is.
    """
    if fault == "metrics_down":
        asked = [
            gate for gate, claims in real.claims.items() if {each["source"] for each in claims} & {"alerts", "rules"}
        ]
        return dict.fromkeys(asked, ("HOLD", "no-data"))
    if fault == "stale":
        asked = {
            # A window holds what was there before, as a query with a range does.
            gate: [
                f"{each['query']}[]" if "against its baseline" in each["text"] else each["query"]
                for each in claims
                if each["source"] == "telemetry"
            ]
            for gate, claims in real.claims.items()
        }
        return {
            gate: ("HOLD", "stale" if all("[" in query for query in queries) else "no-data")
            for gate, queries in asked.items()
            if queries
        }
    return {}
