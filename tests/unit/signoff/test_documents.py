"""What is signed: one text for one document, and no other text for it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.documents import (
    KINDS,
    Approval,
    Revocation,
    Statement,
    as_json,
    digest_of,
    from_json,
    text_of,
)
from pytest_rollout.signoff.signed import Signed, read_signed, write_signed

# What a person may type: anything that a screen shows, with something to see in it.
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
PEOPLE = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,30}", fullmatch=True)
ROLES = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
TIMES = st.integers(0, 3_700_000_000).map(lambda each: datetime.fromtimestamp(each, UTC))
LATER = st.integers(3_800_000_000, 4_100_000_000).map(lambda each: datetime.fromtimestamp(each, UTC))
NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
APPROVALS = st.builds(
    Approval,
    rollout=NAMES,
    phase=NAMES,
    stage=WORDS | st.just(""),
    environment=NAMES,
    role=ROLES,
    principal=PEOPLE,
    verdict_digest=DIGESTS,
    evidence_digest=DIGESTS | st.just(""),
    run_id=WORDS | st.just(""),
    plan_digest=DIGESTS,
    evaluated_at=TIMES,
    signed_at=TIMES,
    expires_at=LATER,
    comment=WORDS | st.just(""),
)
STATEMENTS = st.builds(
    Statement,
    rollout=NAMES,
    phase=NAMES,
    environment=NAMES,
    topic=ROLES,
    says=WORDS,
    principal=PEOPLE,
    role=ROLES,
    made_at=TIMES,
    expires_at=LATER,
)
DOCUMENTS = APPROVALS | STATEMENTS | st.builds(Revocation, of=DIGESTS, principal=PEOPLE, why=WORDS, at=TIMES)


@given(DOCUMENTS)
def test_round_trip(document):
    """Written and read, a document is the same, and so is its text."""
    again = from_json(json.loads(text_of(document)))

    assert again == document
    assert text_of(again) == text_of(document)
    assert text_of(document).endswith("}\n")
    assert list(as_json(document)) == ["kind", *(each.name for each in fields(document))]
    assert list(json.loads(text_of(document))) == sorted(as_json(document))


@given(DOCUMENTS, st.text(max_size=40))
def test_round_trip_of_a_signed_file(document, signature):
    """The file, too."""
    signed = Signed(document, signature)

    assert Signed.parse(signed.render().encode()) == signed
    assert "/" not in signed.file_name


@given(APPROVALS, APPROVALS)
def test_documents_that_differ_have_texts_that_differ(one, other):
    """So a signature is over one document only."""
    assert (text_of(one) == text_of(other)) is (one == other)
    assert (digest_of(one) == digest_of(other)) is (one == other)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_refused(office, data):
    """Of the whole file: changed, taken out, put in."""
    good = office.signed(office.approval(comment="ok, für alle")).render().encode()
    place = data.draw(st.integers(0, len(good) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    edited = data.draw(
        st.sampled_from(
            [
                good[:place] + byte + good[place + 1 :],
                good[:place] + good[place + 1 :],
                good[:place] + byte + good[place:],
            ]
        )
    )
    try:
        found = [Signed.parse(edited)]
    except SignoffError:
        return

    assert office.verify(*found).complete is (edited == good)


@pytest.mark.parametrize("field", ["comment", "stage", "run_id"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a\nb", "with a line break", id="line-break"),
        pytest.param("a\u202eb", "a character that nobody sees", id="right-to-left"),
        pytest.param("a\x1b[2Kb", "a character that nobody sees", id="escape"),
        pytest.param("a\u200bb", "a character that nobody sees", id="zero-width"),
        pytest.param("\ud800", "a character that nobody sees", id="surrogate"),
        pytest.param("x" * 1001, "longer than 1000 characters", id="long"),
        pytest.param("  ", "it is empty", id="blank"),
    ],
)
def test_a_text_that_would_be_signed_unseen(office, field, text, said):
    """Whoever signs must see on the screen what it says."""
    with pytest.raises(SignoffError, match=f"approval: {field}: .*{said}"):
        office.approval(**{field: text})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict_digest": "abc"}, "verdict_digest: 'abc' is no SHA-256"),
        ({"verdict_digest": ""}, "verdict_digest: it is empty"),
        ({"plan_digest": "A" * 64}, "is no SHA-256"),
        ({"principal": "*"}, r"principal: '\*' cannot be a principal"),
        ({"principal": "-f"}, "'-f' cannot be a principal"),
        ({"principal": "../x"}, "cannot be a principal"),
        ({"principal": "a,b"}, "cannot be a principal"),
        ({"role": "Product"}, "role: 'Product' cannot be a role"),
        ({"phase": ""}, "phase: it is empty"),
        ({"phase": "../x"}, "phase: '../x' cannot be a phase"),
        ({"rollout": "Shop"}, "rollout: 'Shop' cannot be a rollout"),
        ({"comment": 5}, "comment: a text is wanted, not int"),
        (
            {"signed_at": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)},
            "signed_at: a time with its offset from UTC is wanted",
        ),
        ({"signed_at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "is not UTC, in whole seconds"),
        ({"signed_at": datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)}, "is not UTC, in whole seconds"),
        ({"expires_at": datetime(2026, 11, 25, 11, tzinfo=UTC)}, "expires_at: 2026-11-25T11:00:00.00:00 is not after"),
        ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "expires_at: 2026-01-01T00:00:00.00:00 is not after"),
    ],
)
def test_a_field_that_is_not_sound(office, changes, said):
    """No document is made of it."""
    with pytest.raises(SignoffError, match=said):
        office.approval(**changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: [value], "a document is a JSON object, not list"),
        (lambda value: value | {"kind": "aproval"}, "unknown kind of document 'aproval'"),
        (lambda value: value | {"kind": 5}, "unknown kind of document 5"),
        (lambda value: value | {"extra": "x"}, "missing: none; unknown: extra"),
        (lambda value: {k: v for k, v in value.items() if k != "phase"}, "missing: phase; unknown: none"),
        (lambda value: value | {"phase": None}, "every field is a text; phase is none"),
        (lambda value: value | {"phase": ["canary"]}, "every field is a text; phase is none"),
        (lambda value: value | {"signed_at": "yesterday"}, "signed_at: 'yesterday' is no time"),
        (lambda value: value | {"signed_at": "2026-11-25T11:00:00Z"}, "a time is not written as 2026-11-01T09"),
        (lambda value: value | {"signed_at": "2026-11-25T12:00:00+01:00"}, "is not UTC"),
    ],
)
def test_json_that_is_no_document(office, change, said):
    """Nothing is guessed, and no second way of writing is taken."""
    with pytest.raises(SignoffError, match=said):
        from_json(change(as_json(office.approval())))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a signed document is an object with 'document' and 'signature'"),
        ('{"document": {}}', "and nothing else"),
        ('{"document": {}, "signature": 5}', "its signature is no text"),
        ("[" * 100_000, "larger than 32 KiB"),
        ("[" * 10_000, "nested too deeply|not JSON"),
        ("\udcff", "not JSON that can be read in one way only"),
        ("", "not JSON"),
    ],
)
def test_bytes_that_are_no_signed_document(text, said):
    """With the reason."""
    with pytest.raises(SignoffError, match=said):
        Signed.parse(text.encode("utf-8", "surrogateescape"))


def test_each_kind_has_a_namespace_of_its_own():
    """Or one signature could serve as another."""
    assert len({kind.namespace for kind in KINDS.values()}) == len(KINDS) == 3
    assert all(kind.namespace.startswith("rollout-") for kind in KINDS.values())
    assert Statement.kind == "human statement"


def test_files_are_written_whole_and_read_back(office):
    """With names that say what they are; nothing else is left."""
    documents = [office.approval(stage="25 %"), office.statement()]
    signed = [office.signed(each) for each in documents]
    signed.append(office.signed(office.revocation(signed[0])))
    for each in signed:
        write_signed(office.folder, each)

    names = sorted(path.name for path in (office.folder / "approvals").iterdir())
    assert names == sorted(each.file_name for each in signed)
    assert [name.rpartition("-")[0] for name in names] == [
        "canary-product-anna@example.com",
        "canary-statement-survey-anna@example.com",
        "revocation-ben@example.com",
    ]
    assert sorted(read_signed(office.folder), key=lambda each: each.digest) == sorted(signed, key=lambda x: x.digest)


def test_a_folder_that_cannot_be_written_to(office):
    """Is an error, and nothing is left."""
    (office.folder / "approvals").write_text("a file", "utf-8")

    with pytest.raises(SignoffError, match="approvals cannot be written to"):
        write_signed(office.folder, office.signed(office.approval()))
    with pytest.raises(SignoffError, match="approvals cannot be read"):
        read_signed(office.folder)


def test_no_folder_is_nothing_signed(tmp_path):
    """A rollout without approvals has none, which is no error."""
    assert read_signed(tmp_path) == ()


def test_very_many_files_are_refused(tmp_path):
    """Before any of them is read."""
    (tmp_path / "approvals").mkdir()
    for each in range(2001):
        (tmp_path / "approvals" / f"{each}.json").touch()

    with pytest.raises(SignoffError, match="holds 2001 files, more than 2000"):
        read_signed(tmp_path)


def test_line_endings_that_git_changed_are_named(office):
    """The most likely way in which a file changes without anybody's wish."""
    data = office.signed(office.approval()).render().encode().replace(b"\n", b"\r\n")

    with pytest.raises(SignoffError, match=r"in \.gitattributes: approvals/\*\.json -text"):
        Signed.parse(data)


def test_documents_are_frozen(office):
    """A change makes another document, with another digest."""
    approval = office.approval()

    assert digest_of(replace(approval, comment="x")) != digest_of(approval)
