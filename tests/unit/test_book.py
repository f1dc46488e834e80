"""What was planned and answered survives every way it travels."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_rollout.book import Answer, Book, Ended, PlannedGate, pack, unpack
from pytest_rollout.claim_facts import ClaimFacts, Truth
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


def test_a_gate_is_ordinary_unless_it_says_more():
    """It counts, and takes nothing back."""
    assert PlannedGate(id="a", nodeid="b", rollout="c", phases=("d",)).as_json() == {
        "id": "a",
        "nodeid": "b",
        "rollout": "c",
        "phases": ("d",),
        "title": "",
        "owner": "",
        "severity": "",
        "runbook": "",
        "rollback": False,
        "trigger": False,
        "rollback_to": "",
        "stages": (),
        "shadow_until": None,
        "shadow_why": "",
        "description": "",
        "line": 0,
    }


def test_a_gate_without_a_list_of_phases_is_refused(make_gate):
    """A word is a sequence as well, of letters that are no phases."""
    with pytest.raises(TypeError, match="phases and stages are lists, not 'phase1'"):
        PlannedGate.from_json({**make_gate().as_json(), "phases": "phase1"})


def test_entries_are_facts(make_gate, make_answer):
    """Made by name, and not changed afterwards."""
    gate = make_gate()

    with pytest.raises(AttributeError):
        gate.rollback = True
    with pytest.raises(AttributeError):
        make_answer(gate).ended = Ended.PASSED
    with pytest.raises(TypeError):
        PlannedGate("id", "nodeid", "rollout", ("phase1",))
    with pytest.raises(TypeError):
        Answer("nodeid", "call", "passed")


def test_an_answer_says_nothing_that_was_not_said():
    """Without a word of its own it is the answer of a process that died, to the first attempt."""
    assert vars(Answer(nodeid="id", when="call", outcome="passed")) == {
        "nodeid": "id",
        "when": "call",
        "outcome": "passed",
        "expected_failure": False,
        "ended": None,
        "reason": "",
        "message": "",
        "claims": (),
        "attempt": 1,
        "subtest": False,
        "seconds": 0.0,
    }


def test_what_travels_is_plain():
    """The words that stand in a worker's report: other versions and other tools may read them."""
    assert json.loads(pack(Ended.PASSED)) == {
        "ended": "passed",
        "reason": "",
        "message": "",
        "claims": [],
        "attempt": 1,
    }
    assert [each.value for each in Ended] == [
        "passed",
        "failed",
        "inconclusive",
        "no-claim",
        "skipped",
        "not-applicable",
        "error",
    ]


@given(
    st.sampled_from(Ended),
    st.text(),
    st.text(),
    st.lists(facts, max_size=3),
    st.sampled_from(["passed", "failed"]),
    st.integers(1, 9),
)
@example(Ended.FAILED, "a reason", "a message", [], "failed", 2)
@example(Ended.FAILED, "a reason", "a message", [ClaimFacts(text="x", truth=Truth.REFUTED)], "failed", 2)
def test_an_answer_comes_back_from_its_report(ended, reason, message, claims, outcome, attempt):
    """Odd characters, lone surrogates and infinities included: execnet carries a string."""
    packed = pack(ended, reason=reason, message=message, claims=claims, attempt=attempt)

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
        attempt=attempt,
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
    assert unpack("id", "call", "passed", packed) == Answer(
        nodeid="id",
        when="call",
        outcome="passed",
        expected_failure=False,
        ended=None,
        reason="",
        message="",
        claims=(),
        attempt=1,
        subtest=False,
    )


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
    assert answer.message.startswith("the gate's record could not be read: ")
    assert (answer.reason, answer.claims, answer.attempt) == ("", (), 1)


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
    page.skipped.add("test_y.py")
    page.uncollected.add("/x/test_z.py")
    page.trouble(Reason.MISSING, "a sentence")
    page.write_page(tmp_path, "gw0")
    Book().write_page(tmp_path, "gw1")

    book = Book()
    for _ in range(2):
        book.read_pages(tmp_path)

    assert book == page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gw0.page", "gw1.page"]


def test_a_page_is_the_same_in_whatever_order_things_were_met(tmp_path):
    """Sets have no order; a file that is compared has one."""
    page = Book()
    for name in ("b", "c", "a"):
        page.deselected.add(name)
        page.functions.add((name, "test"))
        page.skipped.add(name)
        page.uncollected.add(name)
    page.trouble(Reason.MISSING, "a sentence")
    page.write_page(tmp_path, "gw0")

    assert json.loads((tmp_path / "gw0.page").read_text(encoding="utf-8")) == {
        "planned": [],
        "deselected": ["a", "b", "c"],
        "functions": [["a", "test"], ["b", "test"], ["c", "test"]],
        "skipped": ["a", "b", "c"],
        "uncollected": ["a", "b", "c"],
        "troubles": [["missing", "a sentence"]],
    }


def test_pages_of_several_workers_are_joined(tmp_path, make_gate):
    """Also into a book that has entries of its own; troubles come in the order of the workers."""
    for worker in ("gw1", "gw0"):
        page = Book()
        page.plan(make_gate(f"test_{worker}"))
        page.deselected.add(worker)
        page.functions.add((worker, "test"))
        page.skipped.add(worker)
        page.trouble(Reason.MISSING, worker)
        page.write_page(tmp_path, worker)
    book = Book(deselected={"own"}, functions={("own", "test")}, skipped={"own"})

    book.read_pages(tmp_path)

    assert sorted(gate.id for gate in book.planned.values()) == ["test_x.py::test_gw0", "test_x.py::test_gw1"]
    assert book.deselected == book.skipped == {"own", "gw0", "gw1"}
    assert book.functions == {("own", "test"), ("gw0", "test"), ("gw1", "test")}
    assert book.troubles == [(Reason.MISSING, "gw0"), (Reason.MISSING, "gw1")]


def test_a_page_is_written_beside_and_moved(tmp_path):
    """What cannot be moved into place leaves no half page under its name."""
    (tmp_path / "gw0.page").mkdir()

    with pytest.raises(IsADirectoryError):
        Book().write_page(tmp_path, "gw0")
    assert (tmp_path / "gw0.page.part").is_file()


@pytest.mark.parametrize("part", ["planned", "anew", "deselected", "answers", "functions", "skipped", "troubles"])
def test_the_state_of_a_book_changes_with_every_part(make_gate, make_answer, part):
    """Judging is done once for each state: an entry that did not change it would never be judged."""
    gate, other = make_gate(), make_gate("test_b")

    def entered():
        book = Book()
        book.plan(gate)
        book.answer(make_answer(gate))
        return book

    book = entered()
    match part:
        case "planned":
            book.plan(other)
        case "anew":
            book.plan(make_gate(rollback=True))
        case "answers":
            book.answer(make_answer(gate, "teardown"))
        case "troubles":
            book.trouble(Reason.MISSING, "a sentence")
        case _:
            getattr(book, part).add("entry")

    assert entered().state == entered().state
    assert book.state != entered().state


def test_a_trouble_is_entered_once():
    book = Book()
    for sentence in ("one", "two", "one"):
        book.trouble(Reason.MISSING, sentence)

    assert book.troubles == [(Reason.MISSING, "one"), (Reason.MISSING, "two")]


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
    assert book.troubles[0][1].startswith("the list of gates of worker gw0 could not be read: ")


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
