"""How often the bounds of experiments hold: `python tests/benchmarks/coverage.py`, an hour of one core.

Two tables. One look: how often each bound is wrong, for shapes of rows, splits
of traffic and units. Every look: how often a bound is ever wrong in a week of
hourly looks, also where the treatment is of another shape than the control.
Everything runs through `compare` or through the estimators that it calls.
`REPETITIONS` (of the first table) and `SERIES` (of the second) make it
shorter, `once` or `hourly` print one of them. Nothing here is a test; the
unit tests run a short version.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import ndtr, ndtri

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Above, Counted
from pytest_rollout.stats.moments import Moments

SEED = 20261125
REPETITIONS = int(os.environ.get("REPETITIONS", "2000"))
SERIES = int(os.environ.get("SERIES", "200"))
LOOKS = 168
LIKENESS = 0.1
"""Correlation of two rows of one unit, before rows take their shape."""
QUANTILES = (0.5, 0.95, 0.99)

Rows = np.ndarray


@dataclass(frozen=True)
class Shape:
    """A distribution by its quantile function of a standard normal number, and what is true of it."""

    name: str
    of: Callable[[Rows], Rows]
    mean: float
    asked: tuple[str, ...] = ("mean", "P50", "P95", "P99")

    def truth(self, what: str) -> float:
        """The value of what is asked."""
        if what in {"mean", "rate"}:
            return self.mean
        return float(self.of(np.array([ndtri(float(what[1:]) / 100)]))[0])


def lognormal(sigma: float) -> Shape:
    return Shape(f"lognormal {sigma:g}", lambda z: 5 * np.exp(sigma * z), 5 * math.exp(sigma**2 / 2))


def pareto(tail: float) -> Shape:
    return Shape(f"Pareto {tail:g}", lambda z: ndtr(-z) ** (-1 / tail), tail / (tail - 1))


def bernoulli(share: float) -> Shape:
    edge = -ndtri(share)
    return Shape(f"Bernoulli {share:.3%}", lambda z: (z > edge).astype(float), share, ("mean", "rate"))


NORMAL = Shape("normal", lambda z: 100 + 10 * z, 100.0)
SHAPES = [
    NORMAL,
    lognormal(0.5),
    lognormal(0.944),
    lognormal(1.5),
    pareto(2.5),
    bernoulli(0.001),
    bernoulli(0.01),
    bernoulli(0.1),
]
SPLITS = {"50:50": (5000, 5000), "99:1": (99_000, 1000)}


def units_of(rng: np.random.Generator, rows: int, units: int, flat: float) -> Rows:
    """The unit of each row: weights 1 / (rank + flat), so 0 is pure Zipf."""
    weights = 1 / (np.arange(1, units + 1) + flat)
    return np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(rows)).clip(max=units - 1)


def normal_rows(rng: np.random.Generator, codes: Rows | None, rows: int, units: int, likeness: float) -> Rows:
    """Standard normal numbers, alike within units."""
    if codes is None:
        return rng.standard_normal(rows)
    of_units = rng.standard_normal(units) * math.sqrt(likeness)
    return of_units[codes] + rng.standard_normal(rows) * math.sqrt(1 - likeness)


@dataclass(frozen=True)
class Once:
    """One row of the first table."""

    shape: Shape
    split: str
    clustered: bool

    def units(self, rng: np.random.Generator) -> dict[tuple[str, str], Rows] | None:
        """Which unit each row is of; drawn once, as every repetition may have the same."""
        if not self.clustered:
            return None
        return {
            (arm, ""): units_of(rng, rows, self.count(rows), flat=self.count(rows) / 5)
            for arm, rows in zip(("control", "treatment"), SPLITS[self.split], strict=True)
        }

    @staticmethod
    def count(rows: int) -> int:
        """How many units there are."""
        return max(200, rows // 5)

    def draw(self, rng: np.random.Generator, units: dict[tuple[str, str], Rows] | None) -> ArraySamples:
        """Both arms, alike."""
        values = {}
        for arm, rows in zip(("control", "treatment"), SPLITS[self.split], strict=True):
            codes = None if units is None else units[arm, ""]
            values[arm, ""] = self.shape.of(normal_rows(rng, codes, rows, self.count(rows), LIKENESS))
        return ArraySamples(values, units, {})


def once_cases() -> Iterator[Once]:
    for shape in SHAPES:
        for split in SPLITS:
            for clustered in (False, True):
                yield Once(shape, split, clustered)


def asked_of(comparison: Comparison, what: str):
    return getattr(comparison, what.lower())


def measured_once(case: Once, repetitions: int, seed: int) -> dict[str, tuple[float, float, float]]:
    """For everything that is asked: how often the lower and the upper bound of the delta are wrong, or missing."""
    rng = np.random.default_rng(seed)
    wrong, units = {what: np.zeros(3) for what in case.shape.asked}, case.units(rng)
    for _ in range(repetitions):
        comparison = Comparison(case.draw(rng, units), Design(looks="once"))
        for what, count in wrong.items():
            delta = asked_of(comparison, what).delta
            missing = math.isinf(delta.low) or math.isinf(delta.high)
            wrong[what] = count + np.array([delta.low > 0, delta.high < 0, missing])
    return {what: tuple(count / repetitions) for what, count in wrong.items()}


@dataclass(frozen=True)
class Hourly:
    """One row of the second table: what an hour brings, and what is true of it.

    Args:
        name: What is special.
        asked: Of which quantity.
        draw: From a generator and the arm to `(values, units or None)` of one arm over all looks, in order of time.
        truth: The delta that is true at each look, shape `(LOOKS,)`.
        design: How it is judged.
    """

    name: str
    asked: str
    draw: Callable[[np.random.Generator, str], tuple[Rows, Rows | None]]
    truth: Rows
    design: Design


class Growing:
    """A week of rows of both arms as `Samples`, of which each look sees some more; sums and order are kept up."""

    def __init__(self, arms: dict[str, tuple[Rows, Rows | None]], cap: float | None, *, ranks: bool) -> None:
        self.ranks = ranks
        self.cells = {(arm, ""): rows for arm, rows in arms.items()}
        self.cap = math.inf if cap is None else cap
        self.upto = dict.fromkeys(self.cells, 0)
        self.ordered = {cell: np.empty(0) for cell in self.cells}
        self.whole = {cell: np.zeros(2) for cell in self.cells}
        self.by_unit = {
            cell: np.zeros((2, int(units.max()) + 1)) for cell, (_, units) in self.cells.items() if units is not None
        }

    def grow(self, look: int) -> None:
        """Add the rows of one hour."""
        for cell, (values, units) in self.cells.items():
            since, upto = self.upto[cell], len(values) * look // LOOKS
            new = values[since:upto]
            self.upto[cell] = upto
            # Order is kept up where ranks are asked; for the rest, the ends are enough.
            both = np.sort(np.concatenate([self.ordered[cell], new]), kind="stable")
            self.ordered[cell] = both if self.ranks else both[[0, -1]]
            capped = np.minimum(new, self.cap)
            self.whole[cell] += (capped.sum(), capped @ capped)
            if units is not None:
                size = self.by_unit[cell].shape[1]
                self.by_unit[cell] += (
                    np.bincount(units[since:upto], minlength=size),
                    np.bincount(units[since:upto], weights=capped, minlength=size),
                )

    def moments(self, measure):
        return {cell: self._moments(cell, measure) for cell in self.cells}

    def ranked(self, ranks):
        return {cell: tuple(self.ordered[cell][each - 1] for each in wanted) for cell, wanted in ranks.items()}

    def _moments(self, cell, measure) -> Moments:
        rows, (values, units) = self.upto[cell], self.cells[cell]
        if isinstance(measure, Above):
            above = np.flatnonzero(values[:rows] > measure.edges[cell])
            total, squares, ends = float(len(above)), float(len(above)), (0.0, 1.0)
        elif isinstance(measure, Counted):
            above, total, squares, ends = None, float(rows), float(rows), (1.0, 1.0)
        else:
            above, (total, squares) = None, self.whole[cell]
            ends = (float(self.ordered[cell][0]), float(min(self.ordered[cell][-1], self.cap)))
        if units is None:
            return Moments(
                units=rows, rows=rows, total=total, rows_squared=rows, total_squared=squares, rows_total=total,
                values_squared=squares, lowest=ends[0], highest=ends[1], largest_unit=1,
            )  # fmt: skip
        sizes, sums = self.by_unit[cell]
        if above is not None:
            sums = np.bincount(units[above], minlength=len(sizes)).astype(float)
        elif isinstance(measure, Counted):
            sums = sizes
        return Moments(
            units=int(np.count_nonzero(sizes)), rows=rows, total=total, rows_squared=_dot(sizes, sizes),
            total_squared=_dot(sums, sums), rows_total=_dot(sums, sizes), values_squared=squares, lowest=ends[0],
            highest=ends[1], largest_unit=int(sizes.max()), clustered=True,
        )  # fmt: skip


def _dot(one: Rows, other: Rows) -> float:
    return float(np.einsum("i,i->", one, other))


def measured_hourly(case: Hourly, series: int, seed: int) -> tuple[float, float, float, float]:
    """How often the lower and the upper bound are ever wrong, the share of looks without one, and the last width."""
    rng = np.random.default_rng(seed)
    wrong, missing, widths = np.zeros(2), 0.0, []
    for _ in range(series):
        arms = {arm: case.draw(rng, arm) for arm in ("control", "treatment")}
        samples = Growing(arms, case.design.cap, ranks=case.asked.startswith("p"))
        ever = np.zeros(2, dtype=bool)
        for look, truth in enumerate(case.truth, start=1):
            samples.grow(look)
            delta = asked_of(Comparison(samples, case.design), case.asked).delta
            ever |= (delta.low > truth, delta.high < truth)
            missing += math.isinf(delta.low) or math.isinf(delta.high)
        wrong += ever
        widths.append(delta.high - delta.low)
    return wrong[0] / series, wrong[1] / series, missing / series / LOOKS, float(np.median(widths))


PER_HOUR = {"control": 1980, "treatment": 20}
CAP = 1000.0


def steady(
    shapes: dict[str, Shape],
    *,
    units: dict[str, int] | None = None,
    flat: float = 500.0,
    likeness: float = 0.03,
    per_hour: dict[str, int] | None = None,
    change: Callable[[Rows, str], Rows] = lambda values, _: values,
) -> Callable[[np.random.Generator, str], tuple[Rows, Rows | None]]:
    """A week of rows of either arm."""

    def draw(rng: np.random.Generator, arm: str) -> tuple[Rows, Rows | None]:
        rows = (per_hour or PER_HOUR)[arm] * LOOKS
        count = units[arm] if units else 0
        codes = units_of(rng, rows, count, flat) if units else None
        return change(shapes[arm].of(normal_rows(rng, codes, rows, count, likeness)), arm), codes

    return draw


def hanging(share: float, at: float) -> Callable[[Rows, str], Rows]:
    """So many rows of the treatment hang, at random times."""

    def change(values: Rows, arm: str) -> Rows:
        if arm == "treatment":
            hung = np.random.default_rng(abs(hash(float(values[0])))).random(len(values)) < share
            values[hung] = at
        return values

    return change


def halfway(by: float) -> Callable[[Rows, str], Rows]:
    """The treatment gets worse in the middle of the week."""

    def change(values: Rows, arm: str) -> Rows:
        if arm == "treatment":
            values[len(values) // 2 :] += by
        return values

    return change


def bursts(rate: float, together: int) -> Callable[[np.random.Generator, str], tuple[Rows, Rows | None]]:
    """Events come so many at a time, each burst within one unit."""

    def draw(rng: np.random.Generator, arm: str) -> tuple[Rows, Rows | None]:
        rows = PER_HOUR[arm] * LOOKS
        codes = np.repeat(np.arange(-(-rows // together)), together)[:rows]
        return np.repeat(rng.random(-(-rows // together)) < rate, together)[:rows].astype(float), codes

    return draw


def capped_mean(sigma: float, cap: float) -> float:
    """The mean of min(lognormal, cap)."""
    edge = math.log(cap / 5) / sigma
    return 5 * math.exp(sigma**2 / 2) * float(ndtr(edge - sigma)) + cap * float(ndtr(-edge))


def both(shape: Shape) -> dict[str, Shape]:
    return {"control": shape, "treatment": shape}


def level(delta: float) -> Rows:
    return np.full(LOOKS, delta)


def hourly_cases() -> Iterator[Hourly]:
    latency, planned = lognormal(0.944), float(PER_HOUR["treatment"] * LOOKS)
    capped = Design(looks="continuous", planned=planned, cap=CAP)
    design = Design(looks="continuous", planned=planned)
    mean = capped_mean(0.944, CAP)
    tenants = {"control": 49_500, "treatment": 500}
    for flat, name in ((500.0, "flattened Zipf units"), (0.0, "pure Zipf units")):
        zipf = steady(both(latency), units=tenants, flat=flat)
        yield Hourly(f"mean, {name}", "mean", zipf, level(0.0), capped)
        yield Hourly(f"P99, {name}", "p99", zipf, level(0.0), design)
    yield Hourly("mean, independent", "mean", steady(both(latency)), level(0.0), capped)
    yield Hourly(
        "mean, independent, by bounds for one look", "mean", steady(both(latency)), level(0.0), Design(looks="once")
    )
    yield Hourly(
        "P99, independent, by bounds for one look", "p99", steady(both(latency)), level(0.0), Design(looks="once")
    )
    yield Hourly("P50, independent", "p50", steady(both(latency)), level(0.0), design)
    yield Hourly("P95, independent", "p95", steady(both(latency)), level(0.0), design)
    yield Hourly("P99, independent", "p99", steady(both(latency)), level(0.0), design)
    for share in (0.001, 0.0003):
        draw = steady(both(latency), change=hanging(share, CAP))
        yield Hourly(f"mean, {share:.2%} of the treatment hang", "mean", draw, level(share * (CAP - mean)), capped)
    other = {"control": latency, "treatment": lognormal(1.3)}
    yield Hourly(
        "P99, another shape",
        "p99",
        steady(other),
        level(other["treatment"].truth("P99") - latency.truth("P99")),
        design,
    )
    heavy = {"control": NORMAL, "treatment": pareto(2.5)}
    yield Hourly(
        "P95, another shape", "p95", steady(heavy), level(heavy["treatment"].truth("P95") - NORMAL.truth("P95")), design
    )
    half = np.arange(1, LOOKS + 1) * 20
    worse = 3.0 * np.maximum(0, half - LOOKS * 10) / half
    yield Hourly("mean, worse from the middle on", "mean", steady(both(latency), change=halfway(3.0)), worse, capped)
    for control, treatment in ((0.001, 0.001), (0.0001, 0.0011), (0.01, 0.01)):
        shapes = {"control": bernoulli(control), "treatment": bernoulli(treatment)}
        yield Hourly(
            f"rate, {control:.2%} against {treatment:.2%}", "rate", steady(shapes), level(treatment - control), design
        )
    shapes = both(bernoulli(0.001))
    yield Hourly("rate, 0.1 %, flattened Zipf units", "rate", steady(shapes, units=tenants), level(0.0), design)
    for together in (2, 5):
        yield Hourly(f"rate, 0.2 % in bursts of {together}", "rate", bursts(0.002, together), level(0.0), design)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def print_once() -> None:
    """The first table."""
    print("| rows | split | units | mean | P50 | P95 | P99 | rate |\n|---|---|---|---|---|---|---|---|")
    for number, case in enumerate(once_cases()):
        found = measured_once(case, REPETITIONS, SEED + number)
        cells = []
        for what in ("mean", "P50", "P95", "P99", "rate"):
            low, high, missing = found.get(what, (math.nan,) * 3)
            unbounded = f" (none in {percent(missing)})" if missing > 0 else ""
            cells.append("" if math.isnan(low) else f"{percent(low)} / {percent(high)}{unbounded}")
        units = "units" if case.clustered else "independent"
        print(f"| {case.shape.name} | {case.split} | {units} | {' | '.join(cells)} |", flush=True)


def print_hourly() -> None:
    """The second table."""
    print("| every look | series | lower ever wrong | upper ever wrong | looks without a bound | width at the end |")
    print("|---|---|---|---|---|---|")
    for number, case in enumerate(hourly_cases()):
        low, high, missing, width = measured_hourly(case, SERIES, SEED + 1000 + number)
        shares = " | ".join(percent(each) for each in (low, high, missing))
        print(f"| {case.name} | {SERIES} | {shares} | {width:.3g} |", flush=True)


def main() -> None:
    """Both tables, or the one that is named."""
    print(f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(f"seed {SEED}, {REPETITIONS} repetitions at one look, {SERIES} series of {LOOKS} looks\n")
    for table, printed in {"once": print_once, "hourly": print_hourly}.items():
        if len(sys.argv) < 2 or table in sys.argv[1:]:
            began = time.process_time()
            printed()
            print(f"\n{time.process_time() - began:.0f} s of one core\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
