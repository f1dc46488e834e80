"""Small builders for what is judged: gates, answers, claims."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import settings

from pytest_rollout.book import Answer, Ended, PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.receipt import Run
from pytest_rollout.verdict import Because, RunVerdict, Verdict

_JUDGED_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
_REASON = {Decision.PROCEED: "", Decision.HOLD: "failed", Decision.ROLLBACK: "critical"}

settings.register_profile("unit", deadline=None)  # no test of this suite depends on a wall clock
settings.load_profile("unit")


def _gate(name: str = "test_a", **more) -> PlannedGate:
    return PlannedGate(
        **{"id": f"test_x.py::{name}", "nodeid": f"gates/test_x.py::{name}", "rollout": "shop", "phases": ("phase1",)}
        | more
    )


def _fact(truth: Truth = Truth.PROVEN, **more) -> ClaimFacts:
    alpha = 0.0 if truth is Truth.REFUTED else 1.0
    return ClaimFacts(**{"text": "x < 5", "truth": truth, "subject": "x = 4", "value": 4.0, "alpha": alpha} | more)


def _answer(gate: PlannedGate, when: str = "call", ended: Ended | None = Ended.PASSED, **more) -> Answer:
    outcome = {Ended.PASSED: "passed", Ended.SKIPPED: "skipped"}.get(ended or Ended.ERROR, "failed")
    return Answer(**{"nodeid": gate.nodeid, "when": when, "outcome": outcome, "ended": ended} | more)


def _round(gate: PlannedGate, ended: Ended | None = Ended.PASSED, claims=None, **more) -> list[Answer]:
    """The three reports of one run of a gate, of which the call ended so."""
    claims = (_fact(),) if claims is None else tuple(claims)
    return [_answer(gate, "setup"), _answer(gate, "call", ended, claims=claims, **more), _answer(gate, "teardown")]


@pytest.fixture(scope="session")
def make_gate() -> Callable[..., PlannedGate]:
    """A planned gate of phase1 of the rollout `shop`."""
    return _gate


@pytest.fixture(scope="session")
def make_fact() -> Callable[..., ClaimFacts]:
    """The record of a claim, proven unless said otherwise."""
    return _fact


@pytest.fixture(scope="session")
def make_answer() -> Callable[..., Answer]:
    """What one report says of a gate."""
    return _answer


@pytest.fixture(scope="session")
def make_round() -> Callable[..., list[Answer]]:
    """The reports of set-up, call and tear-down."""
    return _round


@pytest.fixture(scope="session")
def make_run(make_gate, make_fact) -> Callable[..., Run]:
    """A run of one gate that ended so; whole and live, for its receipt."""

    def make_run(decision=Decision.PROCEED, *, code=None, reasons=(), phase="phase1", verdicts=1, **more):
        truth = Truth.PROVEN if decision is Decision.PROCEED else Truth.REFUTED
        reason = _REASON[decision]
        gate = GateVerdict(
            gate=make_gate(owner="team"), decision=decision, reason=reason, sentence=reason, claims=(make_fact(truth),)
        )
        because = () if decision is Decision.PROCEED else (Because(reason, "a sentence", gate.gate.id),)
        verdict = Verdict(
            rollout="shop",
            phase=phase,
            decision=decision,
            reasons=because,
            gates=(gate,),
            plan_digest="p",
            lock_digest="l",
        )
        run = RunVerdict(verdicts=(verdict,) * verdicts, reasons=tuple(reasons))
        facts = {
            "run_id": "1",
            "mode": "live",
            "environment": "production",
            "embedded": False,
            "fault": "",
            "evaluated_at": _JUDGED_AT,
            "exit_code": int(run.exit_code) if code is None else code,
            "verdict": run,
            "versions": {"python": "3.11"},
            "git": {"commit": "abc", "dirty": False},
        }
        return Run(**facts | more)

    return make_run
