"""What a rollout waits for is read from its ledger, and what a run decides is written into it."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind

PLAN = """
rollout: shop
every: 6h
metrics:
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
phases:
  phase0: {title: Rehearsal}
  phase1:
    title: Canary
    after: [phase0]
    minimum: 14d
    exit: {green: 7d, incidents: sev2, interventions: 0}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
ABOUT = {"rollout": "shop", "environment": "test"}
REHEARSED = '''
import pytest


@pytest.mark.phase0
def test_rehearsed(metrics):
    """It was rehearsed."""
    assert metrics("errors") == 0
'''


@pytest.fixture
def waiting(project):
    """A rollout whose phase 1 comes after phase 0, lasts two weeks and ends with a green one."""
    project.write("gates/shop/rollout.yaml", PLAN)
    project.write("gates/shop/test_phase0.py", REHEARSED)
    return project


@pytest.fixture
def finished(waiting, past):
    """On its last day: everything that time has to say is said."""
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=15)))
    return waiting


def gates(result):
    """Each gate's decision and reason, by the end of its name."""
    (verdict,) = result.verdict["verdicts"]
    return {each["id"].rpartition("::")[2]: (each["decision"], each["reason"]) for each in verdict["gates"]}


def claims(result):
    """What each gate claims, without what belongs to the run."""
    return {each["id"]: each["claims"] for verdict in result.verdict["verdicts"] for each in verdict["gates"]}


def test_a_young_phase_waits(waiting, past):
    """Three days are neither fourteen nor seven green ones; nothing is ill, so the pipeline asks again."""
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=3)))

    result = waiting.run()

    result.holds("hold-time", "streak", exit_code=10)
    assert gates(result)["minimum"] == ("HOLD", "hold-time")
    assert gates(result)["green"] == ("HOLD", "streak")
    assert gates(result)["after"] == gates(result)["incidents"] == gates(result)["interventions"] == ("PROCEED", None)
    until = past.ago(days=3) + timedelta(days=14)
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in str(result.verdict)


def test_a_finished_phase_proceeds(finished):
    finished.run().proceeds()


def test_an_ill_release_is_no_wait(waiting, past):
    """A young phase with errors is 1, whatever else it waits for."""
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=3)))
    waiting.answers(errors=3)

    waiting.run().holds("failed", "hold-time", "streak")


def test_a_trigger_in_a_young_phase_rolls_back(waiting, past):
    """The ledger delays a go, and never a way back."""
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=3)))
    waiting.answers(orders=10)

    waiting.run().holds("trigger", "hold-time", "streak", exit_code=20)


@pytest.mark.parametrize(("severity", "blocks"), [("sev1", True), ("sev2", True), ("sev3", False), ("sev4", False)])
def test_an_open_incident(finished, past, severity, blocks):
    """Of the plan's severity or worse it blocks, by its name; a lighter one does not."""
    opened = drafts.incident_opened(
        **ABOUT, at=past.ago(hours=2), incident="INC-7", severity=severity, title="Checkout is slow", by="ada"
    )
    past.write(opened)

    result = finished.run()

    if not blocks:
        result.proceeds()
        return
    result.holds("failed")
    assert gates(result)["incidents"] == ("HOLD", "failed")
    assert f"INC-7 ({severity}): Checkout is slow" in result.text


def test_a_resolved_incident_blocks_no_more(finished, past):
    about = {**ABOUT, "incident": "INC-7", "by": "ada"}
    past.write(
        drafts.incident_opened(**about, at=past.ago(hours=5), severity="sev1", title="Down"),
        drafts.incident_resolved(**about, at=past.ago(hours=2)),
    )

    finished.run().proceeds()


def test_an_intervention(finished, past):
    """By hand, since the phase began; one before does not count."""
    by_hand = {**ABOUT, "by": "bob", "phase": "phase1"}
    past.write(drafts.intervention(**by_hand, at=past.ago(days=16), what="before"))
    finished.run().proceeds()

    past.write(drafts.intervention(**by_hand, at=past.ago(days=9), what="cleared the cache"))
    result = finished.run()

    result.holds("failed")
    assert "cleared the cache (bob" in result.text


