"""The small query language: what it reads, what it refuses, and that no expression in it can take long."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.selector import Expression, Matcher, parse_expression, tame

FUNCTIONS = ((), ("rate",), ("sum", "rate"), ("sum by (le) ", "rate"), ("count",))


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("x", Expression((), "x", (), None)),
        (" job:x:rate5m ", Expression((), "job:x:rate5m", (), None)),
        ("rate(x)", Expression(("rate",), "x", (), None)),
        ("sum ( rate( x [5m] ) )", Expression(("sum", "rate"), "x", (), timedelta(minutes=5))),
        ("sum by (le) (rate(x))", Expression(("sum by (le) ", "rate"), "x", (), None)),
        ("sum by(le)(rate(x))", Expression(("sum by (le) ", "rate"), "x", (), None)),
        ("count()", Expression(("count",), "", (), None)),
        ("count([1h30m])", Expression(("count",), "", (), timedelta(minutes=90))),
        ("count({})", Expression(("count",), "", (), None)),
        (
            """x{a="b", c != 'd' ,e=~"f|g",}""",
            Expression((), "x", (Matcher("a", "=", "b"), Matcher("c", "!=", "d"), Matcher("e", "=~", "f|g")), None),
        ),
        (
            r'x{a="}\"{\\\n",b="[5m]"}',
            Expression((), "x", (Matcher("a", "=", '}"{\\\n'), Matcher("b", "=", "[5m]")), None),
        ),
    ],
)
def test_what_it_reads(query, expression):
    """As PromQL would."""
    assert parse_expression(query, FUNCTIONS, "here") == expression


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            ")",
            "()",
            "rate(x",
            "rate x)",
            "rate(x))",
            "x y",
            "x + y",
            "x{",
            "x}",
            "x{a}",
            "x{a=b}",
            'x{a="b}',
            "x[5m",
        ),
        *(
            'x{a="b" c="d"}',
            'x{,a="b"}',
            'x{a=="b"}',
            'x{a="\\q"}',
            "rate(x[5m][5m])",
            "x offset 5m",
            "x @ 5",
            "rate(1)",
        ),
        *("sum(x)", "sum by (path) (rate(x))", "sum without (le) (rate(x))", "rate(sum(x))", "x[5 parsecs]", "{}"),
    ],
)
def test_what_it_refuses(query):
    """Everything else, in words and not by half."""
    with pytest.raises(SourceError, match=r"^here: "):
        parse_expression(query, FUNCTIONS, "here")


@pytest.mark.parametrize(
    ("matcher", "value", "accepted"),
    [
        (Matcher("a", "=", "b"), "b", True),
        (Matcher("a", "=", ""), "", True),
        (Matcher("a", "!=", "b"), "", True),
        (Matcher("a", "=~", "5.."), "503", True),
        (Matcher("a", "=~", "5.."), "5030", False),
        (Matcher("a", "!~", "5.."), "503", False),
        (Matcher("a", "=~", ".*"), "x\ny", True),
        (Matcher("a", "=~", ".*"), "x" * 2000, False),
    ],
)
def test_what_a_matcher_accepts(matcher, value, accepted):
    """A regular expression is meant for the whole value; a label that is not there is empty."""
    assert matcher.accepts(value) is accepted


@pytest.mark.parametrize(
    "pattern", ["5..", "a|b", "(?:a|b).*", "(?i)error.*", r"\(\*\+", "[*+{)]+", "a{2,3}b*", "a?b?"]
)
def test_expressions_that_end_soon(pattern):
    """What people write is allowed."""
    assert tame(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*", "(a?){50}", ".*.*.*x", "(?=a)b", "(?P<x>a)(?P=x)", "a" * 2000])
def test_expressions_that_could_take_long(pattern):
    """What could run away is not."""
    assert not tame(pattern)


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@given(st.text("ab*+?{}()|[]^$.\\1,", max_size=12))
def test_a_tame_expression_ends_soon(pattern):
    """Whatever is allowed is done with the longest label in no time."""
    try:
        expression = re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError):
        return
    if not tame(pattern):
        return
    started = time.process_time()
    expression.fullmatch("a" * 1023 + "!")

    assert time.process_time() - started < 2
