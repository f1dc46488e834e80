"""The gate: a pytest item that belongs to a phase of a rollout.

How it is run so that its claims find it, and what it leaves on its reports.
"""

from __future__ import annotations

import json
import traceback
import unittest
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.asserts import asserts_by_hand, hollow_asserts, in_a_message, made_within
from pytest_rollout.book import Answer, Ended, PlannedGate, pack, unpack
from pytest_rollout.claims import GateClaims, judging
from pytest_rollout.errors import Inconclusive, NotApplicable, QuestionError, Unclaimed, did_you_mean, listed
from pytest_rollout.identity import asked_by_identity, looked_at
from pytest_rollout.literals import Named, names_of
from pytest_rollout.plan.model import Plan
from pytest_rollout.strays import GATE_FIXTURES
from pytest_rollout.swallowed import swallowed_asserts
from pytest_rollout.threads import Threads
from pytest_rollout.unheard import unheard_asserts

if TYPE_CHECKING:
    from pytest_rollout.scope import Scope

GATE: pytest.StashKey[Gate] = pytest.StashKey()
RUNNING: pytest.StashKey[Gate | None] = pytest.StashKey()
"""Where the config keeps the gate that is set up or running; None while another test is."""
NO_DYING_THREADS = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
"""An assert that fails in a thread of a gate is no warning."""
_RECORD = "rollout_record"
_PLANNED = "rollout_gate"
_QUIET = "rollout_quiet"


