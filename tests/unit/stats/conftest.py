"""Sums of rows that are written down, for estimators that are given sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_rollout.stats.moments import Moments


def _moments(values, units=None, centre: float = 0.0) -> Moments:
    """What a careful person would sum, with no shortcut."""
    values = np.asarray(values, dtype=float)
    keys = np.arange(len(values)) if units is None else np.asarray(units)
    members = [values[keys == key] - centre for key in np.unique(keys)]
    rows = [len(each) for each in members]
    sums = [float(each.sum()) for each in members]
    return Moments(
        units=len(members),
        rows=len(values),
        total=sum(sums),
        rows_squared=float(sum(n * n for n in rows)),
        total_squared=sum(s * s for s in sums),
        rows_total=sum(n * s for n, s in zip(rows, sums, strict=True)),
        values_squared=float(((values - centre) ** 2).sum()),
        centre=centre,
        lowest=float(values.min()),
        highest=float(values.max()),
        largest_unit=max(rows),
        clustered=units is not None,
    )


@pytest.fixture(scope="session")
def moments_of() -> Callable[..., Moments]:
    """The moments of rows, by the definition."""
    return _moments
