"""Pairs of a table: what a question's two answers differ by, and questions that have one answer only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.recalls import SPAN, START

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.table import Table
from pytest_rollout.experiment.table_pairs import paired_mean
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.stats import paired

TABLE = Table(
    "answers", "question", "arm", "taken", "score", arms={"control": "c", "treatment": "t"}, timeout="late", zone="UTC"
)


@pytest.fixture(params=["duckdb", "sqlite"])
def asked(request, database, tmp_path):
    """The bounds and the doubt of questions with two lists of scores; None is no value, and a late one never came."""

    def ask(before, after, *, late=(), rows_without=True):
        rows = [(f"q{n}", "c", score, False) for n, score in enumerate(before)]
        rows += [(f"q{n}", "t", score, n in late) for n, score in enumerate(after)]
        rows = [row for row in rows if rows_without or row[2] is not None]
        taken = f"{START.replace(hour=12):%Y-%m-%d %H:%M:%S}"
        lines = ", ".join(
            f"('{taken}', '{unit}', '{arm}', {'NULL' if score is None else repr(float(score))}, {int(gone)})"
            for unit, arm, score, gone in rows
        )
        clock = "TEXT" if request.param == "sqlite" else "TIMESTAMP"
        make = f"CREATE TABLE answers (taken {clock}, question TEXT, arm TEXT, score DOUBLE, late INTEGER)"
        if request.param == "duckdb":
            source = database(make, f"INSERT INTO answers VALUES {lines}")
        else:
            source = sqlite(tmp_path, make, f"INSERT INTO answers VALUES {lines}")
        samples = TableSamples(source, TABLE, SPAN)
        return paired_mean(samples, control="control", treatment="treatment", confidence=0.95, looks="once")

    return ask


def sqlite(folder, *statements):
    pytest.importorskip("sqlalchemy")
    import sqlite3
    from contextlib import closing

    from pytest_rollout.sources import KINDS

    with closing(sqlite3.connect(folder / "made.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return KINDS["sql"].open({"url": "sqlite:///made.db"}, folder)


def scores(count=2000):
    chance = np.random.default_rng(1)
    before = chance.uniform(0.5, 0.9, count)
    return list(before), list(before + chance.normal(0.01, 0.05, count))


def test_pairs_are_those_of_arrays(asked):
    before, after = scores()

    found, doubt = asked(before, after)

    expected = paired.mean(before, after)
    assert doubt is None
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize("rows_without", [True, False])
@pytest.mark.parametrize("alone", [2, 3])
def test_a_thousandth_of_the_questions_may_have_one_answer_only(asked, alone, rows_without):
    """With a row that has no value, or with no row at all."""
    before, after = scores()
    for number in range(alone):
        (after if number else before)[number] = None

    found, doubt = asked(before, after, rows_without=rows_without)

    assert found.n == 2000 - alone
    if alone == 2:
        assert doubt is None
        assert math.isfinite(found.high)
    else:
        assert doubt.reason == Reason.INVALID
        assert doubt.why == "3 of 2000 questions were answered by one version only (2 by control, 1 by treatment)"
        assert (found.low, found.high) == (-math.inf, math.inf)


def test_questions_that_nobody_answered_are_no_pairs(asked):
    before, after = scores()
    before[:5] = after[:5] = [None] * 5

    found, doubt = asked(before, after)

    assert (found.n, doubt) == (1995, None)


def test_a_question_that_timed_out_has_no_difference(asked):
    before, after = scores()

    found, doubt = asked(before, after, late={7})

    assert doubt is None
    assert "not finite" in found.why


def test_nothing_was_asked(asked):
    found, doubt = asked([None], [None])

    assert (found.n, doubt) == (0, None)
    assert math.isinf(found.high)
