"""Wording: one gate in the words that a report needs: its headline, its message, what would change the answer.

Facts in, text out. What somebody else wrote (a docstring, a metric's name, a
server's error) is text: no control characters, and no markup of any kind.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from pytest_rollout.book import PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth, describe, origin
from pytest_rollout.decisions import MEANING, Decision, Reason
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.quantities import format_number, with_unit
from pytest_rollout.reports.table import plain

LONGEST = 2_000
"""So many characters of one text that somebody else wrote."""
_MARKUP = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]()#+!|~"})


def headline(gate: GateVerdict) -> str:
    """`ROLLBACK[critical]`, `HOLD[stale]`, `PROCEED`."""
    return f"{gate.decision.value}[{gate.reason}]" if gate.reason else gate.decision.value


def line(text: str, longest: int = LONGEST) -> str:
    """Text on one line, without control characters, cut where it is too long."""
    shown = plain(text[: 2 * longest])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def lines(text: str, longest: int = LONGEST) -> str:
    """The same, with its line breaks kept."""
    return "\n".join(line(each, longest) for each in text[: 4 * longest].splitlines())


def as_markdown(text: str) -> str:
    """Text as Markdown that shows it as it is, whatever it holds."""
    return "\n".join(html.escape(each, quote=False).translate(_MARKUP) for each in lines(text).splitlines())


def status_of(gate: GateVerdict) -> str:
    """The word for a gate that those use who know passed, failed, broken and skipped."""
    if not gate.applies or (not gate.counts and gate.decision is not Decision.PROCEED):
        return "skipped"
    return {Decision.PROCEED: "passed", Decision.HOLD: "broken", Decision.ROLLBACK: "failed"}[gate.decision]


def message_of(gate: GateVerdict) -> str:
    """What a reader sees first of a gate that is not simply good; starts with `HOLD[code]`, by which it is sorted."""
    if not gate.applies:
        return f"NOT FOR THIS STAGE {line(gate.sentence)}"
    if gate.decision is Decision.PROCEED:
        return ""
    first = f"{headline(gate)} {line(gate.sentence)}"
    told = [each for claim in gate.claims if claim.truth is not Truth.PROVEN for each in describe(claim)]
    more = gate.message.splitlines() if gate.message else told
    shown = [first, *(f"  {line(each)}" for each in dict.fromkeys(more) if each.strip() and line(each) not in first)]
    if not gate.counts:
        shown[0] = f"IN SHADOW {shown[0]}"
        shown.append(f"  in shadow until {gate.gate.shadow_until}, so it cannot block: {line(gate.gate.shadow_why)}")
    return "\n".join(shown)


def description_of(gate: GateVerdict, more: str = "") -> str:
    """A gate for its reader, as Markdown: what was decided and why, what it promises, what it rests on, who answers.

    Args:
        gate: The gate.
        more: What its docstring says after its title.
    """
    planned = gate.gate
    first = f"**{as_markdown(headline(gate) if gate.applies else 'not for this stage')}** {as_markdown(gate.sentence)}"
    paragraphs = [first, *(_claim(claim) for claim in gate.claims), as_markdown(more)]
    facts = {
        "Gate": planned.id,
        "Owner": planned.owner,
        "Takes the release back": "yes" if planned.rollback or planned.trigger else "",
        "For the stages": ", ".join(planned.stages),
        "In shadow": f"until {planned.shadow_until}: {planned.shadow_why}" if planned.shadow_until else "",
        "Runbook": planned.runbook,
    }
    paragraphs += [f"{name}: {as_markdown(line(value))}" for name, value in facts.items() if value]
    return "\n\n".join(each for each in paragraphs if each.strip())


def _claim(claim: ClaimFacts) -> str:
    told = [f"*{claim.truth.value}*: {as_markdown(describe(claim)[0])}"]
    told += [f"from {as_markdown(origin(claim))}"] if origin(claim) else []
    return " \n".join(told)


def step_of(claim: ClaimFacts) -> str:
    """A claim as the name of a step: what is claimed, and what was seen."""
    if claim.method in {"fact", "assert"}:
        return line(describe(claim)[0], 200)
    return line(f"{claim.subject}   limit {claim.limit}" if claim.limit else claim.subject, 300)


def parameters_of(claim: ClaimFacts) -> dict[str, str]:
    """A claim's numbers, by the names that a reader looks for."""
    shown = {
        "truth": claim.truth.value,
        "limit": claim.limit,
        "value": _number(claim.value, claim.unit) if claim.value is not None else "unknown",
        "bounds": _bounds(claim),
        "confidence": f"{format_number(100 * claim.confidence, digits=6)} % a side" if claim.confidence < 1 else "",
        "n": format_number(claim.n, digits=12) if claim.n else "",
        "beyond": claim.level,
        "window": claim.window,
        "source": claim.source,
        "method": claim.method,
    }
    return {name: line(value, 300) for name, value in shown.items() if value}


