"""The two weeks before a world's telemetry: whole days, healthy, and the same for the same seed."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.world.before import Before, days_before
from pytest_rollout.world.series import Series

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
RSS = Series(metric="rss", unit="bytes", base=500e6, daily=20e6, noise=5e6)
WANTED = {"memory": Before("rss", 1e-6)}


def test_fourteen_days_that_end_before_any_phase_began():
    days = days_before(WANTED, {"rss": RSS}, seed=1, at=AT)["memory"]

    ends = [datetime.fromisoformat(each) for each in days["days"]]
    assert (len(ends), len(days["logs"])) == (14, 14)
    assert ends[-1] == AT - timedelta(days=28)
    assert {later - earlier for earlier, later in pairwise(ends)} == {timedelta(days=1)}


def test_they_have_the_metrics_unit():
    """500 MB and not 500 million; no day strays farther than a sample may."""
    days = days_before(WANTED, {"rss": RSS}, seed=1, at=AT)["memory"]

    assert all(math.log(475) < each < math.log(525) for each in days["logs"])
    assert len(set(days["logs"])) > 1


def test_the_same_for_the_same_seed():
    first, again, other = (days_before(WANTED, {"rss": RSS}, seed=seed, at=AT) for seed in (1, 1, 2))

    assert first == again != other


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ({"rsss": replace(RSS, metric="rsss")}, "which the world does not have\n  rsss\n  did you mean 'rsss'?"),
        ({"rss": replace(RSS, base=0.0, noise=0.0)}, "a baseline needs values above 0"),
    ],
)
def test_days_that_cannot_be(series, said):
    with pytest.raises(WorldError) as refused:
        days_before(WANTED, series, seed=1, at=AT)

    assert said in str(refused.value)
