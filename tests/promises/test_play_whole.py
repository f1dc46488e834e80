"""A play over virtual days: dual_memory from its first run to its last parameter, with every verdict asserted.

How a scene is played, and the first two phases: `tests/support/play.py`. The
world obeys the play's ledger: a phase began when it says so, and is at the
percentage that an operator wrote down with `rollout percentage`.

Why so few scenes suffice. A verdict depends on its instant, the rows, the
ledger and the signatures, and changes only where one of them crosses a
condition. So each phase is played on both sides of what it waits for: its
first run, a day on which the rows do not suffice yet or something breaks, the
day on which people alone are missing, and the go. A day between two scenes
differs from them by its count of days alone, which is what the scheduler's
entries are for. What rows say with and without a fault is the business of
test_oracle_experiments.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count

import pytest
from support.play import (
    DAY,
    FIRST_DAY,
    HOUR,
    PATIENT,
    PEOPLE_MISSING,
    WAITING,
    Play,
    before_deployment,
    shadow_mode,
)

from pytest_rollout.decisions import Reason
from pytest_rollout.ledger.entries import Kind

EVERYTHING_ANEW = os.environ.get("PROMISES") == "anew"


@pytest.fixture
def play(tmp_path, warm):
    """Day 0, and nothing has happened; every fifth process is a new interpreter, and the others are forks."""
    number = count(1)

    def run(module, words, **how):
        if next(number) % 5 and not EVERYTHING_ANEW:
            return warm.run(module, words, **how)
        return subprocess.run(
            [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False, **how
        )

    return Play(tmp_path, run, "play.sqlite")


@pytest.mark.long
def test_the_whole_rollout(play):
    """Two months and six phases: one fault, one recovery, and eight doors that open one after the other.

    It took 231 s of processor time on a machine that eight sessions shared (310 s with a new interpreter for each
    process), most of that in the six scenes that look at millions of rows; `-m "not long"` leaves it out.
    """
    before_deployment(play)
    shadow_mode(play)
    internal_testing(play)
    canary(play)
    gradual_rollout(play)
    tuning(play)

    evaluations = play.entries(Kind.EVALUATION)
    doors = [(each.phase, each.stage) for each in evaluations if each.body["decision"] == "PROCEED"]
    stages = [("phase4", f"{percent} %") for percent in (5, 25, 50, 100)]
    assert doors == [*((f"phase{number}", "") for number in range(4)), *stages, ("phase5", "")]
    assert [each.phase for each in evaluations if each.body["decision"] == "ROLLBACK"] == ["phase1"]
    assert play.python("pytest_rollout.cli", "ledger", "check", play.where).returncode == 0


def internal_testing(play):
    """Three spaces; the first rows of the experiment are of this phase's first hour and not of any before."""
    began = play.at + HOUR
    play.scene("phase2", exit_code=10, bad=WAITING | PEOPLE_MISSING | BEGINS | REPLAYS | FIRST_DAY, at=began)
    play.hours_until("phase2", began + 15 * DAY, *PATIENT)
    play.scene("phase2", exit_code=10, bad=PEOPLE_MISSING)
    play.at += HOUR / 4
    play.states("phase2", "survey", "neutral or better")
    play.approves("phase2", "iris", "grace")
    play.scene("phase2", exit_code=0, at=play.at + HOUR / 12)


def canary(play):
    """Days that still gather information neither count nor break: 20 days for 14 green ones."""
    began = play.at + HOUR
    play.at = began - HOUR / 2
    play.serves("1 %", "phase3")
    waits = WAITING | PEOPLE_MISSING
    verdict, _ = play.scene("phase3", exit_code=10, bad=waits | BEGINS | ERRORS | GROUPS | FIRST_DAY, at=began)
    assert verdict["current_percentage"] == 1
    play.hours_until("phase3", began + DAY, Reason.INFORMATION, *PATIENT)
    _, said = play.scene("phase3", exit_code=10, bad=waits | INFORMATION)
    assert "green days in a row = 0" in said

    play.hours_until("phase3", began + 6 * DAY, Reason.INFORMATION, *PATIENT)
    play.hours_until("phase3", began + 21 * DAY, *PATIENT)
    # They sign what the last hour said, so that these millions of rows are looked at once.
    play.states("phase3", "feedback", "no regression")
    play.approves("phase3", "ada", "grace", verdict_of=play.at - HOUR / 2)
    play.scene("phase3", exit_code=0, at=play.at + HOUR / 12)


