"""/metrics, read twice: rates that cannot be known are refused, and a run reads it twice whatever it asks."""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import scrape
from pytest_rollout.sources.exposition import series_of
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.protocol import Question
from pytest_rollout.sources.scrape import ScrapeSource

prometheus_client = pytest.importorskip("prometheus_client")

FIRST = """\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/"} 1000
requests_total{code="500",path="/"} 10
requests_total{code="503",path="/"} 5
# TYPE jobs counter
jobs 7
# TYPE queue gauge
queue{name="mail"} 3
queue{name="push"} 4
plain 1
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 90
latency_seconds_bucket{le="0.5"} 99
latency_seconds_bucket{le="+Inf"} 100
latency_seconds_sum 20
latency_seconds_count 100
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e9
"""
SECOND = (
    FIRST.replace('"200",path="/"} 1000', '"200",path="/"} 1500')
    .replace('"500",path="/"} 10', '"500",path="/"} 11')
    .replace("jobs 7", "jobs 9")
    .replace('"mail"} 3', '"mail"} 8')
    .replace("plain 1", "plain 6")
    .replace('le="0.1"} 90', 'le="0.1"} 98')
    .replace('le="0.5"} 99', 'le="0.5"} 108')
    .replace('le="+Inf"} 100', 'le="+Inf"} 110')
)


