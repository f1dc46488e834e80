"""People with real keys, made once by ssh-keygen, and the office where their signatures are checked."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.signoff.approvals import Wanted, verify_approvals
from pytest_rollout.signoff.approvers import read_register
from pytest_rollout.signoff.documents import Approval, Revocation, Statement, text_of
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.signed import Signed
from pytest_rollout.signoff.statements import Asked, verify_statements

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PLAN, OTHER_PLAN, VERDICT, EVIDENCE = "a" * 64, "b" * 64, "c" * 64, "d" * 64
PEOPLE = """
approvers:
  anna@example.com: {roles: [product, engineering], git: [Anna Schmidt, anna@work.example]}
  ben@example.com: {roles: [engineering], git: [Ben Bauer]}
  cem@example.com: {roles: [engineering, product], git: [Cem Can], rollouts: [pay]}
  dora@example.com: {roles: [product], git: [Dora Dahl], environments: [staging]}
"""


@dataclass(frozen=True)
class Keys:
    """Key pairs by the first names of their owners."""

    folder: Path

    def path(self, name: str) -> Path:
        """The private half; made when it is first asked for."""
        path = self.folder / name
        if not path.exists():
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
            subprocess.run(make, check=True, timeout=30, stdin=subprocess.DEVNULL)
        return path

    def public(self, name: str) -> str:
        """Type and key, as a line of allowed_signers has them."""
        return " ".join(self.path(name).with_suffix(".pub").read_text("utf-8").split()[:2])


@dataclass(frozen=True)
class Office:
    """A folder with approvers and their keys, and short ways to sign and to check."""

    folder: Path
    keys: Keys

    def approvers(self, text: str = PEOPLE) -> None:
        """Write approvers.yaml."""
        (self.folder / "approvers.yaml").write_text(text.lstrip(), "utf-8")

    def signers(self, **lines: str) -> None:
        """Write allowed_signers; a keyword replaces the line of a person, and may be several."""
        of = {name: f"{name}@example.com {self.keys.public(name)}" for name in ("anna", "ben", "cem", "dora")}
        (self.folder / "allowed_signers").write_text("\n".join((of | lines).values()) + "\n", "utf-8")

    def revoke_keys(self, *lines: str) -> None:
        """Write revoked_keys."""
        (self.folder / "revoked_keys").write_text("\n".join(lines) + "\n", "utf-8")

    def approval(self, **more) -> Approval:
        """An approval by Anna for product that is as it should be, an hour old."""
        facts = {
            "rollout": "shop",
            "phase": "canary",
            "environment": "production",
            "role": "product",
            "principal": "anna@example.com",
            "verdict_digest": VERDICT,
            "evidence_digest": EVIDENCE,
            "run_id": "run-1",
            "plan_digest": PLAN,
            "evaluated_at": NOW - timedelta(hours=2),
            "signed_at": NOW - timedelta(hours=1),
            "expires_at": NOW + timedelta(days=6),
        }
        return Approval(**facts | more)

    def statement(self, **more) -> Statement:
        """A statement by Anna that is as it should be."""
        facts = {
            "rollout": "shop",
            "phase": "canary",
            "environment": "production",
            "topic": "survey",
            "says": "neutral or better",
            "principal": "anna@example.com",
            "role": "product",
            "made_at": NOW - timedelta(hours=1),
            "expires_at": NOW + timedelta(days=29),
        }
        return Statement(**facts | more)

    def revocation(self, signed: Signed, **more) -> Revocation:
        """Ben takes something back."""
        facts = {"of": signed.digest, "principal": "ben@example.com", "why": "a mistake", "at": NOW}
        return Revocation(**facts | more)

    def signed(self, document, by: str = "", namespace: str = "", text: str = "") -> Signed:
        """A document signed by its principal, or as forgers would: by somebody else, for something else, over else."""
        key = self.keys.path(by or document.principal.partition("@")[0])
        made = sign(text or text_of(document), namespace=namespace or document.namespace, key=key)
        return Signed(document, made)

    def wanted(self, **more) -> Wanted:
        """One signature of product, for what `approval` is about."""
        facts = {
            "rollout": "shop",
            "phase": "canary",
            "environment": "production",
            "roles": {"product": 1},
            "plan_digest": PLAN,
            "max_age": timedelta(days=1),
            "authors": {"Zoe Ziegler", "zoe@example.com"},
            "at": NOW,
        }
        return Wanted(**facts | more)

    def verify(self, *found, **more):
        """Where the approvals stand."""
        return verify_approvals(found, wanted=self.wanted(**more), register=read_register(self.folder))

    def hear(self, *found, **more):
        """What was said."""
        facts = {"rollout": "shop", "phase": "canary", "environment": "production", "topic": "survey"}
        asked = Asked(**facts | {"says": "neutral or better", "at": NOW} | more)
        return verify_statements(found, asked=asked, register=read_register(self.folder))


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Keys of everybody, without passphrases."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def office(tmp_path, keys):
    """An office in which everything is in order."""
    office = Office(tmp_path, keys)
    office.approvers()
    office.signers()
    return office


@pytest.fixture
def now():
    """The time of every check."""
    return NOW


@pytest.fixture
def altered():
    """A document with other fields under the signature of the first one."""
    return lambda signed, **changes: Signed(replace(signed.document, **changes), signed.signature)


@pytest.fixture
def agent(tmp_path, keys, monkeypatch):
    """An SSH agent that holds Anna's key; no private half lies beside the public one."""
    said = subprocess.run(
        ["ssh-agent", "-s", "-a", str(tmp_path / "agent")], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    pid = said.partition("SSH_AGENT_PID=")[2].partition(";")[0]
    environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent"), "SSH_AGENT_PID": pid}
    try:
        subprocess.run(["ssh-add", "-q", str(keys.path("anna"))], check=True, env=environment, timeout=30)
        monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
        public = tmp_path / "only.pub"
        public.write_text(keys.public("anna") + "\n", "utf-8")
        yield public
    finally:
        subprocess.run(["ssh-agent", "-k"], check=True, env=environment, capture_output=True, timeout=30)
