"""Where traffic stands, where it goes next, and that a rollback never goes onward."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.nodes import Place
from pytest_rollout.plan.phase import Phase, Stage
from pytest_rollout.stages import Reached, Standing, parse_target, reached, rollback_target

AT, HOUR = datetime(2026, 11, 1, 9, tzinfo=UTC), timedelta(hours=1)
PLACE = Place(Path("rollout.yaml"), 1, 1, "")
PERCENTS = st.floats(0, 100, allow_nan=False)
STEPS = st.lists(st.integers(1, 1000).map(lambda tenth: tenth / 10), min_size=1, max_size=6, unique=True).map(sorted)
TARGETS = st.sampled_from(["", "previous", "half"]) | st.integers(0, 100).map(lambda percent: f"{percent} %")


def phase(*percents, hold=None):
    stages = tuple(Stage(percent=each, hold=hold, approvals={}, place=PLACE) for each in percents)
    return Phase(name="gradual", title="", budgets={}, place=PLACE, stages=stages)


def standing(percent, *percents, since=None, before=None, hold=None):
    return Standing(phase=phase(*percents, hold=hold), percent=percent, since=since, reached=before or Reached(), at=AT)


def hourly(percents):
    """Each percentage for an hour, the last up to now."""
    return [(percent, AT - HOUR * (len(percents) - place)) for place, percent in enumerate(percents)]


def over(served, *left_out):
    """A run at each percentage says PROCEED, half an hour after the traffic came."""
    return [
        (f"{percent:g} %", since + HOUR / 2) for place, (percent, since) in enumerate(served) if place not in left_out
    ]


def come(steps, percents, *left_out):
    served = hourly(percents)
    return reached(phase(*steps), served, over(served, *left_out), at=AT)


@given(STEPS, PERCENTS, st.lists(TARGETS, min_size=1, max_size=4))
def test_a_rollback_never_goes_onward(steps, percent, wanted):
    """Whatever is served, planned and asked for; and several triggers go as far as the farthest."""
    here = standing(percent, *steps)
    back = rollback_target(here, wanted)

    assert 0 <= back <= percent
    assert back == min(rollback_target(here, [each]) for each in wanted)


@given(STEPS, st.data(), st.floats(-9e-7, 9e-7))
def test_a_stage_goes_back_to_the_one_before(steps, data, error):
    """Also where its percentage came through a computation, which may make it a little more than it is."""
    number = data.draw(st.integers(0, len(steps) - 1))
    here = standing(steps[number] + error, *steps)

    assert here.stage is not None
    assert here.stage.percent == steps[number]
    assert rollback_target(here, [""]) == ([0.0, *steps][number])
    assert (here.next.percent if here.next else None) == [*steps, None][number + 1]
    assert here.final == (number == len(steps) - 1)


@pytest.mark.parametrize("wanted", [[], [""], ["half"], ["50 %"]])
def test_nobody_knows_the_traffic(wanted):
    """All of it goes back."""
    assert rollback_target(standing(None, 5, 25), wanted) == 0


@given(STEPS, st.lists(PERCENTS, max_size=3))
def test_one_stage_after_the_other_is_not_too_early(steps, repeated):
    """However often it goes back and begins again, so long as each is over before the next."""
    path = [*steps, *(each for again in repeated for each in (0.0, *[step for step in steps if step <= again]))]

    for end in range(1, len(path) + 1):
        assert come(steps, path[:end]).percent == path[end - 1]


@given(STEPS.filter(lambda steps: len(steps) > 2), st.integers(1, 5))
def test_a_jump_stays_one_however_often_it_is_seen(steps, times):
    """What was reached before counts, until the traffic went back and through every stage."""
    jump = [steps[0], *[steps[2]] * times]
    known = come(steps, jump)

    assert known.percent == steps[0]
    assert "left out a stage" in standing(steps[2], *steps, before=known).too_early()
    made_up = come(steps, [*jump, *steps[:3]])
    assert not standing(steps[2], *steps, before=made_up).too_early()


@given(STEPS.filter(lambda steps: len(steps) > 1), st.data())
def test_a_stage_that_was_not_over_bars_the_next(steps, data):
    """Whichever it is; and all that comes after it, until the traffic goes back to it and it is over."""
    number = data.draw(st.integers(0, len(steps) - 2))
    known = come(steps, steps, number)

    assert known == Reached(percent=steps[number], over=False)
    assert "too early" in standing(steps[number + 1], *steps, before=known).too_early()
    assert come(steps, [*steps, *steps[number:]], number).percent == steps[-1]


@given(STEPS, st.data())
def test_what_was_said_at_another_time_or_stage_makes_nothing_over(steps, data):
    """Before the traffic came, after it left, or elsewhere."""
    served = hourly(steps)
    _, since = served[0]
    moment = since + data.draw(st.sampled_from([-HOUR / 2, HOUR / 2, HOUR * 1.5]))
    name = data.draw(st.sampled_from(["", "0 %", f"{steps[0]:g} %"]))
    found = reached(phase(*steps), served[:1], [(name, moment)], at=since + HOUR)

    assert found == Reached(percent=steps[0], over=name == f"{steps[0]:g} %" and moment == since + HOUR / 2)


@given(STEPS)
def test_the_first_traffic_of_all(steps):
    """Is where it should be at the first stage only."""
    assert come(steps, []) == Reached()
    assert not standing(steps[0], *steps).too_early()
    assert all("nothing is known of it at" in standing(each, *steps).too_early() for each in steps[1:])


def test_traffic_that_comes_from_a_phase_before():
    """10 %, which is no stage of this phase, has not to be over here."""
    before = come([15, 20], [5, 10])

    assert before == Reached(percent=10)
    assert not standing(15, 15, 20, before=before).too_early()
    assert standing(20, 15, 20, before=before).too_early()


@pytest.mark.parametrize(
    ("since", "hold", "left"),
    [
        (timedelta(hours=12), timedelta(hours=48), timedelta(hours=36)),
        (timedelta(hours=48), timedelta(hours=48), timedelta(0)),
        (timedelta(hours=90), timedelta(hours=48), timedelta(0)),
        (None, timedelta(hours=48), None),
        (timedelta(hours=1), None, None),
    ],
)
def test_what_is_left_of_a_hold(since, hold, left):
    """Nothing is known of it where its beginning is not."""
    assert standing(5, 5, 25, since=AT - since if since else None, hold=hold).left == left


@pytest.mark.parametrize(("text", "found"), [("previous", "previous"), ("half", "half"), ("0%", "0 %"), ("5 %", "5 %")])
def test_targets(text, found):
    assert parse_target(text) == found


@pytest.mark.parametrize("text", ["", "next", "101 %", "+5 %", "-5 %", "5", "5 ms", "nan %"])
def test_no_targets(text):
    with pytest.raises(QuantityError, match="is nothing to go back to"):
        parse_target(text)


LADDER = (50.0, 25.0, 10.0, 5.0)


@pytest.mark.parametrize(
    ("percent", "back"), [(100, 50), (50, 25), (25, 10), (10, 5), (5, 0), (60, 25), (99, 25), (0, 0)]
)
def test_half_rests_on_the_next_step_below(percent, back):
    """The highest of the plan's steps that is no more than half; below all of them it is all of the way."""
    assert rollback_target(replace(standing(percent, 10, 100), steps=LADDER), ["half"]) == back
    assert rollback_target(standing(percent, 10, 100), ["half"]) == percent / 2


@given(STEPS, PERCENTS, STEPS)
def test_half_with_steps_is_never_more_than_half(steps, percent, ladder):
    here = replace(standing(percent, *steps), steps=tuple(ladder))

    assert 0 <= rollback_target(here, ["half"]) <= percent / 2 + 1e-5


def test_traffic_rests_at_steps_that_are_no_stages():
    """What a phase serves itself is no rest, and neither is more than that."""
    half = replace(phase(), traffic=50.0)

    def at(percent):
        return Standing(phase=half, percent=percent, since=None, reached=None, at=AT, steps=(100.0, *LADDER))

    assert [percent for percent in (0, 5, 10, 12, 25, 50, 100) if at(percent).resting] == [5, 10, 25]
    assert not replace(standing(10, 10, 100), steps=LADDER).resting
    assert replace(standing(25, 10, 100), steps=LADDER).resting
