"""How a level's number or range is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.thresholds import Threshold, parse_number


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("0", None, 0.0, ""),
        ("600 MB", None, 600.0, "MB"),
        ("600MB", None, 600.0, "MB"),
        ("99.9 %", None, 99.9, "%"),
        ("1_000 /h", None, 1000.0, "/h"),
        ("1000 1/h", None, 1000.0, "/h"),
        (".5 ms", None, 0.5, "ms"),
        ("1e3 B", None, 1000.0, "B"),
        ("10..1000 /h", 10.0, 1000.0, "/h"),
        ("10 .. 1000/h", 10.0, 1000.0, "/h"),
        ("0.5..0.75", 0.5, 0.75, ""),
        ("5..5 °C", 5.0, 5.0, "°C"),
        (" 5 ms ", None, 5.0, "ms"),
    ],
)
def test_a_threshold_is_a_number_or_a_range_with_a_unit(text, low, high, unit):
    assert Threshold.parse(text) == Threshold(low, high, unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a level"),
        ("ms", "'ms' is not a level"),
        ("10..", "'10..' is not a level"),
        ("10 /h..1000 /h", "'10 /h..1000 /h' is not a level"),
        ("10 - 20 ms", "'10 - 20 ms' is not a level"),
        ("1,5 ms", "'1,5 ms' is not a level"),
        ("5,ms", "unknown unit ',ms'"),
        ("1:30", "unknown unit ':30'"),
        ("0x10", "unknown unit 'x10'"),
        ("5 parsec", "unknown unit 'parsec'"),
        ("20..10 ms", "'20..10 ms' is an empty range"),
        ("+5 ms", "'+5 ms' is a change from a reference, and no level by itself"),
        ("±5 %", "'±5 %' is a change from a reference, and no level by itself"),
        ("-5", "'-5' is a change from a reference, and no level by itself"),
        ("0..+5 %", "'0..+5 %' is a change from a reference, and no level by itself"),
        ("1e999", "'1e999' is too large for a number"),
        ("nan", "'nan' is not a level"),
        ("inf", "'inf' is not a level"),
    ],
)
def test_what_is_no_threshold_is_said_in_its_own_words(text, message):
    with pytest.raises(QuantityError) as refused:
        Threshold.parse(text)

    assert str(refused.value).splitlines()[0] == message


def test_both_ends_of_a_range_are_converted():
    assert Threshold.parse("60..120 /h").to("1/s") == Threshold(pytest.approx(1 / 60), pytest.approx(1 / 30), "1/s")


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("-1.5", -1.5), ("+2e3", 2000.0), ("1_0", 10.0)])
def test_a_number_has_no_unit(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "5 ms", "nan", "inf", "0x1", "1:30", "true", "1e999"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(QuantityError):
        parse_number(text)


@given(low=st.floats(0, 1e12), width=st.floats(0, 1e12))
def test_numbers_come_back_as_they_were_written(low, width):
    high = low + width

    assert Threshold.parse(f"{low!r}..{high!r} ms") == Threshold(low, high, "ms")
