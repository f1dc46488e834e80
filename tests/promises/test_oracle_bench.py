"""competitive_bench, fault by fault: the table in its docs says who must say what, and every run agrees.

A choice of its rows runs always, and all of them with ROLLOUT_ALL_FAULTS=1.
The campaign's programs are new processes in any case; pytest itself is forked.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from pytest_rollout.receipt_schema import receipt_schema

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "rollouts" / "competitive_bench" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]+ \| (?P<phases>[\d, ]+) \| (?P<exit>\d+)"
    r" \| (?P<reason>[^ |]+) \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"
ALWAYS = {
    ("", "phase3"),
    ("nondeterministic_seed", "phase1"),
    ("leak", "phase2"),
    ("killed_run", "phase3"),
    ("slow_scenario", "phase4"),
    ("corrupt_result", "phase4"),
    ("missing_baseline", "phase4"),
}


def rows():
    """The table, a case for each fault and phase."""
    found = []
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        fault, gates = match["fault"] or "", set(re.findall(r"`([\w.]+)`", match["gates"]))
        for phase in (f"phase{number.strip()}" for number in match["phases"].split(",")):
            case = (fault, phase, int(match["exit"]), match["reason"], gates)
            found.append(pytest.param(*case, id=f"{fault or 'healthy'}-{phase}"))
    return found


CHOSEN = [case for case in rows() if os.environ.get("ROLLOUT_ALL_FAULTS") == "1" or case.values[:2] in ALWAYS]


@pytest.fixture
def judged(warm, tmp_path):
    """Run a phase in the demo world, in a fork of a Python that has read its modules: how it ended, and its receipt."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def judge(fault, phase, *words):
        injected = ["--rollout-fault", fault] if fault else []
        asked = ["gates/competitive_bench", "-m", phase, "--rollout-env", "demo", *injected, *words]
        options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        done = warm.run("pytest", [*asked, *options], cwd=REPOSITORY, env=clean, timeout=300)
        receipt = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
        jsonschema.validate(receipt, receipt_schema())
        return done, receipt

    return judge


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there, nor rows twice."""
    cases = [case.values[:2] for case in rows()]

    assert len(cases) >= 45
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase in cases} == {f"phase{number}" for number in range(5)}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize(("fault", "phase", "exit_code", "reason", "gates"), CHOSEN)
def test_every_fault_gets_its_verdict(judged, fault, phase, exit_code, reason, gates):
    """Exit code, reason and gates are those of the table."""
    done, receipt = judged(fault, phase)
    (verdict,) = receipt["verdicts"]
    bad = {
        gate["id"].rpartition("::")[2]: gate["reason"]
        for gate in verdict["gates"]
        if gate["counts"] and gate["decision"] != "PROCEED"
    }

    assert done.returncode == exit_code == receipt["exit_code"], done.stdout
    assert reason in {DASH, *bad.values()}
    assert set(bad) == gates, done.stdout
