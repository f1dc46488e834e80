"""What a gate may ask of time and people: exact where the past is known, doubt with its reason where it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.claims import GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError, SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.plan.nodes import Place
from pytest_rollout.plan.phase import Conditions, Phase, Stage
from pytest_rollout.remembered import Remembered, Signed, Streak
from pytest_rollout.remembering import Approvals, History, StageNow
from pytest_rollout.stages import Standing
from pytest_rollout.waiting import Waiting

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
PLACE = Place(Path("rollout.yaml"), 1, 1, "")
STAGES = tuple(Stage(percent=each, hold=None, approvals={"product": 2}, place=PLACE) for each in (5, 25))
LIVED = Remembered(
    known=True,
    started=AT - timedelta(days=3),
    since=AT - timedelta(hours=5),
    green=Streak(count=2, why="a gap on 2026-10-29"),
    clean=Streak(count=9),
    incidents=("INC-7 (sev1): Down",),
    interventions=("cleared the cache (bob)", "again (bob)"),
    rollbacks=1,
    evaluations=70,
    signed={"product": Signed(needed=2, by=("anna",), refused=("cleo: expired",))},
)
QUESTIONS = {
    "green_days": 2,
    "clean_hours": 9,
    "time_in_phase": 72,
    "time_at_stage": 5,
    "incidents": 1,
    "interventions": 2,
    "rollbacks": 1,
    "evaluations": 70,
}


@pytest.fixture
def claims():
    return GateClaims()


def waiting(past, percent=5.0):
    phase = Phase(name="canary", title="", budgets={}, place=PLACE, conditions=Conditions(), stages=STAGES)
    standing = Standing(phase=phase, percent=percent, since=past.since, at=AT)
    return lambda: Waiting(phase=phase, standing=standing, past=past, at=AT, folder=Path(), environment="test")


def broken():
    raise SourceError("the ledger cannot be read", reason=Reason.NO_DATA)


@pytest.mark.parametrize(("question", "answer"), QUESTIONS.items())
def test_what_is_known_is_exact(claims, question, answer):
    """And known to the gate that asked, so that it cannot be read and forgotten."""
    found = getattr(History(waiting(LIVED), claims), question)

    assert found.value == answer
    assert found == answer
    assert found.provenance.source == "ledger"
    assert len(found.sources) == 1


@pytest.mark.parametrize(("question", "row"), [("green_days", "green"), ("clean_hours", "clean")])
def test_a_row_that_there_cannot_be(claims, question, row):
    """Is no row of none: nobody looked often enough."""
    past = Remembered(known=True, **{row: Streak(count=0, unknown="evaluated every 6 h")})

    found = getattr(History(waiting(past), claims), question)

    with pytest.raises(Inconclusive, match="evaluated every 6 h"):
        bool(found < 3)
    assert len(found.sources) == 1


def test_it_says_why():
    history = History(waiting(LIVED), GateClaims())

    assert history.green_days.why == "a gap on 2026-10-29"
    assert history.incidents.why == "INC-7 (sev1): Down"
    assert history.interventions.why == "cleared the cache (bob); again (bob)"


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_past_that_cannot_be_read_is_doubt(claims, question):
    found = getattr(History(broken, claims), question)

    with pytest.raises(Inconclusive, match="cannot be read"):
        bool(found < 1e9)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_ledger_that_begins_now(claims, question):
    """Knows of no green day, which is a fact, and not that there was no incident."""
    found = getattr(History(waiting(Remembered()), claims), question)

    if question in {"incidents", "interventions", "rollbacks"}:
        with pytest.raises(Inconclusive, match="begins with this run"):
            bool(found == 0)
    else:
        assert found == 0


def test_signatures_are_counted(claims):
    """With who signed, and why others do not count."""
    found = Approvals(waiting(LIVED), claims)("product")

    assert found == 1
    assert found.why == "anna; cleo: expired"


@pytest.mark.parametrize("past", [Remembered(unsigned="there is no approvers.yaml"), None])
def test_signatures_of_which_nothing_is_known(claims, past):
    found = Approvals(broken if past is None else waiting(past), claims)("product")

    with pytest.raises(Inconclusive, match=r"no approvers\.yaml|cannot be read"):
        bool(found >= 0)


def test_a_role_that_nobody_asks(claims):
    with pytest.raises(QuestionError, match="canary asks no 'legal' to sign; it asks product"):
        Approvals(waiting(LIVED), claims)("legal")


@pytest.mark.parametrize(("percent", "following"), [(5, 25), (25, None), (30, None), (None, None)])
def test_the_next_stage(claims, percent, following):
    """Is doubt at the last stage, and outside of all of them."""
    now = StageNow(waiting(LIVED, percent), claims, lambda: Reading.exactly(7, "%", name="served"))

    assert now.current == 7
    if following is None:
        with pytest.raises(Inconclusive, match="no further stage"):
            bool(now.next > 0)
    else:
        assert now.next == following


def test_the_next_stage_of_a_past_that_cannot_be_read(claims):
    with pytest.raises(Inconclusive, match="cannot be read"):
        bool(StageNow(broken, claims, lambda: Reading.exactly(7, "%", name="served")).next > 0)
