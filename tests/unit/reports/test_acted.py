"""What was done, on a screen: a failure cannot be overlooked, and no line is endless."""

from __future__ import annotations

from pytest_rollout.actions.outcome import Outcome, Seen, State, Step
from pytest_rollout.reports.acted import failures, outcome_lines


def outcome(state, *, does="sets a = 0", why="", seconds=None, held=None):
    return Outcome(
        event="on_rollback",
        state=state,
        steps=(Step(kind="flag_file", does=does, state=state, backup="a.bak" if state is State.DONE else ""),),
        verified=(Seen(text="a is 0", held=held, seen="10" if held is False else ""),),
        rto_seconds=60,
        why=why,
        seconds=seconds,
    )


def test_how_it_reads():
    assert list(outcome_lines({("shop", "p1"): outcome(State.DONE, seconds=2.04, held=True)})) == [
        "ON_ROLLBACK  done in 2.0 s of 60 s · shop p1",
        "  sets a = 0 · done",
        "    backup: a.bak",
        "  then a is 0 · yes",
    ]
    assert list(outcome_lines({("shop", "p1"): outcome(State.FAILED, why="no such\nfile", held=False)})) == [
        "ON_ROLLBACK  FAILED: no such file · shop p1",
        "  sets a = 0 · failed",
        "  then a is 0 · NO, 10",
    ]


def test_a_long_line_says_where_the_rest_is():
    does = "sets " + ", ".join(f"flag_number_{number} = 0" for number in range(40))

    lines = list(outcome_lines({("shop", "p1"): outcome(State.SHOWN, does=does, why="x")}))

    assert lines[1].endswith(" = 0 … (all of it: verdict.json)")
    assert max(map(len, lines)) < 200


def test_only_failures_are_in_the_last_line():
    assert failures({("shop", "p1"): outcome(State.DONE), ("shop", "p2"): outcome(State.ALREADY)}) == ""
    assert failures({("a", "p"): outcome(State.LATE), ("b", "p"): outcome(State.FAILED)}) == (
        "on_rollback LATE · on_rollback FAILED"
    )
