"""Table pairs: questions that were put to both arms, and how their answers differ.

A unit with values in both arms is a pair; what each pair differs by is added
up in the database. A question that one version only has answered is no pair,
and whoever left those out would judge the easy ones.
"""

from __future__ import annotations

import math
from typing import Literal

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.design import Doubt
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources.tables import as_float
from pytest_rollout.stats import paired
from pytest_rollout.stats.bounds import Bounds

MOST_ALONE = 0.001
"""Above this share of the questions that one version only answered, what is left says nothing of all."""
_METHOD = "mean of paired differences"


def paired_mean(
    samples: TableSamples,
    *,
    control: str,
    treatment: str,
    confidence: float,
    looks: Literal["continuous", "once"],
) -> tuple[Bounds, Doubt | None]:
    """Bounds of the mean of treatment - control, over the units that have values in both; and why not to believe it.

    Args:
        samples: The table, whose units are the pairs.
        control: One arm.
        treatment: The other.
        confidence: Of each bound on its own.
        looks: Whether the bounds hold at every look, or at one planned look.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
    """
    sql, arms = samples.sql, list(samples.table.arms)
    ours = ", ".join(str(arms.index(arm)) for arm in (control, treatment))
    sides = (f"avg(CASE WHEN arm = {arms.index(arm)} THEN v END)" for arm in (treatment, control))
    t, c = (f"CAST({each} AS {sql.speech.double})" for each in sides)
    units = f"SELECT {t} AS t, {c} AS c FROM ({sql.rows()}) AS experiment WHERE arm IN ({ours}) GROUP BY unit"  # noqa: S608 - names of our own around a text that is made of quoted ones
    both = "count(CASE WHEN t IS NOT NULL AND c IS NOT NULL THEN 1 END)"
    counts = f"count(*), {both}, count(t), count(c), count(t - c), sum(t - c)"
    (row,) = samples.source.rows(sql.statement(f"SELECT {counts} FROM ({units}) AS units"))  # noqa: S608 - as above
    questions, n, treated, controlled, finite = (int(as_float(each, "pairs")) for each in row[:5])
    alone = treated + controlled - 2 * n
    if alone > MOST_ALONE * questions:
        why = (
            f"{alone} of {questions} questions were answered by one version only "
            f"({controlled - n} by {control}, {treated - n} by {treatment})"
        )
        return Bounds.unbounded(why, method=_METHOD, n=n), Doubt(Reason.INVALID, why)
    mean = as_float(row[5], "pairs") / n if n else 0.0
    # A second pass: squares of differences from their mean keep their digits.
    square = f"(t - c - {sql.speech.mark}mean) * (t - c - {sql.speech.mark}mean)"
    ((squares,),) = samples.source.rows(sql.statement(f"SELECT sum({square}) FROM ({units}) AS units", {"mean": mean}))  # noqa: S608 - as above
    found = as_float(squares, "pairs")
    # Some databases say NULL where two endless rows are subtracted.
    if finite < n or not (math.isfinite(mean) and math.isfinite(found)):
        return Bounds.unbounded("a difference is not finite: a row timed out", method=_METHOD, n=n), None
    return paired.mean_of_sums(n, mean, found, confidence=confidence, looks=looks), None
