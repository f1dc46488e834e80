"""Comparing an estimate makes a claim; everything else it is asked is answered or refused in words."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_rollout import Claim, Estimate, Inconclusive, Reading, Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import Quantity

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}

exactly = Reading.exactly
sizes = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)
whole = st.integers(-1000, 1000).map(float)  # arithmetic on these is exact


def estimate(low=4.0, value=5.0, high=6.0, **more):
    return Estimate(value, low, high, **more)


@st.composite
def estimates(draw, numbers=whole):
    low, value, high = sorted((draw(numbers), draw(numbers), draw(numbers)))
    low, high = draw(st.sampled_from([low, -math.inf])), draw(st.sampled_from([high, math.inf]))
    return Estimate(value, low, high)


@pytest.mark.parametrize(
    ("sign", "limit", "truth"),
    [
        ("<", 7, PROVEN),
        ("<", 6, INCONCLUSIVE),
        ("<=", 6, PROVEN),
        ("<", 5, INCONCLUSIVE),
        ("<", 4, REFUTED),
        ("<=", 4, INCONCLUSIVE),
        ("<=", 3, REFUTED),
        (">", 3, PROVEN),
        (">", 4, INCONCLUSIVE),
        (">=", 4, PROVEN),
        (">", 6, REFUTED),
        (">=", 6, INCONCLUSIVE),
        (">=", 7, REFUTED),
    ],
)
def test_a_comparison_is_a_claim(sign, limit, truth):
    """Bounds [4, 6] below, on and above a limit; the limit may stand on either side."""
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[sign]

    assert ORDER[sign](estimate(), limit).truth is truth
    assert ORDER[mirrored](limit, estimate()).truth is truth


@pytest.mark.parametrize(
    ("sign", "limit", "truth"),
    [("<", 5, REFUTED), ("<=", 5, PROVEN), (">", 5, REFUTED), (">=", 5, PROVEN), ("<", 6, PROVEN), (">", 6, REFUTED)],
)
def test_a_reading_on_its_limit(sign, limit, truth):
    assert ORDER[sign](exactly(5), limit).truth is truth


@given(estimates(), whole, st.sampled_from(sorted(ORDER)))
def test_a_claim_and_its_opposite(each, limit, sign):
    """Never both proven, never both refuted; one is proven exactly when the other is refuted."""
    claim, opposite = ORDER[sign](each, limit), ORDER[OPPOSITE[sign]](each, limit)

    assert {claim.truth, opposite.truth} in ({PROVEN, REFUTED}, {INCONCLUSIVE})


@given(estimates(), whole, whole, st.sampled_from(sorted(ORDER)))
def test_shifting_both_sides_changes_nothing(each, limit, by, sign):
    assert ORDER[sign](each + by, limit + by).truth is ORDER[sign](each, limit).truth
    assert ORDER[sign](by + each, limit + by).truth is ORDER[sign](each, limit).truth
    assert ORDER[sign](each - by, limit - by).truth is ORDER[sign](each, limit).truth


@given(estimates(), whole, st.sampled_from([0.25, 0.5, 2.0, 1024.0]), st.sampled_from(sorted(ORDER)))
def test_scaling_both_sides_changes_nothing(each, limit, factor, sign):
    assert ORDER[sign](each * factor, limit * factor).truth is ORDER[sign](each, limit).truth
    assert ORDER[sign](factor * each, limit * factor).truth is ORDER[sign](each, limit).truth
    assert ORDER[sign](each / factor, limit / factor).truth is ORDER[sign](each, limit).truth


@given(estimates(), whole, st.sampled_from(sorted(ORDER)))
def test_negation_mirrors(each, limit, sign):
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[sign]

    assert ORDER[sign](each, limit).truth is ORDER[mirrored](-each, -limit).truth
    assert ORDER[sign](each, limit).truth is ORDER[mirrored](each * -1, -limit).truth
    assert ORDER[sign](each, limit).truth is ORDER[sign](limit - (limit - each), limit).truth


@given(estimates(numbers=sizes), sizes, st.sampled_from(["+", "-", "*", "/"]))
def test_arithmetic_keeps_the_value_between_its_bounds(each, by, sign):
    """Whatever rounding does; no question raises anything but a `QuestionError`."""
    try:
        result = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign](each, by)
    except QuestionError:
        assert sign in "*/"
        return
    assert result.low <= result.value <= result.high or math.isnan(result.value)


@given(st.integers(1, 10_000), st.integers(1, 1000))
def test_a_multiple_divided_is_met_exactly(whole_number, divisor):
    """49 / 49 is 1: not 49 times a rounded 1/49."""
    assert (exactly(whole_number * divisor) / divisor == whole_number).truth is PROVEN


@given(st.sampled_from(sorted(ORDER)), sizes)
def test_the_unknown_answers_nothing(sign, limit):
    for unknown in (
        Reading.unknown("down"),
        Estimate(math.nan, 1, 2),
        exactly(math.nan),
        Estimate(5, -math.inf, math.inf),
    ):
        assert ORDER[sign](unknown, limit).truth is INCONCLUSIVE
        assert ORDER[sign](limit, unknown).truth is INCONCLUSIVE
        assert ORDER[sign](-unknown * 3 + 7, limit).truth is INCONCLUSIVE


@pytest.mark.parametrize("overflow", [math.inf, -math.inf])
def test_an_infinite_reading_is_unknown(overflow):
    """No measurement is infinite: an overflow proves nothing, not even that it is large."""
    for each in (exactly(overflow), exactly(math.copysign(1e308, overflow)) * 10):
        assert (each > 5).truth is (each < 5).truth is INCONCLUSIVE
        assert (each > 5).facts.reason == "no-data"


@pytest.mark.parametrize("ends", [(math.nan, 6), (4, math.nan), (6, 7), (3, 4)])
def test_a_value_outside_its_bounds_is_refused(ends):
    with pytest.raises(QuantityError, match="not between its bounds"):
        Estimate(5, *ends)


@pytest.mark.parametrize("confidence", [0.5, 0, -1, 1.01, 95, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(QuantityError, match="confidence"):
        Estimate(5, 4, 6, confidence)


def test_a_chain_is_an_equivalence_test():
    """-1 < delta < 1: each end is shown at its own level (TOST)."""
    assert -1 < Estimate(0, -0.9, 0.9) < 1
    assert not (-1 < Estimate(2, 1.5, 2.5) < 1)
    with pytest.raises(Inconclusive):
        assert -1 < Estimate(0, -1.1, 0.9) < 1
    with pytest.raises(Inconclusive):
        assert -1 < Estimate(0, -0.9, 1.1) < 1


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda doubt: not doubt, id="not"),
        pytest.param(lambda doubt: doubt or True, id="or"),
        pytest.param(lambda doubt: doubt and True, id="and"),
        pytest.param(lambda doubt: 1 if doubt else 2, id="if"),
        pytest.param(lambda doubt: all([doubt]), id="all"),
        pytest.param(lambda doubt: any([doubt, True]), id="any"),
        pytest.param(lambda doubt: list(filter(None, [doubt])), id="filter"),
        pytest.param(bool, id="bool"),
        pytest.param(lambda _: 4 < estimate() < 7, id="chain"),
        pytest.param(lambda _: max(estimate(), 5), id="max"),
        pytest.param(lambda _: min(5, estimate()), id="min"),
        pytest.param(lambda _: sorted([estimate(), 5]), id="sorted"),
    ],
)
def test_no_question_turns_doubt_into_an_answer(ask):
    with pytest.raises(Inconclusive, match=r"HOLD\[inconclusive\]"):
        ask(estimate() < 5)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        pytest.param(bool, "compare it", id="bool"),
        pytest.param(float, "not a number", id="float"),
        pytest.param(int, "not a number", id="int"),
        pytest.param(complex, "not a number", id="complex"),
        pytest.param(operator.index, "not a number", id="index"),
        pytest.param(math.sqrt, "not a number", id="math"),
        pytest.param(np.float64, "not a number", id="np.float64"),
        pytest.param(lambda each: np.array([each], dtype=float), "not a number", id="np.array"),
        pytest.param(abs, "write `-limit <", id="abs"),
        pytest.param(round, "rounding", id="round"),
        pytest.param(lambda each: round(each, 2), "rounding", id="round2"),
        pytest.param(lambda each: each == 5, "equivalence within a margin", id="eq"),
        pytest.param(lambda each: each != 5, "equivalence within a margin", id="ne"),
        pytest.param(lambda each: 5 == each, "equivalence within a margin", id="req"),  # noqa: SIM300 - this side is asked
        pytest.param(lambda each: each == exactly(5), "equivalence within a margin", id="eq-reading"),
        pytest.param(lambda each: exactly(5) == each, "equivalence within a margin", id="reading-eq"),
        pytest.param(lambda each: exactly(4) != each, "equivalence within a margin", id="reading-ne"),
        pytest.param(lambda each: each in [5, 6], "equivalence within a margin", id="in-list"),
        pytest.param(lambda each: each < estimate(), "two samples", id="two-samples"),
        pytest.param(lambda each: each - estimate(), "two samples", id="difference-of-samples"),
        pytest.param(lambda each: each + estimate(), "two samples", id="sum-of-samples"),
        pytest.param(lambda each: each / estimate(), "ratio of samples", id="ratio-of-samples"),
        pytest.param(lambda each: each / exactly(5), "ratio of samples", id="ratio-of-sample"),
        pytest.param(lambda each: each * estimate(), "no bounds that hold", id="product"),
        pytest.param(lambda each: each / 0, "divided by 0", id="zero"),
        pytest.param(lambda each: each * 0, "leaves nothing", id="times-zero"),
        pytest.param(lambda each: each * math.inf, "inf", id="times-inf"),
        pytest.param(lambda each: each < math.inf, "inf", id="lt-inf"),
        pytest.param(lambda each: operator.lt(each, math.nan), "nan", id="lt-nan"),
        pytest.param(lambda each: each < None, "not a number", id="none"),
        pytest.param(lambda each: each < True, "not a number", id="true"),
        pytest.param(lambda each: each < np.True_, "not a number", id="np.true"),
        pytest.param(lambda each: each < [5], "not a number", id="list"),
        pytest.param(lambda each: each < 5j, "not a number", id="complex-limit"),
        pytest.param(lambda each: each < timedelta(5), "not a number", id="timedelta"),
        pytest.param(lambda each: each < b"5", "not a number", id="bytes"),
        pytest.param(lambda each: each < 10**400, "not a number", id="huge"),
        pytest.param(lambda each: each < np.array([5, 6]), "not a number", id="array"),
        pytest.param(lambda each: np.array([5, 6]) > each, "not a number", id="array-left"),
        pytest.param(lambda each: each < np.array([5]), "not a number", id="array-of-one"),
        pytest.param(lambda each: each < "±5", "two ends", id="plus-minus"),
        pytest.param(lambda each: each + "±5", "two ends", id="add-plus-minus"),
    ],
)
def test_a_forbidden_question_is_refused_in_words(ask, words):
    """Each raises `QuestionError` and says what to ask instead; none gives a number or a truth."""
    with pytest.raises(QuestionError, match=words):
        ask(estimate())


def test_equality_is_for_facts():
    """Exact and of one instant; a sample has none, whichever class it wears."""
    assert (exactly(5) == 5).truth is (exactly(5) != 4).truth is (5 == exactly(5)).truth is PROVEN  # noqa: SIM300 - this side is asked
    assert (exactly(5) == 4).truth is (exactly(5) != 5).truth is REFUTED
    assert (exactly(5, "s") == exactly(5000, "ms")).truth is PROVEN
    assert (Reading.unknown("down") == 5).truth is (Reading.unknown("down") != 5).truth is INCONCLUSIVE
    assert (exactly(5) == Reading.unknown("down")).truth is INCONCLUSIVE
    with pytest.raises(QuestionError):
        Reading(5, 4, 6) == 5  # noqa: B015 - the question itself is refused


@pytest.mark.parametrize(
    "number", [np.float64(10), np.float32(10), np.int64(10), np.array(10.0), Decimal(10), Fraction(10), 10]
)
def test_numbers_of_every_library_are_limits(number):
    """On either side, and NumPy does not take the comparison over."""
    for claim in (estimate() < number, number > estimate(), estimate() <= number, number >= estimate()):
        assert isinstance(claim, Claim)
        assert claim.truth is PROVEN
    for claim in (estimate() > number, number < estimate()):
        assert claim.truth is REFUTED


@pytest.mark.parametrize("number", [np.float64(2), np.int64(2), 2, Decimal(2)])
def test_numbers_of_every_library_calculate(number):
    assert [
        each.value for each in (estimate() + number, number + estimate(), estimate() - number, number - estimate())
    ] == [7, 7, 3, -3]
    assert [each.value for each in (estimate() * number, number * estimate(), estimate() / number)] == [10, 10, 2.5]


def test_facts_of_an_estimate_are_plain():
    """NumPy's scalars do not leak into the record, which is JSON."""
    each = Estimate(np.float64(5), np.float32(4), np.int64(6), np.float64(0.95), n=np.int64(12))
    facts = (each < np.float64(7)).facts

    assert [type(value) for value in (facts.value, facts.low, facts.high, facts.confidence, facts.n)] == [
        *[float] * 4,
        int,
    ]