@pytest.mark.parametrize(("reason", "decision"), [(Reason.FAILED, Decision.HOLD), (Reason.TRIGGER, Decision.ROLLBACK)])
def test_a_bad_evaluation_breaks_the_streak(finished, past, reason, decision):
    """Two days ago: one green day is left, and the report says what broke the others."""
    bad = past.ago(days=2)
    past.write(past.judged("phase1", bad, reason, decision=decision))

    result = finished.run()

    result.holds("streak", exit_code=10)
    assert "green days in a row = 1" in result.text
    assert f"{decision.value}[{reason}] at {bad:%Y-%m-%d %H:%M} UTC" in str(result.verdict)


def test_a_missing_evaluation_breaks_the_streak(waiting, past):
    """Unless the plan says that it pauses it."""
    gap = past.ago(days=3)
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=15), without=[gap]))

    broken = waiting.run()
    waiting.write("gates/shop/rollout.yaml", PLAN.replace("green: 7d", "green: 7d, missing: pause"))
    paused = waiting.run()

    broken.holds("streak", exit_code=10)
    assert f"1 of 4 evaluations are missing on {gap:%Y-%m-%d}" in str(broken.verdict)
    paused.proceeds()


@pytest.mark.parametrize("changed", [{"mode": "replay"}, {"mode": "past"}, {"environment": "staging"}])
def test_a_green_week_that_is_not_of_this_system(waiting, past, changed):
    """Neither one elsewhere nor one of repeated runs is green here."""
    begun, *week = past.lived("phase1", past.ago(days=15))
    mode = changed.get("mode", "live")
    week = [
        replace(each, body={**each.body, "mode": mode}, environment=changed.get("environment", "test")) for each in week
    ]
    past.write(past.judged("phase0", past.ago(days=20)), begun, *week)

    result = waiting.run()

    result.holds("streak", exit_code=10)
    assert "green days in a row = 0" in result.text


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ((Reason.FAILED,), "phase0 was last judged HOLD"),
        ((Reason.HOLD_TIME,), "phase0 was last judged HOLD"),
        (None, "phase0 was never judged here"),
    ],
)
def test_a_phase_before_that_is_not_over(waiting, past, reasons, said):
    """However green this one is, and however patient that one's HOLD is."""
    before = [] if reasons is None else [past.judged("phase0", past.ago(days=20), *reasons)]
    past.write(*before, *past.lived("phase1", past.ago(days=15)))

    result = waiting.run()

    result.holds("prerequisite")
    assert gates(result)["after"] == ("HOLD", "prerequisite")
    assert said in str(result.verdict)


def test_the_last_word_on_the_phase_before_counts(finished, past):
    """It was over once, and is not any more."""
    past.write(past.judged("phase0", past.ago(hours=1), Reason.FAILED))

    finished.run().holds("prerequisite")


def test_no_ledger_yet(waiting, past):
    """An empty memory remembers nothing good: the phase before was never judged, and nothing is green."""
    assert not past.path.exists()

    result = waiting.run()

    result.holds("prerequisite", "hold-time", "streak", "no-data")
    assert gates(result)["incidents"] == gates(result)["interventions"] == ("HOLD", "no-data")
    assert not past.entries(Kind.PHASE_START)
    waiting.run().holds("prerequisite", "hold-time", "streak")


def test_a_plan_without_a_ledger(waiting):
    """Is refused before anything is judged."""
    waiting.lock()
    waiting.write("gates/shop/rollout.yaml", PLAN.replace("    ledger: ledger.sqlite\n", ""))

    result = waiting.run(lock=False)

    result.is_refused()
    assert "environment 'test' names no ledger, and phases have conditions that need a memory" in result.text


