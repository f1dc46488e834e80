"""What a world writes beside its telemetry is read by the sources that read the real thing."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.errors import SourceError, WorldError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Question
from pytest_rollout.world import Benchmark, Benchmarks, Junit, Log, Rows

AT = datetime(2026, 11, 1, 9, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOG = Log(
    pattern=r"(?P<at>\S+) (?P<level>\w+) event=(?P<event>\w+)(?: n=(?P<n>\d+))?",
    entries={"INFO event=formation n={n}": 60, "WARN event=slow": 720},
    hours=72,
)
BENCHMARKS = Benchmarks(
    results=[
        Benchmark(name="test_store", mean_ms=2.16, before_ms=2.0),
        Benchmark(name="test_recall", mean_ms=5, before_ms=5, spread=0.1),
    ]
)


@pytest.fixture
def asked(tmp_path):
    """Writes a file and asks the source of it."""

    def ask(file, query):
        options = dict(file.write(tmp_path, AT))
        source = KINDS[options.pop("kind")].open(options, tmp_path)
        [sample] = source.ask(Question(query=query, at=AT)).samples
        return sample.value, sample.at

    return ask


@pytest.mark.parametrize(
    ("query", "value"), [("tests", 14), ("passed", 12), ("failures", 2), ("unsuccessful", 2), ("errors", 0)]
)
def test_junit_results_are_read(asked, query, value):
    file = Junit(tests=12, failed=['test_"quoted" & <odd>', "test_other"], hours_ago=3)

    assert asked(file, query) == (value, AT - 3 * HOUR)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("test_store#mean", 2.16),
        ("change(test_store#mean)", 8.0),
        ("worst_regression(mean)", 8.0),
        ("test_recall#max", 5.5),
        ("test_recall#p99", 5.5 - 2 * 0.5 * 2 / 199),
    ],
)
def test_benchmarks_are_read(asked, query, value):
    found, at = asked(BENCHMARKS, query)

    assert found == pytest.approx(value)
    assert at == AT - 3 * HOUR


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('count({event="formation"}[24h])', 24),
        ('count({event="formation"}[72h])', 72),
        ('count({level="WARN"}[72h])', 6),
        ('last(n{event="formation"}[24h])', 72),
        ('count({event="nothing"}[24h])', 0),
    ],
)
def test_a_rotated_log_is_read(asked, query, value):
    assert asked(LOG, query)[0] == value


def test_a_log_lies_in_three_files_and_the_oldest_is_packed(tmp_path):
    LOG.write(tmp_path, AT)

    assert {path.name for path in tmp_path.iterdir()} == {"service.log", "service.log.1", "service.log.2.gz"}
    oldest = gzip.decompress((tmp_path / "service.log.2.gz").read_bytes()).decode().splitlines()
    assert oldest == sorted(oldest)
    assert oldest[-1] < (tmp_path / "service.log.1").read_text().partition("\n")[0]


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_a_list_is_read(asked, name):
    file = Rows(file=name, rows=[{"task": "a, b", "done": True}, {"task": "c", "done": False}], hours_ago=5)
    query = 'SELECT count(*) FILTER (WHERE done) AS value, max(CAST("at" AS TIMESTAMPTZ)) AS "at" FROM file'

    assert asked(file, query) == (1, AT - 5 * HOUR)


def test_a_list_of_another_kind_is_refused(tmp_path):
    with pytest.raises(WorldError, match=r"file 'list.txt': a list with rows ends in .csv or .jsonl"):
        Rows(file="list.txt", rows=[{"a": 1}]).write(tmp_path, AT)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WorldError, match=r"missing/junit.xml: cannot be written"):
        Junit(tests=1).write(tmp_path / "missing", AT)


def test_swapped_benchmarks_are_found_out(tmp_path):
    options = dict(BENCHMARKS.write(tmp_path, AT))
    swapped = {**options, "path": options["against"], "against": options["path"]}
    source = KINDS[swapped.pop("kind")].open(swapped, tmp_path)

    with pytest.raises(SourceError, match="the baseline was taken"):
        source.ask(Question(query="worst_regression(mean)", at=AT))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Benchmark(name="x", mean_ms=1, before_ms=1, rounds=1),
        lambda: Benchmark(name="x", mean_ms=0, before_ms=1),
        lambda: Benchmark(name="x", mean_ms=1, before_ms=1, spread=1),
        lambda: Log(pattern="(?P<at>.*)", entries={"x": 0}),
    ],
)
def test_what_cannot_be_written_is_refused_when_it_is_described(make):
    with pytest.raises(WorldError, match="'x'"):
        make()
