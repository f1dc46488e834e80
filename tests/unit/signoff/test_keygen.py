"""`ssh-keygen`: agents work, nothing is left behind, and where it cannot answer nothing is known."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.armour import fingerprint, read_armour
from pytest_rollout.signoff.documents import text_of
from pytest_rollout.signoff.keygen import objection, sign
from pytest_rollout.signoff.signed import Signed


def stub(folder, body):
    """A program called ssh-keygen that does something else."""
    folder.mkdir()
    path = folder / "ssh-keygen"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_key_in_an_agent(office, agent):
    """Only the public half is a file."""
    approval = office.approval()
    signature = sign(text_of(approval), namespace=approval.namespace, key=agent)

    assert office.verify(Signed(approval, signature)).complete


@pytest.mark.parametrize("kind", [["ecdsa"], ["rsa", "-b", "2048"]])
def test_other_kinds_of_keys(office, kind, tmp_path):
    """Whatever ssh-keygen signs with."""
    key = tmp_path / "key"
    make = ["ssh-keygen", "-q", "-t", *kind, "-N", "", "-f", str(key)]
    subprocess.run(make, check=True, timeout=60, stdin=subprocess.DEVNULL)
    public = key.with_suffix(".pub").read_text("utf-8")
    office.signers(anna=f"anna@example.com {public.strip()}")
    approval = office.approval()

    signed = Signed(approval, sign(text_of(approval), namespace=approval.namespace, key=key))

    assert office.verify(signed).complete


def test_nothing_is_left_behind(office, tmp_path, monkeypatch):
    """Neither where files are made for a while, nor in the working directory."""
    place, here = tmp_path / "tmp", tmp_path / "here"
    place.mkdir()
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.chdir(here)

    assert office.verify(office.signed(office.approval())).complete
    assert list(place.iterdir()) == list(here.iterdir()) == []


def test_the_time_zone_of_the_machine_does_not_matter(office, monkeypatch):
    """`valid-before` without a zone is UTC everywhere."""
    office.signers(anna=f'anna@example.com valid-before="202611251101" {office.keys.public("anna")}')
    signed = office.signed(office.approval())

    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        monkeypatch.setenv("TZ", zone)
        assert office.verify(signed).complete


def test_it_is_not_installed(office, monkeypatch):
    """The message says how to install it; nothing is said of the signature."""
    signed = office.signed(office.approval())
    monkeypatch.setenv("PATH", "")

    for attempt in (lambda: office.verify(signed), lambda: office.signed(office.approval())):
        with pytest.raises(SignoffError, match=r"ssh-keygen is not installed.*\n.*apt-get install openssh-client"):
            attempt()


def test_a_program_that_says_nothing_and_ends_well_proves_nothing(office, tmp_path, monkeypatch):
    """Such as a wrapper that lost its words."""
    signed = office.signed(office.approval())
    monkeypatch.setenv("PATH", stub(tmp_path / "bin", "exit 0"))

    signoff = office.verify(signed)

    assert not signoff.complete
    assert "ssh-keygen ended with status 0" in signoff.refused[0].sentence


def test_good_with_a_status_of_failure_proves_nothing(office, tmp_path, monkeypatch):
    """Both must say it."""
    signed = office.signed(office.approval())
    said = 'Good "rollout-approval" signature for anna@example.com with ED25519 key'
    monkeypatch.setenv("PATH", stub(tmp_path / "bin", f"echo '{said}'; exit 1"))

    assert not office.verify(signed).complete


def test_what_it_is_asked(office, tmp_path, monkeypatch):
    """The time of the signature, in UTC whatever the machine's zone, without the rest of the environment."""
    signed = office.signed(office.approval())
    monkeypatch.setenv("SSH_AUTH_SOCK", "secret")
    monkeypatch.setenv("PATH", stub(tmp_path / "bin", 'echo "$TZ,$LC_ALL,$SSH_AUTH_SOCK,$*"'))

    sentence = office.verify(signed).refused[0].sentence

    assert "UTC,C,,-Y verify -f /dev/fd/" in sentence
    assert "-I anna@example.com -n rollout-approval" in sentence
    assert "-O verify-time=20261125110000" in sentence


def test_good_for_somebody_else_proves_nothing(office, tmp_path, monkeypatch):
    """Its words must name the person and the purpose."""
    signed = office.signed(office.approval())
    said = 'Good "rollout-approval" signature for ben@example.com with ED25519 key'
    monkeypatch.setenv("PATH", stub(tmp_path / "bin", f"echo '{said}'"))

    assert not office.verify(signed).complete


def test_a_program_that_hangs_is_ended(office, tmp_path, monkeypatch):
    """And nothing is known."""
    signed = office.signed(office.approval())
    monkeypatch.setenv("PATH", stub(tmp_path / "bin", "sleep 60"))
    monkeypatch.setattr("pytest_rollout.signoff.keygen._CHECK_SECONDS", 0.2)
    monkeypatch.setattr("pytest_rollout.signoff.keygen._SIGN_SECONDS", 0.2)

    with pytest.raises(SignoffError, match=r"no answer within 0\.2 s; it was ended"):
        office.verify(signed)
    with pytest.raises(SignoffError, match=r"did not sign within 0\.2 s, and was ended"):
        office.signed(office.approval())


def test_a_key_that_is_not_there(office, tmp_path, capfd):
    """ssh-keygen says why; what would do is said."""
    with pytest.raises(SignoffError, match=r"did not sign with .*nobody \(status 255\)"):
        sign("x", namespace="n", key=tmp_path / "nobody")
    assert "No such file" in capfd.readouterr().err


def test_armour_names_key_and_namespace(office):
    """As ssh-keygen prints them."""
    armour = read_armour(office.signed(office.approval()).signature)
    key = office.keys.path("anna").with_suffix(".pub")
    said = subprocess.run(["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True, timeout=30)

    assert armour.namespace == "rollout-approval"
    assert armour.fingerprint == fingerprint(armour.key) == said.stdout.split()[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "no SSH signature stands there"),
        ("!!!!\n", "no SSH signature stands there"),
        ("AAAA\n", "of no version that is known"),
        ("U1NIU0lHAAAAAg==\n", "of no version that is known"),
        ("U1NIU0lHAAAAAf////8=\n", "is damaged"),
        ("U1NIU0lHAAAAAQ\n", "is damaged"),
        ("U1NIU0lHAAAAAQ=A\n", "is damaged"),
    ],
)
def test_armour_that_is_none(body, said):
    """With the reason."""
    with pytest.raises(SignoffError, match=said):
        read_armour(f"-----BEGIN SSH SIGNATURE-----\n{body}-----END SSH SIGNATURE-----\n")


def test_the_answer_in_its_own_words(office):
    """Empty for a signature that holds."""
    signed = office.signed(office.approval())
    allowed = f"anna@example.com {office.keys.public('anna')}\n"
    facts = {"namespace": "rollout-approval", "principal": "anna@example.com", "at": signed.document.when}

    assert objection(signed.text, signed.signature, allowed=allowed, **facts) == ""
    assert "incorrect signature" in objection(signed.text + "\n", signed.signature, allowed=allowed, **facts)
    assert objection(signed.text, signed.signature, allowed="", **facts)
