"""Forgeries: every way to pass off a signature for one that counts, each refused with its own reason."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import timedelta

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.documents import as_json, text_of
from pytest_rollout.signoff.grounds import MEANING, Ground
from pytest_rollout.signoff.signed import Signed, Unread, read_signed, write_signed

FORGERIES = {}


def forgery(ground, said):
    """Register a forgery: the ground on which it must be refused, and words of the sentence."""

    def register(make):
        FORGERIES[make.__name__.removeprefix("_")] = (make, ground, said)
        return make

    return register


@forgery(Ground.ALTERED, "not over this document (ssh-keygen: Signature verification failed: incorrect signature)")
def _altered_verdict(office, altered):
    return [altered(office.signed(office.approval()), verdict_digest="e" * 64)], {}


@forgery(Ground.ALTERED, "not over this document")
def _altered_evidence(office, altered):
    return [altered(office.signed(office.approval()), evidence_digest="e" * 64)], {}


@forgery(Ground.ALTERED, "not over this document")
def _approval_of_another_phase_edited_to_this_one(office, altered):
    return [altered(office.signed(office.approval(phase="shadow")), phase="canary")], {}


@forgery(Ground.ALTERED, "not over this document")
def _expiry_moved(office, altered, now):
    old = office.signed(office.approval(expires_at=now - timedelta(minutes=1)))
    return [altered(old, expires_at=now + timedelta(days=6))], {}


@forgery(Ground.ALTERED, "not over this document")
def _signature_of_another_document(office):
    return [Signed(office.approval(), office.signed(office.approval(stage="25 %")).signature)], {}


@forgery(Ground.ALTERED, "not over this document")
def _comment_added(office, altered):
    return [altered(office.signed(office.approval()), comment="and all later phases, too")], {}


@forgery(Ground.UNKNOWN_VERDICT, "the verdict cccccccccccc was never given here")
def _verdict_that_was_never_given(office):
    return [office.signed(office.approval())], {"known_verdicts": {"e" * 64}}


@forgery(Ground.OTHER_PHASE, "it is about phase shadow, not canary")
def _other_phase(office):
    return [office.signed(office.approval(phase="shadow"))], {}


@forgery(Ground.OTHER_ROLLOUT, "it is about rollout pay, not shop")
def _other_rollout(office):
    return [office.signed(office.approval(rollout="pay"))], {}


@forgery(Ground.OTHER_ENVIRONMENT, "it is about environment demo, not production")
def _other_environment(office):
    return [office.signed(office.approval(environment="demo"))], {}


@forgery(Ground.OTHER_STAGE, "it is about stage 5 %, not 25 %")
def _other_stage(office):
    return [office.signed(office.approval(stage="5 %"))], {"stage": "25 %"}


@forgery(Ground.OTHER_STAGE, "it is about stage none, not 25 %")
def _of_no_stage_for_one(office):
    return [office.signed(office.approval())], {"stage": "25 %"}


@forgery(Ground.OTHER_ROLE, "the plan asks for product, not for engineering")
def _role_that_nobody_asked_for(office):
    return [office.signed(office.approval(role="engineering"))], {}


@forgery(Ground.OLD, "the verdict was 2 h old, and at most 1 h is allowed")
def _replayed_approval(office):
    return [office.signed(office.approval())], {"max_age": timedelta(hours=1)}


@forgery(Ground.OTHER_PLAN, "plan bbbbbbbbbbbb was judged, it is aaaaaaaaaaaa now")
def _replayed_under_a_changed_plan(office):
    return [office.signed(office.approval(plan_digest="b" * 64))], {}


@forgery(Ground.EXPIRED, "it expired at 2026-11-25T12:00:00+00:00")
def _expired_this_very_second(office, now):
    return [office.signed(office.approval(expires_at=now))], {}


@forgery(Ground.REVOKED, "ben@example.com took it back at 2026-11-25T12:00:00+00:00: a mistake")
def _revoked(office):
    approval = office.signed(office.approval())
    return [approval, office.signed(office.revocation(approval))], {}


@forgery(Ground.REVOKED, "(the revocation itself: the signature is not over this document")
def _revocation_damaged_so_that_it_no_longer_holds(office, altered):
    approval = office.signed(office.approval())
    return [approval, altered(office.signed(office.revocation(approval)), why="no")], {}


@forgery(Ground.REVOKED, "(the revocation itself: eve@example.com is not in approvers.yaml)")
def _revocation_by_somebody_who_is_gone(office):
    approval = office.signed(office.approval())
    return [approval, office.signed(office.revocation(approval, principal="eve@example.com"))], {}


@forgery(Ground.REVOKED_KEY, "stands in revoked_keys")
def _revoked_key(office):
    office.revoke_keys("# stolen on 24 November", office.keys.public("anna"))
    return [office.signed(office.approval())], {}


@forgery(Ground.REVOKED_KEY, "stands in revoked_keys")
def _revoked_fingerprint(office):
    key = office.keys.path("anna").with_suffix(".pub")
    said = subprocess.run(["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True, timeout=30)
    office.revoke_keys(said.stdout.split()[1])
    return [office.signed(office.approval())], {}


@forgery(Ground.REVOKED_KEY, "its key stands in revoked_keys")
def _revoked_in_a_binary_list(office):
    public, krl = office.keys.path("anna").with_suffix(".pub"), office.folder / "revoked_keys"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", krl, public], check=True, timeout=30)
    return [office.signed(office.approval())], {}


@forgery(
    Ground.KEY_TIME, "allowed_signers:1: key has expired: verify time 2026-11-25T11:00:00 > valid-before 2026-11-2"
)
def _key_that_was_no_longer_valid(office):
    office.signers(anna=f'anna@example.com valid-before="20261125" {office.keys.public("anna")}')
    return [office.signed(office.approval())], {}


@forgery(Ground.KEY_TIME, "allowed_signers:1: key is not yet valid: verify time 2026-11-25T11:00:00")
def _key_that_was_not_yet_valid(office):
    office.signers(anna=f'anna@example.com valid-after="20261125113000Z" {office.keys.public("anna")}')
    return [office.signed(office.approval())], {}


@forgery(Ground.NAMESPACE, "it was made for 'git', not for 'rollout-approval'")
def _signature_of_a_commit(office):
    return [office.signed(office.approval(), namespace="git")], {}


@forgery(Ground.NAMESPACE, "it was made for 'rollout-statement', not for 'rollout-approval'")
def _signature_of_a_statement(office):
    return [office.signed(office.approval(), namespace="rollout-statement")], {}


@forgery(Ground.NAMESPACE, 'allowed_signers:1: key is not permitted for use in signature namespace "rollout-approval"')
def _key_that_is_for_commits_only(office):
    office.signers(anna=f'anna@example.com namespaces="git" {office.keys.public("anna")}')
    return [office.signed(office.approval())], {}


@forgery(Ground.UNKNOWN_PERSON, "eve@example.com is not in approvers.yaml")
def _unknown_principal(office):
    office.signers(eve=f"eve@example.com {office.keys.public('eve')}")
    return [office.signed(office.approval(principal="eve@example.com"))], {}


@forgery(Ground.UNKNOWN_KEY, "is nobody's in allowed_signers")
def _key_of_a_stranger(office):
    return [office.signed(office.approval(), by="mallory")], {}


@forgery(Ground.ANOTHER_PERSON, "is ben@example.com's, not anna@example.com's")
def _key_listed_for_another_person(office):
    return [office.signed(office.approval(), by="ben")], {}


@forgery(Ground.ROLE, "ben@example.com does not hold the role 'product', but engineering")
def _role_not_held(office):
    return [office.signed(office.approval(principal="ben@example.com"))], {}


@forgery(Ground.SCOPE, "cem@example.com may not sign for shop in production")
def _rollout_of_others(office):
    return [office.signed(office.approval(principal="cem@example.com"))], {}


@forgery(Ground.SCOPE, "dora@example.com may not sign for shop in production")
def _environment_of_others(office):
    return [office.signed(office.approval(principal="dora@example.com"))], {}


@forgery(Ground.AUTHOR, "anna@example.com made a part of the change, as anna schmidt")
def _self_approval_by_name(office):
    return [office.signed(office.approval())], {"authors": {"ANNA  SCHMIDT", "someone@else.example"}}


@forgery(Ground.AUTHOR, "made a part of the change, as anna@work.example")
def _self_approval_by_address(office):
    return [office.signed(office.approval())], {"authors": {"A. S.", "Anna@Work.example"}}


@forgery(Ground.AUTHOR, "made a part of the change, as anna@example.com")
def _self_approval_by_the_principal_itself(office):
    return [office.signed(office.approval())], {"authors": {"anna@example.com"}}


@forgery(Ground.AUTHOR, "it is not known who made the change, so it may be anna@example.com")
def _approval_where_nobody_knows_the_author(office):
    return [office.signed(office.approval())], {"authors": None}


@forgery(Ground.TWICE, "anna@example.com has signed as product already, and counts once")
def _quorum_by_one_person_twice(office):
    return [office.signed(office.approval()), office.signed(office.approval(comment="again"))], {
        "roles": {"product": 2}
    }


@forgery(Ground.TWICE, "anna@example.com has signed as product already, and counts once")
def _quorum_by_two_keys_of_one_person(office):
    anna = [f"anna@example.com {office.keys.public(key)}" for key in ("anna", "anna-two")]
    office.signers(anna="\n".join(anna))
    second = office.signed(office.approval(comment="with my other key"), by="anna-two")
    return [office.signed(office.approval()), second], {"roles": {"product": 2}}


@forgery(Ground.TWO_ROLES, "anna@example.com has signed as engineering already, and counts once")
def _quorum_by_one_person_in_two_roles(office, now):
    first = office.approval(role="engineering", signed_at=now - timedelta(minutes=90))
    return [office.signed(office.approval()), office.signed(first)], {"roles": {"product": 1, "engineering": 1}}


@forgery(Ground.FUTURE, "it is dated 2026-11-25T12:01:01+00:00, after 2026-11-25T12:00:00+00:00")
def _signed_in_the_future(office, now):
    return [office.signed(office.approval(signed_at=now + timedelta(seconds=61)))], {}


@forgery(Ground.BEFORE_VERDICT, "it is dated before its verdict of 2026-11-25T11:59:00+00:00")
def _signed_before_there_was_a_verdict(office, now):
    return [office.signed(office.approval(evaluated_at=now - timedelta(minutes=1)))], {}


@forgery(Ground.UNSIGNED, "no SSH signature stands there")
def _unsigned(office):
    return [Signed(office.approval(), "")], {}


@forgery(Ground.UNSIGNED, "its SSH signature is damaged")
def _signature_cut_short(office):
    lines = office.signed(office.approval()).signature.splitlines(keepends=True)
    return [Signed(office.approval(), lines[0] + "U1NIU0lHAAAAAQ==\n" + lines[-1])], {}


@forgery(Ground.UNREAD, "a key stands there twice")
def _document_with_a_key_twice(office):
    text = office.signed(office.approval()).render().replace(' "document": {', ' "document": {\n  "phase": "shadow",')
    return [_filed(office, text)], {}


@forgery(Ground.UNREAD, "not byte for byte as it was written")
def _document_that_is_not_canonical(office):
    return [_filed(office, json.dumps(office.signed(office.approval()).as_json()))], {}


@forgery(Ground.UNREAD, "larger than 32 KiB")
def _document_that_is_too_large(office):
    return [_filed(office, office.signed(office.approval()).render() + " " * 40_000)], {}


@forgery(Ground.UNREAD, "unknown: also_phase")
def _document_with_a_key_that_nobody_reads(office):
    value = office.signed(office.approval()).as_json()
    value["document"] |= {"also_phase": "everyone"}
    return [_filed(office, json.dumps(value, sort_keys=True, indent=1) + "\n")], {}


@forgery(Ground.UNREAD, "not an ordinary file")
def _folder_in_place_of_a_file(office):
    (office.folder / "approvals" / "x.json").mkdir(parents=True)
    return list(read_signed(office.folder)), {}


def _filed(office, text):
    """What is read back of a file with this text."""
    (office.folder / "approvals").mkdir()
    (office.folder / "approvals" / "x.json").write_text(text, "utf-8")
    (found,) = read_signed(office.folder)
    assert isinstance(found, Unread)
    return found


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_a_forgery_is_refused_with_its_reason(office, name, request):
    """It leaves the role open, stands in the list of what does not count, and says why."""
    make, ground, said = FORGERIES[name]
    asked = make.__code__.co_varnames[1 : make.__code__.co_argcount]
    found, wanted = make(office, *(request.getfixturevalue(each) for each in asked))

    signoff = office.verify(*found, **wanted)

    assert [each.ground for each in signoff.refused] == [ground]
    assert said in signoff.refused[0].sentence
    assert not signoff.complete


def test_every_ground_has_a_forgery():
    """All that an approval can be refused for; what replaces an older statement is for statements alone."""
    assert {ground for _, ground, _ in FORGERIES.values()} == set(Ground) - {Ground.REPLACED}
    assert set(MEANING) == set(Ground)


def test_the_same_is_accepted_without_the_forgery(office):
    """Or the tests above would show nothing."""
    signoff = office.verify(office.signed(office.approval()))

    assert signoff.complete
    assert signoff.refused == ()


def test_a_signature_rewritten_to_another_namespace_does_not_hold(office):
    """The namespace stands in what is signed, so the name alone cannot be changed."""
    forged = office.signed(office.approval(), namespace="rollout-approvaX")
    lines = forged.signature.splitlines()
    data = base64.b64decode("".join(lines[1:-1])).replace(b"rollout-approvaX", b"rollout-approval")
    body = base64.b64encode(data).decode()
    cut = "\n".join([lines[0], *(body[each : each + 70] for each in range(0, len(body), 70)), lines[-1], ""])

    signoff = office.verify(Signed(forged.document, cut))

    assert [each.ground for each in signoff.refused] == [Ground.ALTERED]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("* KEY", "'*' does not name one person", id="everybody"),
        pytest.param("*@example.com KEY", "does not name one person", id="pattern"),
        pytest.param("eve@example.com,!ben@example.com KEY", "'!ben@example.com' does not name one", id="negated"),
        pytest.param(
            "eve@example.com,anna@example.com KEY", "one key for two persons: anna@example.com, eve@", id="two"
        ),
        pytest.param("eve@example.com ANNA", "one key for two persons: anna@example.com, eve@example.com", id="again"),
        pytest.param("eve@example.com cert-authority KEY", "a certificate authority may name anybody", id="authority"),
        pytest.param('eve@example.com namespaces="*",cert-authority KEY', "a certificate authority may", id="hidden"),
        pytest.param('"eve@example.com" KEY', "does not name one person", id="quotes"),
        pytest.param("eve@example.com ssh-ed25519 AAAA", "no key of a person", id="no-key"),
        pytest.param("eve@example.com ssh-rsa KEYONLY", "no key of a person", id="other-type"),
        pytest.param("eve@example.com KEY,ben@example.com", "no key of a person", id="glued"),
        pytest.param("eve@example.com", "no key of a person", id="cut"),
        pytest.param('eve@example.com valid-until="20270101" KEY', "no key of a person", id="unknown-option"),
    ],
)
def test_a_line_that_would_let_one_key_speak_for_others(office, line, said):
    """Refused before any signature is looked at, with file and line."""
    keys = {"KEYONLY": office.keys.public("eve").split()[1], "KEY": office.keys.public("eve")}
    for word, key in {**keys, "ANNA": office.keys.public("anna")}.items():
        line = line.replace(word, key)
    office.signers(eve=line)

    with pytest.raises(SignoffError, match=r"allowed_signers:5:1: ") as caught:
        office.verify(office.signed(office.approval()))

    assert said in str(caught.value)


@pytest.mark.parametrize("line", ["SHA256:short", "anna@example.com", "ssh-ed25519 AAAA", "MD5:aa:bb"])
def test_a_revoked_key_that_cannot_be_read_is_no_empty_list(office, line):
    """A line that revokes nothing would be believed by whoever wrote it."""
    office.revoke_keys("# these are gone", line)

    with pytest.raises(SignoffError, match=r"revoked_keys:2:1: no key that could be revoked"):
        office.verify(office.signed(office.approval()))


def test_a_file_that_cannot_be_read_holds_even_a_full_quorum(office):
    """It may be the revocation."""
    write_signed(office.folder, office.signed(office.approval()))
    (office.folder / "approvals" / "revocation.json").write_text("<<<<<<< HEAD\n", "utf-8")

    signoff = office.verify(*read_signed(office.folder))

    assert signoff.roles[0].missing == 0
    assert not signoff.complete
    assert signoff.unread[0].origin == "approvals/revocation.json"


def test_the_signature_is_over_the_document_as_it_is_printed(office):
    """Whoever has ssh-keygen can check it without this program."""
    signed = office.signed(office.approval())
    (office.folder / "s").write_text(signed.signature, "utf-8")
    words = ["-I", "anna@example.com", "-n", "rollout-approval", "-f", "allowed_signers", "-s", "s"]

    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", *words],
        cwd=office.folder,
        input=text_of(signed.document),
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0
    assert as_json(signed.document)["principal"] == "anna@example.com"
