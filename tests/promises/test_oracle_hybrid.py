"""hybrid_rag, fault by fault: the table in its docs says who must say what, and where the traffic goes back to.

A choice of its rows runs always, and all with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from pytest_rollout.receipt_schema import receipt_schema
from pytest_rollout.world.load import load_world

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "rollouts" / "hybrid_rag" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]* \| (?P<phases>[\d, ]+) \| (?P<environment>demo[-\d]*) \| (?P<exit>\d+)"
    r" \| (?P<reason>[^ |]+) \| (?P<back>[^|]+) \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"
TELEMETRY = {"metrics_down", "stale", "nan"}
ALWAYS = {
    ("", "phase3", "demo"),
    ("", "phase4", "demo-15"),
    ("errors_07", "phase2", "demo"),
    ("spike_4min", "phase2", "demo"),
    ("spike_6min", "phase4", "demo"),
    ("health_down", "phase3", "demo"),
    ("spontaneous_activation", "phase0", "demo"),
    ("stale", "phase2", "demo"),
}


def rows():
    """The table, a case for each fault, phase and environment."""
    found = []
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        fault, environment = match["fault"] or "", match["environment"]
        back = None if match["back"].strip() == DASH else float(match["back"].removesuffix(" %"))
        gates = re.findall(r"`([\w.]+)`", match["gates"])
        for phase in (f"phase{number.strip()}" for number in match["phases"].split(",")):
            case = (fault, phase, environment, int(match["exit"]), match["reason"], back, gates)
            found.append(pytest.param(*case, id=f"{fault or 'healthy'}-{phase}-{environment}"))
    return found


CHOSEN = [case for case in rows() if os.environ.get("ROLLOUT_ALL_FAULTS") == "1" or tuple(case.values[:3]) in ALWAYS]


@pytest.fixture
def judged(warm, tmp_path):
    """Run a phase in the demo world, in a fork of a Python that has read its modules; how it ended, and its receipt."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def judge(fault, phase, environment, *words):
        injected = ["--rollout-fault", fault] if fault else []
        asked = ["gates/hybrid_rag", "-m", phase, "--rollout-env", environment, *injected, *words]
        options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        done = warm.run("pytest", [*asked, *options], cwd=REPOSITORY, env=clean, timeout=120)
        receipt = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
        jsonschema.validate(receipt, receipt_schema())
        return done, receipt

    return judge


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there, nor rows twice."""
    cases = [tuple(case.values[:3]) for case in rows()]

    assert len(cases) >= 140
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase, _ in cases} == {f"phase{number}" for number in range(5)}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize(("fault", "phase", "environment", "exit_code", "reason", "back", "gates"), CHOSEN)
def test_every_fault_gets_its_verdict(judged, fault, phase, environment, exit_code, reason, back, gates):
    """Exit code, reason, gates, and where a rollback goes, are those of the table."""
    done, receipt = judged(fault, phase, environment)
    (verdict,) = receipt["verdicts"]
    counting = [gate for gate in verdict["gates"] if gate["counts"]]
    bad = {gate["id"].rpartition("::")[2]: gate["reason"] for gate in counting if gate["decision"] != "PROCEED"}

    assert done.returncode == exit_code == receipt["exit_code"], done.stdout
    assert reason in {DASH, *bad.values()}
    assert verdict["rollback_percentage"] == back
    if fault in TELEMETRY:
        asking = {
            gate["id"].rpartition("::")[2]
            for gate in counting
            if "telemetry" in {claim["source"] for claim in gate["claims"]}
        }
        assert bad.keys() == asking
        # A window that is empty has no data, and one whose newest samples are no numbers is stale.
        assert {reason} <= set(bad.values()) <= {reason, *({"no-data", "stale"} if fault != "metrics_down" else ())}
    else:
        assert set(bad) == set(gates)


@pytest.mark.parametrize(
    ("fault", "phase", "percent"),
    [("errors_07", "phase2", "5"), ("spike_6min", "phase4", "0")],
    ids=["sustained-to-5", "emergency-to-0"],
)
def test_a_rollback_sets_the_world_s_own_flags_and_nothing_else(judged, fault, phase, percent):
    """Byte for byte what the plan says, served within the objective, and memory compression as it was."""
    done, receipt = judged(fault, phase, "demo", "--rollout-act")
    told = receipt["verdicts"][0]["actions"]
    served = {"phase2": 10.0, "phase4": 25.0}[phase]
    world = load_world(REPOSITORY / "gates" / "hybrid_rag" / "world.py").showing(phase, served)
    before = json.dumps(dict(world.flags), indent=1) + "\n"
    after = before.replace(f'_percentage": {served}', f'_percentage": {percent}')

    assert done.returncode == 20, done.stdout
    assert told["state"] == "done"
    assert told["seconds"] <= told["rto_seconds"] == 120
    assert [each["held"] for each in told["verified"]] == [True, True]
    (step,) = told["steps"]
    assert before.count(f'_percentage": {served}') == 18
    assert step["before"] == hashlib.sha256(before.encode()).hexdigest()
    assert step["after"] == hashlib.sha256(after.encode()).hexdigest()
    assert step["backup"].startswith(str(Path(step["backup"]).parent / "flags.json."))


def test_a_checkpoint_holds_what_was_measured_and_nothing_else(judged, warm, tmp_path):
    """Its numbers are the receipt's own; a phase without a checkpoint, and another receipt, are refused."""
    _, receipt = judged("latency_250", "phase3", "demo")
    receipt_file = str(tmp_path / "verdict.json")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}

    def write_up(phase):
        words = ["checkpoint", "gates/hybrid_rag", phase, "--rollout-env", "demo", "--receipt", receipt_file]
        return warm.run("pytest_rollout.cli", words, cwd=REPOSITORY, env=clean, timeout=60)

    found = json.loads(write_up("phase3").stdout)
    claims = [claim for gate in receipt["verdicts"][0]["gates"] for claim in gate["claims"]]

    assert (found["checkpoint"], found["percentage"], found["decision"]) == ("hour 48", 10, "HOLD")
    assert found["recommendation"] == "hold for 24 h more"
    assert found["next_milestone"].startswith("phase4: ")
    assert found["counted"].keys() == {
        "hours_in_phase",
        "clean_hours",
        "open_incidents",
        "interventions",
        "rollbacks",
    }
    assert [issue["code"] for issue in found["issues"]] == ["warning"]
    assert {each["what"] for each in found["measured"]} >= {"error_rate", "latency_p95", "cache_hits", "cost"}
    for each in found["measured"]:
        assert any(claim["value"] == each["value"] and claim["limit"] == each["limit"] for claim in claims)
    assert {"says": "the cohort is Builder, Deploy, QA, Support, Marketing", "truth": "proven"}.items() <= next(
        fact for fact in found["facts"] if "cohort" in fact["says"]
    ).items()
    refused = write_up("phase1")
    assert refused.returncode == 4
    assert "it does not judge hybrid-rag phase1" in refused.stderr