def test_a_limit_carries_its_unit():
    latency = exactly(5, "ms", name="latency")

    assert (latency < "10 ms").truth is (latency < "1 s").truth is (latency < Quantity(1, "s")).truth is PROVEN
    assert (latency < "0.001 s").truth is REFUTED
    assert ("10 ms" > latency).truth is PROVEN  # noqa: SIM300 - this side is asked
    assert (exactly(3, "/h") <= "1 1/min").truth is PROVEN
    assert (latency < np.str_("10 ms")).truth is PROVEN
    assert (latency + "1 s").value == 1005


@pytest.mark.parametrize(
    "limit", ["10 MB", "10", "10 /h", "10 %", "ten ms", "10 mss", "", exactly(3, "MB"), exactly(3)]
)
def test_a_limit_of_another_kind_is_refused(limit):
    with pytest.raises(QuantityError):
        exactly(5, "ms") < limit  # noqa: B015 - the question itself is refused


@pytest.mark.parametrize(
    ("one", "sign", "other", "truth"),
    [
        (exactly(3), "<", estimate(), PROVEN),
        (estimate(), ">", exactly(3), PROVEN),
        (exactly(4), "<", estimate(), INCONCLUSIVE),
        (exactly(4), "<=", estimate(), PROVEN),
        (estimate(), "<", exactly(4), REFUTED),
        (exactly(6), "<=", estimate(), INCONCLUSIVE),
        (exactly(7), "<=", estimate(), REFUTED),
        (exactly(3), "<", exactly(4), PROVEN),
        (Reading.unknown("down"), "<", estimate(), INCONCLUSIVE),
        (estimate(), ">", Reading.unknown("down"), INCONCLUSIVE),
        (Estimate(math.nan, 0, 0), "<", estimate(), INCONCLUSIVE),
        (estimate(), "<", Estimate(math.nan, 0, 0), INCONCLUSIVE),
        (exactly(5), "<", Reading.unknown("down"), INCONCLUSIVE),
    ],
)
def test_a_reading_is_a_limit_and_a_sample_is_judged(one, sign, other, truth):
    """Whichever side each stands on, and also when one of them is unknown."""
    claim = ORDER[sign](one, other)

    assert claim.truth is truth
    if truth is not INCONCLUSIVE:
        assert (claim.facts.low, claim.facts.high) in [(4, 6), (3, 3)]


