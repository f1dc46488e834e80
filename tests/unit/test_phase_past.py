"""A phase's past: since when what is served now counts, and when a phase before is over."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.past import ABOUT, Past

from pytest_rollout.decisions import Decision
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.ledger.timeline import Share
from pytest_rollout.phase_past import Subject, _served, _since, _traffic, phase_past
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import BUILT_IN

AT, HOUR = datetime(2026, 11, 1, 9, tzinfo=UTC), timedelta(hours=1)
PLAN = """
rollout: shop
every: EVERY
percentage: served
metrics:
  served: {unit: "%", source: telemetry, query: served}
  rss: {unit: MB, better: lower, source: telemetry, query: rss}
phases:
  canary: {traffic: 5 %}
  gradual: {stages: [{traffic: 5 %}, {traffic: 100 %}]}
  dark: {budgets: {rss: {against: baseline, warning: +10 %}}}
  everyone: {after: [canary, gradual]}
environments:
  test: {ledger: ledger.sqlite, sources: {telemetry: {kind: memory, answers: {served: 5}}}}
"""
SHARES = st.lists(
    st.tuples(st.sampled_from([0.0, 5.0, 25.0]), st.sampled_from([Kind.PERCENTAGE, Kind.STAGE_START, Kind.ROLLBACK])),
    min_size=1,
    max_size=6,
).map(
    lambda found: [
        Share(percentage=percent, since=AT - HOUR * (len(found) - place), kind=kind)
        for place, (percent, kind) in enumerate(found)
    ]
)


@given(SHARES, st.integers(-1, 8))
def test_since_when_it_is_served(shares, hours):
    """Never before the phase, nor before whatever began it anew; and never where something else is served."""
    started, last = AT - HOUR * hours, shares[-1]

    since = _since(shares, last.percentage, started)

    assert since is not None
    assert since >= started
    begun_anew = [each.since for each in shares if each.kind is not Kind.PERCENTAGE]
    other = [each.since for each in shares if each.percentage != last.percentage]
    assert since >= max([started, *begun_anew, *other])
    assert since in {started, *(each.since for each in shares)}
    assert _since(shares, last.percentage, None) is None
    assert _since(shares, last.percentage + 1, started) is None
    assert _since(shares, None, started) is None


@given(SHARES, st.integers(0, 8))
def test_what_was_served_in_a_phase(shares, hours):
    """What was set before counts from its beginning; what is only set once more is no change of the traffic."""
    started = AT - HOUR * hours
    served = _served(shares, started)

    assert all(since >= started for _, since in served)
    assert {since for _, since in served} >= {each.since for each in shares if each.since > started}
    merged = [percent for percent, _ in _traffic(served)]
    assert all(one != other for one, other in itertools.pairwise(merged))
    assert _served(shares, None) == ()


@pytest.fixture
def remembered(tmp_path):
    """What is remembered of a phase, of a past that is written."""

    def remembered(*written, phase="everyone", every="6h"):
        (tmp_path / "rollout.yaml").write_text(PLAN.replace("EVERY", every))
        plan = load_plan(tmp_path / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
        past = Past(tmp_path / "ledger.sqlite", AT)
        past.write(*[each(past) for each in written])
        with open_ledger(str(past.path), tmp_path) as ledger:
            subject = Subject(plan=plan, environment="test", at=AT)
            return phase_past(ledger, subject, plan.phases[phase], 5.0)

    return remembered


def said(past):
    return past.judged("gradual", AT - HOUR, stage="100 %")


def rolled_back(past, *, at=AT, phase="gradual"):
    return drafts.rollback(**ABOUT, phase=phase, to=0, at=at, by="ada", why="orders")


def test_a_phase_that_is_over(remembered):
    """By a PROCEED at its last stage, or where it has none; whatever happened before."""
    begun = [lambda past: past.begun("gradual", AT - 2 * HOUR), lambda past: rolled_back(past, at=AT - 2 * HOUR)]
    past = remembered(lambda past: past.judged("canary", AT - HOUR), *begun, said)

    assert past.before == {"canary": "PROCEED", "gradual": "PROCEED"}
    assert remembered().before == past.before


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (lambda past: past.judged("gradual", AT, stage="5 %"), "when it was at 5 %: its last stage is 100 %"),
        (lambda past: past.judged("gradual", AT), "when it was at no stage"),
        (lambda past: past.begun("gradual", AT), "and began again at 2026-11-01 09:00 UTC"),
        (rolled_back, "and was taken back to 0 % at 2026-11-01 09:00 UTC"),
        (lambda past: rolled_back(past, phase=""), "and was taken back to 0 %"),
        (lambda past: rolled_back(past, at=AT - HOUR), "and was taken back to 0 % at 2026-11-01 08:00 UTC"),
        (lambda past: past.served(5, AT, "gradual"), "and was taken back to 5 %"),
    ],
)
def test_a_phase_that_is_not_over_any_more(remembered, later, why):
    assert why in remembered(said, later).before["gradual"]


@pytest.mark.parametrize("minutes", [0, 2])
def test_a_run_that_is_written_last_undoes_nothing_that_was_seen_since(remembered, minutes):
    """Two jobs at once: the one that looked first took longer, and did not see what the other saw."""
    seen = AT - HOUR + timedelta(minutes=minutes)
    past = remembered(lambda past: past.judged("gradual", seen, decision=Decision.ROLLBACK, stage="100 %"), said)

    assert past.before["gradual"] == "gradual was last judged ROLLBACK"


@pytest.mark.parametrize(("percent", "is_over"), [(0, False), (4, False), (5, True), (25, True)])
def test_a_phase_without_stages_is_over_at_its_traffic(remembered, percent, is_over):
    """Traffic that was taken away from it again earns nothing for the phase after it."""
    served = remembered(lambda past: past.judged("canary", AT - HOUR), lambda past: past.served(percent, AT, "canary"))

    assert (served.before["canary"] == "PROCEED") is is_over
    assert is_over or f"and was taken back to {percent} %" in served.before["canary"]


def test_no_traffic_at_all_takes_every_phase_back(remembered):
    """Written down without a phase, as by whoever switched it off."""
    past = remembered(lambda past: past.judged("canary", AT - HOUR), said, lambda past: past.served(0, AT, ""))

    assert "and was taken back to 0 %" in past.before["canary"]
    assert "and was taken back to 0 %" in past.before["gradual"]


@pytest.mark.parametrize(
    "later",
    [
        lambda past: past.served(1, AT, ""),
        lambda past: past.begun("canary", AT),
        lambda past: rolled_back(past, phase="everyone"),
        lambda past: past.served(100, AT, "gradual"),
        lambda past: past.served(5, AT, "everyone"),
    ],
)
def test_what_another_phase_does_leaves_it_over(remembered, later):
    assert remembered(said, later).before["gradual"] == "PROCEED"


def test_rows_that_no_plan_asks_for(remembered):
    """Are counted all the same, and are unknown where they can be none."""
    lived = Past(None, AT).lived("gradual", AT - 72 * HOUR)
    past = remembered(*[lambda _, each=each: each for each in lived], phase="gradual")

    assert (past.green.count, past.green.unknown) == (2, "")
    assert past.clean.unknown.startswith("evaluated every 6 h")


def days(number):
    return number * 24 * HOUR


def begun(phase, ago):
    return lambda past: past.begun(phase, AT - ago)


def served(percent, ago, phase):
    return lambda past: past.served(percent, AT - ago, phase)


def back(ago, *, to=0, phase="gradual"):
    return lambda past: drafts.rollback(**ABOUT, phase=phase, to=to, at=AT - ago, by="ada", why="orders")


@pytest.mark.parametrize(
    ("phase", "written", "since"),
    [
        pytest.param("everyone", [], 9, id="as it began"),
        pytest.param("everyone", [back(days(5), phase="everyone")], None, id="taken back"),
        pytest.param("everyone", [back(days(5), phase="")], None, id="all taken back"),
        pytest.param("everyone", [back(days(5), phase="canary")], 9, id="another was taken back"),
        pytest.param("everyone", [back(days(5), phase="everyone"), begun("everyone", days(2))], 2, id="begun again"),
        pytest.param(
            "everyone", [back(days(5), phase="everyone"), served(10, days(3), "everyone")], 3, id="traffic again"
        ),
        pytest.param("gradual", [], None, id="no traffic yet"),
        pytest.param("gradual", [served(5, days(8), "gradual"), served(100, days(4), "gradual")], 8, id="two stages"),
        pytest.param("gradual", [served(5, days(8), "gradual"), back(days(6))], None, id="traffic taken back"),
        pytest.param(
            "gradual", [served(5, days(8), "gradual"), back(days(6)), served(5, days(1), "gradual")], 1, id="came again"
        ),
        pytest.param(
            "gradual",
            [served(5, days(8), "gradual"), served(0, days(6), "gradual"), served(5, days(1), "gradual")],
            1,
            id="away without a word",
        ),
        pytest.param(
            "gradual",
            [served(5, days(8), "gradual"), served(100, days(6), "gradual"), back(days(3), to=5)],
            3,
            id="half",
        ),
    ],
)
def test_since_when_a_phase_lasts_as_it_is(remembered, phase, written, since):
    """Time over a rollback is none of it."""
    past = remembered(begun(phase, days(9)), *written, phase=phase)

    assert past.begun == (None if since is None else AT - days(since))


@pytest.mark.parametrize(("ago", "length"), [(None, 8), (120, 4), (1, 0)])
def test_a_row_does_not_reach_over_a_rollback(remembered, ago, length):
    """Nobody judged it while it was away, and the plan says that this only pauses: the days before are gone."""
    lived = [lambda _, each=each: each for each in Past(None, AT).lived("gradual", AT - days(9))]
    rolled = [] if ago is None else [back(ago * HOUR)]

    past = remembered(*lived, *rolled, phase="gradual")

    assert past.green.count == length


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        pytest.param([begun("everyone", days(9))], [(9, None)], id="its own start"),
        pytest.param([begun("dark", days(20)), begun("everyone", days(2))], [(20, None)], id="a phase before"),
        pytest.param([begun("canary", days(20))], [], id="one that is held against no past"),
        pytest.param([served(5, days(20), "canary"), served(0, days(12), "canary")], [(20, 12)], id="traffic"),
        pytest.param([begun("dark", days(20)), served(0, days(20), "dark")], [(20, None)], id="in the shadow"),
        pytest.param(
            [begun("dark", days(20)), back(days(15), phase="canary"), begun("everyone", days(1))],
            [(20, 15), (1, None)],
            id="taken back between",
        ),
        pytest.param([begun("dark", days(20)), back(days(15), to=5)], [(20, None)], id="half"),
    ],
)
def test_when_the_release_was_in(remembered, written, spans):
    """What a phase before has broken is no measure for the next one."""
    past = remembered(*written)

    assert past.released == tuple((AT - days(since), None if to is None else AT - days(to)) for since, to in spans)
