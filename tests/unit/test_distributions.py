"""A metric with a distribution behind it: shares, drift, and what is said where there is none."""

from __future__ import annotations

import math

import pytest

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.distributions import Distribution
from pytest_rollout.errors import QuestionError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.stats.between import between


def distribution(buckets, *, name="confidence", unit="", burst=1.0, sources=frozenset({1})):
    """A metric whose median is 0.5, with some buckets."""
    median = Estimate(0.5, 0.4, 0.6, unit=unit, name=name, sources=sources)
    return Distribution.around(median, tuple(buckets), burst=burst, confidence=0.95)


def unknown(why="the database is down"):
    """A metric that nobody knows."""
    return Distribution.around(Reading.unknown(why, name="confidence", needs="start it"), (), burst=1, confidence=0.95)


BUCKETS = [(0, 0.7, 40), (0.7, 0.9, 150), (0.9, 1, 10)]


def test_a_share_is_an_estimate():
    """Its bounds are those of the interval, and it is compared like any other."""
    share = distribution(BUCKETS).share(0.7, 0.9)

    assert (share.value, share.unit, share.n) == (0.75, "share", 200)
    assert share.low == between(BUCKETS, 0.7, 0.9).low
    assert (share > 0.5).truth is Truth.PROVEN
    assert (share > "50 %").truth is Truth.PROVEN
    assert (share > 0.9).truth is Truth.REFUTED
    assert (share > 0.75).truth is Truth.INCONCLUSIVE
    assert share.sources == {1}


def test_an_end_that_is_not_said_is_endless():
    """On either side."""
    found = distribution(BUCKETS)

    assert found.share(upto=0.7).value == 0.2
    assert found.share(above=0.9).value == 0.05
    assert found.share().value == 1.0


def test_values_that_come_together_say_less():
    """The bounds are those of fewer values."""
    alone, together = (distribution(BUCKETS, burst=burst).share(0.7, 0.9) for burst in (1.0, 4.0))

    assert together.low < alone.low < alone.high < together.high


def test_ends_may_have_a_unit():
    """Of the metric's kind."""
    found = distribution([(0, 10, 50), (10, 20, 50)], unit="ms")

    assert found.share("0.01 s", "20 ms").value == 0.5
    with pytest.raises(QuestionError, match="no end of an interval"):
        found.share("10 MB", "20 MB")


@pytest.mark.parametrize("ends", [(0.9, 0.7), (0.7, 0.7), (math.nan, 1), ("x", 1), (None, 1)])
def test_no_interval(ends):
    """It is said, and nothing is claimed."""
    with pytest.raises(QuestionError):
        distribution(BUCKETS).share(*ends)


def test_drift_is_an_estimate_of_both():
    """Each claim of it rests on both metrics."""
    one = distribution([(0, 1, 5000), (1, 2, 5000)])
    other = distribution([(0, 1, 9000), (1, 2, 1000)], name="before", sources=frozenset({2}))

    moved = one.drift(other)

    assert moved.value == pytest.approx(0.4)
    assert moved.sources == {1, 2}
    assert (moved < 0.1).truth is Truth.REFUTED
    assert (one.drift(one) < 0.1).truth is Truth.PROVEN


def test_thin_data_are_doubt():
    """With the number that is needed."""
    thin = distribution([(0, 1, 30), (1, 2, 30)]).drift(distribution([(0, 1, 60), (1, 2, 60)], name="before"))

    assert thin.reason == Reason.LOW_N
    assert "at least 100 of each" in thin.why
    assert (thin < 1).truth is Truth.INCONCLUSIVE


def test_what_is_unknown_stays_unknown():
    """With the reason of the metric; whichever of two it is."""
    known = distribution(BUCKETS, name="before")

    for estimate in (unknown().share(0.7, 0.9), unknown().drift(known), known.drift(unknown())):
        assert math.isnan(estimate.value)
        assert (estimate.why, estimate.needs) == ("the database is down", "start it")
        assert (estimate < 2).truth is Truth.INCONCLUSIVE
        assert (estimate > -2).truth is Truth.INCONCLUSIVE


def test_buckets_that_count_nothing_are_doubt():
    """A negative count is nobody's share."""
    broken = distribution([(0, 1, -5), (1, 2, 500)])

    assert math.isnan(broken.share(0, 1).value)
    assert math.isnan(broken.drift(distribution(BUCKETS, name="before")).value)


def test_of_a_calculation_nothing_is_asked():
    """Twice a metric has another distribution than the metric."""
    for question in (lambda each: each.share(0, 1), lambda each: each.drift(distribution(BUCKETS))):
        with pytest.raises(QuestionError, match="ask the metric itself"):
            question(distribution(BUCKETS) * 2)
    with pytest.raises(QuestionError, match="ask the metric itself"):
        distribution(BUCKETS).drift(distribution(BUCKETS, name="before") + 1)


def test_one_number_says_that_it_has_none():
    """And what the plan would have to say."""
    orders = Reading.exactly(3, name="orders")

    with pytest.raises(QuestionError, match=r"orders is one number(.|\n)*'within: \[low, high\]'"):
        orders.share(0, 1)
    with pytest.raises(QuestionError, match="no drift from confidence"):
        orders.drift(distribution(BUCKETS))


def test_drift_needs_two_of_a_kind():
    """A number has no distribution, and milliseconds are no seconds."""
    with pytest.raises(QuestionError, match="no distribution"):
        distribution(BUCKETS).drift(Reading.exactly(3, name="orders"))
    with pytest.raises(QuestionError, match="use one unit"):
        distribution(BUCKETS, unit="s").drift(distribution(BUCKETS, name="before", unit="ms"))
