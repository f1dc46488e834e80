"""Rollback drills: performed, timed, and failed when they are late or lose something."""

from __future__ import annotations

import json
import sys

import pytest

PLAN = """
rollout: shop
rto: {rto}
on_rollback:
  actions:
    - {{kind: command, run: [{python}, roll.py, "{{percentage}}"]}}
  verify:
    - {{metric: percentage, is: "{{percentage}}"}}
metrics:
  percentage: {{unit: "%", better: lower, source: service, query: SELECT percentage AS value, now() AS "at" FROM file}}
  rows: {{better: higher, source: service, query: SELECT rows AS value, now() AS "at" FROM file}}
phases:
  drill: {{title: Rollback drill}}
environments:
  test: {{sources: {{service: {{kind: file, path: state.csv}}}}}}
"""
GATE = '''
import pytest

pytestmark = pytest.mark.drill


def test_rollback(drill):
    """It is fast and loses nothing."""
    done = drill(to="0 %", keeping=["rows"])

    assert done.change("rows") == 0
    assert done.took <= done.objective
    assert done.worked
'''
ROLL = """
import sys
percentage, rows = {percentage}, {rows}
open("state.csv", "w").write(f"percentage,rows\\n{{percentage}},{{rows}}\\n")
"""


@pytest.fixture
def shop(project):
    """A shop at 50 % with 100 rows, which an action rolls back, more or less well."""

    def made(*, percentage="sys.argv[1]", rows=100, rto="20s"):
        plan = PLAN.format(rto=rto, python=json.dumps(sys.executable)).replace(
            'SELECT percentage AS value, now() AS "at" FROM file', '"SELECT percentage AS value, now() AS at FROM file"'
        )
        plan = plan.replace(
            'SELECT rows AS value, now() AS "at" FROM file', '"SELECT rows AS value, now() AS at FROM file"'
        )
        project.write("gates/shop/rollout.yaml", plan)
        project.write("gates/shop/test_phase1.py", GATE)
        project.write("gates/shop/roll.py", ROLL.format(percentage=percentage, rows=rows))
        project.write("gates/shop/state.csv", "percentage,rows\n50,100\n")
        return project

    return made


def state_of(project):
    return (project.gates / "state.csv").read_text("utf-8").splitlines()[1]


def claims_of(result):
    return {claim["text"]: claim for claim in result.verdict["verdicts"][0]["gates"][0]["claims"]}


def test_a_drill_is_performed_timed_and_replayed(shop):
    """From 50 to 0 %, with the time it took; the replay acts no more, and is told the same."""
    project = shop()

    result = project.run("--rollout-act", phase="drill")

    result.proceeds()
    assert state_of(project) == "0,100"
    took = next(claim for text, claim in claims_of(result).items() if "decision to verified" in text)
    assert 0 < took["value"] < 20
    (project.folder / ".rollout" / "evidence.zip").rename(project.folder / "kept.zip")
    project.write("gates/shop/state.csv", "percentage,rows\n50,100\n")
    again = project.run("--rollout-replay", "kept.zip", phase="drill")
    assert state_of(project) == "50,100"
    assert json.dumps(claims_of(again)) == json.dumps(claims_of(result))
    again.holds("stale")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"rows": 99}, "*rows after the rollback less before = -1*"),
    ],
    ids=["a-row-lost"],
)
def test_a_drill_that_loses_something_fails(shop, changed, line):
    """With one row fewer than before."""
    result = shop(**changed).run("--rollout-act", phase="drill")

    result.holds("failed")
    result.stdout.fnmatch_lines([line])


FAST = '''
import pytest

pytestmark = pytest.mark.drill


def test_rollback(drill):
    """It is fast."""
    assert drill(to="0 %", keeping=["rows"]).took < "5 min"
'''


@pytest.mark.parametrize("gate", [GATE, FAST], ids=["by-the-objective", "by-a-limit"])
@pytest.mark.parametrize("percentage", ["50", "10", "sys.exit(3)"], ids=["not-back", "not-all-the-way", "broken"])
def test_a_rollback_that_never_worked_is_not_fast(shop, gate, percentage):
    """Nobody has seen it work, so nobody knows how long it takes: not even less than five minutes."""
    project = shop(percentage=percentage, rto="2s")
    project.write("gates/shop/test_phase1.py", gate)

    result = project.run("--rollout-act", phase="drill")

    result.holds("no-data")
    took = next(claim for text, claim in claims_of(result).items() if "decision to verified" in text)
    assert took["value"] is None
    assert took["why"].startswith("it was never seen to work (given up after ")


@pytest.mark.parametrize("rows", ["'nan'", "''"])
def test_what_nobody_knows_afterwards_is_not_kept(shop, rows):
    """An empty or broken count is doubt."""
    result = shop(rows=rows).run("--rollout-act", phase="drill")

    assert result.ret == 1
    assert result.verdict["verdicts"][0]["decision"] == "HOLD"


def test_a_real_system_is_not_rolled_back_without_a_word(shop):
    """Naming a phase is no such word; the message says which is."""
    project = shop()

    result = project.run(phase="drill")

    result.holds("error")
    assert state_of(project) == "50,100"
    result.stdout.fnmatch_lines(["*which is no*", "*embedded world*", "*--rollout-act*"])


def test_a_plan_that_says_nothing_to_do_has_no_drill(shop):
    """Nothing was performed, and nothing is shown."""
    project = shop()
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan[: plan.index("rto:")] + plan[plan.index("metrics:") :])

    result = project.run(phase="drill")

    result.holds("error")
    result.stdout.fnmatch_lines(["*shop says no*"])
