"""Phased rollouts as tests: every gate is proven, refuted or inconclusive.

These are the names that gate authors use; everything else is internal. The
plugin itself is `pytest_rollout.plugin`, which pytest loads by entry point.
"""

from pytest_rollout.claims import Claim, Truth, check
from pytest_rollout.decisions import Decision
from pytest_rollout.errors import Inconclusive, RolloutError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.facts import Fact
from pytest_rollout.limits import Limit

__all__ = [
    "Claim",
    "Decision",
    "Estimate",
    "Fact",
    "Inconclusive",
    "Limit",
    "Reading",
    "RolloutError",
    "Truth",
    "check",
]
