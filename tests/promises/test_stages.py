"""Stages: the traffic that is served decides which gates count, where it goes next, and where a rollback takes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.past import ABOUT

from pytest_rollout.decisions import Reason
from pytest_rollout.ledger import drafts

PLAN = """
rollout: shop
every: 6h
percentage: canary
metrics:
  canary: {unit: "%", source: telemetry, query: canary}
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
  latency_ms: {title: P99 latency, unit: ms, better: lower, source: telemetry, query: latency}
budgets:
  latency_ms:
    phases: [phase1]
    warning: 40 ms
    critical: {limit: 60 ms, to: half}
    emergency: {limit: 90 ms, decision: rollback, to: 0 %}
phases:
  phase1:
    title: Gradual
    stages:
      - {traffic: 5 %, hold: 48h}
      - {traffic: 25 %, hold: 48h}
      - {traffic: 50 %, hold: 72h}
      - {traffic: 100 %}
    exit: {green: 2d}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
GATES = """
@pytest.mark.stage("25 %")
def test_no_errors_at_25(metrics):
    '''No errors at a quarter.'''
    assert metrics("errors") == 0


@pytest.mark.stage("5 %", "100 %")
@pytest.mark.rollback(to="0 %")
def test_orders_keep_coming(metrics):
    '''Orders do not collapse.'''
    assert metrics("orders") > 100
"""
STEPS = {5: 2, 25: 2, 50: 3, 100: 0}


@pytest.fixture
def gradual(project):
    """A phase in four stages, with gates for some of them."""
    project.write("gates/shop/rollout.yaml", PLAN)
    project.gate(GATES)
    return project


@pytest.fixture
def at_stage(gradual, past):
    """The rollout as it stands at a stage: every one before was held, this one for some days."""

    def at_stage(percent, *, days=2.5, served=None, **answers):
        before = [each for each in STEPS if each < percent]
        start = past.ago(days=days + sum(STEPS[each] for each in before))
        moment, served_then = start, []
        for each in before:
            served_then.append(past.served(each, moment))
            moment += timedelta(days=STEPS[each])
            served_then.append(past.judged("phase1", moment - timedelta(minutes=1), stage=f"{each} %"))
        past.write(*past.lived("phase1", start), *served_then, past.served(percent, moment))
        gradual.answers(canary=percent if served is None else served, **answers)
        return gradual

    return at_stage


def over(past, *, stage="5 %", now=False):
    """A run at a stage said PROCEED: an hour ago, or now."""
    return past.judged("phase1", datetime.now(UTC) if now else past.ago(hours=1), stage=stage)


def judged(result):
    """The verdict on the one phase, and its gates by the end of their names."""
    (verdict,) = result.verdict["verdicts"]
    return verdict, {each["id"].rpartition("::")[2]: each for each in verdict["gates"]}


def traffic(result):
    verdict, _ = judged(result)
    return tuple(verdict[f"{name}_percentage"] for name in ("current", "next", "rollback"))


def applied(result):
    """The gates that are for this stage."""
    return {name for name, gate in judged(result)[1].items() if gate["applies"]}


@pytest.mark.parametrize(
    ("percent", "following", "gates"),
    [
        (5, 25, {"stage", "hold", "latency_ms", "test_orders_keep_coming"}),
        (25, 50, {"stage", "hold", "latency_ms", "test_no_errors_at_25"}),
        (100, None, {"stage", "green", "latency_ms", "test_orders_keep_coming"}),
    ],
)
def test_gates_of_a_stage(at_stage, percent, following, gates):
    """Those for another are listed, do not count, and are not run."""
    result = at_stage(percent, days=3.5).run()

    result.proceeds()
    verdict, found = judged(result)
    assert traffic(result) == (percent, following, None)
    assert verdict["stage"] == f"{percent} %"
    assert applied(result) == gates
    for name in found.keys() - gates:
        assert (found[name]["counts"], found[name]["claims"]) == (False, [])
        assert found[name]["sentence"]


