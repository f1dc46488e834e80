"""Allure, the run: its verdict, the gates that never ran, and what the report says of where it comes from.

On the controller only, when every worker has written its results. A gate's
result is what its own process knew; here it meets the verdict, which may know
better (a trigger that Holm's correction does not let fire, a gate that
answered twice), and is made to say the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import allure_commons
import pytest
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import (
    Attachment,
    GlobalAttachment,
    GlobalError,
    Globals,
    TestResult,
)
from allure_commons.types import AttachmentType
from allure_commons.utils import md5, now, uuid4

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import RolloutError
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.receipt import Run
from pytest_rollout.record import PhaseRecord, Record
from pytest_rollout.reports import signed
from pytest_rollout.reports.allure import GATE_LABEL, RUN_LABEL, AllureGates, dress
from pytest_rollout.reports.allure_files import allurerc, categories, environment_of, executor_of, properties
from pytest_rollout.reports.allure_verdict import verdict_json, verdict_lines, verdict_result
from pytest_rollout.reports.signed import rests_on_people
from pytest_rollout.reports.wording import as_markdown, description_of, line, message_of, status_of
from pytest_rollout.reports.words import signoff_title
from pytest_rollout.rollout import Conclusion, Rollout
from pytest_rollout.verdict import RunVerdict


def dress_gates(config: pytest.Config, rollout: Rollout, worker: str) -> None:
    """Hear gates of this process, for the Allure report that this run writes.

    Args:
        config: pytest's, with allure-pytest's listener.
        rollout: The run.
        worker: The xdist worker's name; empty where there are none.
    """
    gates = AllureGates(rollout, worker or "this process")
    config.pluginmanager.register(gates, "rollout-allure-gates")
    allure_commons.plugin_manager.register(gates)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(gates))


class AllureRun:
    """Hears the verdict on the controller, and leaves it with the results.

    Args:
        config: pytest's.
        rollout: The run.
    """

    def __init__(self, config: pytest.Config, rollout: Rollout) -> None:
        self._config, self._rollout = config, rollout

    def pytest_rollout_report(self, record: Record) -> None:
        """Settle the results, now that nothing changes the decision any more.

        Raises:
            RolloutError: Some gates could not be dressed; said on the terminal, and no more.
        """
        # Gates as they were judged, beside what was decided last of all.
        verdict = RunVerdict(verdicts=self._rollout.judge().verdicts, reasons=record.reasons)
        conclusion = Conclusion(verdict=verdict, exit_code=record.exit_code, judged=True)
        folder = Path(self._config.option.allure_report_dir)
        settle(
            self._config.invocation_params.dir / folder,
            self._rollout,
            self._rollout.run_of(conclusion),
            self._config.rootpath,
            {(each.rollout, each.phase): each for each in record.phases},
        )
        if troubles := self._troubles():
            raise RolloutError(f"the Allure report is not whole: {'; '.join(troubles)}")

    def _troubles(self) -> list[str]:
        shared = self._rollout.folder
        paths = sorted(shared.glob("*.allure")) if shared else []
        return [f"{path.stem}: {path.read_text('utf-8')}" for path in paths]


def settle(folder: Path, rollout: Rollout, run: Run, root: Path, phases: Mapping[tuple[str, str], PhaseRecord]) -> None:
    """Make a folder of results say what the verdict says, and who signed.

    Args:
        folder: allure-pytest's.
        rollout: The run.
        run: How it ended.
        root: From where pytest names its tests.
        phases: What reports know of each rollout's phase.

    Raises:
        OSError: A file cannot be read or written.
    """
    logger = AllureFileLogger(folder)
    found = {key: (path, data) for path, data, key in _results(folder, run.run_id)}
    plans = {plan.rollout: plan for plan in rollout.plans}
    for verdict in run.verdict.verdicts:
        plan, signoff = plans[verdict.rollout], _signoff(phases.get((verdict.rollout, verdict.phase)), logger)
        for gate in verdict.gates:
            more = signoff if rests_on_people(gate) else None
            written = found.get(f"{verdict.rollout}/{verdict.phase}/{gate.gate.id}")
            if written:
                _agree(*written, gate, more)
                continue
            result = TestResult(uuid=uuid4(), name=gate.gate.id, start=now(), stop=now())
            name = _full_name((plan.folder / gate.gate.id.partition("::")[0]), gate.gate.id, root)
            result.fullName, result.testCaseId, result.historyId = name, md5(name), md5(name)
            dress(result, gate, plan, verdict.phase, environment=run.environment, run_id=run.run_id)
            result.description = description_of(gate)
            _report(result, more, logger)
        _report(verdict_result(verdict, run, plan.title or plan.rollout, logger), signoff, logger)
    _leave_files(folder, run, logger)


def _results(folder: Path, run_id: str) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """This run's results in a folder that may hold others', each with its gate."""
    for path in sorted(folder.glob("*-result.json")):
        text = path.read_text("utf-8")
        if run_id in text:
            data = json.loads(text)
            labels = {each["name"]: each["value"] for each in data.get("labels", [])}
            if labels.get(RUN_LABEL) == run_id and GATE_LABEL in labels:
                yield path, data, labels[GATE_LABEL]


@dataclass(frozen=True)
class _Signoff:
    """Who signed: words below a description, and a table that is attached."""

    words: str
    table: Attachment


def _signoff(phase: PhaseRecord | None, logger: AllureFileLogger) -> _Signoff | None:
    """Of a phase that people sign for; None of any other."""
    lines = signed.told(phase) if phase else ()
    if phase is None or not lines:
        return None
    source = f"{uuid4()}-attachment.csv"
    logger.report_attached_data(body=signed.table(phase), file_name=source)
    listed = "\n".join(f"- {as_markdown(line(each, 400))}" for each in lines)
    words = f"\n\n{as_markdown(signoff_title(phase))}\n\n{listed}"
    return _Signoff(words, Attachment(name="Sign-off", source=source, type=AttachmentType.CSV.mime_type))


def _report(result: TestResult, signoff: _Signoff | None, logger: AllureFileLogger) -> None:
    """Write a result, with who signed."""
    if signoff:
        result.description += signoff.words
        result.attachments.append(signoff.table)
    logger.report_result(result)


def _agree(path: Path, data: dict[str, Any], gate: GateVerdict, signoff: _Signoff | None) -> None:
    """Let a result say what the verdict says of its gate, where it said something else, and who signed."""
    status, message = status_of(gate), message_of(gate)
    details = data.get("statusDetails") or {}
    agrees = (data.get("status"), details.get("message", "")) == (status, message)
    if not agrees:
        data["status"] = status
        data["statusDetails"] = {**details, "message": message} if message else {}
        data["description"] = description_of(gate)
    if signoff:
        data["description"] = data.get("description", "") + signoff.words
        table = {"name": signoff.table.name, "source": signoff.table.source, "type": signoff.table.type}
        data["attachments"] = [*data.get("attachments", []), table]
    if signoff or not agrees:
        _write(path, json.dumps(data, ensure_ascii=False))


def _full_name(file: Path, gate_id: str, root: Path) -> str:
    """A test's full name as allure-pytest makes it, so that a gate that did not run keeps its history."""
    relative = file.relative_to(root) if root in file.parents else file
    inside = gate_id.split("::")[1:]
    classes = "".join(f".{each}" for each in inside[:-1])
    test = inside[-1].partition("[")[0] if inside else ""
    return f"{'.'.join(relative.with_suffix('').parts)}{classes}#{test}"


