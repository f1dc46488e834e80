"""Where a rollout stands: what was recorded last is in force, and what nobody recorded is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.past import chain

from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.timeline import incidents, shares, status

START = datetime(2026, 11, 1, tzinfo=UTC)


def hours(number: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=number)


def about(at: float) -> dict:
    return {"rollout": "shop", "environment": "production", "at": hours(at), "by": "ada"}


def begin(at, phase="phase4"):
    return drafts.phase_start(**about(at), phase=phase)


def stage(at, value, phase="phase4"):
    return drafts.stage_start(**about(at), phase=phase, stage=f"{value} %", percentage=value)


def share(at, value):
    return drafts.percentage(**about(at), percentage=value)


def back(at, value):
    return drafts.rollback(**about(at), to=value, why="latency")


def opened(at, name="INC-1", severity="sev2"):
    return drafts.incident_opened(**about(at), incident=name, severity=severity, title="Down")


def resolved(at, name="INC-1"):
    return drafts.incident_resolved(**about(at), incident=name)


def of(*made, at=100.0, phase="phase4", **more):
    return status(chain(*made, **more), phase=phase, at=hours(at))


def test_nothing_is_known_of_an_empty_ledger():
    """Unknown is never good: there is no start to count from, not even now."""
    found = of()

    assert (found.phase_started, found.held_for, found.stage_started, found.stage_held_for, found.share) == (None,) * 5
    assert (found.evaluated, found.incidents, found.rollbacks) == (None, (), ())


def test_a_phase_that_runs():
    found = of(begin(1), begin(2, "phase5"))

    assert (found.phase_started, found.held_for, found.recorded_late) == (hours(1), timedelta(hours=99), timedelta(0))


def test_a_phase_that_began_again_counts_anew():
    assert of(begin(1), begin(50)).held_for == timedelta(hours=50)


def test_a_start_in_the_future_has_not_happened():
    assert of(begin(101)).held_for is None


def test_a_start_that_was_written_down_afterwards_says_so():
    assert of(begin(1), late=30).recorded_late == timedelta(hours=30)


@pytest.mark.parametrize(
    ("made", "running", "held"),
    [
        pytest.param([begin(1), stage(2, 5)], "5 %", 98, id="runs"),
        pytest.param([begin(1), stage(2, 5), stage(50, 25)], "25 %", 50, id="next"),
        pytest.param([begin(1), stage(2, 5), stage(50, 5)], "5 %", 50, id="begun again"),
        pytest.param([begin(1), stage(2, 5), share(40, 5)], "5 %", 98, id="same share again"),
        pytest.param([begin(1), stage(2, 5), share(40, 7), share(60, 5)], "5 %", 40, id="share went up and down"),
        pytest.param([begin(1), stage(2, 5), back(40, 0)], "", None, id="taken back"),
        pytest.param([begin(1), stage(2, 5), back(40, 5)], "", None, id="taken back to itself"),
        pytest.param([begin(1), stage(2, 5), back(40, 0), stage(60, 5)], "5 %", 40, id="and begun again"),
        pytest.param([begin(1), stage(2, 5), begin(70)], "", None, id="the phase began again"),
        pytest.param([begin(1), stage(2, 5), stage(3, 5, "phase5")], "", None, id="of another phase"),
        pytest.param([stage(2, 5)], "5 %", 98, id="without a phase's start"),
    ],
)
def test_the_stage_that_runs(made, running, held):
    found = of(*made)

    assert found.stage == running
    assert found.stage_held_for == (None if held is None else timedelta(hours=held))


def test_every_change_of_the_share():
    found = of(begin(0), share(1, 1), stage(2, 5), share(3, 5), share(4, 25), back(5, 5), back(6, 5))

    assert [(each.percentage, each.since, each.kind) for each in found.shares] == [
        (1, hours(1), Kind.PERCENTAGE),
        (5, hours(2), Kind.STAGE_START),
        (25, hours(4), Kind.PERCENTAGE),
        (5, hours(5), Kind.ROLLBACK),
        (5, hours(6), Kind.ROLLBACK),
    ]
    assert found.share == found.shares[-1]


def test_what_was_recorded_last_is_in_force():
    """Whatever a clock says that stepped back."""
    assert of(share(5, 25), share(4, 50)).share.percentage == 50


@pytest.mark.parametrize(
    ("made", "states", "blocking"),
    [
        ([opened(1)], [None], 1),
        ([opened(1, severity="sev1")], [None], 1),
        ([opened(1, severity="sev3")], [None], 0),
        ([opened(1), resolved(2)], [hours(2)], 0),
        ([opened(1), resolved(2), opened(3)], [None], 1),
        ([opened(1), resolved(101)], [None], 1),
        ([resolved(1)], [], 0),
        ([opened(1), resolved(2, "INC-2")], [None], 1),
        ([opened(1), opened(2, "INC-2"), resolved(3)], [hours(3), None], 1),
    ],
)
def test_incidents_are_open_until_they_are_resolved(made, states, blocking):
    found = of(*made)

    assert [each.resolved for each in found.incidents] == states
    assert len(found.open_incidents) == blocking


@pytest.mark.parametrize(("severities", "worst"), [(("sev1", "sev4"), "sev1"), (("sev4", "sev2"), "sev2")])
def test_an_incident_that_two_opened_is_as_bad_as_either_says(severities, worst):
    """Two hosts at once, of which neither saw the other; and once it is resolved, the next one is another."""
    both = [opened(place, severity=each) for place, each in enumerate(severities)]

    (incident,) = incidents(chain(*both), at=hours(9))
    assert incident.severity == worst
    (again,) = incidents(chain(*both, resolved(3), opened(4, severity="sev3")), at=hours(9))
    assert (again.severity, again.opened) == ("sev3", hours(4))


def test_a_severity_that_nobody_knows_blocks():
    """It cannot be written; one that is read from a later version must not be taken for mild."""
    (incident,) = incidents(chain(opened(1)), at=hours(2))

    assert type(incident)(name="x", severity="sev0", title="", opened=hours(1)).blocks
    with pytest.raises(ValueError, match="sev1, sev2, sev3, sev4"):
        opened(1, severity="sev0")


def test_rollbacks_and_interventions_count_since_the_phase_began():
    by_hand = drafts.intervention(**about(3), what="restarted it")
    found = of(back(1, 0), begin(2), by_hand, back(4, 0))

    assert [entry.at for entry in found.rollbacks] == [hours(4)]
    assert [entry.body["what"] for entry in found.interventions] == ["restarted it"]
    assert [entry.at for entry in of(back(1, 0), back(4, 0)).rollbacks] == [hours(1), hours(4)]


@pytest.mark.parametrize("value", [-1, 101, float("nan"), float("inf")])
def test_a_percentage_is_one(value):
    with pytest.raises(ValueError, match="no percentage"):
        share(1, value)


ANY = st.one_of(
    st.builds(share, st.integers(0, 90), st.integers(0, 100)),
    st.builds(stage, st.integers(0, 90), st.sampled_from([5, 25, 50])),
    st.builds(back, st.integers(0, 90), st.sampled_from([0, 5])),
    st.builds(begin, st.integers(0, 90)),
    st.builds(opened, st.integers(0, 90), st.sampled_from(["A", "B"])),
    st.builds(resolved, st.integers(0, 90), st.sampled_from(["A", "B"])),
)


@given(st.lists(ANY, max_size=12), ANY)
def test_no_entry_makes_a_hold_longer(made, more):
    """Whatever is written next: only a start makes a start earlier."""
    before, after = of(*made), of(*made, more)
    if more.kind is not Kind.STAGE_START and before.stage_held_for is not None:
        assert after.stage_held_for is None or after.stage_held_for <= before.stage_held_for or _went_back(made, more)
    if more.kind is not Kind.PHASE_START:
        assert after.held_for == before.held_for


def _went_back(made, more):
    """Its time is before one that is recorded: the clock stepped back."""
    return any(more.at < each.at for each in made)


@given(st.lists(ANY, max_size=12))
def test_the_share_in_force_is_the_one_that_was_said_last(made):
    found = shares(chain(*made))
    said = [draft.body["percentage"] for draft in made if "percentage" in draft.body]

    assert (found[-1].percentage if found else None) == (said[-1] if said else None)
