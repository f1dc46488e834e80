"""What an entry is, what its digest covers, and what cannot be written."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import LedgerError
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import COLUMNS, Draft, Kind, Row, canonical, digest_of, entry_of, row_of
from pytest_rollout.ledger.transfer import line_of, read_line
from pytest_rollout.verdict import Because, Verdict

AT = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.text(), VALUES, max_size=4)


def draft(**more) -> Draft:
    return Draft(**{"kind": Kind.STATEMENT, "rollout": "shop", "environment": "production", "at": AT} | more)


def row(made: Draft, **more):
    return row_of(made, **{"sequence": 1, "recorded_at": AT, "previous": ""} | more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"at": datetime(2026, 11, 7)}, "has no zone"),  # noqa: DTZ001 - what is refused
        ({"rollout": ""}, "rollout of a ledger's entry"),
        ({"environment": ""}, "environment of a ledger's entry"),
        ({"phase": "a\nb"}, "not printable"),
        ({"stage": "x" * 201}, "too long"),
        ({"once": "\ud800"}, "not printable"),
        ({"body": {"x": float("nan")}}, "no JSON"),
        ({"body": {"x": float("inf")}}, "JSON"),
        ({"body": {"x": AT}}, "no JSON"),
        ({"body": {1: "x"}}, "a key that is no text"),
        ({"body": {"x": [{2: "x"}]}}, "a key that is no text"),
        ({"detail": {1, 2}}, "no JSON"),
    ],
)
def test_what_cannot_be_written(more, said):
    with pytest.raises(ValueError, match=said):
        draft(**more)


@given(BODIES, BODIES)
def test_a_body_comes_back_as_it_was(body, detail):
    """Through its row, its line, and back."""
    stored = row(draft(body=body, detail=detail))
    text = canonical(detail)

    assert dict(entry_of(stored).body) == body
    assert read_line(line_of(stored, text), 1) == (stored, text)
    assert "\n" not in line_of(stored, text)


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(body, chance):
    keys = list(body)
    chance.shuffle(keys)

    assert canonical({key: body[key] for key in keys}) == canonical(body)


@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_a_digest_covers_every_field(column):
    """Whatever is changed, the entry is no longer believed; so also where somebody puts another type."""
    made = draft(phase="phase1", stage="5 %", once="a", body={"x": 1}, detail=[1])
    stored = list(row(made, sequence=7, previous="p"))
    for value in (8, "x", None, b"x"):
        forged = [*stored[:column], value, *stored[column + 1 :]]
        with pytest.raises(LedgerError, match="not what was written"):
            entry_of(Row._make(forged))


def test_fields_cannot_be_pushed_into_one_another():
    """A line break in a field is one line more than any entry that was written has."""
    stored = list(row(draft(phase="phase1", stage="5 %")))
    stored[4], stored[5] = "phase1\n5 %", ""

    assert digest_of(Row._make(stored)) != stored[11]


def test_a_kind_that_this_version_does_not_know_is_not_believed():
    stored = list(row(draft()))
    stored[1] = "prophecy"
    stored[11] = digest_of(Row._make(stored))

    with pytest.raises(LedgerError, match="not what was written"):
        entry_of(Row._make(stored))


def test_the_digest_can_be_computed_by_anybody():
    """As docs/ledger.md says it."""
    stored = row(draft(phase="phase1", body={"b": 1, "a": "ü"}))
    lines = [str(field) for field, name in zip(stored, COLUMNS, strict=True) if name != "digest"]

    assert stored[-1] == '{"a":"\\u00fc","b":1}'
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == stored[11]


def verdict(decision=Decision.HOLD, codes=("hold-time",), **more) -> Verdict:
    facts = {"rollout": "shop", "phase": "phase1", "gates": (), "plan_digest": "p", "evidence_digest": "e"}
    reasons = tuple(Because(code, f"because of {code}") for code in codes)
    return Verdict(**facts | {"decision": decision, "reasons": reasons} | more)


RUN = drafts.Run(run_id="7", mode="live", exit_code=10, git={"commit": "c", "dirty": False})


def made(judged=None, run=RUN, **more):
    return drafts.evaluation(judged or verdict(), run, **{"environment": "production", "at": AT} | more)


def test_what_an_evaluation_keeps(make_gate, make_fact):
    gate = GateVerdict(gate=make_gate(), decision=Decision.PROCEED, claims=(make_fact(),))
    found = made(verdict(gates=(gate,)), stage="5 %")
    detail = found.detail

    assert found.body == {
        "decision": "HOLD", "exit_code": 10, "waiting": True, "reasons": ["hold-time"], "mode": "live",
        "embedded": False, "fault": "",
    }  # fmt: skip
    assert (found.rollout, found.phase, found.stage, found.at) == ("shop", "phase1", "5 %", AT)
    assert (detail["run_id"], detail["commit"], detail["plan_digest"], detail["evidence_digest"]) == (
        "7",
        "c",
        "p",
        "e",
    )
    assert detail["reasons"] == [{"code": "hold-time", "sentence": "because of hold-time", "gate": ""}]
    (kept,) = detail["gates"]
    assert (kept["id"], kept["decision"], kept["claims"], len(kept["claims_digest"])) == (
        gate.gate.id, "PROCEED", 1, 64,
    )  # fmt: skip


def test_outside_a_repository_there_is_no_commit():
    assert made(run=drafts.Run(run_id="7", mode="live", exit_code=0)).detail["commit"] == ""


def test_a_step_that_was_repeated_is_one_evaluation():
    assert made().once == made(at=AT + timedelta(minutes=5)).once


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"run": drafts.Run(run_id="8", mode="live", exit_code=10)}, id="run"),
        pytest.param({"environment": "demo"}, id="environment"),
        pytest.param({"stage": "5 %"}, id="stage"),
        pytest.param({"judged": verdict(phase="phase2")}, id="phase"),
        pytest.param({"judged": verdict(rollout="other")}, id="rollout"),
        pytest.param({"judged": verdict(codes=["no-data"])}, id="reasons"),
        pytest.param({"judged": verdict(Decision.ROLLBACK)}, id="worse"),
        pytest.param({"judged": verdict(Decision.PROCEED, [])}, id="better"),
    ],
)
def test_a_step_that_decides_otherwise_is_another(other):
    """So a retry hides no bad evaluation, and none hides a retry."""
    assert made().once != made(**other).once


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.BASELINE, Kind.APPROVAL, Kind.REVOCATION, Kind.STATEMENT}))
def test_what_has_a_function_of_its_own_is_made_by_it(kind):
    with pytest.raises(ValueError, match="has a function of its own"):
        drafts.recorded(kind, rollout="shop", environment="production", at=AT, body={})
