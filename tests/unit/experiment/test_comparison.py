"""What a comparison says beside bounds: strata, ranges, doubt, sample ratio, how much more is needed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_rollout import Comparison, Truth, compare
from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.design import Design, Doubt

WHATS = ["mean", "rate", "p50", "p99", "rank"]


def rows(seed, n=3000, shift=0.0):
    return np.random.default_rng(seed).lognormal(1.6, 0.9, n) + shift


def two(control, treatment):
    return ArraySamples({("control", ""): control, ("treatment", ""): treatment}, None, {})


def staged(*sizes, speeds=(0.0, 100.0), shift=0.0):
    """Two stages, the second slower by far, with (control, treatment) rows each."""
    values = {}
    for stage, ((control, treatment), speed) in enumerate(zip(sizes, speeds, strict=True)):
        values["control", f"stage {stage}"] = rows(10 * stage, control) + speed
        values["treatment", f"stage {stage}"] = rows(10 * stage + 1, treatment) + speed + shift
    return ArraySamples(values, None, {})


@pytest.mark.parametrize("what", ["mean", "p50", "p99"])
def test_stages_are_compared_within_themselves(what):
    """More treatment in the slow stage makes the treatment no slower."""
    samples = staged((9000, 1000), (3000, 9000))

    delta = getattr(Comparison(samples, Design(looks="once")), what).delta

    assert delta.low - 0.5 < 0 < delta.high + 0.5
    assert abs(delta.value) < 5
    assert "2 strata" in delta.method


def test_strata_weigh_as_the_treatments_rows_or_as_planned():
    samples = staged((3000, 1000), (3000, 3000), speeds=(0.0, 0.0))
    means = [
        [rows(10 * stage + arm, n).mean() for arm, n in enumerate(sizes)]
        for stage, sizes in enumerate(((3000, 1000), (3000, 3000)))
    ]

    by_rows = Comparison(samples, Design(looks="once")).mean.delta.value
    planned = Comparison(samples, Design(looks="once", weights={"stage 0": 1, "stage 1": 1})).mean.delta.value

    deltas = [treatment - control for control, treatment in means]
    assert by_rows == pytest.approx(0.25 * deltas[0] + 0.75 * deltas[1])
    assert planned == pytest.approx(0.5 * deltas[0] + 0.5 * deltas[1])


def test_the_p99_of_many_small_strata_is_not_proven_too_low():
    """Each sample's own P99 is a little low, and their mean is so too: its upper bound was wrong in 25 % of these."""
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(40):
        values = {("control", f"{each:02}"): rng.random(310) for each in range(14)}
        values |= {("treatment", f"{each:02}"): rng.random(320) for each in range(14)}
        wrong += Comparison(ArraySamples(values, None, {}), Design(looks="once")).p99.treatment.high < 0.99

    assert wrong <= 4


def test_a_stage_without_treatment_weighs_nothing_and_one_without_control_says_nothing():
    values = {("control", "a"): rows(1), ("treatment", "a"): rows(2), ("control", "b"): rows(3)}
    known = Comparison(ArraySamples(values, None, {}), Design(looks="once"))
    alone = Comparison(ArraySamples({("control", "a"): rows(1), ("treatment", "b"): rows(2)}, None, {}), Design())

    assert known.p50.delta.high < math.inf
    for what in ("mean", "rate", "p50"):
        estimate = getattr(alone, what).delta
        assert (estimate < 1e9).truth is Truth.INCONCLUSIVE
        assert estimate.why


def recurring(units, stages, *, apart, of_unit=0.9):
    """One row a unit in each stage, alike within a unit; the same units in all stages, or others in each."""
    rng = np.random.default_rng(units + stages)
    values, codes = {}, {}
    for arm in ("control", "treatment"):
        own = rng.standard_normal(units * stages)
        for stage in range(stages):
            members = np.arange(units) + apart * units * stage
            noise = rng.standard_normal(units)
            values[arm, f"{stage}"] = math.sqrt(of_unit) * own[members] + math.sqrt(1 - of_unit) * noise
            codes[arm, f"{stage}"] = members
    return ArraySamples(values, codes, {})


@pytest.mark.parametrize("what", ["mean", "p50"])
def test_units_that_stay_through_all_stages_tell_no_more_than_in_one(what):
    """In eight stages with a row each, bounds as for eight times the units were wrong in 26 % instead of 5 %."""
    widths = []
    for units, stages, apart in ((400, 1, False), (400, 8, False), (400, 8, True)):
        delta = getattr(Comparison(recurring(units, stages, apart=apart), Design(looks="once")), what).delta
        widths.append(delta.high - delta.low)

    once, stay, regions = widths
    assert stay > 0.85 * once
    assert regions < 0.5 * once


