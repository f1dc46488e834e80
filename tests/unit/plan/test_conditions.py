"""Conditions of plans: what is read, and each refusal with its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.conditions import parse_count, parse_days, parse_hours, parse_people, parse_percent
from pytest_rollout.plan.phase import percent_text

HEAD = """rollout: demo
percentage: served
metrics:
  served: {unit: "%", source: telemetry, query: served}
phases:
  phase0: {}
"""
TAIL = """
environments:
  production:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: prometheus, url: "http://prometheus"}
"""


def plan(phase1, head=HEAD):
    return f"{head}  phase1: {phase1}\n{TAIL.lstrip()}"


def test_everything_is_read(load):
    exits = (
        "{green: 7d, clean: 11h, missing: pause, information: break, approvals: {engineering: 2, product: 1}, "
        "statements: {survey: neutral or better}, incidents: sev2, interventions: 0}"
    )
    phase = load(plan(f"{{after: [phase0], minimum: 14d, traffic: 0.1 %, exit: {exits}}}")).phases["phase1"]
    stated = phase.conditions

    assert (stated.after, stated.minimum, phase.traffic) == (("phase0",), timedelta(days=14), 0.1)
    assert (stated.green, stated.clean, stated.missing, stated.information) == (7, 11, "pause", "break")
    assert (dict(stated.approvals), stated.statements) == (
        {"engineering": 2, "product": 1},
        {"survey": "neutral or better"},
    )
    assert (stated.incidents, stated.interventions) == ("sev2", 0)
    assert phase.condition_lines == (
        "after", "stage", "minimum", "green", "clean", "incidents", "interventions", "statements", "approvals",
    )  # fmt: skip


def test_nothing_is_assumed(load):
    """No condition that was not stated; a streak that is breaks where evaluations are missing."""
    phase = load(plan("{exit: {green: 1d}}")).phases["phase1"]

    assert phase.condition_lines == ("green",)
    assert (phase.conditions.missing, phase.conditions.information) == ("break", "pause")
    assert load(plan("{}")).phases["phase1"].condition_lines == ()


def test_stages_are_read(load):
    rows = "[{traffic: 5 %, hold: 48h}, {traffic: 25 %, approvals: [engineering]}, {traffic: 100 %}]"
    phase = load(plan(f"{{stages: {rows}}}")).phases["phase1"]

    assert [(each.name, each.hold, dict(each.approvals)) for each in phase.stages] == [
        ("5 %", timedelta(hours=48), {}),
        ("25 %", None, {"engineering": 1}),
        ("100 %", None, {}),
    ]
    assert phase.condition_lines == ("stage", "hold", "approvals")


@pytest.mark.parametrize(
    ("phase1", "place", "said"),
    [
        ("{after: [phase2]}", "7:20", "unknown phase 'phase2'"),
        ("{after: [phase1]}", "7:20", "'phase1' does not come before 'phase1'"),
        ("{minimum: soon}", "7:21", "'soon'"),
        ("{exit: {green: 36h}}", "7:26", "'36h' is no whole number of days"),
        ("{exit: {clean: 90m}}", "7:26", "'90m' is no whole number of hours"),
        ("{exit: {missing: pause}}", "7:19", "'missing' without a streak"),
        ("{exit: {information: pause}}", "7:19", "'information' without a streak"),
        ("{exit: {green: 7d, missing: forgive}}", "7:39", "'forgive'"),
        ("{exit: {approvals: {product: 0}}}", "7:40", "'0' people sign nothing"),
        ("{exit: {approvals: {product: 1.5}}}", "7:40", "'1.5' is no whole number"),
        ("{exit: {approvals: {}}}", "7:30", "an empty mapping"),
        ("{exit: {incidents: sev9}}", "7:30", "'sev9'"),
        ("{exit: {interventions: -1}}", "7:34", "'-1' is no whole number"),
        ("{exit: {grean: 7d}}", "7:19", "unknown key 'grean'"),
        ("{traffic: 101 %}", "7:21", "'101 %' is no percentage of traffic"),
        ("{traffic: +5 %}", "7:21", "'+5 %' is no percentage of traffic"),
        ("{stages: [{hold: 48h}]}", "7:21", "'traffic' is missing"),
        ("{stages: [{traffic: 25 %}, {traffic: 5 %}]}", "7:48", "'5 %' is not more than the stage before"),
        ("{stages: [{traffic: 5 %}, {traffic: 5 %}]}", "7:47", "'5 %' is not more than the stage before"),
        ("{traffic: 5 %, stages: [{traffic: 5 %}]}", "7:12", "'traffic' beside 'stages' has no meaning"),
    ],
)
def test_refusals(refusal, phase1, place, said):
    """Where, and what was found."""
    message = refusal(plan(phase1))

    assert f"{place}: " in message
    assert said in message


def test_traffic_that_nobody_tells(refusal):
    message = refusal(plan("{stages: [{traffic: 5 %}]}", HEAD.replace("percentage: served\n", "")))

    assert "6:12: " in message
    assert "'stages', and nothing says how much traffic is served" in message
    assert "name a metric that does: percentage: METRIC" in message


def test_traffic_told_by_nobody(refusal):
    message = refusal(plan("{}", HEAD.replace("percentage: served", "percentage: serve")))

    assert "2:13: percentage: unknown metric 'serve'" in message
    assert "did you mean 'served'?" in message


@pytest.mark.parametrize("phase1", ["{minimum: 1d}", "{after: [phase0]}", "{exit: {green: 1d}}", "{traffic: 5 %}"])
def test_a_memory_is_needed(refusal, phase1):
    """By every condition, in every environment that is not embedded."""
    message = refusal(plan(phase1).replace("    ledger: ledger.sqlite\n", ""))

    assert "environment 'production' names no ledger" in message


@given(st.integers(0, 1000).map(lambda tenth: tenth / 10))
def test_percentages_come_back(percent):
    assert parse_percent(percent_text(percent)) == percent


@given(st.integers(1, 400))
def test_whole_days_and_hours(count):
    """However they are written."""
    assert parse_days(f"{count}d") == parse_days(f"{24 * count}h") == count
    assert parse_hours(f"{count}h") == parse_hours(f"{60 * count}m") == count


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "٣", "one", "1234567"])
def test_no_count(text):
    """Digits that `int` would take and nobody meant are none."""
    for parse in (parse_count, parse_people):
        with pytest.raises(QuantityError):
            parse(text)
