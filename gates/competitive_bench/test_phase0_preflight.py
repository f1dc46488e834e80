"""Phase 0, preflight: is the host fit for a campaign, and is every scenario sound?

How long it took and how many problems scenarios have are budgets of `rollout.yaml`.
"""

import pytest

RUNBOOK = "docs/rollouts/competitive_bench/runbook.md"
pytestmark = [pytest.mark.phase0, pytest.mark.gate(runbook=f"{RUNBOOK}#preflight")]


def test_all_scenarios_are_there(metrics):
    """Four files, each read without a problem."""
    assert metrics("scenarios_sound") == 4


def test_a_malformed_scenario_is_refused_with_its_lines(metrics):
    """A file with problems on four lines is refused, and all four are named."""
    assert metrics("lines_refused") == 4


def test_processors_can_be_watched(machine):
    """There is one at least, and how busy it is can be read."""
    assert machine.cpus >= 1
    assert machine.cpu <= 100


def test_memory_suffices(machine, metrics):
    """As much is free as the largest scenario may take; runs are never two at a time."""
    assert machine.memory_free >= metrics("memory_needed")


def test_disk_suffices(machine):
    """200 MB are free for results."""
    assert machine.disk_free(".") >= "200 MB"


def test_host_is_quiet(machine, flags):
    """No more processes run or wait to than the settings allow."""
    assert machine.load_average <= flags("host.most_load")


def test_host_is_not_hot(machine):
    """Below 85 °C, where a sensor can be read."""
    machine.needs("temperature")
    assert machine.temperature < 85
