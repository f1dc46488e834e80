"""Histograms: buckets that add up, or a sentence."""

from __future__ import annotations

import math

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.histogram import classic, native


def test_classic_counts_are_differenced():
    """Cumulative ones, in any order and spelling, to counts of each bucket."""
    buckets, total = classic({"+Inf": 10, "0.5": 7, "1e-1": 3, "1": 7}, "x")

    assert [(each.above, each.upto, each.count) for each in buckets] == [
        (-math.inf, 0.1, 3),
        (0.1, 0.5, 4),
        (0.5, 1, 0),
        (1, math.inf, 3),
    ]
    assert total == 10


def test_rounding_of_rates_is_no_contradiction():
    """Each bucket's rate is rounded by itself; nothing below zero remains."""
    buckets, _ = classic({"1": 0.30000000000000004, "2": 0.3, "+Inf": 0.3}, "x")

    assert [each.count for each in buckets] == [0.30000000000000004, 0, 0]


@pytest.mark.parametrize(
    ("cumulative", "says"),
    [
        ({"1": 3, "2": 4}, 'no bucket le="+Inf"'),
        ({"1": 3, "2": 2, "+Inf": 5}, "2 observations at or below 2, and 3 at or below 1"),
        ({"1": 3, "2": 5, "+Inf": 4}, "do not add up"),
        ({"1": -1, "+Inf": 4}, "do not add up"),
        ({"1": 3, "1.0": 3, "+Inf": 5}, 'two buckets end at le="1.0"'),
        ({"1": math.nan, "+Inf": 5}, 'the bucket le="1" counts nan'),
        ({"1": 3, "+Inf": math.inf}, "counts inf"),
        ({"small": 3, "+Inf": 5}, "the label le is 'small', not a number"),
        ({"NaN": 3, "+Inf": 5}, "the label le is 'NaN', not a number"),
    ],
)
def test_classic_counts_that_do_not_add_up(cumulative, says):
    """They are refused in words: a quantile of them would be made up."""
    with pytest.raises(SourceError) as caught:
        classic(cumulative, "server")

    assert str(caught.value).startswith("server: ")
    assert says in str(caught.value)


def test_native_buckets_have_both_ends():
    """Negative, zero and positive ones: each end belongs to one bucket only."""
    rows = [
        [1, "-4", "-2", "1"],
        [1, "-2", "-1", "2"],
        [3, "-0.001", "0.001", "3"],
        [0, "1", "2", "4"],
        [0, "2", "4", "5"],
    ]
    buckets, total = native({"count": "15", "sum": "7", "buckets": rows[::-1]}, "x")

    def holding(value):
        return [each.count for each in buckets if each.above < value <= each.upto]

    assert total == 15
    assert [holding(value) for value in (-4, -2, -1.5, -0.001, 0, 0.001, 1, 2, 2.1, 4)] == [
        [1], [2], [2], [3], [3], [3], [], [4], [5], [5],
    ]  # fmt: skip
    assert holding(-1) == []


def test_a_native_bucket_of_zeros_alone():
    """The zero bucket may have no width."""
    buckets, _ = native({"count": "2", "buckets": [[3, "0", "0", "2"]]}, "x")

    assert [each.count for each in buckets if each.above < 0 <= each.upto] == [2]


def test_an_empty_native_histogram():
    """No observation is no bucket."""
    assert native({"count": "0", "sum": "0"}, "x") == ((), 0)


@pytest.mark.parametrize(
    ("histogram", "says"),
    [
        ({"count": "5", "buckets": [[0, "1", "2", "4"]]}, "5 observations, and the buckets hold 4"),
        ({"count": "8", "buckets": [[0, "1", "3", "4"], [0, "2", "4", "4"]]}, "overlap"),
        ({"count": "4", "buckets": [[0, "2", "1", "4"]]}, "a bucket from 2 to 1 counts 4"),
        ({"count": "4", "buckets": [[0, "1", "2", "-4"]]}, "counts -4"),
        ({"count": "4", "buckets": [[7, "1", "2", "4"]]}, "is no bucket"),
        ({"count": "4", "buckets": [[0, "1", "2"]]}, "is no bucket"),
        ({"count": "4", "buckets": ["1234"]}, "is no bucket"),
        ({"count": "4", "buckets": "1234"}, "the buckets are '1234'"),
        ({"count": "4", "buckets": [[0, 1, 2, 4]]}, "a bucket is 1, not a number"),
        ({"count": "NaN", "buckets": []}, "the count is 'NaN', not a number"),
        ({"buckets": []}, "the count is null, not a number"),
    ],
)
def test_native_buckets_that_cannot_be_read(histogram, says):
    """They are refused in words."""
    with pytest.raises(SourceError) as caught:
        native(histogram, "server")

    assert says in str(caught.value)
