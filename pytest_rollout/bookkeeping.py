"""Bookkeeping: what becomes of pytest's items and reports in the book of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_rollout.book import Book
from pytest_rollout.claims import GateClaims
from pytest_rollout.collected import COLLECTED_AS, code_of, live_words, planned_gate, qualified_name
from pytest_rollout.decisions import Reason
from pytest_rollout.gate import GATE, NO_DYING_THREADS, Gate, answer_of, planned_of
from pytest_rollout.gate_markers import foreign_fixtures
from pytest_rollout.rollout import Rollout
from pytest_rollout.strays import collection_error

_ENTERED = pytest.StashKey[tuple[str, frozenset[str]]]()
"""The node id and the markers of an item when it was entered in the book."""


def enter(rollout: Rollout, item: pytest.Item) -> None:
    """Enter an item that a plan governs; again where it has another name or other markers since."""
    plan = rollout.plan_of(item.path)
    if plan is None:
        return
    markers = list(item.iter_markers())
    worn = frozenset(marker.name for marker in markers)
    if item.stash.get(_ENTERED, None) == (item.nodeid, worn):
        return
    item.stash.setdefault(COLLECTED_AS, item.nodeid)
    _forget(rollout.book, item)
    rollout.book.functions.add((str(item.path), qualified_name(item)))
    planned = planned_gate(item, plan, markers, rollout.phases)
    worn = worn if isinstance(planned, str | None) else worn | {NO_DYING_THREADS.name}
    item.stash[_ENTERED] = (item.nodeid, worn)
    if isinstance(planned, str):
        rollout.book.trouble(Reason.MISSING, planned)
    elif planned is not None:
        claims = GateClaims()
        scope = rollout.scope(plan, planned, claims)
        condition = getattr(item, "condition", "")
        item.stash[GATE] = Gate(planned, scope, claims, code_of(item), live_words(item), condition)
        item.add_marker(NO_DYING_THREADS, append=False)
        rollout.book.plan(planned)
        for problem in foreign_fixtures(item) if isinstance(item, pytest.Function) else ():
            rollout.book.trouble(Reason.ERROR, problem)  # pytest does not ask before it makes unittest's


def _forget(book: Book, item: pytest.Item) -> None:
    """Take a gate out of the book that is entered anew: pytest-xdist renames the items of a group."""
    gate = item.stash.get(GATE, None)
    if gate and book.planned.get(gate.planned.nodeid) is gate.planned:
        del book.planned[gate.planned.nodeid]


def enter_uncollected(book: Book, report: pytest.CollectReport, root: Path) -> None:
    """Note what could not be collected, and why."""
    file = report.nodeid.partition("::")[0]
    said = collection_error(report.longreprtext, file)
    book.uncollected.add(str(root / file))
    why = f": {'; '.join(said)}" if said else ""
    book.trouble(Reason.ERROR, f"{report.nodeid or 'the run'} could not be collected{why}")


def enter_deselected(book: Book, items: Iterable[pytest.Item]) -> None:
    """Note which gates were left out."""
    gates = (item.stash.get(GATE, None) for item in items)
    book.deselected.update(gate.planned.nodeid for gate in gates if gate)


def enter_answer(book: Book, report: pytest.TestReport) -> None:
    """Note what a gate answered, and the gate itself where it was planned in another process."""
    if report.nodeid not in book.planned and (planned := planned_of(report)):
        book.plan(planned)
    if report.failed and report.nodeid not in book.planned:
        book.trouble(Reason.FAILED, f"{report.nodeid} failed, which is no gate of a rollout")
    book.answer(answer_of(report))
