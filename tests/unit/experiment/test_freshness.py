"""How old an arm's rows are, and when that is too old; from every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from support.recalls import END, SPAN, START, TABLE

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.freshness import late, newest
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_samples import TableSamples

ARMS = ("control", "treatment")
HOUR = timedelta(hours=1)


def samples_of(source, span=SPAN, **changes):
    name = "file" if hasattr(source, "path") and source.path.suffix == ".parquet" else "recalls"
    return TableSamples(source, replace(TABLE, name=name, **changes), span)


@pytest.mark.parametrize("stages", [{}, {"5 %": START, "25 %": START + 20 * HOUR}])
def test_an_arm_is_as_old_as_its_newest_row_with_a_value(source, rows, stages):
    samples = samples_of(source, Span(START, END, stages))

    for arm, treated in zip(ARMS, (False, True), strict=True):
        chosen = (rows.seconds > 0) & (rows.seconds <= 200 * 3600) & (rows.treated == treated) & ~np.isnan(rows.latency)
        assert newest(samples, arm) == START + timedelta(seconds=int(rows.seconds[chosen].max()))


def made(database, *, zone="TIMESTAMPTZ", control=0.5, treatment=0.5, value="1.0", hours=10):
    """One row of each arm, so many hours old; None for none."""
    end = datetime(2026, 11, 25, 12, tzinfo=UTC)
    lines = [
        f"('{(end - timedelta(hours=age)):%Y-%m-%d %H:%M:%S}{'+00' if zone == 'TIMESTAMPTZ' else ''}', 'u', '{arm}', "
        f"{value if arm == 't' else '1.0'})"
        for arm, age in (("c", control), ("t", treatment))
        if age is not None
    ]
    insert = [f"INSERT INTO t VALUES {', '.join(lines)}"] if lines else []
    source = database(f"CREATE TABLE t (taken {zone}, unit VARCHAR, arm VARCHAR, v DOUBLE)", *insert)
    table = Table("t", "unit", "arm", "taken", "v", arms={"control": "c", "treatment": "t"}, zone="UTC")
    return TableSamples(source, table, Span(end - timedelta(hours=hours), end))


@pytest.mark.parametrize("zone", ["TIMESTAMPTZ", "TIMESTAMP", "TIMESTAMP_MS"])
def test_times_without_a_zone_are_those_of_utc(database, zone):
    assert newest(made(database, zone=zone), "control") == datetime(2026, 11, 25, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "allowed", "reason", "why"),
    [
        pytest.param({}, HOUR, None, "", id="young"),
        pytest.param({"control": 1.0}, HOUR, None, "", id="just-allowed"),
        pytest.param(
            {"control": 4.0},
            HOUR,
            Reason.STALE,
            "the newest row of control is 4 h old, and latency allows 1 h",
            id="one-arm",
        ),
        pytest.param(
            {"control": 4.0, "treatment": 5.0},
            HOUR,
            Reason.STALE,
            "the newest row of treatment is 5 h old, and latency allows 1 h",
            id="both",
        ),
        pytest.param({"control": 4.0}, None, None, "", id="any-age"),
        pytest.param(
            {"control": None, "treatment": None},
            HOUR,
            Reason.NO_DATA,
            "control and treatment: no row since 2026-11-25 02:00 UTC, 10 h ago",
            id="empty",
        ),
        pytest.param(
            {"control": None},
            None,
            Reason.NO_DATA,
            "control: no row since 2026-11-25 02:00 UTC, 10 h ago",
            id="any-age-and-no-row",
        ),
        pytest.param(
            {"value": "NULL"},
            HOUR,
            Reason.NO_DATA,
            "treatment: no row with a value since 2026-11-25 02:00 UTC, 10 h ago",
            id="no-value",
        ),
        pytest.param({"control": None, "treatment": None, "hours": 1}, HOUR, None, "", id="just-begun"),
        pytest.param({"control": None, "treatment": None, "hours": 1}, None, None, "", id="just-begun-any-age"),
    ],
)
def test_what_is_too_old_and_what_is_not_there(database, rows, allowed, reason, why):
    doubt = late(made(database, **rows), ARMS, allowed, "latency")

    assert (doubt.reason if doubt else None, doubt.why if doubt else "") == (reason, why)
    assert doubt is None or doubt.needs == "see why nothing newer arrives"
