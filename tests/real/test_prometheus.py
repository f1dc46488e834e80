"""Answers of a real Prometheus: exact numbers, and as old as their data."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.protocol import Question


@pytest.mark.parametrize(
    ("query", "value", "seconds"),
    [
        pytest.param("steady", 479, 5, id="a-gauge"),
        pytest.param("scalar(steady)", 479, 5, id="a-scalar"),
        pytest.param("sum(increase(orders_total[1h]))", 1440, 5, id="a-counter"),
        pytest.param("stopped", 464, 240, id="repeated"),
        pytest.param("sum(rate(stopped[10m]))", None, 240, id="in-a-rate"),
        pytest.param("steady - stopped", 15, 240, id="the-oldest-of-two"),
        pytest.param("max_over_time(dead[1h])", 400, 1200, id="in-a-long-range"),
        pytest.param("max_over_time(sum(dead)[1h:1m])", 400, 1200, id="in-a-subquery"),
        pytest.param("steady - steady offset 1h", 240, 5, id="against-an-hour-ago"),
        pytest.param("steady offset 1h", 239, 3605, id="an-hour-ago"),
        pytest.param("steady - steady @ end()", 0, 5, id="pinned"),
        pytest.param("histogram_quantile(0.5, sum by (le) (rate(latency_seconds_bucket[1h])))", 0.3, 5, id="p50"),
        pytest.param("steady / 0", math.inf, 5, id="infinite"),
    ],
)
def test_a_number_is_as_old_as_its_data(prometheus, query, value, seconds):
    """Prometheus dates every answer with the question; the newest sample behind it is what counts."""
    answer = prometheus.ask(query)

    (sample,) = answer.samples
    assert value is None or sample.value == pytest.approx(value)
    assert prometheus.at - sample.at == timedelta(seconds=seconds)
    assert answer.identity.startswith("Prometheus 2.")
    assert abs(answer.skew) < timedelta(seconds=2)


@pytest.mark.parametrize(
    "query", ["vector(1)", "time()", "sum(nowhere) or vector(0)", "absent(nowhere)", "sum(dead) or vector(0)"]
)
def test_what_looks_at_nothing_has_no_age(prometheus, query):
    """A number that no series stands behind is not fresh."""
    answer = prometheus.ask(query)

    assert answer.samples[0].at is None
    assert "age unknown" in answer.body


@pytest.mark.parametrize("query", ["nowhere", "dead", "steady > 1000", "count(nowhere)"])
def test_nothing_is_nothing(prometheus, query):
    """An empty answer is told from an error and from NaN."""
    assert prometheus.ask(query).samples == ()


def test_nan_is_nan(prometheus):
    """A third thing."""
    assert math.isnan(prometheus.ask("0 / (steady - steady)").samples[0].value)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(rate(steady[5m])", 'the query is refused: invalid parameter "query": 1:21: parse error: unclosed'),
        ("rate(steady)", "expected type range vector"),
        ("orders_total", '2 series where one was meant: orders_total{pod="a"}, orders_total{pod="b"}\nreduce them'),
        ("latency_seconds_bucket", "the buckets of a histogram"),
        ("steady[5m]", "a range of samples, not a number"),
        ('"text"', "a text, not a number"),
        ("orders_total * on() orders_total", "the query cannot be evaluated: "),
        (
            "sum(max_over_time(steady[2h:50ms]) + " + " + ".join(["max_over_time(steady[2h:50ms])"] * 200) + ")",
            "given up|no answer",
        ),
    ],
)
def test_what_is_no_number(prometheus, query, says):
    """In Prometheus' own words, and with what would do."""
    with pytest.raises(SourceError) as caught:
        prometheus.ask(query, timeout_seconds=0.5 if "given up" in says else 10)

    assert any(each in str(caught.value) for each in says.split("|"))


def test_a_window(prometheus):
    """A sample a minute, each with the time of its data."""
    answer = prometheus.ask("steady", start=prometheus.at - timedelta(minutes=30))

    times = [prometheus.at - timedelta(minutes=minutes, seconds=5) for minutes in reversed(range(30))]
    assert [each.at for each in answer.samples] == times
    assert [each.value for each in answer.samples] == list(range(479 - 29 * 4, 480, 4))
    assert answer.warnings == ()


@pytest.mark.parametrize(
    ("query", "last", "count"), [("stopped", 240, 56), ("rate(stopped[5m])", 240, 56), ("dead", 1200, 40)]
)
def test_a_window_of_a_series_that_stopped(prometheus, query, last, count):
    """What Prometheus repeats for five minutes is no coverage."""
    answer = prometheus.ask(query, start=prometheus.at - timedelta(hours=1))

    assert prometheus.at - answer.samples[-1].at == timedelta(seconds=last)
    assert count <= len(answer.samples) <= count + 1
    assert "left out: no new data behind them" in answer.body


def test_a_window_before_the_data(prometheus):
    """The part that is there."""
    answer = prometheus.ask("steady", start=prometheus.at - timedelta(days=1), step=timedelta(minutes=5))

    assert prometheus.at - answer.samples[0].at <= timedelta(hours=2)
    assert len(answer.samples) == 24


def test_a_classic_histogram(prometheus):
    """Of each 10 observations 3 up to 0.1, 4 up to 0.5, and 3 above."""
    answer = prometheus.ask("sum by (le) (increase(latency_seconds_bucket[1h]))", buckets=True)

    assert [each.upto for each in answer.buckets] == [0.1, 0.5, math.inf]
    assert [each.count for each in answer.buckets] == pytest.approx([720, 960, 720])
    assert answer.samples[0].value == pytest.approx(2400)
    assert prometheus.at - answer.samples[0].at == timedelta(seconds=5)


def test_a_native_histogram(live):
    """Scraped live, as protobuf: 2 near zero, 3 in (1, 2], 4 in (2, 4]."""
    answer = live.ask("sizes", buckets=True)

    assert [(each.upto, each.count) for each in answer.buckets] == [(0.001, 2), (2, 3), (4, 4)]
    assert [each.above for each in answer.buckets][1:] == [1, 2]
    assert answer.samples[0].value == 9
    with pytest.raises(
        SourceError, match="the query is a histogram, not a number\nask for a number: histogram_quantile"
    ):
        live.ask("sizes")


def test_a_target_that_is_scraped(live):
    """Its last scrape is the age."""
    (sample,) = live.ask("live").samples

    assert sample.value == 7
    assert timedelta(0) <= live.at - sample.at < timedelta(seconds=5)


def test_alert_rules(live):
    """How many are firing, of rules that are there and well."""
    quiet, loud = (live.ask(f"firing alerts of {name}") for name in ("HighConceptFormationRate", "Firing"))

    assert [answer.samples[0].value for answer in (quiet, loud)] == [0, 1]
    assert timedelta(seconds=-5) < live.at - quiet.samples[0].at < timedelta(seconds=5)
    with pytest.raises(SourceError, match="the health of alert rule 'Broken' is 'err': "):
        live.ask("firing alerts of Broken")
    with pytest.raises(
        SourceError, match="no alert rule 'HighConceptFormatonRate'\ndid you mean 'HighConceptFormationRate'"
    ):
        live.ask("firing alerts of HighConceptFormatonRate")


def test_many_questions_at_once(prometheus):
    """200 questions on 16 threads, of one source."""
    source = prometheus.source()

    def ask(number):
        return source.ask(Question(query=f"steady + {number}", at=prometheus.at)).samples[0].value

    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(ask, range(200)))

    assert values == [479 + number for number in range(200)]
    assert time.monotonic() - started < 40
