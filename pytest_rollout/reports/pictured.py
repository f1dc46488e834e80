"""Pictured: which pictures and which table explain a claim, from its facts, its plan and the run's answers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.plan.experiment import CONTROL, LAST_DAY
from pytest_rollout.plan.phase import Phase
from pytest_rollout.quantities import format_number
from pytest_rollout.reports.asked import Told, arms_of, units_of, window_of
from pytest_rollout.reports.pictures.difference import Difference, Mark
from pytest_rollout.reports.pictures.distributions import Distributions
from pytest_rollout.reports.pictures.ratio import Ratio, Share
from pytest_rollout.reports.pictures.series import Series
from pytest_rollout.reports.plots import Facts
from pytest_rollout.reports.sheet import sheet

_NUMBER = r"([-+]?\d[\d ]*(?:\.\d+)?(?:e[-+]?\d+)?)"
_BETWEEN = re.compile(rf"^{_NUMBER} … {_NUMBER}")
_COMPARED = re.compile(rf"^(<=|>=|<|>|==|≤|≥|not beyond) {_NUMBER}")
_IN_BUDGET = re.compile(r"in budget\('(.+)'\)$")
_LEVEL = re.compile(r"\((\w[\w-]*)\)$")


def marks_of(claim: ClaimFacts, gate_id: str, phase: Phase | None) -> tuple[Mark, ...]:
    """The levels that a claim is held against, its own first; none where it is no comparison with a number.

    Args:
        claim: The claim.
        gate_id: Its gate's id.
        phase: The phase as the plan has it; None where that is not at hand.
    """
    stated = _LEVEL.search(claim.limit)
    own = stated[1] if stated else ""
    found = _IN_BUDGET.search(claim.text)
    name = found[1] if found else gate_id.rpartition("::")[2].removesuffix(LAST_DAY)
    budget = phase.budgets.get(name) if phase and (found or gate_id.endswith(LAST_DAY)) else None
    if budget and budget.limit.unit == claim.unit:
        marks = [
            Mark(name=each.name, low=each.low, high=each.high, decision=each.decision) for each in budget.limit.levels
        ]
        return tuple(sorted(marks, key=lambda mark: mark.name != own))
    said = _said(claim.limit)
    return (replace(said, name=own),) if said else ()


def _said(limit: str) -> Mark | None:
    """A limit as a claim writes it, as numbers."""
    if both := _BETWEEN.match(limit):
        return Mark(name="", low=_float(both[1]), high=_float(both[2]))
    if one := _COMPARED.match(limit):
        number = _float(one[2])
        low = number if one[1] in {">=", ">", "≥", "=="} else -math.inf
        return Mark(name="", low=low, high=number if one[1] in {"<=", "<", "≤", "==", "not beyond"} else math.inf)
    return None


def _float(text: str) -> float:
    return float(text.replace(" ", ""))


def pictures_of(
    claim: ClaimFacts, gate_id: str, phase: Phase | None, records: Sequence[Told]
) -> Iterator[tuple[str, Facts]]:
    """Pictures of a claim, each with its name; the one of its bounds against its limit comes first."""
    if isinstance(claim.value, bool | str) or claim.method in {"fact", "assert"}:
        return
    marks = marks_of(claim, gate_id, phase)
    subject = claim.subject.partition(" = ")[0]
    if marks or claim.value is not None:
        yield (
            "Bounds against the limit",
            Difference(
                title=subject,
                truth=claim.truth,
                value=claim.value,
                low=claim.low,
                high=claim.high,
                unit=claim.unit,
                limit=claim.limit,
                marks=marks,
                why=claim.why,
            ),
        )
    yield from _of_series(subject, claim, marks, records)
    yield from _of_arms(claim, gate_id, phase, records)


def _of_series(
    subject: str, claim: ClaimFacts, marks: Sequence[Mark], records: Sequence[Told]
) -> Iterator[tuple[str, Facts]]:
    window = window_of(records) if claim.window else None
    if window is None:
        return
    times, values, step = window
    against = "against" in subject or "-" in claim.window  # a change is in %, its series is not
    yield (
        "Over time",
        Series(
            title=f"{subject}, {claim.window}",
            times=times,
            values=values,
            step=step,
            unit="" if against else claim.unit,
            marks=() if against else marks,
        ),
    )


def _of_arms(
    claim: ClaimFacts, gate_id: str, phase: Phase | None, records: Sequence[Told]
) -> Iterator[tuple[str, Facts]]:
    experiment = phase.experiment if phase else None
    if phase is None or experiment is None:
        return
    names = [*experiment.arms]
    names = [CONTROL, *(name for name in names if name != CONTROL)] if CONTROL in names else names
    arms = arms_of(records, dict(enumerate(names)), claim.n)
    if arms:
        column = claim.query.partition("rows of ")[2]
        yield "Rows of each arm", Distributions(title=f"{column}, every row of each arm", arms=arms, unit=claim.unit)
    if gate_id.endswith("::sample_ratio") and isinstance(claim.value, float):
        units, planned = units_of(records, claim.value / 100), _planned(phase, experiment.shares, names)
        if len(units) == len(names) and planned:
            shares = [
                Share(name=name, units=each, planned=planned[name]) for name, each in zip(names, units, strict=True)
            ]
            yield "Units of each arm", Ratio(title="Units of each arm against the plan", arms=shares, truth=claim.truth)


def _planned(phase: Phase, stated: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """The planned share of each arm (0 to 1): as stated, or the phase's traffic for the one treatment there is."""
    if stated and all(name in stated for name in names):
        whole = sum(stated[name] for name in names)
        return {name: stated[name] / whole for name in names} if whole else {}
    if not stated and phase.traffic and len(names) == 2:
        return {names[0]: 1 - phase.traffic / 100, names[1]: phase.traffic / 100}
    return {}


def table_of(claim: ClaimFacts, phase: Phase | None, records: Sequence[Told]) -> str:
    """The numbers behind a claim as CSV: the claim itself, then its window or its arms, summed up."""
    rows: list[list[str]] = [["what", "n", "value", "low", "high", "min", "P50", "P95", "P99", "max"]]
    numbers = ["unknown" if claim.value is None else str(claim.value)]
    numbers += ["" if end is None else repr(end) for end in (claim.low, claim.high)]
    rows.append([claim.subject.partition(" = ")[0], "" if claim.n is None else str(claim.n), *numbers])
    if (window := window_of(records)) and claim.window:
        rows.append(["samples of the window", *_summed(sorted(window[1]))])
    names = [*phase.experiment.arms] if phase and phase.experiment else []
    names = [CONTROL, *(name for name in names if name != CONTROL)] if CONTROL in names else names
    for arm in arms_of(records, dict(enumerate(names)), claim.n):
        quantiles = [format_number(arm.quantile(q), digits=6) for q in (0.5, 0.95, 0.99)]
        ends = format_number(arm.values[0], digits=6), format_number(arm.values[-1], digits=6)
        rows.append([f"rows of {arm.name}", format_number(arm.n, digits=12), "", "", "", ends[0], *quantiles, ends[1]])
    return sheet(rows)


def _summed(values: Sequence[float]) -> list[str]:
    ranks = [values[min(math.ceil(q * len(values)), len(values)) - 1] for q in (0.5, 0.95, 0.99)]
    shown = [sum(values) / len(values), None, None, values[0], *ranks, values[-1]]
    return [str(len(values)), *("" if each is None else format_number(each, digits=6) for each in shown)]
