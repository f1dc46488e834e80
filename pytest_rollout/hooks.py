"""The hooks that judge, registered where a run has plans; each calls one method of the `Rollout` or of a gate."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from pytest_rollout.bookkeeping import enter, enter_answer, enter_deselected, enter_uncollected
from pytest_rollout.claim_facts import describe
from pytest_rollout.claims import running_gate
from pytest_rollout.decisions import Reason
from pytest_rollout.discovery import PLAN_NAME
from pytest_rollout.errors import RolloutError
from pytest_rollout.estimates import Estimate
from pytest_rollout.facts import Fact
from pytest_rollout.gate import GATE, answer_of, planned_of, wanted_by
from pytest_rollout.gate_markers import BAD_GATES, bad_gates
from pytest_rollout.items import PlanFile
from pytest_rollout.plan.model import PREFLIGHT
from pytest_rollout.reports import terminal
from pytest_rollout.reports.junit import claim_properties
from pytest_rollout.reports.progress import leave_progress, say_progress, shown_progress
from pytest_rollout.reports.table import folded
from pytest_rollout.rollout import Rollout
from pytest_rollout.witness import Witness


class WorkerNode(Protocol):
    """What is used of an xdist worker as the controller sees it."""

    workerinput: dict[str, object]
    gateway: object


class JudgingHooks:
    """pytest's hooks for one run; state lives in the `Rollout` and in each gate's stash."""

    def __init__(self, config: pytest.Config, rollout: Rollout) -> None:
        self._config = config
        self._rollout = rollout
        self._workerinput: dict[str, object] | None = getattr(config, "workerinput", None)

    # -- session -----------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        """Open worlds and the shared folder; a worker takes part in the controller's run."""
        if self._workerinput is not None:
            self._rollout.adopt(str(self._workerinput["rollout"]))
        elif not self._config.option.collectonly:
            try:
                self._rollout.start()
            except RolloutError as error:
                raise pytest.UsageError(str(error)) from error
            if self._config.pluginmanager.has_plugin("allure_listener"):
                from pytest_rollout.reports.allure_run import AllureRun

                self._config.pluginmanager.register(AllureRun(self._config, self._rollout), "rollout-allure")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerNode) -> None:
        """Tell an xdist worker when and where the run is."""
        node.workerinput["rollout"] = self._rollout.context()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerNode, error: object) -> None:
        """A worker that ended in error answered for nobody knows how many gates."""
        if error:
            name = getattr(node.gateway, "id", "?")
            self._rollout.book.trouble(Reason.MISSING, f"worker {name} ended early: {error}")

    # -- collection --------------------------------------------------------

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect a plan like a test file."""
        plan = self._rollout.plan_of(file_path) if file_path.name == PLAN_NAME else None
        if plan is None or plan.path != file_path:
            return None
        depths = self._rollout.depths(plan) if PREFLIGHT in self._rollout.asked else None
        return PlanFile.of(parent, file_path, plan, depths)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Collector) -> Generator[None, object, object]:
        """Note gates whose fixtures or markers are not what they seem: their file is refused with all of them."""
        made = yield
        plan = self._rollout.plan_of(collector.path)
        file = collector.nodeid.partition("::")[0]
        if isinstance(made, list) and plan:
            collector.stash.setdefault(BAD_GATES, []).extend(bad_gates(made, file, plan))
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A module that skips itself leaves no gate behind that could be skipped; one with bad gates has failed."""
        report = yield
        if report.passed and (problems := collector.stash.get(BAD_GATES, [])):
            report = pytest.CollectReport(report.nodeid, "failed", "\n".join(problems), [])
        if report.skipped:
            self._rollout.book.skipped.add(str(collector.path))
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What could not be collected may have been a gate, whatever status pytest ends with."""
        if report.failed:
            enter_uncollected(self._rollout.book, report, self._config.rootpath)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Enter a gate in the book before anything can leave it out."""
        enter(self._rollout, item)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Remember which gates were left out."""
        enter_deselected(self._rollout.book, items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Enter gates again, with markers given late; the witness takes its place, a worker leaves its page."""
        for item in session.items:
            enter(self._rollout, item)
        self._config.pluginmanager.register(Witness(self._rollout, travels=self._workerinput is not None))
        if self._config.pluginmanager.has_plugin("allure_listener"):  # with --alluredir only
            from pytest_rollout.reports.allure_run import dress_gates

            dress_gates(self._config, self._rollout, str((self._workerinput or {}).get("workerid", "")))
        if self._workerinput is not None and self._rollout.folder:
            self._rollout.book.write_page(self._rollout.folder, str(self._workerinput["workerid"]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Ask everything at once that the gates are known to ask, before the first of them."""
        screen, folder = session.config.pluginmanager.get_plugin("terminalreporter"), self._rollout.folder
        if not session.config.option.collectonly and not session.testsfailed:
            worker = self._workerinput is not None
            progress = partial(leave_progress, folder) if worker else partial(say_progress, screen)
            self._rollout.ask_ahead(wanted_by(session.items), progress)
        elsewhere = session.config.pluginmanager.has_plugin("dsession")  # xdist's, of a controller with workers
        with shown_progress(folder if elsewhere else None, screen):
            return (yield)

    # -- running -----------------------------------------------------------

    def pytest_assertion_pass(self, item: pytest.Item, lineno: int, orig: str) -> None:
        """A plain assert is a claim about a fact, in projects that enable this hook."""
        if gate := item.stash.get(GATE, None):
            gate.plain_assert(lineno, orig, sys._getframe(1))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Enter what a gate answered; only where the run is judged, and before anybody writes a report of it."""
        if self._workerinput is None:
            enter_answer(self._rollout.book, report)
            if report.when == "teardown" and getattr(self._config.option, "xmlpath", None):
                answers = self._rollout.book.answers[report.nodeid]
                claims = [claim for answer in answers for claim in answer.claims]
                report.user_properties.extend(claim_properties(claims))

    # -- reporting ---------------------------------------------------------

    def pytest_assertrepr_compare(self, left: object) -> list[str] | None:
        """Explain a refuted claim where the failing assert stands."""
        gate = running_gate()
        refuted = gate.last_refuted if gate and isinstance(left, (Estimate, Fact)) else None
        return describe(refuted) if refuted else None

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, object] | None:
        """HOLD and ROLLBACK as words beside PASSED."""
        planned = None if report.passed else planned_of(report) or self._rollout.book.planned.get(report.nodeid)
        return terminal.status_word(planned, answer_of(report)) if planned else None

    def pytest_report_header(self) -> list[str]:
        """Which rollouts, phases and environment this run is about."""
        lines = terminal.header(self._rollout)
        writer = self._config.get_terminal_writer()
        return [row for line in lines for row in folded(line, writer.fullwidth)] if writer._file.isatty() else lines

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """The verdict, last of pytest's sections."""
        width, at_screen = terminalreporter._tw.fullwidth, terminalreporter._tw._file.isatty()
        status = int(exitstatus)
        terminal.write_summary(terminalreporter, self._rollout, width=width, status=status, at_screen=at_screen)
