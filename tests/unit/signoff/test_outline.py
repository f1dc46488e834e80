"""The little of a plan that a signature names: looked up, never guessed."""

from __future__ import annotations

import hashlib

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.outline import read_outline

PLAN = """
rollout: shop
phases:
  canary:
    exit: {approvals: [product], statements: {survey: neutral or better}}
  ramp:
    stages:
      - {traffic: 5 %}
      - {traffic: 25 %, approvals: {engineering: 2}}
    exit: {approvals: [legal]}
  plain: {title: Nothing is asked}
environments:
  production:
    approvals: ../signatures
    change: {since: "${RELEASED:-main}", paths: [., ../src]}
  staging: {ledger: x.db}
"""


@pytest.fixture
def outline(tmp_path):
    """The outline of the plan above."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "rollout.yaml").write_text(PLAN, "utf-8")
    return read_outline(tmp_path / "shop")


def test_name_digest_and_folder(outline, tmp_path):
    """The digest is that of the file, as a verdict has it."""
    assert outline.rollout == "shop"
    assert outline.digest == hashlib.sha256(PLAN.encode()).hexdigest()
    assert outline.base("production") == tmp_path / "signatures"
    assert outline.base("staging") == outline.base("nowhere") == tmp_path / "shop"


def test_who_must_sign_and_what_must_be_said(outline):
    """At any stage, and at the end."""
    assert outline.roles("canary") == {"product"}
    assert outline.roles("ramp") == {"engineering", "legal"}
    assert outline.roles("plain") == frozenset()
    assert outline.words("canary") == {"survey": "neutral or better"}
    assert outline.words("plain") == {}


def test_what_the_change_is(outline):
    """With variables filled in; the whole folder since ever, if nothing is said."""
    assert outline.change("production", {}) == ("main", (".", "../src"))
    assert outline.change("production", {"RELEASED": "abc"}) == ("abc", (".", "../src"))
    assert outline.change("staging", {}) == ("", (".",))


def test_a_variable_that_is_not_set(tmp_path):
    """Is no empty one, which would mean every commit."""
    text = PLAN.replace(":-main", "")
    (tmp_path / "rollout.yaml").write_text(text, "utf-8")

    with pytest.raises(SignoffError, match=r"rollout\.yaml:\d+:\d+: .*'RELEASED' is not set"):
        read_outline(tmp_path).change("production", {})


def test_what_the_plan_does_not_have(outline):
    """With what it has, and a guess."""
    outline.has("phase", "canary")
    with pytest.raises(
        SignoffError, match=r"has no phase 'canari'\n  phases: canary, plain, ramp\n  did you mean 'canary'"
    ):
        outline.has("phase", "canari")
    with pytest.raises(SignoffError, match=r"has no environment 'demo'\n  environments: production, staging"):
        outline.has("environment", "demo")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "the file is empty"), ("a: [", "not YAML"), ("a: 1\na: 2", "the same key"), ("\x00", "cannot stand in YAML")],
)
def test_a_plan_that_cannot_be_read(tmp_path, text, said):
    """With its place."""
    (tmp_path / "rollout.yaml").write_text(text, "utf-8")

    with pytest.raises(SignoffError, match=said):
        read_outline(tmp_path)


def test_no_plan(tmp_path):
    """With what would do; a folder in its place is none either."""
    with pytest.raises(SignoffError, match="no such file: name the rollout's folder"):
        read_outline(tmp_path)
    (tmp_path / "rollout.yaml").mkdir()
    with pytest.raises(SignoffError, match="no such file"):
        read_outline(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- rollout: shop", r"rollout\.yaml:1:1: a mapping is wanted here, not a list"),
        ("shop", r"rollout\.yaml:1:1: a mapping is wanted here, not a text"),
        ("rollout: shop\nphases: [canary]", r"rollout\.yaml:2:9: phases: a mapping is wanted here, not a list"),
        ("environments: [test]", r"rollout\.yaml:1:15: environments: a mapping is wanted here, not a list"),
    ],
)
def test_a_plan_of_another_shape(tmp_path, text, said):
    """It is not the phase that is missing."""
    (tmp_path / "rollout.yaml").write_text(text, "utf-8")

    with pytest.raises(SignoffError, match=said):
        read_outline(tmp_path)


def test_a_plan_that_is_named_itself(outline):
    """The file stands for its folder, as for all commands."""
    assert read_outline(outline.path) == outline
