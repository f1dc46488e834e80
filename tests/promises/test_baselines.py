"""What was before: `rollout baseline record` writes it down, and a baseline that does not count is a HOLD."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind

PLAN = """
rollout: shop
metrics:
  memory: {title: Memory, unit: MB, better: lower, source: telemetry, query: rss, step: 1h}
budgets:
  memory: {phases: [phase1], against: baseline, warning: +10 %, critical: +20 %}
phases:
  phase1: {title: Canary, minimum: 1d}
environments:
  test: &here
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
  staging:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
GATES = """
def test_the_baseline_is_known(metrics, baseline):
    '''Memory, as a plain ratio.'''
    assert metrics("memory") / baseline("memory") < 2
"""
DAYS = [500, 505, 495, 502, 498, 503, 497, 501, 499, 504, 496, 500, 503, 497]


def series(*days):
    """One level a day, by the hour, up to now."""
    return {"values": [level for level in days for _ in range(24)], "every": "1h"}


@pytest.fixture
def shop(project, past):
    """A rollout whose phase began two days ago."""
    project.write("gates/shop/rollout.yaml", PLAN.replace("&here", ""))
    project.gate(GATES)
    past.write(past.begun("phase1", past.ago(days=2)))
    project.answers(rss=series(*DAYS))
    return project


