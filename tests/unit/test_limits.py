"""A plan's limit: inside every level is proven, beyond one is refuted, and the worst one decides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout import Decision, Estimate, Inconclusive, Limit, Reading, Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.limits import DEFAULT_DECISIONS, Level, out_of_order

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE
HOLD, ROLLBACK = Decision.HOLD, Decision.ROLLBACK
INF = math.inf

WARNING = Level("warning", -INF, 40, HOLD)
CRITICAL = Level("critical", -INF, 60, ROLLBACK, "turn the flag off", "#issue-4")
EMERGENCY = Level("emergency", -INF, 80, ROLLBACK, "page", "#emergency")
RANGE = Level("warning", 10, 1000, HOLD)


def limit(*levels, unit="ms"):
    return Limit("p99", "latency", unit, levels or (WARNING, CRITICAL))


def reading(value, unit="ms"):
    return Reading.exactly(value, unit, name="latency")


def sample(low, value, high, unit="ms"):
    return Estimate(value, low, high, unit=unit, name="latency")


@pytest.mark.parametrize(
    ("estimate", "truth", "level", "decision"),
    [
        pytest.param(reading(25), PROVEN, "", None, id="inside"),
        pytest.param(reading(40), PROVEN, "", None, id="on-warning"),
        pytest.param(reading(40.001), REFUTED, "warning", HOLD, id="just-beyond-warning"),
        pytest.param(reading(60), REFUTED, "warning", HOLD, id="on-critical"),
        pytest.param(reading(60.001), REFUTED, "critical", ROLLBACK, id="beyond-critical"),
        pytest.param(sample(30, 35, 40), PROVEN, "", None, id="interval-inside"),
        pytest.param(sample(30, 35, 41), INCONCLUSIVE, "", None, id="interval-straddles-warning"),
        pytest.param(sample(40, 50, 55), INCONCLUSIVE, "", None, id="interval-touches-warning"),
        pytest.param(sample(41, 50, 55), REFUTED, "warning", HOLD, id="interval-beyond-warning"),
        pytest.param(sample(41, 50, 70), REFUTED, "warning", HOLD, id="beyond-warning-maybe-critical"),
        pytest.param(sample(30, 50, 70), INCONCLUSIVE, "", None, id="straddles-both"),
        pytest.param(sample(61, 70, INF), REFUTED, "critical", ROLLBACK, id="unbounded-beyond-critical"),
        pytest.param(sample(-INF, 35, 40), PROVEN, "", None, id="unbounded-below"),
        pytest.param(sample(-INF, 35, INF), INCONCLUSIVE, "", None, id="knows-nothing"),
    ],
)
def test_levels_are_judged_from_mild_to_severe(estimate, truth, level, decision):
    """Both ends are still inside; only what is wholly beyond a level is beyond it."""
    facts = limit().claim(estimate).facts

    assert (facts.truth, facts.level, facts.decision) == (truth, level, decision)


@given(st.tuples(*[st.integers(0, 100)] * 3))
def test_a_limit_says_what_its_levels_say_alone(numbers):
    """Proven inside all of them; else the worst decision of the refuted ones; else doubt."""
    low, value, high = sorted(numbers)
    estimate = sample(low, value, high)
    alone = [limit(level).claim(estimate).facts for level in (WARNING, CRITICAL, EMERGENCY)]
    refuted = [facts for facts in alone if facts.truth is REFUTED]

    facts = limit(WARNING, CRITICAL, EMERGENCY).claim(estimate).facts

    if refuted:
        worst = max(refuted, key=lambda each: each.decision.severity)
        assert (facts.truth, facts.decision) == (REFUTED, worst.decision)
    else:
        assert facts.truth is (PROVEN if all(each.truth is PROVEN for each in alone) else INCONCLUSIVE)


def test_the_worst_decision_wins_over_the_severest_level():
    """A severe level that only holds does not hide a milder one that rolls back."""
    page = Level("page", -INF, 50, ROLLBACK)
    emergency = Level("emergency", -INF, 80, HOLD)

    assert limit(WARNING, page, emergency).claim(reading(90)).facts.level == "page"


def test_the_severest_of_equal_decisions_is_named():
    """With its action: that is what has to be done now."""
    facts = limit(WARNING, CRITICAL, EMERGENCY).claim(reading(90)).facts

    assert (facts.level, facts.action, facts.runbook) == ("emergency", "page", "#emergency")


@pytest.mark.parametrize(
    ("value", "truth"), [(9.99, REFUTED), (10, PROVEN), (500, PROVEN), (1000, PROVEN), (1000.01, REFUTED)]
)
def test_a_range_has_two_ends_that_are_inside(value, truth):
    assert limit(RANGE).claim(reading(value)).truth is truth


@pytest.mark.parametrize(("value", "truth"), [(0.71, PROVEN), (0.70, PROVEN), (0.69, REFUTED)])
def test_a_lower_limit(value, truth):
    confidence = Limit("confidence", "confidence", "", (Level("warning", 0.70, INF, HOLD),))

    assert confidence.claim(Reading.exactly(value, name="confidence")).truth is truth


@pytest.mark.parametrize(
    ("value", "unit", "truth"),
    [(0.04, "s", PROVEN), (0.0401, "s", REFUTED), (40_000, "us", PROVEN), (40_001, "us", REFUTED)],
)
def test_levels_convert_to_the_metrics_unit(value, unit, truth):
    """A limit that is met exactly is met in any unit."""
    assert limit().claim(reading(value, unit)).truth is truth


def test_another_kind_of_unit_is_refused():
    for unit in ("MB", "", "ms/h"):
        with pytest.raises(QuantityError, match="cannot be compared"):
            limit().claim(reading(5, unit))


def test_another_metric_is_refused():
    """A budget cannot be met by the wrong number, nor by one that was calculated from the right one."""
    for other in (Reading.exactly(5, "ms", name="p50"), reading(5) * 1, reading(5) - 1, -reading(-5)):
        with pytest.raises(QuestionError, match="budget 'p99' judges 'latency', not"):
            limit().claim(other)


@pytest.mark.parametrize("other", [5, "5 ms", None, True, np.float64(5), [reading(5)], limit()])
def test_what_is_no_estimate_is_refused(other):
    with pytest.raises(QuestionError, match="judges an estimate"):
        limit().claim(other)


def test_in_asks_the_claim():
    assert reading(25) in limit()
    assert reading(45) not in limit()
    with pytest.raises(Inconclusive, match="warning"):
        assert sample(30, 35, 45) in limit()
    with pytest.raises(Inconclusive):
        assert sample(30, 35, 45) not in limit()


def test_the_unknown_is_doubt_with_its_own_reason():
    unknown = Reading.unknown("the source is down", reason=Reason.STALE, name="latency", unit="ms")
    with pytest.raises(Inconclusive) as doubt:
        assert unknown in limit()

    assert doubt.value.reason == "stale"
    assert "the source is down" in str(doubt.value)


@pytest.mark.parametrize(
    ("estimate", "alpha"), [(reading(65), 0), (sample(61, 70, 75), 0.05), (reading(25), 1), (sample(30, 50, 70), 1)]
)
def test_alpha_of_a_level(estimate, alpha):
    assert limit().claim(estimate).facts.alpha == alpha


@pytest.mark.parametrize("estimate", [sample(1200, 1300, 1400), sample(1, 3, 5)])
def test_alpha_of_a_range_counts_both_of_its_ends(estimate):
    """Within noise that is wider than the range, either end seems to be crossed by chance."""
    assert limit(RANGE).claim(estimate).facts.alpha == 0.1
    assert limit(RANGE).claim(reading(1200)).facts.alpha == 0


def test_alpha_is_asked_at_the_level_that_is_crossed():
    """In the metric's unit."""
    seen = []

    def level(at, above):
        seen.append((at, above))
        return 0.003

    estimate = Estimate(0.07, 0.061, 0.08, unit="s", name="latency", refuting_level=level)

    assert limit().claim(estimate).facts.alpha == 0.003
    assert seen == [(0.06, True)]


