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

from pytest_rollout import Claim, Estimate, Inconclusive, Reading, Truth, check
from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.claims import GateClaims, judging, running_gate
from pytest_rollout.errors import QuestionError

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE


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


def test_text_of_a_claim():
    claim = check(False, "the flag is off")

    assert str(claim) == "not so: the flag is off"
    assert repr(claim) == "<refuted: not so: the flag is off>"
    assert str(Claim(ClaimFacts(text="x", truth=REFUTED, subject="x = 1", why="why"))) == "x = 1\n  why"
