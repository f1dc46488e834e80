"""Benchmarks: one figure, or its change from a baseline that is older, whole and really another file."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import benchmark_json
from pytest_rollout.sources.protocol import Question

NEW, OLD = "2026-11-07T08:00:00.123456+00:00", "2026-10-07T08:00:00+00:00"
ROUNDS = [i / 1000 for i in range(200, 0, -1)]


def report(taken=NEW, machine="bench-1", **benchmarks):
    """What pytest-benchmark 5 writes, shortened."""
    rows = [
        {"name": name.rpartition("/")[2], "fullname": f"tests/{name}.py::{name.rpartition('/')[2]}", "stats": stats}
        for name, stats in benchmarks.items()
    ]
    info = {"node": machine, "cpu": {"brand_raw": "CPU"}, "python_version": "3.11.7"}
    return {"machine_info": info, "datetime": taken, "version": "5.3.1", "benchmarks": rows}


@pytest.fixture
def benchmarks(tmp_path):
    """A result and a baseline, as a source."""

    def benchmarks(new, old=None, **options):
        for name, document in (("new.json", new), ("old.json", old)):
            (tmp_path / name).write_text(document if isinstance(document, str) else json.dumps(document))
        against = {"against": "old.json"} if old is not None else {}
        return benchmark_json.KIND.open({"path": "new.json", **against, **options}, tmp_path)

    return benchmarks


RESULT = report(recall={"mean": 0.011, "ops": 90.0, "rounds": 200, "data": ROUNDS}, form={"mean": 0.05, "ops": 20.0})
BASELINE = report(OLD, recall={"mean": 0.010, "ops": 100.0}, form={"mean": 0.10, "ops": 10.0})


@pytest.mark.parametrize(
    ("query", "unit", "value"),
    [
        ("recall#mean", "s", 0.011),
        ("tests/recall.py::recall#mean", "ms", 11.0),
        ("recall#ops", "ms", 90.0),
        ("recall#rounds", "ms", 200),
        ("recall#p50", "ms", 100.0),
        ("recall#p99", "s", 0.198),
        ("recall#p995", "s", 0.199),
        ("change(recall#mean)", "ms", 10.0),
        ("change(recall#ops)", "s", -10.0),
        ("difference(recall#mean)", "ms", 1.0),
        ("difference(form#mean)", "s", -0.05),
        ("worst_regression(mean)", "s", 10.0),
        ("worst_regression(ops)", "s", 10.0),
    ],
)
def test_what_can_be_asked(ask, benchmarks, query, unit, value):
    """Times in the plan's unit, changes in per cent; as old as the result says."""
    sample = ask(benchmarks(RESULT, BASELINE, unit=unit), query).samples[0]

    assert sample.value == pytest.approx(value, rel=1e-9)
    assert sample.at == datetime(2026, 11, 7, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("recall", "'recall' is no query"),
        ("recall#speed", "is no query"),
        ("#mean", "is no query"),
        ("worst_regression(recall#mean)", "is no query"),
        ("change(mean)", "is no query"),
        ("change(recall#mean", "did you mean 'recall'?"),
        ("recal#mean", "did you mean 'recall'?"),
        ("recall#median", "holds no 'median'"),
        ("recall#p999", "200 rounds, and it takes 1000 to see it"),
        ("form#p99", "the rounds were not kept"),
    ],
)
def test_what_is_no_answer(ask, benchmarks, query, says):
    """It says what would do."""
    with pytest.raises(SourceError) as caught:
        ask(benchmarks(RESULT, BASELINE), query)

    assert says in str(caught.value)
    assert str(caught.value).startswith("new.json")


