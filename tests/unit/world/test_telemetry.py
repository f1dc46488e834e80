"""What telemetry promises: the same for the same seed, made once, and never broken by its cache."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.world.series import Series
from pytest_rollout.world.telemetry import make_telemetry

AT = datetime(2026, 11, 1, 9, 0, 30, tzinfo=UTC)
SERIES = (
    Series(metric="load", base=100, daily=10, noise=5, lasting=30),
    Series(metric="cycles", base=1, every=60),
    Series(metric="still", base=3),
)
DIGEST = """SELECT md5(string_agg(metric || ' ' || "at"::VARCHAR || ' ' || value, ',' ORDER BY metric, "at"))
    FROM telemetry"""


@pytest.fixture
def make(tmp_path, rows):
    """Makes a telemetry file and asks it something."""
    made = []

    def make_and_ask(query=DIGEST, *, series=SERIES, seed=1, at=AT, **options):
        file = tmp_path / f"{len(made)}.duckdb"
        made.append(make_telemetry(series, seed=seed, at=at, file=file, **options))
        return rows(file, query)

    make_and_ask.from_cache = made
    return make_and_ask


def test_the_same_seed_gives_the_same_rows(make):
    first, again = make(), make()

    assert first == again
    assert make.from_cache == [False, True]


def test_what_is_cached_is_what_would_be_made(make, tmp_path):
    assert make() == make(cache=tmp_path / "another")
    assert make.from_cache == [False, False]


def test_another_seed_or_series_gives_other_rows(make):
    first, other_seed, other_series = make(), make(seed=2), make(series=(*SERIES[:2], Series(metric="still", base=4)))

    assert len({str(each) for each in (first, other_seed, other_series)}) == 3


def test_two_weeks_end_at_the_instant(make):
    [(count, metrics, first, last)] = make(
        'SELECT count(*), count(DISTINCT metric), min(epoch("at")), max(epoch("at")) FROM telemetry'
    )

    assert (count, metrics) == (3 * 20160, 3)
    assert last == AT.replace(second=0).timestamp()
    assert last - first == timedelta(days=14).total_seconds() - 60


def test_the_columns_are_what_queries_expect(make):
    columns = make("SELECT column_name, column_type FROM (DESCRIBE telemetry)")

    assert columns == [("at", "TIMESTAMP WITH TIME ZONE"), ("metric", "VARCHAR"), ("value", "DOUBLE")]


@pytest.mark.parametrize("seed", range(5))
def test_a_gauge_stays_within_its_bounds_and_uses_them(make, seed):
    query = "SELECT min(value), max(value), avg(value), stddev(value) FROM telemetry WHERE metric = 'load'"
    [(low, high, mean, spread)] = make(query, seed=seed)

    assert 85 <= low < 90
    assert 110 < high <= 115
    assert abs(mean - 100) < 1
    assert spread > 5


def test_deviations_last(make):
    query = """SELECT corr(value, later) FROM (
        SELECT value, lead(value, 10) OVER (ORDER BY "at") AS later FROM telemetry)"""
    [(slow,)] = make(query, series=[Series(metric="x", base=0, noise=1, lasting=60)])
    [(quick,)] = make(query, series=[Series(metric="x", base=0, noise=1, lasting=1)])

    assert slow > 0.6
    assert abs(quick) < 0.1


def test_the_day_has_its_top_at_two_in_the_afternoon(make):
    query = """SELECT avg(value) FROM telemetry WHERE metric = 'load' AND hour("at" AT TIME ZONE 'UTC') = {}"""

    assert make(query.format(14))[0][0] > 108
    assert make(query.format(2))[0][0] < 92


@pytest.mark.parametrize("seconds", [0, 0.5, 30, 59.999])
def test_an_event_happens_once_an_hour_in_any_window(make, seconds):
    at = AT.replace(second=0) + timedelta(seconds=seconds)
    [(count,)] = make(
        f"""SELECT sum(value) FROM telemetry WHERE metric = 'cycles'
        AND "at" > TIMESTAMPTZ '{at.isoformat()}' - INTERVAL '24 hours' AND "at" <= TIMESTAMPTZ '{at.isoformat()}'""",
        at=at,
    )

    assert count == 24


def test_a_late_level_holds_for_its_hours_only(make):
    query = 'SELECT count(*), min(epoch("at")) FROM telemetry WHERE value > 50'
    [(count, since)] = make(query, series=[Series(metric="x", base=1).lately(99, minutes=360)])

    assert count == 360
    assert AT.replace(second=0).timestamp() - since == 6 * 3600 - 60


def test_a_spike_of_minutes_is_over(make):
    query = 'SELECT count(*), max(epoch("at")) FROM telemetry WHERE value > 50'
    [(count, until)] = make(query, series=[Series(metric="x", base=1).lately(99, minutes=4, until=30)])

    assert count == 4
    assert AT.replace(second=0).timestamp() - until == 30 * 60


def test_a_drift_grows_to_the_end(make):
    query = """SELECT max_by(value, "at"), min(value),
        max(value) FILTER (WHERE epoch("at") <= (SELECT max(epoch("at")) FROM telemetry) - 24 * 3600)
        FROM telemetry"""
    [(now, least, before)] = make(query, series=[Series(metric="x", base=100).drifting(1.5, minutes=24 * 60)])

    assert now == pytest.approx(100 * 1.015**24)
    assert least == before == 100


def test_growth_ends_at_the_base(make):
    query = 'SELECT max_by(value, "at"), min_by(value, "at") FROM telemetry'
    [(now, first)] = make(query, series=[Series(metric="x", base=100, growth=0.05)])

    assert now == 100
    assert first == pytest.approx(100 / 1.0005 ** (20159 / 60))


def test_between_events_there_may_be_another_level(make):
    query = "SELECT value, count(*) FROM telemetry GROUP BY value ORDER BY value"
    found = make(query, series=[Series(metric="x", base=9, between=5, every=60, for_minutes=4)])

    assert found == [(5, 20160 * 56 // 60), (9, 20160 * 4 // 60)]


def test_a_counter_counts_whole_numbers_and_begins_anew(make):
    steps = """SELECT value - lag(value) OVER (ORDER BY "at") AS step, value, "at" FROM telemetry"""
    series = [Series(metric="x", base=15_000, noise=500, counter=True, resets=(100,))]
    [(falls, least, most)] = make(
        f"SELECT count(*) FILTER (WHERE step < 0), min(step) FILTER (WHERE step >= 0), max(step) FROM ({steps})",
        series=series,
    )
    [(reset_value, odd)] = make(
        f"""SELECT min(value) FILTER (WHERE step < 0), count(*) FILTER (WHERE value <> floor(value)) FROM ({steps})""",
        series=series,
    )

    assert falls == 1
    assert 240 <= least <= most <= 260
    assert (reset_value, odd) == (0, 0)


def test_a_counter_of_hours_counts_an_hour(make):
    [(grown,)] = make(
        """SELECT max(value) - min(value) FROM telemetry
        WHERE epoch("at") >= (SELECT max(epoch("at")) FROM telemetry) - 3600""",
        series=[Series(metric="x", base=20, counter=True)],
    )

    assert grown == 20


def test_a_counter_of_events_counts_each(make):
    [(all_of_them,)] = make(
        "SELECT max(value) FROM telemetry", series=[Series(metric="x", base=1, every=60, counter=True)]
    )

    assert all_of_them == 20160 / 60


def test_a_change_of_the_generator_is_another_recipe(make, monkeypatch, tmp_path):
    """Whoever changes how samples are made is never served those of yesterday."""
    make()
    changed = tmp_path / "samples.py"
    changed.write_text("# another one")
    monkeypatch.setattr("pytest_rollout.world.samples.__file__", str(changed))
    make()

    assert make.from_cache == [False, False]


def test_another_table_is_spared_by_the_faults_of_every_world(tmp_path, rows):
    file = tmp_path / "store.duckdb"
    make_telemetry(SERIES, seed=1, at=AT, file=file, fault="stale", table="store")
    [(newest,)] = rows(file, 'SELECT max(epoch("at")) FROM store')

    assert newest == AT.replace(second=0).timestamp()


def test_stale_ends_two_hours_before(make):
    [(newest,)] = make('SELECT max(epoch("at")) FROM telemetry', fault="stale")

    assert newest == AT.replace(second=0).timestamp() - 7200


def test_nan_is_in_the_newest_values_of_every_series(make):
    newest = make(
        'SELECT metric, max_by(value, "at")::VARCHAR, count(*) FILTER (isnan(value)) FROM telemetry GROUP BY 1',
        fault="nan",
    )

    assert {(value, count) for _, value, count in newest} == {("nan", 15)}
    assert len(newest) == 3


def test_a_fault_of_every_world_needs_no_samples_of_its_own(make):
    make()
    make(fault="stale")
    make(fault="nan")

    assert make.from_cache == [False, True, True]


@pytest.mark.parametrize("damage", [b"", b"not a database at all", None])
def test_a_damaged_cache_is_made_anew(make, own_cache, damage):
    whole = make()
    [cached] = own_cache.iterdir()
    cached.write_bytes(cached.read_bytes()[:-1000] if damage is None else damage)

    assert make() == whole
    assert make() == whole
    assert make.from_cache == [False, False, True]


def test_an_unwritable_cache_costs_time_only(make, tmp_path):
    (tmp_path / "file").write_text("no folder")

    assert make(cache=tmp_path / "file") == make()
    assert make.from_cache == [False, False]


def test_a_cache_without_a_home_costs_time_only(make, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/proc/nowhere")

    assert make()
    assert make.from_cache == [False]


def test_several_runs_at_once_have_the_same_rows(tmp_path, rows, own_cache):
    def make_one(number: int) -> bool:
        return make_telemetry(SERIES, seed=7, at=AT, file=tmp_path / f"{number}.duckdb")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make_one, range(6)))

    assert len({str(rows(tmp_path / f"{number}.duckdb", DIGEST)) for number in range(6)}) == 1
    assert len(list(own_cache.iterdir())) == 1


def test_the_cache_keeps_what_was_used_last(make, own_cache, monkeypatch):
    monkeypatch.setattr("pytest_rollout.world.telemetry.KEPT", 2)
    make(seed=1)
    make(seed=2)
    for age, path in enumerate(sorted(own_cache.iterdir())):
        os.utime(path, (age, age))
    make(seed=1)
    make(seed=3)

    assert len(list(own_cache.iterdir())) == 2
    make(seed=1)
    assert make.from_cache[-1] is True


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    from pytest_rollout.errors import WorldError

    with pytest.raises(WorldError, match="cannot be written"):
        make_telemetry(SERIES, seed=1, at=AT, file=Path(tmp_path / "missing" / "x.duckdb"))
