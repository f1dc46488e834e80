"""Allure: each gate as a test of an Allure report, dressed when its result is written.

Loaded where allure-pytest listens, and nowhere else; gates never meet it. All
happens in one hook of `allure_commons`: its result goes by once, with its
status as pytest saw it, and leaves with what the gate decided. Whatever breaks
here is one line on the terminal; a verdict and an exit code know nothing of it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import allure_commons
import pytest
from allure_commons.model2 import Attachment, Label, Link, Parameter, StatusDetails, TestResult, TestStepResult
from allure_commons.types import AttachmentType
from allure_commons.utils import md5, uuid4

from pytest_rollout.book import Answer
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.gate import GATE, Gate, answer_of
from pytest_rollout.judgement import GateVerdict, judge
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.reports.asked import Asked, Told
from pytest_rollout.reports.pictured import pictures_of, table_of
from pytest_rollout.reports.plots import can_draw, drawn
from pytest_rollout.reports.wording import (
    description_of,
    line,
    message_of,
    parameters_of,
    status_of,
    step_of,
    tags_of,
    would_change,
)
from pytest_rollout.rollout import Rollout

GATE_LABEL, RUN_LABEL = "gate", "run"
_STATUS_OF = {Truth.PROVEN: "passed", Truth.REFUTED: "failed", Truth.INCONCLUSIVE: "broken"}
_LARGEST = 64 * 1024
"""So many characters of one response are shown; `evidence.zip` has them all."""
_MOST_RECORDS = 8


class AllureGates:
    """Hears how each gate ended, and dresses its result.

    Args:
        rollout: The run.
        process: The name under which trouble of this process is left in the run's shared folder.
    """

    def __init__(self, rollout: Rollout, process: str) -> None:
        self._rollout, self._process = rollout, process
        self._answers: dict[str, list[Answer]] = {}
        self._gate: Gate | None = None
        self._description = ""
        self._asked: dict[str, Asked] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember what the gate said of this part, as the book will have it."""
        report = yield
        self._gate = item.stash.get(GATE, None)
        if self._gate is not None:
            self._answers.setdefault(item.nodeid, []).append(answer_of(report))
            self._description = getattr(getattr(item, "obj", None), "__doc__", None) or ""
        return report

    @allure_commons.hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]  # allure_commons has no types
    def report_result(self, result: TestResult) -> None:
        """Dress a gate's result; any other test's goes by."""
        gate, self._gate = self._gate, None
        if gate is None:
            return
        try:
            answers = self._answers.get(gate.planned.nodeid, [])
            self._dress(result, gate, judge(gate.planned, answers, deselected=False))
        except Exception as error:  # noqa: BLE001 - a report is no part of a decision, whatever breaks in it
            self._troubled(error)

    def _troubled(self, error: Exception) -> None:
        if folder := self._rollout.folder:
            said = f"{type(error).__name__}: {line(str(error), 300)}"
            (folder / f"{self._process}.allure").write_text(said, encoding="utf-8")

    def _dress(self, result: TestResult, gate: Gate, verdict: GateVerdict) -> None:
        planned, plan = gate.planned, gate.scope.plan
        if planned.shadow_until and self._rollout.at.date() <= planned.shadow_until:
            verdict = replace(verdict, counts=False)
        phase = gate.scope.phases[0] if gate.scope.phases else ""
        declared, asked = plan.phases.get(phase), self._asked_of(plan)
        dress(result, verdict, plan, phase, environment=self._rollout.environment, run_id=self._rollout.run_id)
        result.description = description_of(verdict, self._description.strip().partition("\n\n")[2])
        for claim in verdict.claims:
            step = _step(claim, planned.id, declared, asked.behind(claim))
            step.start, step.stop = result.start, result.stop
            result.steps.append(step)

    def _asked_of(self, plan: Plan) -> Asked:
        folder = self._rollout.folder
        return self._asked.setdefault(plan.rollout, Asked(folder / plan.rollout if folder else None))


