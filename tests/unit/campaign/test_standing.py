"""Where a figure stands: bounds, p-values and severities against published figures and earlier quarters."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_rollout.campaign.findings import Finding, Severity, finding_of, priorities
from pytest_rollout.campaign.standing import (
    Earlier,
    Published,
    against_earlier,
    against_published,
    corrected,
    outliers,
)
from pytest_rollout.errors import RolloutError

AT = datetime(2026, 8, 1, tzinfo=UTC)


def rounds(mean, count=30, spread=0.1, seed=1):
    return list(np.random.default_rng(seed).normal(mean, spread, count))


def earlier(mean, **more):
    return Earlier(when="2026-q3", taken=AT, rounds=rounds(mean, seed=2, **more))


def test_a_single_published_figure_is_student_s_test():
    """Bounds and p are SciPy's, in per cent of the figure."""
    ours = rounds(18.0)

    change = against_published("search", ours, Published(who="Neo4j", low=20, high=20))

    told = stats.ttest_1samp(ours, 20)
    low, high = told.confidence_interval(0.90)
    assert change.p == pytest.approx(told.pvalue)
    assert change.percent.low == pytest.approx(100 * (low / 20 - 1))
    assert change.percent.high == pytest.approx(100 * (high / 20 - 1))


def test_a_published_range_is_beaten_when_all_of_it_is():
    """The lowest published figure is what the upper bound is of."""
    ours = rounds(21.0)

    change = against_published("search", ours, Published(who="Qdrant", low=20, high=24))

    (told,) = corrected([change])
    assert change.percent.low < 0 < change.percent.high
    assert not told.proven
    assert finding_of(told).text.endswith("no difference is proven")


def test_what_nobody_has_published_is_missing_and_never_zero():
    """Unknown, with the reason, no p, and INFO; it stays unknown after any correction."""
    change = against_published("hybrid", rounds(9.0), None)

    assert math.isnan(change.percent.value)
    assert (change.percent.low, change.percent.high, change.p) == (-math.inf, math.inf, None)
    (told,) = corrected([change])
    finding = finding_of(told)
    assert not told.proven
    assert finding.severity is Severity.INFO
    assert finding.text == "against a competitor: missing (no figure is published)"


@pytest.mark.parametrize("count", [1, 5, 9])
def test_too_few_rounds_are_unknown(count):
    change = against_published("search", rounds(18.0, count), Published(who="Neo4j", low=20, high=20))

    assert not change.known
    assert finding_of(change).severity is Severity.WARNING


def test_too_few_rounds_of_a_quarter_are_unknown():
    change = against_earlier("search", rounds(18.0, 12), earlier(18.0))

    assert not change.known
    assert change.p is None
    assert "against 2026-q3: unknown" in finding_of(change).text


def test_rounds_that_are_all_equal_are_unknown():
    """Nobody knows how far their mean may be off."""
    assert not against_published("search", [18.0] * 30, Published(who="Neo4j", low=20, high=20)).known


@pytest.mark.parametrize(
    ("now", "severity", "word"),
    [(18.0, Severity.INFO, "no difference is proven"), (19.0, Severity.WARNING, "slower"),
     (23.0, Severity.ERROR, "slower"), (15.0, Severity.INFO, "faster")],
    ids=["same", "slower", "much-slower", "faster"],
)  # fmt: skip
def test_a_quarter_s_change_has_its_severity(now, severity, word):
    (change,) = corrected([against_earlier("search", rounds(now), earlier(18.0))])

    finding = finding_of(change)
    assert finding.severity is severity
    assert finding.text.endswith(word)


def test_holm_takes_back_what_stands_alone():
    """A p of 0.03 is a difference by itself, and none among ten questions; those without an answer count."""
    doubtful = next(
        change
        for seed in range(300)
        if 0.02
        < (change := against_published("a", rounds(18.0, seed=seed), Published(who="x", low=18.05, high=18.05))).p
        < 0.04
    )
    unknown = [against_published("b", [1.0], None)] * 9

    assert corrected([doubtful])[0].significant
    assert not corrected([doubtful, *unknown])[0].significant


@pytest.mark.parametrize("seeds", [400])
def test_no_difference_is_claimed_more_often_than_said(seeds):
    """Of quarters that do not differ at most about 5 % are called different (four standard errors)."""
    told = [
        corrected([
            against_earlier(
                "a", rounds(18.0, seed=10_000 + seed), Earlier(when="q", taken=AT, rounds=rounds(18.0, seed=seed))
            )
        ])[0].proven
        for seed in range(seeds)
    ]  # fmt: skip

    assert sum(told) / seeds < 0.05 + 4 * math.sqrt(0.05 * 0.95 / seeds)


@given(st.floats(0.1, 1e3), st.floats(0.2, 5))
def test_bounds_enclose_the_value(mean, factor):
    published = Published(who="x", low=mean * factor, high=mean * factor * 1.1)

    change = against_published("a", rounds(mean, spread=mean / 50), published)

    assert change.percent.low <= change.percent.value <= change.percent.high
    assert 0 <= change.p <= 1


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 2), (3, 2), (1, math.inf), (math.nan, 1)])
def test_a_range_that_is_none_is_refused(low, high):
    with pytest.raises(RolloutError, match="is no range of times"):
        Published(who="x", low=low, high=high)


def test_outliers_are_named_by_their_place():
    values = [18.0 + 0.01 * (number % 7) for number in range(30)]
    values[7] = 27.0

    assert outliers(values) == [7]
    assert outliers([18.0] * 20 + [30.0]) == []


def test_priorities_are_gaps_beyond_20_percent_the_largest_first():
    """Each benchmark once, with its largest."""
    findings = [
        Finding(severity=Severity.ERROR, name=name, text="", gap=gap)
        for name, gap in [("a", 25.0), ("b", 20.0), ("c", 90.0), ("a", 40.0), ("d", None)]
    ]

    assert [(each.name, each.gap) for each in priorities(findings)] == [("c", 90.0), ("a", 40.0)]
