"""What people said: counted by the person, the newest of each, and never taken for a measurement."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_rollout.signoff.documents import as_json, from_json
from pytest_rollout.signoff.grounds import Ground
from pytest_rollout.signoff.signed import Signed, Unread

BEN = {"principal": "ben@example.com", "role": "engineering"}


def test_a_statement_that_says_what_is_wanted(office):
    """It is shown as what it is, with name and date."""
    heard = office.hear(office.signed(office.statement()))

    assert heard.complete
    (sentence,) = heard.sentences()
    assert sentence == (
        "human statement, not measured: survey: 'neutral or better', said by anna@example.com (product)"
        " at 2026-11-25 11:00 UTC, until 2026-12-24 12:00"
    )


def test_nobody_has_said_anything(office):
    """Silence is no statement."""
    assert not office.hear().complete
    assert not office.hear(needed=0).complete


def test_case_and_blanks_do_not_matter(office):
    """The words do."""
    assert office.hear(office.signed(office.statement(says="Neutral  or better"))).complete
    assert not office.hear(office.signed(office.statement(says="neutral or better?"))).complete


def test_one_contrary_voice_holds(office):
    """However many say what is wanted."""
    worse = office.signed(office.statement(says="worse", **BEN))

    heard = office.hear(office.signed(office.statement()), worse)

    assert not heard.complete
    assert heard.contrary == (worse.document,)


def test_the_newest_of_a_person_counts(office, now):
    """In both directions, and in whatever order they are found."""
    good = office.signed(office.statement())
    worse = office.signed(office.statement(says="worse", made_at=now - timedelta(minutes=5)))
    before = office.signed(office.statement(says="worse", made_at=now - timedelta(hours=5)))

    assert not office.hear(good, worse).complete
    assert not office.hear(worse, good).complete
    heard = office.hear(good, before)
    assert heard.complete
    assert [each.ground for each in heard.refused] == [Ground.REPLACED]


def test_an_older_statement_does_not_become_true_again(office, now):
    """When the newer one has expired."""
    worse = office.statement(says="worse", made_at=now - timedelta(minutes=5), expires_at=now)

    heard = office.hear(office.signed(office.statement()), office.signed(worse))

    assert not heard.complete
    assert {each.ground for each in heard.refused} == {Ground.EXPIRED, Ground.REPLACED}


def test_a_forged_newer_statement_replaces_nothing(office, now):
    """Somebody else cannot silence a person."""
    worse = office.statement(says="worse", made_at=now - timedelta(minutes=5))

    heard = office.hear(office.signed(office.statement()), Signed(worse, ""), office.signed(worse, by="ben"))

    assert heard.complete
    assert {each.ground for each in heard.refused} == {Ground.UNSIGNED, Ground.ANOTHER_PERSON}


def test_two_persons_are_two(office):
    """And one is one, however often they say it."""
    mine, again = office.signed(office.statement()), office.signed(office.statement(says="neutral or better "))
    both = [mine, office.signed(office.statement(**BEN))]

    assert office.hear(*both, needed=2).complete
    assert not office.hear(mine, again, needed=2).complete


@pytest.mark.parametrize(
    ("changes", "asked", "ground"),
    [
        ({"phase": "shadow"}, {}, Ground.OTHER_PHASE),
        ({"rollout": "pay"}, {}, Ground.OTHER_ROLLOUT),
        ({"environment": "demo"}, {}, Ground.OTHER_ENVIRONMENT),
        ({}, {"role": "engineering"}, Ground.OTHER_ROLE),
        ({}, {"max_age": timedelta(minutes=59)}, Ground.OLD),
        ({"role": "legal"}, {}, Ground.ROLE),
        ({"principal": "eve@example.com"}, {}, Ground.UNKNOWN_PERSON),
        ({"principal": "dora@example.com"}, {}, Ground.SCOPE),
    ],
)
def test_a_statement_that_does_not_count(office, changes, asked, ground):
    """On the same grounds as an approval."""
    heard = office.hear(office.signed(office.statement(**changes)), **asked)

    assert [each.ground for each in heard.refused] == [ground]
    assert not heard.complete


def test_times_and_revocations(office, now):
    """Dated in the future, expired, taken back."""
    future = office.signed(office.statement(made_at=now + timedelta(minutes=2)))
    expired = office.signed(office.statement(expires_at=now))
    revoked = office.signed(office.statement())

    assert [each.ground for each in office.hear(future).refused] == [Ground.FUTURE]
    assert [each.ground for each in office.hear(expired).refused] == [Ground.EXPIRED]
    taken = office.hear(revoked, office.signed(office.revocation(revoked)))
    assert [each.ground for each in taken.refused] == [Ground.REVOKED]


@pytest.mark.parametrize("unread", [Unread("approvals/x.json", "damaged")])
def test_what_cannot_be_read_holds(office, unread):
    """It may be the contrary voice."""
    assert not office.hear(office.signed(office.statement()), unread).complete


def test_another_topic_is_not_listed(office):
    """A folder holds statements about many things."""
    heard = office.hear(office.signed(office.statement(topic="tickets")))

    assert heard.refused == ()
    assert not heard.complete


def test_an_approval_is_no_statement(office):
    """Nor can its signature be one's: the kinds have other fields and another namespace."""
    signed = office.signed(office.statement(), namespace="rollout-approval")

    assert [each.ground for each in office.hear(signed).refused] == [Ground.NAMESPACE]
    assert not office.hear(office.signed(office.approval())).complete


def test_its_kind_says_what_it_is(office):
    """Wherever it is written down."""
    written = as_json(office.statement())

    assert written["kind"] == "human statement"
    assert from_json(written) == office.statement()
