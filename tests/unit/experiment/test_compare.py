"""Two arrays compared: references, bad input, and doubt that stays doubt."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from pytest_rollout import Truth, compare
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError

LOGNORMAL = 0.944


def rows(seed, n=2000, shift=0.0):
    return np.random.default_rng(seed).lognormal(math.log(5), LOGNORMAL, n) + shift


def units_of(seed, n=2000, count=500, first=0):
    return np.random.default_rng(seed).integers(first, first + count, n)


def ends(estimate):
    return [estimate.low, estimate.value, estimate.high]


def test_the_mean_is_welchs():
    """Reference: SciPy's `ttest_ind(equal_var=False)`, whose 90 % interval has two 95 % ends."""
    control, treatment = rows(1, 300), rows(2, 120)
    reference = scipy.stats.ttest_ind(treatment, control, equal_var=False).confidence_interval(0.9)

    found = compare(control, treatment, iid=True, unit="ms").mean.delta

    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), rel=1e-9)
    assert found.unit == "ms"


@pytest.mark.parametrize(
    ("q", "name"), [(0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (0.9, None)], ids=["p50", "p95", "p99", "p90"]
)
def test_an_arms_quantile_is_the_textbooks(q, name):
    """Reference: SciPy's `quantile_test`, whose interval is that of order statistics."""
    control, treatment = rows(1, 1000), rows(2, 1500)
    reference = scipy.stats.quantile_test(treatment, p=q).confidence_interval(0.9)
    comparison = compare(control, treatment, iid=True)

    found = (comparison.quantile(q) if name is None else getattr(comparison, name)).treatment

    assert (found.low, found.high) == (reference.low, reference.high)


@pytest.mark.parametrize(
    ("control", "treatment", "more", "match"),
    [
        pytest.param(["true", "false"], [True, False], {}, r"control holds 'true'.*not a number", id="text"),
        pytest.param([1.0], np.array(["a"], dtype=object), {}, r"treatment holds 'a'", id="text-object"),
        pytest.param(
            [1.0], np.array([1.0, object()], dtype=object), {}, r"treatment holds .*not a number", id="object"
        ),
        pytest.param([1.0, math.nan], [1.0], {}, r"1 of 2 values of control are NaN", id="nan"),
        pytest.param([1.0], [None, 1.0], {}, r"1 of 2 values of treatment are NaN", id="none"),
        pytest.param([[1.0]], [1.0], {}, r"control has shape \(1, 1\)", id="two-dimensional"),
        pytest.param([1.0], 3.0, {}, r"treatment has shape \(\)", id="a-number"),
        pytest.param([1j], [1.0], {}, r"control holds .*not a number", id="complex"),
        pytest.param([1.0], np.array(["2026-01-01"], "datetime64[s]"), {}, r"treatment holds", id="dates"),
        pytest.param([1.0], [1.0], {"confidence": 95}, r"confidence is 95", id="confidence"),
        pytest.param([1.0], [1.0], {"planned": 0}, r"planned is 0", id="planned"),
        pytest.param([1.0], [1.0], {"looks": "hourly"}, r"looks is 'hourly'", id="looks"),
    ],
)
def test_what_cannot_be_compared_names_the_argument(control, treatment, more, match):
    with pytest.raises(QuantityError, match=match):
        compare(control, treatment, iid=True, **more)


@pytest.mark.parametrize(
    ("units", "match"),
    [
        pytest.param(([1, 2], [1]), r"units of control have shape \(2,\)", id="length"),
        pytest.param(([1.0], [math.nan]), r"rows of treatment have no unit", id="nan"),
        pytest.param(([None], ["a"]), r"rows of control have no unit", id="none"),
    ],
)
def test_units_that_do_not_fit_name_their_arm(units, match):
    with pytest.raises(QuantityError, match=match):
        compare([1.0], [2.0], units=units)


@pytest.mark.parametrize("more", [{}, {"iid": True, "units": ([1], [2])}], ids=["neither", "both"])
def test_independence_must_be_said(more):
    with pytest.raises(QuestionError, match=r"iid=True"):
        compare([1.0], [2.0], **more)


def test_other_options_are_refused():
    with pytest.raises(QuestionError, match="nan is 'ignore'"):
        compare([1.0], [2.0], iid=True, nan="ignore")
    with pytest.raises(QuestionError, match="pair"):
        compare([1.0], [2.0], units=([1],))
    with pytest.raises(QuestionError, match=r"P99 is quantile\(0.99\)"):
        compare([1.0], [2.0], iid=True).quantile(99)


def asked(comparison):
    return [comparison.mean, comparison.rate, comparison.p50, comparison.p99]


@pytest.mark.parametrize("looks", ["once", "continuous"])
@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        pytest.param([], [], id="empty"),
        pytest.param(rows(1), [], id="empty-treatment"),
        pytest.param([], rows(1), id="empty-control"),
        pytest.param(np.full(1000, 5.0), np.full(1000, 5.0), id="all-ties"),
        pytest.param(rows(1), np.full(1000, 5.0), id="constant-treatment"),
        pytest.param(np.full(1000, 5.0), rows(1), id="constant-control"),
        pytest.param([1.0], [2.0], id="one-row"),
    ],
)
def test_rows_that_say_nothing_prove_and_refute_nothing(control, treatment, looks):
    comparison = compare(control, treatment, iid=True, looks=looks)

    for sides in asked(comparison):
        for estimate in (sides.delta, sides.lift):
            assert estimate.high == math.inf
            assert estimate.why
            assert (estimate < 1e6).truth is Truth.INCONCLUSIVE


