"""What a phase waits for: a condition is met, or it is doubt that says what is missing and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import WAITING, Reason
from pytest_rollout.estimates import Reading
from pytest_rollout.plan.nodes import Place
from pytest_rollout.plan.phase import Conditions, Phase, Stage
from pytest_rollout.remembered import Remembered, Signed, Statement, Streak
from pytest_rollout.stages import Reached, Standing
from pytest_rollout.waiting import Waiting

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
PLACE = Place(Path("rollout.yaml"), 1, 1, "")
WHERE = {"folder": Path("gates/a shop").absolute(), "environment": "live"}
STAGES = (
    Stage(percent=5, hold=timedelta(hours=48), approvals={}, place=PLACE),
    Stage(percent=25, hold=None, approvals={"product": 2}, place=PLACE),
    Stage(percent=100, hold=None, approvals={}, place=PLACE),
)


def waiting(past=None, *, percent=None, stages=(), since=None, before=None, **stated):
    phase = Phase(name="canary", title="", budgets={}, place=PLACE, conditions=Conditions(**stated), stages=stages)
    standing = Standing(phase=phase, percent=percent, since=since, reached=before or Reached(), at=AT)
    served = Reading.exactly(percent, "%", name="traffic") if percent is not None else None
    return Waiting(phase=phase, standing=standing, past=past or Remembered(), at=AT, percent=served, **WHERE)


@given(st.integers(0, 60 * 24 * 40), st.integers(1, 30))
def test_a_minimum_is_over_when_it_is_over(minutes, days):
    """Not a minute before, and until then it says when."""
    began = AT - timedelta(minutes=minutes)
    past = Remembered(started=began, begun=began)
    facts = waiting(past, minimum=timedelta(days=days)).claim("minimum").facts

    if minutes >= 60 * 24 * days:
        assert facts.truth is Truth.PROVEN
    else:
        assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.HOLD_TIME)
        assert f"until {past.started + timedelta(days=days):%Y-%m-%d %H:%M} UTC" in facts.needs


@given(st.integers(0, 30), st.integers(1, 30), st.sampled_from(["green", "clean"]))
def test_a_row_is_long_enough(count, wanted, which):
    facts = waiting(Remembered(**{which: Streak(count=count, why="a gap")}), **{which: wanted}).claim(which).facts

    assert (facts.truth is Truth.PROVEN) == (count >= wanted)
    if count < wanted:
        assert (facts.reason, facts.why, facts.needs) == (Reason.STREAK, "a gap", f"{wanted - count} more")


@given(st.integers(0, 4), st.integers(0, 4))
def test_interventions_are_counted(done, allowed):
    """More than allowed is a refuted fact, and no wait."""
    past = Remembered(known=True, interventions=("x",) * done)
    facts = waiting(past, interventions=allowed).claim("interventions").facts

    assert facts.truth is (Truth.PROVEN if done <= allowed else Truth.REFUTED)


@pytest.mark.parametrize("asked", [{"interventions": 1}, {"incidents": "sev2"}])
def test_a_ledger_that_begins_now_proves_no_absence(asked):
    """What is not in it may have happened; what is in it has."""
    (condition,) = asked

    facts = waiting(Remembered(), **asked).claim(condition).facts
    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.NO_DATA)
    assert facts.needs.startswith("`rollout start 'gates/a shop' canary --rollout-env live`, or ")
    assert waiting(Remembered(known=True), **asked).claim(condition).facts.truth is Truth.PROVEN
    happened = Remembered(**{condition: ("x", "y")})
    assert waiting(happened, **asked).claim(condition).facts.truth is Truth.REFUTED


@pytest.mark.parametrize("asked", [{"approvals": {"product": 1}}, {"statements": {"survey": "better"}}])
def test_signatures_of_which_nothing_is_known_are_no_wait(asked):
    (condition,) = asked

    facts = waiting(Remembered(unsigned="there is no approvers.yaml"), **asked).claim(condition).facts
    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.NO_DATA)
    assert facts.why == "there is no approvers.yaml"


@given(st.lists(st.sampled_from("abc"), max_size=3, unique=True), st.integers(1, 3))
def test_signatures_are_counted_by_role(people, needed):
    """People of one role do not stand in for another."""
    signed = {
        "product": Signed(needed=needed, by=tuple(people)),
        "engineering": Signed(needed=1, by=("d", "e", "f", "g")),
    }
    roles = {"product": needed, "engineering": 1}
    facts = waiting(Remembered(signed=signed), approvals=roles).claim("approvals").facts

    assert (facts.truth is Truth.PROVEN) == (len(people) >= needed)
    if len(people) < needed:
        assert facts.reason == Reason.APPROVAL
        assert facts.needs == "rollout approve 'gates/a shop' canary --env live --role product"


def test_nobody_has_signed_where_nothing_is_known_of_a_role():
    facts = waiting(approvals={"product": 1}).claim("approvals").facts

    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.APPROVAL)


@pytest.mark.parametrize("decision", ["", "lab was last judged HOLD", "PROCEED at 5 %", "proceed"])
def test_the_phase_before_is_over_only_with_proceed(decision):
    """Whatever else is remembered of it is why it is not."""
    facts = waiting(Remembered(before={"lab": decision}), after=("lab",)).claim("after").facts

    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.PREREQUISITE)
    assert facts.why == (decision or "lab was never judged here")
    assert Reason.PREREQUISITE not in WAITING


def test_a_statement_is_shown_as_what_somebody_said():
    said = {"survey": Statement(says="better", by="anna", at="2026-10-30T10:00:00+00:00")}
    asked = {"survey": "better"}

    facts = waiting(Remembered(statements=said), statements=asked).claim("statements").facts
    assert (facts.truth, facts.source) == (Truth.PROVEN, "signatures")
    assert "survey: “better”, said by anna on 2026-10-30" in facts.why
    assert waiting(statements=asked).claim("statements").facts.reason == Reason.APPROVAL


@pytest.mark.parametrize(
    ("percent", "before", "truth"),
    [
        (5, None, Truth.PROVEN),
        (25, None, Truth.REFUTED),
        (25, 5, Truth.PROVEN),
        (100, 5, Truth.REFUTED),
        (100, 25, Truth.PROVEN),
        (5, 100, Truth.PROVEN),
        (30, 25, Truth.REFUTED),
        (0, 5, Truth.REFUTED),
        (None, 5, Truth.INCONCLUSIVE),
    ],
)
def test_the_traffic_is_a_stage_and_left_none_out(percent, before, truth):
    come = Reached(percent=before)
    facts = waiting(percent=percent, before=come, stages=STAGES).claim("stage").facts

    assert facts.truth is truth
    assert truth is not Truth.INCONCLUSIVE or facts.reason not in WAITING


@pytest.mark.parametrize("since", [None, AT, AT - timedelta(hours=47, minutes=59)])
def test_a_hold_that_is_not_over(since):
    """One whose beginning nobody knows begins with this run."""
    facts = waiting(percent=5, stages=STAGES, since=since).claim("hold").facts

    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.HOLD_TIME)


def test_a_hold_at_no_stage_is_no_wait():
    facts = waiting(percent=30, stages=STAGES).claim("hold").facts

    assert (facts.truth, facts.reason) == (Truth.INCONCLUSIVE, Reason.NO_DATA)


@pytest.mark.parametrize(
    ("percent", "elsewhere"),
    [
        (5, {"green", "minimum", "statements"}),
        (25, {"green", "minimum", "statements", "hold", "approvals"}),
        (100, {"hold"}),
        (30, set()),
        (None, set()),
    ],
)
def test_conditions_that_are_for_another_stage(percent, elsewhere):
    """At a percentage that is no stage, or that nobody knows, all of them are asked."""
    here = waiting(percent=percent, stages=STAGES, approvals={"legal": 1})
    asked = ("after", "stage", "green", "minimum", "statements", "hold", "incidents", "approvals")

    assert {name for name in asked if here.why_not(name)} == elsewhere


@pytest.mark.parametrize(
    ("percent", "roles"), [(5, {"product": 2}), (25, {}), (100, {"legal": 1}), (None, {"legal": 1})]
)
def test_who_must_sign_for_what_comes_next(percent, roles):
    """The next stage's people, and at the last one those of the phase."""
    here = waiting(percent=percent, stages=STAGES, approvals={"legal": 1})

    assert here.roles == roles
    assert replace(here, past=Remembered()).roles == roles


@pytest.mark.parametrize(
    ("minutes", "truth", "reason"),
    [
        (None, Truth.INCONCLUSIVE, Reason.HOLD_TIME),
        (30, Truth.INCONCLUSIVE, Reason.HOLD_TIME),
        (121, Truth.REFUTED, ""),
    ],
)
def test_a_partial_rollback_is_watched_and_then_over(minutes, truth, reason):
    """It waits while it is watched, and afterwards the traffic is where the phase is not; never is it proven."""
    since = None if minutes is None else AT - timedelta(minutes=minutes)
    found = waiting(percent=25, since=since)
    standing = replace(found.standing, steps=(50.0, 25.0), watch=timedelta(hours=2))
    phase = replace(found.phase, traffic=50.0)

    facts = replace(found, phase=phase, standing=replace(standing, phase=phase)).claim("stage").facts

    assert (facts.truth, facts.reason) == (truth, reason)
    if minutes == 30:
        assert "a partial rollback took the traffic to 25 %" in facts.why
        assert facts.needs == "1 h 30 min more"
