"""The rollout: everything one pytest run knows of the rollouts it judges.

The one stateful object, kept in pytest's config stash. pytest's hooks fetch
it and call one method; it keeps the book and ends with a conclusion. pytest
is not imported.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.acting import Clocks, act, hindrance, shown
from pytest_rollout.actions.outcome import Outcome
from pytest_rollout.ahead import Ask, Progress, ask_ahead
from pytest_rollout.book import Book, PlannedGate
from pytest_rollout.claims import GateClaims
from pytest_rollout.clock import utc_now
from pytest_rollout.decisions import Decision, ExitCode, Reason
from pytest_rollout.depths import depths_of
from pytest_rollout.discovery import governing
from pytest_rollout.drill import Range
from pytest_rollout.errors import RolloutError
from pytest_rollout.judgement import GateVerdict, judge
from pytest_rollout.judging import Judging
from pytest_rollout.literals import Named
from pytest_rollout.occasion import Occasion
from pytest_rollout.plan.model import PREFLIGHT, Plan
from pytest_rollout.receipt import Run, receipt_digest
from pytest_rollout.scope import Scope
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.surroundings import Settings, Surroundings
from pytest_rollout.verdict import Because, RunVerdict
from pytest_rollout.versions import git_facts, versions

if TYPE_CHECKING:
    from pytest_rollout.ledger import drafts


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """How a run ends: its verdict, the code that the process returns, and whether anything was judged at all."""

    verdict: RunVerdict
    exit_code: int
    judged: bool

    def unrecorded(self, why: str) -> Conclusion:
        """The same end where the ledger could not take it: a go that was not recorded is none."""
        reasons = (*self.verdict.reasons, Because(Reason.ERROR, f"what was decided could not be recorded: {why}"))
        verdict = replace(self.verdict, reasons=reasons)
        kept = self.exit_code not in {ExitCode.PROCEED, ExitCode.HOLD_WAITING}
        return replace(self, verdict=verdict, exit_code=self.exit_code if kept else int(verdict.exit_code))


class Rollout:
    """One run over one or more rollouts.

    Args:
        plans: Every plan that the run concerns.
        settings: Environment, fault, output folder.
        asked: Phases that `-m` asks for; empty when it asks for none.
        at: The run's instant, UTC.
        kinds: The kinds of sources and flags there are.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        *,
        settings: Settings,
        asked: tuple[str, ...],
        at: datetime,
        kinds: Kinds = BUILT_IN,
    ) -> None:
        self.plans = tuple(plans)
        self.settings = settings
        self.asked = asked
        self.surroundings = Surroundings(settings, kinds, at, asked)
        self.run_id = uuid.uuid4().hex
        self.book = Book()
        self._judging = Judging(self.plans, self.book, self.surroundings)
        self._by_path = {plan.path: plan for plan in self.plans}
        self._governed: dict[Path, Plan | None] = {}
        self._judged: tuple[tuple[object, ...], RunVerdict] | None = None
        self.outcomes: dict[tuple[str, str], Outcome] = {}

    @property
    def at(self) -> datetime:
        """The run's instant, UTC."""
        return self.surroundings.at

    @property
    def folder(self) -> Path | None:
        """What the processes of this run share; None before it has started."""
        return self.surroundings.folder

    @property
    def pairs(self) -> tuple[tuple[Plan, str], ...]:
        """Every rollout and phase that is judged: plans that do not declare an asked phase take no part."""
        return tuple((plan, phase) for plan in self.plans for phase in self.asked if plan.declares(phase))

    @property
    def judged_plans(self) -> tuple[Plan, ...]:
        """Plans that declare an asked phase; all of them when gates are only tried out."""
        return tuple(plan for plan in self.plans if not self.asked or any(map(plan.declares, self.asked)))

    def plan_of(self, path: Path) -> Plan | None:
        """The plan that governs a file, if any."""
        if path not in self._governed:
            plan = governing(path, self._by_path)
            self._governed[path] = self._by_path[plan] if plan else None
        return self._governed[path]

    def start(self) -> None:
        """Open what is judged, on the controller only.

        Raises:
            RolloutError: See `Surroundings.start`.
        """
        self.surroundings.start(self.judged_plans)

    def context(self) -> str:
        """What an xdist worker must know, as a JSON string."""
        return json.dumps({"run_id": self.run_id, "surroundings": self.surroundings.context()})

    def adopt(self, context: str) -> None:
        """Take part, as an xdist worker, in the run that a controller started."""
        facts = json.loads(context)
        self.run_id = facts["run_id"]
        self.surroundings.adopt(facts["surroundings"])

    def stop(self) -> None:
        """Close what was opened."""
        self.surroundings.stop()

    def scope(self, plan: Plan, gate: PlannedGate, claims: GateClaims) -> Scope:
        """What one gate may ask, for the phases it belongs to and that are judged."""
        judged = tuple(phase for phase in gate.phases if not self.asked or phase in self.asked)
        memory = partial(self.surroundings.memory_of, plan)
        readings = partial(self.surroundings.readings_of, plan)
        return Scope(plan, judged, readings, claims, gate.id, memory, partial(self._range, plan))

    def _range(self, plan: Plan) -> Range:
        """Where a gate of a plan may drill."""
        return Range(
            environment=partial(self.surroundings.opened, plan),
            anew=partial(self.surroundings.anew, plan),
            allowed=self.settings.act and self.settings.mode == "live",
            run_id=self.run_id,
            now=utc_now,
        )

    def ask_ahead(self, wanted: Iterable[tuple[Plan, PlannedGate, Sequence[Named]]], progress: Progress) -> None:
        """Ask everything that the selected gates are known to want, before the first of them runs."""
        asks: list[Ask] = []
        for plan, gate, named in wanted:
            with suppress(RolloutError):  # said by the gate that asks
                asks += [ask for each in named for ask in self._asks(plan, gate, each)]
        ask_ahead(asks, self.folder, progress, time.monotonic)

    def _asks(self, plan: Plan, gate: PlannedGate, named: Named) -> list[Ask]:
        readings = self.surroundings.readings_of(plan)
        if not named.metric:
            return [replace(ask, key=(plan.rollout, *ask.key)) for ask in readings.ask_flags()]
        budgets = (plan.phases[phase].budgets.get(named.metric) for phase in gate.phases if phase in plan.phases)
        held = {level.held for budget in budgets if budget for level in budget.limit.levels if level.held}
        windows = {readings.asking.lookback(each) for each in held} | ({named.over} if named.over else set())
        return [replace(ask, key=(plan.rollout, *ask.key)) for ask in readings.asks(named.metric, windows)]

    @property
    def environment(self) -> str:
        """The environment of the run, as reports name it."""
        return self.surroundings.names(self.judged_plans)

    @property
    def embedded(self) -> bool:
        """Whether an embedded world is judged, which proves nothing about a real system."""
        return self.surroundings.embedded(self.judged_plans)

    @property
    def phases(self) -> frozenset[str]:
        """Every phase that a plan of this run declares."""
        return frozenset(phase for plan in self.plans for phase in (*plan.phases, PREFLIGHT))

    def judge(self) -> RunVerdict:
        """The verdict on what the book, with the pages of all workers, holds now."""
        if self.folder:
            self.book.read_pages(self.folder)
        if self._judged is None or self._judged[0] != self.book.state:
            self._judged = (self.book.state, self._judge_now())
        return self._judged[1]

    def _judge_now(self) -> RunVerdict:
        troubles = tuple(Because(reason, sentence) for reason, sentence in self.book.troubles)
        if not self.asked:
            return RunVerdict(verdicts=(), reasons=(*troubles, self._no_phase()))
        return RunVerdict(
            verdicts=tuple(self._judging.judge(plan, phase) for plan, phase in self.pairs), reasons=troubles
        )

    def tried(self) -> list[GateVerdict]:
        """What each gate that ran would say, where no phase was asked for."""
        gates = (gate for gate in self.book.planned.values() if gate.nodeid in self.book.answers)
        return [judge(gate, self.book.answers[gate.nodeid], deselected=False) for gate in gates]

    def _no_phase(self) -> Because:
        phases = sorted(self.phases)
        sentence = f"gates ran, but -m asked for no phase, so nothing was judged; phases: {', '.join(phases)}"
        return Because(Reason.NO_PHASE, sentence)

    def depths(self, plan: Plan) -> Mapping[str, tuple[str, timedelta]]:
        """Each metric and window that the gates of a plan are known to look at, by a name for both."""
        return depths_of(plan, self._judging.gateless(plan))

    @property
    def answered(self) -> bool:
        """Whether any gate of a rollout was run."""
        return any(nodeid in self.book.planned for nodeid in self.book.answers)

    def conclude(self, status: int) -> Conclusion:
        """The last word: pytest's own status and the verdict, as one exit code.

        A status other than 0 and 1 is pytest's and stands; 1 is never turned
        into 0; nothing is added up.
        """
        verdict = self.judge()
        if self.settings.mode != "live" and verdict.decision is Decision.PROCEED:
            reasons = (*verdict.reasons, Because(Reason.STALE, self._not_now()))
            verdict = RunVerdict(verdicts=verdict.verdicts, reasons=reasons)
        # Where pytest was interrupted or broke, what was judged before that counts for nothing either.
        broke = bool(self.asked) and status not in {0, 1}
        if broke or (status != 0 and verdict.decision is Decision.PROCEED):
            sentence = f"pytest itself ended with status {status}, so this run proves nothing"
            reasons = (*verdict.reasons, Because(Reason.FAILED, sentence))
            verdict = RunVerdict(verdicts=verdict.verdicts, reasons=reasons)
        judged = bool(self.asked) or (self.answered and not self.settings.explore)
        code = status if status not in {0, 1} or not judged else int(verdict.exit_code)
        return Conclusion(verdict=verdict, exit_code=code, judged=judged)

    def _not_now(self) -> str:
        what = "this is a replay of" if self.settings.replay else "this judges the past, as of"
        return f"{what} {self.at:%Y-%m-%d %H:%M:%S} UTC: what held then releases nothing now"

    def remember(self, conclusion: Conclusion) -> Conclusion:
        """Write what was decided, and which receipt says so, into the ledgers of environments that have one.

        What speaks against the whole run speaks against each of its phases.
        To a ledger that is not what it was, nothing is added.

        Returns:
            The conclusion, whose verdicts name the ends of their ledgers as they are now.

        Raises:
            LedgerError: One of them could not take it.
        """
        if self.settings.mode != "live":
            return conclusion
        told, pinned = _told(self.run_of(conclusion)), []
        pairs = [(self.surroundings.memory_of(plan), plan.path in self._judging.doubted) for plan, _ in self.pairs]
        for (memory, doubted), verdict in zip(pairs, conclusion.verdict.verdicts, strict=True):
            judged = verdict.with_reasons(conclusion.verdict.reasons)
            pin = None if doubted else memory.record(judged, told, recorded_at=utc_now())
            pinned.append(replace(verdict, ledger=pin if pin and verdict.ledger else verdict.ledger))
        found = replace(conclusion, verdict=replace(conclusion.verdict, verdicts=tuple(pinned)))
        self._remember_receipt(found)
        return found

    def _remember_receipt(self, conclusion: Conclusion) -> None:
        """Write which receipt says what was decided, so that no other one can be approved."""
        run = self.run_of(conclusion)
        digest, told = receipt_digest(run), _told(run)
        for (plan, _), verdict in zip(self.pairs, conclusion.verdict.verdicts, strict=True):
            if plan.path not in self._judging.doubted:
                self.surroundings.memory_of(plan).record_receipt(verdict.phase, digest, told, recorded_at=utc_now())

    def show_actions(self, conclusion: Conclusion) -> None:
        """Note what would be done about each verdict, for the receipt and the screen."""
        live = "it is about to be done" if self.settings.act else "--rollout-act does it"
        why = live if self.settings.mode == "live" else f"a {self.settings.mode} run does nothing"
        for occasion in self._occasions(conclusion):
            wanted = hindrance(occasion, exit_code=conclusion.exit_code) if self.settings.mode == "live" else ""
            outcome = shown(occasion, wanted or why)
            if outcome is not None:
                self.outcomes[occasion.plan.rollout, occasion.verdict.phase] = outcome

    def act(self, conclusion: Conclusion, since: float) -> bool:
        """Do what the plans say about final verdicts, where that was asked for; whether anything was tried.

        Raises:
            LedgerError: It was done, and a ledger could not take it.
        """
        if not self.settings.act or self.settings.mode != "live" or self.settings.replay:
            return False
        tried = False
        for occasion in self._occasions(conclusion):
            if occasion.response is None or hindrance(occasion, exit_code=conclusion.exit_code):
                continue
            outcome = act(occasion, since=since, clocks=Clocks(now=utc_now))
            self.outcomes[occasion.plan.rollout, occasion.verdict.phase] = outcome
            tried = True
            if occasion.plan.path not in self._judging.doubted:
                memory = self.surroundings.memory_of(occasion.plan)
                memory.record_outcome(occasion.verdict, outcome, run_id=self.run_id, at=utc_now())
        if tried:
            self._remember_receipt(conclusion)
        return tried

    def _occasions(self, conclusion: Conclusion) -> list[Occasion]:
        return [
            Occasion(
                plan=plan,
                verdict=verdict,
                environment=self.surroundings.opened(plan),
                run_id=self.run_id,
                at=self.at,
                read=partial(self.surroundings.anew, plan),
            )
            for (plan, _), verdict in zip(self.pairs, conclusion.verdict.verdicts, strict=True)
        ]

    def write_evidence(self, folder: Path) -> None:
        """Write the bundle of everything that the run was told.

        Raises:
            OSError: It cannot be written.
        """
        self.surroundings.write_evidence(folder, self.run_id, self.judged_plans)

    @cached_property
    def _code(self) -> tuple[dict[str, str], dict[str, object] | None]:
        """Which code judges, asked once: ledger and receipts of a run say the same, whatever is committed meanwhile."""
        return versions(), git_facts(self.plans[0].folder)

    def run_of(self, conclusion: Conclusion) -> Run:
        """The run as its receipt tells it."""
        versions_of_code, commit = self._code
        return Run(
            run_id=self.run_id,
            mode=self.settings.mode,
            environment=self.environment,
            embedded=self.embedded,
            fault=self.surroundings.fault,
            evaluated_at=self.at,
            exit_code=conclusion.exit_code,
            verdict=conclusion.verdict,
            versions=versions_of_code,
            git=commit,
            outcomes=self.outcomes,
        )


def _told(run: Run) -> drafts.Run:
    """The run as a ledger keeps it."""
    from pytest_rollout.ledger.drafts import Run as Told

    return Told(
        run_id=run.run_id,
        mode=run.mode,
        exit_code=run.exit_code,
        git=run.git,
        embedded=run.embedded,
        fault=run.fault,
    )
