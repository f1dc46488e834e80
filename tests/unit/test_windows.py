"""Windows: what a stretch of a metric entitles us to say, and what gaps take from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError
from pytest_rollout.estimates import Reading
from pytest_rollout.timeseries import filled
from pytest_rollout.windows import Window

END = datetime(2026, 11, 7, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def empty(minutes, step=MINUTE):
    start = END - timedelta(minutes=minutes)
    return Window(name="rss", unit="MB", start=start, end=END, step=step, times=(), values=())


def window_of(samples, window):
    """Filled with samples at instants, as a source answers them."""
    times = [None if at is None else round(at.timestamp() * 1_000_000) for at, _ in samples]
    return filled(window, times, [value for _, value in samples])


def window(values, *, without=(), minutes=None, step=MINUTE):
    """A sample a minute up to the end; those of some minutes are left out."""
    minutes = minutes or len(values)
    samples = [
        (END - timedelta(minutes=len(values) - 1 - index), value)
        for index, value in enumerate(values)
        if index not in without
    ]
    return window_of(samples, empty(minutes, step))


def bounds(estimate):
    return estimate.low, estimate.value, estimate.high


INF = float("inf")


def test_a_whole_window_is_exact():
    whole = window([3, 1, 2, 5, 4])

    assert whole.coverage == 1
    assert whole.gaps == ()
    assert [each.value for each in (whole.max, whole.min, whole.last, whole.p(50))] == [5, 1, 4, 3]
    assert all(each.exact for each in (whole.max, whole.min, whole.last, whole.p(50)))
    assert whole.max.name == "rss max over 5 min"


def test_a_gap_opens_the_side_that_it_can_hide():
    """The highest value seen is still a lower bound of the highest there was."""
    gappy = window(range(60), without=range(20, 30))

    assert gappy.coverage == pytest.approx(49 / 60, abs=0.01)
    assert bounds(gappy.max) == (59, 59, INF)
    assert bounds(gappy.min) == (-INF, 0, 0)
    assert bounds(gappy.last) == (59, 59, 59)
    assert "1 gap, the longest 11 min from 2026-11-07 08:20 UTC" in gappy.max.why
    assert gappy.max.reason == Reason.NO_DATA


def test_a_gap_and_the_limit():
    """Refuted by what was seen, in doubt about what was not, never proven."""
    gappy = window(range(60), without=range(20, 30))

    assert (gappy.max < 50).truth is Truth.REFUTED
    assert (gappy.max < 100).truth is Truth.INCONCLUSIVE
    assert gappy.stays_above(-1).truth is Truth.INCONCLUSIVE
    assert gappy.stays_below(70, for_="20m").truth is Truth.PROVEN


def test_one_missed_scrape_is_no_gap():
    assert window(range(60), without=[30]).gaps == ()


def test_samples_that_come_rarer_than_said_are_gaps():
    """A value an hour, and a plan that expects one a minute: nothing is proven, and the message says the step."""
    hourly = [(END - timedelta(hours=back), 1.0) for back in range(5, -1, -1)]

    found = window_of(hourly, empty(360)).max

    assert found.high == INF
    assert "a sample is due every 1 min" in found.why
    assert window_of(hourly, empty(360, timedelta(hours=1))).max.exact


@pytest.mark.parametrize("value", [float("nan"), INF])
def test_what_is_no_number_is_missing(value):
    values = [1.0] * 30 + [value] * 10 + [1.0] * 20

    assert window(values).coverage < 0.9


@pytest.mark.parametrize("value", [float("nan"), INF])
def test_one_that_says_no_number_may_have_been_anything(value):
    """However short the time without a number: every other minute, or the newest."""
    every_other = window([1.0, value] * 30)

    assert bounds(every_other.max)[1:] == (1, INF)
    assert every_other.min.low == -INF
    assert every_other.coverage < 0.1
    assert every_other.stays_below(2, for_="30m").truth is Truth.INCONCLUSIVE
    assert window([1.0] * 59 + [value]).last.reason == Reason.STALE


def test_one_that_says_no_number_ends_nothing_that_was_held():
    """What was held is not let off, and what was not held is not proven."""
    spike = [[1.0] * 20, [9.0, float("nan"), 9.0], [1.0] * 20]
    around = [[1.0] * 20, [float("nan"), 9.0, float("nan")], [1.0] * 20]
    held, perhaps = (window([each for part in parts for each in part]).sustained("2m") for parts in (spike, around))

    assert (held.highest.low, held.highest.high) == (9, 9)
    assert (perhaps.highest.low, perhaps.highest.high) == (1, 9)


def test_percentiles_know_what_is_missing():
    """A tenth of the samples is gone: the 95th of what is left may be anything above."""
    gappy = window(range(100), without=range(40, 50))

    assert bounds(gappy.p(95))[2] == INF
    assert gappy.p(50).low < 50 < gappy.p(50).high < INF


def test_a_window_that_ends_in_a_gap_has_no_last():
    stale = window(range(50), minutes=60, without=range(45, 50))

    assert stale.last.reason == Reason.STALE


def test_nothing_at_all():
    for estimate in (empty(60).max, empty(60).mean, empty(60).last, empty(60).sustained("5m").highest):
        assert estimate.why == "no sample in 1 h"
        assert (estimate < 5).truth is Truth.INCONCLUSIVE


def test_why_there_is_no_series_is_said():
    down = replace(empty(60), unknown=Reading.unknown("telemetry: refused", name="rss"))

    assert down.max.why == "telemetry: refused"
    assert down.slope.unit == "MB/h"


@pytest.mark.parametrize(
    "samples",
    [
        [(None, 1.0)],
        [(END, 1.0), (END, 2.0)],
        [(END, 1.0), (END - MINUTE, 2.0)],
        [(END + MINUTE, 1.0)],
        [(END - 61 * MINUTE, 1.0)],
    ],
    ids=["no time", "twice", "backwards", "later", "earlier"],
)
def test_samples_that_are_not_where_they_belong(samples):
    """Which value belongs where would be a guess, so all of it is unknown."""
    assert (window_of(samples, empty(60)).max < 100).truth is Truth.INCONCLUSIVE


def test_a_spike_of_four_minutes_does_not_trip_five():
    calm = [500.0] * 30
    four = window([*calm, *[650.0] * 5, *calm])
    six = window([*calm, *[650.0] * 7, *calm])

    assert (four.sustained("5m").highest <= 600).truth is Truth.PROVEN
    assert (six.sustained("5m").highest <= 600).truth is Truth.REFUTED


def test_five_failed_health_checks_in_a_row():
    checks = [1.0] * 10 + [0.0] * 5 + [1.0] * 10

    assert (window(checks).consecutive(5).lowest > 0).truth is Truth.REFUTED
    assert (window(checks).consecutive(6).lowest > 0).truth is Truth.PROVEN
    assert window(checks).consecutive(5).lowest.name == "rss lowest 5 in a row"


@pytest.mark.parametrize(
    "question",
    [
        lambda one: one.sustained("1m"),
        lambda one: one.sustained("2h"),
        lambda one: one.sustained("soon"),
        lambda one: one.consecutive(1),
        lambda one: one.p(0),
        lambda one: one.p(100),
        lambda one: one.stays_above(1, for_="2h"),
    ],
)
def test_questions_that_have_no_answer(question):
    with pytest.raises(QuestionError):
        question(window(range(60)))


def test_a_mean_knows_that_neighbours_are_alike():
    """A day of a value that wanders slowly: the mean is known, and not as well as 1440 samples would say."""
    values = [50 + 5 * ((index // 120) % 2) for index in range(1440)]

    mean = window(values).mean

    assert mean.low < 52.5 < mean.high
    assert mean.high - mean.low > 0.5
    assert (mean.unit, mean.confidence) == ("MB", 0.95)


def test_growth_is_in_percent_an_hour():
    values = [100 * 1.01 ** (index / 60) for index in range(1440)]

    growth = window(values).growth

    assert growth.unit == "%/h"
    assert growth.value == pytest.approx(1, rel=0.01)
    assert (growth < "2 %/h").truth is Truth.PROVEN


def test_growth_of_nothing_has_no_answer():
    assert (window([0.0] * 1440).growth < 1).truth is Truth.INCONCLUSIVE


def test_a_mean_of_half_a_window_has_no_answer():
    assert (window(range(1440), without=range(600, 700)).mean < 10_000).truth is Truth.INCONCLUSIVE


@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=50), st.data())
def test_the_truth_is_never_outside(values, data):
    """Whatever the hidden samples were, every answer of the whole window lies within that of the gappy one."""
    first = data.draw(st.integers(0, len(values) - 6))
    last = data.draw(st.integers(first + 3, len(values) - 1))
    hidden = range(first, last)
    whole, gappy = window(values), window(values, without=hidden)
    questions = [
        lambda one: one.max,
        lambda one: one.min,
        lambda one: one.p(90),
        lambda one: one.sustained("3m").highest,
        lambda one: one.sustained("3m").lowest,
    ]

    for question in questions:
        low, _, high = bounds(question(gappy))
        assert low <= question(whole).value <= high
