"""Phased rollouts as tests: every gate is proven, refuted or inconclusive.

These are the names that gate authors use; everything else is internal. The
plugin itself is `pytest_rollout.plugin`, which pytest loads by entry point,
in every project: so the names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rollout.claim_facts import Truth
    from pytest_rollout.claims import Claim, check
    from pytest_rollout.decisions import Decision
    from pytest_rollout.determinism import deterministic
    from pytest_rollout.errors import Inconclusive, RolloutError
    from pytest_rollout.estimates import Estimate, Reading
    from pytest_rollout.experiment.compare import compare
    from pytest_rollout.experiment.comparison import Comparison
    from pytest_rollout.facts import Fact
    from pytest_rollout.hookspecs import hookimpl
    from pytest_rollout.limits import Limit
    from pytest_rollout.verdict import Verdict

__all__ = [
    "Claim",
    "Comparison",
    "Decision",
    "Estimate",
    "Fact",
    "Inconclusive",
    "Limit",
    "Reading",
    "RolloutError",
    "Truth",
    "Verdict",
    "check",
    "compare",
    "deterministic",
    "hookimpl",
]

_HOMES = {
    "Claim": "claims",
    "Comparison": "experiment.comparison",
    "Decision": "decisions",
    "Estimate": "estimates",
    "Fact": "facts",
    "Inconclusive": "errors",
    "Limit": "limits",
    "Reading": "estimates",
    "RolloutError": "errors",
    "Truth": "claim_facts",
    "Verdict": "verdict",
    "check": "claims",
    "compare": "experiment.compare",
    "deterministic": "determinism",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'pytest_rollout' has no attribute '{name}'")
    return getattr(import_module(f"pytest_rollout.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
