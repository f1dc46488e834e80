"""Acting: what is done, in which order, what it takes to have worked, and how long that took."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.acting import Clocks, act, hindrance, shown
from pytest_rollout.actions.outcome import State
from pytest_rollout.actions.protocol import Site
from pytest_rollout.decisions import Decision
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.facts import Fact
from pytest_rollout.occasion import Occasion
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.verdict import Traffic, Verdict

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
PLAN = """
rollout: demo
rto: 60s
percentage: served
metrics: {{served: {{unit: "%", source: memory, query: served}}}}
phases: {{phase1: {{traffic: 10 %}}}}
{event}:
  actions:
    - {{kind: flag_file, path: missing.json, set: {{a: '{{percentage}}'}}}}
    - {{kind: flag_file, path: flags.json, set: {{a: '{{percentage}}'}}}}
  verify: [{{flag: a, is: '{{percentage}}'}}, {{metric: served, at_most: '{{percentage}}'}}]
environments: {{test: {{ledger: l.sqlite, sources: {{memory: {{kind: memory, answers: {{}}}}}}}}}}
"""


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.seconds = 100.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def clocks(self) -> Clocks:
        return Clocks(elapsed=lambda: self.seconds, now=lambda: AT + timedelta(seconds=self.seconds), sleep=self.sleep)


class System:
    """What is read again: the flag of the file, and a percentage that follows it after a while."""

    def __init__(self, file: Path, served: object, follows_at: float = 0.0):
        self.file, self.served, self.follows_at, self.asked = file, served, follows_at, []

    def __call__(self, now: datetime) -> System:
        self.asked.append(now)
        return self

    def flag(self, name: str) -> object:
        return Reading.exactly(0 if '"a": 0' in self.file.read_text() else 10, name=name)

    def metric(self, name: str) -> object:
        if self.served is None:
            return Reading.unknown("the source is down", name=name, unit="%")
        followed = self.asked[-1] >= AT + timedelta(seconds=self.follows_at)
        return Reading.exactly(0 if followed else self.served, "%", name=name)


@pytest.fixture
def occasion(tmp_path):
    def occasion(event="on_rollback", **system):
        (tmp_path / "rollout.yaml").write_text(PLAN.format(event=event))
        (tmp_path / "flags.json").write_text('{"a": 10}')
        plan = load_plan(tmp_path / "rollout.yaml", kinds=KINDS, flag_kinds=FLAG_KINDS)
        decision = Decision.ROLLBACK if event == "on_rollback" else Decision.PROCEED
        verdict = Verdict(
            rollout="demo",
            phase="phase1",
            decision=decision,
            reasons=(),
            gates=(),
            plan_digest="",
            traffic=Traffic(current=10.0, back=0.0, next=0.0),
        )
        read = System(tmp_path / "flags.json", **{"served": 10, **system})
        environment = plan.environments["test"]
        return Occasion(plan=plan, verdict=verdict, environment=environment, run_id="r", at=AT, read=read)

    return occasion


def test_going_back_every_action_is_tried(occasion, tmp_path):
    outcome = act(occasion(follows_at=105), since=100.0, clocks=Clock().clocks)

    assert [step.state for step in outcome.steps] == [State.FAILED, State.DONE]
    assert outcome.state is State.FAILED
    assert "there is no such file" in outcome.why
    assert (tmp_path / "flags.json").read_text() == '{"a": 0}'
    assert all(each.held for each in outcome.verified)


def test_going_on_the_first_that_fails_is_the_last(occasion, tmp_path):
    outcome = act(occasion("on_proceed"), since=100.0, clocks=Clock().clocks)

    assert [step.state for step in outcome.steps] == [State.FAILED, State.SKIPPED]
    assert (tmp_path / "flags.json").read_text() == '{"a": 10}'


@pytest.mark.parametrize(
    ("since", "follows_at", "state", "within"),
    [(100.0, 130, State.DONE, 60), (20.0, 100, State.LATE, 999), (100.0, 500, State.FAILED, None)],
    ids=["in-time", "late", "never"],
)
def test_how_long_it_took_is_measured_from_the_decision(occasion, tmp_path, since, follows_at, state, within):
    (tmp_path / "missing.json").write_text('{"a": 10}')
    here = occasion(follows_at=follows_at)

    outcome = act(here, since=since, clocks=Clock().clocks)

    assert outcome.state is state
    assert (outcome.seconds is None) == (within is None)
    if within is not None:
        assert max(follows_at, 100.0) - since <= outcome.seconds <= within
    else:
        assert "served is at most 0 %, not 10 %" in outcome.why


@pytest.mark.parametrize("served", [None, float("nan")])
def test_what_nobody_knows_has_not_worked(occasion, tmp_path, served):
    (tmp_path / "missing.json").write_text('{"a": 10}')
    here = occasion(served=served, follows_at=10**6)

    outcome = act(here, since=100.0, clocks=Clock().clocks)

    assert outcome.state is State.FAILED
    assert outcome.seconds is None


@pytest.mark.parametrize("broken", [RuntimeError("x"), SourceError("x"), RecursionError("x")])
def test_nothing_is_raised_whatever_breaks(occasion, broken):
    def breaks(now):
        raise broken

    outcome = act(replace(occasion(), read=breaks), since=100.0, clocks=Clock().clocks)

    assert outcome.state is State.FAILED


@pytest.mark.parametrize(
    ("event", "exit_code", "hindered"),
    [
        ("on_rollback", 20, False),
        ("on_rollback", 2, True),
        ("on_rollback", 1, True),
        ("on_rollback", 0, True),
        ("on_proceed", 0, False),
        ("on_proceed", 1, True),
        ("on_proceed", 20, True),
        ("on_proceed", 10, True),
    ],
)
def test_only_a_verdict_that_is_final_is_acted_on(occasion, event, exit_code, hindered):
    assert bool(hindrance(occasion(event), exit_code=exit_code)) == hindered


def test_a_percentage_that_nobody_knows_hinders(occasion):
    here = occasion()
    here = replace(here, verdict=replace(here.verdict, traffic=Traffic()))

    assert hindrance(here, exit_code=20) == "nobody knows the percentage that the traffic goes to"
    assert shown(here, "why").steps[0].does == "sets in missing.json: a = {percentage}"


def test_a_hold_does_nothing(occasion):
    here = occasion()

    assert shown(replace(here, verdict=replace(here.verdict, decision=Decision.HOLD)), "") is None


def test_an_embedded_world_is_touched_in_its_own_file_alone(tmp_path):
    """Whatever path the plan names; and where it has none, nothing is touched."""
    own = tmp_path / "world" / "flags.json"
    site = Site(folder=tmp_path, files={"flag_file": own}, embedded=True, stamp="S", seconds=1)

    assert site.file("flag_file", "/etc/passwd") == own
    with pytest.raises(SourceError, match="no other is touched for it"):
        site.file("env_file", "settings.env")
    assert replace(site, embedded=False).file("flag_file", "x.json") == tmp_path / "x.json"


def test_a_flag_that_is_true_is_not_one(occasion, tmp_path):
    """`true` and 1 are two answers."""
    (tmp_path / "missing.json").write_text('{"a": 10}')
    here = occasion()
    here.read.flag = lambda name: Fact(False, name)

    assert act(here, since=100.0, clocks=Clock().clocks).state is State.FAILED
