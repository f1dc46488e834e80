"""Contamination: whether there are two groups at all, and whether each row is there once.

What makes every number of an experiment doubtful, as one answer for the gate
that asks for it and for each comparison of the same table. The statements
look at no value, so they are asked once for all metrics of a table.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_rollout.experiment.integrity import duplicates, in_both
from pytest_rollout.experiment.table_samples import TableSamples

MOST_SHARED = 0.1
"""Above this percentage of units in both arms there are no two groups."""
MOST_TWICE = 0.1
"""Above this percentage of rows that are there twice, bounds are narrower than what was seen allows."""
BEGIN_AGAIN = "begin the experiment again when units are assigned once and for all"


@dataclass(frozen=True)
class Contamination:
    """The percentage that counts, what it is of, and how much may be; `why` is empty where it is no more."""

    percent: float
    name: str
    most: float
    why: str = ""
    needs: str = ""


def contamination(samples: TableSamples) -> Contamination:
    """Rows that are there twice, where these are too many; units in two arms, otherwise.

    Args:
        samples: The table; with a unit.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
    """
    rows = sum(each.rows for each in samples.look.cells.values())
    again = duplicates(samples) or 0
    twice = 100 * again / rows if rows else 0.0
    if twice > MOST_TWICE:
        why = f"{again} of {rows} rows have the name of another, or none, in column '{samples.table.row}'"
        fix = "write each row once: remove retries of the pipeline, or join on a key that is unique"
        return Contamination(twice, "rows that are there twice", MOST_TWICE, why, fix)
    found = in_both(samples).values()
    both, whole = sum(shared for _, shared in found), sum(units for units, _ in found)
    share = 100 * both / whole if whole else 0.0
    name = "units in two arms"
    if share <= MOST_SHARED:
        return Contamination(share, name, MOST_SHARED)
    why = f"{both} of {whole} units have rows in two arms"
    return Contamination(share, name, MOST_SHARED, why, BEGIN_AGAIN)