class Clock:
    """Seconds that pass only while somebody pauses."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def scraped(hostile, at):
    """A service that says one thing first and another after the pause."""

    def scraped(first, second, *headers, interval=5.0):
        clock = Clock()
        hostile.reply("/metrics", first, *headers)

        def pause(seconds):
            clock.seconds += seconds
            hostile.reply("/metrics", second, *headers)

        service = Service.of({"url": f"{hostile.url}/metrics"})
        return ScrapeSource(service, timedelta(seconds=interval), now=lambda: at, clock=clock, pause=pause)

    return scraped


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('queue{name="mail"}', 8),
        ("sum(queue)", 12),
        ('requests_total{code="200"}', 1500),
        ('rate(requests_total{code="200"})', 100),
        ('increase(requests_total{code="200"})', 500),
        ('sum(rate(requests_total{code=~"5.."}))', 0.2),
        ('sum(increase(requests_total{code!~"5.."}))', 500),
        ("sum( rate ( requests_total ) )", 100.2),
        ("rate(jobs)", 0.4),
        ("jobs", 9),
        ("increase(plain)", 5),
        ("increase(latency_seconds_count)", 0),
        ('rate(requests_total{code="503", path="/",})', 0),
    ],
)
def test_values_and_rates(ask, scraped, at, query, value):
    """The second value, or the growth between the two, as Prometheus names them."""
    answer = ask(scraped(FIRST, SECOND), query, timeout_seconds=20)

    assert [(sample.value, sample.at) for sample in answer.samples] == [(pytest.approx(value), at)]
    assert "→" in answer.body


def test_nothing_is_an_empty_answer(ask, scraped):
    """A name or label that is not there is neither zero nor an error."""
    for query in ("nothing", 'sum(rate(requests_total{code="404"}))'):
        assert ask(scraped(FIRST, SECOND), query, timeout_seconds=20).samples == ()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("queue", 'queue{name="mail"}, queue{name="push"}\nwrite sum(…)'),
        ("rate(requests_total)", "3 series where one was meant"),
        ('rate(queue{name="mail"})', "queue is no counter"),
        ("rate(requests_total[5m])", "a range such as [5m] needs a history"),
        ("max(queue)", "max(…) is not answered here"),
        ("rate(sum(queue))", "rate(sum(…)) is not answered here"),
        ("sum(queue", "is no query"),
        ('{name="mail"}', "names no metric"),
        ("queue{name=mail}", "is no matcher"),
        ('queue{name=~"(a+)+"}', "could take very long"),
        ('queue{name=~"("}', "is no regular expression"),
        (r'queue{name=~"\d"}', "is no escape of a text"),
    ],
)
def test_what_is_no_query(ask, scraped, hostile, query, says):
    """The message shows the queries that there are."""
    with pytest.raises(SourceError) as caught:
        ask(scraped(FIRST, SECOND), query, timeout_seconds=20)

    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{hostile.url}/metrics: ")


RESTARTED = SECOND.replace("1.7e9", "1.8e9")
NO_START = "# TYPE a_total counter\na_total 5\n"


@pytest.mark.parametrize(
    ("first", "second", "query", "says"),
    [
        (SECOND, FIRST, "rate(jobs)", "jobs fell from 9 to 7: a restart"),
        (FIRST, RESTARTED, "rate(jobs)", "begun anew: a restart, or several instances"),
        (FIRST, FIRST, "rate(jobs)", "the same to the byte"),
        (NO_START, NO_START + "b_total 5\n", "rate(b_total)", "appeared between the two answers"),
        (NO_START + "b_total 5\n", NO_START, "rate(b_total)", "was there and is gone"),
        (NO_START, NO_START.replace(" 5", " NaN"), "rate(a_total)", "fell from 5 to nan"),
        (NO_START.replace(" 5", " NaN"), NO_START, "rate(a_total)", "fell from nan to 5"),
        (
            NO_START.replace(" 5", " 5 1793523600000"),
            NO_START.replace(" 5", " 6 1793523600000"),
            "rate(a_total)",
            "are of one moment",
        ),
        (
            "# TYPE a counter\na_total 5\na_created 1\n# EOF\n",
            "# TYPE a counter\na_total 6\na_created 2\n# EOF\n",
            "rate(a_total)",
            "begun anew",
        ),
    ],
)
def test_what_is_no_rate(ask, scraped, first, second, query, says):
    """A restart, another instance, a cache: none of them shows as zero, nor as a jump."""
    with pytest.raises(SourceError, match=re.escape(says)):
        ask(scraped(first, second), query, timeout_seconds=20)


def test_a_counter_that_appears_in_one_process_began_at_nothing(ask, scraped):
    """The first error of a process that says when it began is counted."""
    second = SECOND.replace("# TYPE jobs", 'requests_total{code="504"} 2\n# TYPE jobs')

    assert ask(scraped(FIRST, second), 'increase(requests_total{code="504"})', timeout_seconds=20).samples[0].value == 2


def test_times_of_the_exposition_are_believed(ask, scraped):
    """An exporter that says when its values were taken is as old as that, and its rate is over its own time."""
    first = "# TYPE a_total counter\na_total 5 1793523600000\n"
    second = "# TYPE a_total counter\na_total 35 1793523660000\n"

    sample = ask(scraped(first, second), "rate(a_total)", timeout_seconds=20).samples[0]

    assert sample.value == 0.5
    assert sample.at == datetime.fromtimestamp(1793523660, UTC)


def test_a_cache_on_the_way_makes_values_old(ask, scraped, at):
    """What the header Age says is taken off."""
    answer = ask(scraped(FIRST, SECOND, "Age: 7200"), "jobs", timeout_seconds=20)

    assert answer.samples[0].at == at - timedelta(hours=2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the answer is empty"),
        ("# nothing\n", "holds no metric"),
        ("a 1\nb 2", "it was cut off"),
        ("<html></html>\n", "answered HTML or JSON"),
        ('{"a": 1}\n', "answered HTML or JSON"),
        ("a one\n", "not in Prometheus' format"),
        ("a{b=c} 1\n", "not in Prometheus' format"),
        ('a{b="c"\n', "not in Prometheus' format"),
        ("a\n", "not in Prometheus' format"),
        ("a 1\na 2\n", "a is there twice"),
        ('a{b="c"} 1\na{b="c"} 1\n', "is there twice"),
        ("# TYPE a counter\na_total 5\n# EOF\nb 1\n# EOF\n", "not in Prometheus' format"),
        (b"a 1\nb\xff 2\n", "not UTF-8"),
    ],
)
def test_what_is_no_exposition(ask, scraped, content, says):
    """It is refused, not read as far as it goes."""
    with pytest.raises(SourceError, match=says):
        ask(scraped(content, content), "a", timeout_seconds=20)


@pytest.mark.parametrize(
    "path", ["error", "hang-before-headers", "drip-body", "huge", "redirect", "truncated", "reset"]
)
def test_a_hostile_service(hostile, at, path):
    """It is read as safely as any other, and in time."""
    source = ScrapeSource(Service.of({"url": f"{hostile.url}/{path}"}), timedelta(seconds=0.1), now=lambda: at)
    started = time.monotonic()

    with pytest.raises(SourceError) as caught:
        source.ask(Question(query="a", at=at, timeout_seconds=1.0))

    assert time.monotonic() - started < 40
    assert str(caught.value).startswith(f"{hostile.url}/{path}")


def test_a_histogram(scraped, at):
    """The growth of each bucket, none of them twice; a quantile of it is computed elsewhere."""
    question = Question(query="increase(latency_seconds_bucket)", at=at, buckets=True, timeout_seconds=20)

    answer = scraped(FIRST, SECOND).ask(question)

    assert [(each.above, each.upto, each.count) for each in answer.buckets] == [
        (-float("inf"), 0.1, 8),
        (0.1, 0.5, 1),
        (0.5, float("inf"), 1),
    ]
    assert [(sample.value, sample.at) for sample in answer.samples] == [(10, at)]


def histogram(**by_path):
    lines = ["# TYPE h histogram"]
    for path, counts in by_path.items():
        lines += [f'h_bucket{{path="{path}",le="{le}"}} {count}' for le, count in counts.items()]
    return "\n".join([*lines, "process_start_time_seconds 1", ""])


@pytest.mark.parametrize(
    ("first", "second", "query", "says"),
    [
        ({"a": {1: 0, "+Inf": 0}}, {"a": {1: 2, "+Inf": 1}}, "increase(h_bucket)", "do not add up"),
        ({"a": {1: 0}}, {"a": {1: 2}}, "increase(h_bucket)", 'no bucket le="+Inf"'),
        ({"a": {1: 3, "+Inf": 4}}, {"a": {1: 2, "+Inf": 5}}, "increase(h_bucket)", "fell from 3 to 2"),
        ({}, {"a": {"+Inf": 1}, "b": {"+Inf": 1}}, "increase(h_bucket)", "2 histograms where one was meant"),
        ({}, {"a": {"+Inf": 1}, "b": {2: 1, "+Inf": 1}}, "sum by (le) (increase(h_bucket))", "different buckets"),
        ({}, {"a": {"+Inf": 1}}, "increase(process_start_time_seconds)", "is no bucket of a histogram"),
        ({}, {"a": {"+Inf": 1}}, "rate(h_bucket)", "is not answered here"),
    ],
)
def test_what_is_no_histogram(scraped, at, first, second, query, says):
    """Buckets that shrink, that differ, or are none."""
    with pytest.raises(SourceError, match=re.escape(says)):
        scraped(histogram(**first), histogram(**second)).ask(
            Question(query=query, at=at, buckets=True, timeout_seconds=20)
        )


def test_histograms_of_several_series_are_summed(scraped, at):
    """Bucket by bucket."""
    second = histogram(a={1: 2, "+Inf": 3}, b={1: 1, "+Inf": 5})
    question = Question(query="sum by (le) (increase(h_bucket))", at=at, buckets=True, timeout_seconds=20)

    assert [each.count for each in scraped(histogram(), second).ask(question).buckets] == [3, 5]


def test_all_questions_of_a_run_share_two_readings(scraped, hostile, at):
    """However many ask, from however many threads; and an error is shared, too."""
    source = scraped(FIRST, SECOND)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: source.ask(Question(query="rate(jobs)", at=at, timeout_seconds=20)), range(20))
        )
    broken = ScrapeSource(Service.of({"url": f"{hostile.url}/error"}), now=lambda: at, pause=lambda _: None)
    for _ in range(3):
        with pytest.raises(SourceError, match="status 500"):
            broken.ask(Question(query="a", at=at))

    assert {answer.samples[0].value for answer in answers} == {0.4}
    assert [request.split()[1] for request in hostile.requests] == ["/metrics", "/metrics", "/error"]


def test_who_waits_for_another_question_waits_no_longer_than_its_own_time(scraped, at):
    """A thread that hangs on the service holds up nobody for long."""
    source = scraped(FIRST, SECOND)
    source._guard.acquire()

    with pytest.raises(SourceError, match=r"another question is reading it for 0\.1 s"):
        source.ask(Question(query="jobs", at=at, timeout_seconds=0.1))


def test_questions_that_it_cannot_answer(ask, scraped, at):
    """The past, a series, or two readings that do not fit into the time."""
    source = scraped(FIRST, SECOND, interval=30)

    for question, says in (
        (Question(query="jobs", at=at - timedelta(minutes=3)), "answers for now only"),
        (Question(query="jobs", at=at, start=at - timedelta(hours=1)), "has no series over time"),
        (Question(query="jobs", at=at), "two readings 30 s apart do not fit into 10 s"),
    ):
        with pytest.raises(SourceError, match=says):
            source.ask(question)


def test_without_the_library(ask, scraped, monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "prometheus_client.parser", None)

    with pytest.raises(SourceError, match=r"pip install 'pytest-rollout\[scrape\]'"):
        ask(scraped(FIRST, SECOND), "jobs", timeout_seconds=20)


@pytest.mark.parametrize("options", [{}, {"url": "x"}, {"url": "http://a", "interval": "soon"}])
def test_options_that_cannot_be_meant(options):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option '"):
        scrape.KIND.open(options, Path())


def test_the_library_of_prometheus_own(at):
    """A real exporter, over HTTP, whose counters grow while it is read."""
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("work", "Work.", ["kind"], registry=registry)
    histogram = prometheus_client.Histogram("took_seconds", "Time.", buckets=(0.1, 1.0), registry=registry)
    counter.labels("a").inc(5)
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)

    def pause(seconds):
        time.sleep(seconds)
        counter.labels("a").inc(3)
        for took in (0.05, 0.5, 0.6, 5.0):
            histogram.observe(took)

    try:
        service = Service.of({"url": f"http://127.0.0.1:{server.server_port}/metrics"})
        source = ScrapeSource(service, timedelta(seconds=0.2), now=lambda: at, pause=pause)
        grown = source.ask(Question(query='increase(work_total{kind="a"})', at=at))
        rate = source.ask(Question(query="sum(rate(work_total))", at=at))
        buckets = source.ask(Question(query="increase(took_seconds_bucket)", at=at, buckets=True)).buckets
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert grown.samples[0].value == 3
    assert 0 < rate.samples[0].value <= 15
    assert [each.count for each in buckets] == [1, 2, 1]


def test_openmetrics_is_read_as_the_text_is():
    """Both formats of one registry say the same."""
    from prometheus_client import exposition as plain
    from prometheus_client.openmetrics import exposition as openmetrics

    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("work", "Work.", ["kind"], registry=registry).labels("a").inc(5)
    prometheus_client.Gauge("queue", "Queue.", registry=registry).set(2)
    prometheus_client.Histogram("took_seconds", "Time.", registry=registry).observe(0.3)

    text, other = (
        {
            key: (each.value, each.grows)
            for key, each in series_of(make(registry), "x").items()
            if "created" not in key[0]
        }
        for make in (plain.generate_latest, openmetrics.generate_latest)
    )

    assert text == other
    assert text["work_total", frozenset({("kind", "a")})] == (5, True)
    assert text["queue", frozenset()] == (2, False)


def test_large_expositions_are_read_in_time():
    """As many series as 5 MiB hold take seconds, not minutes."""
    line = 'a_total{{path="/some/path/of/a/service/number/{0}",code="200",instance="host-{0}:9100"}} {0}\n'
    content = "".join(line.format(i) for i in range(50_000)).encode()
    started = time.monotonic()

    assert len(series_of(content, "x")) == 50_000
    assert time.monotonic() - started < 40


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=5),
    st.floats(0.1, 9.0),
)
def test_a_rate_is_never_negative_and_sums_add_up(scraped, at, counters, interval):
    """Whatever counters do, the sum is that of the parts, or one of them fell and there is none."""
    first, second = (
        "".join(f'a_total{{i="{i}"}} {pair[index]}\n' for i, pair in enumerate(counters)) + f"x {index}\n"
        for index in (0, 1)
    )
    source = scraped(first, second, interval=interval)

    def value(query):
        return source.ask(Question(query=query, at=at)).samples[0].value

    if any(new < old for old, new in counters):
        with pytest.raises(SourceError, match="fell from"):
            value("sum(rate(a_total))")
        return
    rates = [value(f'rate(a_total{{i="{i}"}})') for i in range(len(counters))]
    assert min(rates) >= 0
    assert value("sum(rate(a_total))") == pytest.approx(sum(rates))
    # Clocks of datetimes know microseconds, of which a tenth of a second has 100 000.
    assert value("sum(increase(a_total))") == pytest.approx(sum(rates) * interval, rel=1e-4)
