"""The few words that a pipeline acts on."""

from __future__ import annotations

import itertools

import pytest

from pytest_rollout.decisions import MEANING, WAITING, Decision, ExitCode, Reason


def test_every_reason_has_a_meaning():
    """A code that nobody can look up is no reason."""
    assert set(MEANING) == set(Reason)
    assert all(len(meaning.split()) > 3 for meaning in MEANING.values())


def test_reason_codes_are_stable():
    """They stand in files that others parse: adding is allowed, changing is not."""
    assert {str(reason) for reason in Reason} >= {
        *("no-data", "stale", "low-n", "information", "inconclusive", "warning", "failed", "error", "skipped"),
        *("deselected", "missing", "duplicate", "unlocked", "no-claim", "no-phase", "srm", "invalid", "prerequisite"),
        *("approval", "streak", "hold-time", "replay-mismatch", "critical", "trigger"),
    }


def test_nothing_judged_holds():
    """No news is not good news."""
    assert Decision.worst() is Decision.HOLD


@pytest.mark.parametrize("decisions", list(itertools.product(Decision, repeat=3)))
def test_the_worst_wins(decisions):
    expected = next(each for each in (Decision.ROLLBACK, Decision.HOLD, Decision.PROCEED) if each in decisions)

    assert Decision.worst(*decisions) is expected


def test_only_waiting_is_healthy():
    assert {"information", "approval", "streak", "hold-time"} == WAITING


def test_exit_codes_are_apart_from_pytests_own():
    """0 and 1 mean the same for pytest; 2 to 7 are left to it and its plugins."""
    assert {code.name: code.value for code in ExitCode} == {
        "PROCEED": 0,
        "HOLD": 1,
        "HOLD_WAITING": 10,
        "ROLLBACK": 20,
    }
