"""Units that stay, the clock of means, suites that are asked again, and power: `python tests/benchmarks/recurring.py`.

Minutes of one core. Nothing here is a test; the unit tests run short versions.
"""

from __future__ import annotations

import platform

import numpy as np
import scipy

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.stats import mean, paired
from pytest_rollout.stats.curve import Curve, wanted
from pytest_rollout.stats.design_effect import FEWEST_UNITS
from pytest_rollout.stats.sequential import Mixture

SEED = 5
UNITS, STAGES = 60, 8
RECURRING = [(2, 0.8, "mean"), (2, 0.8, "p50"), (2, 0.8, "rate"), (2, 0.1, "mean"), (10, 0.5, "mean"), (1, 0.8, "mean")]
FORETOLD = [(0.99, 1500), (0.99, 3000), (0.99, 10_000), (0.99, 50_000), (0.95, 3000), (0.5, 3000)]


def stay(chance: np.random.Generator, rows: int, icc: float, what: str) -> ArraySamples:
    """Two arms that are alike, whose units have rows in every stage."""
    values, units = {}, {}
    for arm in ("control", "treatment"):
        own = chance.standard_normal(UNITS) * np.sqrt(icc)
        for stage in range(STAGES):
            of = np.repeat(np.arange(UNITS), rows)
            found = own[of] + chance.standard_normal(len(of)) * np.sqrt(1 - icc)
            values[arm, str(stage)] = (found > 1.28).astype(float) if what == "rate" else found
            units[arm, str(stage)] = of.astype(np.intp)
    return ArraySamples(values, units, {})


def recurring(repetitions: int = 500) -> None:
    """How often the bounds of such a difference are wrong."""
    chance = np.random.default_rng(SEED)
    print("| rows a unit and stage | alike by | what | wrong |\n|---|---|---|---|")
    for rows, icc, what in RECURRING:
        wrong = np.zeros(2)
        for _ in range(repetitions):
            delta = getattr(Comparison(stay(chance, rows, icc, what), Design(looks="once")), what).delta
            wrong += delta.low > 0, delta.high < 0
        low, high = 100 * wrong / repetitions
        print(f"| {rows} | {icc} | {what} | {low:.1f} / {high:.1f} |", flush=True)


def asked_again(looks: str, repetitions: int = 400) -> float:
    """How often a suite that grows by five questions an hour is wrong on one side within a week."""
    chance = np.random.default_rng(4)
    wrong = 0
    for _ in range(repetitions):
        found = chance.standard_normal(840)
        for n in range(30, 841, 10):
            average = float(found[:n].mean())
            squares = float(np.square(found[:n] - average).sum())
            if paired.mean_of_sums(n, average, squares, looks=looks).low > 0:  # type: ignore[arg-type]  # one of two
                wrong += 1
                break
    return wrong / repetitions


def latencies(chance: np.random.Generator, n: int) -> np.ndarray:
    """Lognormal, with P50 5 ms and P99 45 ms."""
    return 5 * np.exp(0.944 * chance.standard_normal(n))


def foretold(repetitions: int = 150) -> None:
    """How often a limit is proven of which a chance of 80 % is foretold, at 90 to 10."""
    chance = np.random.default_rng(11)
    pool = np.sort(latencies(chance, 400_000))
    print("| what | rows of the smaller arm | proven |\n|---|---|---|")
    for q, n in FORETOLD:
        places = wanted(len(pool), q)
        values = [float(pool[place - 1]) for place in places]
        curve = Curve(q, len(pool), places, values, ratio=9, deff=1.0, confidence=0.95, looks="continuous")
        margin = curve.detectable(n, 0.8, above=True)
        proven = 0
        for _ in range(repetitions):
            arms = {("control", ""): latencies(chance, 9 * n), ("treatment", ""): latencies(chance, n)}
            proven += Comparison(ArraySamples(arms, None, {}), Design()).quantile(q).delta.high < margin
        print(f"| P{100 * q:g} | {n} | {proven / repetitions:.0%} |", flush=True)


def staying(chance: np.random.Generator, hours: int) -> tuple[np.ndarray, np.ndarray]:
    """485 units of 50 000, whose weights are flattened Zipf; 165 rows an hour."""
    weights = chance.choice(1 / (np.arange(1, 50_001) + 500.0), 485, replace=False)
    return chance.poisson(165 * weights / weights.sum(), (hours, 485)), np.zeros((hours, 1))


def passing(_: np.random.Generator, hours: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight other units every hour, of 20 rows each."""
    return np.zeros((hours, 1)), np.full((hours, 8), 20)


def parting(_: np.random.Generator, hours: int) -> tuple[np.ndarray, np.ndarray]:
    """40 units with four rows an hour, and after two days 160 others every hour, of one row each."""
    early, late = np.full((hours, 40), 4), np.ones((hours, 160))
    early[48:], late[:48] = 0, 0
    return early, late


def clocks(repetitions: int = 4000, hours: int = 336, planned: float = 20_000) -> None:
    """How often an arm's mean is ever wrong on one side in two weeks, by rows and by what rows are worth."""
    chance, alpha = np.random.default_rng(7), 0.05
    multipliers = np.vectorize(Mixture.tuned(planned, alpha).multiplier)
    print("| units | alike by | by rows | by their worth | multipliers at the end |\n|---|---|---|---|---|")
    for units in (staying, passing, parting):
        for icc in (0.03, 0.3):
            wrong, ends = np.zeros(2), np.zeros(2)
            for _ in range(repetitions):
                # Rows of each hour: of units that stay, and of those that are there for this hour.
                stay, once = units(chance, hours)
                rows = stay.cumsum(0)
                n = (stay.sum(1) + once.sum(1)).cumsum()
                squares = np.square(rows).sum(1) + np.square(once).sum(1).cumsum()
                spread = icc * np.square(once).sum(1) + (1 - icc) * (stay.sum(1) + once.sum(1))
                own = chance.standard_normal(stay.shape[1]) * np.sqrt(icc)
                sums = rows @ own + (chance.standard_normal(hours) * np.sqrt(spread)).cumsum()
                variance = (icc * squares + (1 - icc) * n) / n**2
                off = sums / n / np.sqrt(variance)
                judged = (n >= mean.FEWEST_ROWS) & (n**2 / squares >= FEWEST_UNITS)
                for place, clock in enumerate((n, 1 / variance)):
                    bounds = multipliers(clock[judged].astype(float), alpha)
                    wrong[place] += (off[judged] > bounds).any()
                    ends[place] = bounds[-1]
            by_rows, by_worth = 100 * wrong / repetitions
            cells = f"{units.__doc__} | {icc} | {by_rows:.1f} | {by_worth:.1f} | {ends[0]:.2f} and {ends[1]:.2f}"
            print(f"| {cells} |", flush=True)


def main() -> None:
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, seed {SEED}")
    recurring()
    print(f"a suite that grows: once {asked_again('once'):.1%}, at every look {asked_again('continuous'):.1%}")
    foretold()
    clocks()


if __name__ == "__main__":
    main()