def test_a_gate_for_another_stage_says_so(at_stage):
    """With its stages and what is served."""
    result = at_stage(25).run()
    _, found = judged(result)

    result.stdout.fnmatch_lines(["*- (other stage) *orders_keep_coming *for 100 %, 5 %; the traffic is 25 %*"])
    assert found["test_orders_keep_coming"]["sentence"] == "for 100 %, 5 %; the traffic is 25 %"
    assert found["green"]["sentence"] == "asked at 100 %, the last stage; this is 25 %"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_gate_for_another_stage_fails_nothing(at_stage, workers):
    """Errors matter at 25 %; at 5 % nobody asks. And the other way round."""
    at_stage(5, errors=3).run(*workers).proceeds()


def test_a_gate_of_this_stage_fails(at_stage):
    at_stage(25, errors=3).run().holds("failed")


def test_a_stage_at_which_nothing_is_measured(at_stage, gradual, past):
    """Its time is over, and nobody has looked at the release: no go, and no wait."""
    before = PLAN[: PLAN.index("budgets:")]
    gradual.write("gates/shop/rollout.yaml", before + PLAN[PLAN.index("phases:\n  phase1") :])
    for days in (2.5, 0.5):
        result = at_stage(50, days=days + 3 * (days > 1)).run()

        assert result.ret == 1, result.text
        assert "no-claim" in result.codes
        assert "has no gate here that looks at the release" in " ".join(result.text.split())


def test_a_hold_that_is_not_over(at_stage):
    """The verdict says how long; the pipeline waits."""
    result = at_stage(25, days=0.5).run()

    result.holds("hold-time", exit_code=10)
    verdict, _ = judged(result)
    assert verdict["hold_left"] == pytest.approx(timedelta(hours=36).total_seconds(), abs=120)
    assert traffic(result) == (25, 50, None)


def test_a_hold_begins_with_the_traffic(at_stage, past):
    """The ledger last heard of 5 %: the hold of 25 % begins now, and this run records it, once."""
    project = at_stage(5, served=25)
    past.write(over(past))

    first, second = project.run(), project.run()

    for result in (first, second):
        result.holds("hold-time", exit_code=10)
        assert traffic(result)[0] == 25
    assert [each.body["percentage"] for each in past.entries() if each.kind == "percentage"] == [5, 25]


def stage_began(past, at):
    """A new build at the same traffic."""
    about = {"rollout": "shop", "environment": "test", "phase": "phase1", "by": "deploy-bot"}
    return drafts.stage_start(**about, stage="5 %", percentage=5, at=at)


def taken_back(past, at, *, to=5, phase="phase1"):
    return drafts.rollback(rollout="shop", environment="test", phase=phase, to=to, at=at, by="ada", why="a hotfix")


@pytest.mark.parametrize(
    "again", [stage_began, taken_back, lambda past, at: past.begun("phase1", at)], ids=["stage", "rollback", "phase"]
)
def test_a_hold_that_begins_anew(at_stage, past, again):
    """5 % was served for three days; an hour ago the stage or the phase began once more, or went back to 5 %."""
    project = at_stage(5, days=3)
    project.run().proceeds()
    past.write(again(past, past.ago(hours=1)))

    result = project.run()

    result.holds("hold-time", exit_code=10)
    hour = timedelta(hours=1).total_seconds()
    assert judged(result)[0]["hold_left"] == pytest.approx(47 * hour, abs=120)


def test_a_percentage_that_is_said_again_begins_nothing_anew(at_stage, past):
    """A pipeline that writes down the same number is no new stage."""
    project = at_stage(5, days=3)
    past.write(past.served(5, past.ago(hours=1)))

    project.run().proceeds()


def test_time_in_an_earlier_phase_is_none_in_this_one(gradual, past):
    """5 % were served for three days, in a canary; this phase begins with its first run."""
    past.write(past.begun("canary", past.ago(days=3)), past.served(5, past.ago(days=3), "canary"))
    gradual.answers(canary=5)

    first, second = gradual.run(), gradual.run()

    first.holds("hold-time", exit_code=10)
    second.holds("hold-time", exit_code=10)