@pytest.mark.parametrize("count", [1, 2])
def test_gates_that_ask_a_ledger_of_a_plan_without_one(project, count):
    """One gate or two with one cause: the sentence stays one, and says of what it is."""
    body = '\n\ndef test_NAME(history):\n    """Calm."""\n    assert history.incidents == 0\n'
    project.gate("".join(body.replace("NAME", name) for name in ("first", "second")[:count]))

    result = project.run()

    result.holds("no-data")
    said = "environment 'test' names no ledger: write 'ledger:' in the plan"
    assert any(line in {f"  {said}", f"  ledger: {said}"} for line in result.stdout.lines), result.text
    assert not any(line.startswith("  :") for line in result.stdout.lines)


def corrupt(path):
    path.write_bytes(b"no database at all" * 500)


def damage(path):
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)


def edit(path):
    with sqlite3.connect(path) as file:
        file.execute("DROP TRIGGER rollout_entries_no_update")
        file.execute("UPDATE rollout_entries SET content = replace(content, 'HOLD', 'PROCEED')")


@pytest.mark.parametrize(
    ("spoil", "said", "because"),
    [
        (corrupt, "file is not a database", ["invalid"]),
        (damage, "database disk image is malformed", ["invalid"]),
        (edit, "is not what was written: its digest does not fit it", ["error"]),
    ],
)
def test_a_ledger_that_cannot_be_believed(finished, past, spoil, said, because):
    """No word of it counts, the reason is said, and the receipt says so: nothing is a go."""
    spoil(past.path)

    result = finished.run()

    result.holds("no-data", *because)
    assert result.text.count("HOLD[no-data] rollout.yaml::phase1::") == 5
    assert said in " ".join(result.text.split())


def remove(path):
    forge(path, "DELETE FROM rollout_entries WHERE sequence = 9")


def reorder(path):
    forge(
        path,
        "UPDATE rollout_entries SET sequence = -9 WHERE sequence = 9",
        "UPDATE rollout_entries SET sequence = 9 WHERE sequence = 10",
        "UPDATE rollout_entries SET sequence = 10 WHERE sequence = -9",
    )


def edit_another(path):
    """An entry of another rollout, which no question of the run reads."""
    forge(path, "UPDATE rollout_entries SET content = '{}' WHERE sequence = 1")


def cut(path):
    forge(path, "DELETE FROM rollout_entries WHERE sequence > 12")


def forge(path, *statements):
    with sqlite3.connect(path) as file:
        for word in ("update", "delete"):
            file.execute(f"DROP TRIGGER rollout_entries_no_{word}")
        for statement in statements:
            file.execute(statement)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove, "entry 9: missing: entry 9 is not there"),
        (reorder, "is not what was written: its digest does not fit it"),
        (edit_another, "entry 1: edited: is not what was written"),
        (cut, "cut: the ledger had"),
    ],
)
@pytest.mark.parametrize("days", [3, 16], ids=["wait", "go"])
def test_a_ledger_that_somebody_has_changed(waiting, past, spoil, said, days):
    """No run passes over it, and none waits in peace; and nothing is added to it."""
    another = replace(past.judged("phase0", past.ago(days=40)), rollout="another")
    past.write(another, past.judged("phase0", past.ago(days=30)), *past.lived("phase1", past.ago(days=days)))
    spoil(past.path)
    with sqlite3.connect(past.path) as file:
        (before,) = file.execute("SELECT count(*) FROM rollout_entries").fetchone()

    result = waiting.run()

    assert result.ret == 1, result.text
    assert said in " ".join(str(result.verdict).split())
    assert result.codes & {"invalid", "no-data"}
    assert result.codes <= {"invalid", "no-data", "error", "streak", "hold-time"}
    result.is_calm()
    with sqlite3.connect(past.path) as file:
        assert file.execute("SELECT count(*) FROM rollout_entries").fetchone() == (before,)


