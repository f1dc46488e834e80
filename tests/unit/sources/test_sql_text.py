"""Where the parameters of a query stand, and whether it is one SELECT."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.protocol import Question
from pytest_rollout.sources.sql_text import one_select, parameters, rewritten, values_of, without_end


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("x <= :at", "x <= <at>"),
        ("x<=:at)", "x<=<at>)"),
        ("x > :start AND x <= :end", "x > <start> AND x <= <end>"),
        ("':at' || :at", "':at' || <at>"),
        ("'it''s :at'", "'it''s :at'"),
        (r"e'\' :at'", r"e'\' :at'"),
        ('":at" "a"" :at"', '":at" "a"" :at"'),
        ("`:at` `a`` :at`", "`:at` `a`` :at`"),
        ("-- :at\n:at", "-- :at\n<at>"),
        ("/* :at */ :at", "/* :at */ <at>"),
        ("$$ :at $$ $x$ :at $$ $x$", "$$ :at $$ $x$ :at $$ $x$"),
        ("x::at, :attempt, a[1:at]", "x::at, :attempt, a[1:at]"),
        (":at::date", "<at>::date"),
    ],
)
def test_where_parameters_stand(query, found):
    """Not in texts, quoted names, comments, casts, slices or longer words."""
    assert rewritten(query, lambda name: f"<{name}>") == found
    assert parameters(query) == {name for name in ("at", "start", "end") if f"<{name}>" in found}


def test_all_else_can_be_written_anew():
    """Without touching what stands for a parameter."""
    assert rewritten("':x' :at ::y", lambda name: f"<{name}>", lambda text: text.replace(":", "!")) == "'!x' <at> !!y"


@pytest.mark.parametrize(
    ("query", "found"), [("SELECT 1;", "SELECT 1 "), ("SELECT ';' -- ;", "SELECT ';' -- ;"), (":at;", ":at ")]
)
def test_a_semicolon_at_the_end_is_no_part_of_it(query, found):
    """One in a text or comment is."""
    assert without_end(query) == found


def test_values_of_what_is_used(at):
    """`:at` and `:end` are the instant, `:start` is where the window begins."""
    start = at - timedelta(hours=1)

    assert values_of({"at", "other"}, Question(query="", at=at), "db") == {"at": at}
    assert values_of({"start", "end"}, Question(query="", at=at, start=start), "db") == {"start": start, "end": at}


@pytest.mark.parametrize(
    ("names", "hours", "says"),
    [
        ({"start"}, None, "uses :start, and it is asked for one instant"),
        ({"at", "end"}, 1, "a window is asked, and the query does not use :start"),
        (set(), 1, "a window is asked"),
    ],
)
def test_a_window_and_a_query_for_one_belong_together(at, names, hours, says):
    """What does not is refused, both ways."""
    question = Question(query="", at=at, start=hours and at - timedelta(hours=hours))

    with pytest.raises(SourceError, match=f"^db: .*{says}"):
        values_of(names, question, "db")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "  -- why\n(select 1);",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1)",
        "TABLE t",
        "SELECT 'DELETE', \"update\", `insert` /* INTO */ FROM t -- ; DROP TABLE t",
        "SELECT deleted, updated_at, :at FROM inserts",
        "/* ; */ SELECT ';'",
    ],
)
def test_one_select(query):
    """In whatever way it is written."""
    one_select(query, "db")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "0 statements"),
        ("-- SELECT 1", "0 statements"),
        (";;", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT 1;\n-- more\nDROP TABLE t;", "2 statements"),
        ("DELETE FROM t", "is DELETE, and only SELECT"),
        ("(DELETE FROM t)", "is DELETE, and only SELECT"),
        ("/* SELECT */ drop table t", "is DROP, and only SELECT"),
        ("PRAGMA query_only = 0", "is PRAGMA, and only SELECT"),
        ("EXPLAIN SELECT 1", "is EXPLAIN, and only SELECT"),
        ("1 + 1", "is 1, and only SELECT"),
        ("'SELECT 1'", "0 statements"),
        ("+", r"is \+, and only SELECT"),
        ("SELECT 1 into t", "says INTO"),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", "says DELETE"),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", "says UPDATE"),
        ("SELECT 1 FROM t FOR UPDATE", "says UPDATE"),
    ],
)
def test_what_is_not_one_select(query, says):
    """It is not even sent."""
    with pytest.raises(SourceError, match=f"^db: .*{says}"):
        one_select(query, "db")
