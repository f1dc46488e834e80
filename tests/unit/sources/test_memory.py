"""The fake with which people test their own gates."""

from __future__ import annotations

import json
import math
import time
from datetime import timedelta

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.memory import MemorySource


@pytest.mark.parametrize(
    ("answer", "samples"),
    [
        (3, [(3, 0)]),
        (2.5, [(2.5, 0)]),
        (None, []),
        ([], []),
        ({"value": None}, []),
        ([None], []),
        ({"value": 3}, [(3, 0)]),
        ({"value": 3, "age": "2h"}, [(3, 7200)]),
        ({"value": 3, "age": 90}, [(3, 90)]),
        ({"value": 3, "age": "unknown"}, [(3, None)]),
        ([3, {"value": 4, "age": "1m"}], [(3, 0), (4, 60)]),
    ],
)
def test_answers_as_they_are_written_down(ask, at, answer, samples):
    """Numbers, ages, empty results and several samples."""
    found = ask(MemorySource({"q": answer}), "q").samples

    assert [(each.value, each.at) for each in found] == [
        (value, None if age is None else at - timedelta(seconds=age)) for value, age in samples
    ]


@pytest.mark.parametrize("answer", ["NaN", "nan", ".nan", math.nan, {"value": "NaN"}, [math.nan]])
def test_nan_can_be_written(ask, answer):
    """In every way that YAML and JSON have."""
    (sample,) = ask(MemorySource({"q": answer}), "q").samples

    assert math.isnan(sample.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": "connection refused"}, "connection refused"),
        (True, "not a number"),
        ("three", "'three' is not a number"),
        (math.inf, "infinite"),
        (10**400, "too large"),
        ({"values": 3}, "is no answer"),
        ({}, "is no answer"),
        ({"value": 3, "stale": True}, "is no answer"),
        ({"value": 3, "age": "2 fortnights"}, "not a duration"),
        ({"value": 3, "age": "NaN"}, "not a duration"),
        ({"value": 3, "age": math.nan}, "NaN"),
        ({"value": 3, "age": 1e300}, "too large|cannot convert|must have magnitude"),
        ([[3]], "a list of 1 is not a number"),
        ([3, {"error": "late"}], "late"),
    ],
)
def test_what_is_no_answer(ask, answer, says):
    """An error that is asked for, or a slip of the pen: never a number."""
    with pytest.raises(SourceError, match=says):
        ask(MemorySource({"q": answer}), "q")


def test_a_question_that_nobody_wrote_an_answer_to(ask):
    """It lists what there is and guesses what was meant."""
    with pytest.raises(SourceError) as caught:
        ask(MemorySource({"latency_p99": 1, "errors": 2}), "latency_p9")

    assert str(caught.value).splitlines() == [
        "memory holds no answer to 'latency_p9'",
        "answers: errors, latency_p99",
        "did you mean 'latency_p99'?",
    ]


def test_a_source_that_hangs(ask):
    """It hangs as long as it says, and no longer than the question lasts."""
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"no answer within 0.05 s"):
        ask(MemorySource({"q": {"hang": "10m"}}), "q", timeout_seconds=0.05)

    assert time.monotonic() - started < 40


def test_answers_in_a_plan_arrive_as_texts(ask, tmp_path):
    """A plan hands its values on as they are written; they mean what YAML means by them."""
    answers = {"a": "3", "b": "-1.5e3", "c": "null", "d": "NaN", "e": ["1", "2"], "f": {"value": "75", "age": "2h"}}
    source = KINDS["memory"].open({"answers": answers}, tmp_path)

    values = {query: [each.value for each in ask(source, query).samples] for query in "abcef"}

    assert values == {"a": [3], "b": [-1500], "c": [], "e": [1, 2], "f": [75]}
    assert math.isnan(ask(source, "d").samples[0].value)


@pytest.mark.parametrize("name", ["answers.yaml", "answers.json"])
def test_a_file_is_read_at_each_question(ask, tmp_path, name):
    """A test may change it between two runs of the gate, or within one."""
    source = KINDS["memory"].open({"answers": name}, tmp_path)
    (tmp_path / name).write_text(json.dumps({"q": 3}))
    before = ask(source, "q").samples[0].value
    (tmp_path / name).write_text(json.dumps({"q": 4}))

    assert (before, ask(source, "q").samples[0].value) == (3, 4)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("a: [", "while parsing"),
        ("- 1", "not a mapping"),
        ("", "not a mapping"),
        ("!!python/object/apply:os.getcwd []", "constructor"),
        ("\x00", "special characters|unacceptable character"),
    ],
)
def test_a_file_that_holds_no_answers(ask, tmp_path, content, says):
    """Every fault of the file is a sentence with its name; YAML runs no code."""
    if content is not None:
        (tmp_path / "answers.yaml").write_text(content)

    with pytest.raises(SourceError, match=says) as caught:
        ask(KINDS["memory"].open({"answers": "answers.yaml"}, tmp_path), "q")

    assert str(tmp_path / "answers.yaml") in str(caught.value)


def test_questions_can_be_counted(ask, tmp_path):
    """One line per question, the failed ones too."""
    source = KINDS["memory"].open({"answers": {"q": 3}, "log": "asked.log"}, tmp_path)

    ask(source, "q")
    with pytest.raises(SourceError):
        ask(source, "SELECT\n  x")

    assert (tmp_path / "asked.log").read_text().splitlines() == ["q", "SELECT x"]