def gradual_rollout(play):
    """Four stages, each held and each signed for on the ground of the hour before; who forgets the traffic is held."""
    began = play.at + HOUR
    forgotten = {"stage": "failed", "hold": "no-data", "green": "streak"}  # still at the canary's 1 %
    play.scene("phase4", exit_code=1, bad=forgotten | PEOPLE_MISSING | BEGINS | ERRORS | FIRST_DAY, at=began)
    play.at += HOUR / 4
    play.serves("5 %", "phase4")
    # A stage is held for 48 hours; that errors are as rare takes some more.
    play.hours_until("phase4", play.at + 56 * HOUR, Reason.INFORMATION, Reason.HOLD_TIME, Reason.APPROVAL)
    for percentage, following, hours in ((5, 25, 0), (25, 50, 49), (50, 100, 73)):
        if hours:
            play.hours_until("phase4", play.at + hours * HOUR, Reason.HOLD_TIME, Reason.APPROVAL)
        play.approves("phase4", stage=f"{percentage} %", verdict_of=play.at - HOUR / 2)
        verdict, _ = play.scene("phase4", exit_code=0, at=play.at + HOUR / 12)
        assert (verdict["current_percentage"], verdict["next_percentage"]) == (percentage, following)
        play.at += HOUR / 4
        play.serves(f"{following} %", "phase4")

    # A week of green days at 100 %, less the holdback: its first day, which nobody could call green yet, and its last.
    play.hours_until("phase4", play.at + 8 * DAY, *PATIENT)
    play.states("phase4", "support-tickets", "not rising")
    play.states("phase4", "satisfaction", "no regression")
    play.approves("phase4", "ada", "grace", stage="100 %", verdict_of=play.at - HOUR / 2)
    play.scene("phase4", exit_code=0, at=play.at + HOUR / 12)


def tuning(play):
    """Four weights, and one of them is proven better."""
    began = play.at + HOUR
    weights = (f"test_no_weight_is_slower[{arm}]" for arm in ("w020", "w025", "w030"))
    others = ("test_one_weight_wins", "test_forming_every_hour_is_often_enough", "test_coherence_is_low_enough")
    unknown = dict.fromkeys(("sample_ratio", *others, *weights), "information") | FIRST_DAY
    play.scene("phase5", exit_code=10, bad={"minimum": "hold-time"} | PEOPLE_MISSING | unknown, at=began)
    play.hours_until("phase5", began + 2 * DAY + HOUR, Reason.INFORMATION, Reason.HOLD_TIME, Reason.APPROVAL)
    play.scene("phase5", exit_code=10, bad=PEOPLE_MISSING)
    play.at += HOUR / 4
    play.states("phase5", "satisfaction", "no regression")
    play.states("phase5", "parameters", "final parameters and their evidence are recorded")
    play.approves("phase5")
    _, said = play.scene("phase5", exit_code=0, at=play.at + HOUR / 12)
    assert "w025 wins" in said  # at the width of a pipe, without -v


BEGINS = dict.fromkeys(
    (
        *(
            f"query_{each}{day}"
            for each in ("latency.p50", "latency.p99", "confidence.mean")
            for day in ("", ".last_day")
        ),
        "query_results.mean",
        "sample_ratio",
    ),
    "information",
)
"""What is compared with the control group says nothing in the run with which a phase begins."""
INFORMATION = {"query_errors.rate": "information"}
"""After a day at 1 % rare errors are not known yet; the tail just is, as are the median and the number of results."""
REPLAYS = {"test_known_answers_are_found_as_well": "information"}
GROUPS = {"test_both_groups_have_a_thousand_queries": "information"}
ERRORS = {"query_errors.rate": "information", "query_errors.rate.last_day": "information"}
