"""Numbers with units: units of one kind convert, others never meet."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import QuantityError
from pytest_rollout.quantities import (
    Quantity,
    Unit,
    convert,
    format_apart,
    format_duration,
    format_number,
    known_units,
    parse_duration,
    with_unit,
)

PER = ("ns", "us", "µs", "ms", "s", "min", "h", "d", "day")
ALL_UNITS = (*known_units(), *(f"{unit}/{time}" for unit in known_units() for time in PER))
finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


def pairs_of_one_kind() -> list[tuple[str, str]]:
    by_kind: dict[str, list[str]] = {}
    for unit in ALL_UNITS:
        by_kind.setdefault(Unit.parse(unit).kind, []).append(unit)
    return [(one, other) for units in by_kind.values() for one in units for other in units]


@pytest.mark.parametrize("unit", ALL_UNITS)
def test_every_unit_is_read_with_a_number(unit):
    """Every unit that is listed, alone and per time, stands after a number."""
    quantity = Quantity.parse(f"12.5 {unit}")

    assert quantity.value == 12.5
    assert Unit.parse(quantity.unit) == Unit.parse(unit)
    assert Quantity.parse(str(quantity)) == quantity


@given(st.sampled_from(pairs_of_one_kind()), finite)
def test_conversion_comes_back(pair, value):
    """There and back is the same number to the last digits, for any two units of one kind."""
    there, back = pair

    assert convert(convert(value, there, back), back, there) == pytest.approx(value, rel=1e-12, abs=1e-300)


@given(st.sampled_from(pairs_of_one_kind()), finite, finite)
def test_conversion_keeps_the_order(pair, one, other):
    """What is not above before is not above after."""
    low, high = sorted((one, other))

    assert convert(low, *pair) <= convert(high, *pair)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (10, "ms", "s", 0.01),
        (1.5, "h", "min", 90),
        (1, "d", "h", 24),
        (1, "day", "d", 1),
        (7, "us", "µs", 7),
        (1, "GiB", "MiB", 1024),
        (1, "GB", "MB", 1000),
        (1, "KiB", "B", 1024),
        (99.9, "%", "share", 0.999),
        (0.1, "share", "%", 10),
        (3600, "1/h", "1/s", 1),
        (1, "/s", "/h", 3600),
        (24, "$/day", "$/h", 1),
        (60, "MB/h", "MB/min", 1),
        (0.3, "%", "share", 0.003),
        (4, "", "1", 4),
    ],
)
def test_units_of_one_kind_convert_exactly(value, unit, to, expected):
    """A limit that is met exactly is met in any unit: no hair's breadth of rounding."""
    assert convert(value, unit, to) == expected


@pytest.mark.parametrize(
    ("unit", "to", "words"),
    [
        ("ms", "MB", ["'ms' (time)", "'MB' (data)"]),
        ("%", "pp", ["'%' (share)", "'pp' (difference of shares)", "relative change"]),
        ("pp", "share", ["difference of two shares"]),
        ("1/h", "", ["one is per time, the other is not", "a plain number"]),
        ("MB/s", "MB", ["one is per time"]),
        ("%", "", ["between 0 and 1 has the unit 'share'"]),
        ("°C", "$", ["temperature", "money"]),
        ("1/h", "MB/h", ["number per time", "data per time"]),
        ("ms", "", ["'ms' (time)", "a plain number"]),
    ],
)
def test_kinds_never_meet(unit, to, words):
    """Both kinds are named in the refusal, both ways round."""
    for have, want in ((unit, to), (to, unit)):
        with pytest.raises(QuantityError) as refused:
            convert(1.0, have, want)
        assert all(word in str(refused.value) for word in words), str(refused.value)


def test_kinds_are_looked_at_before_numbers():
    """NaN and infinity do not slip through between kinds, and stay themselves within one."""
    with pytest.raises(QuantityError):
        convert(math.inf, "ms", "MB")
    assert convert(math.inf, "ms", "s") == math.inf
    assert math.isnan(convert(math.nan, "ms", "s"))


def test_too_large_a_conversion_is_refused():
    """An overflow is a refusal, not another exception and not infinity."""
    with pytest.raises(QuantityError, match="too large"):
        convert(1e308, "d", "ns")


@pytest.mark.parametrize(
    "text", ["furlong", "ms/ms2", "h/", "/", "//h", "MB/MB", "Ms", "KB", "mb", "1/%", "%%", "per h"]
)
def test_unknown_unit_lists_the_known_ones(text):
    with pytest.raises(QuantityError, match="unknown unit") as refused:
        Unit.parse(text)
    assert "KiB" in str(refused.value)


def test_unknown_unit_guesses_the_meant_one():
    with pytest.raises(QuantityError, match="did you mean 'share'"):
        Unit.parse("shares")


