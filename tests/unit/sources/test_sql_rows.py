"""What columns and rows say, whichever database they came from."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.protocol import Bucket, Question
from pytest_rollout.sources.sql_rows import Columns, answer_of, columns_of, most_rows

HOUR = timedelta(hours=1)
NUMBER = Columns(("at", "value"), 0, (1,))
HISTOGRAM = Columns(("upto", "count"), None, (0, 1))
WITH_ABOVE = Columns(("upto", "count", "above"), None, (0, 1, 2))


@pytest.fixture
def window(at):
    """A question for the last two hours."""
    return Question(query="", at=at, start=at - 2 * HOUR)


@pytest.fixture
def instant(at):
    """A question for one number."""
    return Question(query="", at=at)


@pytest.fixture
def histogram(at):
    """A question for a histogram."""
    return Question(query="", at=at, buckets=True)


@pytest.mark.parametrize(
    ("names", "time", "number"),
    [(["n"], None, 0), (["AT", "n"], 0, 1), (["x", "Value", "at"], 2, 1), (["value", "upto", "count"], None, 0)],
)
def test_the_columns_of_a_number(instant, names, time, number):
    """`value`, or the only other one; in whatever case."""
    columns = columns_of(names, instant, "db")

    assert (columns.at, columns.numbers) == (time, (number,))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [(["upto", "count"], (0, 1)), (["at", "COUNT", "above", "upto"], (3, 1, 2)), (["upto", "count", "x"], (0, 1))],
)
def test_the_columns_of_a_histogram(histogram, names, numbers):
    """In whatever order they stand."""
    assert columns_of(names, histogram, "db").numbers == numbers


@pytest.mark.parametrize(
    "names", [["value", "value_1"], ["upto"], ["count"], ["upto", "count", "count"], ["le", "count"]]
)
def test_columns_of_no_histogram(histogram, names):
    """The message says which it has."""
    with pytest.raises(SourceError, match=r"have a histogram[?]\na histogram has the columns 'upto' and 'count'"):
        columns_of(names, histogram, "db")


def test_a_window_comes_in_order_and_without_its_start(at, window):
    """NULL is a gap, and a row at the start belongs to the window before."""
    rows = [(at, (3,)), (at - 2 * HOUR, (0,)), (at - HOUR, (Decimal(2),)), (at - HOUR / 2, (None,))]

    answer = answer_of(rows, NUMBER, window, "db")

    assert [(each.value, each.at) for each in answer.samples] == [(2, at - HOUR), (3, at)]
    assert json.loads(answer.body)["rows"] == 4


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        ([-1, None], "says no time"),
        ([-1, -3], "is outside the window"),
        ([-1, 0.001], "is outside the window"),
        ([-1, -1], "two rows of 2026-11-07T08:00:00.00:00 where one series was meant"),
    ],
)
def test_rows_that_are_no_series_of_the_window(at, window, hours, says):
    """Nothing is cut off or averaged."""
    rows = [(None if hour is None else at + hour * HOUR, (1,)) for hour in hours]

    with pytest.raises(SourceError, match=says):
        answer_of(rows, NUMBER, window, "db")


@pytest.mark.parametrize("value", [True, "3", math.inf, [1], timedelta(1)])
def test_values_that_are_no_numbers(at, instant, value):
    """The message names their column."""
    with pytest.raises(SourceError, match=r"^db, column 'value': "):
        answer_of([(at, (value,))], NUMBER, instant, "db")


def test_too_many_rows(at, instant, window, histogram):
    """A number, a histogram and a series have their own limits."""
    for question in (instant, window, histogram):
        rows = [(at, (1,))] * (most_rows(question) + 1)
        with pytest.raises(SourceError, match=f"more than {most_rows(question):,} rows".replace(",", " ")):
            answer_of(rows, NUMBER, question, "db")

    assert [most_rows(each) for each in (instant, window, histogram)] == [1000, 100_000, 100_000]


def test_buckets_from_low_to_high(at, histogram):
    """Each begins where the one below ends; the sample is how many there are."""
    answer = answer_of([(at, (math.inf, 1)), (at, (Decimal("0.5"), 2)), (at, (1, 3))], HISTOGRAM, histogram, "db")

    assert answer.buckets == (Bucket(above=-math.inf, upto=0.5, count=2), Bucket(above=0.5, upto=1, count=3),
                              Bucket(above=1, upto=math.inf, count=1))  # fmt: skip
    assert [(each.value, each.at) for each in answer.samples] == [(6, at)]


def test_buckets_with_gaps(histogram):
    """`above` says where each begins; nothing lies between."""
    answer = answer_of([(None, (10, 1, 5)), (None, (2, 1, 0))], WITH_ABOVE, histogram, "db")

    assert answer.buckets == (Bucket(above=0, upto=2, count=1), Bucket(above=5, upto=10, count=1))


def test_no_buckets_are_an_empty_answer(histogram):
    """And no count of zero."""
    assert answer_of([], HISTOGRAM, histogram, "db").samples == ()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(1, -1)], "is no bucket"),
        ([(1, math.inf)], "is no bucket"),
        ([(1, 2), (1, 3)], "is no bucket above 1"),
        ([(-math.inf, 2)], "is no bucket"),
        ([(1, math.nan)], "column 'count': NaN"),
        ([(None, 1)], "column 'upto': null is not a number"),
        ([(True, 1)], "column 'upto': True"),
        ([(2, 1, 0), (3, 1, 1)], "is no bucket above 2"),
        ([(2, 1, 2)], "is no bucket"),
    ],
)
def test_rows_that_are_no_buckets(histogram, rows, says):
    """Overlaps, negative counts, NaN."""
    with pytest.raises(SourceError, match=says):
        answer_of([(None, row) for row in rows], HISTOGRAM if len(rows[0]) == 2 else WITH_ABOVE, histogram, "db")


def test_buckets_of_several_times(at, histogram):
    """Which is the histogram's cannot be known."""
    with pytest.raises(SourceError, match="buckets are of several times"):
        answer_of([(at, (1, 1)), (at - HOUR, (2, 1))], HISTOGRAM, histogram, "db")


