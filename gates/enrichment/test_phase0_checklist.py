"""Phase 0, before deployment: is everything there, tested and loaded? Any failure blocks phase 1.

The free disk is a budget of `rollout.yaml`; here is what takes a sentence of Python.
"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/enrichment/runbook.md"
pytestmark = [pytest.mark.phase0, pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")]

QUERIES = ("Who owns the billing service?", "What replaced the old index?", "Which runbook mentions llama3?")


def test_migrations_are_applied(metrics):
    """002 and 003."""
    assert metrics("migrations_applied") == 2


def test_artifacts_and_chunks_are_populated(metrics):
    """There are some, and each chunk has its artifact and its embedding."""
    assert metrics("artifacts_stored") > 0
    assert metrics("chunks_stored") > 0
    assert metrics("chunks_without_embedding") == 0


def test_index_is_rebuilt(metrics):
    """It holds every chunk, and is newer than all of them."""
    assert metrics("index_behind") == 0


def test_models_are_present(metrics):
    """nomic-embed-text and llama3."""
    assert metrics("models_present") == 2


def test_settings_have_safe_defaults(flags):
    """The production settings file is there, with everything off and 0 %."""
    assert flags.off("ENABLE_MULTI_HOP")
    assert flags.off("ENABLE_REASONING")
    assert flags("MAX_HOPS") == 0
    assert flags("ENRICHMENT_ROLLOUT_PERCENTAGE") == 0


def test_smoke_queries_are_answered(target):
    """Three queries, each with an answer and at least one source."""
    for query in QUERIES:
        response = target.post("/api/query/enhanced", json={"query": query})
        assert check(response.status_code == 200, f"'{query}' is answered")
        assert check(len(response.json()["sources"]) > 0, f"the answer to '{query}' has sources")


def test_both_ways_of_answering_can_be_compared(target):
    """The A/B endpoint scores the same query plain and enriched."""
    scores = target.post("/api/query/enrichment/test", json={"query": QUERIES[0]}).json()

    assert check(0 <= scores["plain"]["score"] <= 1, "the plain answer is scored")
    assert check(0 <= scores["enriched"]["score"] <= 1, "the enriched answer is scored")


def test_backups_are_taken(metrics):
    """Database, artifacts and settings, within a day, and each was restored for a test."""
    assert metrics("backups_restored") == 3


def test_suite_has_no_failure(metrics):
    """No test failed or broke, in a run of today."""
    assert metrics("suite_failures") == 0


def test_host_of_the_load_test_has_room(machine):
    """Whoever sends the load has memory and disk, or measures itself."""
    assert machine.memory_free > "100 MB"
    assert machine.disk_free("/") > "200 MB"


def test_load_is_borne(load):
    """1000 queries, 100 at once: under 2 % fail and P95 stays below 3 s, both proven."""
    found = load("POST /api/query/enhanced", n=1000, at_once=100, json={"query": QUERIES[0]})

    assert found.errors < "2 %"
    assert found.p95 < "3000 ms"