@pytest.mark.parametrize("looks", ["once", "continuous"])
def test_one_unit_is_no_sample(looks):
    comparison = compare(rows(1), rows(2), units=(np.zeros(2000, int), np.ones(2000, int)), looks=looks)

    for sides in (comparison.p50, comparison.p99):
        assert "effective units" in sides.delta.why
        assert sides.delta.reason == Reason.LOW_N
        assert math.isinf(sides.delta.high)
    assert math.isinf(comparison.mean.delta.high)


def test_ten_rows_at_99_to_1():
    comparison = compare(rows(1, 990), rows(2, 10), iid=True)

    assert math.isinf(comparison.mean.delta.high)
    assert "10 effective rows of treatment are too few" in comparison.mean.delta.why
    assert math.isinf(comparison.p99.delta.high)
    assert "10 rows are too few for both bounds of P99: at least 299" in comparison.p99.delta.why
    assert comparison.p99.delta.reason == Reason.LOW_N


def test_units_in_both_arms_make_everything_invalid():
    units = units_of(1), units_of(2)

    comparison = compare(rows(1), rows(2), units=units)

    for sides in asked(comparison):
        assert sides.delta.reason == Reason.INVALID
        assert "in both arms" in sides.delta.why
        assert math.isinf(sides.control.high)


def test_a_few_shared_units_are_forgiven():
    control, treatment = np.arange(2000), np.arange(2000, 4000)
    treatment[0] = 0

    assert compare(rows(1), rows(2), units=(control, treatment)).mean.delta.high < math.inf


def test_before_the_planned_rows_doubt_waits():
    waiting = compare(rows(1), rows(2), iid=True, planned=10_000).p99
    over = compare(rows(1), rows(2), iid=True, planned=2000).p99

    assert waiting.delta.reason == Reason.INFORMATION
    assert waiting.delta.why == "20% of the planned 10000 rows of the smaller arm"
    assert over.delta.reason == Reason.INCONCLUSIVE
    assert over.delta.why == ""


def test_waiting_does_not_bring_a_range():
    found = compare(rows(1), rows(2), iid=True, looks="continuous", planned=10_000).mean.delta

    assert found.reason == Reason.INCONCLUSIVE
    assert "range" in found.why


def test_rows_without_a_value_are_counted():
    control = rows(1)
    control[:10] = math.nan

    comparison = compare(control, rows(2), iid=True, nan="omit")

    assert (comparison.n["control"].rows, comparison.n["control"].missing) == (1990, 10)
    assert comparison.n["treatment"].missing == 0


def test_timeouts_are_above_everything():
    """A few change no P50; more than one in a hundred refute any limit of P99, and there is no mean."""
    treatment = rows(2)
    treatment[:200] = math.inf

    comparison = compare(rows(1), treatment, iid=True)

    assert comparison.p50.delta.high < math.inf
    assert (comparison.p99.delta < 1e9).truth is Truth.REFUTED
    assert (compare(treatment, rows(1), iid=True).p99.delta < 0).truth is Truth.PROVEN
    assert "timeouts" in comparison.mean.delta.why
    assert (comparison.mean.delta < 1e9).truth is Truth.INCONCLUSIVE


@pytest.mark.parametrize("looks", ["once", "continuous"])
def test_timeouts_refute_at_the_level_that_they_show_and_not_at_that_of_the_bounds(looks):
    """Ten times as many as P99 takes: that stands among any number of triggers, and one row too many does not."""
    many, few = rows(2, 20_000), rows(2, 20_000)
    many[:2000], few[:240] = math.inf, math.inf

    disaster, doubtful = (
        compare(rows(1, 20_000), treatment, iid=True, looks=looks).p99.delta < 1e9 for treatment in (many, few)
    )
    back = compare(many, rows(1, 20_000), iid=True, looks=looks).p99.delta > -1e9

    assert disaster.truth is back.truth is Truth.REFUTED
    assert max(disaster.facts.alpha, back.facts.alpha) < 1e-6
    assert doubtful.facts.alpha > 0.001


def test_timeouts_of_both_arms_leave_nothing_to_compare():
    slow = rows(2)
    slow[:200] = math.inf

    assert (compare(slow, slow, iid=True).p99.delta < 1e9).truth is Truth.INCONCLUSIVE


def test_booleans_and_zeros_and_ones_are_one():
    rng = np.random.default_rng(3)
    control, treatment = rng.random(3000) < 0.02, rng.random(3000) < 0.03

    booleans = compare(control, treatment, iid=True).rate.delta
    numbers = compare(control.astype(int), treatment.astype(float), iid=True).rate.delta

    assert ends(booleans) == ends(numbers)


def test_a_rate_of_durations_is_refused():
    found = compare(rows(1), rows(2), iid=True).rate.delta

    assert "neither 0 nor 1" in found.why
    assert (found < 1).truth is Truth.INCONCLUSIVE