@pytest.mark.parametrize("what", ["mean", "p50", "rate"])
def test_ten_units_in_four_stages_are_ten_and_in_four_regions_forty(what):
    stay, regions = (recurring(10, 4, apart=apart) for apart in (False, True))
    if what == "rate":
        stay, regions = (
            ArraySamples({cell: (each > 1).astype(float) for cell, each in samples._values.items()}, samples._units, {})
            for samples in (stay, regions)
        )

    few, enough = (getattr(Comparison(each, Design(looks="once")), what).delta for each in (stay, regions))

    if what != "p50":  # of units with one row each, ranks are those of independent rows
        assert "10 effective units" in few.why
    assert enough.high < math.inf


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param({}, "range is known", id="none"),
        pytest.param({"value_range": (0, 1)}, "outside the range 0 … 1", id="too-narrow"),
    ],
)
def test_a_mean_at_every_look_needs_a_range_that_is_true(more, why):
    found = Comparison(two(rows(1), rows(2)), Design(looks="continuous", **more)).mean.delta

    assert why in found.why
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_cap_gives_a_range_and_is_named():
    treatment = rows(2)
    treatment[0] = math.inf

    found = Comparison(two(rows(1), treatment), Design(looks="continuous", cap=100.0)).mean.delta

    assert found.high < math.inf
    assert "rows above 100 count as that" in found.method


def test_booleans_have_a_range_and_numbers_that_were_noughts_and_ones_so_far_do_not():
    """Retries are none or one, until one of thousands is 200: whoever took 1 for the most proved too much."""
    rng = np.random.default_rng(1)
    arms = [rng.random(20_000) < 0.02 for _ in range(2)]
    retries = [each.astype(float) for each in arms]

    assert compare(*arms, iid=True, looks="continuous").mean.delta.high < math.inf
    for found in (
        compare(*retries, iid=True, looks="continuous").mean.delta,
        compare(arms[0], retries[1], iid=True, looks="continuous").mean.delta,
        Comparison(two(*retries), Design(looks="continuous")).mean.delta,
    ):
        assert found.high == math.inf
        assert "range is known" in found.why


def test_a_cap_alone_takes_rows_to_be_none_or_more():
    """What a row may be below 0 nobody said; at one look it does not matter."""
    below = rows(1)
    below[5] = -3.0
    at_every_look = Comparison(two(below, rows(2)), Design(looks="continuous", cap=100.0)).mean.delta
    said = Design(looks="continuous", cap=100.0, value_range=(-50.0, 200.0))

    assert "a row is -3, outside the range 0 … 100 of a cap alone: write a 'range'" in at_every_look.why
    assert at_every_look.high == math.inf
    assert Comparison(two(below, rows(2)), said).mean.delta.high < math.inf
    assert Comparison(two(below, rows(2)), Design(looks="once", cap=100.0)).mean.delta.high < math.inf


@pytest.mark.parametrize("what", WHATS)
def test_what_is_doubted_as_a_whole_proves_nothing(what):
    doubt = Doubt(Reason.INVALID, "units changed their arm")

    sides = getattr(Comparison(two(rows(1), rows(2)), Design(looks="once", doubt=doubt)), what)

    for each in (sides.control, sides.treatment, sides.delta, sides.lift):
        claim = each < 1e9
        assert claim.truth is Truth.INCONCLUSIVE
        assert claim.facts.reason == "invalid"
        assert claim.facts.why == "units changed their arm"


SHARES = {("control", ""): 0.5, ("treatment", ""): 0.5}


@pytest.mark.parametrize("looks", ["once", "continuous"])
@pytest.mark.parametrize(("n", "reason"), [(3000, None), (2300, "srm")])
def test_a_wrong_sample_ratio_silences_everything(looks, n, reason):
    comparison = Comparison(two(rows(1), rows(2, n)), Design(looks=looks, shares=SHARES))

    if reason is None:
        assert comparison.doubt is None
        assert comparison.assignment.level > 0.001
    else:
        assert comparison.p50.delta.reason == reason
        assert "treatment has 2300 units, 0.434 of all and not 0.5" in comparison.p50.delta.why
        assert math.isinf(comparison.p50.delta.high)