@pytest.mark.parametrize("percent", [25, 100])
def test_a_phase_that_begins_anew_begins_with_its_first_stage(at_stage, past, percent):
    """What was said at the stages below was said of the release before."""
    project = at_stage(percent, days=3.5)
    past.write(past.begun("phase1", past.ago(days=3)))

    result = project.run()

    assert result.ret == 1, result.text
    assert "failed" in result.codes
    assert "nothing is known of it at" in " ".join(result.text.split())


def test_a_stage_is_not_over_by_what_was_said_before_it_was_taken_back(at_stage, past):
    """To itself: it must be over once more before the next one comes."""
    project = at_stage(5, days=3, served=25)
    past.write(past.judged("phase1", past.ago(hours=3), stage="5 %"), taken_back(past, past.ago(hours=2)))

    project.run().holds("failed", "hold-time")


AFTER = """
  everyone:
    title: Everyone, the flag is removed
    after: [phase1]
"""
REMOVED = """
import pytest


@pytest.mark.everyone
def test_no_errors(metrics):
    '''No errors.'''
    assert metrics("errors") == 0
"""


@pytest.fixture
def followed(at_stage, gradual):
    """A rollout whose phase in stages another one comes after."""
    gradual.write("gates/shop/rollout.yaml", PLAN.replace("\nenvironments:", f"{AFTER}environments:"))
    gradual.write("gates/shop/test_everyone.py", REMOVED)
    return at_stage


def after_said(result):
    result.holds("prerequisite")
    return " ".join(str(result.verdict).split())


def test_a_phase_in_stages_is_over_at_its_last(followed):
    """And not when a run at an earlier one said PROCEED, which is a word about the next stage."""
    project = followed(5)
    project.run().proceeds()
    assert "when it was at 5 %: its last stage is 100 %" in after_said(project.run(phase="everyone"))


def test_a_phase_that_is_over(followed):
    project = followed(100, days=3.5)
    project.run().proceeds()
    project.run(phase="everyone").proceeds()


@pytest.mark.parametrize(
    "again", [stage_began, lambda past, at: past.begun("phase1", at)], ids=["a-stage-of-it", "itself"]
)
def test_a_phase_that_was_over_and_began_again(followed, past, again):
    """What was said of the release before is no word about this one; all of it later than what was judged before."""
    project = followed(100, days=3.5)
    past.write(past.judged("phase1", past.ago(seconds=30), stage="100 %"), again(past, past.ago(seconds=10)))

    said = after_said(project.run(phase="everyone"))

    assert f"phase1 said PROCEED at {past.ago(seconds=30):%Y-%m-%d %H:%M} UTC, and began again at" in said


@pytest.mark.parametrize(
    "back",
    [
        lambda past, at: taken_back(past, at, to=0),
        lambda past, at: taken_back(past, at, to=0, phase=""),
        lambda past, at: past.served(0, at),
    ],
    ids=["by-its-name", "by-no-name", "by-its-traffic"],
)
def test_a_phase_that_was_over_and_was_taken_back(followed, past, back):
    """By a rollback that names it or none, or by what it serves."""
    project = followed(100, days=3.5)
    at = past.ago(seconds=10)
    past.write(past.judged("phase1", past.ago(seconds=30), stage="100 %"), back(past, at))

    said = after_said(project.run(phase="everyone"))

    assert f"and was taken back to 0 % at {at:%Y-%m-%d %H:%M} UTC" in said


def test_a_later_phase_that_was_taken_back(followed, past):
    """Leaves the one before it over."""
    project = followed(100, days=3.5)
    back = taken_back(past, past.ago(seconds=10), to=100, phase="everyone")
    past.write(past.judged("phase1", past.ago(seconds=30), stage="100 %"), back)

    project.run(phase="everyone").proceeds()


def test_a_stage_that_was_left_out(at_stage):
    """5 to 50: go back, and through every stage."""
    result = at_stage(5, served=50).run()

    result.holds("failed", "hold-time")
    assert "the traffic went from 5 % to 50 % and left out a stage" in " ".join(result.text.split())


