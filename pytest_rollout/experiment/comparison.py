"""Comparison: what one metric says of two arms.

It knows no rows, only `Samples`, and computes what is asked, when it is
asked. Where nothing can be said, because there are too few rows, arms of the
wrong size or no range, every estimate is the widest interval with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError
from pytest_rollout.estimates import Estimate
from pytest_rollout.experiment import assigned, diagnostics, quantiles, ranks
from pytest_rollout.experiment.assigned import Assignment
from pytest_rollout.experiment.design import Design, Doubt
from pytest_rollout.experiment.diagnostics import Diagnostics
from pytest_rollout.experiment.samples import Cell, Counted, Samples, Values
from pytest_rollout.experiment.strata import Strata
from pytest_rollout.stats import mean, rate
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.contrast import Contrast
from pytest_rollout.stats.design_effect import effective_units
from pytest_rollout.stats.moments import Moments

MOST_AGAIN = 0.001
"""Up to this share of the units may be in a second stratum before their strata count as sharing them."""


@dataclass(frozen=True)
class Sides:
    """One quantity of two arms: `delta` is treatment - control, `lift` is treatment / control - 1."""

    control: Estimate
    treatment: Estimate
    delta: Estimate
    lift: Estimate


@dataclass(frozen=True)
class Rows:
    """How much one arm has: rows, units, rows without a value, and as how many units of one size its units count."""

    rows: int
    units: int
    missing: int
    effective_units: float
    largest_unit: int


class Comparison:
    """One metric of a control and a treatment: `ab("latency").p99.delta < 10`.

    Each of `.mean`, `.rate`, `.p50`, `.p95`, `.p99`, `.quantile(q)` and
    `.rank` has `.control`, `.treatment`, `.delta` and `.lift`, which are
    estimates to be compared with limits.
    """

    def __init__(self, samples: Samples, design: Design, distrust: Callable[[], Doubt | None] | None = None) -> None:
        self._samples = samples
        self.design = design
        self._distrust = distrust

    @cached_property
    def mean(self) -> Sides:
        """The means over rows; winsorised where the metric has a cap."""
        found = self._samples.moments(Values(self.design.cap))
        control, treatment = self._side(self.design.control, found), self._side(self.design.treatment, found)
        wide, why = self._range([*control, *treatment])
        capped = f", rows above {self.design.cap:g} count as that" if self.design.cap is not None else ""
        if why:
            answer = Contrast.unbounded(why, method="mean", rows=self._rows)
        else:
            answer = mean.contrast(
                control,
                treatment,
                self._strata.weights,
                confidence=self.design.confidence,
                looks=self.design.looks,
                planned=self.design.planned,
                value_range=wide,
                apart=self._apart,
            )
        return self._sides("mean", answer, note=capped)

    @cached_property
    def rate(self) -> Sides:
        """The shares of rows that are 1 (or true), as fractions."""
        found = self._samples.moments(Values())
        sides = self._side(self.design.control, found), self._side(self.design.treatment, found)
        smaller = sides[self._rows[0] >= self._rows[1]]
        answer = rate.contrast(
            *sides,
            self._strata.weights,
            confidence=self.design.confidence,
            looks=self.design.looks,
            burst=self.design.burst,
            apart=self._apart,
        )
        never = all(each.highest <= 0 for each in smaller if each.rows)
        return self._sides("rate", answer, unit="", narrows=1.0 if never else 0.5)

    @cached_property
    def p50(self) -> Sides:
        """The medians."""
        return self._quantile(0.5)

    @cached_property
    def p95(self) -> Sides:
        """The 95th percentiles."""
        return self._quantile(0.95)

    @cached_property
    def p99(self) -> Sides:
        """The 99th percentiles."""
        return self._quantile(0.99)

    def quantile(self, q: float) -> Sides:
        """Any quantile, as a fraction: 0.999 is P99.9.

        Raises:
            QuestionError: `q` is not above 0 and below 1.
        """
        if not 0 < q < 1:
            raise QuestionError(
                f"{self.design.name}: quantile({q!r}) is not above 0 and below 1: P99 is quantile(0.99)"
            )
        return self._quantile(float(q))

    @cached_property
    def rank(self) -> Sides:
        """How likely a row of the treatment lies above one of the control; a half where arms are alike."""
        return self._sides("rank", ranks.contrast(self._samples, self.design, self._strata), unit="")

    @cached_property
    def diagnostics(self) -> Mapping[str, Diagnostics]:
        """What a reader should know of either arm's rows: skew, the weight of the tail, what is missing, units."""
        return diagnostics.diagnostics(self._samples, self.design, self._strata)

    @cached_property
    def assignment(self) -> Assignment:
        """How many units every arm has, and whether that is what was planned."""
        return assigned.assignment(self._counted, self.design)

    @cached_property
    def doubt(self) -> Doubt | None:
        """Why nothing of this is to be believed: what the caller knows, a wrong sample ratio, rows without values.

        What the caller has to ask for first, it is asked last, and only for an estimate.
        """
        doubt = self.design.doubt or self.assignment.doubt or assigned.missingness(self._counted, self.design)
        return doubt or (self._distrust() if self._distrust is not None else None)

    @cached_property
    def n(self) -> Mapping[str, Rows]:
        """How many rows and units each arm has."""
        return {
            arm: Rows(
                rows=sum(each.rows for each in found),
                units=sum(each.units for each in found),
                missing=sum(each.missing for each in found),
                effective_units=sum(effective_units(each) for each in found),
                largest_unit=max(each.largest_unit for each in found),
            )
            for arm in (self.design.control, self.design.treatment)
            for found in [self._side(arm, self._counted)]
        }

    @property
    def information(self) -> float:
        """The share of the planned rows that the smaller arm has; infinite where nobody planned."""
        return min(self._rows) / self.design.planned if self.design.planned else math.inf

    @cached_property
    def _counted(self) -> Mapping[Cell, Moments]:
        return self._samples.moments(Counted())

    @cached_property
    def _strata(self) -> Strata:
        return Strata.of(self._counted, self.design)

    @cached_property
    def _apart(self) -> bool:
        """Whether strata are known to share no units to speak of: regions do, stages of a rollout do not."""
        arms = (self.design.control, self.design.treatment)
        units = [(arm, each.units) for (arm, _), each in self._counted.items() if arm in arms and each.clustered]
        if not units or len(self._strata.names) == 1:
            return not units
        once = self._samples.units_in_all()
        again = {arm: sum(count for of, count in units if of == arm) - once[arm] for arm, _ in units}
        return all(more <= MOST_AGAIN * once[arm] for arm, more in again.items())

    @cached_property
    def _rows(self) -> tuple[int, int]:
        control, treatment = (
            sum(each.rows for each in self._side(arm, self._counted))
            for arm in (self.design.control, self.design.treatment)
        )
        return control, treatment

    def _side(self, arm: str, found: Mapping[Cell, Moments]) -> list[Moments]:
        return list(self._strata.side(arm, found))

    def _range(self, arms: list[Moments]) -> tuple[float | None, str]:
        """How far apart two rows can be, None where nobody knows; and what contradicts it."""
        arms = [arm for arm in arms if arm.rows]
        low, high = self.design.value_range or (0.0, math.inf)
        high = high if self.design.cap is None else min(high, self.design.cap)
        if math.isinf(high) or (self.design.value_range is None and self.design.looks == "once"):
            return None, ""  # never learnt from the rows: what was not seen yet may lie anywhere
        outside = [each for arm in arms for each in (arm.lowest, arm.highest) if not low <= each <= high and arm.rows]
        if outside:
            said = "that the metric was said to have" if self.design.value_range else "of a cap alone: write a 'range'"
            return None, f"a row is {outside[0]:g}, outside the range {low:g} … {high:g} {said}"
        return high - low, ""

    def _quantile(self, q: float) -> Sides:
        answer = quantiles.contrast(self._samples, q, self.design, self._counted, self._strata, apart=self._apart)
        return self._sides(f"P{q * 100:g}", answer)

    def _sides(
        self, what: str, answer: Contrast, *, note: str = "", unit: str | None = None, narrows: float = 0.5
    ) -> Sides:
        control, treatment = self.design.control, self.design.treatment
        unit = self.design.unit if unit is None else unit
        name = f"{what} {self.design.name}"
        smaller = control if self._rows[0] < self._rows[1] else treatment
        told = (
            (f"{name}, {control}", answer.control, unit, control),
            (f"{name}, {treatment}", answer.treatment, unit, treatment),
            (f"{name}, {treatment} - {control}", answer.delta, unit, smaller),
            (f"{name}, {treatment} / {control} - 1", answer.lift, "", smaller),
        )
        return Sides(*(replace(self._estimate(*each, note), narrows=narrows) for each in told))

    def _estimate(self, name: str, found: Bounds, unit: str, counted: str, note: str) -> Estimate:
        doubt = self.doubt
        if doubt is not None:
            found = Bounds.unbounded(doubt.why, method=found.method, n=found.n)
        return Estimate(
            found.value,
            found.low,
            found.high,
            self.design.confidence,
            unit,
            n=found.n,
            method=found.method + note,
            why=found.why or self._progress(),
            name=name,
            needs=doubt.needs if doubt is not None else "",
            reason=doubt.reason if doubt is not None else self._reason(found),
            counted=f"rows of {counted}",
            refuting_level=found.level,
        )

    def _reason(self, found: Bounds) -> Reason:
        """What an inconclusive claim waits for: the planned rows, a first bound, or nothing that waiting brings."""
        if self.information < 1 and (found.few or not found.why):
            return Reason.INFORMATION
        return Reason.LOW_N if found.few else Reason.INCONCLUSIVE

    def _progress(self) -> str:
        if self.information >= 1:
            return ""
        return f"{self.information:.0%} of the planned {self.design.planned:g} rows of the smaller arm"
