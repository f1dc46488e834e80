"""Exact values that are no numbers: equal or not, or unknown."""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout import Fact, Inconclusive, Truth
from pytest_rollout.errors import QuestionError
from pytest_rollout.provenance import Provenance

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "other", "equal"),
    [
        (True, True, PROVEN),
        (True, False, REFUTED),
        (False, False, PROVEN),
        ("blue", "blue", PROVEN),
        ("blue", "green", REFUTED),
        ("", "", PROVEN),
    ],
)
def test_a_fact_is_equal_or_not(value, other, equal):
    opposite = REFUTED if equal is PROVEN else PROVEN

    assert (Fact(value) == other).truth is (other == Fact(value)).truth is equal
    assert (Fact(value) != other).truth is (other != Fact(value)).truth is opposite


@pytest.mark.parametrize("sign", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", [True, "blue", 5, None])
def test_an_unknown_fact_answers_nothing(sign, other):
    """Whatever it is compared with: nobody knows of which kind it would be."""
    claim = sign(Fact(None, "flag", "no such flag"), other)

    assert (claim.truth, claim.facts.reason, claim.facts.why) == (INCONCLUSIVE, "no-data", "no such flag")
    with pytest.raises(Inconclusive, match="no such flag"):
        assert claim


@pytest.mark.parametrize("other", [1, 0, "true", None, 1.0, ["x"]])
def test_values_of_another_kind_are_refused(other):
    """A switch is not 1: `True == 1` would prove something by accident."""
    for sign in (operator.eq, operator.ne):
        with pytest.raises(QuestionError, match="not comparable"):
            sign(Fact(True, "flag"), other)


@pytest.mark.parametrize("sign", [operator.lt, operator.le, operator.gt, operator.ge])
def test_a_known_fact_has_no_order(sign):
    with pytest.raises(QuestionError, match="neither above nor below"):
        sign(Fact("blue", "colour"), "green")


def test_a_fact_is_not_tested():
    """`assert flags("x")` would pass for the word "off"."""
    with pytest.raises(QuestionError, match="is compared, not tested: write `assert "):
        assert Fact(True, "flag")


def test_a_fact_is_exact():
    """It stands outside the correction for chance."""
    assert (Fact(True) == False).facts.alpha == 0  # noqa: E712 - makes a claim
    assert (Fact(True) == True).facts.alpha == 1  # noqa: E712 - as above
    assert (Fact(True) == True).facts.confidence == 1  # noqa: E712 - as above


def test_a_claim_of_a_fact_tells_what_was_seen():
    provenance = Provenance(source="flags", at=datetime(2026, 11, 1, tzinfo=UTC), age=timedelta(seconds=1))
    claim = Fact(True, "blend", provenance=provenance, sources=frozenset({3})) == False  # noqa: E712 - makes a claim

    facts = claim.facts
    assert (facts.text, facts.subject, facts.limit) == ("blend == False", "blend = True", "== False")
    assert (facts.source, facts.age, facts.value) == ("flags", 1, True)
    assert claim.sources == {3}


def test_facts_can_be_kept_in_sets():
    one, other = Fact(True), Fact(True)

    assert len({one, other, one}) == 2
