"""Live comparison: two arms of a running experiment, each number with where it came from or why nobody knows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Reason
from pytest_rollout.distrust import Distrust
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.experiment.assigned import Assignment
from pytest_rollout.experiment.comparison import Comparison, Rows, Sides
from pytest_rollout.experiment.design import BOOLEANS, Design, Doubt
from pytest_rollout.experiment.samples import Cell, Counted, Measure
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_pairs import paired_mean
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.plan.experiment import CONTROL, comparison_name
from pytest_rollout.plan.metric import Metric
from pytest_rollout.provenance import Provenance
from pytest_rollout.sources.told import Told

if TYPE_CHECKING:
    from pytest_rollout.stats.moments import Moments

SECONDS = 60.0
"""How long one statement about a table may take."""


class Late:
    """Samples that are opened by their first question, so that an error is one claim's and not the fixture's."""

    def __init__(self, source: Told, table: Table, span: Span, metric: Metric) -> None:
        self.samples = TableSamples(source, table, span, SECONDS)
        self.name = metric.name

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """As `Samples`."""
        return self.samples.moments(measure)

    def units_in_all(self) -> Mapping[str, int]:
        """As `Samples`."""
        return self.samples.units_in_all()

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        """As `Samples`."""
        return self.samples.ranked(ranks)


class LiveComparison:
    """A `Comparison` of a running experiment: rates in percentage points, lifts in per cent, and where rows came from.

    Every estimate of a source that did not answer is unknown, with its reason.
    """

    def __init__(
        self,
        samples: Late,
        design: Design,
        provenance: Provenance,
        shares: Mapping[str, Mapping[str, float]] | None,
        distrust: Distrust | None,
        sources: frozenset[int] = frozenset(),
    ) -> None:
        self.design = design
        self._samples, self._provenance, self._planned, self._sources = samples, provenance, shares, sources
        self.distrust = distrust

    def read_as(self, source: int) -> LiveComparison:
        """The same comparison, as a running gate's read."""
        sources = frozenset({source})
        return LiveComparison(self._samples, self.design, self._provenance, self._planned, self.distrust, sources)

    def statistic(self, what: str) -> Sides:
        """What a plan names: `mean`, `rate`, or a percentile such as `p99`."""
        if what in {"mean", "rate"}:
            found: Sides = getattr(self, what)
            return found
        return self.quantile(float(what.removeprefix("p")) / 100)

    @cached_property
    def mean(self) -> Sides:
        """The means over rows; winsorised where the metric has a cap."""
        return self._asked("mean", lambda: self.rows.mean)

    @cached_property
    def rate(self) -> Sides:
        """The shares of rows that are true: in %, their difference in pp."""
        return self._asked("rate", lambda: self.rows.rate, unit="%", difference="pp")

    @cached_property
    def p50(self) -> Sides:
        """The medians."""
        return self.quantile(0.5)

    @cached_property
    def p95(self) -> Sides:
        """The 95th percentiles."""
        return self.quantile(0.95)

    @cached_property
    def p99(self) -> Sides:
        """The 99th percentiles."""
        return self.quantile(0.99)

    def quantile(self, q: float) -> Sides:
        """Any quantile, as a fraction."""
        return self._asked(f"p{q * 100:g}", lambda: self.rows.quantile(q))

    @cached_property
    def rank(self) -> Sides:
        """How likely a row of the treatment lies above one of the control."""
        return self._asked("rank", lambda: self.rows.rank)

    @cached_property
    def paired(self) -> Estimate:
        """The mean difference of questions that were put to both arms: a suite that is replayed, no traffic."""
        name = comparison_name("paired", self.design.name, self.design.treatment, lift=False)
        if (doubt := self.design.doubt) is not None:
            return self._doubted(doubt, name)
        try:
            if (doubt := self.late()) is not None:
                return self._doubted(doubt, name)
            found, doubt = paired_mean(
                self.table,
                control=self.design.control,
                treatment=self.design.treatment,
                confidence=self.design.confidence,
                looks=self.design.looks,
            )
        except SourceError as error:
            return self._unknown("paired", error).delta
        if math.isnan(found.value):
            return self._doubted(doubt or Doubt(Reason.LOW_N, found.why), name)
        return self._placed(
            Estimate(
                found.value,
                found.low,
                found.high,
                self.design.confidence,
                self.design.unit,
                n=found.n,
                method=found.method,
                why=found.why,
                name=name,
                counted="pairs",
                refuting_level=found.level,
            )
        )

    @cached_property
    def rows(self) -> Comparison:
        """The comparison itself, in the metric's own unit.

        Raises:
            SourceError: The rows cannot be counted.
        """
        design = replace(self.design, shares=self._cells(), value_range=self.value_range)
        return Comparison(self._samples, design, self.distrust)

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The lowest and the highest value that a row can have: as the plan says, or those of a column of booleans.

        Raises:
            SourceError: The table has not what was described.
        """
        if self.design.value_range is None and self.design.cap is None and not self.table.of_numbers:
            return BOOLEANS
        return self.design.value_range

    @property
    def table(self) -> TableSamples:
        """The table itself, for questions about units."""
        return self._samples.samples

    @cached_property
    def provenance(self) -> Provenance:
        """Where its rows come from, and how old the newest are; where that cannot be asked, an estimate says so."""
        with suppress(SourceError):
            if self.distrust is not None and (at := self.distrust.newest()) is not None:
                return replace(self._provenance, at=at, age=max(self.table.span.end - at, timedelta(0)))
        return self._provenance

    def late(self) -> Doubt | None:
        """Why its rows are too old, or not there; None while they are neither.

        Raises:
            SourceError: The table cannot be asked.
        """
        return self.distrust.late() if self.distrust is not None else None

    @property
    def n(self) -> Mapping[str, Rows]:
        """How many rows and units each arm has.

        Raises:
            SourceError: As for `rows`.
        """
        return self.rows.n

    @property
    def assignment(self) -> Assignment:
        """How many units every arm has in every stratum, and whether that is what was planned.

        Raises:
            SourceError: As for `rows`.
        """
        return self.rows.assignment

    def _cells(self) -> dict[Cell, float] | None:
        """The planned part of each arm, in every stratum that has rows."""
        if self._planned is None:
            return None
        strata = {stratum for _, stratum in self._samples.moments(Counted())}
        planned = {stratum: self._planned.get(stratum, self._planned.get("", {})) for stratum in strata}
        return {(arm, stratum): share for stratum, shares in planned.items() for arm, share in shares.items()}

    def _asked(self, what: str, ask: Callable[[], Sides], *, unit: str = "", difference: str = "") -> Sides:
        try:
            found = ask()
        except SourceError as error:
            return self._unknown(what, error, unit=unit, difference=difference)
        sides = {
            "control": _in(found.control, unit),
            "treatment": _in(found.treatment, unit),
            "delta": _in(found.delta, difference),
            "lift": _in(found.lift, "%"),
        }
        return Sides(**{name: self._placed(each) for name, each in sides.items()})

    def _placed(self, estimate: Estimate) -> Estimate:
        lasted = self.table.span.length if estimate.counted else None
        return replace(estimate, provenance=self.provenance, sources=self._sources, lasted=lasted)

    def _doubted(self, doubt: Doubt, name: str) -> Estimate:
        unknown = Reading.unknown(doubt.why, reason=doubt.reason, name=name, unit=self.design.unit, needs=doubt.needs)
        return self._placed(replace(unknown, confidence=self.design.confidence))

    def _unknown(self, what: str, error: SourceError, *, unit: str = "", difference: str = "") -> Sides:
        why, _, needs = str(error).partition("\n")
        treatment, shown = self.design.treatment, what.upper() if what.startswith("p") else what

        def unknown(name: str, of: str) -> Estimate:
            # A limit refuses what has another unit than its own, and would hide why nothing is known.
            said = of or self.design.unit
            nobody = Reading.unknown(why, reason=error.reason, name=name, unit=said, needs=needs)
            return self._placed(replace(nobody, confidence=self.design.confidence))

        return Sides(
            unknown(f"{shown} {self.design.name}, {CONTROL}", unit),
            unknown(f"{shown} {self.design.name}, {treatment}", unit),
            unknown(comparison_name(what, self.design.name, treatment, lift=False), difference),
            unknown(comparison_name(what, self.design.name, treatment, lift=True), "%"),
        )


def _in(estimate: Estimate, unit: str) -> Estimate:
    """A fraction as per cent or percentage points; anything else as it is."""
    if not unit:
        return estimate
    if math.isnan(estimate.value):
        return replace(estimate, unit=unit)
    return replace(estimate * 100, unit=unit, name=estimate.name)
