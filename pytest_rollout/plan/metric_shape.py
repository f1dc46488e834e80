"""Metric shape: every key of a metric."""

from __future__ import annotations

from pytest_rollout.plan import names
from pytest_rollout.plan.numbers import SUMMARY_PATTERN, parse_burst, parse_quantile, parse_summary
from pytest_rollout.plan.shape import Choice, Parsed, Text, duration
from pytest_rollout.plan.structures import Either, Fields, ListOf, MapOf
from pytest_rollout.plan.thresholds import NUMBER_PATTERN, parse_number
from pytest_rollout.quantities import Quantity, Unit, parse_duration


def _query(about: str) -> Either:
    """A query, or one for each kind of source that environments ask."""
    text = Text(about=about, lines=True)
    return Either(about=about, short=text, long=MapOf(about=about, names=names.KIND, values=text, at_least=1))


_NO_DATA = Fields(
    about="what an empty answer means, while another metric shows that the source is alive",
    required={
        "as": Parsed(
            about="the number it means, in the metric's unit, such as 0", parse=parse_number, pattern=NUMBER_PATTERN
        ),
        "alive": Text(about="a metric that is always there while the source works"),
        "because": Text(about="why an empty answer means that number"),
    },
)
_RATIO = Fields(
    about="a share as two counts, because a share of 1000 requests is a sample and no fact",
    required={
        "of": _query("what is asked for the smaller count, such as failed requests"),
        "over": _query("what is asked for the larger count, such as all requests"),
    },
)
METRIC = Fields(
    about="one number that a source gives",
    optional={
        "source": Text(about="the source that is asked, by its name in the environments"),
        "samples": Text(about="the rows of an experiment: a source and a column of its table, as recalls.latency_ms"),
        "pairs": Text(about="a column that names the question, where the same ones were put to both arms"),
        "timed_out": Text(about="a column that is true in rows that never ended, which are endless then"),
        "cap": Parsed(
            about="rows beyond count as this in means, such as 10 s", parse=Quantity.parse, pattern=r"[0-9.].*"
        ),
        "range": ListOf(
            about="the lowest and the highest that a row can be, such as [0, 1]",
            items=Parsed(about="a number", parse=parse_number, pattern=NUMBER_PATTERN),
        ),
        "query": _query("what the source is asked"),
        "series": _query("what the source is asked for a series over time, where that is another query"),
        "ratio": _RATIO,
        "title": Text(about="what the number says, for readers"),
        "unit": Parsed(about="its unit, such as ms, MB, % or 1/h", parse=Unit.parse, pattern=".*"),
        "better": Choice(about="which way is good: lower or higher", words=("lower", "higher")),
        "max_age": Parsed(
            about="how old it may be, such as 60s (5m if not said), or any",
            parse=parse_duration,
            pattern="[0-9].*",
            words=("any",),
        ),
        "no_data": _NO_DATA,
        "step": duration("how far apart the samples of its series are, such as 60s"),
        "over": duration("the window that it summarises, such as 24h"),
        "as": Parsed(
            about="what of the window: mean, max, min, last, slope, growth or a percentile such as p99",
            parse=parse_summary,
            pattern=SUMMARY_PATTERN,
        ),
        "quantile": Parsed(
            about="the quantile of the histogram that the query answers, such as 0.99",
            parse=parse_quantile,
            pattern=NUMBER_PATTERN,
        ),
        "within": ListOf(
            about="the value is the share of the histogram above the first and up to the second, such as [0.7, 0.9]",
            items=Parsed(about="a number", parse=parse_number, pattern=NUMBER_PATTERN),
        ),
        "burst": Parsed(
            about="how many events of a ratio, quantile or share come together, at least (2 if not said)",
            parse=parse_burst,
            pattern=NUMBER_PATTERN,
        ),
    },
    one_of=("query", "series", "ratio", "samples"),
)
