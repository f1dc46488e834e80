"""`verdict.json`, read back: no go but for a whole, fresh and live one that agrees with itself."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.decisions import Decision, ExitCode
from pytest_rollout.receipt import RECEIPT_NAME, SCHEMA, receipt, write_receipt
from pytest_rollout.receipt_schema import receipt_schema
from pytest_rollout.verdict import Pin
from pytest_rollout.verification import Wanted, pins_of, verify

PROCEED, HOLD, ROLLBACK = Decision.PROCEED, Decision.HOLD, Decision.ROLLBACK
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
WANTED = Wanted(rollout="shop", phase="phase1", environment="production", max_age=timedelta(minutes=15))


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("receipts")


@pytest.fixture(scope="session")
def verified(folder):
    """Verify a document, or the bytes of one; the code and the lines."""

    def verified(document, wanted=WANTED, *, now=AT + timedelta(minutes=1)):
        path = folder / "checked.json"
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return verify(path, wanted, now=now)

    return verified


@pytest.fixture
def document(make_run):
    return receipt(make_run())


def test_no_receipt_no_go(tmp_path):
    for path in (tmp_path / RECEIPT_NAME, tmp_path, tmp_path / "a" / "b", Path("x\0y")):
        assert verify(path, Wanted(), now=AT)[0] == 1
    assert "no receipt, no go" in verify(tmp_path / RECEIPT_NAME, Wanted(), now=AT)[1][0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PROCEED",
        b"{",
        b"[]",
        b"null",
        b"0",
        b"true",
        b'"PROCEED"',
        b"{}",
        b"\xff\xfe\x00",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"schema": [[[[]]]]}',
        b'{"exit_code": ' + b"9" * 10_000 + b"}",
        json.dumps({"schema": SCHEMA}).encode(),
        json.dumps({"schema": SCHEMA, "exit_code": 0, "decision": "PROCEED"}).encode(),
    ],
)
def test_what_is_no_receipt_is_a_hold(verified, data):
    code, lines = verified(data, Wanted())

    assert code == 1
    assert lines


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / RECEIPT_NAME
    with path.open("wb") as file:
        file.truncate(65 * 2**20)

    assert verify(path, Wanted(), now=AT) == (1, [f"{path} is too large to be a receipt"])


def edit(**changes):
    """A forgery: keys of the document, `verdict_…` of its phase, `gate_…` of its gate, `claim_…` of its claim."""

    def forge(document):
        verdict = document["verdicts"][0]
        gate = verdict["gates"][0]
        places = {"verdict": verdict, "gate": gate, "claim": gate["claims"][0]}
        for key, value in changes.items():
            where, _, name = key.partition("__")
            target = places[where] if name else document
            target[name or key] = value
        return document

    return forge


def without(key):
    def forge(document):
        del document[key]
        return document

    return forge


FORGERIES = {
    "exit-code-1": edit(exit_code=1),
    "exit-code-bool": edit(exit_code=False),
    "exit-code-float": edit(exit_code=0.0),
    "exit-code-text": edit(exit_code="0"),
    "exit-code-null": edit(exit_code=None),
    "exit-code-256": edit(exit_code=256),
    "schema": edit(schema="urn:other"),
    "schema-null": edit(schema=None),
    "mode-past": edit(mode="past"),
    "mode-replay": edit(mode="replay"),
    "mode-none": edit(mode=None),
    "decision-lower": edit(decision="proceed"),
    "decision-list": edit(decision=["PROCEED"]),
    "other-environment": edit(environment="demo"),
    "environment-list": edit(environment=["production"]),
    "other-phase": edit(verdict__phase="phase2"),
    "other-rollout": edit(verdict__rollout="other"),
    "phase-holds": edit(verdict__decision="HOLD"),
    "phase-rolls-back": edit(verdict__decision="ROLLBACK"),
    "phase-unknown": edit(verdict__decision="GO"),
    "phase-with-reasons": edit(verdict__reasons=[{"code": "stale", "sentence": "x", "gate": None}]),
    "run-with-reasons": edit(reasons=[{"code": "missing", "sentence": "x", "gate": None}]),
    "no-verdicts": edit(verdicts=[]),
    "verdicts-null": edit(verdicts=None),
    "verdicts-object": edit(verdicts={}),
    "verdicts-text": edit(verdicts="PROCEED"),
    "verdicts-numbers": edit(verdicts=[1]),
    "no-gates": edit(verdict__gates=[]),
    "gates-null": edit(verdict__gates=None),
    "gates-object": edit(verdict__gates={}),
    "gates-text": edit(verdict__gates="x"),
    "gates-numbers": edit(verdict__gates=[1]),
    "gate-holds": edit(gate__decision="HOLD"),
    "gate-decision-null": edit(gate__decision=None),
    "gate-in-shadow": edit(gate__counts=False),
    "gate-counts-null": edit(gate__counts=None),
    "gate-counts-one": edit(gate__counts=1),
    "no-claims": edit(gate__claims=[]),
    "claims-null": edit(gate__claims=None),
    "claims-object": edit(gate__claims={"truth": "proven"}),
    "claims-text": edit(gate__claims="proven"),
    "claim-refuted": edit(claim__truth="refuted"),
    "claim-inconclusive": edit(claim__truth="inconclusive"),
    "claim-true": edit(claim__truth=True),
    "future": edit(evaluated_at="2026-11-20T09:05:00+00:00"),
    "far-future": edit(evaluated_at="9999-12-31T23:59:59-23:59"),
    "long-ago": edit(evaluated_at="0001-01-01T00:00:00+23:59"),
    "stale": edit(evaluated_at="2026-11-20T08:00:00+00:00"),
    "naive": edit(evaluated_at="2026-11-20T09:00:00"),
    "a-day": edit(evaluated_at="2026-11-20"),
    "no-time": edit(evaluated_at="now"),
    "time-null": edit(evaluated_at=None),
    "time-number": edit(evaluated_at=1_795_165_200),
    **{
        f"without-{key}": without(key)
        for key in ("schema", "mode", "decision", "exit_code", "environment", "reasons", "verdicts", "evaluated_at")
    },
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_receipt_is_a_hold(verified, document, name):
    """With every objection in words; never the code that it claims, and never an exception."""
    code, lines = verified(FORGERIES[name](document))

    assert code == 1
    assert all(lines)


def test_without_an_environment_it_is_no_receipt(verified, document):
    """Also when nobody asked for one."""
    del document["environment"]

    assert verified(document, Wanted())[0] == 1


@pytest.mark.parametrize("decision", [HOLD, ROLLBACK])
@pytest.mark.parametrize("code", [0, -1, 256, 512, -256, 2**64, 0.0, False, True, 1.0, None])
def test_no_other_code_of_a_bad_verdict_gets_through(verified, make_run, decision, code):
    """A shell keeps eight bits: 256 would be 0."""
    document = receipt(make_run(decision))
    document["exit_code"] = code

    assert verified(document)[0] == 1


@pytest.mark.parametrize(
    ("decision", "code", "believed"),
    [
        (HOLD, 2, True),
        (HOLD, 5, True),
        (HOLD, 10, False),
        (HOLD, 20, False),
        (ROLLBACK, 1, False),
        (ROLLBACK, 10, False),
        (ROLLBACK, 3, True),
    ],
)
def test_a_status_of_pytests_stands(verified, make_run, decision, code, believed):
    """But a code of ours says what it says."""
    document = receipt(make_run(decision, code=code))
    answered, lines = verified(document)

    assert answered == (code if believed else 1)
    assert len(lines) == 1


@pytest.mark.parametrize(("reasons", "code"), [(["hold-time", "approval"], 10), (["hold-time", "stale"], 1), ([], 1)])
def test_a_healthy_hold_waits_and_nothing_else(verified, make_run, reasons, code):
    document = receipt(make_run(HOLD, code=10))
    document["verdicts"][0]["reasons"] = [{"code": each, "sentence": "x", "gate": None} for each in reasons]

    assert verified(document)[0] == code


def test_a_hold_whose_gate_rolls_back_is_not_believed(verified, make_run):
    """The decision may not be milder than what stands below it."""
    document = edit(gate__decision="ROLLBACK")(receipt(make_run(HOLD)))
    code, lines = verified(document)

    assert code == 1
    assert "ROLLBACK" in lines[0]


@pytest.mark.parametrize("key", ["decision", "exit_code", "schema"])
def test_a_key_that_stands_twice_is_refused(verified, make_run, key):
    """Two readers could see two verdicts."""
    document = receipt(make_run())
    text = json.dumps(document)
    first = json.dumps({key: "HOLD" if key == "decision" else 20})[1:-1]

    code, lines = verified(f"{{{first}, {text[1:]}".encode())

    assert (code, "twice" in lines[0]) == (1, True)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused(verified, document, word):
    text = json.dumps(document).replace('"value": 4.0', f'"value": {word}')

    assert word in text
    assert verified(text.encode())[0] == 1


@pytest.mark.parametrize(
    ("wanted", "good"),
    [
        (Wanted(), True),
        (Wanted(phase="phase1"), True),
        (Wanted(rollout="shop"), True),
        (Wanted(environment="production"), True),
        (Wanted(phase="phase2"), False),
        (Wanted(rollout="other"), False),
        (Wanted(rollout="other", phase="phase1"), False),
        (Wanted(environment="demo"), False),
        (Wanted(environment="prod"), False),
        (Wanted(max_age=timedelta(minutes=2)), True),
        (Wanted(max_age=timedelta(seconds=30)), False),
    ],
)
def test_it_is_about_what_is_wanted(verified, document, wanted, good):
    code, lines = verified(document, wanted)

    assert (code == 0) == good
    assert good or lines


def test_clocks_may_differ_a_little(verified, document):
    assert verified(document, now=AT - timedelta(seconds=59))[0] == 0
    assert verified(document, now=AT - timedelta(seconds=61))[0] == 1


def test_a_receipt_of_several_phases_needs_all_of_them(verified, make_run):
    document = receipt(make_run(verdicts=2))
    document["verdicts"][1] |= {"phase": "phase2", "decision": "HOLD"}

    assert verified(document)[0] == 1


def test_every_objection_is_told_at_once(verified, document):
    _, lines = verified(
        edit(mode="past", environment="demo", exit_code=1, evaluated_at="2026-11-19T09:00:00+00:00")(document)
    )

    assert len(lines) == 4


# -- whatever is in the file -------------------------------------------------------

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=4),
        st.sampled_from(["PROCEED", "HOLD", "proven", 0]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


def places(value, path=()):
    """Every place in a JSON document, as a path of keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutate(document, path, change, value):
    document = copy.deepcopy(document)
    target = document
    for key in path[:-1]:
        target = target[key]
    if change == "delete":
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return document