def test_doubt_of_either_side_keeps_its_reason():
    """The code and the sentence are those of the side that nobody knows."""
    for claim in (
        exactly(5) < Reading.unknown("the source is down", reason=Reason.STALE, needs="look"),
        Reading.unknown("the source is down", reason=Reason.STALE, needs="look") > exactly(5),
        estimate() < Reading.unknown("the source is down", reason=Reason.STALE, needs="look"),
        exactly(5) - Reading.unknown("the source is down", reason=Reason.STALE, needs="look") < 1,
        Reading.unknown("the source is down", reason=Reason.STALE, needs="look") / exactly(5) < 1,
    ):
        assert (claim.facts.reason, claim.facts.why, claim.facts.needs) == ("stale", "the source is down", "look")


def test_sources_are_joined():
    """A claim of two reads rests on both, on whichever side they stood."""
    one, other = (replace(exactly(5), sources=frozenset({number})) for number in (1, 2))

    for claim in (one < other, one == other, one - other < 1, one + other < 1, one / other == 1, other > one):
        assert claim.sources == {1, 2}
    for claim in (estimate(sources=frozenset({1})) > other, other < estimate(sources=frozenset({1}))):
        assert claim.sources == {1, 2}
    assert (-one < 5).sources == (one * 2 < 5).sources == (one + 1 < 5).sources == {1}
    assert (5 < one).sources == {1}  # noqa: SIM300 - this side is asked


