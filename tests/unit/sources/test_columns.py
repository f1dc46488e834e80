"""Columns are the samples that they stand for, whoever looks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.sources.columns import Columns, from_seconds, instant, microseconds
from pytest_rollout.sources.protocol import Sample

instants = st.datetimes(
    datetime(1, 1, 1),  # noqa: DTZ001 - UTC follows
    datetime(9999, 12, 31),  # noqa: DTZ001 - UTC follows
    timezones=st.just(UTC),
).map(lambda at: at.replace(fold=0))
samples = st.lists(st.builds(Sample, st.floats(), st.none() | instants))


@given(samples, st.integers(-9, 9), st.integers(-9, 9))
def test_columns_are_a_sequence_of_samples(found, first, last):
    """Length, order, single samples and stretches, as of the tuple."""
    columns = Columns.of(found)

    assert repr(tuple(columns)) == repr(tuple(found)) == repr(columns)
    assert repr(tuple(columns[first:last])) == repr(tuple(found[first:last]))
    assert len(columns) == len(found)
    assert Columns.of(columns) is columns


@given(samples)
def test_columns_equal_the_same_samples_only(found):
    columns = Columns.of(found)
    same = tuple(columns)  # NaN equals itself only as the same object, as in a tuple

    assert (columns == Columns.of(same)) == (tuple(columns) == tuple(same))
    assert columns != Columns.of([*found, Sample(1.0, None)])


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - UTC follows
def test_a_time_comes_back_to_its_microsecond(at):
    there = microseconds(at)

    assert instant(there) == at
    assert abs(from_seconds([at.timestamp()])[0] - there) <= 1


@pytest.mark.parametrize(
    ("value", "at", "error"),
    [(True, None, TypeError), ("7", None, TypeError), (1.0, datetime(2026, 11, 7, 9), ValueError)],  # noqa: DTZ001 - meant
    ids=["switch", "text", "local-time"],
)
def test_what_is_no_sample_is_refused(value, at, error):
    with pytest.raises(error):
        Columns.of([Sample(value, at)])


def test_columns_that_do_not_fit_are_refused():
    year = round(timedelta(days=366).total_seconds() * 1e6)

    for values, times in (((1.0, 2.0), (0,)), ((1.0,), (10_000 * year,)), ((1.0, 1.0), (None, -3000 * year))):
        with pytest.raises(ValueError, match=r"values and|outside of"):
            Columns(values, times)