@pytest.mark.parametrize("looks", ["once", "continuous"])
@pytest.mark.parametrize(("lost", "silent"), [((30, 30), False), ((0, 0), False), ((30, 200), True), ((200, 30), True)])
def test_values_that_are_missing_in_one_arm_silence_everything(looks, lost, silent):
    """A tenth of one arm's rows without a value are not missing by chance."""
    arms = [rows(1, 2000), rows(2, 2000)]
    for arm, count in zip(arms, lost, strict=True):
        arm[:count] = math.nan

    delta = compare(*arms, iid=True, looks=looks, nan="omit").p50.delta

    assert (delta.reason == Reason.INVALID) is silent
    assert ("have no value" in delta.why) is silent
    assert math.isinf(delta.high) is silent


def test_an_arm_that_was_not_planned_alarms():
    samples = ArraySamples({("control", ""): rows(1), ("treatment", ""): rows(2), ("other", ""): rows(3, 2)}, None, {})

    assert Comparison(samples, Design(shares=SHARES)).doubt.reason == Reason.SRM


def test_sample_ratios_are_those_of_each_stage():
    samples = staged((9500, 500), (7500, 2500))
    shares = {
        ("control", "stage 0"): 95, ("treatment", "stage 0"): 5,
        ("control", "stage 1"): 75, ("treatment", "stage 1"): 25,
    }  # fmt: skip

    assert Comparison(samples, Design(shares=shares)).doubt is None
    assert "in stratum stage 1" in Comparison(samples, Design(shares={**shares, ("control", "stage 1"): 25})).doubt.why


def test_doubt_says_how_much_more_is_needed():
    """Four times the rows halve the bounds: the rows that are named nearly prove the claim."""
    rng = np.random.default_rng(5)
    control, treatment = rng.normal(100, 10, 40_000), rng.normal(100, 10, 40_000)
    first = compare(control[:1000], treatment[:1000], iid=True).mean.delta
    limit = first.value + (first.high - first.value) / 2

    claim = first < limit

    assert claim.truth is Truth.INCONCLUSIVE
    needs = (
        "about 3000 more rows of treatment (4000 in all) would decide it, for or against, if the value stays as it is"
    )
    assert claim.facts.needs == needs


def test_what_is_at_its_limit_needs_more_than_there_is():
    found = compare(rows(1), rows(2), iid=True).p99.delta

    assert "no amount of data in reach" in (found < found.value + 1e-6).facts.needs


def test_counts_of_either_arm():
    units = np.repeat(np.arange(300), 10), np.repeat(np.arange(300, 500), 5)
    comparison = compare(rows(1, 3000), rows(2, 1000), units=units)

    assert (comparison.n["control"].rows, comparison.n["control"].units) == (3000, 300)
    assert (comparison.n["treatment"].rows, comparison.n["treatment"].largest_unit) == (1000, 5)
    assert comparison.n["treatment"].effective_units == pytest.approx(200)


def test_the_names_say_what_was_compared():
    sides = compare(rows(1), rows(2), iid=True, name="latency", unit="ms").p99

    assert sides.delta.name == "P99 latency, treatment - control"
    assert sides.lift.unit == ""
    assert sides.control.unit == "ms"


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"confidence": 0.4}, "confidence"),
        ({"looks": "daily"}, "looks"),
        ({"planned": math.inf}, "planned"),
        ({"burst": 0.5}, "burst"),
        ({"value_range": (1, 1)}, "value_range"),
    ],
)
def test_a_design_is_checked(more, match):
    with pytest.raises(ValueError, match=match):
        Design(**more)


@pytest.mark.parametrize(("looks", "why"), [("continuous", "every look")])
def test_ranks_hold_at_one_look(looks, why):
    assert why in Comparison(two(rows(1), rows(2)), Design(looks=looks)).rank.delta.why


def test_where_nothing_happened_yet_bounds_narrow_with_the_rows_and_not_with_their_root():
    """By the root, 28468 rows would have been told."""

    def needed(treated):
        delta = Comparison(two(np.zeros(99 * treated), np.zeros(treated)), Design()).rate.delta
        return delta.high, (delta < 0.001).facts.needs

    assert needed(500)[1].startswith("about 3273 more rows of treatment (3773 in all)")
    assert needed(3800)[0] < 0.001 < needed(3700)[0]


def test_ranks_need_rows_in_one_stratum():
    assert "strata" in Comparison(staged((100, 100), (100, 100)), Design(looks="once")).rank.delta.why
