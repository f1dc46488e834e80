"""A table of an experiment in a real PostgreSQL: the same answers as DuckDB, in a transaction that only reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import postgres
from support.recalls import COLUMNS, END, START, TABLE, duckdb_file, made

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.experiment.integrity import assigned, integrity
from pytest_rollout.experiment.samples import Above, Counted, Values
from pytest_rollout.experiment.table import Span
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources import KINDS

pytest.importorskip("psycopg")


KINDS_OF = ["bigint", "timestamptz", "text", "text", "float8", "boolean", "boolean", "float8"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The usual rows in PostgreSQL, asked as a role that may write, and in DuckDB."""
    folder = tmp_path_factory.mktemp("tables")
    rows = made()
    columns = ", ".join(f"{column} {kind}" for column, kind in zip(COLUMNS, KINDS_OF, strict=True))
    with postgres.running() as server:
        server.execute(
            f"CREATE TABLE recalls ({columns})",
            "CREATE SCHEMA lake",
            "CREATE VIEW lake.recalls AS SELECT *, taken AT TIME ZONE 'UTC' AS local, mode = 'blended' AS treated "
            "FROM public.recalls",
            "GRANT ALL ON recalls TO gate",
            "GRANT USAGE ON SCHEMA lake TO gate",
            "GRANT SELECT ON lake.recalls TO gate",
        )
        with server.admin() as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO recalls VALUES ({', '.join(['%s'] * 8)})", list(rows.tuples()))
        duckdb = KINDS["sql"].open({"url": f"duckdb:///{duckdb_file(folder, rows)}"}, folder)
        yield KINDS["sql"].open({"url": server.url()}, folder), duckdb


STAGES = {"5 %": START, "25 %": START.replace(day=28, hour=13)}


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({}, {}),
        ({"timeout": "timeout"}, {}),
        ({"unit": None}, {}),
        ({"stratum": "percentage", "row": "query_id"}, {}),
        ({"value": "failed", "timeout": "timeout"}, STAGES),
    ],
)
def test_the_same_as_another_database(sources, changes, stages):
    table, span = replace(TABLE, **changes), Span(START, END, stages)
    ours, theirs = (TableSamples(source, table, span) for source in sources)
    cells = dict.fromkeys(theirs.look.cells, 0.5 if table.value == "failed" else 12.5)
    measures = [Values(cap=30.0), Above(cells), Counted()]

    for found, expected in zip(ours.moments_of(measures), theirs.moments_of(measures), strict=True):
        assert set(found) == set(cells)
        for cell, moments in found.items():
            assert vars(moments) == pytest.approx(vars(expected[cell]), rel=1e-9, abs=1e-9)
    ranks = {cell: [1, seen.values // 2, seen.values] for cell, seen in theirs.look.cells.items()}
    assert ours.ranked(ranks) == theirs.ranked(ranks)
    for cell, seen in ours.look.cells.items():
        assert vars(seen) == pytest.approx(vars(theirs.look.cells[cell]), rel=1e-9)
    if table.unit:
        assert integrity(ours) == integrity(theirs)
        known = Assignment(salt="s", shares={"treatment": 20})
        assert assigned(ours, lambda unit, _: known.arm(unit)) == assigned(theirs, lambda unit, _: known.arm(unit))


def test_a_view_in_a_schema_with_local_times_and_flags_for_arms(sources):
    postgres, duckdb = sources
    table = replace(TABLE, name="lake.recalls", at="local", arm="treated", zone="UTC")
    table = replace(table, arms={"control": "false", "treatment": "true"})

    found = TableSamples(postgres, table, Span(START, END)).moments(Values())

    expected = TableSamples(duckdb, TABLE, Span(START, END)).moments(Values())
    for cell, moments in found.items():
        assert vars(moments) == pytest.approx(vars(expected[cell]), rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "recals"}, "there is no table 'recals' that can be read"),
        ({"value": "mode"}, "column 'mode' is TEXT(), not numbers"),
        ({"value": "latency"}, "there is no column 'latency' for the value"),
        ({"name": "lake.recalls", "at": "local"}, "column 'local' is TIMESTAMP(), and nobody knows whose time"),
    ],
)
def test_what_does_not_fit_is_named(sources, changes, says):
    with pytest.raises(SourceError) as raised:
        TableSamples(sources[0], replace(TABLE, **changes), Span(START, END)).moments(Values())

    assert says in str(raised.value)


def test_a_statement_ends_in_its_time(sources):
    samples = TableSamples(sources[0], TABLE, Span(START, END))
    assert samples.look.cells
    object.__setattr__(samples.sql, "seconds", 0.0005)

    with pytest.raises(SourceError, match=r"no answer within 0\.0005 s"):
        samples.moments(Values())
