"""Loading: one file in, one checked plan out, or every problem that is in it.

The document is read, its shape is checked against the grammar, and then what
only the whole can tell: names that must exist, units that must fit,
thresholds that must stand in order. All of it happens even when an earlier
step complained, so one run shows everything there is to mend.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from pytest_rollout.errors import PlanError
from pytest_rollout.plan.budgets import build_phases
from pytest_rollout.plan.conditions import check_percentage, parse_percent
from pytest_rollout.plan.document import MAX_BYTES, read_document
from pytest_rollout.plan.environments import build_environments
from pytest_rollout.plan.grammar import plan_shape
from pytest_rollout.plan.metrics import build_metrics
from pytest_rollout.plan.model import Plan, Reports
from pytest_rollout.plan.nodes import Findings, Kind, Node, Spot, quoted, shown_path
from pytest_rollout.plan.numbers import parse_confidence
from pytest_rollout.plan.responses import EVENTS
from pytest_rollout.plan.structures import Fields
from pytest_rollout.quantities import parse_duration
from pytest_rollout.sources.protocol import FlagKind, SourceKind

_VARIABLE = re.compile(r"\$\{\w[^}]*\}")
_START = Spot(1, 1)
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?")  # of RFC 3986


def load_plan(
    path: Path,
    *,
    kinds: Mapping[str, SourceKind],
    flag_kinds: Mapping[str, FlagKind],
    shown: str | None = None,
) -> Plan:
    """Read and check one `rollout.yaml`.

    Args:
        path: The file; worlds are found beside it.
        kinds: The kinds of sources there are, by name.
        flag_kinds: The kinds of feature flags there are, by name.
        shown: How messages name the file; if not said, its path below the
            working directory, or the whole path where it is not below.

    Raises:
        PlanError: With every problem in the file, each with its place.
    """
    findings = Findings(path, shown if shown is not None else shown_path(path))
    data = _bytes(path, findings)
    written = read_document(data, findings)
    plan = _plan(written, plan_shape(kinds, flag_kinds), hashlib.sha256(data).hexdigest(), findings)
    findings.settle()
    return plan


def _bytes(path: Path, findings: Findings) -> bytes:
    try:
        if path.is_dir():
            findings.fail(_START, "", "a folder, not a plan", "name the file: rollout.yaml")
        if path.exists() and not path.is_file():
            # Opening a pipe would wait for somebody to write into it.
            findings.fail(_START, "", "not an ordinary file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        findings.fail(_START, "", "no such file")
    except (OSError, ValueError) as error:
        findings.fail(_START, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")


def _plan(written: Node, shape: Fields, digest: str, findings: Findings) -> Plan:
    """The plan that a document says, as far as it says one; complete if nothing was found."""
    checked = shape.read(written, findings)
    if checked is None:
        raise PlanError(findings.problems)
    _check_variables(written, findings)
    metrics = build_metrics(checked, written, findings)
    return Plan(
        path=findings.file,
        rollout=checked.text_of("rollout"),
        title=checked.text_of("title") or checked.text_of("rollout"),
        owner=checked.text_of("owner"),
        runbook=checked.text_of("runbook"),
        environment=checked.text_of("environment"),
        metrics=metrics.sound,
        phases=build_phases(checked, written, metrics, findings),
        environments=build_environments(checked, written, findings),
        digest=digest,
        confidence=parse_confidence(checked.text_of("confidence") or "0.95"),
        every=parse_duration(checked.text_of("every") or "1h"),
        looks="once" if checked.text_of("looks") == "once" else "continuous",
        percentage=check_percentage(checked, written, findings),
        evidence_age=parse_duration(checked.text_of("evidence_age") or "7d"),
        baseline_window=parse_duration(_text(checked, "baseline", "window") or "14d"),
        partial_steps=tuple(parse_percent(each.text) for each in _items(checked, "partial", "steps")),
        partial_watch=_duration_of(_text(checked, "partial", "watch")),
        baseline_age=parse_duration(_text(checked, "baseline", "max_age") or "90d"),
        reports=_reports(checked, written, findings),
        rto=parse_duration(checked.text_of("rto")) if checked.text_of("rto") else None,
    )


def _reports(checked: Node, written: Node, findings: Findings) -> Reports:
    files, templates = checked.get("reports", "files"), _text(checked, "reports", "templates")
    folder = (findings.file.parent / templates).resolve() if templates else None
    if folder is not None and not folder.is_dir() and (named := written.get("reports", "templates")):
        findings.at(named, "no such folder", "a folder of templates, from the plan's folder on")
    links = checked.get("reports", "links")
    return Reports(
        files=tuple(item.text for item in files.items) if files else (),
        templates=folder,
        links=tuple((name, _address(node, findings)) for name, node in links.fields.items()) if links else (),
    )


def _address(node: Node, findings: Findings) -> str:
    """What a page may lead to: no script, and nothing that a browser would look for on the reader's own disk."""
    if not _ADDRESS.fullmatch(node.text):
        findings.at(
            node, f"{quoted(node.text)} is no address", "http:// or https://, a host, and no spaces or passwords"
        )
    return node.text


def _text(node: Node, *names: str) -> str:
    below = node.get(*names)
    return below.text if below is not None else ""


def _duration_of(text: str) -> timedelta:
    return parse_duration(text) if text else timedelta(0)


def _items(node: Node, *names: str) -> tuple[Node, ...]:
    below = node.get(*names)
    return tuple(below.items) if below is not None else ()


def _check_variables(written: Node, findings: Findings) -> None:
    """A variable outside of environments and actions would stay the text that it is, and be judged by."""
    for name, below in written.fields.items():
        for node in _texts(below) if name not in {"environments", *EVENTS} else ():
            if _VARIABLE.search(node.text):
                found = "environment variables are filled in below environments: and in actions only"
                findings.at(node, found, "write the value itself")


def _texts(node: Node) -> Iterator[Node]:
    if node.kind is Kind.TEXT:
        yield node
    for name, below in (*(("", item) for item in node.items), *node.fields.items()):
        yield from _texts(below) if name not in EVENTS else ()