def test_a_stage_that_was_left_out_stays_so(at_stage):
    """The run that sees it records 50 %, and makes it no better for the next one."""
    project = at_stage(5, served=50)
    project.run().holds("failed", "hold-time")

    project.run().holds("failed", "hold-time")


def test_a_stage_that_was_left_out_is_made_up_for(at_stage, past):
    """By going back and through each."""
    project = at_stage(5, served=50)
    project.run().holds("failed", "hold-time")
    project.answers(canary=5)
    project.run().holds("hold-time", exit_code=10)
    past.write(over(past, now=True))
    project.answers(canary=25)
    project.run().holds("hold-time", exit_code=10)
    past.write(over(past, stage="25 %", now=True))
    project.answers(canary=50)

    project.run().holds("hold-time", exit_code=10)


def test_a_stage_that_was_not_over(at_stage):
    """5 to 25 before any run at 5 % said PROCEED, be it for its hold, its signatures or its gates: go back."""
    project = at_stage(5, days=0.5, served=25)

    first, second = project.run(), project.run()

    for result in (first, second):
        result.holds("failed", "hold-time")
        assert "from 5 % to 25 % too early: no run at 5 % has said PROCEED since" in " ".join(result.text.split())


def test_a_stage_that_was_over_before_the_traffic_went_back(at_stage, past):
    """After a rollback to 5 % it has to be over once more."""
    project = at_stage(25)
    past.write(past.served(5, past.ago(hours=3)))

    project.run().holds("failed", "hold-time")
    past.write(past.served(5, past.ago(hours=2)), over(past))

    project.run().holds("hold-time", exit_code=10)


@pytest.mark.parametrize(("kind", "mode"), [("HOLD", "live"), ("PROCEED", "past")])
def test_what_makes_no_stage_over(at_stage, past, kind, mode):
    """A HOLD that only waits, and a run that judged the past."""
    project = at_stage(5, served=25)
    reasons = [Reason.HOLD_TIME] if kind == "HOLD" else []
    judged = past.judged("phase1", past.ago(hours=1), *reasons, stage="5 %")
    past.write(replace(judged, body={**judged.body, "mode": mode}))

    project.run().holds("failed", "hold-time")


@pytest.mark.parametrize(("first", "codes"), [(5, {"hold-time"}), (25, {"failed", "hold-time"})])
def test_the_first_traffic_that_anybody_saw(gradual, past, first, codes):
    """Is reached where it is the first stage; where it is another, nothing is known of those before."""
    past.write(past.begun("phase1", past.ago(days=3)))
    gradual.answers(canary=first)

    result = gradual.run()

    result.holds(*codes, exit_code=1 if "failed" in codes else 10)
    assert ("and nothing is known of it at 5 %" in " ".join(result.text.split())) is ("failed" in codes)


@pytest.mark.parametrize("served", [30, 3, 0, 4.9])
def test_a_percentage_that_is_no_stage(at_stage, served):
    """Whatever it is near to."""
    result = at_stage(5, served=served).run()

    assert result.ret == 1, result.text
    assert "failed" in result.codes
    assert judged(result)[0]["stage"] is None


@pytest.mark.parametrize("answer", [{"error": "the service is down"}, float("nan"), "many"])
def test_an_unknown_percentage(at_stage, answer):
    """Nobody knows which gates count, so it is a HOLD, and no wait."""
    result = at_stage(25, served=answer).run()

    assert result.ret == 1, result.text
    assert result.verdict["decision"] == "HOLD"
    assert traffic(result) == (None, None, None)
    result.is_calm()


def test_an_unknown_percentage_goes_back_to_nothing(at_stage):
    """A trigger that fires where nobody knows the traffic takes all of it back."""
    result = at_stage(25, served=float("nan"), latency=70).run()

    assert result.ret == 20, result.text
    assert traffic(result) == (None, None, 0)


def test_a_stage_of_a_phase_that_has_none(gradual, at_stage):
    """No percentage is asked there, so nobody knows whether the gate is for now."""
    plan = PLAN[: PLAN.index("budgets:")] + "phases: {phase1: {}}\n" + PLAN[PLAN.index("environments:") :]
    gradual.write("gates/shop/rollout.yaml", plan)

    at_stage(25).run().holds("no-data")


