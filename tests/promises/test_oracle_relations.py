"""relationship_engine, fault by fault: the table in its docs says who must say what.

A choice of its rows runs always, and all with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from pytest_rollout.receipt_schema import receipt_schema
from pytest_rollout.world.load import load_world
from pytest_rollout.world.model import ANY_WORLD

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "rollouts" / "relationship_engine" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]* \| (?P<phases>[\d, ]+) \| (?P<exit>\d+) \| (?P<reason>[^ |]+)"
    r" \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"
TELEMETRY = {"metrics_down", "stale", "nan"}
ALWAYS = {
    ("", "phase0"),
    ("", "phase3"),
    ("engine_crash", "phase2"),
    ("pruned_12", "phase3"),
    ("confidence_low", "phase2"),
    ("nightly_130", "phase1"),
    ("llm_down", "phase3"),
    ("edges_lost", "phase4"),
    ("shadow_writes", "phase1"),
    ("cost_11", "phase2"),
    ("stale", "phase1"),
}


def rows():
    """The table, a case for each fault and phase."""
    found = []
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        gates = re.findall(r"`([\w.\[\]]+)`", match["gates"])
        for phase in (f"phase{number.strip()}" for number in match["phases"].split(",")):
            case = (match["fault"] or "", phase, int(match["exit"]), match["reason"], gates)
            found.append(pytest.param(*case, id=f"{match['fault'] or 'healthy'}-{phase}"))
    return found


CHOSEN = [case for case in rows() if os.environ.get("ROLLOUT_ALL_FAULTS") == "1" or tuple(case.values[:2]) in ALWAYS]


@pytest.fixture
def clean():
    """The environment without what pytest and a run left in it."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


@pytest.fixture
def judged(warm, tmp_path, clean):
    """Run a phase in the demo world, in a fork of a Python that has read its modules; how it ended, and its receipt."""

    def judge(fault, phase, *words):
        injected = ["--rollout-fault", fault] if fault else []
        asked = ["gates/relationship_engine", "-m", phase, "--rollout-env", "demo", *injected, *words]
        options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        done = warm.run("pytest", [*asked, *options], cwd=REPOSITORY, env=clean, timeout=120)
        receipt = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
        jsonschema.validate(receipt, receipt_schema())
        return done, receipt

    return judge


def test_the_table_is_read():
    """No row twice, every phase, every fault of the world, and each choice is a row that there is."""
    cases = [tuple(case.values[:2]) for case in rows()]
    world = load_world(REPOSITORY / "gates" / "relationship_engine" / "world.py")

    assert len(cases) >= 150
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase in cases} == {f"phase{number}" for number in range(5)}
    assert {fault for fault, _ in cases} == {"", *world.faults, *ANY_WORLD}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize(("fault", "phase", "exit_code", "reason", "gates"), CHOSEN)
def test_every_fault_gets_its_verdict(judged, fault, phase, exit_code, reason, gates):
    """Exit code, reason and gates are those of the table, and no other gate says anything but PROCEED."""
    done, receipt = judged(fault, phase)
    (verdict,) = receipt["verdicts"]
    counting = [gate for gate in verdict["gates"] if gate["counts"]]
    bad = {gate["id"].rpartition("::")[2]: gate["reason"] for gate in counting if gate["decision"] != "PROCEED"}

    assert done.returncode == exit_code == receipt["exit_code"], done.stdout
    assert reason in {DASH, *bad.values()}
    if fault in TELEMETRY:
        asking = {
            gate["id"].rpartition("::")[2]
            for gate in counting
            if "telemetry" in {claim["source"] for claim in gate["claims"]}
        }
        assert bad.keys() == asking
        assert set(bad.values()) == {reason}
    else:
        assert set(bad) == set(gates)


def test_a_rollback_starts_the_old_engine_and_stops_the_new_one(judged):
    """As the service says itself, within the objective."""
    done, receipt = judged("pruned_12", "phase3", "--rollout-act")
    told = receipt["verdicts"][0]["actions"]

    assert done.returncode == 20, done.stdout
    assert told["state"] == "done"
    assert told["seconds"] <= told["rto_seconds"] == 900
    assert [each["held"] for each in told["verified"]] == [True]
    (step,) = told["steps"]
    assert step["before"] != step["after"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [("", "on track"), ("unsigned", "on track"), ("nightly_70", "minor issues"), ("engine_crash", "blocked")],
    ids=["healthy", "waiting", "hold", "rollback"],
)
def test_the_weekly_status_says_how_it_stands(judged, warm, tmp_path, clean, fault, says):
    """On track, minor issues or blocked; the phase, what was measured, what is open, and what comes next."""
    judged(fault, "phase2")
    words = ["message", "gates/relationship_engine", "status", "--verdict", str(tmp_path / "verdict.json")]

    told = warm.run("pytest_rollout.cli", words, cwd=REPOSITORY, env=clean, timeout=60)

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"## relationship-engine: {says}\n")
    for part in ("**Phase**: Parallel", "**Metrics**", "**Issues**", "**Next steps**"):
        assert part in told.stdout
    assert ("nightly_seconds = 70 s" in told.stdout) == (fault == "nightly_70")
