"""Which series a query looks at: found where it is sure, and unclear where it is not."""

from __future__ import annotations

import pytest

from pytest_rollout.sources.promql import UnclearError, selectors


@pytest.mark.parametrize(
    ("query", "spelt"),
    [
        ("up", ["up"]),
        ("sum(rate(x[5m]))", ["x"]),
        ('x{a="b", c=~"d|e"}', ['x{a="b", c=~"d|e"}']),
        ("x{a=\"}\",b='\\'{',c=`{\"`} # c(omment", ["x{a=\"}\",b='\\'{',c=`{\"`}"]),
        ('{__name__=~"job:.*"}[5m]', ['{__name__=~"job:.*"}']),
        ('{"my.metric", a="b"}', ['{"my.metric", a="b"}']),
        ("sum by (job, le) (x) / on (job) group_left (a) y", ["x", "y"]),
        ("sum(x) by (job) / ignoring(a) group_right y", ["x", "y"]),
        ("SUM(x) BY (job) OR max(y)", ["x", "y"]),
        ("count(up == 0) or vector(0)", ["up"]),
        ("x > bool 1 and y unless z", ["x", "y", "z"]),
        ("-x^2 + -3.5e2 * 0x1F % .5", ["x"]),
        ("Inf + NaN * x", ["x"]),
        ("topk by (a) (5, x)", ["x"]),
        ('label_replace(x, "a", "$1 y", "b", "(.*)")', ["x"]),
        ('count_values("version", build_info)', ["build_info"]),
        ("sum(sum) + count", ["sum", "count"]),
        ("job:x:rate5m / :y:", ["job:x:rate5m", ":y:"]),
        ("x / x", ["x"]),
        ("sum(x) default 0", ["x"]),
        ("rate(x) keep_metric_names", ["x"]),
        ("time() - max(timestamp(x))", ["x"]),
        ("vector(1)", []),
        ("time()", []),
        ("1 + 2", []),
        ('"text"', []),
        ("", []),
        ("x offset 1d", ["x offset 86400000ms"]),
        ("x offset -5m", ["x offset -300000ms"]),
        ("x[5m] offset 1h30m", ["x offset 5400000ms"]),
        ("x offset 90", ["x offset 90000ms"]),
        ("x - x offset 1d", ["x", "x offset 86400000ms"]),
        ("x @ 1609746000", ["x @ 1609746000.000"]),
        ("x @ -5.5 offset 5m", ["x @ -5.500 offset 300000ms"]),
        ("x offset 5m @ end()", ["x @ end() offset 300000ms"]),
        ("sum(x @ start()) / y", ["x @ start()", "y"]),
        ("max_over_time(rate(x[5m])[1h:1m] offset 1d)", ["x offset 86400000ms"]),
        ("max_over_time(rate(x[5m] offset 1h)[1h:] offset 1d)", ["x offset 90000000ms"]),
        ("max_over_time(rate(x[5m])[1h:] @ 100)", ["x @ 100.000"]),
        ("max_over_time(rate(x[5m] @ 100)[1h:] @ 200 offset 1h)", ["x @ 100.000"]),
        ("max_over_time((x + y)[1h:1m] offset 1h) + z", ["x offset 3600000ms", "y offset 3600000ms", "z"]),
        ("max_over_time(sum(x) by (job)[1h:1m] offset 1h)", ["x offset 3600000ms"]),
    ],
)
def test_selectors_are_found(query, spelt):
    """With the offsets and pins that they and the subqueries around them have, and without ranges."""
    assert [each.spelt() for each in selectors(query)] == spelt


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("x", 0),
        ("x[5m]", 300),
        ("rate(x[1h30m])", 5400),
        ("x[500ms]", 0.5),
        ("x[1y2w]", 32_745_600),
        ("x[300]", 300),
        ("max_over_time(rate(x[5m])[1h:1m])", 3900),
        ("max_over_time(x[1h:])", 3600),
        ("x + rate(x[5m])", 300),
    ],
)
def test_how_far_a_selector_reaches(query, seconds):
    """Its range and those of the subqueries around it."""
    (selector,) = selectors(query)

    assert selector.reach == seconds


@pytest.mark.parametrize(
    "query",
    [
        "x[5m*2]",
        "x[step()]",
        "x[$__rate_interval]",
        "x[5i]",
        "x @ (1 + 2)",
        "x offset foo",
        "x offset",
        "@ 5",
        "[5m]",
        "x y",
        "sum(x) limit 5",
        "(x",
        "x)",
        "x{a=",
        "sum by (x",
        "by + 1",
        "offset + 1",
        "or or or",
        "WITH (a = x) a",
        "x ? y",
        "x &",
    ],
)
def test_what_is_not_surely_known_is_unclear(query):
    """Then the age is unknown, which holds: never a guess."""
    with pytest.raises(UnclearError):
        selectors(query)
