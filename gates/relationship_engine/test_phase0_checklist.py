"""Phase 0, before deployment: is everything there, tested and loaded? Any failure blocks phase 1."""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
pytestmark = [pytest.mark.phase0, pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")]

EVENT = {"kind": "article", "text": "Ada founded the Analytical Society."}
ALERTS = ("engine_crashed", "over_pruning", "incremental_slow", "nightly_slow", "llm_cost")


def test_all_tests_pass(metrics):
    """16 of 16, in a run of today."""
    assert metrics("suite_failures") == 0
    assert metrics("suite_passed") == 16


def test_migration_is_applied(metrics):
    """The edges have a weight and a time of their last reinforcement."""
    assert metrics("edge_columns_added") == 2


def test_migration_is_verified(metrics):
    """All 236 edges that were there have both, and there is no other."""
    assert metrics("edges_backfilled") == 236
    assert metrics("edges_stored") == 236


def test_weights_are_indexed(metrics):
    """The index idx_edge_weight is there."""
    assert metrics("weight_indexes") == 1


def test_backup_is_taken(metrics):
    """Of today, restored for a test, with as many entities and edges as the database."""
    assert metrics("entities_in_backup") == metrics("entities_stored")
    assert metrics("edges_in_backup") == metrics("edges_stored")


def test_nightly_run_is_scheduled(flags):
    """At three in the morning."""
    assert flags("engine.nightly_at") == "03:00"


def test_log_is_rotated(target):
    """More than one file, and at least one of them is packed."""
    log = target.get("/status").json()["log"]

    assert check(log["files"] > 1, "the log has more than one file")
    assert check(log["packed"] >= 1, "at least one of them is packed")


def test_webhook_takes_events_with_a_key_and_no_others(target):
    """202 with the key of this environment, 401 without."""
    assert check(target.post("/webhook", json={**EVENT, "key": "demo-key"}).status_code == 202, "the key is known")
    assert check(target.post("/webhook", json={**EVENT, "key": ""}).status_code == 401, "no other is")


def test_alert_rules_are_there(metrics):
    """Five, and all of them are evaluated."""
    assert metrics("alert_rules_healthy") == 5


@pytest.mark.parametrize("alert", ALERTS)
def test_no_alert_is_firing(metrics, alert):
    """None before anything is deployed."""
    assert metrics(f"alert_{alert}") == 0


def test_edges_are_made_whichever_part_is_off(metrics):
    """In drills of this week each of five strategies, and the language model, was off: six times edges were made."""
    assert metrics("drills_survived") == 6


def test_load_is_borne(load):
    """120 events, 8 at once: every one is taken, and P95 stays below 5 s, proven."""
    found = load("POST /events", n=120, at_once=8, json=EVENT)

    assert found.errors < "5 %"
    assert found.p95 < "5 s"
