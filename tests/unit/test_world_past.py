"""An embedded world's past: a phase on its last day by the ledger's own rules, or on its third."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.ledger.streaks import clean_hours, green_days
from pytest_rollout.phase_past import Subject, given_receipts, phase_past
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.stages import Reached, Standing
from pytest_rollout.world_past import OPEN, YOUNG, Lived, length_of, write_past
from pytest_rollout.world_signers import JUDGED_BEFORE, SIGNED_BEFORE, WORLD_RECEIPT

PLAN = """
rollout: shop
percentage: served
metrics:
  served: {unit: "%", source: telemetry, query: served}
phases:
  lab: {}
  canary: {after: [lab], minimum: 3d, exit: {green: 2d, clean: 11h}}
  gradual:
    after: [canary]
    stages: [{traffic: 5 %, hold: 48h}, {traffic: 25 %, hold: 24h}, {traffic: 100 %}]
    exit: {green: 2d}
environments:
  demo: {world: world.py}
"""
MOMENTS = [datetime(2026, 11, 1, *clock, tzinfo=UTC) for clock in ((0, 0), (0, 30), (9, 0), (23, 59))]


@pytest.fixture
def lived(tmp_path):
    (tmp_path / "world.py").write_text("")
    path = tmp_path / "rollout.yaml"
    path.write_text(PLAN)
    plan = load_plan(path, kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)

    def lived(*phases, at=MOMENTS[2], stage="", fault=""):
        about = {"plan": plan, "environment": "demo", "baselines": {}}
        return Lived(**about, at=at, phases=phases, stage=stage, fault=fault)

    return lived


def read(lived, folder, phase):
    """The streaks and the status that a run would find."""
    with closing(open_ledger(write_past(lived, folder), folder)) as ledger:
        status = ledger.status("shop", "demo", phase, at=lived.at)
        found = ledger.evaluations("shop", "demo", phase, since=status.phase_started, until=lived.at)
        about = {"at": lived.at, "every": lived.plan.every, "since": status.phase_started}
        last = {
            name: ledger.last("shop", "demo", kinds=[Kind.EVALUATION], phase=name, until=lived.at)
            for name in lived.plan.phases
        }
        assert ledger.check() == ()
    decided = {name: entry.body["decision"] for name, entry in last.items() if entry}
    return status, green_days(found, **about).days, clean_hours(found, **about).hours, decided


@pytest.mark.parametrize("at", MOMENTS)
def test_a_phase_on_its_last_day(lived, tmp_path, at):
    """At any time of the day: all that time has to say is said, and the phase before is over."""
    status, days, hours, decided = read(lived("canary", at=at), tmp_path, "canary")

    assert status.held_for >= timedelta(days=3)
    assert days >= 2
    assert hours >= 11
    assert decided["lab"] == "PROCEED"


@pytest.mark.parametrize("at", MOMENTS)
def test_a_young_phase(lived, tmp_path, at):
    """On its third day, so that it waits."""
    status, _, _, decided = read(lived("canary", at=at, fault=YOUNG), tmp_path, "canary")

    assert timedelta(days=2) < status.held_for < timedelta(days=3)
    assert decided["canary"] == "HOLD"


def test_a_phase_before_that_is_open(lived, tmp_path):
    """The last of them; those before it are over."""
    _, _, _, decided = read(lived("gradual", fault=OPEN), tmp_path, "gradual")

    assert (decided["lab"], decided["canary"]) == ("PROCEED", "HOLD")


@pytest.mark.parametrize(("stage", "traffic"), [("5 %", [5]), ("25 %", [5, 25]), ("", [5, 25, 100])])
def test_a_stage_is_reached_through_all_before(lived, tmp_path, stage, traffic):
    """And each was held for its time."""
    past = lived("gradual", stage=stage)
    status, *_ = read(past, tmp_path, "gradual")
    phase = past.plan.phases["gradual"]

    assert [share.percentage for share in status.shares] == traffic
    ends = [*(share.since for share in status.shares[1:]), past.at]
    for share, held, end in zip(status.shares, phase.stages, ends, strict=False):
        assert end - share.since >= (held.hold or timedelta(0))


def test_how_long_a_phase_takes(lived):
    """Its minimum or its row, whichever is longer; up to a stage, what was held until its end."""
    phases = lived("canary").plan.phases
    gradual = phases["gradual"]

    assert length_of(phases["lab"], None) == timedelta(0)
    assert length_of(phases["canary"], None) == timedelta(days=3)
    assert length_of(gradual, gradual.stages[0]) == timedelta(hours=48)
    assert length_of(gradual, gradual.stages[1]) == timedelta(hours=72)
    assert length_of(gradual, gradual.stages[2]) == timedelta(days=6)


def test_a_change_from_before_takes_a_day(lived, tmp_path):
    """Of the last stage, where the phase is held against a baseline."""
    held = "metrics:\n  rss: {unit: MB, better: lower, source: telemetry, query: rss}\n"
    budgets = "budgets:\n  rss: {phases: [canary, gradual], against: baseline, warning: +10 %}\n"
    plan = (
        PLAN.replace("metrics:\n", held)
        .replace("    exit: {green: 2d}\n", "")
        .replace("phases:\n", budgets + "phases:\n", 1)
    )
    (tmp_path / "rollout.yaml").write_text(plan)
    plan = load_plan(tmp_path / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
    gradual = plan.phases["gradual"]

    assert length_of(gradual, gradual.stages[1]) == timedelta(hours=72)
    assert length_of(gradual, gradual.stages[2]) == timedelta(hours=96)
    assert length_of(plan.phases["canary"], None) == timedelta(days=3)


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("stage", ["5 %", "25 %", "100 %"])
def test_every_stage_before_was_over(lived, tmp_path, at, stage):
    """So the traffic is not too early where the world is, and the verdict that its people have signed was given."""
    there = lived("gradual", at=at, stage=stage)
    phase, subject = there.plan.phases["gradual"], Subject(plan=there.plan, environment="demo", at=at)
    percent = there.here(phase).percent
    with closing(open_ledger(write_past(there, tmp_path), tmp_path)) as ledger:
        past = phase_past(ledger, subject, phase, percent)
        signed = at.replace(microsecond=0) - SIGNED_BEFORE - JUDGED_BEFORE
        assert given_receipts(ledger, subject, "gradual", [signed]) == {WORLD_RECEIPT}
        assert given_receipts(ledger, subject, "gradual", [at]) == frozenset()

    before = Reached(percent=past.reached, over=past.over)
    standing = Standing(phase=phase, percent=percent, since=past.since, at=at, reached=before)
    assert (past.known, past.reached, standing.too_early()) == (True, percent, "")