def test_ratio_and_difference_of_readings_are_exact():
    before, after = exactly(400, "MB", name="before"), exactly(0.5, "GB", name="after")

    assert (after / before == 1.25).truth is PROVEN
    assert (after - before <= "0.1 GB").truth is PROVEN
    assert (before - after == "-100 MB").truth is PROVEN
    assert (after + before).value == pytest.approx(0.9)
    assert (after / before).unit == ""
    assert (after / before).name == "after / before"


def test_a_ratio_over_nothing_has_no_value():
    claim = exactly(5, name="errors") / exactly(0, name="requests") < 1

    assert claim.truth is INCONCLUSIVE
    assert "requests is 0" in claim.facts.why


def test_units_of_two_readings_must_agree():
    for ask in (operator.sub, operator.add, operator.truediv, operator.lt, operator.eq):
        with pytest.raises(QuantityError, match="cannot be compared"):
            ask(exactly(5, "ms"), exactly(5, "MB"))


def recording():
    """A refuting level that says what it was asked, and the list of what that was."""
    seen = []

    def level(limit, above):
        seen.append((limit, above))
        return 0.01

    return level, seen


@pytest.mark.parametrize(
    ("change", "limit", "asked"),
    [
        pytest.param(lambda each: each, 3, (3, True), id="plain"),
        pytest.param(lambda each: each + 10, 13, (3, True), id="shifted"),
        pytest.param(lambda each: 10 + each, 13, (3, True), id="shifted-left"),
        pytest.param(lambda each: each - 1, 2, (3, True), id="shifted-down"),
        pytest.param(lambda each: each * 2, 6, (3, True), id="scaled"),
        pytest.param(lambda each: each / 2, 1.5, (3, True), id="divided"),
        pytest.param(lambda each: (each + exactly(10)) * 2, 26, (3, True), id="both"),
        pytest.param(lambda each: operator.neg(-each), 3, (3, True), id="twice-negated"),
    ],
)
def test_the_refuting_level_follows_what_is_done_to_the_estimate(change, limit, asked):
    """`alpha` is asked of the estimate as it was, at the limit as it was."""
    level, seen = recording()
    claim = change(estimate(refuting_level=level)) < limit

    assert (claim.truth, claim.facts.alpha) == (REFUTED, 0.01)
    assert seen == [asked]


