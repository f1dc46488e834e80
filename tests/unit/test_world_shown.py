"""With a ledger that stays a world pretends nothing: its phase is what was written down."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.world_past import Lived
from pytest_rollout.world_shown import remembered_phase

PLAN = """
rollout: shop
percentage: served
metrics:
  served: {unit: "%", source: telemetry, query: served}
phases:
  lab: {}
  canary: {traffic: 1 %}
  gradual: {stages: [{traffic: 5 %, hold: 48h}, {traffic: 25 %}]}
environments:
  demo: {world: world.py, ledger: ledger.sqlite}
"""
AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
ABOUT = {"rollout": "shop", "environment": "demo", "by": "ada"}
DAY = timedelta(days=1)


@pytest.fixture
def shown(tmp_path):
    (tmp_path / "world.py").write_text("")
    path = tmp_path / "rollout.yaml"
    path.write_text(PLAN)
    plan = load_plan(path, kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)

    def shown(*phases, written=(), stage=""):
        with closing(open_ledger("ledger.sqlite", tmp_path)) as ledger:
            ledger.append_all(list(written), recorded_at=AT + DAY)
        about = {"plan": plan, "environment": "demo", "baselines": {}, "fault": ""}
        return remembered_phase(Lived(**about, at=AT, phases=phases, stage=stage), "ledger.sqlite")

    return shown


def start(phase, ago):
    return drafts.phase_start(**ABOUT, phase=phase, at=AT - ago)


def served(percentage, ago):
    return drafts.percentage(**ABOUT, percentage=percentage, at=AT - ago)


@pytest.mark.parametrize(
    ("phase", "stage", "traffic"),
    [("lab", "", []), ("canary", "", [(1, 0)]), ("gradual", "", [(5, 0)]), ("gradual", "25 %", [(25, 0)])],
)
def test_what_was_never_written_down_begins_now_as_the_plan_says(shown, phase, stage, traffic):
    found = shown(phase, stage=stage)

    assert (found.name, found.start, list(found.traffic)) == (phase, AT, traffic)


def test_a_phase_began_when_the_ledger_says_so_and_serves_what_was_set(shown):
    """Also before it began, and not what will be set tomorrow."""
    written = [served(1, 9 * DAY), start("gradual", 3 * DAY), served(5, 2 * DAY), served(25, -DAY / 2)]

    found = shown("canary", "gradual", written=written)

    assert (found.name, found.start) == ("gradual", AT - 3 * DAY)
    assert list(found.traffic) == [(1, 0), (5, 86400)]


def test_a_rollback_is_obeyed(shown):
    back = drafts.rollback(**ABOUT, to=0.0, why="INC-1", at=AT - DAY)

    found = shown("canary", written=[start("canary", 3 * DAY), served(1, 3 * DAY), back])

    assert list(found.traffic) == [(1, 0), (0, 2 * 86400)]


def test_no_phase_is_shown_where_none_is_judged(shown):
    assert shown("another") is None
