"""Markdown: a run as a comment under a pull request, a GitHub step summary, or `verdict.md`.

The decision and what to do now stand first. Where a page may only be so
long, whole sections are left out from the end, and the page says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.decisions import Decision
from pytest_rollout.record import GateRecord, PhaseRecord, Record
from pytest_rollout.reports import words
from pytest_rollout.reports.escape import html_text, shortened
from pytest_rollout.reports.escape import markdown_code as code
from pytest_rollout.reports.escape import markdown_text as text
from pytest_rollout.reports.signed import HEADS, entries, refusals
from pytest_rollout.reports.table import plain

STEP_SUMMARY_BYTES = 2**20
"""What GitHub takes of one step; more, and it shows nothing."""
COMMENT_BYTES = 65_000
"""A comment has 65 536 characters."""
_SIGN = {Decision.PROCEED: "🟢", Decision.HOLD: "🟡", Decision.ROLLBACK: "🔴"}
_NOTE_BYTES = 400
_OF_ADDRESSES = ":/?#[]@!$&'*+,;=%"


def markdown(record: Record, most_bytes: int = STEP_SUMMARY_BYTES) -> str:
    """A run as GitHub's Markdown.

    Args:
        record: The run.
        most_bytes: How long the page may be, in UTF-8.
    """
    first, *more = list(_sections(record))
    page, left = first[1], most_bytes - len(first[1].encode()) - _NOTE_BYTES
    cut: list[str] = []
    for name, section in more:
        if not cut and (size := len(section.encode())) <= left:
            page, left = page + section, left - size
        else:
            cut.append(name)
    return page + (_cut(cut, most_bytes) if cut else "")


def _cut(names: list[str], most_bytes: int) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more sections" if len(names) > 3 else "")
    why = f"this page may have {most_bytes // 1000} kB"
    return f"\n> **Left out** ({why}): {shown}. `verdict.json` has everything.\n"


def _sections(record: Record) -> Iterator[tuple[str, str]]:
    """The page in parts, what matters most first; the first is short and always shown."""
    yield "decision", _decision(record)
    yield "reasons", _reasons(record)
    for phase in record.phases:
        yield f"gates of {text(words.about(phase), 80)}", _table(phase)
    for phase in record.phases:
        if phase.facts.roles or phase.facts.statements:
            yield f"sign-off of {text(words.about(phase), 80)}", _signoff(phase)
    yield "provenance", _provenance(record)
    for phase in record.phases:
        for gate in words.ordered(phase.gates):
            yield f"evidence of {code(gate.id, 80)}", _evidence(gate)


def _decision(record: Record) -> str:
    codes = f" `[{', '.join(words.deciding(record))}]`" if record.all_reasons else ""
    lines = [
        f"## {_SIGN[record.decision]} {record.decision.value}{codes} · {text(words.subject(record), 300)}",
        "",
        f"{text(words.where(record), 300)} · {words.moment(record.evaluated_at)} · exit {record.exit_code}",
    ]
    lines += ["", *(f"- **{text(line, 400)}**" for line in words.orders(record)[:12])]
    return "\n".join(lines) + "\n"


def _reasons(record: Record) -> str:
    if not record.all_reasons:
        return ""
    lines = ["", f"### Why ({len(record.all_reasons)})", ""]
    for because in words.reasons(record):
        gate = f" {code(because.gate, 200)}" if because.gate else ""
        lines.append(f"- **\\[{text(because.code, 80)}\\]**{gate} {text(because.sentence)}")
    return "\n".join(lines) + "\n"


def _table(phase: PhaseRecord) -> str:
    title = f"{words.title_of(phase)} ({words.about(phase)}): {phase.decision.value}"
    lines = ["", f"### {text(title, 300)}", "", words.tally_line(phase.gates), ""]
    links = [f"[{text(name)}](<{quote(url, safe=_OF_ADDRESSES)}>)" for name, url in phase.facts.links]
    lines += [f"Read on: {' · '.join(links)}", ""] if links else []
    lines += ["| decision | gate | seen | limit | owner |", "|---|---|---|---|---|"]
    for gate in words.ordered(phase.gates):
        seen, limit = words.seen_and_limit(gate)
        note = f" ({text(words.apart(gate), 60)})" if words.apart(gate) else ""
        cells = [
            f"{_SIGN[gate.decision] if gate.applies else ''} {text(words.headline(gate), 80)}{note}".strip(),
            f"{text(gate.title, 200)}<br>{code(gate.id, 200)}",
            text(seen, 200),
            text(limit, 200),
            text(gate.owner, 80),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _signoff(phase: PhaseRecord) -> str:
    lines = ["", f"### {text(words.signoff_title(phase), 300)}", ""]
    if phase.facts.roles:
        lines += [f"| {' | '.join(HEADS)} |", "|---|---|---|---|---|"]
    for each in entries(phase):
        who = text(each.who) if each.who else "*awaited*"
        lines.append(f"| {text(each.role)} | {who} | {each.signed} | {each.until} | {text(each.remark, 200)} |")
    refused = refusals(phase)
    lines += ["", *(f"- does not count: {text(why, 300)}" for why in refused)] if refused else []
    lines += [""] if phase.facts.statements else []
    for said in phase.facts.statements:
        told = (
            f"“{text(said.says, 300)}”, said by {text(said.by)} on {words.moment(said.at)}" if said.by else "*awaited*"
        )
        why = f" ({text(said.refused, 300)})" if said.refused else ""
        lines.append(f"- {text(said.topic)}, asked for “{text(said.asked, 200)}”: {told}{why}")
    return "\n".join(lines) + "\n"


def _evidence(gate: GateRecord) -> str:
    # GitHub reads no Markdown on the line of a summary, and nothing else in code.
    summary = f"<code>{html_text(plain(f'{words.headline(gate)} {shortened(gate.id, 200)}'))}</code>"
    lines = ["", f"<details><summary>{summary}</summary>", "", text(gate.title, 400), ""]
    lines += [text(paragraph), ""] if (paragraph := gate.facts.description) else []
    lines += [f"- {line}" for claim in gate.claims for line in _claim(claim)]
    lines += [f"- said: {text(gate.facts.message)}"] if gate.facts.message else []
    lines += [f"- {text(gate.sentence)}"] if gate.sentence and not gate.claims else []
    lines += [f"- action: {text(action)}" for action in gate.actions]
    lines += [f"- runbook: {text(runbook)}" for runbook in gate.runbooks]
    return "\n".join([*lines, "", "</details>", ""])


def _claim(claim: ClaimFacts) -> Iterable[str]:
    limit = f", limit {text(claim.limit)}" if claim.limit else ""
    within = f", bounds {text(words.bounds(claim))}" if words.bounds(claim) else ""
    yield f"**{claim.truth.value}**: {text(claim.subject or claim.text)}{within}{limit}"
    for line in (claim.why, claim.needs, words.whole_origin(claim)):
        if line:
            yield f"  {text(line)}"


def _provenance(record: Record) -> str:
    lines = ["", "<details><summary>What this rests on</summary>", ""]
    lines += [f"- {text(name)}: {code(value, 400)}" for name, value in words.provenance(record)]
    return "\n".join([*lines, "", "</details>", ""])
