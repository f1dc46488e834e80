"""A claim's facts: the record that travels, and how it is told."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout import Decision, Truth
from pytest_rollout.claim_facts import ClaimFacts, bounded, describe, origin

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


@pytest.mark.parametrize(("value", "bound"), [(5.0, 5.0), (math.inf, None), (-math.inf, None), (math.nan, None)])
def test_a_bound_is_a_number_or_null(value, bound):
    assert bounded(value) == bound
