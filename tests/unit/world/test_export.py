"""What leaves a world for other systems is what it holds."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_rollout.errors import WorldError
from pytest_rollout.world.export import create_table, insert_rows, openmetrics, rows_of
from pytest_rollout.world.series import Series
from pytest_rollout.world.telemetry import make_telemetry

AT = datetime(2026, 11, 1, 9, 0, 30, tzinfo=UTC)
SERIES = [Series(metric="load", base=100, daily=10, noise=5), Series(metric="hits_total", base=60, counter=True)]
SINCE = AT - timedelta(hours=1)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "telemetry.duckdb"
    make_telemetry(SERIES, seed=1, at=AT, file=path)
    return path


def test_rows_are_those_of_the_table(file, rows):
    found = list(rows_of(file))

    assert len(found) == 2 * 20160
    assert found[0][1] == "hits_total"
    assert found[-1][0] == AT.replace(second=0)
    [(load,)] = rows(file, """SELECT max_by(value, "at") FROM telemetry WHERE metric = 'load'""")
    assert found[-1][1:] == ("load", load)


def test_openmetrics_is_read_by_its_own_reader(file):
    lines = list(openmetrics([file], SERIES, since=SINCE))

    families = {each.name: each for each in text_string_to_metric_families("".join(lines))}
    assert {name: each.type for name, each in families.items()} == {"hits": "counter", "load": "gauge"}
    assert [len(each.samples) for each in families.values()] == [60, 60]
    assert float(families["load"].samples[-1].timestamp) == AT.replace(second=0).timestamp()
    assert lines[-1] == "# EOF\n"


def test_promtool_makes_blocks_of_it(file, tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        line = "no promtool here: apt-get install -y --no-install-recommends prometheus"
        if os.environ.get("CI"):
            pytest.fail(line)  # a test that silently did not run proves nothing
        pytest.skip(line)
    text = tmp_path / "world.om"
    text.write_text("".join(openmetrics([file], SERIES, since=SINCE)))
    made = tmp_path / "data"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(text), str(made)]
    subprocess.run(command, check=True, capture_output=True)

    assert any(made.iterdir())


def test_nan_is_exported_as_such(tmp_path):
    path = tmp_path / "telemetry.duckdb"
    make_telemetry(SERIES, seed=1, at=AT, file=path, fault="nan")

    assert math.isnan(list(rows_of(path))[-1][2])
    assert "NaN" in list(openmetrics([path], SERIES, since=SINCE))[-2]


def test_a_counter_needs_a_counter_s_name(file):
    with pytest.raises(WorldError, match="counter 'hits': OpenMetrics wants a name that ends in _total"):
        list(openmetrics([file], [Series(metric="hits", base=1, counter=True)]))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WorldError, match=r"store.duckdb: there is no such file"):
        list(rows_of(tmp_path / "store.duckdb"))


def test_statements_are_those_of_a_database(file):
    import duckdb

    some = [*list(rows_of(file))[:3], (AT, "it's", math.nan)]
    with duckdb.connect() as connection:
        connection.execute(create_table("store"))
        connection.execute(insert_rows(some, "store").replace("::double precision", "::DOUBLE"))
        found = connection.execute("SELECT metric, value FROM store").fetchall()

    assert sorted(map(str, found)) == sorted(str((metric, value)) for _, metric, value in some)


def test_a_table_is_no_statement():
    with pytest.raises(WorldError, match="is no name of a table"):
        create_table("x; DROP TABLE y")
