"""What a plan says of its experiments: how old rows may be, and that somebody says who gets what."""

from datetime import timedelta

import pytest

PLAN = """rollout: demo
percentage: served
experiment:
  unit: customer
  arms: {control: old, treatment: new}
  assignment: {salt: demo}
metrics:
  served: {unit: "%", source: telemetry, query: served}
  latency: {unit: ms, better: lower, samples: rows.latency_ms}
  score: {better: higher, samples: suite.score, pairs: question}
budgets:
  latency.p50: {phases: [canary], against: control, warning: +3 ms}
phases:
  canary:
    traffic: 20 %
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: {served: 20}}
      rows: {kind: memory, answers: {none: 0}}
      suite: {kind: memory, answers: {none: 0}}
"""
UNSAID = "rollout.yaml:14:3: phases.canary: 'assignment' in the experiment of 'canary', and nobody says which part of"


@pytest.mark.parametrize(
    ("every", "said", "rows", "pairs"),
    [
        pytest.param("", "", timedelta(hours=1), timedelta(days=1), id="nothing-said"),
        pytest.param("every: 6h", "", timedelta(hours=6), timedelta(days=1), id="every"),
        pytest.param("every: 2d", "", timedelta(days=2), timedelta(days=2), id="rare"),
        pytest.param("every: 2d", ", max_age: 10m", timedelta(minutes=10), timedelta(minutes=10), id="said"),
        pytest.param("", ", max_age: any", None, None, id="any"),
    ],
)
def test_how_old_rows_may_be(load, every, said, rows, pairs):
    """What a metric that is polled may be would hold every look at rows that come by the hour."""
    text = PLAN.replace("rows.latency_ms", "rows.latency_ms" + said).replace("question}", "question" + said + "}")

    plan = load(text.replace("percentage: served", "percentage: served\n" + every))

    assert plan.metrics["latency"].max_age == rows
    assert plan.metrics["score"].max_age == pairs
    assert plan.metrics["served"].max_age == timedelta(minutes=5)


@pytest.mark.parametrize("better", ["better: higher, ", ""])
def test_what_never_ended_is_never_good(load, refusal, better):
    """Endless, or true, would be the best that a row could be: such a row may stand for harm alone."""
    latency = "{unit: ms, better: lower, samples: rows.latency_ms"
    text = PLAN.replace("budgets:\n  latency.p50: {phases: [canary], against: control, warning: +3 ms}\n", "")

    assert load(text.replace(latency, latency + ", timed_out: late")).metrics["latency"].samples.timed_out == "late"
    said = refusal(text.replace(latency, f"{{unit: ms, {better}samples: rows.latency_ms, timed_out: late"))
    assert (
        "metrics.latency.timed_out: 'timed_out' where lower is not better: what never ended would count as good" in said
    )


@pytest.mark.parametrize(
    "said", ["traffic: 20 %", "stages: [{traffic: 5 %}, {traffic: 50 %}]", "experiment: {shares: {treatment: 20 %}}"]
)
def test_who_is_treated_is_said_by_traffic_stages_or_shares(load, said):
    assert load(PLAN.replace("traffic: 20 %", said)).phases["canary"].compares


def test_an_assignment_of_which_nobody_says_how_much_is_treated_is_refused(load, refusal):
    """A phase that compares nothing may leave it open."""
    open_ = PLAN.replace("    traffic: 20 %", "    title: Canary")

    assert refusal(open_).startswith(
        f"{UNSAID} the units is treated\n  write 'traffic' or 'stages' in the phase, or 'shares' in the experiment"
    )
    alone = open_.replace("budgets:\n  latency.p50: {phases: [canary], against: control, warning: +3 ms}\n", "")
    assert not load(alone).phases["canary"].compares


def test_traffic_says_nothing_of_arms_with_other_names(refusal):
    told = refusal(PLAN.replace("treatment: new", "w020: new, w030: newer"))

    assert f"{UNSAID} the units each arm has" in told
    assert "write 'shares' for control, w020, w030" in told
