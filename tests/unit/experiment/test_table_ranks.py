"""Order statistics of a table are those of sorting, however the values lie and however few are fetched."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment import table_ranks
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources.tables import NUMBER, TEXT, TIME, Column, plain_rows

duckdb = pytest.importorskip("duckdb")
AT = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)
SPAN = Span(AT - timedelta(hours=1), AT)
TABLE = Table("t", None, "arm", "taken", "value", arms={"control": "c", "treatment": "t"})
CONTROL = ("control", "")


class Memory:
    """A table in memory, as a source; says how many rows were sent."""

    speech = "duckdb"

    def __init__(self, values):
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("SET TimeZone = 'UTC'; CREATE TABLE t(arm VARCHAR, taken TIMESTAMPTZ, value DOUBLE)")
        self.connection.execute("INSERT INTO t SELECT 'c', '2026-11-07 08:30+00', unnest(?::DOUBLE[])", [list(values)])
        self.sent = 0

    def columns(self, table, seconds):
        assert (table, seconds) == ("t", 60.0)
        kinds = {"arm": TEXT, "taken": TIME, "value": NUMBER}
        return {name: Column(kind, kind) for name, kind in kinds.items()}

    def rows(self, statement):
        found = self.connection.execute(statement.text, dict(statement.values)).fetchall()
        self.sent = max(self.sent, len(found))
        return plain_rows(found, statement, "memory")


numbers = st.floats(-1e150, 1e150) | st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, 5e-324, -5e-324])
near = st.integers(0, 2**40).map(lambda steps: 1e9 + steps * 2.0**-23)
lists = st.lists(numbers, min_size=1, max_size=60) | st.lists(near, min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@example(values=[1e9] * 30, fetched=1)
@example(values=[1.0, math.nextafter(1.0, 2)] * 20, fetched=1)
@example(values=[math.inf, 1.0, -math.inf], fetched=1)
@given(
    values=st.lists(numbers, min_size=1, max_size=60) | st.lists(near, min_size=1, max_size=60),
    fetched=st.integers(1, 9),
)
def test_the_same_as_sorting(values, fetched):
    """Also where nearly no value may be fetched, so that bins are split again and again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_ranks, "FETCHED", fetched)
        patch.setattr(table_ranks, "_PARTS", 4)
        patch.setattr(table_ranks, "HALF", 2)
        patch.setattr(table_ranks, "_ROUNDS", 200)
        found = TableSamples(Memory(values), TABLE, SPAN).ranked({CONTROL: range(1, len(values) + 1)})

    assert found == {CONTROL: tuple(sorted(values))}


def test_what_is_sent_does_not_grow_with_the_rows():
    values = [1000 * math.exp(((n * 7919) % 500_000) / 60_000) for n in range(500_000)]
    memory = Memory(values)
    ranks = [1, 250_000, 495_000, 500_000]

    assert TableSamples(memory, TABLE, SPAN).ranked({CONTROL: ranks})[CONTROL] == tuple(
        sorted(values)[rank - 1] for rank in ranks
    )
    assert memory.sent < 2 * table_ranks.HALF


def test_many_ranks_near_each_other_are_one_range(monkeypatch):
    """A level of significance asks for a hundred and fifty at once."""
    memory = Memory([math.exp(((n * 7919) % 50_000) / 6000) for n in range(50_000)])
    asked, ask = [], memory.rows
    monkeypatch.setattr(memory, "rows", lambda statement: asked.append(statement) or ask(statement))
    ranks = [*range(24_000, 26_000, 20), *range(49_000, 49_900, 20)]

    found = TableSamples(memory, TABLE, SPAN).ranked({CONTROL: ranks})[CONTROL]

    assert found == tuple(math.exp((rank - 1) / 6000) for rank in ranks)
    assert [statement.text.count("BETWEEN") for statement in asked] == [0, 0, 2]


def test_a_range_is_looked_for_once_in_each_row(monkeypatch):
    """DuckDB takes an OR apart, and would ask its parts at the scan and once more after it."""
    memory = Memory([100_000.5 + n for n in range(50_000)])
    memory.connection.execute("INSERT INTO t SELECT 't', taken, value + 70_000 FROM t")
    asked, ask = [], memory.rows
    monkeypatch.setattr(memory, "rows", lambda statement: asked.append(statement) or ask(statement))
    TableSamples(memory, TABLE, SPAN).ranked({CONTROL: [9000, 25_000], ("treatment", ""): [30_000]})
    last = asked[-1]

    [[_, plan]] = memory.connection.execute(f"EXPLAIN (FORMAT json) {last.text}", dict(last.values)).fetchall()

    lows = [repr(value) for name, value in last.values.items() if name.startswith("low")]
    assert [plan.count(low) for low in lows] == [1, 1, 1]


def test_bins_are_asked_once(monkeypatch):
    memory = Memory(range(1000))
    samples = TableSamples(memory, TABLE, SPAN)
    first = samples.ranked({CONTROL: [500]})
    monkeypatch.setattr(memory, "rows", lambda statement: pytest.fail(f"asked again: {statement.text}"))

    assert samples.ranked({CONTROL: [500]}) == first == {CONTROL: (499.0,)}


def test_a_table_that_changes_meanwhile():
    """Rows that arrive late for a time that is over."""
    memory = Memory(range(1000))
    samples = TableSamples(memory, TABLE, SPAN)
    assert samples.look.cells[CONTROL].values == 1000
    memory.connection.execute("INSERT INTO t SELECT * FROM t LIMIT 5")

    with pytest.raises(SourceError, match="t: changed while it was read\nask again"):
        samples.ranked({CONTROL: [500]})


@pytest.mark.parametrize("rank", [0, -1, 1001])
def test_a_rank_that_is_none(rank):
    with pytest.raises(ValueError, match="has 1000 values, and ranks"):
        TableSamples(Memory(range(1000)), TABLE, SPAN).ranked({CONTROL: [rank]})
