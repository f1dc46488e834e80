"""What an answer means: known only when it is one finite number, young enough."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.provenance import Provenance
from pytest_rollout.sources.protocol import Answer, Sample
from pytest_rollout.sources.reading import Asked, Observed, or_absent, reading_of, unanswered

MINUTE = timedelta(minutes=1)


@pytest.fixture
def asked(at):
    """A metric that may be one minute old."""
    return Asked(name="timeouts", unit="1/h", at=at, max_age=MINUTE, source="telemetry", query="q")


@pytest.fixture
def seen(asked):
    """What one or more samples mean: pairs of a value and its age."""

    def seen(*samples, asked=asked):
        return reading_of(
            Answer(samples=tuple(Sample(value=v, at=None if a is None else asked.at - a) for v, a in samples)), asked
        )

    return seen


def alive(asked, value=120.0, age=timedelta(seconds=4)):
    """A reading of the metric that shows life."""
    provenance = Provenance(source="telemetry", at=None if age is None else asked.at - age, age=age)
    return Reading.exactly(value, name="requests_total", provenance=provenance)


def test_one_young_number_is_known(seen, asked):
    """With its unit, its name, its time and age."""
    observed = seen((3.0, timedelta(seconds=10)))
    reading = observed.reading

    assert (reading.value, reading.low, reading.high, reading.unit, reading.name) == (3.0, 3.0, 3.0, "1/h", "timeouts")
    assert (reading.at, reading.age) == (asked.at - timedelta(seconds=10), timedelta(seconds=10))
    assert (reading.provenance.source, reading.provenance.query) == ("telemetry", "q")
    assert not observed.empty
    assert (reading < 10).truth is Truth.PROVEN


@pytest.mark.parametrize(
    ("samples", "reason", "why", "needs"),
    [
        ([], Reason.NO_DATA, "telemetry answered, and the result is empty", "no_data"),
        ([(1, MINUTE)] * 3, Reason.NO_DATA, "3 rows where one was meant", "aggregate"),
        ([(math.nan, MINUTE)], Reason.NO_DATA, "telemetry answered NaN, which is no number", "divides by zero"),
        ([(math.inf, MINUTE)], Reason.NO_DATA, "telemetry answered +inf, which is no measurement", ""),
        ([(-math.inf, None)], Reason.NO_DATA, "telemetry answered -inf, which is no measurement", ""),
        ([(1, None)], Reason.STALE, "age unknown, and the metric allows 1 min: telemetry says no time", "max_age: any"),
        ([(1, 2 * MINUTE)], Reason.STALE, "2 min old at 2026-11-07 09:00:00 UTC, and the metric allows 1 min", "newer"),
        ([(1, -2 * MINUTE)], Reason.STALE, "2 min from the future of 2026-11-07 09:00:00 UTC", "clocks"),
    ],
)
def test_anything_else_is_unknown_and_says_why(seen, samples, reason, why, needs):
    """One sentence with numbers, and what would help."""
    reading = seen(*samples).reading

    assert math.isnan(reading.value)
    assert (reading.why, reading.reason) == (why, reason)
    assert needs in reading.needs
    assert (reading < 10).truth is Truth.INCONCLUSIVE


@pytest.mark.parametrize("age", [MINUTE, timedelta(0), -timedelta(seconds=60)])
def test_the_edges_of_an_age_are_inside(seen, age):
    """Exactly as old as allowed; a clock a minute ahead counts as no age."""
    reading = seen((1.0, age)).reading

    assert reading.exact
    assert reading.age == max(age, timedelta(0))


def test_a_value_that_does_not_age(seen, asked, at):
    """`max_age: any` takes any age and an unknown one, and still nothing from the future."""
    ageless = Asked(name=asked.name, unit=asked.unit, at=at, max_age=None)

    assert seen((1.0, timedelta(days=400)), asked=ageless).reading.exact
    assert seen((1.0, None), asked=ageless).reading.exact
    assert not seen((1.0, -2 * MINUTE), asked=ageless).reading.exact


ages = st.none() | st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))


@given(
    samples=st.lists(st.tuples(st.floats(), ages), max_size=4),
    max_age=st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100)),
)
def test_a_known_value_is_one_finite_young_number(samples, max_age):
    """Whatever is answered: known if and only if nothing is wrong with it, and then it is that number."""
    from datetime import UTC, datetime

    asked = Asked(name="x", unit="", at=datetime(2026, 11, 7, 9, tzinfo=UTC), max_age=max_age)
    answer = Answer(samples=tuple(Sample(value=v, at=None if a is None else asked.at - a) for v, a in samples))

    observed = reading_of(answer, asked)

    sound = len(samples) == 1 and math.isfinite(samples[0][0])
    if sound:
        age = samples[0][1]
        sound = max_age is None if age is None else age >= -MINUTE and (max_age is None or age <= max_age)
    assert observed.empty == (not samples)
    if sound:
        assert observed.reading.exact
        assert observed.reading.value == samples[0][0]
    else:
        assert math.isnan(observed.reading.value)
        assert observed.reading.why


def test_an_empty_answer_may_stand_for_a_number(seen, asked):
    """While something else shows that the source is fed; the reading says so."""
    reading = or_absent(seen(), asked, value=0.0, because="it appears with the first timeout", alive=alive(asked))

    assert (reading.value, reading.exact, reading.unit) == (0.0, True, "1/h")
    assert reading.why == (
        "the result is empty and counts as 0 1/h, because it appears with the first timeout "
        "(requests_total = 120, 4 s old)"
    )
    assert reading.age == timedelta(seconds=4)
    assert (reading < 1).truth is Truth.PROVEN


@pytest.mark.parametrize(
    ("life", "says"),
    [
        pytest.param({"value": math.nan}, "that is unknown: requests_total is NaN", id="nan"),
        pytest.param({"value": 0.0}, "it is 0, which shows no life", id="zero"),
        pytest.param({"age": None}, "its age is unknown", id="ageless"),
        pytest.param({"age": 2 * MINUTE}, "it is 2 min old", id="old"),
    ],
)
def test_without_life_an_empty_answer_stands_for_nothing(seen, asked, life, says):
    """`alive` must be known, above zero, of known age, and as young as the metric itself."""
    reading = or_absent(seen(), asked, value=0.0, because="…", alive=alive(asked, **life))

    assert math.isnan(reading.value)
    assert says in reading.why
    assert reading.needs


def test_a_stale_life_keeps_its_reason(seen, asked, at):
    """The code under which the gate holds is that of `alive`."""
    old = seen((120.0, 2 * MINUTE)).reading

    assert or_absent(seen(), asked, value=0.0, because="…", alive=old).reason == Reason.STALE


@pytest.mark.parametrize(
    "samples", [[(math.nan, MINUTE)], [(1, None)], [(1, 2 * MINUTE)], [(1, MINUTE)] * 2, [(5, MINUTE)]]
)
def test_only_empty_is_empty(seen, asked, samples):
    """NaN, old numbers and several rows stay what they are, and so does a known number."""
    observed = seen(*samples)

    assert or_absent(observed, asked, value=0.0, because="…", alive=alive(asked)) is observed.reading


@pytest.mark.parametrize(
    ("error", "why", "needs", "reason"),
    [
        (SourceError("host: status 500"), "host: status 500", "", Reason.NO_DATA),
        (SourceError("host: a\n  do b\n  or c"), "host: a", "do b; or c", Reason.NO_DATA),
        (SourceError("host: old", reason=Reason.STALE), "host: old", "", Reason.STALE),
        (SourceError(""), "the source gave no reason", "", Reason.NO_DATA),
        (
            ZeroDivisionError("division\nby zero"),
            "telemetry broke: ZeroDivisionError: division",
            "SourceError",
            "no-data",
        ),
        (KeyError(), "telemetry broke: KeyError: no message", "SourceError", Reason.NO_DATA),
    ],
)
def test_an_error_is_no_data_and_never_empty(asked, error, why, needs, reason):
    """With the source's own words; another exception with its type, without its traceback."""
    observed = unanswered(error, asked)

    assert (observed.reading.why, observed.reading.reason) == (why, reason)
    assert needs in observed.reading.needs
    assert math.isnan(observed.reading.value)
    assert not observed.empty
    assert or_absent(observed, asked, value=0.0, because="…", alive=alive(asked)) is observed.reading


def test_an_observation_is_not_empty_by_default(asked):
    """Nobody calls an answer empty without meaning it."""
    assert not Observed(reading=alive(asked)).empty
