"""Events: the rows of an experiment are what their description says, and each fault changes its own."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.world.event_file import make_events
from pytest_rollout.world.event_rows import Shown
from pytest_rollout.world.events import Effect, Events

END = datetime(2026, 11, 1, 9, tzinfo=UTC)
LABELS = {"control": "old", "treatment": "new"}
EVENTS = Events(per_hour=3000, units=2000, salt="demo", labels=LABELS)
HOURS = 40
STANDARD_ERRORS = 5


def shown(*traffic, hours=HOURS):
    """A phase that began so many hours ago."""
    return Shown(start=END - timedelta(hours=hours), end=END, traffic=traffic or [(50.0, 0.0)])


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Make events and ask them a query."""
    cache = tmp_path_factory.mktemp("cache")

    def ask(query, events=EVENTS, stretch=None, seed=1):
        file = tmp_path_factory.mktemp("events") / "events.duckdb"
        make_events(events, stretch or shown(), seed=seed, file=file, cache=cache)
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    return ask


def test_there_are_as_many_rows_as_the_traffic_says(asked):
    ((count, first, last),) = asked('SELECT count(*), epoch(min("at")), epoch(max("at")) FROM recalls')

    assert count == 3000 * HOURS
    assert END.timestamp() - HOURS * 3600 <= first < last <= END.timestamp()


def test_latency_is_log_normal_with_the_median_and_the_tail_that_were_asked_for(asked):
    """P99 is exp of 2.326 standard deviations, of unit and row together."""
    ((median, tail),) = asked("SELECT quantile_cont(latency_ms, 0.5), quantile_cont(latency_ms, 0.99) FROM recalls")

    assert median == pytest.approx(5, rel=0.03)
    assert tail == pytest.approx(5 * math.exp(2.3263 * math.hypot(0.164, 0.930)), rel=0.05)


def test_answers_of_one_unit_are_alike(asked):
    """The correlation within units, by variances between and within them."""
    rows = asked("SELECT space_id, count(*), avg(confidence), var_samp(confidence) FROM recalls GROUP BY 1")
    within = sum(n * spread for _, n, _, spread in rows if n > 1) / sum(n for _, n, _, _ in rows)
    mean = sum(n * level for _, n, level, _ in rows) / sum(n for _, n, _, _ in rows)
    between = sum((level - mean) ** 2 - spread / n for _, n, level, spread in rows if n > 1) / len(rows)

    assert mean == pytest.approx(0.75, abs=0.005)
    assert between / (between + within) == pytest.approx(0.03, abs=0.01)


def test_units_weigh_what_their_rank_says(asked):
    """Of 2000 units with weights 1 / (rank + 500), the first 200 have ln(700.5/500.5) / ln(2500.5/500.5)."""
    ((share,),) = asked("SELECT avg(CASE WHEN space_id <= 200 THEN 1.0 ELSE 0 END) FROM recalls")
    expected = math.log(700.5 / 500.5) / math.log(2500.5 / 500.5)

    assert share == pytest.approx(expected, abs=STANDARD_ERRORS * math.sqrt(expected / (3000 * HOURS)))


def test_units_are_where_the_hash_puts_them(asked):
    """At each percentage, and those that were treated stay so."""
    stretch = shown((10.0, 0.0), (40.0, HOURS * 1800.0))
    rows = asked(
        f'SELECT space_id, mode, epoch("at") < {END.timestamp() - HOURS * 1800} FROM recalls GROUP BY ALL',
        stretch=stretch,
    )
    early, late = (Assignment(salt="demo", shares={"treatment": percent}) for percent in (10, 40))

    assert all(LABELS[(early if first else late).arm(str(unit))] == mode for unit, mode, first in rows)
    assert {unit for unit, mode, first in rows if first and mode == "new"} <= {
        unit for unit, mode, first in rows if not first and mode == "new"
    } | ({unit for unit, _, first in rows if first} - {unit for unit, _, first in rows if not first})


def test_units_may_be_numbered_from_elsewhere(asked):
    """Which numbers they have decides where the hash puts them, and nothing else."""
    events = replace(EVENTS, first=1_000_001)
    rows = asked("SELECT space_id, mode FROM recalls GROUP BY ALL", events)
    who = Assignment(salt="demo", shares={"treatment": 50})

    assert {unit for unit, _ in rows} <= set(range(1_000_001, 1_000_001 + EVENTS.units))
    assert all(LABELS[who.arm(str(unit))] == mode for unit, mode in rows)
    latencies = "SELECT list(latency_ms ORDER BY query_id) FROM recalls"
    assert asked(latencies, events) == asked(latencies)