@pytest.mark.parametrize(
    ("change", "limit"),
    [
        pytest.param(lambda each: -each, -3, id="negated"),
        pytest.param(lambda each: each * -2, -6, id="times-minus-two"),
        pytest.param(lambda each: each / -2, -1.5, id="divided-by-minus-two"),
        pytest.param(lambda each: 10 - each, 7, id="subtracted"),
        pytest.param(lambda each: exactly(10) - each, 7, id="subtracted-from-a-reading"),
    ],
)
def test_a_mirrored_estimate_asks_about_the_other_side(change, limit):
    """-x > -3 is refuted as x < 3 is: x lies above 3."""
    level, seen = recording()
    claim = change(estimate(refuting_level=level)) > limit

    assert (claim.truth, claim.facts.alpha) == (REFUTED, 0.01)
    assert seen == [(3, True)]


@pytest.mark.parametrize(
    ("claim", "alpha"),
    [
        (exactly(5) < 3, 0),
        (exactly(5) == 3, 0),
        (exactly(5) < 7, 1),
        (estimate() < 3, 0.05),
        (estimate(confidence=0.975) < 3, 0.025),
        (estimate() < 5, 1),
        (estimate() < 7, 1),
        (Reading.unknown("down") < 7, 1),
        (estimate(refuting_level=lambda _limit, _above: 0.002) < 7, 1),
        (Estimate(5, 5, 5) < 3, 0),
        (exactly(7) < estimate(), 0.05),
    ],
)
def test_alpha_is_the_level_of_the_refutation(claim, alpha):
    """0 for facts, 1 where nothing is refuted, the bounds' own level where no function says better."""
    assert claim.facts.alpha == alpha


