"""VictoriaMetrics speaks Prometheus' API: the same questions, and where its answers differ."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from pytest_rollout.errors import SourceError


@pytest.mark.parametrize(
    ("query", "value", "seconds"),
    [
        ("steady", 479, 5),
        ("scalar(steady)", 479, 5),
        ("stopped", 464, 240),
        ("sum(rate(stopped[10m]))", None, 240),
        ("steady - stopped", 15, 240),
        ("max_over_time(dead[1h])", 400, 1200),
        ("steady offset 1h", 239, 3605),
        ("steady - steady offset 1h", 240, 5),
        pytest.param("steady default 0", 479, 5, id="metricsql"),
        pytest.param("sum(increase(orders_total[1h]))", 1440, 5, id="increase"),
    ],
)
def test_a_number_is_as_old_as_its_data(victoria_metrics, query, value, seconds):
    """As with Prometheus."""
    answer = victoria_metrics.ask(query)

    (sample,) = answer.samples
    assert value is None or sample.value == pytest.approx(value)
    assert victoria_metrics.at - sample.at == timedelta(seconds=seconds)
    assert abs(answer.skew) < timedelta(seconds=2)


@pytest.mark.parametrize("query", ["vector(1)", "time()", "sum(nowhere) or vector(0)"])
def test_what_looks_at_nothing_has_no_age(victoria_metrics, query):
    """As with Prometheus."""
    assert victoria_metrics.ask(query).samples[0].at is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(rate(steady[5m])", "the query cannot be evaluated: error when executing query"),
        ("orders_total", '2 series where one was meant: orders_total{pod="a"}'),
        ("steady[5m]", "a range of samples, not a number"),
    ],
)
def test_what_is_no_number(victoria_metrics, query, says):
    """In its own words, and with what would do."""
    with pytest.raises(SourceError) as caught:
        victoria_metrics.ask(query)

    assert says in str(caught.value)


@pytest.mark.parametrize(("query", "last"), [("steady", 5), ("stopped", 240), ("rate(stopped[5m])", 240)])
def test_a_window(victoria_metrics, query, last):
    """Its end is that of the data, and its times are not moved to round ones."""
    answer = victoria_metrics.ask(query, start=victoria_metrics.at - timedelta(hours=1))

    assert victoria_metrics.at - answer.samples[-1].at == timedelta(seconds=last)
    assert 55 <= len(answer.samples) <= 60


def test_a_classic_histogram(victoria_metrics):
    """Buckets by `le`, with +Inf."""
    answer = victoria_metrics.ask("sum by (le) (increase(latency_seconds_bucket[1h]))", buckets=True)

    assert [each.upto for each in answer.buckets] == [0.1, 0.5, math.inf]
    assert [each.count for each in answer.buckets] == pytest.approx([720, 960, 720])


def test_alert_rules_are_not_here(victoria_metrics):
    """They live in vmalert; none is not "none is firing"."""
    from datetime import UTC, datetime

    with pytest.raises(SourceError, match="there is no alert rule 'Firing'"):
        victoria_metrics.ask("firing alerts of Firing", at=datetime.now(UTC))