@pytest.mark.parametrize(
    ("text", "value", "unit", "sign"),
    [
        ("10 ms", 10, "ms", ""),
        ("10ms", 10, "ms", ""),
        ("  10  ms ", 10, "ms", ""),
        ("+10 %", 10, "%", "+"),
        ("-0.05", -0.05, "", "-"),
        ("−5 pp", -5, "pp", "-"),  # noqa: RUF001 - the minus that word processors write
        ("±20 %", 20, "%", "±"),
        ("+-20 %", 20, "%", "±"),
        ("1000 /h", 1000, "/h", ""),
        ("1000 1/h", 1000, "/h", ""),
        ("1_000_000 B", 1_000_000, "B", ""),
        ("1e3 B", 1000, "B", ""),
        (".5 share", 0.5, "share", ""),
        ("2.5E-3 s", 0.0025, "s", ""),
        ("7", 7, "", ""),
        ("7 1", 7, "", ""),
        ("+ 3 h", 3, "h", "+"),
    ],
)
def test_quantity_is_read_as_people_write_it(text, value, unit, sign):
    assert Quantity.parse(text) == Quantity(value, unit, sign)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ms",
        "ten ms",
        "10 ms 5",
        "10, ms",
        "--5",
        "++5",
        "1.2.3",
        "NaN",
        "inf",
        "-inf s",
        "0x10",
        "1e400",
        "10 / h",
    ],
)
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(QuantityError):
        Quantity.parse(text)


@given(st.text())
def test_nonsense_raises_quantity_error_and_nothing_else(text):
    for parse in (Quantity.parse, Unit.parse, parse_duration):
        with suppress(QuantityError):
            parse(text)


@given(st.from_regex(r"[+\-−±]?[0-9_.eE]{1,8} ?[a-zA-Z%/°$µ1]{0,6}", fullmatch=True))  # noqa: RUF001 - as above
def test_near_quantities_give_finite_numbers_or_quantity_error(text):
    try:
        quantity = Quantity.parse(text)
    except QuantityError:
        return
    assert math.isfinite(quantity.value)
    Unit.parse(quantity.unit)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("5m", 300),
        ("5min", 300),
        ("48h", 172_800),
        ("14d", 1_209_600),
        ("2w", 1_209_600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 250ms ", 0.25),
        ("1.5h", 5400),
    ],
)
def test_duration_is_read(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "60", "-5m", "0s", "5 parsecs", "m5", "1h-30m", "5M", "9999999999d", "9" * 400 + "d", "0.0000001s", "1h30"],
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(QuantityError, match="not a duration"):
        parse_duration(text)


@given(st.from_regex(r"([0-9]{1,6}(\.[0-9]{1,9})?(ms|s|m|min|h|d|w) ?){1,3}", fullmatch=True))
def test_a_duration_is_never_nothing(text):
    """A maximum age of zero would make every number stale, or none."""
    with suppress(QuantityError):
        assert parse_duration(text) > timedelta(0)


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=250), "0.25 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(minutes=5, seconds=7), "5 min 07 s"),
        (timedelta(hours=2, minutes=5), "2 h 05 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(days=14), "14 d"),
        (timedelta(minutes=-5), "5 min"),
    ],
)
def test_duration_is_shown_as_people_say_it(duration, shown):
    assert format_duration(duration) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-0.0, "0"),
        (75, "75"),
        (0.1, "0.1"),
        (0.12345, "0.1235"),
        (1234.5, "1 234"),
        (48_200, "48 200"),
        (1_930_000, "1 930 000"),
        (-3.5, "-3.5"),
        (1e12, "1e+12"),
        (1e-7, "1e-07"),
        (99.97, "99.97"),
        (math.nan, "unknown"),
        (math.inf, "unbounded"),
        (-math.inf, "unbounded"),
    ],
)
def test_number_is_shown_in_few_digits(value, shown):
    assert format_number(value).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") == shown


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_75_is_never_shown_against_75_unless_equal(value, other):
    """Two numbers look alike only when they are."""
    one, two = format_apart(value, other)

    assert (one == two) == (value == other)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 16))
def test_neighbours_are_shown_apart(value, steps):
    """Also when they differ in the last bit."""
    other = value
    for _ in range(steps):
        other = math.nextafter(other, math.inf)
    if math.isfinite(other) and other != value:
        one, two = format_apart(value, other)
        assert one != two


@given(st.floats())
def test_any_number_can_be_shown(value):
    assert format_number(value)
    assert format_apart(value, 75.0)
    assert format_apart(75.0, value)


def test_a_unit_is_set_apart_and_no_unit_leaves_no_space():
    assert (with_unit("10", "ms"), with_unit("1000", "/h"), with_unit("5", "")) == ("10 ms", "1000 /h", "5")


def test_a_change_shows_its_sign():
    assert [str(Quantity.parse(text)) for text in ("+10 %", "±20 %", "-5 ms", "10 ms")] == [
        "+10 %",
        "±20 %",
        "-5 ms",
        "10 ms",
    ]