def rewrite(path):
    """A whole chain of its own, as somebody who may write the file can make one."""
    path.unlink()
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another"])
def test_a_ledger_that_an_earlier_run_saw_is_gone(finished, past, again):
    """The receipt of the run before names its end: neither an empty one nor another one takes its place."""
    first = finished.run()
    first.proceeds()
    (pin,) = [each["ledger"] for each in first.verdict["verdicts"]]
    assert (pin["environment"], len(pin["digest"])) == ("test", 64)
    kept = past.path.read_bytes()
    rewrite(past.path)
    if again:
        past.write(past.judged("phase0", past.ago(days=21)), *past.lived("phase1", past.ago(days=16)))

    for _ in range(2):
        result = finished.run()

        assert result.ret == 1, result.text
        assert "invalid" in result.codes
        assert f"an earlier run saw it end with entry {pin['entries']}, which is not in it" in str(result.verdict)
        assert [each["ledger"] for each in result.verdict["verdicts"]] == [pin]
    rewrite(past.path)
    past.path.write_bytes(kept)
    finished.run().proceeds()


def test_an_embedded_world_makes_a_new_ledger_each_time(waiting):
    """So no end of one is kept, and none is missed."""
    waiting.write("gates/shop/rollout.yaml", PLAN + "  demo: {world: world.py}\n")
    waiting.write("gates/shop/world.py", "from pytest_rollout.world import World\n\nworld = World(name='shop')\n")

    for _ in range(2):
        result = waiting.run("--rollout-env", "demo")

        assert "invalid" not in result.codes, result.text
        assert [each["ledger"] for each in result.verdict["verdicts"]] == [None]


@pytest.mark.parametrize("receipt", ["", "{}", "[1]", '{"verdicts": [{"ledger": 5}]}', '{"verdicts": 1}'])
def test_an_earlier_receipt_that_is_none(finished, receipt):
    """Is no witness of anything, and in nobody's way."""
    finished.write(".rollout/verdict.json", receipt)

    finished.run().proceeds()


def test_a_run_that_did_not_end_well_is_no_go_for_the_next_phase(waiting, past):
    """Its gates all said PROCEED, and pytest itself did not: phase 1 has nothing to follow."""
    waiting.lock()
    waiting.write("gates/shop/conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 1\n")
    waiting.run(phase="phase0", lock=False).holds("failed")
    waiting.write("gates/shop/conftest.py", "")

    result = waiting.run()

    assert gates(result)["after"] == ("HOLD", "prerequisite")
    assert "phase0 was last judged HOLD" in str(result.verdict)


BOTH = """
rollout: shop
metrics:
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
budgets:
  errors: {phases: [canary, phase1], warning: 3 /h}
phases:
  canary: {title: Canary}
  phase1: {title: Everyone, after: [canary]}
environments:
  test: {ledger: ledger.sqlite, sources: {telemetry: {kind: memory, answers: answers.yaml}}}
"""


def test_a_run_that_was_interrupted_is_no_go_for_any_of_its_phases(project, past):
    """The canary was judged to its end; then somebody pressed Ctrl-C, and pytest says 2."""
    project.write("gates/shop/rollout.yaml", BOTH)
    body = "    'It is interrupted.'\n    assert metrics('errors') < 5\n"
    project.gate(f"def test_z(metrics):\n{body}    raise KeyboardInterrupt\n")
    first = project.run(phase="canary or phase1")
    assert first.ret == 2, first.text
    assert "pytest itself ended with status 2, so this run proves nothing" in first.text
    assert [each.body["decision"] for each in past.entries(Kind.EVALUATION)] == ["HOLD", "HOLD"]
    project.gate(f"def test_z(metrics):\n{body}")

    result = project.run()

    result.holds("prerequisite")
    assert "canary was last judged HOLD" in str(result.verdict)


def rows(project, days):
    """A phase that a gate asks for green days, and clean hours, of which its plan says nothing."""
    project.write("gates/shop/rollout.yaml", BOTH.replace("rollout: shop", "rollout: shop\nevery: 6h"))
    project.gate(
        "def test_rows(history, metrics):\n    'Green.'\n    assert metrics('errors') < 5\n"
        f"    assert history.green_days >= {days}\n"
    )
    return project


