"""Allure, the verdict: one phase's decision as a result, a line each for all that led to it, and the receipt."""

from __future__ import annotations

import json

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, StatusDetails, TestResult, TestStepResult
from allure_commons.utils import md5, now, uuid4

from pytest_rollout.decisions import Decision
from pytest_rollout.receipt import Run, receipt
from pytest_rollout.reports.allure import RUN_LABEL
from pytest_rollout.reports.wording import line
from pytest_rollout.reports.words import EMBEDDED
from pytest_rollout.verdict import Verdict

_STATUS = {Decision.PROCEED: "passed", Decision.HOLD: "broken", Decision.ROLLBACK: "failed"}
_VERDICT = "Verdict"


def verdict_result(verdict: Verdict, run: Run, title: str, logger: AllureFileLogger) -> TestResult:
    """The verdict itself as a result: what holds a release without being any gate's has no other place."""
    own = f"{verdict.rollout} {verdict.phase}"
    result = TestResult(uuid=uuid4(), start=now(), stop=now(), name=f"VERDICT {verdict.decision.value}: {own}")
    result.fullName = f"verdict of {own}"
    result.testCaseId, result.historyId = md5(result.fullName), md5(result.fullName, run.environment)
    result.status = _STATUS[verdict.decision]
    result.titlePath = [_VERDICT, own]
    lines = verdict_lines(verdict, run)
    result.description = "\n\n".join(f"`{each.replace('`', ' ')}`" for each in lines)
    if verdict.decision is not Decision.PROCEED:
        result.statusDetails = StatusDetails(message="\n".join(lines))
    for because in verdict.reasons:
        name = line(f"{because.code}: {because.sentence} {because.gate}", 300)
        status = "failed" if verdict.decision is Decision.ROLLBACK and _fired(verdict, because.gate) else "broken"
        result.steps.append(TestStepResult(name=name, status=status, start=result.start, stop=result.stop))
    labels = {"epic": line(title, 100), "feature": verdict.phase, "parentSuite": f" {_VERDICT}", "suite": own}
    labels |= {"severity": "blocker", RUN_LABEL: run.run_id, "tag": "verdict"}
    result.labels = [Label(name=name, value=line(value, 300)) for name, value in labels.items()]
    result.attachments = [Attachment(name="verdict.json", source=verdict_json(run, logger), type="application/json")]
    return result


def _fired(verdict: Verdict, gate_id: str) -> bool:
    return any(gate.gate.id == gate_id and gate.decision is Decision.ROLLBACK for gate in verdict.gates)


def verdict_json(run: Run, logger: AllureFileLogger) -> str:
    """The receipt as a file beside the results; its name there."""
    source = f"{uuid4()}-attachment.json"
    logger.report_attached_data(body=json.dumps(receipt(run), indent=1, default=str), file_name=source)
    return source


def verdict_lines(verdict: Verdict, run: Run) -> list[str]:
    """One phase's verdict in lines: the decision, where and when, the traffic, how many gates said what, and why."""
    traffic = verdict.traffic
    counted = [gate for gate in verdict.gates if gate.counts]
    said = ", ".join(
        f"{len(found)} {decision.value}"
        for decision in Decision
        if (found := [gate for gate in counted if gate.decision is decision])
    )
    where = f"environment {run.environment}" + (f" ({EMBEDDED})" if run.embedded else "")
    where += f" · fault {run.fault}" if run.fault else ""
    shares = {"traffic": traffic.current, "next": traffic.next, "back to": traffic.back}
    decision = f"{verdict.decision.value}{_codes(verdict)}"
    told = [
        f"VERDICT  {decision}  {verdict.rollout} {verdict.phase} · {where} · exit {run.exit_code}",
        f"{run.mode}, as of {run.evaluated_at:%Y-%m-%d %H:%M:%S} UTC",
        " · ".join(f"{name} {share:g} %" for name, share in shares.items() if share is not None),
        f"gates: {said or 'none'}" + _apart(verdict),
        *(f"{each.code}: {each.sentence}" + (f" ({each.gate})" if each.gate else "") for each in verdict.reasons),
    ]
    return [line(each) for each in told if each]


def _codes(verdict: Verdict) -> str:
    back = {gate.reason for gate in verdict.gates if gate.counts and gate.decision is Decision.ROLLBACK}
    told = (str(each.code) for each in verdict.reasons)
    codes = dict.fromkeys(code for code in told if verdict.decision is not Decision.ROLLBACK or code in back)
    return f"[{', '.join(codes)}]" if codes else ""


def _apart(verdict: Verdict) -> str:
    apart = len([gate for gate in verdict.gates if not gate.counts])
    return f"; {apart} more that do not count (in shadow, or for another stage)" if apart else ""
