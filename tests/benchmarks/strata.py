"""Many strata of few rows each, such as countries: `python tests/benchmarks/strata.py`.

Minutes of one core. Nothing here is a test; the unit tests run short versions.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Cell, Counted, Measure
from pytest_rollout.stats.moments import Moments

SHARE = 0.001
RATES = [  # strata, rows of the treatment and of the control in each, looks, series
    (20, 1000, 99_000, 1, 1000),
    (20, 99_000, 1000, 1, 1000),
    (20, 1000, 1000, 1, 1000),
    (20, 1000, 99_000, 20, 100),
]
Draw = Callable[[np.random.Generator, int], np.ndarray]
NORMAL: Draw = np.random.Generator.standard_normal
UNIFORM: Draw = np.random.Generator.random
QUANTILES = [  # quantile, of which rows, strata, rows of the treatment and of the control in each, series
    (0.99, "uniform", UNIFORM, 14, 320, 3000, 300),
    (0.99, "the negative of exponential", lambda chance, n: -chance.exponential(1, n), 14, 320, 3000, 300),
    (0.95, "uniform", UNIFORM, 14, 80, 800, 500),
    (0.5, "normal", NORMAL, 30, 20, 600, 500),
]


@dataclass(frozen=True)
class Counts:
    """Independent rows of 0 and 1, of which only the counts are drawn: (events, rows) of each cell."""

    cells: Mapping[Cell, tuple[int, int]]

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """The sums of every cell."""
        return {cell: _moments(n if isinstance(measure, Counted) else s, s, n) for cell, (s, n) in self.cells.items()}


def _moments(total: float, events: int, rows: int) -> Moments:
    return Moments(
        units=rows, rows=rows, total=float(total), rows_squared=float(rows), total_squared=float(total),
        rows_total=float(total), values_squared=float(total), lowest=0.0, highest=float(events > 0), largest_unit=1,
    )  # fmt: skip


def rates(strata: int, treated: int, others: int, looks: int, series: int) -> np.ndarray:
    """How often the lower and the upper bound of a difference of rates are ever wrong; both arms are alike."""
    chance, wrong = np.random.default_rng(1), np.zeros(2)
    rows = {"treatment": treated // looks, "control": others // looks}
    for _ in range(series):
        events = {arm: np.cumsum(chance.binomial(n, SHARE, (looks, strata)), 0) for arm, n in rows.items()}
        ever = np.zeros(2, dtype=bool)
        for look in range(looks):
            cells = {
                (arm, str(each)): (int(events[arm][look, each]), n * (look + 1))
                for each in range(strata)
                for arm, n in rows.items()
            }
            delta = Comparison(Counts(cells), Design(looks="once" if looks == 1 else "continuous")).rate.delta
            ever |= delta.low > 0, delta.high < 0
        wrong += ever
    return 100 * wrong / series


def quantiles(q: float, draw: Draw, strata: int, treated: int, others: int, series: int) -> np.ndarray:
    """The same of quantiles, at one look."""
    chance, wrong = np.random.default_rng(2), np.zeros(2)
    for _ in range(series):
        values: dict[Cell, np.ndarray] = {}
        for each in range(strata):
            values["treatment", f"{each:02}"] = draw(chance, treated)
            values["control", f"{each:02}"] = draw(chance, others)
        delta = Comparison(ArraySamples(values, None, {}), Design(looks="once")).quantile(q).delta
        wrong += delta.low > 0, delta.high < 0
    return 100 * wrong / series


def main() -> None:
    """Both tables as one."""
    print(
        f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}\n"
    )
    print("| what | strata | rows of treatment and control in each | looks | series | wrong |")
    print("|---|---|---|---|---|---|")
    for strata, treated, others, looks, series in RATES:
        low, high = rates(strata, treated, others, looks, series)
        print(
            f"| rate, 0.1 % | {strata} | {treated} and {others} | {looks} | {series} | {low:.1f} / {high:.1f} |",
            flush=True,
        )
    for q, name, draw, strata, treated, others, series in QUANTILES:
        low, high = quantiles(q, draw, strata, treated, others, series)
        what = f"P{100 * q:g}, {name}"
        print(f"| {what} | {strata} | {treated} and {others} | 1 | {series} | {low:.1f} / {high:.1f} |", flush=True)


if __name__ == "__main__":
    main()
