"""Which part of the units each arm is to have, and where a unit should be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError, UsageError
from pytest_rollout.plan.experiment import Experiment
from pytest_rollout.plan.nodes import Place
from pytest_rollout.plan.phase import Phase, Stage
from pytest_rollout.planned_split import PlannedSplit, smaller_share

AT, HOUR = datetime(2026, 11, 1, 9, tzinfo=UTC), timedelta(hours=1)
PLACE = Place(Path("rollout.yaml"), 1, 1, "")
TWO = {"control": "old", "treatment": "new"}


def phase(*percents, traffic=None, **experiment):
    stages = tuple(Stage(percent=each, hold=None, approvals={}, place=PLACE) for each in percents)
    compared = Experiment(**{"arms": TWO, "salt": "s"} | experiment)
    return Phase(name="canary", title="", budgets={}, place=PLACE, stages=stages, traffic=traffic, experiment=compared)


def split(*percents, served=(), **more):
    planned = phase(*percents, **more)
    return PlannedSplit(planned, planned.experiment, [(each, AT + hour * HOUR) for hour, each in enumerate(served)])


@pytest.mark.parametrize(
    ("planned", "shares"),
    [
        pytest.param(split(traffic=5), {"": {"control": 95, "treatment": 5}}, id="traffic"),
        pytest.param(split(traffic=100, holdback=10), {"": {"control": 10, "treatment": 90}}, id="holdback"),
        pytest.param(split(traffic=5, shares={"a": 1, "b": 2}), {"": {"a": 1, "b": 2}}, id="shares"),
        pytest.param(split(traffic=5, salt=""), None, id="nobody assigns"),
        pytest.param(split(traffic=5, arms={**TWO, "third": "3"}), None, id="traffic for three arms"),
        pytest.param(split(), None, id="neither traffic nor shares"),
        pytest.param(
            split(5, 25, served=[5, 25]),
            {"5 %": {"control": 95, "treatment": 5}, "25 %": {"control": 75, "treatment": 25}},
            id="stages",
        ),
    ],
)
def test_the_plan_says_how_large_each_arm_is(planned, shares):
    assert planned.shares == shares


def test_a_unit_stays_treated_as_its_traffic_grows():
    """In the shares of the stratum that its row is of."""
    planned = split(5, 50, served=[5, 50])
    arms = [(planned.arm(f"u{number}", "5 %"), planned.arm(f"u{number}", "50 %")) for number in range(2000)]

    found = Counter(arms)
    assert ("treatment", "control") not in found
    assert found["treatment", "treatment"] == pytest.approx(100, abs=40)
    assert found["control", "treatment"] == pytest.approx(900, abs=100)


def test_an_assignment_that_nobody_planned_is_no_assignment():
    with pytest.raises(SourceError, match="nobody says how many units of canary are in which arm") as refused:
        split().arm("u1", "")

    assert refused.value.reason is Reason.INVALID


def test_the_smaller_share_is_that_of_the_first_stage():
    assert smaller_share(phase(5, 25)) == 0.05
    assert smaller_share(phase(traffic=80)) == pytest.approx(0.2)
    assert smaller_share(phase(shares={"a": 1, "b": 3})) == 0.25
    with pytest.raises(UsageError, match="neither traffic nor shares"):
        smaller_share(phase())
