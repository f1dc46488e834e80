"""A metric as the plan states it: which question goes to which source, and what the answer may be.

Frozen facts, checked: nothing here reads a file or asks anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pytest_rollout.plan.nodes import Place


@dataclass(frozen=True, kw_only=True)
class NoData:
    """What an *empty* answer means: `value`, while the metric `alive` is fresh, `because` of a stated fact."""

    value: float
    alive: str
    because: str


@dataclass(frozen=True)
class Query:
    """What a source is asked: one text, or one for each kind of source.

    `texts` has the one text under "", or texts by kind; it is empty where the plan states no such query.
    """

    texts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def to(self, kind: str) -> str:
        """The text for one kind of source; empty where there is none."""
        return self.texts.get(kind, self.texts.get("", ""))


@dataclass(frozen=True)
class Ratio:
    """A share as two counts."""

    of: Query
    over: Query


@dataclass(frozen=True)
class Summary:
    """A window, and what is taken of it: `mean`, `max`, `growth`, `p99` and the like."""

    over: timedelta
    what: str


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Where an experiment's rows of a metric are: a column of a source's table.

    `pairs` names the question, where the same ones were put to both arms.
    Rows of which `timed_out` is true are endless; those beyond `cap` count as
    it in means; `range` is the lowest and the highest that a row can be. All
    numbers are in the metric's unit.
    """

    column: str
    timed_out: str = ""
    pairs: str = ""
    cap: float | None = None
    range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a source gives: its unit, which direction is good, and how old it may be.

    `better` is `lower`, `higher` or empty (a range judges it). `max_age` is
    None where the plan says `any`: the value does not age. `series` is asked
    for windows, and `query` where it is empty; `quantile` is of the histogram
    that `query` answers, and `within` the interval whose share of it is asked
    for; `burst` says how many events of a `ratio` come together at least.
    """

    name: str
    title: str
    unit: str
    better: str
    source: str
    query: Query
    max_age: timedelta | None
    no_data: NoData | None
    place: Place
    series: Query = Query()
    ratio: Ratio | None = None
    step: timedelta = timedelta(seconds=60)
    summary: Summary | None = None
    quantile: float | None = None
    burst: float = 2.0
    samples: Samples | None = None
    within: tuple[float, float] | None = None

    @property
    def distribution(self) -> bool:
        """Whether the query answers a histogram or rows, of which the value is one number."""
        return self.quantile is not None or self.within is not None

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query that the plan states for it."""
        stated = (self.query, self.series, *((self.ratio.of, self.ratio.over) if self.ratio else ()))
        return tuple(query for query in stated if query)
