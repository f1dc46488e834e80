"""A level that was held: a spike is not one, and a gap may hide one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.held import Held, InARow, Lasting, highest_held

FIVE = Lasting(300)


def minutes(*values):
    """A sample a minute."""
    return [(60.0 * (index + 1), float(value)) for index, value in enumerate(values)]


def spike(length_minutes, height=9.0, base=1.0):
    """An hour with a spike whose first and last sample are so far apart."""
    return minutes(*[base] * 20, *[height] * (length_minutes + 1), *[base] * (39 - length_minutes))


@pytest.mark.parametrize(("length", "held"), [(0, 1), (4, 1), (5, 9), (6, 9), (30, 9)])
def test_a_spike_of_four_minutes_is_not_held_for_five(length, held):
    assert highest_held(spike(length), [], FIVE, 60) == Held(held, held)


@pytest.mark.parametrize(("count", "held"), [(1, 9), (4, 9), (5, 9), (6, 1)])
def test_five_in_a_row(count, held):
    assert highest_held(spike(4), [], InARow(count), 60).shown == held


def test_a_dip_breaks_it():
    """Two spikes of four minutes with one good sample between them are two spikes."""
    points = minutes(*[1] * 10, *[9] * 4, 2, *[9] * 4, *[1] * 10)

    assert highest_held(points, [], FIVE, 60) == Held(2, 2)


def test_a_gap_in_a_spike_leaves_doubt():
    """Three minutes of a spike, five minutes of nothing, three of the spike: shown is the base, allowed the spike."""
    points = [point for point in spike(11) if not 24 * 60 < point[0] <= 29 * 60]
    gaps = [(24 * 60.0, 30 * 60.0)]

    assert highest_held(points, gaps, FIVE, 60) == Held(1, 9)


def test_a_gap_as_long_as_the_question_may_hide_anything():
    points = [point for point in spike(0) if not 30 * 60 < point[0] <= 40 * 60]

    assert highest_held(points, [(30 * 60.0, 41 * 60.0)], FIVE, 60).allowed == math.inf


def test_nothing_long_enough_shows_nothing():
    assert highest_held(minutes(1, 2, 3), [], FIVE, 60) == Held(-math.inf, -math.inf)


values = st.lists(st.floats(-100, 100), min_size=1, max_size=40)


def slow(points, seconds):
    """The definition, word for word: the best of the worst in each stretch that is long enough."""
    found = [
        min(value for _, value in points[first : last + 1])
        for first in range(len(points))
        for last in range(first, len(points))
        if points[last][0] - points[first][0] >= seconds
    ]
    return max(found, default=-math.inf)


@given(values, st.integers(1, 20))
def test_it_is_what_the_definition_says(numbers, length_minutes):
    points = minutes(*numbers)

    assert highest_held(points, [], Lasting(60.0 * length_minutes), 60).shown == slow(points, 60 * length_minutes)


@given(values, st.integers(1, 10), st.integers(1, 10))
def test_longer_is_never_higher(numbers, first, second):
    points = minutes(*numbers)
    short, long = sorted((first, second))

    assert (
        highest_held(points, [], Lasting(60.0 * long), 60).shown
        <= highest_held(points, [], Lasting(60.0 * short), 60).shown
    )


@given(st.lists(st.floats(-100, 100), min_size=12, max_size=40), st.data())
def test_what_a_gap_hides_is_within_what_is_allowed(numbers, data):
    """Whatever the hidden samples were, the whole series lies between what is shown and what is allowed."""
    points = minutes(*numbers)
    first = data.draw(st.integers(1, len(numbers) - 4))
    last = data.draw(st.integers(first + 2, len(numbers) - 2))
    gap = (points[first - 1][0], points[last + 1][0])
    seen = points[:first] + points[last + 1 :]

    held = highest_held(seen, [gap], FIVE, 60)

    assert held.shown <= highest_held(points, [], FIVE, 60).shown <= held.allowed
