"""The signers of an embedded world: their signatures hold there by the rules for everybody, and nowhere else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.plan.load import load_plan
from pytest_rollout.signatures import Signatures
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.world_signers import WORLD_RECEIPT, write_signatures

PLAN = """
rollout: shop
phases:
  canary:
    exit: {approvals: {product: 2, engineering: 1}, statements: {survey: neutral or better}}
environments:
  demo: {world: world.py}
  other: {world: world.py}
"""
AT = datetime(2026, 11, 1, 9, 30, 15, 400, tzinfo=UTC)
ROLES = {"product": 2, "engineering": 1}


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "world.py").write_text("")
    (tmp_path / "rollout.yaml").write_text(PLAN)
    return load_plan(tmp_path / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)


@pytest.fixture
def signatures(plan, tmp_path):
    """What a run would read of what they signed."""

    def signatures(*, unsigned=False, environment="demo", later=timedelta(0)):
        about = {"canary": ("", ROLES)}
        folder = write_signatures(plan, "demo", about, at=AT, folder=tmp_path, unsigned=unsigned)
        place = replace(plan.environments[environment], approvals=tmp_path / "signatures")
        assert folder == str(tmp_path / "signatures")
        return Signatures(plan=plan, environment=place, at=AT + later)

    return signatures


def counted(signatures, plan, given=(WORLD_RECEIPT,)):
    found = signatures.signed(plan.phases["canary"], "", ROLES, lambda _: given)
    return {role: len(one.by) for role, one in found.items()}


def test_as_many_as_the_plan_asks_for(signatures, plan):
    """Different people for each role, and one who speaks."""
    there = signatures()

    assert counted(there, plan) == ROLES
    said, refused = there.said(plan.phases["canary"])
    assert (said["survey"].says, said["survey"].by, refused) == ("neutral or better", "speaker", {})


@pytest.mark.parametrize("changed", [{"unsigned": True}, {"environment": "other"}, {"later": timedelta(days=8)}])
def test_nobody_has_signed(signatures, plan, changed):
    """Where that is the fault, of another environment, and when it is a week old."""
    there = signatures(**changed)

    assert counted(there, plan) == {"product": 0, "engineering": 0}
    assert there.said(plan.phases["canary"])[0] == {}


def test_only_on_the_verdict_that_was_given(signatures, plan):
    assert counted(signatures(), plan, given=()) == {"product": 0, "engineering": 0}


def test_without_ssh_keygen(signatures, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(WorldError, match="nobody can sign in the embedded world: ssh-keygen is not installed"):
        signatures()
