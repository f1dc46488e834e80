"""Phases 1 to 4: are exactly those agents served that the percentage is for?"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/hybrid_rag/runbook.md"
FIRST = ["Builder", "Deploy", "QA"]
SECOND = [*FIRST, "Support", "Marketing"]
THIRD = [*SECOND, "Analyst", "Legal", "Thon"]


def served(target):
    """The agents that the service says it serves."""
    return target.get("/api/v1/rollout").json()["agents"]


@pytest.mark.phase1
@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_the_first_cohort_is_served(target):
    """At 5 %: Builder, Deploy and QA, and nobody else."""
    assert check(sorted(served(target)) == sorted(FIRST), "the cohort is Builder, Deploy, QA")


@pytest.mark.phase2
@pytest.mark.phase3
@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_the_second_cohort_is_served(target):
    """At 10 %: also Support and Marketing."""
    assert check(sorted(served(target)) == sorted(SECOND), "the cohort is Builder, Deploy, QA, Support, Marketing")


@pytest.mark.phase4
@pytest.mark.stage("15 %", "20 %")
@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_the_second_cohort_is_served_until_25(target):
    """At 15 and 20 %: the cohort of 10 %, with more of its queries."""
    assert check(sorted(served(target)) == sorted(SECOND), "the cohort is Builder, Deploy, QA, Support, Marketing")


@pytest.mark.phase4
@pytest.mark.stage("25 %")
@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_the_third_cohort_is_served(target):
    """At 25 %: also Analyst, Legal and Thon."""
    said = "the cohort is Builder, Deploy, QA, Support, Marketing, Analyst, Legal, Thon"
    assert check(sorted(served(target)) == sorted(THIRD), said)