@dataclass
class Gate:
    """One gate of this run: what was planned, what it may ask, and how it went so far."""

    planned: PlannedGate
    scope: Scope
    claims: GateClaims
    code: CodeType | None
    live_words: frozenset[str] = frozenset()
    condition: str = ""
    attempts: int = 0
    applies: bool = True
    raised: dict[str, BaseException] = field(default_factory=dict)

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Set the gate up; who does it again tries again."""
        self.attempts += 1
        with self.watching("setup"), judging(self.claims, calling=False):
            yield

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the gate's function; raise when it ends well and has proven nothing."""
        threads = Threads(self.scope.plan.folder)
        with self.watching("call"), threads.watched():
            self._refuse_elsewhere()
            with judging(self.claims, calling=True):
                try:
                    yield
                except NotApplicable as why:
                    self.applies = not (self.claims.excused and str(why) == self.claims.excused)
                    raise
            self._demand_proof(threads)

    def _refuse_elsewhere(self) -> None:
        """A gate for another stage, or a condition that holds at another one, is not run."""
        why = self.scope.why_not(self.planned.stages, self.condition)
        if why:
            self.applies = False
            raise NotApplicable(why)

    @contextmanager
    def watching(self, part: str) -> Iterator[None]:
        """Remember what ended a part of the gate first, nearest to it, where nobody could swallow it yet."""
        try:
            yield
        except BaseException as error:
            self.raised.setdefault(part, error)
            raise

    def plain_assert(self, line: int, text: str, frame: FrameType | None) -> None:
        """A plain assert passed: the gate's own fact where the gate made it, not a fixture or a plugin."""
        if self.claims.calling and self.code and made_within(frame, self.code):
            self.claims.plain_assert(line, text)

    def _demand_proof(self, threads: Threads) -> None:
        faults = [*self.claims.faults(), *self._by_hand(), *self._hollow(), *self._unheard(), *threads.faults()]
        if faults:
            raise Unclaimed("HOLD[no-claim] " + "\n  ".join(faults))

    def _by_hand(self) -> Iterator[str]:
        for line in asserts_by_hand(self.code) if self.code else ():
            yield f"line {line} compares a bare .value, .low or .high, which claims nothing: compare the estimate"

    def _hollow(self) -> Iterator[str]:
        for line in hollow_asserts(self.code) if self.code else ():
            yield f"line {line} asserts what is never false (a generator without `all`, a tuple, a constant)"
        if self.live_words and not self.claims.has_read:
            yield f"the gate asked for {listed(self.live_words)} and read nothing: perhaps a loop over an empty list"

    def _unheard(self) -> Iterator[str]:
        for line in swallowed_asserts(self.code) if self.code else ():
            yield f"line {line} asserts where a failure is swallowed: let it fail, or handle it"
        for line in unheard_asserts(self.code) if self.code else ():
            yield f"line {line} calls asserts and hears nothing of them: await or read the call, and look at its answer"

    def sign(self, report: pytest.TestReport, raised: BaseException | None, *, travels: bool) -> None:
        """Put the gate's own answer on a report, and the gate itself where the report travels to another process.

        As JSON strings, which survive any transport.
        """
        first = self.raised.get(str(report.when))
        if raised is None or (first is not None and not isinstance(first, Unclaimed)):
            raised = first  # else unittest kept the exception to itself, and pytest knows it only now
        if raised is None and report.failed and str(report.longrepr).startswith("[XPASS(strict)]"):
            raised = pytest.xfail.Exception("it was expected to fail, and passed")
        ended, reason = _ended(raised)
        if ended is Ended.NOT_APPLICABLE and self.applies:
            ended = Ended.ERROR  # only the plan's stages say so, or what the host cannot do, and no gate of itself
        if ended in {Ended.ERROR, Ended.INCONCLUSIVE} and self._failed_before(raised):
            ended = Ended.FAILED  # what broke is only what the gate wanted to say of it
        if ended is Ended.FAILED and raised and (slip := self._slip(raised)):
            raised, ended = slip.with_traceback(raised.__traceback__), Ended.ERROR
        if ended is Ended.FAILED and not self._failed_itself(raised):
            ended = Ended.ERROR  # a library's own assert, or a fixture's: the gate has not judged
        message = "" if raised is None else _message(ended, raised) + self._where(ended, raised)
        claims = self.claims.facts if report.when == "call" or (report.when == "setup" and raised) else ()
        record = pack(ended, reason=reason, message=message, claims=claims, attempt=self.attempts)
        setattr(report, _RECORD, record)
        if travels:
            setattr(report, _PLANNED, json.dumps(self.planned.as_json()))

    def _slip(self, raised: BaseException) -> QuestionError | None:
        """What an assert that failed should have asked: one that asked no claim may have failed for doubt alone."""
        folder = self.scope.plan.folder
        return asked_by_identity(raised, self.claims, folder) or looked_at(raised, self.claims, folder)

    def _failed_itself(self, raised: BaseException | None) -> bool:
        """Whether an assertion failed in the gate or a helper beside it, and not in somebody else's code."""
        if self.code is None or self.claims.last_refuted:
            return True
        frames = traceback.extract_tb(raised.__traceback__) if raised else []
        return bool(frames) and self.scope.plan.folder in Path(frames[-1].filename).parents

    def _failed_before(self, raised: BaseException | None) -> bool:
        """Whether a claim was refuted in an assert, and making the message of that assert raised this."""
        if raised is None or self.claims.last_refuted is None:
            return False
        own = (
            frame
            for frame in traceback.extract_tb(raised.__traceback__)
            if self.scope.plan.folder in Path(frame.filename).parents
        )
        return any(in_a_message(each.filename, each.lineno or 0, each.colno or 0) for each in own)

    def _where(self, ended: Ended, raised: BaseException) -> str:
        """The gate's own line at which an error left it, for its author."""
        if ended is not Ended.ERROR or self.code is None:
            return ""
        frames = traceback.extract_tb(raised.__traceback__)
        own = [frame for frame in frames if frame.filename == self.code.co_filename]
        return f"\nat {Path(own[-1].filename).name}:{own[-1].lineno}: {own[-1].line}" if own else ""


def _ended(raised: BaseException | None) -> tuple[Ended, str]:
    match raised:
        case None:
            return Ended.PASSED, ""
        case Inconclusive():
            return Ended.INCONCLUSIVE, str(raised.reason)
        case Unclaimed():
            return Ended.NO_CLAIM, ""
        case NotApplicable():
            return Ended.NOT_APPLICABLE, ""
        case pytest.skip.Exception() | pytest.xfail.Exception() | unittest.SkipTest():
            return Ended.SKIPPED, ""
        case AssertionError():
            return Ended.FAILED, ""
        case _:
            return Ended.ERROR, ""