def genuine(document):
    """Whether a document looks like the receipt of a run that proceeds: said again, from the schema's words."""
    verdicts = document["verdicts"]
    gates = [gate for verdict in verdicts for gate in verdict["gates"] if gate["counts"]]
    return (
        (document["schema"], document["mode"], document["decision"]) == (SCHEMA, "live", "PROCEED")
        and type(document["exit_code"]) is int
        and document["exit_code"] == 0
        and document["environment"] == "production"
        and not document["reasons"]
        and any((each["rollout"], each["phase"]) == ("shop", "phase1") for each in verdicts)
        and all(verdict["decision"] == "PROCEED" and not verdict["reasons"] for verdict in verdicts)
        and all(any(gate["counts"] is True for gate in verdict["gates"]) for verdict in verdicts)
        and all(gate["decision"] == "PROCEED" and gate["claims"] for gate in gates)
        and all(claim["truth"] == "proven" for gate in gates for claim in gate["claims"])
    )


@given(json_values)
def test_no_document_of_another_kind_gives_0(verified, value):
    code, lines = verified(value, Wanted())

    assert (code, bool(lines)) == (1, True)


@given(st.data(), st.sampled_from(Decision), st.sampled_from(["set", "delete"]), json_values)
def test_a_changed_receipt_gives_0_only_while_it_is_one(verified, make_run, data, decision, change, value):
    """One change anywhere: the answer is the code it had, or HOLD; 0 only for what still looks genuine."""
    before = json.loads(json.dumps(receipt(make_run(decision))))
    path = data.draw(st.sampled_from(list(places(before))))
    after = mutate(before, path, change, value)

    code, lines = verified(after)

    assert lines
    assert type(code) in {int, ExitCode}
    assert 0 <= code <= 255
    if code == 0:
        assert genuine(after)
    if decision is not PROCEED:
        assert code != 0