def record(project, *words, env="test"):
    """The command; its exit code and all that it said."""
    done = project.rollout("baseline", "record", "gates/shop", "--rollout-env", env, *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def recorded(shop):
    """Its fourteen days before are in the ledger."""
    code, said = record(shop)
    assert code == 0, said
    assert re.fullmatch(r"memory: 500 MB over 14 days; they differ by [12]\.\d\d% at most\n", said)
    return shop


def test_what_cannot_be_asked_is_said_with_what_would_do(shop):
    """A fortnight with a sample a minute is more than Prometheus answers; nobody has to be asked to know that."""
    plan = PLAN.replace("&here", "").replace(", step: 1h", "")
    prometheus = "telemetry: {kind: prometheus, url: 'http://127.0.0.1:9'}"
    shop.write("gates/shop/rollout.yaml", plan.replace("telemetry: {kind: memory, answers: answers.yaml}", prometheus))

    code, said = record(shop)

    assert code == 1
    assert "20160 points are asked for" in said
    assert "ask for a step of 110 s or more, or a shorter window" in said


@pytest.mark.parametrize(
    ("today", "exit_code", "codes"), [(500, 0, set()), (570, 1, {"warning"}), (640, 20, {"critical"})]
)
def test_a_change_is_judged(recorded, today, exit_code, codes):
    """By the last 24 hours, in per cent of what was before."""
    recorded.answers(rss=series(*DAYS, today))

    result = recorded.run()

    assert (result.ret, result.codes) == (exit_code, codes), result.text
    # The last three of the fourteen that were recorded ended after the phase had begun.
    assert "last 24 h against 11 days, before/after, not randomised" in str(result.verdict)


def test_bounds_hold_for_all_days_of_a_longer_phase(recorded):
    """Who looks for eight weeks looks more often than who looks for two: the bounds are wider."""
    recorded.answers(rss=series(*DAYS, 505))

    def width(minimum):
        recorded.write("gates/shop/rollout.yaml", PLAN.replace("&here", "").replace("minimum: 1d", minimum))
        (verdict,) = recorded.run().verdict["verdicts"]
        (claim,) = next(gate for gate in verdict["gates"] if gate["id"].endswith("::memory"))["claims"]
        return claim["high"] - claim["low"]

    assert width("minimum: 14d") == pytest.approx(width("minimum: 1d"))
    assert width("minimum: 56d") > 1.1 * width("minimum: 14d")


def doubled(hours):
    """Nearly twice as much for the last hours, of a day that was as always."""
    before = series(*DAYS)["values"]
    return {"values": [*before[hours:], *[980] * hours], "every": "1h"}


@pytest.mark.parametrize("minimum", ["1d", "1h"])
def test_a_phase_that_is_younger_than_a_day(recorded, past, minimum):
    """The last 24 hours were mostly before it: nothing is proven of what it does, and the pipeline waits."""
    recorded.write("gates/shop/rollout.yaml", PLAN.replace("&here", "").replace("1d}", f"{minimum}}}"))
    past.write(past.begun("phase1", past.ago(hours=2)))
    recorded.answers(rss=doubled(2))
    recorded.gate("def test_little(baseline):\n    'Little.'\n    assert baseline('memory').change < '15 %'\n")

    result = recorded.run()

    result.holds("information", *(["hold-time"] if minimum == "1d" else []), exit_code=10)
    said = " ".join(str(result.verdict).split())
    assert f"no whole day has passed since {past.ago(hours=2):%Y-%m-%d %H:%M} UTC" in said
    assert f"more: until {past.ago(hours=-22):%Y-%m-%d %H:%M} UTC" in said


def test_a_phase_that_begins_with_this_run(recorded, past):
    """Has no day of its own."""
    past.write(past.begun("phase1", past.ago(hours=24.1)))
    recorded.run().proceeds()
    recorded.write("gates/shop/rollout.yaml", PLAN.replace("&here", "").replace("phase1", "phase2"))
    recorded.write("gates/shop/test_phase1.py", "")

    recorded.run(phase="phase2").holds("information", "hold-time", exit_code=10)


STAGED = (
    PLAN.replace("&here", "")
    .replace("rollout: shop", "rollout: shop\npercentage: served")
    .replace("metrics:\n", 'metrics:\n  served: {unit: "%", source: telemetry, query: served}\n')
    .replace("minimum: 1d", "stages: [{traffic: 5 %}, {traffic: 100 %}]")
)


@pytest.mark.parametrize(("hours", "exit_code"), [(2, 10), (25, 0)])
def test_a_stage_that_is_younger_than_a_day(recorded, past, hours, exit_code):
    """The phase is two days old, and its traffic not: what it was before is no word about the stage."""
    came = past.ago(hours=hours)
    past.write(past.served(5, past.ago(days=2)), past.judged("phase1", came, stage="5 %"), past.served(100, came))
    recorded.write("gates/shop/rollout.yaml", STAGED)
    recorded.answers(rss=doubled(2) if exit_code else series(*DAYS), served=100)

    result = recorded.run()

    assert result.ret == exit_code, result.text
    assert result.codes == ({"information"} if exit_code else set())


def test_an_acute_breach_needs_no_day(recorded, past):
    """A level with `for` judges the raw series: a phase of two hours goes back."""
    plan = PLAN.replace("&here", "").replace("critical: +20 %", "critical: {limit: +20 %, for: 2h}")
    recorded.write("gates/shop/rollout.yaml", plan)
    past.write(past.begun("phase1", past.ago(hours=2)))
    recorded.answers(rss=doubled(4))

    result = recorded.run()

    assert result.ret == 20, result.text
    assert "critical" in result.codes


def test_a_breach_in_a_day_with_gaps(recorded, past):
    """Of such a day nobody knows the mean; what was held in it is known all the same, and takes the release back."""
    plan = PLAN.replace("&here", "").replace("critical: +20 %", "critical: {limit: +20 %, for: 2h}")
    recorded.write("gates/shop/rollout.yaml", plan)
    values = doubled(6)["values"]
    gappy = [value if not 12 <= len(values) - place < 20 else "NaN" for place, value in enumerate(values)]
    recorded.answers(rss={"values": gappy, "every": "1h"})

    result = recorded.run()

    assert result.ret == 20, result.text
    assert "critical" in result.codes


@pytest.mark.parametrize(("window", "exit_code", "code"), [("96h", 1, "invalid"), ("336h", 20, "critical")])
def test_days_of_the_release_are_none_from_before(shop, past, window, exit_code, code):
    """Whoever records in the middle of a phase does not make what it broke the measure of it."""
    past.write(past.begun("phase1", past.ago(days=5)))
    shop.answers(rss=series(*DAYS, 990, 1000, 1001, 1002, 1000))
    assert record(shop, "--window", window)[0] == 0

    result = shop.run()

    result.holds(code, exit_code=exit_code)
    if code == "invalid":
        doubted(result, code, "the baseline of memory was recorded of days that the release was in, since")
        assert "--window 457h" in str(result.verdict)  # fourteen days before five days ago, and a little


def test_days_of_a_phase_before_are_none_from_before(shop, past):
    """What the canary broke is no measure for everybody, though it was recorded before everybody came."""
    plan = PLAN.replace("&here", "").replace("[phase1]", "[canary, phase1]")
    shop.write("gates/shop/rollout.yaml", plan.replace("phases:\n  phase1", "phases:\n  canary: {}\n  phase1"))
    past.write(past.begun("canary", past.ago(days=16.5)))
    shop.answers(rss=series(*(2 * day for day in DAYS), 1000, 1000))
    assert record(shop, "--window", "336h")[0] == 0

    doubted(shop.run(), "invalid", "the baseline of memory was recorded of days that the release was in, since")


def test_what_is_recorded(recorded, past):
    """With its provenance: when, by whom, from which source, and what was asked; the last one recorded counts."""
    (entry,) = past.entries(Kind.BASELINE)
    assert {"metric": "memory", "unit": "MB", "source": "telemetry"}.items() <= entry.body.items()
    assert (len(entry.body["days"]), len(entry.body["logs"]), len(entry.body["asked"])) == (14, 14, 16)
    assert entry.body["by"]
    assert entry.body["recorded_at"] == entry.at.isoformat()

    recorded.answers(rss=series(*(2 * day for day in DAYS)))
    assert record(recorded)[0] == 0
    recorded.run().proceeds()


def doubted(result, reason, said):
    """Both ways to ask are doubt with this reason, and nothing is a go."""
    result.holds(reason)
    assert said in " ".join(str(result.verdict).split())
    (verdict,) = result.verdict["verdicts"]
    assert {each["id"].rpartition("::")[2] for each in verdict["gates"] if each["reason"] == reason} == {
        "memory",
        "test_the_baseline_is_known",
    }


def test_none_was_recorded(shop):
    """The report says with which command one is."""
    result = shop.run()

    doubted(result, "no-data", "no baseline of memory was recorded in 'test'")
    assert "rollout baseline record" in " ".join(str(result.verdict).split())


def test_an_old_one(recorded, past):
    """Older than the plan allows, however it came to be so old."""
    (entry,) = past.entries(Kind.BASELINE)
    old = (datetime.now(UTC) - timedelta(days=100)).isoformat()
    body = {**entry.body, "recorded_at": old}
    past.write(drafts.recorded(Kind.BASELINE, rollout="shop", environment="test", at=entry.at, body=body))

    doubted(recorded.run(), "stale", "the baseline of memory is 100 d old, and the plan allows 90 d")
    recorded.write("gates/shop/rollout.yaml", PLAN.replace("&here", "") + "baseline: {max_age: 120d}\n")
    recorded.run().proceeds()


def test_a_thin_one_is_not_recorded(shop):
    """Two whole days do not say how much days differ: nothing is written, and the run is in doubt."""
    shop.answers(rss=series(500, 505))

    code, said = record(shop)

    assert code == 1
    assert said == "memory: 2 whole days in 14 d, and at least 3 are needed\nnothing was recorded\n"
    doubted(shop.run(), "no-data", "no baseline of memory was recorded")


def test_a_thin_one_that_was_written_by_hand(recorded, past):
    """Is a value without bounds: a plain ratio may use it, a change may not."""
    (entry,) = past.entries(Kind.BASELINE)
    body = {**entry.body, "days": entry.body["days"][:2], "logs": entry.body["logs"][:2]}
    past.write(drafts.recorded(Kind.BASELINE, rollout="shop", environment="test", at=entry.at, body=body))

    result = recorded.run()

    assert (result.ret, result.verdict["decision"]) == (1, "HOLD"), result.text
    assert "2 days before the change are too few" in str(result.verdict)


@pytest.mark.parametrize(("was", "now"), [("query: rss", "query: heap"), ("unit: MB", "unit: GB")])
def test_one_of_another_question(recorded, was, now):
    """A query that was changed since, or a unit."""
    recorded.write("gates/shop/rollout.yaml", PLAN.replace("&here", "").replace(was, now))
    recorded.answers(rss=series(*DAYS), heap=series(*DAYS))

    doubted(recorded.run(), "invalid", "the baseline of memory was recorded with another query or unit")


def test_one_of_another_environment(shop):
    """Of staging, which is another system."""
    assert record(shop, env="staging")[0] == 0

    said = "no baseline of memory was recorded in 'test'; the one of environment 'staging' is of another system"
    doubted(shop.run(), "no-data", said)


@pytest.mark.parametrize(
    "changed",
    [{"logs": ["x"]}, {"logs": None}, {"recorded_at": "then"}, {"days": []}, {"days": ["2026-10-01T00:00:00"] * 14}],
)
def test_a_damaged_one(recorded, past, changed):
    (entry,) = past.entries(Kind.BASELINE)
    body = {**entry.body, **changed}
    past.write(drafts.recorded(Kind.BASELINE, rollout="shop", environment="test", at=entry.at, body=body))

    doubted(recorded.run(), "no-data", "the baseline of memory is damaged")


def test_days_with_gaps(shop):
    """Are left out, and said to be; what is 0 or less has no logarithm."""
    values = series(*DAYS)["values"]
    holes = [value if number // 24 != 5 or number % 4 else None for number, value in enumerate(values)]
    shop.answers(rss={"values": [500 if value is None else value for value in holes], "every": "1h"})
    assert record(shop)[0] == 0
    shop.answers(rss={"values": [0, *values[1:]], "every": "1h"})

    code, said = record(shop)

    assert code == 1
    assert "values are 0 or less" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metric", "memroy"), "did you mean 'memory'?"),
        (("--window", "soon"), "soon"),
        (("--metric", ""), "shop has no metric ''"),
    ],
)
def test_what_cannot_be_recorded(shop, words, said):
    code, told = record(shop, *words)

    assert code in {2, 4}, told
    assert said in told


def test_an_environment_that_cannot_remember(shop):
    """No ledger, no baseline; an embedded world brings its own."""
    shop.write("gates/shop/rollout.yaml", PLAN.replace("&here", "").replace("    ledger: ledger.sqlite\n", "", 1))
    code, said = record(shop)
    assert code == 4
    assert "names no ledger" in said


def test_a_source_that_is_down(shop):
    """Is no baseline, and the reason is said."""
    shop.answers(rss={"error": "connection refused"})

    code, said = record(shop)

    assert code == 1
    assert "connection refused" in said
    assert said.endswith("nothing was recorded\n")
    assert json.loads((shop.gates / "answers.yaml").read_text("utf-8"))["rss"]
