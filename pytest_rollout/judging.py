"""Judging: what one phase of one plan amounts to, by the book, the lock, the sources of its gates and its ledger.

The decision itself is `verdict`'s; here stands what it is given, and what
only a run knows beside it: traffic, functions that were passed over, and
whether the ledger is what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_rollout.book import Book
from pytest_rollout.clock import utc_now
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.depths import preflight_lines
from pytest_rollout.discovery import PLAN_NAME
from pytest_rollout.errors import PlanError, RolloutError
from pytest_rollout.lock import LOCK_NAME, Lock, lock_of_lines, read_lock
from pytest_rollout.plan.model import PREFLIGHT, Plan
from pytest_rollout.plan.nodes import typed_path
from pytest_rollout.plan.phase import CONDITIONS
from pytest_rollout.stages import rollback_target
from pytest_rollout.strays import GATE_FIXTURES, GATE_MARKERS, Stray, find_strays
from pytest_rollout.surroundings import Surroundings
from pytest_rollout.verdict import Because, Traffic, Verdict, judge_phase


class Judging:
    """Makes the verdicts of one run.

    Args:
        plans: Every plan that the run concerns.
        book: What was planned, and what was answered.
        surroundings: Where it is judged.

    Attributes:
        doubted: Plans whose ledger is not what it was, by their files.
    """

    def __init__(self, plans: Sequence[Plan], book: Book, surroundings: Surroundings) -> None:
        self._plans, self._book, self._surroundings = plans, book, surroundings
        self._settings = surroundings.settings
        self._passed_over: dict[Path, list[Stray]] = {}
        self.doubted: set[Path] = set()

    def judge(self, plan: Plan, phase: str) -> Verdict:
        """The verdict on one phase, as the book stands now."""
        lock, unlocked = _lock_of(plan)
        names = preflight_lines(plan, self.gateless(plan)) if phase == PREFLIGHT else plan.lines_of(phase)
        lines = [f"{PLAN_NAME}::{phase}::{name}" for name in names]
        if phase == PREFLIGHT:
            lock, unlocked = lock_of_lines(lines, phase), ""
        verdict = judge_phase(
            rollout=plan.rollout,
            phase=phase,
            book=self._book,
            lock=lock,
            planned_lines=lines,
            plan_digest=plan.digest,
            today=self._surroundings.at.date().isoformat(),
            lock_command=f"rollout lock {typed_path(plan.folder)}",
            unlocked=unlocked,
            skipped=self._skipped(plan),
            unmeasured=[f"{PLAN_NAME}::{phase}::{name}" for name in CONDITIONS if name != "statements"],
        )
        verdict = replace(verdict.with_reasons(self._strays(plan, phase)), traffic=self._traffic(plan, phase, verdict))
        verdict = self._by_the_ledger(plan, verdict) if self._settings.mode == "live" else verdict
        return replace(verdict, evidence_digest=self._surroundings.evidence_digest(plan))

    def _by_the_ledger(self, plan: Plan, verdict: Verdict) -> Verdict:
        """The verdict with the end of the ledger that it relies on, and with what speaks against relying on it.

        All of the ledger is looked at where something would be released, or waited for.
        """
        if verdict.phase not in plan.phases:
            return verdict
        whole = verdict.decision is Decision.PROCEED or verdict.waiting
        pinned = self._settings.pinned.get((plan.rollout, self._surroundings.environment_of(plan)))
        try:
            pin, against = self._surroundings.memory_of(plan).relied_on(pinned, whole=whole, now=utc_now())
        except RolloutError as error:
            pin, against = pinned, (str(error).replace("\n", "; "),)
        if against:
            self.doubted.add(plan.path)
        reasons = [Because(Reason.INVALID, sentence) for sentence in against]
        return replace(verdict.with_reasons(reasons), ledger=pin if self._surroundings.ledger_lasts(plan) else None)

    def _traffic(self, plan: Plan, phase: str, verdict: Verdict) -> Traffic:
        """How much traffic there is; nothing where nobody knows it, which its own gate has said already."""
        declared = plan.phases.get(phase)
        if declared is None or not plan.percentage or (not declared.stages and declared.traffic is None):
            return Traffic()
        try:
            standing = self._surroundings.memory_of(plan).waiting(phase).standing
        except RolloutError:
            return Traffic(back=0.0 if verdict.decision is Decision.ROLLBACK else None)
        return Traffic(
            stage=standing.stage.name if standing.stage else "",
            current=standing.percent,
            next=standing.next.percent if standing.next else None,
            back=rollback_target(standing, verdict.fired) if verdict.decision is Decision.ROLLBACK else None,
            hold_left=standing.left.total_seconds() if standing.left is not None else None,
        )

    def _strays(self, plan: Plan, phase: str) -> list[Because]:
        if plan.path not in self._passed_over:
            self._passed_over[plan.path] = self._find_strays(plan)
        skipped, uncollected = self._skipped(plan), self._below(plan, self._book.uncollected)
        return [
            Because(
                Reason.SKIPPED if stray.file in skipped else stray.reason, stray.sentence, f"{stray.file}::{stray.name}"
            )
            for stray in self._passed_over[plan.path]
            if (not stray.phases or phase in stray.phases)
            and not (stray.reason is Reason.MISSING and stray.file in uncollected)  # which is said of the file
        ]

    def _skipped(self, plan: Plan) -> frozenset[str]:
        """Files of a rollout that skipped themselves as a whole, from its folder on."""
        return self._below(plan, self._book.skipped)

    @staticmethod
    def _below(plan: Plan, files: Collection[str]) -> frozenset[str]:
        paths = map(Path, files)
        return frozenset(path.relative_to(plan.folder).as_posix() for path in paths if plan.folder in path.parents)

    def _find_strays(self, plan: Plan) -> list[Stray]:
        return find_strays(
            plan.folder,
            collected=self._book.functions,
            fixtures=GATE_FIXTURES,
            markers=GATE_MARKERS,
            phases=plan.phases,
            ignore=self.gateless(plan),
        )

    def gateless(self, plan: Plan) -> set[Path]:
        """What stands below a plan and holds no gates of it: worlds, and other rollouts."""
        worlds = {environment.world for environment in plan.environments.values() if environment.world}
        return worlds | {other.folder for other in self._plans if plan.folder in other.folder.parents}


def _lock_of(plan: Plan) -> tuple[Lock | None, str]:
    """A plan's lock, None where there is none; and the sentence that says why there is none."""
    try:
        lock, found = read_lock(plan.folder), f"there is no {LOCK_NAME}"
    except PlanError as error:
        first, *more = error.problems
        found = f"{first.file}:{first.line}:{first.column}: {first.found}"
        found += f", and {len(more)} more problems" if more else ""
        lock = None
    return lock, found
