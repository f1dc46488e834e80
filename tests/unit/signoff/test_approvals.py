"""Who has signed, who is awaited, and what a caller must not ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.approvals import awaited
from pytest_rollout.signoff.grounds import Ground
from pytest_rollout.signoff.signed import Signed, Unread

BEN = {"principal": "ben@example.com", "role": "engineering"}


def test_nobody_has_signed_yet(office):
    """Who could is said, and who may not here is left out."""
    signoff = office.verify(roles={"product": 1, "engineering": 2})

    assert not signoff.complete
    assert awaited(signoff) == (
        "product: 0 of 1 signed; awaited: 1 of anna@example.com",
        "engineering: 0 of 2 signed; awaited: 2 of anna@example.com, ben@example.com",
    )


def test_both_roles_have_signed(office):
    """Each with its name and times."""
    signoff = office.verify(
        office.signed(office.approval()),
        office.signed(office.approval(**BEN)),
        roles={"product": 1, "engineering": 1},
    )

    assert signoff.complete
    assert awaited(signoff) == (
        "product: 1 of 1 signed by anna@example.com (2026-11-25 11:00 UTC, until 2026-12-01 12:00)",
        "engineering: 1 of 1 signed by ben@example.com (2026-11-25 11:00 UTC, until 2026-12-01 12:00)",
    )


def test_a_quorum_that_nobody_can_reach_is_said(office):
    """Anna is the author, so nobody is left who could sign for product."""
    signoff = office.verify(roles={"product": 1}, authors={"Anna Schmidt"})

    assert awaited(signoff) == ("product: 0 of 1 signed; awaited: 1, and only 0 in approvers.yaml could sign",)


def test_who_has_signed_is_not_awaited_again(office):
    """Nor in another role, where a person counts once."""
    signoff = office.verify(office.signed(office.approval()), roles={"product": 1, "engineering": 2})

    assert signoff.roles[1].could_sign == ("ben@example.com",)
    assert signoff.roles[1].missing == 2


def test_one_person_in_two_roles_where_the_plan_lets_them(office):
    """`distinct=False`: two signatures are still needed, one a role."""
    both = [office.signed(office.approval()), office.signed(office.approval(role="engineering"))]
    roles = {"product": 1, "engineering": 1}

    assert office.verify(*both, roles=roles, distinct=False).complete
    assert not office.verify(*both[:1], roles=roles, distinct=False).complete
    assert not office.verify(*both, roles=roles).complete


def test_what_is_about_something_else_is_refused_and_not_shown(office):
    """The approvals of earlier phases stay where they are, and are no cause for alarm."""
    signoff = office.verify(office.signed(office.approval(phase="shadow")), office.signed(office.approval()))

    assert signoff.complete
    assert [each.ground for each in signoff.refused] == [Ground.OTHER_PHASE]
    assert len(awaited(signoff)) == 1


def test_what_does_not_count_is_shown_with_its_file(office):
    """So that it can be found."""
    signoff = office.verify(replace(Signed(office.approval(), ""), origin="approvals/x.json"))

    assert awaited(signoff)[1] == (
        "approvals/x.json: approval by anna@example.com as product of 2026-11-25 11:00 UTC does not count[unsigned]: "
        "no SSH signature stands there"
    )


def test_one_document_from_two_places_is_one(office):
    """A file that is in the ledger, too."""
    signed = office.signed(office.approval())

    assert office.verify(signed, replace(signed, origin="ledger")).refused == ()


def test_a_bad_copy_takes_nothing_from_the_good_one(office):
    """Whichever comes first."""
    good = office.signed(office.approval())

    for found in ([good, Signed(good.document, "")], [Signed(good.document, ""), good]):
        signoff = office.verify(*found)
        assert signoff.complete
        assert len(signoff.refused) == 1


def test_the_earlier_signature_of_two_stands(office, now):
    """In whatever order they are found."""
    late = office.signed(office.approval())
    early = office.signed(office.approval(signed_at=now - timedelta(minutes=100)))

    for found in ([late, early], [early, late]):
        assert office.verify(*found).roles[0].signed == (early.document,)


def test_a_signature_after_a_revocation_counts(office, now):
    """Only what was taken back is gone."""
    first, second = office.signed(office.approval()), office.signed(office.approval(comment="now I am sure"))

    signoff = office.verify(first, office.signed(office.revocation(first)), second)

    assert signoff.complete
    assert [each.ground for each in signoff.refused] == [Ground.REVOKED]


def test_statements_and_approvals_do_not_mix(office):
    """A human statement never counts as a signature, in whatever number."""
    signoff = office.verify(office.signed(office.statement()))

    assert signoff.refused == ()
    assert signoff.roles[0].missing == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"roles": {}}, "approvals of nobody are none"),
        ({"roles": {"product": 0}}, "with a number of at least 1"),
        ({"roles": {"product": 1, "engineering": -1}}, "with a number of at least 1"),
    ],
)
def test_a_quorum_of_nobody_is_refused(office, more, said):
    """Or it would be complete from the start."""
    with pytest.raises(SignoffError, match=said):
        office.verify(**more)


def test_a_check_without_a_zone_is_refused(office, now):
    """A local time could make an expired approval count."""
    with pytest.raises(SignoffError, match="needs an offset from UTC"):
        office.verify(at=now.replace(tzinfo=None))


def test_edges_of_time(office, now):
    """A verdict exactly as old as allowed counts; clocks may differ by a minute."""
    signed = office.signed(office.approval())
    ahead = office.signed(office.approval(signed_at=now + timedelta(seconds=60)))
    before = office.signed(office.approval(evaluated_at=now - timedelta(minutes=59)))

    assert office.verify(signed, max_age=timedelta(hours=2)).complete
    assert not office.verify(signed, max_age=timedelta(hours=2) - timedelta(seconds=1)).complete
    assert office.verify(signed, max_age=None).complete
    assert office.verify(ahead).complete
    assert office.verify(before).complete


def test_known_verdicts(office):
    """Where the ledger is asked, the verdict must be in it."""
    signed = office.signed(office.approval())

    assert office.verify(signed, known_verdicts={signed.document.verdict_digest}).complete
    assert not office.verify(signed, known_verdicts=()).complete


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_adding_anything_never_makes_more_than_one_signature_a_person(office, data):
    """However many documents lie there, a quorum is of persons."""
    made = [
        office.approval(comment=comment, role=role, **({"principal": "ben@example.com"} if ben else {}))
        for comment, role, ben in data.draw(
            st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["product", "engineering"]), st.booleans()))
        )
    ]
    found = [office.signed(each) for each in made]
    broken = data.draw(st.lists(st.sampled_from([Unread("x", "y"), Signed(office.approval(), "")])))

    signoff = office.verify(*found, *broken, roles={"product": 1, "engineering": 2})

    signers = [each.principal for standing in signoff.roles for each in standing.signed]
    assert len(signers) == len(set(signers)) <= 2
    assert not signoff.complete
    assert len({(each.document, each.signature) for each in found}) + len(
        {each for each in broken if isinstance(each, Signed)}
    ) + len([each for each in broken if isinstance(each, Unread)]) == len(signers) + len(signoff.refused)