def _bounds(claim: ClaimFacts) -> str:
    if claim.confidence >= 1 or claim.value is None:
        return ""
    ends = ["unbounded" if end is None else format_number(end) for end in (claim.low, claim.high)]
    return f"[{ends[0]}, {ends[1]}]" + (f" {claim.unit}" if claim.unit else "")


def _number(value: float | bool | str, unit: str) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return with_unit(format_number(value), unit)


_WOULD_CHANGE: dict[str, str] = {
    Reason.NO_DATA: "the source answers again, with a number; then run the gates again",
    Reason.STALE: "the source has a newer number; then run the gates again",
    Reason.LOW_N: "more rows: at the present traffic they come by themselves",
    Reason.INFORMATION: "the planned amount of data: it comes by itself",
    Reason.INCONCLUSIVE: "more data, which narrows the interval until it lies on one side of the limit",
    Reason.STREAK: "time: enough green days or clean hours in a row",
    Reason.HOLD_TIME: "time: the phase or stage must last as long as the plan says",
    Reason.APPROVAL: "a signature: see `rollout approve`",
    Reason.PREREQUISITE: "the phase before this one ends with PROCEED",
    Reason.MISSING: "the gate runs again under its name, or a reviewed change takes it out of gates.lock",
    Reason.DESELECTED: "a run that leaves no gate of the phase out",
    Reason.UNLOCKED: "`rollout lock` of the rollout's folder, reviewed and committed",
    Reason.SKIPPED: "the gate runs, and proves what it promises",
    Reason.NO_CLAIM: "the gate asserts at least one claim, and every claim it makes",
    Reason.DUPLICATE: "a run in which the gate answers once",
    Reason.ERROR: "the gate, or what it asks, is mended",
    Reason.SRM: "arms of the size that was planned; until then nothing they say can be believed",
    Reason.INVALID: "an assignment that holds; until then nothing the arms say can be believed",
}


def would_change(gate: GateVerdict) -> str:
    """What would change a gate's answer, in lines for a person; empty for one that is good."""
    if gate.decision is Decision.PROCEED:
        return ""
    said = [claim.needs for claim in gate.claims if claim.truth is not Truth.PROVEN and claim.needs]
    said += [f"do: {claim.action}" for claim in gate.claims if claim.truth is Truth.REFUTED and claim.action]
    beyond = [claim for claim in gate.claims if claim.truth is Truth.REFUTED and claim.limit]
    said += [f"proven once the whole interval is within {claim.limit}" for claim in beyond]
    general = _WOULD_CHANGE.get(gate.reason, "what the gate promises becomes true, and is proven again")
    meaning = MEANING.get(Reason(gate.reason), "") if gate.reason in MEANING else ""
    written = [f"{headline(gate)}: {meaning}" if meaning else headline(gate), *said, general]
    written += [f"runbook: {each}" for each in runbooks_of(gate)]
    written += [f"ask: {gate.gate.owner}"] if gate.gate.owner else []
    return "\n".join(line(each) for each in dict.fromkeys(written))


def runbooks_of(gate: GateVerdict) -> list[str]:
    """Where it is written up: the limits first, then the gate; each once."""
    found = [claim.runbook for claim in gate.claims if claim.truth is not Truth.PROVEN]
    return [each for each in dict.fromkeys([*found, gate.gate.runbook]) if each]


def tags_of(planned: PlannedGate, claims: Sequence[ClaimFacts]) -> list[str]:
    """Words by which a reader may look for a gate."""
    tags = ["rollback"] if planned.rollback or planned.trigger else []
    tags += ["shadow"] if planned.shadow_until else []
    tags += ["plan"] if ".yaml::" in planned.id else ["python"]
    return [*tags, *sorted({line(claim.source, 60) for claim in claims if claim.source})]
