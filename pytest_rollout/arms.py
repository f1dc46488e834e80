"""Arms: one phase's experiment, asked as of the run's instant.

Rows stay where they are: each question is a few sums, asked once a run and
part of its evidence. Every estimate knows from which rows it comes, and why
it says nothing where it says nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property

from pytest_rollout.decisions import Reason
from pytest_rollout.distrust import Distrust
from pytest_rollout.errors import QuestionError, RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.experiment import integrity
from pytest_rollout.experiment.contamination import BEGIN_AGAIN, contamination
from pytest_rollout.experiment.design import Design, Doubt
from pytest_rollout.experiment.integrity import Assigned
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.exposure import Exposure
from pytest_rollout.live_comparison import SECONDS, Late, LiveComparison
from pytest_rollout.plan.experiment import CONTROL, Experiment
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.planned_split import PlannedSplit
from pytest_rollout.provenance import Provenance
from pytest_rollout.readings import Readings
from pytest_rollout.sources.told import Told
from pytest_rollout.waiting import Waiting


@dataclass(frozen=True)
class Arms:
    """The experiment of one phase.

    Args:
        plan: The rollout's plan.
        phase: The phase.
        waiting: What is remembered of it: since when it lasts, and its traffic.
        readings: Opens the sources.
        since: Since when rows count, for those who plan a phase that has not begun; None for since it began.
    """

    plan: Plan
    phase: Phase
    waiting: Waiting
    readings: Readings
    since: datetime | None = None

    def comparison(self, name: str, arm: str = "", *, last_day: bool = False) -> LiveComparison:
        """One metric of two arms.

        Args:
            name: The metric.
            arm: Which arm is compared with the control; where there is one other, it need not be said.
            last_day: Whether only the last 24 hours count, at a level that holds for every day of the phase.

        Raises:
            RolloutError: No such metric or arm, or one without samples.
        """
        metric, experiment = self._metric(name), self.experiment
        others = [each for each in experiment.arms if each != CONTROL]
        arm = arm or (others[0] if len(others) == 1 else "")
        if arm not in others:
            lines = [f"'{arm}' is no arm that is compared with the control", f"arms: {listed(others)}"]
            lines = lines if arm else ["which arm is compared with the control?", f"say one: arm='{others[0]}'"]
            raise QuestionError("\n  ".join([*lines, *(did_you_mean(arm, others) if arm else ())]))
        span = self.exposure.span(last_day=last_day)
        window = "the last 24 h" if last_day else f"since {span.start:%Y-%m-%d %H:%M} UTC"
        rows = self._rows(metric, span)
        return LiveComparison(
            rows,
            self._design(metric, arm, last_day=last_day),
            Provenance(
                source=metric.source,
                query=f"rows of {metric.samples.column}" if metric.samples else "",
                window=f"{window}, units {experiment.unit}",
            ),
            self.split.shares,
            self._distrust(rows, metric, arm) if self.since is None else None,
        )

    def _distrust(self, rows: Late, metric: Metric, arm: str) -> Distrust | None:
        """What is asked of rows that are judged, and not of those that a phase is planned with."""
        return Distrust(rows.samples, (CONTROL, arm), metric.name, metric.max_age, mixed=lambda: self.mixed(metric))

    @property
    def experiment(self) -> Experiment:
        """What is compared with what.

        Raises:
            QuestionError: The phase has no experiment.
        """
        if self.phase.experiment is None:
            raise QuestionError(f"{self.phase.name} has no experiment: write 'experiment:' in the plan")
        return self.phase.experiment

    @property
    def exposure(self) -> Exposure:
        """Which of the phase's rows count."""
        return Exposure(self.phase, self.waiting.past, self.waiting.at, self.since)

    @cached_property
    def split(self) -> PlannedSplit:
        """Which arm was planned to have which units.

        Raises:
            QuestionError: The phase has no experiment.
        """
        return PlannedSplit(self.phase, self.experiment, self.waiting.past.traffic)

    def mixed(self, metric: Metric) -> Doubt | None:
        """Why the arms of a metric's table are no two groups, over the whole phase; None for pairs, which are in both.

        Raises:
            SourceError: The rows cannot be read, or nobody says who gets what.
        """
        assert metric.samples is not None
        if metric.samples.pairs or not self.experiment.unit:
            return None
        if unplanned := self.split.unplanned:
            return unplanned
        samples = self.samples(metric.name)
        found = contamination(samples)
        if found.why:
            return Doubt(Reason.INVALID, found.why, found.needs)
        wrong, why = self.misplaced(metric) if self.experiment.salt else (0, "")
        return Doubt(Reason.INVALID, why, BEGIN_AGAIN) if wrong else None

    def misplaced(self, metric: Metric) -> tuple[int, str]:
        """How many units of a metric's table are not where they should be, and what is wrong with them.

        Raises:
            SourceError: As for `assigned`.
        """
        compared = self.assigned(metric)
        gone = integrity.left(self.samples(metric.name), CONTROL)
        why = []
        if compared.differing:
            why.append(f"{compared.differing} of {compared.checked} units are not where the hash puts them")
            why += compared.examples
        if gone:
            why.append(f"{gone} units left the treatment while its traffic grew")
        return compared.differing + gone, "; ".join(why)

    def assigned(self, metric: Metric) -> Assigned:
        """Every unit against the hash; what is kept of it is the outcome, and not who the units are.

        Raises:
            SourceError: The rows cannot be read, or nobody says who gets what.
        """
        rows = self.samples(metric.name)
        table, span = rows.table, rows.span
        _ = rows.sql  # looks the columns up: what is missing is said of this metric, and no answer that others share

        def compare() -> dict[str, object]:
            samples = TableSamples(self.readings.table_source(metric), table, span, SECONDS)
            return asdict(integrity.assigned(samples, self.split.arm))

        # No value is looked at, so it is one answer for all metrics of a table.
        key = ("assigned", metric.source, repr(replace(table, value=table.at, timeout=None)), repr(span))
        found = self.readings.answers.share(key, compare, SECONDS)
        if not isinstance(found, dict):
            raise SourceError("what was recorded of the assignment is damaged")
        return Assigned(
            checked=int(found["checked"]),
            of=int(found["of"]),
            differing=int(found["differing"]),
            examples=tuple(map(str, found["examples"])),
        )

    @property
    def some_metric(self) -> Metric:
        """A metric of the experiment's rows: they all have the same units."""
        samples = {each.name: each.samples for each in self.plan.metrics.values() if each.samples is not None}
        compares = [each.metric for each in self.phase.budgets.values() if each.against == CONTROL]
        return self._metric(next(name for name in (*compares, *samples) if not samples[name].pairs))

    def samples(self, name: str) -> TableSamples:
        """The rows of a metric in its table, in all arms.

        Raises:
            RolloutError: No such metric, or one without samples; the phase has no experiment.
        """
        return self._rows(self._metric(name), self.exposure.span()).samples

    def _rows(self, metric: Metric, span: Span) -> Late:
        source = Told(metric.source, self.readings.table_source(metric), self.readings.answers)
        return Late(source, self._table(metric, self.experiment), span, metric)

    def _metric(self, name: str) -> Metric:
        metric = self.plan.metrics.get(name)
        known = [each.name for each in self.plan.metrics.values() if each.samples is not None]
        if metric is None or metric.samples is None:
            what = "no metric" if metric is None else "no rows of an experiment for"
            lines = [f"{self.plan.rollout} has {what} '{name}'", f"metrics with samples: {listed(known)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, known)]))
        return metric

    def _table(self, metric: Metric, experiment: Experiment) -> Table:
        samples = metric.samples
        assert samples is not None
        pairs = samples.pairs
        return Table(
            self.readings.table_name(metric),
            pairs or experiment.unit or None,
            experiment.arm,
            experiment.at,
            samples.column,
            arms=dict(experiment.arms),
            stratum=None if pairs else experiment.stratum or None,
            timeout=samples.timed_out or None,
            row=None if pairs else experiment.row or None,
            ignored=experiment.ignored,
        )

    def _design(self, metric: Metric, arm: str, *, last_day: bool) -> Design:
        samples, experiment = metric.samples, self.experiment
        assert samples is not None
        confidence = self.plan.confidence
        if last_day:
            confidence = 1 - (1 - confidence) / (2 * self.phase.planned_days)
        return Design(
            control=CONTROL,
            treatment=arm,
            confidence=confidence,
            looks=self.plan.looks,
            planned=experiment.planned or None,
            burst=metric.burst,
            value_range=samples.range,
            cap=samples.cap,
            doubt=self._doubt(),
            unit=metric.unit,
            name=metric.name,
        )

    def _doubt(self) -> Doubt | None:
        if self.since is not None:
            return None
        looked = self.waiting.past.evaluations
        if self.plan.looks == "once" and looked:
            return Doubt(Reason.INVALID, f"'looks: once', and it was looked at {looked} times before")
        if self.waiting.past.started is None:
            return Doubt(Reason.INFORMATION, "the phase begins with this run")
        return None
