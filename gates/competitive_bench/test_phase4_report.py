"""Phase 4, the report: is this quarter where it wants to be, and is the report whole?

Targets, what became slower, and what the report costs are budgets of `rollout.yaml`.
"""

import pytest

RUNBOOK = "docs/rollouts/competitive_bench/runbook.md"
pytestmark = pytest.mark.phase4


@pytest.mark.gate(runbook=f"{RUNBOOK}#behind-a-competitor")
def test_vector_search_is_faster_than_qdrant(metrics):
    """By 10 % at least, against all of the published range, at p < 0.05."""
    assert metrics("against_qdrant") <= "-10 %"


@pytest.mark.gate(runbook=f"{RUNBOOK}#behind-a-competitor")
def test_traversal_is_faster_than_neo4j(metrics):
    """By 46 % at least, at p < 0.05."""
    assert metrics("against_neo4j") <= "-46 %"


@pytest.mark.gate(runbook=f"{RUNBOOK}#behind-a-competitor")
def test_large_vector_search_is_faster_than_milvus(metrics):
    """By 86 % at least, at p < 0.05."""
    assert metrics("against_milvus") <= "-86 %"


@pytest.mark.gate(runbook=f"{RUNBOOK}#behind-a-competitor")
def test_a_scenario_is_near_the_leader(metrics):
    """One at least is proven within 10 % of the published figure, or ahead of it."""
    assert metrics("near_leader") >= 1


@pytest.mark.gate(runbook=f"{RUNBOOK}#the-report")
def test_nothing_is_fatal(metrics):
    """Every scenario has a result that can be read."""
    assert metrics("findings_fatal") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#slower-than-before")
def test_nothing_is_an_error(metrics):
    """No target is missed, and nothing is proven slower by more than 20 %."""
    assert metrics("findings_error") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#slower-than-before")
def test_there_is_no_priority(metrics):
    """No proven gap beyond 20 %; where there are some, the largest stands first."""
    assert metrics("priorities_out_of_order") == 0
    assert metrics("priorities") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#the-report")
def test_what_is_missing_is_said_to_be_missing(metrics):
    """Four scenarios are in the comparison, and the one without a published figure is beside no number."""
    assert metrics("published_compared") == 4
    assert metrics("missing_as_number") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#no-earlier-quarter")
def test_the_trend_rests_on_earlier_quarters(metrics):
    """Three of them."""
    assert metrics("earlier_quarters") >= 3


@pytest.mark.gate(runbook=f"{RUNBOOK}#the-report")
def test_everything_is_drawn(metrics):
    """Bars for the terminal and as SVG, for each of four scenarios."""
    assert metrics("charts") == 8