def _message(ended: Ended, raised: BaseException) -> str:
    text = str(raised).removeprefix("HOLD[no-claim] ")
    if ended is Ended.INCONCLUSIVE and isinstance(raised, Inconclusive):
        return text.removeprefix(f"HOLD[{raised.reason}] ")
    return _broken(raised, text) if ended is Ended.ERROR else text


def _broken(raised: BaseException, text: str) -> str:
    """What kept a gate from judging; the slips with fixtures, of which Python and pytest say little here, in words."""
    if isinstance(raised, pytest.FixtureLookupError):
        name = str(raised.argname)
        found = f"there is no fixture '{name}'" if raised.msg is None else f"fixture '{name}': {raised.msg}"
        guess = did_you_mean(name, GATE_FIXTURES) if raised.msg is None else ()
        return "\n".join([f"{type(raised).__name__}: {found}", *guess])
    if isinstance(raised, NameError) and raised.name in {"check", "deterministic"}:
        text += f"\nwrite `from pytest_rollout import {raised.name}` at the top of the file"
    if isinstance(raised, NameError) and raised.name in GATE_FIXTURES:
        text += f"\nit is a fixture: name it among the gate's arguments, as in `def test_…({raised.name}):`"
    return f"{type(raised).__name__}: {text}"


def answer_of(report: pytest.TestReport) -> Answer:
    """What a report says of a gate, wherever it was made; of one in shadow, what it said before it was kept quiet."""
    quiet = getattr(report, _QUIET, False)
    outcome = "failed" if quiet else report.outcome
    expected = hasattr(report, "wasxfail") and not quiet
    packed = getattr(report, _RECORD, None)
    answer = unpack(report.nodeid, str(report.when), outcome, packed, expected_failure=expected)
    answer = replace(answer, seconds=getattr(report, "duration", 0.0))
    return replace(answer, subtest=True, claims=()) if hasattr(report, "context") else answer


def planned_of(report: pytest.TestReport) -> PlannedGate | None:
    """The gate that a report is about; None for reports of other tests."""
    packed = getattr(report, _PLANNED, None)
    return PlannedGate.from_json(json.loads(packed)) if isinstance(packed, str) else None


def wanted_by(items: Iterable[pytest.Item]) -> Iterator[tuple[Plan, PlannedGate, list[Named]]]:
    """What each gate among some items is known to ask before it runs: what its text names, or its line of a plan."""
    for item in items:
        gate = item.stash.get(GATE, None)
        if gate is None:
            continue
        metric = getattr(item, "metric", None)
        if metric is not None:
            yield gate.scope.plan, gate.planned, [Named(0, metric.name)]
        elif gate.code is not None:
            last = max((line or 0 for _, _, line in gate.code.co_lines()), default=0)
            named = names_of(gate.code.co_filename, gate.code.co_firstlineno, last)
            yield gate.scope.plan, gate.planned, named


def keep_elsewhere_quiet(report: pytest.TestReport, gate: Gate) -> None:
    """A gate for another stage is seen, counted apart, and does not fail the run."""
    if report.failed and report.when == "call" and not gate.applies:
        report.outcome = "skipped"
        report.longrepr = (str(gate.planned.id), 0, f"Skipped: {gate.raised['call']}")


def keep_shadow_quiet(report: pytest.TestReport, gate: PlannedGate, today: date) -> None:
    """A gate in shadow reports like an expected failure: seen, counted apart, not failing the run."""
    if report.failed and gate.shadow_until is not None and today <= gate.shadow_until:
        setattr(report, _QUIET, True)
        report.outcome = "skipped"
        report.wasxfail = f"in shadow until {gate.shadow_until}: {gate.shadow_why}"
