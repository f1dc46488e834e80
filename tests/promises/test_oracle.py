"""dual_memory, fault by fault: the table in its docs says who must say what, and every run agrees.

The table lives in docs/rollouts/dual_memory/index.md and is read here, so
that what people are told and what is tested cannot differ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "rollouts" / "dual_memory" / "index.md"
ROW = re.compile(
    r"^\| (?:`(?P<fault>\w+)`|none) \| [^|]+ \| (?P<phases>[\d, ]+) \| (?P<exit>\d+)"
    r" \| (?P<reason>[^ |]+) \| (?P<gates>[^|]+) \|$"
)
DASH = "\N{EN DASH}"  # how the page says "none"
TELEMETRY = {"metrics_down", "stale", "nan"}
WITH_WORKERS = {("", "phase1"), ("memory_25", "phase1"), ("stale", "phase1"), ("soak_leak", "phase0")}


def rows():
    """The table, a case for each fault and phase, with `as above` filled in; some of them also with two workers."""
    found, above = [], ""
    for match in filter(None, map(ROW.match, PAGE.read_text("utf-8").splitlines())):
        above = match["gates"] if match["gates"].strip() != "as above" else above
        named = re.findall(r"`(\w+)`", above)
        fault = match["fault"] or ""
        for phase in (f"phase{number.strip()}" for number in match["phases"].split(",")):
            case, name = (fault, phase, int(match["exit"]), match["reason"], named), f"{fault or 'healthy'}-{phase}"
            found.append(pytest.param(*case, (), id=name))
            if (fault, phase) in WITH_WORKERS:
                found.append(pytest.param(*case, ("-n", "2"), id=f"{name}-xdist"))
    return found


@pytest.fixture
def python(warm, anew) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a module in a process of its own; see the conftest for which are forks."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def run(module: str, *words: str) -> subprocess.CompletedProcess[str]:
        if not anew and warm.can_run(clean):
            return warm.run(module, words, cwd=REPOSITORY, env=clean, timeout=120)
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command, cwd=REPOSITORY, env=clean, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def judged(python, tmp_path) -> Callable[..., tuple[subprocess.CompletedProcess[str], dict]]:
    """Run a phase in the demo world; the process that ended, and its receipt."""

    def judge(fault: str, phase: str, *words: str) -> tuple[subprocess.CompletedProcess[str], dict]:
        injected = ["--rollout-fault", fault] if fault else []
        asked = ["gates/dual_memory", "-m", phase, "--rollout-env", "demo", *injected]
        options = ["--rollout-out", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words]
        done = python("pytest", *asked, *options)
        return done, json.loads((tmp_path / "verdict.json").read_text("utf-8"))

    return judge


def test_the_table_is_read():
    """An empty table would prove nothing, and neither would one without a phase."""
    cases = {case.values[:2] for case in rows()}

    assert len(cases) >= 38
    assert {phase for _, phase in cases} == {"phase0", "phase1"}
    assert cases >= WITH_WORKERS


LATE = {"nan": ["stale"]}
"""Further reasons of a fault: a window whose newest values are no numbers has a newest number that is old."""


@pytest.mark.parametrize(("fault", "phase", "exit_code", "reason", "gates", "workers"), rows())
def test_every_fault_gets_its_verdict(judged, python, tmp_path, fault, phase, exit_code, reason, gates, workers):
    """Exit code, reason and gate are those of the table, and `rollout verify` agrees."""
    done, receipt = judged(fault, phase, *workers)
    (verdict,) = receipt["verdicts"]
    bad = {gate["id"].rpartition("::")[2]: gate["reason"] for gate in verdict["gates"] if gate["decision"] != "PROCEED"}

    assert done.returncode == exit_code == receipt["exit_code"], done.stdout
    assert reason in {DASH, *bad.values()}
    if fault in TELEMETRY:
        sources = {gate["id"]: {claim["source"] for claim in gate["claims"]} for gate in verdict["gates"]}
        assert {each for each, asked in sources.items() if "telemetry" in asked} == {
            gate["id"] for gate in verdict["gates"] if gate["reason"] in {reason, *LATE.get(fault, ())}
        }
        assert {reason} <= set(bad.values()) <= {reason, *LATE.get(fault, ())}
    elif fault != "world_dies":
        assert set(bad) == set(gates)
    verify = ["verify", str(tmp_path / "verdict.json"), "--phase", phase, "--env", "demo", "--max-age", "15m"]
    verified = python("pytest_rollout.cli", *verify)
    # A PROCEED under a fault says something of the gates, and nothing that a pipeline may act on.
    assert verified.returncode == (1 if fault and exit_code == 0 else exit_code)


def test_the_failing_gate_names_metric_value_limit_and_action(judged):
    """At two in the morning the screen says what is wrong, by how much, and what to do."""
    done, _ = judged("memory_25", "phase1")

    for told in (
        "memory_rss_bytes",
        "memory_rss_bytes against its baseline = 2",
        "≤ 20 % (critical)",
        "action: check concept cache eviction",
        "runbook: ",
    ):
        assert told in done.stdout
