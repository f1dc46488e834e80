"""Preflight: can the gates be judged in this environment at all, before anybody needs the answer?

`pytest gates/x -m preflight --rollout-env production` asks every metric of a
plan, every flag and the service once. What a gate would hold for later, a
wrong password, an empty query, a week of missing history, a clock that is
off, is said now, with what would mend it. Nothing is released by it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.claim_facts import Truth, describe
from pytest_rollout.claims import check
from pytest_rollout.comparing import claim_about
from pytest_rollout.depths import POWER, can_be_planned
from pytest_rollout.errors import Inconclusive, RolloutError, in_doubt
from pytest_rollout.estimates import Reading
from pytest_rollout.gate import GATE
from pytest_rollout.plan.model import PREFLIGHT, Plan
from pytest_rollout.quantities import format_duration
from pytest_rollout.scope import Scope
from pytest_rollout.windows import LEAST_COVERAGE

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

_FREE_BYTES = 100 * 2**20
Depths = Mapping[str, tuple[str, timedelta]]
"""Metrics and windows, by a name for both."""


class PreflightNode(pytest.Collector):
    """The checks of one plan; carries the marker `preflight`."""

    plan: Plan
    depths: Depths

    @classmethod
    def of(cls, parent: pytest.Collector, plan: Plan, depths: Depths) -> PreflightNode:
        """The collector of one plan's checks."""
        node = cls.from_parent(parent, name=PREFLIGHT)
        node.plan, node.depths = plan, depths
        node.add_marker(PREFLIGHT)
        return node

    def collect(self) -> Iterator[PreflightItem]:
        """An item for each metric, each window that a gate is known to look at, and what else a run needs."""
        for name, metric in self.plan.metrics.items():
            if metric.samples is None or metric.queries:
                yield PreflightItem.of(self, name, f"{name} is answered", _asking(name))
            if metric.samples is not None:
                line = f"{name}_rows" if metric.queries else name
                compared = any(phase.experiment is not None for phase in self.plan.phases.values())
                what = "has rows of the last 24 h" if compared else "has a column of rows"
                yield PreflightItem.of(self, line, f"{name} {what}", _rows(name) if compared else _columns(name))
        for line, (name, length) in self.depths.items():
            yield PreflightItem.of(self, line, f"{name} reaches back {format_duration(length)}", _deep(name, length))
        yield PreflightItem.of(self, "flags", "the flags can be read", _flags)
        yield PreflightItem.of(self, "target", "the service answers", _target)
        if can_be_planned(self.plan):
            yield PreflightItem.of(self, POWER, "each comparison can be proven in its phase's minimum time", _power)
        yield PreflightItem.of(self, "disk", "there is room for the evidence", _room)


class PreflightItem(pytest.Item):
    """One thing that must work before gates can be judged."""

    title: str
    ask: Callable[[Scope], None]

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, title: str, ask: Callable[[Scope], None]) -> PreflightItem:
        """The item of one check."""
        node = cls.from_parent(parent, name=name)
        node.title, node.ask = title, ask
        return node

    def runtest(self) -> None:
        """Claim that it works."""
        self.ask(self.stash[GATE].scope)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The plan."""
        return self.path, 0, self.title

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: object = None) -> str | TerminalRepr:
        """What does not work, in words."""
        facts = self.stash[GATE].claims.facts
        if isinstance(excinfo.value, AssertionError | Inconclusive) and facts:
            return "\n  ".join(describe(facts[-1]))
        if isinstance(excinfo.value, RolloutError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)  # type: ignore[arg-type]  # pytest's own literal, passed through


def _asking(name: str) -> Callable[[Scope], None]:
    def ask(scope: Scope) -> None:
        estimate = scope.metrics(name)
        truth = Truth.INCONCLUSIVE if math.isnan(estimate.value) else Truth.PROVEN
        assert claim_about(estimate, truth, text=f"{name} is answered", limit="one fresh number", near=math.nan)

    return ask


def _rows(name: str) -> Callable[[Scope], None]:
    def ask(scope: Scope) -> None:
        from pytest_rollout.foresight import rows_are_there

        with in_doubt():
            claim = rows_are_there(scope.plan, scope.memory(), scope.readings(), name)
        assert claim

    return ask


def _columns(name: str) -> Callable[[Scope], None]:
    """What can be asked of samples that no phase compares: whether the table has what the metric names."""

    def ask(scope: Scope) -> None:
        columns = scope.readings().rows_of(name)
        truth = Truth.INCONCLUSIVE if math.isnan(columns.value) else Truth.PROVEN
        assert claim_about(columns, truth, text=f"{name} has a column of rows", limit="a table's column", near=math.nan)

    return ask


def _power(scope: Scope) -> None:
    from pytest_rollout.foresight import can_succeed

    with in_doubt():
        claim = can_succeed(scope.plan, scope.memory(), scope.readings())
    assert claim


def _deep(name: str, length: timedelta) -> Callable[[Scope], None]:
    def ask(scope: Scope) -> None:
        window = scope.metrics.window(name, length)
        if window.unknown is not None:
            unknown = replace(window.unknown, sources=window.sources)
            assert claim_about(unknown, Truth.INCONCLUSIVE, text=f"{name} has a past", limit="a series", near=math.nan)
        covered = Reading.exactly(window.coverage, "share", name=f"{name}, covered of {format_duration(length)}")
        fix = "keep a longer history, ask for a shorter window, or state the step at which samples come"
        why = f"{window.hidden}; {fix}" if window.hidden else ""
        found = replace(covered, why=why, sources=window.sources)
        assert found >= LEAST_COVERAGE

    return ask


def _flags(scope: Scope) -> None:
    count = scope.readings().flag_count()
    if count is None:
        assert check(fact=True, shows="the environment names no flags")
        return
    truth = Truth.INCONCLUSIVE if math.isnan(count.value) else Truth.PROVEN
    assert claim_about(count, truth, text="the flags can be read", limit="any number of them", near=math.nan)


def _target(scope: Scope) -> None:
    if not scope.readings().target:
        assert check(fact=True, shows="the environment names no target")
        return
    with scope.client() as client:
        status = client.get("/").status_code
    assert check(status < 500, f"the service answers (status {status})")


def _room(scope: Scope) -> None:  # noqa: ARG001 - every check gets one
    free = shutil.disk_usage(Path.cwd()).free
    assert check(free >= _FREE_BYTES, f"at least 100 MiB are free here ({free // 2**20} MiB are)")