def test_what_can_roll_back_is_said_even_when_it_does_not():
    """Holm's family counts the triggers that were planned, not those that fired."""
    assert limit().claim(reading(25)).facts.trigger is True
    assert limit(WARNING).claim(reading(25)).facts.trigger is False


@pytest.mark.parametrize(
    ("value", "shown"),
    [(25, "≤ 40 ms (warning)"), (45, "≤ 40 ms (warning)"), (65, "≤ 60 ms (critical)"), (60.0001, "≤ 60 ms (critical)")],
)
def test_the_limit_that_decides_is_shown(value, shown):
    facts = limit().claim(reading(value)).facts

    assert facts.limit == shown
    assert facts.text == "latency in budget('p99')"


def test_ranges_are_shown_with_both_ends():
    assert limit(RANGE).claim(reading(5)).facts.limit == "10 … 1 000 ms (warning)".replace(" 000", " 000")
    lower = Limit("p99", "latency", "ms", (Level("warning", 10, INF, HOLD),))
    assert lower.claim(reading(5)).facts.limit == "≥ 10 ms (warning)"


def test_a_value_just_beyond_is_shown_beyond():
    """60.0001 is not shown as "60 > 60"."""
    assert limit().claim(reading(60.0001)).facts.subject == "latency = 60.0001 ms"


def test_a_severe_level_that_comes_first_is_out_of_order():
    """It could never be the worse one."""
    assert out_of_order([WARNING, CRITICAL]) == []
    assert out_of_order([CRITICAL, WARNING]) == [(WARNING, CRITICAL)]
    assert out_of_order([RANGE, Level("critical", 20, 5000, ROLLBACK)]) != []
    assert out_of_order([RANGE, Level("critical", 10, 1000, ROLLBACK)]) == []


def test_only_warning_and_critical_have_a_decision_of_their_own():
    assert {"warning": HOLD, "critical": ROLLBACK} == DEFAULT_DECISIONS
