"""What is remembered travels as JSON and comes back as it was; anything else is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.remembered import Remembered, Signed, Statement, Streak

TEXTS = st.text(max_size=20)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them bare
PERCENTS = st.floats(0, 100, allow_nan=False)
LISTS = st.lists(TEXTS, max_size=3).map(tuple)
STREAKS = st.builds(Streak, count=st.integers(0, 400), why=TEXTS, unknown=TEXTS)
PASTS = st.builds(
    Remembered,
    known=st.booleans(),
    over=st.booleans(),
    unsigned=TEXTS,
    before=st.dictionaries(TEXTS, TEXTS, max_size=3),
    started=st.none() | MOMENTS,
    begun=st.none() | MOMENTS,
    released=st.lists(st.tuples(MOMENTS, st.none() | MOMENTS), max_size=3).map(tuple),
    percent=st.none() | PERCENTS,
    reached=st.none() | PERCENTS,
    traffic=st.lists(st.tuples(PERCENTS, MOMENTS), max_size=3).map(tuple),
    since=st.none() | MOMENTS,
    green=STREAKS,
    clean=STREAKS,
    incidents=LISTS,
    interventions=LISTS,
    rollbacks=st.integers(0, 9),
    evaluations=st.integers(0, 9000),
    signed=st.dictionaries(TEXTS, st.builds(Signed, needed=st.integers(1, 9), by=LISTS, refused=LISTS), max_size=3),
    statements=st.dictionaries(TEXTS, st.builds(Statement, says=TEXTS, by=TEXTS, at=TEXTS), max_size=3),
    refused=st.dictionaries(TEXTS, TEXTS, max_size=3),
)


@given(PASTS)
def test_it_comes_back_as_it_was(past):
    assert Remembered.from_json(json.loads(json.dumps(past.as_json()))) == past


FRESH = Remembered().as_json()


@pytest.mark.parametrize("found", [None, [], "x", {}, {**FRESH, "more": 1}, {k: FRESH[k] for k in list(FRESH)[1:]}])
def test_no_record_of_this_version(found):
    with pytest.raises(ValueError, match="no record of this version"):
        Remembered.from_json(found)


@pytest.mark.parametrize(
    "changed",
    [
        {"before": None},
        {"before": []},
        {"started": "2026-11-01T09:00:00"},
        {"started": "yesterday"},
        {"since": 5},
        {"percent": "much"},
        {"traffic": [[1]]},
        {"traffic": [["x", "2026-11-01T09:00:00+00:00"]]},
        {"traffic": [[1, "2026-11-01T09:00:00"]]},
        {"traffic": None},
        {"green": {"days": 3}},
        {"green": None},
        {"incidents": None},
        {"rollbacks": None},
        {"signed": {"product": {"needed": 1}}},
        {"signed": {"product": None}},
        {"statements": {"survey": {"says": "good"}}},
    ],
)
def test_a_damaged_record(changed):
    """A ValueError, which is doubt; nothing that a gate could take for an answer."""
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in words of its own
        Remembered.from_json({**FRESH, **changed})
