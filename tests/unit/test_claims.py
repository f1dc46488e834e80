"""Claims: their truth, their record, and what cannot be done with them."""

from __future__ import annotations

import json
import math
import operator
import threading
from contextlib import ExitStack, suppress
from contextvars import copy_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout import Claim, Decision, Estimate, Inconclusive, Reading, Truth, check
from pytest_rollout.claims import ClaimFacts, GateClaims, bounded, describe, judging, origin, running_gate
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


def test_a_record_says_nothing_that_was_not_said():
    """What a claim does not know is empty, unbounded or none; it is exact and cannot fire unless it says so."""
    facts = ClaimFacts(text="x", truth=PROVEN)

    assert facts.decision is None
    assert facts.as_json() == {
        "text": "x",
        "truth": "proven",
        "subject": "",
        "value": None,
        "low": None,
        "high": None,
        "confidence": 1.0,
        "alpha": 1.0,
        "limit": "",
        "level": "",
        "decision": None,
        "trigger": False,
        "to": "",
        "action": "",
        "runbook": "",
        "n": None,
        "unit": "",
        "method": "",
        "query": "",
        "window": "",
        "source": "",
        "at": "",
        "age": None,
        "why": "",
        "reason": "",
        "needs": "",
    }


def test_a_record_uses_stable_words():
    """They stand in `verdict.json`."""
    assert [truth.value for truth in Truth] == ["proven", "refuted", "inconclusive"]
    assert ClaimFacts(text="x", truth=REFUTED, decision=Decision.HOLD).as_json()["decision"] == "HOLD"


def test_records_are_facts():
    """Made by name, and not changed afterwards: what was claimed is what is judged."""
    facts = ClaimFacts(text="x", truth=REFUTED)

    with pytest.raises(AttributeError):
        facts.truth = PROVEN
    with pytest.raises(TypeError):
        ClaimFacts("x", PROVEN)


def test_a_claim_holds_its_facts_and_nothing_else():
    """Neither its truth nor anything beside it can be set."""
    claim = check(False, "x")

    assert claim.sources == frozenset()
    with pytest.raises(AttributeError):
        claim.truth = PROVEN
    with pytest.raises(AttributeError):
        claim.verdict = PROVEN


class OldNumPyBool:
    """What NumPy 1 calls `bool_`; NumPy 2, which is tested here, calls it `bool`."""

    def __bool__(self):
        return True


OldNumPyBool.__name__ = "bool_"


