"""A baseline that does not count is doubt with its own reason, in whichever way a gate asks for it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pytest_rollout.baselines import Baselines
from pytest_rollout.claims import GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, RolloutError, SourceError
from pytest_rollout.plan.load import load_plan
from pytest_rollout.recorded import RecordedBaseline
from pytest_rollout.sources import BUILT_IN

PLAN = """
rollout: shop
metrics:
  memory: {unit: MB, better: lower, source: telemetry, query: rss, step: 1h}
phases: {canary: {}}
environments:
  test:
    ledger: ledger.sqlite
    sources: {telemetry: {kind: memory, answers: {rss: 500}}}
"""
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)


class Remembers:
    """A memory that has one baseline, or says why it has none."""

    environment = SimpleNamespace(name="live")

    def __init__(self, found):
        self.found = found

    def baseline(self, metric):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def asked(tmp_path):
    """The baseline of memory, as a gate asks for it; whoever asks for the readings has gone too far."""
    (tmp_path / "rollout.yaml").write_text(PLAN)
    plan = load_plan(tmp_path / "rollout.yaml", kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)

    def asked(found, name="memory"):
        return Baselines(
            plan, lambda: pytest.fail("asked"), lambda: Remembers(found), GateClaims(), lambda: AT, lambda: (), 14
        )(name)

    return asked


def recorded(*levels):
    return RecordedBaseline(
        metric="memory",
        unit="MB",
        days=tuple(f"2026-10-{number + 1:02}T09:00:00+00:00" for number in range(len(levels))),
        logs=tuple(map(math.log, levels)),
        recorded_at=AT,
        by="ada",
        asked="0123456789abcdef",
        source="telemetry",
    )


@pytest.mark.parametrize("reason", [Reason.NO_DATA, Reason.STALE, Reason.INVALID])
@pytest.mark.parametrize("ask", [lambda found: found, lambda found: found.change], ids=["value", "change"])
def test_one_that_does_not_count(asked, reason, ask, tmp_path):
    """Its reason is the claim's; and the report says with which command another one is recorded."""
    found = ask(asked(SourceError("the baseline is of no use\nmore advice", reason=reason)))

    with pytest.raises(Inconclusive) as caught:
        bool(found < 1e9)
    assert caught.value.reason == reason
    assert (found.why, found.needs) == (
        "the baseline is of no use",
        f"rollout baseline record {tmp_path} --rollout-env live --window 336h",
    )
    assert len(found.sources) == 1


def test_its_value_and_where_it_is_from(asked):
    """The geometric mean of its days."""
    found = asked(recorded(400, 500, 625))

    assert found.value == pytest.approx(500)
    assert (found.unit, found.provenance.source) == ("MB", "telemetry")
    assert found.provenance.window == "3 days up to 2026-10-03"
    assert found.provenance.at == AT


def test_one_without_days_has_no_value(asked):
    found = asked(recorded())

    with pytest.raises(Inconclusive):
        bool(found < 1e9)


def test_a_metric_that_there_is_not(asked):
    with pytest.raises(RolloutError, match="did you mean 'memory'"):
        asked(recorded(500), "memroy")
