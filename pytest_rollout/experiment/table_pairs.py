"""Table pairs: questions that were put to both arms, and how their answers differ.

A unit with rows in both arms is a pair; what each pair differs by is added up
in the database.
"""

from __future__ import annotations

import math

from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources.tables import as_float
from pytest_rollout.stats import paired
from pytest_rollout.stats.bounds import Bounds


def paired_mean(samples: TableSamples, *, control: str, treatment: str, confidence: float) -> Bounds:
    """Bounds of the mean of treatment - control, over the units that have rows in both.

    Args:
        samples: The table, whose units are the pairs.
        control: One arm.
        treatment: The other.
        confidence: Of each bound on its own.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
    """
    sql, arms = samples.sql, list(samples.table.arms)
    sides = [f"avg(CASE WHEN arm = {arms.index(arm)} THEN v END)" for arm in (treatment, control)]
    pairs = f"SELECT {sides[0]} - {sides[1]} AS d FROM ({sql.rows()}) AS experiment WHERE arm IS NOT NULL GROUP BY unit"  # noqa: S608 - names of our own around a text that is made of quoted ones
    known = f"SELECT CAST(d AS {sql.speech.double}) AS d FROM ({pairs}) AS pairs WHERE d IS NOT NULL"  # noqa: S608 - as above
    ((count, total),) = samples.source.rows(sql.statement(f"SELECT count(*), sum(d) FROM ({known}) AS known"))  # noqa: S608 - as above
    n = int(as_float(count, "pairs"))
    mean = as_float(total, "pairs") / n if n else 0.0
    # A second pass: squares of differences from their mean keep their digits.
    text = f"SELECT sum((d - {sql.speech.mark}mean) * (d - {sql.speech.mark}mean)) FROM ({known}) AS known"  # noqa: S608 - as above
    ((squares,),) = samples.source.rows(sql.statement(text, {"mean": mean}))
    found = as_float(squares, "pairs")
    if not (math.isfinite(mean) and math.isfinite(found)):
        return Bounds.unbounded("a difference is not finite: a row timed out", method="mean of paired differences", n=n)
    return paired.mean_of_sums(n, mean, found, confidence=confidence)