def test_a_claim_tells_value_bounds_limit_and_origin():
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    provenance = Provenance(source="telemetry", query="q", at=at, age=timedelta(seconds=4))
    each = Estimate(8.1, 3.9, 13.2, 0.95, "ms", 1270, "order statistics", name="P99", provenance=provenance)
    facts = (each < 10).facts

    assert facts.text.startswith("P99 < 10")
    assert facts.subject == "P99 = 8.1 ms   bounds [3.9, 13.2]"
    assert (facts.limit, facts.n, facts.unit, facts.method) == ("< 10 ms", 1270, "ms", "order statistics")
    assert (facts.source, facts.query, facts.at, facts.age) == ("telemetry", "q", "2026-11-01T09:00:00+00:00", 4)
    assert "more data" in facts.needs


def test_an_unbounded_side_is_null():
    """JSON has no infinity, and the schema says null."""
    facts = (Estimate(5, 4, math.inf, why="too few rows") < 10).facts

    assert (facts.low, facts.high, facts.why) == (4, None, "too few rows")
    assert (Reading.unknown("down") < 10).facts.value is None


@given(sizes, sizes)
def test_a_refused_number_is_never_shown_as_its_limit(value, limit):
    """ "75 is not below 75" has helped nobody."""
    assume(value != limit)
    facts = (exactly(value, name="x") < limit).facts

    assert facts.subject.removeprefix("x = ") != facts.limit.removeprefix("< ")


def test_estimates_can_be_kept_in_sets():
    one, other = exactly(5), exactly(5)

    assert len({one, other, one}) == 2


def test_a_reading_knows_its_time():
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    reading = exactly(5, provenance=Provenance(at=at, age=timedelta(seconds=4)))

    assert (reading.at, reading.age) == (at, timedelta(seconds=4))
    assert (exactly(5).at, exactly(5).age) == (None, None)


def test_text_of_an_estimate():
    assert str(estimate(unit="ms", name="p99")) == "p99 = 5 ms   bounds [4, 6]"
    assert str(exactly(5, "ms", name="p99")) == "p99 = 5 ms"
    assert str(Reading.unknown("down", name="p99", unit="ms")) == "p99 = unknown ms"