def _leave_files(folder: Path, run: Run, logger: AllureFileLogger) -> None:
    """What Allure reads beside results, and the verdict as an attachment of the whole report."""
    told = [each for verdict in run.verdict.verdicts for each in (*verdict_lines(verdict, run), "")]
    told += [f"{each.code}: {line(each.sentence)}" for each in run.verdict.reasons]
    source = f"{uuid4()}-attachment.txt"
    logger.report_attached_data(body="\n".join(told), file_name=source)
    attachments = [
        GlobalAttachment(name="Verdict", source=source, type="text/plain", timestamp=now()),
        GlobalAttachment(
            name="verdict.json", source=verdict_json(run, logger), type="application/json", timestamp=now()
        ),
    ]
    decision = run.verdict.decision
    first = (
        " · ".join(verdict_lines(verdict, run)[0] for verdict in run.verdict.verdicts) or f"VERDICT {decision.value}"
    )
    # Shown on top of the report, in red and as one paragraph, so only what matters most; the rest unfolds.
    wrong = GlobalError(message=first, trace="\n".join(told), timestamp=now())
    logger.report_globals(Globals(attachments=attachments, errors=[wrong] if decision is not Decision.PROCEED else []))
    levels = {gate.reason for verdict in run.verdict.verdicts for gate in verdict.gates if gate.reason}
    rules = categories(levels)
    _write(folder / "environment.properties", properties(environment_of(run)))
    _write(folder / "executor.json", json.dumps(executor_of(run, os.environ), indent=1))
    _write(folder / "categories.json", json.dumps(rules, indent=1))
    _write(folder / "allurerc.json", json.dumps(allurerc(run, rules), indent=1))


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
