"""A few seeds of what tests/benchmarks/oracle.py asks of two hundred: other worlds get the same verdicts."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import BUILT_IN


@pytest.fixture(scope="module")
def oracle():
    path = Path(__file__).parents[1] / "benchmarks" / "oracle.py"
    spec = importlib.util.spec_from_file_location("benchmark_oracle", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plan(oracle):
    return load_plan(oracle.ROLLOUT / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)


def test_the_rows_are_those_that_chance_decides(oracle, plan):
    names = {row.name for row in oracle.rows(plan)}

    assert {"healthy-phase3-demo", "latency_15-phase3-demo", "no_winner-phase5-demo", "srm-phase4-demo-25"} <= names
    assert not any(part in name for name in names for part in ("timeouts", "unsigned", "young", "contaminated"))


@pytest.mark.parametrize(
    ("name", "seed"),
    [("latency_25-phase2-demo", 2), ("confidence_drop_04-phase2-demo", 3), ("truth_worse-phase2-demo", 4)],
)
def test_another_world_gets_the_verdict_of_its_row(oracle, plan, name, seed):
    (row,) = (row for row in oracle.rows(plan) if row.name == name)

    code, bad = oracle.Worlds(plan).judged(row, seed)

    assert oracle.is_right(row, code, bad), (code, bad)


def test_a_wrong_gate_is_no_right_answer(oracle, plan):
    """The exit code alone could be right by accident."""
    (row,) = (row for row in oracle.rows(plan) if row.name == "latency_25-phase2-demo")

    assert oracle.is_right(row, 20, ["query_latency.p99"])
    assert not oracle.is_right(row, 20, ["sample_ratio"])
    assert not oracle.is_right(row, 1, ["query_latency.p99"])
    assert not oracle.is_right(row, 0, [])
