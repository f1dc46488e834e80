"""The tables of a ledger: whole at 80 and at 160 columns, and nothing said by people passes for measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.past import chain

from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Draft, Kind
from pytest_rollout.ledger.evaluations import Evaluation, Quality
from pytest_rollout.ledger.streaks import green_days
from pytest_rollout.ledger.timeline import status
from pytest_rollout.reports.history import history_lines, status_lines
from pytest_rollout.reports.table import columns_of

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def about(hours):
    return {"rollout": "shop", "environment": "production", "at": START + timedelta(hours=hours), "by": "ada"}


def judged(hours, decision="HOLD", reasons=("hold-time", "streak"), mode="live", fault=""):
    body = {"decision": decision, "reasons": list(reasons), "waiting": True, "mode": mode, "fault": fault}
    at = START + timedelta(hours=hours)
    return Draft(kind=Kind.EVALUATION, rollout="shop", environment="production", phase="phase4", at=at, body=body)


STORY = (
    drafts.phase_start(**about(0), phase="phase4", note="agreed on Monday"),
    drafts.stage_start(**about(1), phase="phase4", stage="5 %", percentage=5),
    *(judged(hours) for hours in range(2, 10)),
    judged(10, "ROLLBACK", ["critical"]),
    drafts.rollback(**about(11), phase="phase4", to=0, why="P99 was 31 ms above control, the limit is 20"),
    drafts.incident_opened(**about(12), incident="INC-7", severity="sev1", title="Recall answers slowly"),
    drafts.incident_resolved(**about(20), incident="INC-7"),
    drafts.intervention(**about(21), what="cleared the cache"),
    drafts.percentage(**about(22), percentage=2.5),
    judged(23, "PROCEED", [], mode="replay"),
    drafts.recorded(
        Kind.STATEMENT,
        rollout="shop",
        environment="production",
        at=START + timedelta(hours=24),
        body={"text": "survey neutral or better", "by": "product"},
    ),
)


def test_a_history_on_a_wide_screen():
    assert history_lines(chain(*STORY), 160) == [
        "when (UTC)        what          phase       said",
        "2026-11-01 09:00  phase-start   phase4      begins: agreed on Monday · ada",
        "2026-11-01 10:00  stage-start   phase4 5 %  5 % · ada",
        "2026-11-01 11:00  evaluation    phase4      HOLD[hold-time, streak] · 8 times until 2026-11-01 18:00",
        "2026-11-01 19:00  evaluation    phase4      ROLLBACK[critical]",
        "2026-11-01 20:00  rollback      phase4      back to 0 %: P99 was 31 ms above control, the limit is 20 · ada",
        "2026-11-01 21:00  incident                  SEV1 INC-7 opened: Recall answers slowly · ada",
        "2026-11-02 05:00  incident                  INC-7 resolved · ada",
        "2026-11-02 06:00  intervention              cleared the cache · ada",
        "2026-11-02 07:00  percentage                2.5 % · ada",
        "2026-11-02 08:00  evaluation    phase4      PROCEED (replay, does not count)",
        "2026-11-02 09:00  statement                 text survey neutral or better · product",
    ]


def test_a_history_on_a_narrow_screen_keeps_every_word():
    lines = history_lines(chain(*STORY), 80)

    assert max(map(columns_of, lines)) <= 80
    assert " ".join(" ".join(lines).split()).count("P99 was 31 ms above control, the limit is 20") == 1
    assert not any("…" in line for line in lines)


def test_what_was_written_down_afterwards_says_so():
    (_, line) = history_lines(chain(drafts.percentage(**about(0), percentage=5), late=30), 120)

    assert line.endswith("5 % · ada · recorded 30 h later")


def test_an_empty_history():
    assert history_lines([], 80) == ["nothing is recorded"]


def test_no_text_moves_the_cursor():
    bad = drafts.intervention(**about(0) | {"by": "a\x1b[2J"}, what="x\r\nVERDICT  PROCEED\x1b[31m")
    lines = history_lines(chain(bad), 120)

    assert len(lines) == 2
    assert "\x1b" not in lines[1]
    assert "\r" not in lines[1]


def standing(*made, at, seen=()):
    found = status(chain(*made), phase="phase4", at=at)
    begun = found.phase_started
    return found, green_days(seen, at=at, every=timedelta(hours=6), since=begun) if begun else None, 7 if seen else None


SEEN = [Evaluation(START + timedelta(hours=6 * n), Quality.GOOD, "PROCEED") for n in range(13) if n != 5]


@pytest.mark.parametrize("width", [80, 160])
def test_where_a_rollout_stands(width):
    at = START + timedelta(days=3)
    incident = drafts.incident_opened(**about(30), incident="INC-8", severity="sev2", title="Empty answers")
    phases = [standing(*STORY[:3], incident, at=at, seen=SEEN)]

    assert list(status_lines("shop", "production", phases, width)) == [
        "shop · environment production · 5 % since 2026-11-01 10:00 UTC",
        "phase   since (UTC)       held  streak             last evaluation",
        "phase4  2026-11-01 09:00  3 d   1 of 7 green days  2026-11-01 11:00 HOLD[hold-t…"
        if width == 80
        else "phase4  2026-11-01 09:00  3 d   1 of 7 green days  2026-11-01 11:00 HOLD[hold-time, streak]",
        "  5 %   2026-11-01 10:00  2 d 23 h",
        "phase4: 1 of 4 evaluations are missing on 2026-11-02",
        "SEV2 open since 2026-11-02 15:00 UTC: Empty answers (INC-8)",
    ]


def test_a_rollout_that_has_not_begun():
    """No zero and no "healthy": nothing is known."""
    lines = list(status_lines("shop", "production", [standing(at=START)], 80))

    assert lines == [
        "shop · environment production · no percentage recorded",
        "phase   since (UTC)  held  streak  last evaluation",
        "phase4  -            -     -       -",
    ]
