"""A table of an experiment in Spark, in local mode: the same statements and the same answers as DuckDB.

It needs pyspark (most of a gigabyte) and Java, and takes half a minute:
`ROLLOUT_SPARK=1 pytest tests/real/test_spark_table.py`. There is no kind of source for
Spark; the few lines of `SparkTables` are all that one would need.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from support.recalls import END, START, TABLE, duckdb_file, made

from pytest_rollout.experiment.integrity import integrity
from pytest_rollout.experiment.samples import Above, Counted, Values
from pytest_rollout.experiment.table import Span
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.tables import BOOLEAN, NUMBER, OTHER, TEXT, TIME, Column, plain_rows

if os.environ.get("ROLLOUT_SPARK", "0") in {"", "0"}:
    pytest.skip("Spark is tried with ROLLOUT_SPARK=1", allow_module_level=True)


KINDS_OF = {"double": NUMBER, "bigint": NUMBER, "string": TEXT, "boolean": BOOLEAN, "timestamp": TIME}


class SparkTables:
    """A Spark session as a source of tables."""

    speech = "spark"

    def __init__(self, session):
        self.session = session

    def columns(self, table, seconds):
        assert seconds > 0
        found = dict(self.session.table(table).dtypes)
        return {name: Column(KINDS_OF.get(kind, OTHER), kind) for name, kind in found.items()}

    def rows(self, statement):
        found = self.session.sql(statement.text, args=dict(statement.values)).collect()
        return plain_rows([tuple(row) for row in found], statement, "spark")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The usual rows, as Parquet for Spark and as they are for DuckDB."""
    import duckdb
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    path = duckdb_file(folder, made())
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"COPY recalls TO '{folder / 'recalls.parquet'}'")
    builder = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.read.parquet(str(folder / "recalls.parquet")).createOrReplaceTempView("recalls")
    yield SparkTables(session), KINDS["sql"].open({"url": f"duckdb:///{path}"}, folder)
    session.stop()


@pytest.mark.parametrize("changes", [{}, {"timeout": "timeout", "stratum": "percentage", "row": "query_id"}])
def test_the_same_as_another_database(sources, changes):
    ours, theirs = (TableSamples(source, replace(TABLE, **changes), Span(START, END)) for source in sources)
    measures = [Values(cap=30.0), Above(dict.fromkeys(theirs.look.cells, 12.5)), Counted()]

    for found, expected in zip(ours.moments_of(measures), theirs.moments_of(measures), strict=True):
        assert list(found) == list(expected)
        for cell, moments in found.items():
            assert vars(moments) == pytest.approx(vars(expected[cell]), rel=1e-9, abs=1e-9)
    ranks = {cell: [1, seen.values // 2, seen.values] for cell, seen in theirs.look.cells.items()}
    assert ours.ranked(ranks) == theirs.ranked(ranks)
    assert integrity(ours) == integrity(theirs)
