"""Green days and clean hours: defined once, and every doubt shortens them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.ledger.evaluations import Evaluation, Quality
from pytest_rollout.ledger.periods import DAY, HOUR, State, periods
from pytest_rollout.ledger.streaks import clean_hours, green_days

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
EVERY = timedelta(hours=6)
GOOD, GATHERING, BAD, OTHER = Quality.GOOD, Quality.GATHERING, Quality.BAD, Quality.NOT_LIVE


def evaluated(*days: str) -> list[Evaluation]:
    """A text a day, a letter a quarter of it: g(ood), i(nformation), b(ad), n(ot live), or a dot for none."""
    kinds = {"g": GOOD, "i": GATHERING, "b": BAD, "n": OTHER}
    return [
        Evaluation(MIDNIGHT + timedelta(days=day, hours=6 * slot, minutes=17), kinds[letter], "HOLD[failed]")
        for day, letters in enumerate(days)
        for slot, letter in enumerate(letters)
        if letter != "."
    ]


def noon(day: int) -> datetime:
    """The middle of a day, counted from 0."""
    return MIDNIGHT + timedelta(days=day, hours=12)


@pytest.mark.parametrize(
    ("days", "policies", "length", "broken", "paused"),
    [
        pytest.param(["gggg", "gggg", "gg"], {}, 2, None, 0, id="today does not count"),
        pytest.param(["gggg", "gggg", ""], {}, 2, None, 0, id="today may be empty"),
        pytest.param(["gggg", "gggg", "gb"], {}, 0, 2, 0, id="a bad evaluation breaks today"),
        pytest.param(["gggg", "gbgg", "gggg", "g"], {}, 1, 1, 0, id="one of four is bad"),
        pytest.param(["gggg", "gg.g", "gggg", "g"], {}, 1, 1, 0, id="missing breaks"),
        pytest.param(["gggg", "gg.g", "gggg", "g"], {"missing": "pause"}, 2, None, 1, id="missing pauses"),
        pytest.param(["gggg", "", "gggg", "g"], {}, 1, 1, 0, id="no evaluation breaks"),
        pytest.param(["gggg", "", "gggg", "g"], {"missing": "pause"}, 2, None, 1, id="no evaluation pauses"),
        pytest.param(["gggg", "gbgg", "gggg", "g"], {"missing": "pause"}, 1, 1, 0, id="bad never pauses"),
        pytest.param(["gggg", "gigg", "gggg", "g"], {}, 1, 1, 0, id="information breaks"),
        pytest.param(["gggg", "iiii", "gggg", "i"], {"information": "pause"}, 2, None, 1, id="information pauses"),
        pytest.param(["gggg", "i.gg", "gggg", "g"], {"information": "pause"}, 1, 1, 0, id="it lacks more than that"),
        pytest.param(["gggg", "i.gg", "gggg", "g"], {"missing": "pause"}, 1, 1, 0, id="nor the other way"),
        pytest.param(["gggg", "ibgg", "gggg", "g"], {"information": "pause"}, 1, 1, 0, id="bad and gathering"),
        pytest.param(["gggg", "gggg", "iiii", "g"], {"information": "pause"}, 2, None, 1, id="paused at its end"),
        pytest.param(["iiii", "gggg", "g"], {"information": "pause"}, 1, None, 0, id="paused before it began"),
        pytest.param(["gggg", "gnng", "gggg", "g"], {}, 1, 1, 0, id="only live ones count"),
        pytest.param(["gggg", "gggg", "gn"], {}, 2, None, 0, id="a replay breaks nothing"),
        pytest.param([".ggg", "gggg", "g"], {}, 1, 0, 0, id="the first day was no whole one"),
    ],
)
def test_green_days(days, policies, length, broken, paused):
    found = green_days(evaluated(*days), at=noon(len(days) - 1), every=EVERY, **policies)

    assert (found.days, found.paused) == (length, paused)
    assert found.broken_on == (None if broken is None else MIDNIGHT + timedelta(days=broken))


def test_a_streak_says_why_it_is_no_longer():
    missing = green_days(evaluated("gggg", "g..g", "gggg", "g"), at=noon(3), every=EVERY)
    bad = green_days(evaluated("gggg", "gggb", "g"), at=noon(2), every=EVERY)
    none = green_days([], at=noon(0), every=EVERY)

    assert missing.why == "2 of 4 evaluations are missing on 2026-11-02"
    assert missing.began == MIDNIGHT + timedelta(days=2)
    assert bad.why == "HOLD[failed] at 2026-11-02 18:17 UTC"
    assert (none.days, none.why, none.current) == (0, "no evaluation yet", None)


def test_the_phase_begins_in_the_middle_of_a_day():
    """What was before it does not matter, and that day is no whole one: it neither counts nor breaks."""
    seen = evaluated("bbgg", "gggg", "gggg", "g")
    since = MIDNIGHT + timedelta(hours=11)
    found = green_days(seen, at=noon(3), every=EVERY, since=since)
    whole = green_days(seen, at=noon(3), every=EVERY, since=MIDNIGHT + DAY)

    assert (found.days, found.broken_on) == (2, None)
    assert (whole.days, whole.broken_on) == (2, None)
    assert green_days(seen, at=noon(3), every=EVERY, since=MIDNIGHT).broken_on == MIDNIGHT


def test_a_phase_without_evaluations_is_not_green():
    """It began a week ago and nobody looked."""
    found = green_days([], at=noon(7), every=EVERY, since=MIDNIGHT)

    assert (found.days, found.why) == (0, "4 of 4 evaluations are missing on 2026-11-07")


def test_a_phase_that_begins_in_the_future_has_no_days():
    assert green_days(evaluated("gggg", "g"), at=noon(1), every=EVERY, since=noon(2)).days == 0


def test_clean_hours():
    """The same by the hour: 11 clean hours after the one in which an evaluation failed."""
    seen = [Evaluation(MIDNIGHT + timedelta(hours=hour, minutes=2), BAD if hour == 12 else GOOD) for hour in range(25)]
    found = clean_hours(seen, at=MIDNIGHT + timedelta(hours=24, minutes=5), every=HOUR)

    assert (found.hours, found.broken_on) == (11, MIDNIGHT + timedelta(hours=12))
    with pytest.raises(ValueError, match="a streak of periods of 1 h"):
        _ = found.days


def test_days_and_hours_are_those_of_utc():
    """An evaluation at 23:30 in New York is one of the next day."""
    late = [
        Evaluation(each.at.astimezone(datetime.strptime("-0500", "%z").tzinfo), each.quality)
        for each in evaluated("gggg", "gggg", "g")
    ]

    assert green_days(late, at=noon(2), every=EVERY).days == 2


def test_the_last_interval_of_a_day_may_be_shorter():
    """Every 7 hours: four intervals, of which the last has three hours."""
    seen = [Evaluation(MIDNIGHT + timedelta(days=day, hours=hour), GOOD) for day in range(2) for hour in (3, 8, 15, 22)]

    assert green_days(seen, at=noon(2), every=timedelta(hours=7)).days == 2
    assert green_days(seen[:-1], at=noon(2), every=timedelta(hours=7)).days == 0


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=1.5), timedelta(days=2), timedelta(hours=-1)])
def test_an_interval_that_no_day_can_be_divided_into(every):
    with pytest.raises(ValueError, match="whole seconds, at most 24 h"):
        green_days([], at=noon(0), every=every)
    with pytest.raises(ValueError, match="without a zone"):
        green_days([], at=noon(0).replace(tzinfo=None), every=EVERY)


def test_periods_are_what_a_calendar_shows():
    found = periods(evaluated("g.gg", "iggg", "gggg", "gb", "g"), unit=DAY, at=noon(4), every=EVERY)

    assert [period.state for period in found] == [
        State.MISSING,
        State.GATHERING,
        State.GREEN,
        State.BAD,
        State.UNFINISHED,
    ]
    assert (found[0].missing, found[0].evaluations, found[3].why) == (1, 3, "HOLD[failed] at 2026-11-04 06:17 UTC")


MOMENTS = st.integers(0, 6 * 24 * 60).map(lambda minutes: MIDNIGHT + timedelta(minutes=minutes))
SOME = st.builds(Evaluation, MOMENTS, st.sampled_from(Quality))
MANY = st.builds(
    lambda days, more: evaluated(*days) + more,
    st.lists(st.sampled_from(["gggg", "gggg", "gigg", "g.gg", "", "gbgg"]), max_size=6),
    st.lists(SOME, max_size=6),
)
POLICIES = st.fixed_dictionaries(
    {"missing": st.sampled_from(["break", "pause"]), "information": st.sampled_from(["break", "pause"])}
)
BEGIN = st.none() | st.integers(0, 48).map(lambda hours: MIDNIGHT + timedelta(hours=hours))
AT = st.integers(0, 6 * 24).map(lambda hours: MIDNIGHT + timedelta(hours=hours))


@given(MANY, MOMENTS, AT, POLICIES, BEGIN)
def test_a_bad_evaluation_never_lengthens_a_streak(seen, moment, at, policies, since):
    before = green_days(seen, at=at, every=EVERY, since=since, **policies)
    after = green_days([*seen, Evaluation(moment, BAD)], at=at, every=EVERY, since=since, **policies)

    assert after.days <= before.days


@given(MANY, MOMENTS, AT, POLICIES, BEGIN)
def test_a_good_evaluation_never_shortens_a_streak(seen, moment, at, policies, since):
    before = green_days(seen, at=at, every=EVERY, since=since, **policies)
    after = green_days([*seen, Evaluation(moment, GOOD)], at=at, every=EVERY, since=since, **policies)

    assert after.days >= before.days


@given(MANY, AT, POLICIES, BEGIN, st.randoms(use_true_random=False))
def test_the_order_of_recording_does_not_matter(seen, at, policies, since, chance):
    """Nor in how many ledgers they were kept, nor that one stands in two of them."""
    mixed = list(seen)
    chance.shuffle(mixed)
    doubled = [*mixed, *mixed[: len(mixed) // 2]]

    expected = green_days(seen, at=at, every=EVERY, since=since, **policies)
    found = green_days(doubled, at=at, every=EVERY, since=since, **policies)

    assert (found.days, found.broken_on, found.why, found.paused, found.began) == (
        expected.days,
        expected.broken_on,
        expected.why,
        expected.paused,
        expected.began,
    )


@given(MANY, AT, POLICIES, BEGIN)
def test_what_comes_later_changes_nothing(seen, at, policies, since):
    """A past moment is judged as it was then."""
    known = [each for each in seen if each.at <= at]

    assert green_days(seen, at=at, every=EVERY, since=since, **policies) == green_days(
        known, at=at, every=EVERY, since=since, **policies
    )


@given(MANY, AT, POLICIES, BEGIN)
def test_replayed_and_past_runs_change_nothing(seen, at, policies, since):
    live = [each for each in seen if each.quality is not OTHER]

    assert green_days(seen, at=at, every=EVERY, since=since, **policies) == green_days(
        live, at=at, every=EVERY, since=since, **policies
    )


@given(MANY, AT, POLICIES)
def test_a_streak_fits_between_its_beginning_and_now(seen, at, policies):
    """Its length and pauses are exactly the days that it spans."""
    found = green_days(seen, at=at, every=EVERY, **policies)
    if found.days:
        whole = [period for period in periods(seen, unit=DAY, at=at, every=EVERY) if found.began <= period.start][:-1]
        green = [period for period in whole if period.state is State.GREEN]
        assert (len(green), len(whole) - len(green)) == (found.days, found.paused)
        assert whole[0].state is State.GREEN


@given(MANY, AT, BEGIN)
def test_a_milder_policy_never_shortens(seen, at, since):
    strict = green_days(seen, at=at, every=EVERY, since=since)
    mild = green_days(seen, at=at, every=EVERY, since=since, missing="pause", information="pause")

    assert mild.days >= strict.days