@pytest.mark.parametrize("fact", [True, np.True_, np.array([1])[0] == 1, OldNumPyBool()])
def test_check_makes_a_claim_of_a_fact(fact):
    claim = check(fact, "the service answers")

    assert claim.facts == ClaimFacts(
        text="the service answers",
        truth=PROVEN,
        subject="the service answers",
        value=True,
        alpha=1.0,
        method="fact",
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
    with pytest.raises(QuestionError) as refused:
        check(fact, "something")
    assert str(refused.value) == (
        f"check() takes a fact that is True or False, not {type(fact).__name__}: "
        "compare first, as in check(response.status_code == 200, 'the service answers')"
    )


def test_doubt_raises_whoever_asks():
    claim = Estimate(5, 4, 6) < 5

    assert claim.truth is INCONCLUSIVE
    with pytest.raises(Inconclusive, match=r"HOLD\[inconclusive\] estimate = 5"):
        bool(claim)


@pytest.mark.parametrize(("reason", "told"), [("stale", "stale"), ("", "inconclusive")])
def test_doubt_says_why(reason, told):
    """With the code of its reason, where it has one."""
    claim = Claim(ClaimFacts(text="x < 5", truth=INCONCLUSIVE, subject="x = unknown", why="2 h old", reason=reason))

    with pytest.raises(Inconclusive) as doubt:
        bool(claim)
    assert doubt.value.reason == told
    assert "x = unknown\n  2 h old" in str(doubt.value)


@pytest.mark.parametrize("join", [operator.and_, operator.or_, operator.xor])
@pytest.mark.parametrize("other", [True, "claim"])
def test_claims_are_not_joined_with_operators(join, other):
    """`a < 1 & b < 2` means something else than it says."""
    claim = check(True, "x")
    other = check(True, "y") if other == "claim" else other

    for ask in (lambda: join(claim, other), lambda: join(other, claim)):
        with pytest.raises(QuestionError) as refused:
            ask()
        message = "claims are not joined with '&': assert each of them, so that each is proven"
        assert str(refused.value) == message


def test_claims_are_not_negated_with_a_tilde():
    with pytest.raises(QuestionError) as refused:
        ~check(True, "x")
    message = "claims are not negated with '~': write the comparison the other way round"
    assert str(refused.value) == message


def test_numpy_does_not_swallow_claims():
    """`np.array` and `claim` do not become an array of objects; the claim itself answers."""
    claim = check(True, "x")

    for join in (operator.and_, operator.or_, operator.xor):
        with pytest.raises(QuestionError, match="not joined"):
            join(np.array([True]), claim)
    with pytest.raises(TypeError):
        np.float64(1) + claim


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


def test_a_gate_is_calling_only_while_it_runs():
    """What is claimed before and after is made by fixtures."""
    gate = GateClaims()
    seen = [gate.calling]
    for calling in (False, True):
        with judging(gate, calling=calling):
            seen.append(gate.calling)
        seen.append(gate.calling)

    assert seen == [False, False, False, True, False]


def test_a_thread_finds_the_gate_of_its_process():
    """It has a context of its own, in which no gate was set; of nested gates the inner one is running."""
    seen = []
    outer, inner = GateClaims(), GateClaims()

    def look():
        seen.append(running_gate())

    for gates in ((outer,), (outer, inner), ()):
        with ExitStack() as running:
            for gate in gates:
                running.enter_context(judging(gate, calling=True))
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()

    assert seen == [outer, inner, None]


def test_a_context_of_a_gate_that_ended_finds_none():
    """A task that outlives its gate joins whichever runs now, and never a gate that was judged."""
    ended, now = GateClaims(), GateClaims()
    with judging(ended, calling=True):
        kept = copy_context()

    assert kept.run(running_gate) is None
    with judging(now, calling=True):
        assert kept.run(running_gate) is now


def test_a_context_finds_its_own_gate_before_others():
    """Two gates at once in one process, each in a context of its own."""
    one, other = GateClaims(), GateClaims()
    with judging(one, calling=True):
        first = copy_context()
        with judging(other, calling=True):
            assert first.run(running_gate) is one
            assert running_gate() is other


def test_a_gate_that_ended_gives_way_to_the_one_around_it():
    """Not to one that began later somewhere else."""
    around, inner, elsewhere = GateClaims(), GateClaims(), GateClaims()
    with judging(around, calling=True):
        with judging(inner, calling=True):
            pass
        other, later = copy_context(), judging(elsewhere, calling=True)
        other.run(later.__enter__)
        found = running_gate()
        other.run(later.__exit__, None, None, None)

    assert found is around


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

    assert describe(facts) == [
        "p99 = 12 ms   limit < 10 ms",
        "the cache is cold",
        "warm it",
        "telemetry, SELECT 1, as of 2026-11-01 09:00:00 UTC, order statistics, n = 1270",
        "action: reduce the weight",
        "runbook: #issue-4",
    ]


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        pytest.param({"truth": PROVEN, "subject": "x = 1", "action": "page", "runbook": "y"}, ["x = 1"], id="proven"),
        pytest.param({"truth": INCONCLUSIVE, "subject": "x = 1", "action": "page"}, ["x = 1"], id="doubt"),
        pytest.param({"truth": REFUTED, "subject": "x = 1"}, ["x = 1"], id="refuted-without-an-action"),
        pytest.param({"truth": REFUTED, "subject": "x = 1", "action": "page"}, ["x = 1", "action: page"], id="action"),
        pytest.param({"truth": REFUTED, "subject": "x = 1", "runbook": "y"}, ["x = 1", "runbook: y"], id="runbook"),
        pytest.param({"truth": PROVEN, "method": "fact", "limit": "< 1"}, ["text"], id="fact"),
        pytest.param({"truth": REFUTED, "method": "fact"}, ["not so: text"], id="fact-that-is-not-so"),
        pytest.param({"truth": REFUTED, "method": "assert"}, ["not so: text"], id="assert"),
    ],
)
def test_a_claim_is_described_by_what_it_has(facts, lines):
    """An action is told only when there is one to take."""
    assert describe(ClaimFacts(text="text", **facts)) == lines


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"source": "telemetry", "n": 5}, "telemetry, n = 5", id="source-and-n"),
        pytest.param({"n": 0}, "", id="no-rows"),
        pytest.param({"window": "1 h", "at": "2026-11-01T09:00:00+00:00"}, "1 h", id="window-before-instant"),
        pytest.param({"method": "fact"}, "", id="fact"),
        pytest.param({"method": "assert"}, "", id="assert"),
        pytest.param({"method": "reading"}, "", id="reading"),
        pytest.param({"method": "bootstrap"}, "bootstrap", id="method"),
        pytest.param({"query": "q" * 60}, "q" * 60, id="query-that-fits"),
        pytest.param({"query": "q" * 61}, "q" * 59 + "…", id="query-that-does-not"),
    ],
)
def test_the_origin_of_a_number_is_one_line(facts, line):
    assert origin(ClaimFacts(text="x", truth=PROVEN, **facts)) == line


def test_a_whole_query_can_be_asked_for():
    """For the receipt's reader; the screen gets the beginning."""
    assert (
        origin(ClaimFacts(text="x", truth=PROVEN, query="SELECT\n" * 100), whole_query=True)
        == "SELECT " * 99 + "SELECT"
    )


def test_text_of_a_claim():
    claim = check(False, "the flag is off")

    assert str(claim) == "not so: the flag is off"
    assert repr(claim) == "<refuted: not so: the flag is off>"
    assert str(Claim(ClaimFacts(text="x", truth=REFUTED, subject="x = 1", why="why"))) == "x = 1\n  why"


@pytest.mark.parametrize(("value", "bound"), [(5.0, 5.0), (math.inf, None), (-math.inf, None), (math.nan, None)])
def test_a_bound_is_a_number_or_null(value, bound):
    assert bounded(value) == bound
