"""Moments: what one arm's rows add up to, by unit and as a whole.

Seven sums carry everything that a mean, a ratio of counts and a design effect
need; rows never travel. They come from arrays, or from one GROUP BY in a
database, and those of two parts of a sample add up (Chan's merge).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Moments:
    """The sums of one arm (in one stratum), values taken from `centre`.

    With N_k rows and a sum of S_k = Σ(y - centre) in unit k. Where rows are
    independent, each is a unit of its own and `clustered` is False.

    Args:
        units: How many units have rows.
        rows: Σ N_k.
        total: Σ S_k.
        rows_squared: Σ N_k².
        total_squared: Σ S_k².
        rows_total: Σ N_k S_k.
        values_squared: Σ (y - centre)², over rows.
        centre: What was taken off each value before squares were summed, so that large numbers keep their digits.
        lowest: The smallest value seen; NaN without rows.
        highest: The largest value seen; NaN without rows.
        largest_unit: How many rows the largest unit has.
        missing: Rows without a value, which are in none of the sums.
        clustered: Whether several rows may share a unit.
    """

    units: int
    rows: int
    total: float
    rows_squared: float
    total_squared: float
    rows_total: float
    values_squared: float
    centre: float = 0.0
    lowest: float = float("nan")
    highest: float = float("nan")
    largest_unit: int = 0
    missing: int = 0
    clustered: bool = False
