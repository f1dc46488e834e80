"""Actions in plans: what cannot be meant is refused where it stands, all of it at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

PLAN = """
rollout: demo
rto: 2m
metrics:
  served: {unit: "%", better: lower, source: telemetry, query: served}
phases:
  phase1: {}
  phase2:
    on_rollback:
      actions: [{kind: command, run: [./own.sh]}]
      verify: [{metric: served, at_most: 0.5 %}]
on_rollback:
  actions:
    - {kind: flag_file, set: {a.b: '{percentage}', on: false}}
  verify:
    - {flag: a.b, is: '{percentage}'}
environments:
  production:
    sources:
      telemetry: {kind: prometheus, url: "http://prometheus"}
"""


def test_a_phase_has_its_own_or_the_plan_s(load):
    plan = load(PLAN)
    first, second = (plan.phases[name].responses["on_rollback"] for name in ("phase1", "phase2"))

    assert plan.rto == timedelta(minutes=2)
    assert first.actions[0].options == {"set": {"a.b": "{percentage}", "on": False}}
    assert [each.kind for each in second.actions] == ["command"]
    assert second.verify[0].number == 0.5
    assert first.verify[0].number is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rto: 2m\n", "", "on_rollback: 'on_rollback', and nothing says how long it may take"),
        ("kind: flag_file", "kind: flag_fil", "unknown word 'flag_fil'"),
        ("set: {a.b: '{percentage}', on: false}", "set: {}", "option 'set' is a mapping of names"),
        ("'{percentage}', on", "{percentage}, on", "is neither true, false, a number nor a text"),
        ("'{percentage}', on", "'{percent}', on", "unknown word '{percent}'\n  words in braces: percentage, phase"),
        ("on: false}}", "on: false}, pth: x}", "unknown key 'pth'"),
        ("run: [./own.sh]", "run: []", "option 'run' is a list of texts, the program first"),
        ("run: [./own.sh]", "run: ./own.sh", "option 'run' is a list of texts, the program first"),
        ("  verify:\n    - {flag: a.b, is: '{percentage}'}\n", "", "'verify' is missing"),
        (
            "metric: served, at",
            "metric: servd, at",
            "unknown metric 'servd'\n  metrics: served\n  did you mean 'served'?",
        ),
        ("at_most: 0.5 %", "at_most: 5 ms", "'ms' (time) cannot be compared with '%'"),
        ("at_most: 0.5 %", "above: 5 %", "unknown key 'above'"),
        ("at_most: 0.5 %", "at_most: 5 %, is: 5 %", "says one of is, at_most, at_least"),
        ("{flag: a.b,", "{flag: a.b, metric: served,", "a condition is of one metric or of one flag"),
        ("is: '{percentage}'", "is: 'x{percentage}'", "one word may stand here"),
        ("is: '{percentage}'", "is: '${X}'", "environment variables are not filled in here"),
        (
            "kind: command, run: [./own.sh]",
            "kind: http, method: GET, path: /x",
            "option 'method' is one of DELETE, PATCH, POST, PUT",
        ),
        ("kind: command, run: [./own.sh]", "kind: http, method: PUT, path: x", "option 'path' begins with '/'"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(refusal, old, new, said):
    assert PLAN.count(old) == 1

    message = refusal(PLAN.replace(old, new))

    assert said in message
    assert all(line.startswith(("rollout.yaml:", "  ")) for line in message.splitlines())


def test_an_objective_for_nothing_is_refused(refusal):
    plan = PLAN[: PLAN.index("  phase2:")] + PLAN[PLAN.index("environments:") :]

    assert "rto: 'rto' is for on_rollback and on_proceed, and there is neither" in refusal(plan)


def test_all_problems_at_once(refusal):
    message = refusal(PLAN.replace("flag_file", "flagfile").replace("0.5 %", "5 ms").replace("rto: 2m\n", ""))

    assert len([line for line in message.splitlines() if line.startswith("rollout.yaml:")]) == 3


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("[{every: 1m, for: 15m}, {every: 30m}]", ""),
        ("[{every: 1m, for: 15m}]", "the last stretch ends"),
        ("[{every: 1m}, {every: 30m}]", "a stretch without an end"),
        ("[{every: 1h, for: 2h}, {every: 30m}]", "more often than before"),
        ("[{every: 1h, for: 2m}, {every: 2h}]", "shorter than the time between two looks"),
        ("[{for: 2h}]", "'every' is missing"),
    ],
)
def test_a_schedule_goes_from_often_to_rare(load, refusal, schedule, said):
    text = PLAN.replace("phase1: {}", f"phase1: {{schedule: {schedule}, checkpoint: {{name: hour 4, held: 24h}}}}")

    if said:
        assert said in refusal(text)
    else:
        phase = load(text).phases["phase1"]
        assert [look.every.total_seconds() for look in phase.schedule] == [60, 1800]
        assert phase.checkpoint.held == timedelta(hours=24)
        assert phase.checkpoint.name == "hour 4"
