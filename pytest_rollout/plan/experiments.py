"""Experiments: from the checked document to what is compared with what, and the budgets that judge it.

A plan's experiment says which column names the unit that is assigned, which
the arm, and who gets what; a phase may say it otherwise. A budget against the
control arm names a metric and what of it is compared: `latency_ms.p99`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.plan.conditions import PERCENT, parse_count, parse_percent
from pytest_rollout.plan.experiment import CONTROL, Experiment, comparison_name
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.nodes import Findings, Node, quoted
from pytest_rollout.plan.shape import Choice, Name, Parsed, Shape, Text
from pytest_rollout.plan.structures import Fields, ListOf, MapOf
from pytest_rollout.plan.thresholds import Change
from pytest_rollout.quantities import Unit, convert

_STATISTIC = re.compile(r"(?P<metric>.+)\.(?P<what>mean|rate|p(?P<percent>\d{1,2}(?:\.\d+)?))")
_ARM = Name(
    about="an arm's name", pattern="[a-z][a-z0-9_]*", letters="lower-case letters, digits and '_', first a letter"
)
_COLUMN = Text(about="a column's name")
_COUNT = Parsed(about="how many rows", parse=parse_count, pattern="[0-9]+")


def experiment_shape(about: str, *, whole: bool) -> Fields:
    """The shape of a plan's experiment, or of what a phase says otherwise."""
    required: Mapping[str, Shape] = {
        "unit": Text(about="the column that names what is assigned; rows of one unit are not independent"),
        "arms": MapOf(about="each arm with its label in the column of arms", names=_ARM, values=_COLUMN, at_least=2),
    }
    optional: Mapping[str, Shape] = {
        "arm": Text(about="the column that says which arm a row is of (arm if not said)"),
        "at": Text(about="the column of a row's time (at if not said)"),
        "row": Text(about="the column that names a row, so that duplicates are found"),
        "stratum": Text(about="a column whose values are compared each with itself"),
        "assignment": Fields(
            about="how units were assigned",
            required={"salt": Text(about="the salt of the hash")},
            optional={
                "method": Choice(about="blake2b, flagd or flagd-percent", words=("blake2b", "flagd", "flagd-percent"))
            },
        ),
        "shares": MapOf(about="the planned part of the units of each arm, such as 50 %", names=_ARM, values=PERCENT),
        "holdback": PERCENT,
        "ignored": ListOf(about="labels of the column of arms that are of no arm", items=Text(about="a label")),
        "planned": _COUNT,
    }
    if whole:
        return Fields(about=about, required=required, optional=optional)
    return Fields(about=about, optional={**required, **optional})


def build_experiment(node: Node | None, general: Experiment | None, findings: Findings) -> Experiment | None:
    """The experiment that a plan states; or that of a phase, which says some of it otherwise."""
    if node is None:
        return general
    base = general or Experiment()
    arms = {name: below.text for name, below in node.fields_of("arms").items()} or dict(base.arms)
    shares = {name: parse_percent(below.text) for name, below in node.fields_of("shares").items()} or dict(base.shares)
    for name in shares:
        if name not in arms:
            fix = (f"arms: {listed(arms)}", *did_you_mean(name, arms))
            findings.at_key(node.fields_of("shares")[name], f"unknown arm {quoted(name)}", *fix)
    if arms and CONTROL not in arms:
        where = node.fields.get("arms", node)
        findings.at_key(where, "no arm is called 'control'", "the one that others are compared with has that name")
    ignored = node.fields["ignored"].items if "ignored" in node.fields else ()
    return Experiment(
        unit=node.text_of("unit") or base.unit,
        arms=arms,
        arm=node.text_of("arm") or base.arm,
        at=node.text_of("at") or base.at,
        row=node.text_of("row") or base.row,
        stratum=node.text_of("stratum") or base.stratum,
        salt=_below(node, "assignment", "salt") or base.salt,
        method=_below(node, "assignment", "method") or base.method,
        shares=shares,
        holdback=parse_percent(node.text_of("holdback")) if node.text_of("holdback") else base.holdback,
        ignored=tuple(item.text for item in ignored) or base.ignored,
        planned=parse_count(node.text_of("planned")) if node.text_of("planned") else base.planned,
    )


def _below(node: Node, *names: str) -> str:
    found = node.get(*names)
    return found.text if found is not None else ""


@dataclass(frozen=True)
class Compared:
    """What a budget against the control arm compares: a metric's statistic, as a difference or a lift."""

    metric: str
    what: str
    arm: str = "treatment"

    @classmethod
    def parse(cls, name: str) -> Compared | None:
        """Read `latency_ms.p99`; None where no statistic is named."""
        match = _STATISTIC.fullmatch(name)
        return cls(match["metric"], match["what"]) if match else None

    def unit(self, metric: Metric, *, lift: bool) -> str:
        """The unit of the difference, or of the lift."""
        return "%" if lift else "pp" if self.what == "rate" else metric.unit

    def subject(self, *, lift: bool) -> str:
        """What the comparison's estimate is called."""
        return comparison_name(self.what, self.metric, self.arm, lift=lift)


def difference_sides(
    metric: Metric, compared: Compared, limit: Node, findings: Findings
) -> tuple[float, float, bool] | None:
    """The lower and the upper end of a difference from the control arm, and whether it is relative."""
    try:
        change = Change.parse(limit.text)
        lift = change.unit == "%" and (compared.what == "rate" or Unit.parse(metric.unit).kind != "share")
        unit = compared.unit(metric, lift=lift)
        ends = [each if math.isinf(each) else convert(each, change.unit, unit) for each in (change.low, change.high)]
    except QuantityError as error:
        findings.at(limit, *str(error).splitlines(), "differences of shares are written in pp: +0.1 pp")
        return None
    low, high = ends
    wrong = {"lower": low > -math.inf and high == math.inf, "higher": low == -math.inf and high < math.inf}
    if wrong.get(metric.better, False):
        found = f"{quoted(limit.text)} limits the good side: metric '{metric.name}' says 'better: {metric.better}'"
        findings.at(limit, found, "turn the sign round")
        return None
    return low, high, lift