@given(st.data(), st.integers(0, 255))
def test_a_changed_byte_never_makes_a_hold_a_go(verified, make_run, data, byte):
    text = bytearray(json.dumps(receipt(make_run(HOLD))).encode())
    text[data.draw(st.integers(0, len(text) - 1))] = byte

    assert verified(bytes(text))[0] != 0


@given(st.data())
def test_a_receipt_that_was_cut_is_none(verified, make_run, data):
    text = json.dumps(receipt(make_run())).encode()

    assert verified(text[: data.draw(st.integers(0, len(text) - 1))])[0] == 1


def test_the_end_of_the_ledger_is_read_back(make_run, tmp_path):
    pin = Pin(environment="production", entries=7, digest="d" * 64)
    run = make_run()
    pinned = tuple(replace(each, ledger=pin) for each in run.verdict.verdicts)
    path = write_receipt(tmp_path, replace(run, verdict=replace(run.verdict, verdicts=pinned)))

    jsonschema.validate(json.loads(path.read_text("utf-8")), receipt_schema())
    assert pins_of(path) == {("shop", "production"): pin}


@pytest.mark.parametrize("text", [None, "", "no JSON", "[]", "{}", '{"verdicts": [{"rollout": "shop", "ledger": {}}]}'])
def test_what_is_no_receipt_names_no_end(tmp_path, text):
    """Nor one without a ledger, nor one whose ledger was empty."""
    path = tmp_path / RECEIPT_NAME
    if text is not None:
        path.write_text(text, "utf-8")

    assert pins_of(path) == {}


@pytest.mark.parametrize("pin", [None, Pin(environment="production", entries=0, digest="")])
def test_a_receipt_without_an_end(make_run, tmp_path, pin):
    run = make_run()
    pinned = tuple(replace(each, ledger=pin) for each in run.verdict.verdicts)

    assert pins_of(write_receipt(tmp_path, replace(run, verdict=replace(run.verdict, verdicts=pinned)))) == {}