def dress(result: TestResult, verdict: GateVerdict, plan: Plan, phase: str, *, environment: str, run_id: str) -> None:
    """Give a result its title, labels, links and parameters, its status and its message.

    Measured values are no part of what makes its history: phase and environment are.
    """
    planned, declared = verdict.gate, plan.phases.get(phase)
    result.name = line(planned.title or planned.id, 200)
    result.status = status_of(verdict)
    message = message_of(verdict)
    trace = result.statusDetails.trace if result.statusDetails else None
    result.statusDetails = StatusDetails(message=message, trace=trace) if message else None
    stage = ", ".join(planned.stages)
    titles = line(plan.title or plan.rollout, 100), line((declared and declared.title) or phase, 100)
    labels = {
        "epic": titles[0],
        "feature": f"{phase}: {titles[1]}" if phase and titles[1] != phase else phase or "no phase",
        "story": f"stage {stage}" if stage else "every stage" if declared and declared.stages else "",
        "parentSuite": titles[0],
        "suite": titles[1] or "no phase",
        "subSuite": planned.id.partition("::")[0],
        "owner": planned.owner or plan.owner,
        "severity": planned.severity or ("critical" if planned.rollback or planned.trigger else "normal"),
        GATE_LABEL: f"{plan.rollout}/{phase}/{planned.id}",
        RUN_LABEL: run_id,
    }
    result.titlePath = [titles[0], titles[1] or "no phase", planned.id.partition("::")[0]]  # Allure 3's tree
    kept = [each for each in result.labels if each.name not in labels]
    result.labels = kept + [Label(name=name, value=line(value, 300)) for name, value in labels.items() if value]
    result.labels += [Label(name="tag", value=tag) for tag in tags_of(planned, verdict.claims)]
    result.links += [Link(type="link", name=line(name, 80), url=line(url)) for name, url in links_of(verdict)]
    result.links += [
        Link(type="issue" if name == "issue" else "link", name=name, url=url) for name, url in plan.reports.links
    ]
    own = {"phase": phase, "environment": environment}
    result.parameters += [Parameter(name=name, value=line(value, 80)) for name, value in own.items() if value]
    result.historyId = md5(result.historyId or planned.id, phase, environment)
    if told := would_change(verdict):
        result.attachments.append(attached("What would change the answer", told, AttachmentType.TEXT))


def links_of(verdict: GateVerdict) -> list[tuple[str, str]]:
    """Where to read on: runbook sections, as addresses or as paths in the repository; `#section` is of the gate's."""
    own = verdict.gate.runbook
    claimed = [own + claim.runbook if claim.runbook.startswith("#") else claim.runbook for claim in verdict.claims]
    found = [each for each in dict.fromkeys([own, *claimed]) if each]
    return [
        (f"runbook: {each.rpartition('#')[2].replace('-', ' ')}" if "#" in each else "runbook", each) for each in found
    ]


def _step(claim: ClaimFacts, gate_id: str, phase: Phase | None, records: Sequence[Told]) -> TestStepResult:
    """One claim as a step, with its numbers, its pictures and what it rests on."""
    words = StatusDetails(message=line(step_of(claim), 600)) if claim.truth is not Truth.PROVEN else None
    step = TestStepResult(name=step_of(claim), status=_STATUS_OF[claim.truth])
    step.statusDetails = words
    # Excluded, or each measured value would begin a history of its own.
    step.parameters = [Parameter(name=name, value=value, excluded=True) for name, value in parameters_of(claim).items()]
    step.attachments = [*_pictures(claim, gate_id, phase, records)]
    if claim.method not in {"fact", "assert"}:
        step.attachments.append(attached("Numbers", table_of(claim, phase, records), AttachmentType.CSV))
    if records:
        step.attachments.append(attached("Question and answer", _conversation(records), AttachmentType.TEXT))
    return step


def _pictures(claim: ClaimFacts, gate_id: str, phase: Phase | None, records: Sequence[Told]) -> list[Attachment]:
    if not can_draw():
        return []
    found = pictures_of(claim, gate_id, phase, records)
    return [attached(name, drawn(facts).content, AttachmentType.SVG) for name, facts in found]


def _conversation(records: Sequence[Told]) -> str:
    """What a source was asked and what it said, as it was recorded: without secrets."""
    parts = []
    for told in records[:_MOST_RECORDS]:
        said = told.response
        cut = f"\n… {len(said) - _LARGEST} more characters are in evidence.zip" if len(said) > _LARGEST else ""
        parts.append(f"{told.key[1]} was asked\n{told.question}\n\nand said\n{said[:_LARGEST]}{cut}")
    left = len(records) - _MOST_RECORDS
    return "\n\n".join([*parts, *([f"… {left} more are in evidence.zip"] if left > 0 else [])])


def attached(name: str, body: str | bytes, kind: AttachmentType) -> Attachment:
    """A file of the report, given to whoever writes them."""
    source = f"{uuid4()}-attachment.{kind.extension}"
    allure_commons.plugin_manager.hook.report_attached_data(body=body, file_name=source)
    return Attachment(name=name, source=source, type=kind.mime_type)
