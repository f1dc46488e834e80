"""Messages name where, what was found, what would do, and the likely fix."""

from __future__ import annotations

import inspect
import re

import pytest

from pytest_rollout import errors
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import (
    Inconclusive,
    PlanError,
    Problem,
    QuantityError,
    QuestionError,
    RolloutError,
    SourceError,
    did_you_mean,
    listed,
)


def test_a_problem_says_where_what_and_how_to_fix_it():
    problem = Problem(
        "rollout.yaml", 14, 13, "metrics.p99.source", "unknown source 'telemtry'", ("sources: telemetry",)
    )

    assert str(problem) == "rollout.yaml:14:13: metrics.p99.source: unknown source 'telemtry'\n  sources: telemetry"


def test_a_problem_of_a_whole_file_has_no_path():
    assert str(Problem("gates.lock", 1, 1, "", "cannot be read")) == "gates.lock:1:1: cannot be read"


def test_a_plan_error_lists_every_problem_in_order():
    problems = [
        Problem("b.yaml", 1, 1, "", "later"),
        Problem("a.yaml", 10, 1, "", "middle"),
        Problem("a.yaml", 9, 2, "", "first"),
    ]

    error = PlanError(problems)

    assert [line.rpartition(": ")[2] for line in str(error).splitlines()] == ["first", "middle", "later"]
    assert len(error.problems) == 3


@pytest.mark.parametrize(("word", "guess"), [("telemtry", "telemetry"), ("phas3", "phase3"), ("zzz", None), ("", None)])
def test_the_meant_word_is_guessed(word, guess):
    expected = (f"did you mean '{guess}'?",) if guess else ()

    assert did_you_mean(word, ["telemetry", "recalls", "phase3"]) == expected


def test_nothing_is_guessed_from_nothing():
    assert did_you_mean("phase3", []) == ()


def test_words_are_listed_sorted_and_none_is_said():
    assert (listed({"b", "a"}), listed([]), listed([], none="nothing")) == ("a, b", "none", "nothing")


def test_doubt_is_no_assertion_error():
    """`except AssertionError` cannot turn doubt into a pass, and reports show it broken, not failed."""
    doubt = Inconclusive("too few rows", reason=Reason.LOW_N)

    assert not isinstance(doubt, AssertionError)
    assert isinstance(doubt, Exception)
    assert (str(doubt), doubt.reason) == ("HOLD[low-n] too few rows", "low-n")


def test_errors_are_what_their_kind_suggests():
    """Code that expects a ValueError or TypeError meets one."""
    assert issubclass(QuantityError, ValueError)
    assert issubclass(QuestionError, TypeError)
    assert SourceError("down").reason is Reason.NO_DATA


def test_the_tree_in_the_docstring_is_the_tree():
    """Every exception of the module is drawn, and nothing else."""
    defined = {name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, RolloutError)}
    drawn = set(re.findall(r"^ {4}(?:[├└]── )?([A-Z]\w+)", errors.__doc__ or "", flags=re.MULTILINE))

    assert drawn == defined