@pytest.mark.parametrize(
    ("percent", "latency", "back"),
    [(25, 70, 12.5), (50, 70, 25), (25, 100, 0), (5, 70, 2.5), (5, 100, 0)],
)
def test_where_a_level_goes_back_to(at_stage, percent, latency, back):
    """Half of the traffic at critical, nothing at emergency; and never onward."""
    result = at_stage(percent, days=3.5, latency=latency).run()

    assert result.ret == 20, result.text
    current, following, found = traffic(result)
    assert (current, found) == (percent, back)
    assert following == {5: 25, 25: 50, 50: 100}[percent]


def test_the_lowest_target_counts(at_stage):
    """A level says half, a trigger says 0 %."""
    result = at_stage(5, latency=70, orders=10).run()

    assert result.ret == 20, result.text
    assert traffic(result) == (5, 25, 0)


@pytest.mark.parametrize(("percent", "back"), [(5, 0), (25, 5), (50, 25), (100, 50)])
def test_a_trigger_that_says_nothing_goes_one_stage_back(at_stage, gradual, percent, back):
    gradual.gate(
        "@pytest.mark.rollback\ndef test_orders(metrics):\n    '''Come.'''\n    assert metrics('orders') > 100\n"
    )

    result = at_stage(percent, days=3.5, orders=1).run()

    assert result.ret == 20, result.text
    assert traffic(result)[2] == back


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("rollback(to='onward')", "'onward' is nothing to go back to"),
        ("rollback('0 %')", "takes nothing, or to="),
        ("stage()", "takes the stages that the gate is for"),
        ("stage(25)", "'25' is no percentage of traffic"),
        ("stage('125 %')", "is no percentage of traffic"),
    ],
)
def test_markers_that_say_nothing(gradual, marker, said):
    """Are refused when they are collected."""
    gradual.lock()
    gradual.gate(
        f"@pytest.mark.{marker}\ndef test_orders(metrics):\n    '''Come.'''\n    assert metrics('orders') > 1\n"
    )

    result = gradual.run(lock=False)

    assert result.ret not in {0, 10, 20}, result.text
    assert said in " ".join(result.text.split())


def test_the_lock_knows_the_stages(gradual):
    """So that a gate cannot be sent to another stage unseen."""
    gradual.lock()
    lines = (gradual.gates / "gates.lock").read_text("utf-8").splitlines()

    assert sum(line.endswith("[stage 25 %]") for line in lines) == 1
    assert sum("[stage 5 %, 100 %]" in line for line in lines) == 1


def test_a_gate_that_was_sent_to_another_stage(at_stage):
    """Without the lock it does not pass, even where the gate would not apply."""
    project = at_stage(25, errors=3)
    project.lock()
    path = project.gates / "test_phase1.py"
    path.write_text(path.read_text("utf-8").replace('stage("25 %")', 'stage("50 %")'), "utf-8")

    result = project.run(lock=False)

    assert result.ret == 1, result.text
    assert "is for 50 % alone" in " ".join(result.text.split())


def test_a_gate_cannot_send_itself_elsewhere(at_stage, gradual):
    """Only the plan's stages say that a gate does not apply."""
    body = "from pytest_rollout.errors import NotApplicable\n\n\ndef test_orders(metrics):\n    '''Come.'''\n"
    gradual.gate(f"{body}    raise NotApplicable('not today')\n")

    at_stage(25).run().holds("error")


