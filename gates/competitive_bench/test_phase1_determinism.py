"""Phase 1, determinism: does the same seed do the same, on every Python, and take as long?

How far P99 and throughput are apart are budgets of `rollout.yaml`.
"""

import sys
from pathlib import Path

import pytest

from pytest_rollout import deterministic

HERE = Path(__file__).parent
RUNBOOK = "docs/rollouts/competitive_bench/runbook.md"
pytestmark = [pytest.mark.phase1, pytest.mark.gate(runbook=f"{RUNBOOK}#runs-differ")]


def test_three_runs_do_the_same(metrics):
    """Three runs of each scenario, whose operations have one SHA-256."""
    assert metrics("runs_compared") >= 3
    assert metrics("sequences") == 1


def test_runs_do_what_their_seed_says(metrics):
    """The operations that were done have the SHA-256 that the scenario states, whatever made them."""
    assert metrics("sequences_not_seeded") == 0


def test_times_are_of_three_runs(metrics):
    """A spread of fewer runs would be none."""
    assert metrics("timed_runs") >= 3


@pytest.mark.parametrize("scenario", sorted(path.stem for path in HERE.glob("scenarios/*.toml")))
def test_the_sequence_is_the_same_in_new_processes(scenario):
    """Three new interpreters, each with a hash seed of its own, make the same operations of it."""
    words = [sys.executable, str(HERE / "bench_sequence.py"), str(HERE / "scenarios" / f"{scenario}.toml"), "reduced"]
    assert deterministic(words, times=3)
