"""Claims: their truth, their record, and what cannot be done with them."""

from __future__ import annotations

import json
import math
import operator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout import Claim, Decision, Estimate, Inconclusive, Reading, Truth, check
from pytest_rollout.claims import ClaimFacts, GateClaims, bounded, describe, judging, running_gate
from pytest_rollout.errors import QuestionError

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE

texts = st.text()
maybe_numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
facts_of_any_kind = st.builds(
    ClaimFacts,
    text=texts,
    truth=st.sampled_from(Truth),
    subject=texts,
    value=st.one_of(st.none(), st.booleans(), texts, st.floats(allow_nan=False, allow_infinity=False)),
    low=maybe_numbers,
    high=maybe_numbers,
    confidence=st.floats(0.5, 1),
    alpha=st.floats(0, 1),
    limit=texts,
    level=texts,
    decision=st.one_of(st.none(), st.sampled_from(Decision)),
    trigger=st.booleans(),
    n=st.one_of(st.none(), st.integers()),
    why=texts,
    reason=texts,
    needs=texts,
    age=maybe_numbers,
)


@given(facts_of_any_kind)
def test_a_record_comes_back_from_json(facts):
    """What travels between workers is what was claimed."""
    assert ClaimFacts.from_json(json.loads(json.dumps(facts.as_json()))) == facts


@pytest.mark.parametrize("broken", [{"truth": "maybe"}, {"decision": "GO"}, {"colour": "red"}])
def test_a_record_that_is_not_ours_is_refused(broken):
    record = ClaimFacts(text="x", truth=PROVEN).as_json()

    with pytest.raises((TypeError, ValueError)):
        ClaimFacts.from_json(record | broken)


@pytest.mark.parametrize("missing", ["truth", "decision", "text"])
def test_a_record_that_lacks_something_is_refused(missing):
    record = ClaimFacts(text="x", truth=PROVEN).as_json()
    del record[missing]

    with pytest.raises((TypeError, KeyError)):
        ClaimFacts.from_json(record)


@pytest.mark.parametrize("fact", [True, np.True_, np.array([1])[0] == 1])
def test_check_makes_a_claim_of_a_fact(fact):
    claim = check(fact, "the service answers")

    assert (claim.truth, claim.facts.text, claim.facts.value, claim.facts.alpha) == (
        PROVEN,
        "the service answers",
        True,
        1,
    )
    json.dumps(claim.facts.as_json())


@pytest.mark.parametrize("fact", [False, np.False_])
def test_check_of_what_is_not_so_is_refuted(fact):
    claim = check(fact, "the service answers")

    assert (claim.truth, claim.facts.value, claim.facts.alpha) == (REFUTED, False, 0)
    with pytest.raises(AssertionError):
        assert claim


def test_check_hands_a_claim_back():
    claim = Reading.exactly(5) < 10

    assert check(claim, "is small") is claim


@pytest.mark.parametrize(
    "fact",
    [
        None,
        1,
        0,
        "yes",
        "",
        [],
        [True],
        (True,),
        np.array([True]),
        np.array(True),
        math.nan,
        Reading.exactly(1),
        object(),
    ],
)
def test_check_takes_a_yes_or_a_no(fact):
    """What merely counts as true in Python (a list, a word, an estimate) is no fact."""
    with pytest.raises(QuestionError, match="True or False"):
        check(fact, "something")


def test_doubt_raises_whoever_asks():
    claim = Estimate(5, 4, 6) < 5

    assert claim.truth is INCONCLUSIVE
    with pytest.raises(Inconclusive, match=r"HOLD\[inconclusive\] estimate = 5"):
        bool(claim)


@pytest.mark.parametrize("join", [operator.and_, operator.or_, operator.xor])
@pytest.mark.parametrize("other", [True, "claim"])
def test_claims_are_not_joined_with_operators(join, other):
    """`a < 1 & b < 2` means something else than it says."""
    claim = check(True, "x")
    other = check(True, "y") if other == "claim" else other

    for ask in (lambda: join(claim, other), lambda: join(other, claim)):
        with pytest.raises(QuestionError, match="assert each"):
            ask()


def test_claims_are_not_negated_with_a_tilde():
    with pytest.raises(QuestionError, match="other way round"):
        ~check(True, "x")


def test_numpy_does_not_swallow_claims():
    """`np.array` and `claim` do not become an array of objects."""
    claim = check(True, "x")

    for ask in (lambda: np.array([True]) & claim, lambda: np.float64(1) + claim):
        with pytest.raises(TypeError):
            ask()


def test_reading_the_truth_asserts_nothing():
    gate = GateClaims()
    with judging(gate, calling=True):
        claim = check(True, "x")
        assert claim.truth is PROVEN

    assert list(gate.faults()) == ["a claim was made and never asserted: write `assert x`"]


def test_the_running_gate_is_found_and_left():
    """Also when gates are nested, and when the inner one raises."""
    outer, inner = GateClaims(), GateClaims()
    with judging(outer, calling=True):
        with suppress(ZeroDivisionError), judging(inner, calling=True):
            assert running_gate() is inner
            raise ZeroDivisionError
        assert running_gate() is outer
    assert running_gate() is None


def test_outside_a_gate_claims_are_just_claims():
    assert check(True, "x")
    assert isinstance(Reading.exactly(5) < 3, Claim)


def test_a_claim_is_described_with_all_that_helps():
    facts = ClaimFacts(
        text="p99 < 10 ms",
        truth=REFUTED,
        subject="p99 = 12 ms",
        limit="< 10 ms",
        why="the cache is cold",
        needs="warm it",
        source="telemetry",
        query="SELECT\n   1",
        at="2026-11-01T09:00:00+00:00",
        method="order statistics",
        n=1270,
        action="reduce the weight",
        runbook="#issue-4",
    )

    lines = describe(facts)

    assert lines[:3] == ["p99 = 12 ms   limit < 10 ms", "the cache is cold", "warm it"]
    assert all(word in lines[3] for word in ("telemetry", "SELECT 1", "2026-11-01", "order statistics", "n = 1270"))
    assert all(word in " ".join(lines[4:]) for word in ("action: reduce the weight", "runbook: #issue-4"))


def test_a_long_query_is_shortened():
    line = describe(ClaimFacts(text="x", truth=PROVEN, query="SELECT " * 100))[1]

    assert len(line) <= 100
    assert line.endswith("…")


def test_an_action_is_told_only_when_there_is_one_to_take():
    assert describe(ClaimFacts(text="x", truth=PROVEN, subject="x = 1", action="page")) == ["x = 1"]


def test_text_of_a_claim():
    claim = check(False, "the flag is off")

    assert "the flag is off" in str(claim)
    assert repr(claim).startswith("<refuted: ")


@pytest.mark.parametrize(("value", "bound"), [(5.0, 5.0), (math.inf, None), (-math.inf, None), (math.nan, None)])
def test_a_bound_is_a_number_or_null(value, bound):
    assert bounded(value) == bound
