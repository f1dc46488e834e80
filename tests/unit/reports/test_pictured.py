"""Which pictures and which table explain a claim, and from which records."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.limits import Level, Limit
from pytest_rollout.reports.asked import Asked, arms_of, units_of, window_of
from pytest_rollout.reports.pictured import marks_of, pictures_of, table_of

AT = "2026-11-25T00:00:00+00:00"
START = "2026-11-24T00:00:00+00:00"


def claim(**facts):
    return ClaimFacts(**{"text": "x", "truth": Truth.PROVEN, "subject": "x = 1", "value": 1.0, "unit": "ms", **facts})


@pytest.mark.parametrize(
    ("limit", "low", "high"),
    [
        ("≤ 40 ms (warning)", -math.inf, 40),
        ("<= 1 000 /h", -math.inf, 1000),
        ("< 0.05", -math.inf, 0.05),
        ("≥ 99.9 % (warning)", 99.9, math.inf),
        (">= 14 d", 14, math.inf),
        ("== 0", 0, 0),
        ("-0.05 … 0.05 (warning)", -0.05, 0.05),
        ("not beyond 10 ms (critical)", -math.inf, 10),
        ("≤ -3e-07", -math.inf, -3e-07),
    ],
)
def test_a_limit_is_read_as_a_claim_writes_it(limit, low, high):
    (mark,) = marks_of(claim(limit=limit), "rollout.yaml::p::x", None)

    assert (mark.low, mark.high) == (low, high)


@pytest.mark.parametrize("limit", ["", "the planned ratio, in every stratum", "on"])
def test_a_limit_that_is_no_number_has_no_mark(limit):
    assert marks_of(claim(limit=limit), "rollout.yaml::p::x", None) == ()


def phase_with(*levels, unit="ms"):
    limit = Limit(name="x", metric="x", unit=unit, levels=levels)
    return SimpleNamespace(budgets={"x": SimpleNamespace(limit=limit)}, experiment=None)


WARNING = Level(name="warning", low=-math.inf, high=40, decision=Decision.HOLD)
CRITICAL = Level(name="critical", low=-math.inf, high=60, decision=Decision.ROLLBACK)


def test_a_budget_shows_all_its_levels_the_claims_own_first():
    about = claim(text="x in budget('x')", limit="≤ 60 ms (critical)")

    names = [mark.name for mark in marks_of(about, "test_x.py::test_x", phase_with(WARNING, CRITICAL))]

    assert names == ["critical", "warning"]


def test_levels_in_another_unit_are_not_drawn_on_this_axis():
    about = claim(text="x in budget('x')", limit="≤ 60 ms (critical)")

    (mark,) = marks_of(about, "test_x.py::test_x", phase_with(WARNING, CRITICAL, unit="s"))

    assert (mark.name, mark.high) == ("critical", 60)


def test_facts_have_no_picture():
    assert [*pictures_of(claim(method="fact", value=True), "g", None, [])] == []


def record(folder, name, key, value):
    (folder / f"{name}.json").write_text(json.dumps({"key": key, "value": value}))


def series(folder):
    start, step = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1e6), 60_000_000
    answer = {"values": [1.0, 2.0, 4.0], "times": [start + step * each for each in range(3)], "body": "raw"}
    record(folder, "a", ["answer", "telemetry", "q", AT, START, "60"], answer)


def test_a_window_is_found_with_its_claim(tmp_path):
    """By source and query; another question's is not taken for it."""
    series(tmp_path)
    record(tmp_path, "b", ["answer", "telemetry", "other", AT], {"values": [9.0], "times": [1], "body": "no"})
    (tmp_path / "damaged.json").write_text("{")
    about = claim(source="telemetry", query="q", window="last 24 h", limit="≤ 3 ms")

    records = Asked(tmp_path).behind(about)
    window = window_of(records)

    assert [each.response for each in records] == ["raw"]
    assert window is not None
    assert window[1] == [1.0, 2.0, 4.0]
    assert [name for name, _ in pictures_of(about, "g", None, records)] == ["Bounds against the limit", "Over time"]
    assert table_of(about, None, records).splitlines()[2] == "samples of the window,3,2.33333,,,1,2,4,4,4"


def test_a_claim_that_names_no_source_rests_on_no_record(tmp_path):
    series(tmp_path)

    assert Asked(tmp_path).behind(claim()) == []


def test_arms_are_those_whose_rows_are_all_there(tmp_path):
    """A refinement of a quantile holds a part of the rows; the last day has fewer: neither is drawn for the whole."""
    question = 'SELECT … "latency_ms" …'
    record(tmp_path, "part", ["rows", "recalls", question], [[0, 3, 1.0, 1.5], [1, 2, 1.0, 2.0]])
    record(tmp_path, "whole", ["rows", "recalls", question], [[0, 30, 1.0, 2.0], [0, 70, 2.0, 3.0], [1, 10, 1.0, 2.0]])
    about = claim(source="recalls", query="rows of latency_ms", n=10)
    records = Asked(tmp_path).behind(about)

    arms = arms_of(records, {0: "control", 1: "treatment"}, 10)

    assert [(arm.name, arm.n) for arm in arms] == [("control", 100), ("treatment", 10)]
    assert arms_of(records, {0: "control", 1: "treatment"}, 11) == []


def test_units_are_those_of_the_claim(tmp_path):
    rows = [[0, 990, *[0.0] * 7], [1, 10, *[0.0] * 7]]
    record(tmp_path, "units", ["rows", "recalls", '"x"'], rows)
    records = Asked(tmp_path).behind(claim(source="recalls", query="rows of x"))

    assert units_of(records, 0.01) == [990, 10]
    assert units_of(records, 0.02) == []


def test_a_table_holds_no_formula():
    """A spreadsheet that opens it runs nothing."""
    for name in ("=cmd", "+x", "@x", "-x"):
        assert f"'{name}" in table_of(claim(subject=f"{name} = 1"), None, [])
    assert "-5" in table_of(claim(value=-5.0), None, [])
