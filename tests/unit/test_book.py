"""What was planned and answered survives every way it travels."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.book import Answer, Book, Ended, PlannedGate, pack, unpack
from pytest_rollout.claims import ClaimFacts, Truth
from pytest_rollout.decisions import Decision, Reason

gates = st.builds(
    PlannedGate,
    id=st.text(),
    nodeid=st.text(),
    rollout=st.text(),
    phases=st.lists(st.text(), max_size=3).map(tuple),
    title=st.text(),
    owner=st.text(),
    severity=st.text(),
    runbook=st.text(),
    rollback=st.booleans(),
    shadow_until=st.one_of(st.none(), st.dates()),
    shadow_why=st.text(),
)
facts = st.builds(
    ClaimFacts,
    text=st.text(),
    truth=st.sampled_from(Truth),
    value=st.one_of(st.none(), st.floats(allow_nan=False), st.booleans(), st.text()),
    alpha=st.floats(0, 1),
    decision=st.one_of(st.none(), st.sampled_from(Decision)),
    why=st.text(),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["ended", "reason", "message", "claims", "planned", "x"]), inner, max_size=4),
    ),
    max_leaves=10,
)


@given(gates)
def test_a_gate_comes_back_from_json(gate):
    assert PlannedGate.from_json(json.loads(json.dumps(gate.as_json()))) == gate


@given(st.sampled_from(Ended), st.text(), st.text(), st.lists(facts, max_size=3), st.sampled_from(["passed", "failed"]))
def test_an_answer_comes_back_from_its_report(ended, reason, message, claims, outcome):
    """Odd characters, lone surrogates and infinities included: execnet carries a string."""
    packed = pack(ended, reason=reason, message=message, claims=claims)

    assert packed.isascii()
    assert unpack("id", "call", outcome, packed, expected_failure=True) == Answer(
        nodeid="id",
        when="call",
        outcome=outcome,
        expected_failure=True,
        ended=ended,
        reason=reason,
        message=message,
        claims=tuple(claims),
    )


def test_nan_in_a_claim_does_not_lose_the_answer():
    """It comes back as NaN; nothing is made up."""
    answer = unpack(
        "id", "call", "passed", pack(Ended.PASSED, claims=[ClaimFacts(text="x", truth=Truth.PROVEN, value=math.nan)])
    )

    assert answer.ended is Ended.PASSED
    assert isinstance(answer.claims[0].value, float)
    assert math.isnan(answer.claims[0].value)


def test_a_value_that_json_does_not_know_becomes_its_text():
    answer = unpack(
        "id",
        "call",
        "passed",
        pack(Ended.PASSED, claims=[ClaimFacts(text="x", truth=Truth.PROVEN, n=date(2026, 1, 1))]),
    )  # type: ignore[arg-type]  # what is tested

    assert answer.claims[0].n == "2026-01-01"


@pytest.mark.parametrize("packed", [None, 5, b"{}", ["x"]])
def test_a_report_without_a_record_says_nothing(packed):
    """The worker died: `ended` is None, and the gate is missing."""
    answer = unpack("id", "call", "passed", packed)

    assert (answer.ended, answer.outcome, answer.claims) == (None, "passed", ())


@pytest.mark.parametrize(
    "packed",
    [
        "",
        "{",
        "[1]",
        '"text"',
        "5",
        '{"ended": "passed"}',
        '{"ended": "passed", "claims": []}',
        '{"ended": "passed", "claims": [], "reason": ""}',
        '{"ended": "green", "claims": [], "reason": "", "message": ""}',
        '{"ended": "passed", "claims": 5, "reason": "", "message": ""}',
        '{"ended": "passed", "claims": [5], "reason": "", "message": ""}',
        '{"ended": "passed", "claims": [{}], "reason": "", "message": ""}',
        '{"ended": "passed", "claims": "x", "reason": "", "message": ""}',
        '{"ended": ["passed"], "claims": [], "reason": "", "message": ""}',
        "[" * 100_000,
    ],
)
def test_a_record_that_cannot_be_read_is_an_error(packed):
    """Never a pass, never an exception."""
    answer = unpack("id", "call", "passed", packed)

    assert answer.ended is Ended.ERROR
    assert "could not be read" in answer.message


@given(json_values)
def test_whatever_a_record_is_it_is_answered(value):
    answer = unpack("id", "call", "passed", json.dumps(value))

    if answer.ended is Ended.PASSED:
        assert isinstance(value, dict)
        assert value["ended"] == "passed"


def test_pages_come_back(tmp_path, make_gate):
    """What one worker enters is what the controller reads, once however often it reads."""
    page = Book()
    page.plan(make_gate("test_a[ü \n ☃]", rollback=True, shadow_until=date(2026, 12, 1)))
    page.deselected.add("gates/test_x.py::test_b")
    page.functions.add(("/x/test_x.py", "TestA.test_a"))
    page.trouble(Reason.MISSING, "a sentence")
    page.write_page(tmp_path, "gw0")
    Book().write_page(tmp_path, "gw1")

    book = Book()
    for _ in range(2):
        book.read_pages(tmp_path)

    assert (book.planned, book.deselected, book.functions, book.troubles) == (
        page.planned,
        page.deselected,
        page.functions,
        page.troubles,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gw0.page", "gw1.page"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"{}",
        b'{"planned": 5}',
        b'{"planned": [5]}',
        b'{"planned": [{}]}',
        b'{"planned": [{"phases": "phase1", "shadow_until": null}]}',
        b'{"planned": [{"phases": ["p"], "shadow_until": "tomorrow"}]}',
        b'{"planned": [], "deselected": 5}',
        b'{"planned": [], "deselected": [[]]}',
        b'{"planned": [], "deselected": [], "functions": [5]}',
        b'{"planned": [], "deselected": [], "functions": [["x"]]}',
        b'{"planned": [], "deselected": [], "functions": [], "troubles": [["no-such-code", "x"]]}',
        b"[" * 100_000,
    ],
)
def test_a_page_that_cannot_be_read_is_a_trouble(tmp_path, text):
    """Not a gap: a worker whose gates nobody knows holds the release."""
    (tmp_path / "gw0.page").write_bytes(text)
    book = Book()

    book.read_pages(tmp_path)

    assert [reason for reason, _ in book.troubles] == [Reason.MISSING]
    assert "gw0" in book.troubles[0][1]


def test_a_page_that_is_a_folder_is_a_trouble(tmp_path):
    (tmp_path / "gw0.page").mkdir()
    book = Book()
    book.read_pages(tmp_path)

    assert book.troubles


def test_one_bad_page_does_not_hide_the_others(tmp_path, make_gate):
    (tmp_path / "gw0.page").write_text("{", encoding="utf-8")
    page = Book()
    page.plan(make_gate())
    page.write_page(tmp_path, "gw1")

    book = Book()
    book.read_pages(tmp_path)

    assert len(book.planned) == len(book.troubles) == 1


def test_an_unfinished_page_is_not_read(tmp_path):
    (tmp_path / "gw0.page.part").write_text("{", encoding="utf-8")
    book = Book()
    book.read_pages(tmp_path)

    assert not book.troubles


def test_answers_keep_their_order(make_gate, make_round):
    gate, book = make_gate(), Book()
    for answer in make_round(gate):
        book.answer(answer)

    assert [answer.when for answer in book.answers[gate.nodeid]] == ["setup", "call", "teardown"]