def test_a_gate_asks_for_green_days(project, past):
    """They are counted whether or not the plan asks for them."""
    past.write(past.judged("canary", past.ago(days=20)), *past.lived("phase1", past.ago(days=6)))

    rows(project, 3).run().proceeds()
    result = rows(project, 9).run()

    result.holds("failed")
    assert "green days = 5" in result.text


def test_a_gate_asks_for_clean_hours_that_nobody_can_know(project, past):
    """Where the plan judges every six hours, no hour is clean, and none is known not to be."""
    past.write(past.judged("canary", past.ago(days=20)), *past.lived("phase1", past.ago(days=6)))
    rows(project, 3)
    project.gate("def test_rows(history):\n    'Few.'\n    assert history.clean_hours < 3\n")

    result = project.run()

    result.holds("no-data")
    assert "evaluated every 6 h: whole seconds, at most 1 h" in " ".join(result.text.split())


@pytest.mark.parametrize("spoil", [corrupt, damage, edit])
def test_a_trigger_fires_without_a_ledger(finished, past, spoil):
    """What takes a release back needs no memory."""
    spoil(past.path)
    finished.answers(orders=10)

    result = finished.run()

    assert result.ret == 20, result.text
    result.is_calm()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_ledger_that_cannot_be_written(finished, past):
    past.path.chmod(0o444)

    result = finished.run()

    assert result.ret == 1, result.text
    result.is_calm()


def test_a_ledger_that_is_a_folder(waiting, past):
    """As a volume that was mounted wrongly is: no go, and the path is named."""
    past.path.mkdir()

    result = waiting.run()

    assert result.ret == 1, result.text
    assert "ledger.sqlite" in result.text
    result.is_calm()


def test_a_ledger_that_takes_no_entry(finished, past):
    """A go that could not be recorded is none."""
    with sqlite3.connect(past.path) as file:
        file.execute("CREATE TRIGGER full BEFORE INSERT ON rollout_entries BEGIN SELECT RAISE(ABORT, 'full'); END")

    result = finished.run()

    result.holds("error")
    assert "what was decided could not be recorded" in str(result.verdict["reasons"])
    assert result.stdout.lines[-1].startswith("VERDICT  HOLD[error]  shop phase1")
    assert "not all could be written: " in result.stdout.lines[-1]


def test_a_run_is_recorded(waiting, past):
    """That the phase began, once; and every evaluation with what it decided."""
    past.write(past.judged("phase0", past.ago(days=1)))

    first, second = waiting.run(), waiting.run()

    first.holds("hold-time", "streak", exit_code=10)
    second.holds("hold-time", "streak", exit_code=10)
    (start,) = past.entries(Kind.PHASE_START)
    assert (start.phase, start.body["by"]) == ("phase1", f"run {first.verdict['run_id']}")
    found = [each.body for each in past.entries(Kind.EVALUATION) if each.phase == "phase1"]
    assert [(each["decision"], each["exit_code"], each["waiting"], each["mode"]) for each in found] == [
        ("HOLD", 10, True, "live")
    ] * 2
    assert found[0]["reasons"] == ["hold-time", "streak"]


def test_a_step_that_is_repeated_is_one_evaluation(finished, past):
    """One run by its name; and two where the second time says otherwise, so that a retry hides nothing."""
    before = len(past.entries(Kind.EVALUATION))
    name = {"ROLLOUT_RUN_ID": "pipeline/7"}

    finished.run(env=name).proceeds()
    finished.run(env=name).proceeds()
    assert len(past.entries(Kind.EVALUATION)) == before + 1
    finished.answers(errors=2)
    finished.run(env=name).holds("failed")

    assert [each.body["decision"] for each in past.entries(Kind.EVALUATION)[before:]] == ["PROCEED", "HOLD"]


