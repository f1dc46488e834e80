"""A world's `/metrics` is that of a busy service, and a real reader of the format agrees."""

from __future__ import annotations

import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.sources.exposition import same_process, series_of
from pytest_rollout.world.exposition import Counter, Gauge, Histogram, exposed

METRICS = [
    Counter(name="requests_total", per_second=40, labels={"code": "200"}),
    Counter(name="requests_total", per_second=1, labels={"code": "500"}),
    Gauge(name="queue", state="queue.length"),
    Histogram(name="latency_seconds", per_second=10, shares={0.1: 0.5, 0.5: 0.9}),
]
STATE = {"queue": {"length": 7}}


def read(seconds):
    return series_of(exposed(METRICS, seconds, 1e9, STATE).encode(), "test")


def value(found, name, **labels):
    return found[name, frozenset(labels.items())].value


def test_two_readings_differ_by_their_rates():
    first, second = read(100), read(110)

    assert value(second, "requests_total", code="200") - value(first, "requests_total", code="200") == 400
    assert value(second, "requests_total", code="500") - value(first, "requests_total", code="500") == 10
    assert value(second, "latency_seconds_count") - value(first, "latency_seconds_count") == 100
    assert same_process(first, second) is True


def test_a_histogram_adds_up():
    found = read(50)
    buckets = [value(found, "latency_seconds_bucket", le=le) for le in ("0.1", "0.5", "+Inf")]

    total = value(found, "latency_seconds_count")
    assert buckets == [total * 0.5, total * 0.9, total]
    assert value(found, "latency_seconds_sum") == pytest.approx(total * (0.5 * 0.1 + 0.4 * 0.5 + 0.1 * 1.0))


def test_a_gauge_is_the_state_as_it_is_now():
    assert value(read(1), "queue") == 7
    assert "queue 8\n" in exposed(METRICS, 1, 1e9, {"queue": {"length": 8}})


def test_a_gauge_of_nothing_is_named():
    with pytest.raises(WorldError, match=r"gauge 'queue': the state has no number 'queue.length'"):
        exposed(METRICS, 1, 1e9, {"queue": 3})


@pytest.mark.parametrize("shares", [{}, {0.5: 0.9, 0.1: 0.5}, {0.1: 0.9, 0.5: 0.5}, {0.1: 1.5}])
def test_a_histogram_that_cannot_be_is_refused(shares):
    with pytest.raises(WorldError, match="histogram 'x'"):
        Histogram(name="x", per_second=1, shares=shares)