@pytest.mark.parametrize(
    ("new", "old", "says"),
    [
        (RESULT, None, "option 'against'"),
        (RESULT, RESULT, "not before the result"),
        (BASELINE, RESULT, "'path' is the new file, 'against' the old one"),
        (report(form={"mean": 1}), BASELINE, "of the baseline 1 are missing: tests/recall.py::recall"),
        (RESULT, report(OLD, recall={"mean": 0}), "the baseline is 0"),
        (RESULT, report(OLD, recall={"mean": -1}), "the baseline is -1"),
        (RESULT, report(OLD, recall={"mean": "NaN"}), "the baseline is nan"),
        (RESULT, report(OLD, recall={"mean": None}), "null is not a number"),
        (RESULT, report(OLD), "no benchmark ran"),
        (report(), BASELINE, "no benchmark ran"),
        (RESULT, "", "is empty"),
        (RESULT, "[1]", "is not what pytest-benchmark writes"),
        (RESULT, '{"benchmarks": [1], "datetime": 5}', "has no name"),
        (RESULT, '{"benchmarks": [{"name": "a", "fullname": "a"}], "datetime": 5}', "has no name or no figures"),
        (report("2026-11-07T08:00:00", form={"mean": 1}), BASELINE, "has no offset"),
        (report(recall={"mean": 1}, form={"mean": math.nan}), BASELINE, "form: mean is NaN"),
    ],
)
def test_a_baseline_that_is_none(ask, benchmarks, new, old, says):
    """Swapped files, one file twice, or a benchmark that is gone never show as no regression."""
    with pytest.raises(SourceError) as caught:
        ask(benchmarks(new, old), "worst_regression(mean)")

    assert says in str(caught.value)


def test_what_speaks_against_a_comparison(ask, benchmarks):
    """Another machine; a benchmark that is new says nothing against the others, and stands in the evidence."""
    new = report(machine="laptop", recall={"mean": 1}, form={"mean": 1}, fresh={"mean": 1})

    answer = ask(benchmarks(new, BASELINE), "worst_regression(mean)")

    assert [each.partition(", and")[0] for each in answer.warnings] == ["measured on laptop, CPU, Python 3.11.7"]
    assert "not in the baseline, so not compared: tests/fresh.py::fresh" in answer.body
    fresh = report(recall={"mean": 1}, form={"mean": 1}, fresh={"mean": 1})
    assert ask(benchmarks(fresh, BASELINE), "worst_regression(mean)").warnings == ()


def test_a_name_that_two_benchmarks_have(ask, benchmarks):
    """Neither is chosen."""
    twice = report(**{"a/recall": {"mean": 1}, "b/recall": {"mean": 2}})

    with pytest.raises(SourceError, match="'recall' is 2 benchmarks"):
        ask(benchmarks(twice), "recall#mean")
    assert ask(benchmarks(twice), "tests/b/recall.py::recall#mean").samples[0].value == 2


def test_a_file_that_is_not_there(ask, tmp_path):
    """Missing is no benchmark that took no time."""
    with pytest.raises(SourceError, match="there is no such file"):
        ask(benchmark_json.KIND.open({"path": "new.json"}, tmp_path), "recall#mean")


def test_neither_a_series_nor_a_histogram(benchmarks, at):
    """A result is of one moment."""
    for more in ({"start": at - timedelta(hours=1)}, {"buckets": True}):
        with pytest.raises(SourceError, match="kind 'benchmark_json' has no"):
            benchmarks(RESULT).ask(Question(query="recall#mean", at=at, **more))


@pytest.mark.parametrize("options", [{}, {"path": "x", "against": ""}, {"path": "x", "unit": "MB"}, {"path": {}}])
def test_options_that_cannot_be_meant(options):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option '"):
        benchmark_json.KIND.open(options, Path())


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(*[st.floats(1e-6, 1e3)] * 2), min_size=1))
def test_nothing_is_worse_than_the_worst(tmp_path_factory, pairs):
    """Each change is at most the worst one, and one of them is it."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for name, taken, index in (("new.json", NEW, 0), ("old.json", OLD, 1)):
        document = report(taken, **{key: {"mean": pair[index]} for key, pair in pairs.items()})
        (folder / name).write_text(json.dumps(document))
    source = benchmark_json.KIND.open({"path": "new.json", "against": "old.json"}, folder)

    def value(query):
        return source.ask(Question(query=query, at=datetime.now(UTC))).samples[0].value

    assert value("worst_regression(mean)") == max(value(f"change({name}#mean)") for name in pairs)
