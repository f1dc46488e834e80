"""Planning: what the comparisons of a phase can and cannot see, at the traffic that there is.

What `rollout power` prints before a phase begins. The traffic, the spread of
a row and how alike rows of one unit are come from the rows of the control arm
as they are now; nothing is assumed of the treatment but its share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, partial

from scipy.special import ndtri

from pytest_rollout.arms import Arms
from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.samples import Above, Cell, Values
from pytest_rollout.exposure import DAY
from pytest_rollout.live_comparison import LiveComparison
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.phase import Budget, Phase
from pytest_rollout.quantities import convert
from pytest_rollout.stats import mean, power, proportion, rate
from pytest_rollout.stats.curve import Curve, wanted
from pytest_rollout.stats.design_effect import FEWEST_UNITS, effective_units, planned_effect, pooled_icc, row_variance
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.quantile import middle
from pytest_rollout.stats.sequential import DEFAULT_PLANNED

POWER = 0.8
LIKELY = 0.95


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What one budget against the control arm can see.

    Args:
        budget: Its name in the plan.
        margin: From no difference to the nearest limit, in `unit`.
        unit: Of the margin.
        per_hour: Rows of the smaller arm in an hour.
        effective_units: As many units of one size the control's units weigh now.
        largest: The share of the rows that the largest unit has.
        deff: The design effect at the end of the phase.
        detectable: The least difference that the phase's minimum time can tell from the limit, with a chance of 80 %.
        chance: That it is proven by the minimum time, if nothing changed.
        hours: Until it is proven with a chance of 50 % and of 95 %; None for never.
        to_catch: Until a difference of twice the limit is refuted, with a chance of 50 % and of 95 %; None for never,
            and empty where nobody can say.
        why: Why nothing can be said; empty otherwise.
    """

    budget: str
    margin: float = math.nan
    unit: str = ""
    per_hour: float = 0.0
    effective_units: float = 0.0
    largest: float = 0.0
    deff: float = 1.0
    detectable: float = math.nan
    chance: float = 0.0
    hours: tuple[float | None, float | None] = (None, None)
    to_catch: tuple[float | None, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Planning:
    """A phase before it begins.

    Args:
        arms: Its experiment, with the rows that there are now.
        share: The smaller arm's part of the units, between 0 and 1.
        length: How long the phase lasts at least.
    """

    arms: Arms
    share: float
    length: timedelta

    @cached_property
    def hours(self) -> float:
        """The phase's minimum time."""
        return self.length / timedelta(hours=1)

    def foreseen(self) -> Iterator[Foreseen]:
        """What each budget against the control arm can see."""
        for budget in self.arms.phase.budgets.values():
            if budget.against == CONTROL:
                try:
                    yield self._of(budget)
                except SourceError as error:
                    yield Foreseen(budget=budget.name, why=str(error).partition("\n")[0])

    def _of(self, budget: Budget) -> Foreseen:
        found = self.arms.comparison(budget.metric)
        control = _whole(found.table.moments(Values(found.design.cap)))
        margin, unit = abs(_nearest(budget)), budget.limit.unit
        if control.rows < 1000 or math.isnan(margin):
            few = f"{control.rows} rows of the control arm are too few to plan with"
            return Foreseen(budget=budget.name, why=few if control.rows < 1000 else "no limit on a bad side")
        seen = _Seen(found, control, self.share)
        if control.largest_unit > 1 and seen.treated_units < FEWEST_UNITS:
            units = f"{seen.treated_units:.3g} effective units of the smaller arm are too few: at least {FEWEST_UNITS}"
            return Foreseen(budget=budget.name, why=units)
        need = seen.chances(budget, margin, self.hours)
        return Foreseen(
            budget=budget.name,
            margin=margin,
            unit=unit,
            per_hour=seen.per_hour,
            effective_units=effective_units(control),
            largest=control.largest_unit / control.rows,
            deff=seen.deff(self.hours),
            detectable=need.detectable,
            chance=need.chance(self.hours * seen.per_hour),
            hours=(need.hours(0.5, seen.per_hour), need.hours(LIKELY, seen.per_hour)),
            to_catch=need.catching(seen.per_hour),
        )


@dataclass(frozen=True)
class _Need:
    """How the chance of a proof grows with rows of the smaller arm."""

    chance: Callable[[float], float]
    detectable: float
    refuting: Callable[[float], float] | None

    def hours(self, wanted: float, per_hour: float) -> float | None:
        """After how many hours the chance reaches what is wanted."""
        return _first(lambda rows: self.chance(rows) >= wanted, per_hour)

    def catching(self, per_hour: float) -> tuple[float | None, ...]:
        """After how many hours a difference of twice the limit is refuted, with a chance of 50 % and of 95 %."""
        refuting = self.refuting
        if refuting is None:
            return ()
        return tuple(_first(partial(_likely, refuting, wanted), per_hour) for wanted in (0.5, LIKELY))


@dataclass(frozen=True)
class _Seen:
    """The rows of the control arm as they are now."""

    comparison: LiveComparison
    control: Moments
    share: float

    @cached_property
    def per_hour(self) -> float:
        """Rows of the smaller arm in an hour, at its share of those of all arms and strata."""
        length = self.comparison.table.span.length / timedelta(hours=1)
        rows = sum(each.rows for each in self.comparison.table.moments(Values(self.comparison.design.cap)).values())
        return max(1e-9, rows / length * self.share)

    @property
    def treated_units(self) -> float:
        """As many units of one size the smaller arm's will weigh: its part of those that the control has now."""
        length = self.comparison.table.span.length / timedelta(hours=1)
        rows = self.control.rows / length
        return effective_units(self.control) * min(1.0, self.per_hour / rows)

    @property
    def _ratio(self) -> float:
        """Rows of the larger arm for each row of the smaller."""
        return (1 - self.share) / self.share

    def deff(self, hours: float) -> float:
        """The design effect after so many hours: units have more rows the longer a phase lasts."""
        return self._effect(self.control, hours)

    def _effect(self, moments: Moments, hours: float) -> float:
        if not moments.clustered:
            return 1.0
        length = self.comparison.table.span.length / timedelta(hours=1)
        icc, now = pooled_icc([moments]), planned_effect(moments, 1.0)
        return 1 + icc * max(0.0, now * hours / length - 1)

    def chances(self, budget: Budget, margin: float, hours: float) -> _Need:
        """For one budget."""
        level = abs(self._level(budget.what)) if budget.lift else math.nan
        if budget.what == "rate":
            # Of a lift, so many per cent of the rate that there is; else points.
            part = margin / 100 * level if budget.lift else convert(margin, budget.limit.unit, "pp") / 100
            return self._of_rate(part, hours, 100 / level if budget.lift and level else 100.0)
        if budget.lift:
            margin *= level / 100
        scale = 100 / level if budget.lift and level else 1.0
        if budget.what.startswith("p"):
            return self._of_quantile(float(budget.what[1:]) / 100, margin, hours, scale, above=_above(budget))
        return self._of_mean(margin, hours, scale)

    def _of_quantile(self, q: float, margin: float, hours: float, scale: float, *, above: bool) -> _Need:
        curve, beyond = self._curve(q)
        rows = max(1.0, hours * self.per_hour)

        def at(rows: float) -> Curve:
            return replace(curve, deff=self._effect(beyond, rows / self.per_hour))

        # A true difference of twice the limit is as far from it as none is, on the other side.
        return _Need(
            lambda rows: at(rows).chance(margin, rows, above=above),
            scale * at(rows).detectable(rows, POWER, above=above),
            lambda rows: at(rows).chance(margin, rows, above=not above),
        )

    def _of_mean(self, margin: float, hours: float, scale: float) -> _Need:
        if not math.isfinite(self.control.total):
            raise SourceError("some rows are infinite (timeouts), so it has no mean: claim a quantile or a rate")
        design, spread = self.comparison.design, row_variance(self.control)
        planned, confidence, looks = design.planned or DEFAULT_PLANNED, design.confidence, design.looks
        fewest = mean.FEWEST_ROWS if looks == "continuous" else 2
        hidden = self._hidden()

        def error(rows: float) -> float:
            deff = self.deff(rows / self.per_hour)
            return power.unit_error(spread, spread, ratio=self._ratio, deff=deff)

        def unseen(rows: float) -> float:
            """A disaster in one row of thousands is seen by no variance: bounds of means stay so much wider."""
            return hidden * self.deff(rows / self.per_hour) / rows

        def chance(rows: float) -> float:
            if rows < fewest:
                return 0.0
            far = margin - unseen(rows)
            return power.chance(error(rows), far, rows, confidence=confidence, looks=looks, planned=planned)

        rows = max(1.0, hours * self.per_hour)
        factor = power.multiplier(rows, confidence=confidence, looks=looks, planned=planned)
        least = (factor + float(ndtri(POWER))) * error(rows) / math.sqrt(rows) + unseen(rows)
        return _Need(chance, least * scale, chance)

    def _hidden(self) -> float:
        """By how much, times effective rows, bounds of a mean are wider than its spread says: as for 0 events."""
        design = self.comparison.design
        if design.looks == "once":
            return 0.0
        low, high = self.comparison.value_range or (0.0, math.inf)
        most = high if design.cap is None else min(high, design.cap)
        if math.isinf(most):
            raise SourceError("a mean holds at every look only where the metric has a 'range' or a 'cap'")
        return (most - low) * proportion.continuous(0, 1e6, confidence=design.confidence).high * 1e6

    def _of_rate(self, margin: float, hours: float, scale: float) -> _Need:
        design = self.comparison.design
        share = self.control.total / self.control.rows + self.control.centre
        floor = design.burst or (rate.BURST if self.control.clustered else 1.0)
        told = partial(power.rate_chance, ratio=self._ratio, confidence=design.confidence, looks=design.looks)

        def seen(margin: float, rows: float) -> float:
            return told(share, margin, rows, deff=max(floor, self.deff(rows / self.per_hour)))

        def chance(rows: float) -> float:
            return seen(margin, rows) if rows >= 1 and margin > 0 else 0.0

        rows = max(1.0, hours * self.per_hour)
        steps = (max(margin, 1e-9) * 2 ** (step / 4) for step in range(-40, 41))
        least = next((each for each in steps if seen(each, rows) >= POWER), math.inf)
        return _Need(chance, scale * least, None)

    def _curve(self, q: float) -> tuple[Curve, Moments]:
        """Where the control arm's rows lie around a quantile, if they were independent, and those beyond it."""
        table, design = self.comparison.table, self.comparison.design
        cell, n = self._largest()
        places = wanted(n, q)
        found = [(place, value) for place, value in zip(places, table.ranked({cell: places})[cell], strict=True)]
        edge = self._level(f"p{100 * q:g}")
        finite = [(place, value) for place, value in found if math.isfinite(value)]
        if not math.isfinite(edge) or finite[0][1] == finite[-1][1]:
            raise SourceError("all rows near the quantile are alike, so it has no density")
        beyond = table.moments(Above(dict.fromkeys(table.moments(Values()), edge)))[cell]
        curve = Curve(
            q,
            n,
            [place for place, _ in finite],
            [value for _, value in finite],
            ratio=self._ratio,
            deff=1.0,
            confidence=design.confidence,
            looks=design.looks,
        )
        return curve, beyond

    def _level(self, what: str) -> float:
        """What the statistic is in the control arm now."""
        if what in {"mean", "rate"}:
            return self.control.total / self.control.rows + self.control.centre
        cell, n = self._largest()
        q = float(what[1:]) / 100
        # Of the rows themselves: as a comparison it would be in doubt, where nobody is treated yet.
        return self.comparison.table.ranked({cell: [middle(n, q)]})[cell][0]

    def _largest(self) -> tuple[Cell, int]:
        """The control arm's largest stratum, and how many rows it has."""
        rows = {cell: each.rows for cell, each in self.comparison.table.moments(Values()).items() if cell[0] == CONTROL}
        cell = max(rows, key=lambda each: rows[each])
        return cell, rows[cell]


def _likely(chance: Callable[[float], float], wanted: float, rows: float) -> bool:
    return chance(rows) >= wanted


def _first(enough: Callable[[float], bool], per_hour: float) -> float | None:
    """The first hour at which something is so, to a tenth of itself; None beyond a year."""
    hours = 1.0
    while not enough(hours * per_hour):
        hours *= 1.1
        if hours > 365 * 24:
            return None
    return hours


def _whole(found: Mapping[Cell, Moments]) -> Moments:
    """The largest stratum of the control arm: strata are never pooled."""
    controls = [moments for (arm, _), moments in found.items() if arm == CONTROL]
    if not controls:
        raise SourceError("no row of the control arm to plan with")
    return max(controls, key=lambda each: each.rows)


def _nearest(budget: Budget) -> float:
    """The limit nearest to no difference; NaN where there is none."""
    ends = [end for level in budget.limit.levels for end in (level.high, level.low) if math.isfinite(end)]
    return min(ends, key=abs, default=math.nan)


def _above(budget: Budget) -> bool:
    """Whether that limit lies above no difference; of two that are as near, the upper one, towards longer tails."""
    return _nearest(budget) >= 0


def cannot_succeed(found: Sequence[Foreseen]) -> list[str]:
    """Gates that are less likely than not to be proven in the phase's minimum time."""
    return [each.budget for each in found if each.why or each.chance < 0.5]


def joint_chance(found: Sequence[Foreseen]) -> float:
    """That all of them are proven: at least this, since gates that look at the same rows agree more often."""
    return math.prod(each.chance for each in found)


@dataclass(frozen=True)
class Soonest:
    """A phase that must have green days in a row: its first one, and after how many days it is over at the soonest."""

    first: int
    over: int


def soonest(phase: Phase, found: Sequence[Foreseen]) -> Soonest | None:
    """By when each gate is proven with a chance of 95 %; None where one never is, or nobody counts green days.

    A day is green as a whole: the first one begins at the midnight after the
    last proof. Those of a phase in stages count from its last stage on, which
    nobody can date.
    """
    green, proven = phase.conditions.green, [each.hours[1] for each in found]
    if not green or phase.stages or any(hours is None for hours in proven):
        return None
    waited = math.ceil(max((hours or 0.0 for hours in proven), default=0.0) / 24)
    least = math.ceil((phase.conditions.minimum or timedelta(0)) / DAY)
    return Soonest(first=waited + 1, over=max(least, waited + green))


def length_of(arms: Arms) -> timedelta:
    """The phase's minimum time, or what its stages are held."""
    return arms.phase.planned_days * DAY
