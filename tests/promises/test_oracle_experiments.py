"""dual_memory in phases 2 to 5, fault by fault: the second table in its docs says who must say what.

Each case looks at millions of rows. A choice of them runs always, and all
with ROLLOUT_ALL_FAULTS=1.
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
PAGE = REPOSITORY / "docs" / "rollouts" / "dual_memory" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]+ \| (?P<phase>\d) \| (?P<environment>demo[-\d]*) \| (?P<exit>[\d or]+)"
    r" \| (?P<reason>[^ |]+) \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"
ALWAYS = {
    ("", "phase2", "demo"),
    ("", "phase3", "demo"),
    ("", "phase4", "demo-5"),
    ("", "phase5", "demo"),
    ("latency_25", "phase3", "demo"),
    ("srm", "phase3", "demo"),
    ("blended_errors_150", "phase2", "demo"),
    ("wrong_percentage", "phase4", "demo-5"),
}


def rows():
    """The table, a case a row."""
    found = []
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        fault, phase, environment = match["fault"] or "", f"phase{match['phase']}", match["environment"]
        codes = {int(each) for each in match["exit"].split(" or ")}
        gates = re.findall(r"`([\w.]+)`", match["gates"])
        case = (fault, phase, environment, codes, match["reason"], gates)
        found.append(pytest.param(*case, id=f"{fault or 'healthy'}-{phase}-{environment}"))
    return found


CHOSEN = [case for case in rows() if os.environ.get("ROLLOUT_ALL_FAULTS") == "1" or tuple(case.values[:3]) in ALWAYS]


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there."""
    cases = {tuple(case.values[:3]) for case in rows()}

    assert len(cases) >= 40
    assert cases >= ALWAYS


@pytest.mark.parametrize(("fault", "phase", "environment", "codes", "reason", "gates"), CHOSEN)
def test_every_fault_gets_its_verdict(tmp_path, fault, phase, environment, codes, reason, gates):
    """Exit code, reason and gate are those of the table, and `rollout verify` agrees."""
    injected = ["--rollout-fault", fault] if fault else []
    asked = ["gates/dual_memory", "-m", phase, "--rollout-env", environment, *injected]
    options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, *options],
        cwd=REPOSITORY,
        env=clean,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    receipt = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
    (verdict,) = receipt["verdicts"]
    bad = {gate["id"].rpartition("::")[2]: gate["reason"] for gate in verdict["gates"] if gate["decision"] != "PROCEED"}

    assert done.returncode in codes, done.stdout
    assert done.returncode == receipt["exit_code"]
    if done.returncode:
        assert reason in {bad.get(gate) for gate in gates}, bad
    else:
        assert bad == {}
    if fault == "srm":
        compared = {name for name in bad if name.startswith("query_")}
        assert compared
        assert {bad[name] for name in compared} == {"srm"}
    command = [sys.executable, "-m", "pytest_rollout.cli", "verify", str(tmp_path / "verdict.json"), "--phase", phase]
    verified = subprocess.run([*command, "--env", environment, "--max-age", "15m"], check=False, capture_output=True)
    # A PROCEED under a fault says something of the gates, and nothing that a pipeline may act on.
    assert verified.returncode == (1 if fault and done.returncode == 0 else done.returncode)