@pytest.mark.parametrize("percent", [25, 100])
def test_a_replay_stands_at_the_same_stage(at_stage, percent, tmp_path):
    """What was served, and since when, is evidence."""
    project = at_stage(percent, days=3.5)
    live = project.run()
    live.proceeds()
    bundle = (project.folder / ".rollout" / "evidence.zip").rename(tmp_path / "bundle.zip")
    project.answers(canary=50)

    replayed = project.run("--rollout-replay", str(bundle))

    replayed.holds("stale")
    assert traffic(replayed) == traffic(live)
    assert applied(replayed) == applied(live)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("stages: [{traffic: 5 %}, {traffic: 25 %}]", "'2.5 %' is no stage of phase1; stages: 5 %, 25 %"),
        ("traffic: 25 %", "'2.5 %' is no stage of phase1; stages: 25 %"),
    ],
)
def test_a_gate_for_a_stage_that_there_is_not(gradual, past, phase, said):
    """Nobody would ever run it; so nobody may believe that it was asked."""
    plan = PLAN[: PLAN.index("phases:\n")] + f"phases:\n  phase1: {{{phase}}}\n" + PLAN[PLAN.index("environments:") :]
    gradual.write("gates/shop/rollout.yaml", plan.replace("to: half", "to: 0 %"))
    gradual.gate(GATES.partition("\n\n\n")[0].replace('"25 %"', '"2.5 %"'))
    gradual.answers(canary=25, errors=900)

    result = gradual.run(lock=False)

    assert result.ret not in {0, 10}, result.text
    assert said in result.text


@pytest.mark.parametrize(("hours", "exit_code"), [(1, 10), (15 * 24, 0)])
def test_the_minimum_of_a_phase_is_time_with_its_traffic(gradual, past, hours, exit_code):
    """Half a day, a rollback, and two weeks later an hour: that is no two weeks of anything."""
    phase = "phases:\n  phase1: {traffic: 5 %, minimum: 14d}\n"
    plan = PLAN[: PLAN.index("phases:\n")] + phase + PLAN[PLAN.index("environments:") :]
    gradual.write("gates/shop/rollout.yaml", plan)
    gradual.gate("")
    begun = past.ago(days=30)
    back = drafts.rollback(phase="phase1", to=0, at=past.ago(days=29.5), by="ada", why="orders", **ABOUT)
    past.write(past.begun("phase1", begun), past.served(5, begun), back, past.served(5, past.ago(hours=hours)))
    gradual.answers(canary=5)

    result = gradual.run()

    assert result.ret == exit_code, result.text
    assert result.codes == ({"hold-time"} if exit_code else set())


@pytest.mark.parametrize(
    ("phase", "traffic", "hours", "exit_code", "codes"),
    [
        ("stages: [{traffic: 5 %}], ", 5, 1, 10, {"hold-time"}),
        ("stages: [{traffic: 5 %}], ", 5, 15 * 24, 0, set()),
        ("traffic: 0 %, ", 0, None, 1, {"no-data"}),
        ("", None, None, 1, {"no-data"}),
        ("", None, 1, 10, {"hold-time"}),
        ("", None, 15 * 24, 0, set()),
    ],
    ids=["stages", "stages-after-two-weeks", "shadow", "no-traffic", "begun-again", "begun-again-two-weeks-ago"],
)
def test_the_minimum_of_no_phase_is_time_over_a_rollback(gradual, past, phase, traffic, hours, exit_code, codes):
    """With stages, in the shadow, or where the plan says nothing of traffic: then only a start says when it is back."""
    phases = f"phases:\n  phase1: {{{phase}minimum: 14d}}\n"
    plan = PLAN[: PLAN.index("phases:\n")] + phases + PLAN[PLAN.index("environments:") :]
    gradual.write("gates/shop/rollout.yaml", plan)
    gradual.gate('def test_orders(metrics):\n    """There are orders."""\n    assert metrics("orders") > 0\n')
    begun = past.ago(days=30)
    back = drafts.rollback(phase="phase1", to=0, at=past.ago(days=29.5), by="ada", why="orders", **ABOUT)
    again = [past.served(traffic, past.ago(hours=hours))] if hours and traffic else []
    again += [past.begun("phase1", past.ago(hours=hours))] if hours and not traffic else []
    past.write(past.begun("phase1", begun), past.served(traffic or 0, begun), back, *again)
    gradual.answers(canary=traffic or 0)

    result = gradual.run()

    assert result.ret == exit_code, result.text
    assert result.codes == codes
    assert exit_code != 1 or "nothing says when it began again" in " ".join(result.text.split())
