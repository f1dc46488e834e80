"""Two arms joined: against statsmodels, Fieller's closed form, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_rollout.stats.mover import LEAST_LEVEL, Pair, Part, Reach, combined, difference, lift

positive = st.floats(0.01, 100)
values = st.floats(-100, 100)


def wilson(events, n, z):
    centre, off = events + z * z / 2, z * math.sqrt(events * (n - events) / n + z * z / 4)
    share = events / n
    return Reach(share, share - (centre - off) / (n + z * z), (centre + off) / (n + z * z) - share)


@pytest.mark.parametrize(("one", "other"), [((56, 70), (48, 80)), ((9, 10), (3, 10)), ((0, 100), (5, 100))])
def test_wilsons_intervals_joined_are_newcombes(one, other):
    """Reference: statsmodels' `confint_proportions_2indep(method="newcomb")`."""
    reference = pytest.importorskip("statsmodels.stats.proportion")
    z = 1.959963984540054
    arms = wilson(*other, z), wilson(*one, z)

    found = difference(Pair(lambda _: arms), 0.025, n=10, method="newcombe")
    low, high = reference.confint_proportions_2indep(*one, *other, method="newcomb", alpha=0.05)

    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_newcombes_own_example():
    """Newcombe (1998), Table II, (a), method 10: 56/70 - 48/80 has 0.0524 to 0.3339."""
    z = 1.959963984540054
    arms = wilson(48, 80, z), wilson(56, 70, z)

    found = difference(Pair(lambda _: arms), 0.025, n=70, method="newcombe")

    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(positive, positive, st.floats(0.001, 1), st.floats(0.001, 1))
def test_symmetric_arms_are_fiellers(control, treatment, control_error, treatment_error):
    """Fieller (1954): the roots of (T - θC)² = z²(v_T + θ²v_C)."""
    z = 1.645
    assume(control > 1.01 * z * control_error)
    off = (
        Reach(control, z * control_error, z * control_error),
        Reach(treatment, z * treatment_error, z * treatment_error),
    )
    a = control**2 - (z * control_error) ** 2
    b = control * treatment
    c = treatment**2 - (z * treatment_error) ** 2
    root = math.sqrt(b * b - a * c)

    found = lift(Pair(lambda _: off), 0.05, n=1, method="fieller")

    assert (found.low + 1, found.high + 1) == pytest.approx(((b - root) / a, (b + root) / a), rel=1e-9, abs=1e-9)


@given(values, values, st.lists(positive, min_size=4, max_size=4))
def test_bounds_of_a_difference_are_ordered_and_mirrored(control, treatment, off):
    arms = Reach(control, off[0], off[1]), Reach(treatment, off[2], off[3])
    here = difference(Pair(lambda _: arms), 0.05, n=1, method="mover")
    there = difference(Pair(lambda _: arms[::-1]), 0.05, n=1, method="mover")

    assert here.low < here.value < here.high
    assert (there.low, there.value, there.high) == pytest.approx((-here.high, -here.value, -here.low))


@pytest.mark.parametrize("control", [0.0, 1.0, -1.0])
def test_a_control_within_noise_of_zero_has_no_lift(control):
    arms = Reach(control, 1.5, 1.5), Reach(5.0, 0.1, 0.1)

    found = lift(Pair(lambda _: arms), 0.05, n=1, method="fieller")

    assert (found.low, found.high) == (-math.inf, math.inf)
    assert "within noise of 0" in found.why


def test_a_negative_control_mirrors():
    """-12 against -10 is a fifth more, as 12 against 10 is."""
    arms = Reach(10.0, 0.5, 1.0), Reach(12.0, 0.2, 0.4)
    negative = Reach(-10.0, 1.0, 0.5), Reach(-12.0, 0.4, 0.2)

    here, there = (lift(Pair(lambda _, each=each: each), 0.05, n=1, method="m") for each in (arms, negative))

    assert (there.low, there.value, there.high) == pytest.approx((here.low, here.value, here.high))


def test_an_arm_without_an_upper_bound():
    """The difference has none either, and the ratio's lower bound survives where the treatment's does."""
    arms = Reach(10.0, 1.0, math.inf), Reach(30.0, 1.0, 2.0)
    pair = Pair(lambda _: arms)

    assert difference(pair, 0.05, n=1, method="m").low == -math.inf
    assert difference(pair, 0.05, n=1, method="m").high < math.inf
    assert lift(pair, 0.05, n=1, method="m").low == -1.0
    assert math.isfinite(lift(pair, 0.05, n=1, method="m").high)


@given(st.floats(0.001, 0.45), st.floats(0.5, 3), st.floats(0, 0.5))
def test_levels_at_the_bounds_are_theirs(alpha, error, slack):
    """Of a smooth pair: where a limit is a bound, its level is that bound's."""

    def at(level):
        off = error * -math.log(level)
        return Reach(50.0, off, off), Reach(55.0, off, 2 * off)

    pair = Pair(at, slack=lambda level: slack * -math.log(level))
    for found in (difference(pair, alpha, n=1, method="m"), lift(pair, alpha, n=1, method="m")):
        if math.isinf(found.low):
            continue
        assert found.level(found.low, True) == pytest.approx(alpha, rel=1e-5)
        assert found.level(found.high, False) == pytest.approx(alpha, rel=1e-5)
        assert found.level(found.high + 1, True) == 1.0
        assert found.level(-1e9, True) in {LEAST_LEVEL, 1.0} or found.level(-1e9, True) < alpha


def test_rows_without_noise_are_still_a_sample():
    """Bounds that meet are moved apart, so that a sample never looks like a fact."""
    arms = Reach(3.0, 0.0, 0.0), Reach(5.0, 0.0, 0.0)
    found = difference(Pair(lambda _: arms), 0.05, n=1, method="m")

    assert found.low < 2.0 < found.high


@given(st.lists(st.tuples(positive, values, positive, positive, st.floats(0, 1)), min_size=1, max_size=5))
def test_strata_add_up_between_independence_and_lockstep(raw):
    whole = sum(weight for weight, *_ in raw)
    parts = [Part(w / whole, Reach(v, b, a), shared) for w, v, b, a, shared in raw]
    found = combined(parts)
    below = np.array([part.weight * part.reach.below for part in parts])

    assert found.value == pytest.approx(sum(part.weight * part.reach.value for part in parts))
    assert math.sqrt((below**2).sum()) * (1 - 1e-9) <= found.below <= below.sum() * (1 + 1e-9)


def test_a_stratum_that_weighs_nothing_does_not_matter():
    one = Part(1.0, Reach(5.0, 1.0, 2.0))

    assert combined([one, Part(0.0, Reach(math.nan, math.inf, math.inf))]) == Reach(5.0, 1.0, 2.0)
