"""enrichment, fault by fault: the table in its docs says who must say what, and every run agrees.

A choice of its rows runs always, and all of them with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "rollouts" / "enrichment" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]+ \| (?P<phases>[\d, ]+) \| (?P<environment>demo[-\d]*) \| (?P<exit>\d+)"
    r" \| (?P<reason>[^ |]+) \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"
TELEMETRY = {"metrics_down", "stale", "nan"}
HALF = {"phase1": 0.0, "phase2": 5.0, "phase3": 25.0, "phase4": 50.0, "phase5": 50.0}
"""Where a rollback by half rests, by the phase that it is of."""
LOAD, SLOW, TURNS = "test_load_is_borne", "the sender", 3
AND_MORE = "and every gate"
ALWAYS = {
    ("", "phase0"),
    ("", "phase2"),
    ("", "phase4"),
    ("load_collapse", "phase0"),
    ("errors_6", "phase3"),
    ("p95_50", "phase2"),
    ("disk_nearly_full", "phase5"),
    ("service_down", "phase1"),
    ("stale", "phase1"),
    ("unsigned", "phase5"),
}


def rows():
    """The table, a case for each fault, phase and environment."""
    found = []
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        fault, environment = match["fault"] or "", match["environment"]
        gates, more = set(re.findall(r"`([\w.]+)`", match["gates"])), AND_MORE in match["gates"]
        for phase in (f"phase{number.strip()}" for number in match["phases"].split(",")):
            case = (fault, phase, environment, int(match["exit"]), match["reason"], gates, more)
            found.append(pytest.param(*case, id=f"{fault or 'healthy'}-{phase}-{environment}"))
    return found


CHOSEN = [
    case
    for case in rows()
    if os.environ.get("ROLLOUT_ALL_FAULTS") == "1" or (case.values[:2] in ALWAYS and case.values[2] == "demo")
]


@pytest.fixture
def judged(warm, anew, tmp_path):
    """Run a phase in an environment of the world: the process that ended, and its receipt."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def judge(phase, environment, fault, *words):
        injected = ["--rollout-fault", fault] if fault else []
        asked = ["gates/enrichment", "-m", phase, "--rollout-env", environment, *injected]
        options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
        if not anew and warm.can_run(clean):
            done = warm.run("pytest", [*asked, *options], cwd=REPOSITORY, env=clean, timeout=300)
        else:
            command = [sys.executable, "-m", "pytest", *asked, *options]
            done = subprocess.run(
                command, cwd=REPOSITORY, env=clean, capture_output=True, text=True, timeout=300, check=False
            )
        return done, json.loads((tmp_path / "verdict.json").read_text("utf-8"))

    return judge


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there."""
    cases = {case.values[:2] for case in rows()}

    assert len(rows()) >= 130
    assert {phase for _, phase in cases} == {f"phase{number}" for number in range(6)}
    assert cases >= ALWAYS


@pytest.mark.parametrize(("fault", "phase", "environment", "exit_code", "reason", "gates", "more"), CHOSEN)
def test_every_fault_gets_its_verdict(judged, fault, phase, environment, exit_code, reason, gates, more):
    """Exit code, reason and gates are those of the table, and no other gate says anything but PROCEED."""
    for _ in range(TURNS):
        done, receipt = judged(phase, environment, fault)
        (verdict,) = receipt["verdicts"]
        bad = {gate["id"].rpartition("::")[2]: gate["reason"] for gate in verdict["gates"] if gate["reason"]}
        if LOAD in gates or LOAD not in bad or SLOW not in done.stdout:
            break  # else this machine cannot send 1000 requests in time, and the service is not what is slow

    assert done.returncode == exit_code == receipt["exit_code"], (bad, done.stdout)
    assert reason in {DASH, *bad.values()}, bad
    to_half = HALF[phase] if reason == "critical" else 0.0  # P0 goes all the way
    assert verdict["rollback_percentage"] == (to_half if exit_code == 20 else None)
    if fault in TELEMETRY:
        sources = {gate["id"]: {claim["source"] for claim in gate["claims"]} for gate in verdict["gates"]}
        asking = {each.rpartition("::")[2] for each, asked in sources.items() if "telemetry" in asked}
        assert set(bad) == asking
        assert {why for name, why in bad.items() if name not in gates} == {reason}
        assert {bad[name] for name in gates} <= {"stale"}
    else:
        assert (set(bad) >= gates) if more else ({each for each in bad if not is_doubt_of(each, bad)} == gates), bad


def is_doubt_of(gate, bad):
    """Whether a gate only says less surely what another one says: a last day of a whole phase, or P99 beside P95."""
    return gate.startswith("query_latency.") and "query_latency.p95" in bad and gate != "query_latency.p95"


def test_the_drill_measures_time_and_loss(judged):
    """From 50 % to 0 %, verified by the service, with counts and checksum that are what they were."""
    done, receipt = judged("drill", "demo", "")
    (gate,) = receipt["verdicts"][0]["gates"]
    claims = {claim["text"]: claim for claim in gate["claims"]}

    assert done.returncode == 0, done.stdout
    took = next(claim for text, claim in claims.items() if "decision to verified" in text)
    assert 0 < took["value"] < 300
    assert sum("less before == 0" in text for text in claims) == 3
    assert all(claim["truth"] == "proven" for claim in claims.values())