def test_the_same_description_and_seed_give_the_same_rows(asked):
    """Also without the cache, which another process may not have."""
    query = "SELECT sum(hash(latency_ms, confidence, error, mode, space_id)::HUGEINT) FROM recalls"

    assert asked(query) == asked(query)
    assert asked(query) != asked(query, seed=2)


P99 = "SELECT quantile_cont(latency_ms, 0.99), median(latency_ms) FROM recalls WHERE mode = '{mode}'"


@pytest.mark.parametrize("slower", [8.0, 25.0])
def test_a_slower_arm_moves_p99_by_exactly_so_much_and_not_the_median(asked, slower):
    changed = replace(EVENTS, effects={"treatment": Effect(slower_ms=slower)})
    ((before, middle),) = asked(P99.format(mode="new"))
    ((after, still),) = asked(P99.format(mode="new"), changed)

    assert after - before == pytest.approx(slower, abs=0.01)
    assert still == middle
    assert asked(P99.format(mode="old")) == asked(P99.format(mode="old"), changed)


def test_an_effect_may_be_of_the_last_hours_only(asked):
    changed = replace(EVENTS, effects={"treatment": Effect(confidence=-0.3, last_hours=4)})
    query = (
        f'SELECT avg(confidence) FILTER (WHERE epoch("at") < {END.timestamp() - 4 * 3600}), '
        f"avg(confidence) FILTER (WHERE epoch(\"at\") >= {END.timestamp() - 4 * 3600}) FROM recalls WHERE mode = 'new'"
    )
    ((before, late),) = asked(query, changed)

    assert before == pytest.approx(0.75, abs=0.01)
    assert late == pytest.approx(0.45, abs=0.01)


def test_failures_and_time_outs_come_to_one_arm(asked):
    changed = replace(EVENTS, failing=0.01, effects={"treatment": Effect(failing=0.05, timing_out=0.1)})
    query = "SELECT mode, avg(error::INT), avg(timed_out::INT) FROM recalls GROUP BY mode"
    rows = {mode: (failing, late) for mode, failing, late in asked(query, changed)}

    assert rows["old"] == (pytest.approx(0.01, abs=0.003), 0)
    assert rows["new"] == (pytest.approx(0.06, abs=0.006), pytest.approx(0.1, abs=0.006))


def test_a_part_of_the_treated_units_may_go_unlogged(asked):
    query = "SELECT mode, count(DISTINCT space_id) FROM recalls GROUP BY mode"
    before, after = dict(asked(query)), dict(asked(query, replace(EVENTS, unlogged=0.2)))

    assert after["old"] == before["old"]
    assert after["new"] / before["new"] == pytest.approx(0.8, abs=STANDARD_ERRORS * math.sqrt(0.16 / before["new"]))


def test_units_may_be_in_both_arms(asked):
    query = "SELECT count(*) FROM (SELECT space_id FROM recalls GROUP BY 1 HAVING count(DISTINCT mode) > 1)"

    assert asked(query) == [(0,)]
    assert asked(query, replace(EVENTS, in_both=0.05))[0][0] == pytest.approx(100, abs=60)


def test_a_suite_with_known_answers_is_replayed_in_both_arms(asked):
    events = replace(EVENTS, replays=2000, replays_worse=0.03)
    ((questions, both),) = asked("SELECT count(DISTINCT query_id), count(*) FROM replays", events)
    rows = dict(asked("SELECT mode, avg(recall_at_10) FROM replays GROUP BY mode", events))

    assert (questions, both) == (2000, 4000)
    assert rows["old"] - rows["new"] == pytest.approx(0.03, abs=0.01)


def test_named_units_have_their_names(asked):
    events = replace(EVENTS, named=("one", "two"), by_row=True, shares={"control": 50, "treatment": 50})

    assert {name for (name,) in asked("SELECT DISTINCT space_id FROM recalls", events)} == {"one", "two"}
    ((share,),) = asked("SELECT avg(CASE WHEN mode = 'new' THEN 1.0 ELSE 0 END) FROM recalls", events)
    assert share == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"per_hour": 0}, "per_hour"),
        ({"failing": 1.5}, "failing"),
        ({"units": 0}, "how many units"),
        ({"labels": {"a": "x"}}, "control"),
        ({"effects": {"other": Effect()}}, "'other'"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(changed, told):
    with pytest.raises(WorldError, match=told):
        replace(EVENTS, **changed)