def test_a_step_that_decides_as_before_after_something_else(finished, past):
    """A job that is run again under its name, and fails again: it has failed last, and not proceeded."""
    before = len(past.entries(Kind.EVALUATION))

    for errors in (2, 0, 2, 2):
        finished.answers(errors=errors)
        finished.run(phase="phase0", env={"ROLLOUT_RUN_ID": "pipeline/7"})

    said = [each.body["decision"] for each in past.entries(Kind.EVALUATION)[before:]]
    assert said == ["HOLD", "PROCEED", "HOLD"]
    finished.answers()
    finished.run().holds("prerequisite")


def test_a_failed_evaluation_is_remembered_by_the_next_run(finished):
    """The streak of a run that comes later is broken by the one before."""
    finished.run().proceeds()
    finished.answers(errors=2)
    finished.run().holds("failed")
    finished.answers()

    finished.run().holds("streak", exit_code=10)


def test_a_phase_that_is_blocked_does_not_begin(waiting, past):
    """Its minimum time does not run while the phase before is open."""
    past.write(past.judged("phase0", past.ago(days=1), Reason.FAILED))

    waiting.run().holds("prerequisite", "hold-time", "streak")

    assert past.entries(Kind.PHASE_START) == ()


def test_a_phase_that_is_blocked_does_not_begin_with_a_part_of_it(waiting, past):
    """Whoever tries one gate of it leaves out the one that says what comes before, and begins nothing."""
    past.write(past.judged("phase0", past.ago(days=1), Reason.FAILED))
    waiting.lock()

    waiting.pytest("gates/shop/test_phase1.py", "-m", "phase1", "--rollout-env", "test").holds("missing")

    assert past.entries(Kind.PHASE_START) == ()


def test_the_past_is_judged_and_not_recorded(finished, past):
    """As of four days ago, eleven days had passed."""
    before = past.entries()

    result = finished.run("--rollout-at", past.ago(days=4).isoformat(timespec="seconds"))

    assert result.ret != 0
    assert gates(result)["minimum"] == ("HOLD", "hold-time")
    assert past.entries() == before


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_replay_says_the_same_and_records_nothing(finished, past, tmp_path, workers):
    """What was remembered is part of the evidence: the ledger may have grown or be gone."""
    live = finished.run()
    live.proceeds()
    bundle = (finished.folder / ".rollout" / "evidence.zip").rename(tmp_path / "bundle.zip")
    past.write(past.judged("phase1", past.ago(hours=1), Reason.FAILED))
    before = past.entries()

    replayed = finished.run("--rollout-replay", str(bundle), *workers)

    replayed.holds("stale")
    assert claims(replayed) == claims(live)
    assert past.entries() == before

    past.path.unlink()
    assert claims(finished.run("--rollout-replay", str(bundle), *workers)) == claims(live)
    assert not past.path.exists()


def test_workers_are_told_the_same(finished, past):
    """One run is one evaluation, however many processes judge."""
    before = len(past.entries(Kind.EVALUATION))

    finished.run("-n", "2").proceeds()

    assert len(past.entries(Kind.EVALUATION)) == before + 1


def test_a_young_phase_waits_in_workers(waiting, past):
    past.write(past.judged("phase0", past.ago(days=20)), *past.lived("phase1", past.ago(days=3)))

    waiting.run("-n", "2").holds("hold-time", "streak", exit_code=10)


@pytest.mark.parametrize(
    "ahead",
    [
        lambda at: drafts.incident_opened(**ABOUT, at=at, incident="INC-1", severity="sev1", title="down", by="ada"),
        lambda at: drafts.rollback(**ABOUT, phase="phase0", to=0, at=at, by="ada", why="INC-1"),
    ],
    ids=["incident", "rollback"],
)
def test_what_was_written_by_a_clock_that_is_ahead(finished, past, ahead):
    """It has not happened yet, says the time in it; so nobody relies on a ledger in which it stands."""
    past.write(ahead(past.ago(minutes=-20)))

    result = finished.run()

    result.holds("invalid")
    assert "from now: one of the clocks is wrong" in " ".join(result.text.split())