@pytest.mark.parametrize(
    ("names", "numbers"), [(["value"], (0,)), (["at", "count", "value"], (2, 1)), (["value", "x"], (0,))]
)
def test_the_columns_of_many_values(histogram, names, numbers):
    """A value a row, and perhaps how often it occurs."""
    columns = columns_of(names, histogram, "db")

    assert (columns.numbers, columns.each) == (numbers, True)


def test_many_values_are_buckets_without_width(at, histogram):
    """Each value is told apart, in order; what lies between is empty."""
    rows = [(at, (0.9,)), (at, (0.7,)), (at, (Decimal("0.9"),))]

    answer = answer_of(rows, Columns(("value",), None, (0,), each=True), histogram, "db")

    assert [(each.upto, each.count) for each in answer.buckets if each.count] == [(0.7, 1), (0.9, 2)]
    assert all(each.above == math.nextafter(each.upto, 0) for each in answer.buckets if each.count)
    assert all(left.upto == right.above for left, right in pairwise(answer.buckets))
    assert [(each.value, each.at) for each in answer.samples] == [(3, at)]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(None,)], "null is not a number"),
        ([(math.nan,)], "NaN"),
        ([(math.inf,)], "no row of a distribution"),
        ([(number,) for number in range(10_001)], "10001 different values"),
    ],
    ids=["NULL", "NaN", "infinite", "too many"],
)
def test_values_that_are_none(at, histogram, rows, says):
    """A row without a value is no row that can be left out: the share of the others would be too high."""
    with pytest.raises(SourceError, match=says):
        answer_of([(at, row) for row in rows], Columns(("value",), None, (0,), each=True), histogram, "db")


def test_counts_of_values(at, histogram):
    """The same as the values one by one."""
    counted = answer_of(
        [(at, (0.7, 2)), (at, (0.9, 1))], Columns(("value", "count"), None, (0, 1), each=True), histogram, "db"
    )
    one_by_one = answer_of(
        [(at, (value,)) for value in (0.7, 0.9, 0.7)], Columns(("value",), None, (0,), each=True), histogram, "db"
    )

    assert counted.buckets == one_by_one.buckets
