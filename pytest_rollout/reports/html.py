"""HTML: the page that people sign, in one file that needs nothing else.

No script, no font, no picture from anywhere. What was decided, what to do,
why, every gate, who has signed and who is awaited, on what evidence; the
empty lines of the sign-off table are there to be written on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.record import GateRecord, PhaseRecord, Record
from pytest_rollout.reports import words
from pytest_rollout.reports.escape import html_text as text
from pytest_rollout.reports.signed import HEADS, Entry, entries, refusals
from pytest_rollout.reports.style import CSS
from pytest_rollout.verdict import Because

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(record: Record) -> str:
    """A run as one HTML file."""
    title = f"{record.decision.value}: {words.subject(record)}"
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{text(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n",
            *_body(record),
            "</body>\n</html>\n",
        ]
    )


def _body(record: Record) -> Iterator[str]:
    yield _header(record)
    if record.all_reasons:
        yield f"<h2>Why ({len(record.all_reasons)})</h2>\n<ul>\n{''.join(map(_reason, words.reasons(record)))}</ul>\n"
    for phase in record.phases:
        yield from _phase(phase)
    yield "<h2>What this rests on</h2>\n<dl>\n"
    yield from (
        f"<dt>{text(name)}</dt><dd><code>{text(value)}</code></dd>\n" for name, value in words.provenance(record)
    )
    yield "</dl>\n"


def _header(record: Record) -> str:
    decision = record.decision
    codes = f" <small>[{text(', '.join(words.deciding(record)))}]</small>" if record.all_reasons else ""
    when = f"{words.where(record)} · {words.moment(record.evaluated_at)} · exit {record.exit_code}"
    orders = "".join(f"<li>{text(line)}</li>\n" for line in words.orders(record))
    return (
        f'<header class="{decision.value}">\n<h1>{words.MARK[decision]} {decision.value}{codes}</h1>\n'
        f'<p class="what"><strong>{text(words.subject(record))}</strong></p>\n<p>{text(when)}</p>\n'
        f"<ul>\n{orders}</ul>\n</header>\n"
    )


def _reason(because: Because) -> str:
    gate = f" <code>{text(because.gate)}</code>" if because.gate else ""
    return f"<li><strong>[{text(because.code)}]</strong>{gate} {text(because.sentence)}</li>\n"


def _phase(phase: PhaseRecord) -> Iterator[str]:
    sign = f"{words.MARK[phase.decision]} {phase.decision.value}"
    yield f'<h2>{text(words.title_of(phase))} <span class="{phase.decision.value}">{sign}</span></h2>\n'
    traffic = phase.traffic
    now = f" · traffic {words.percent(traffic.current)}" if traffic.current is not None else ""
    began = f" · began {words.moment(phase.facts.started)}" if phase.facts.started else ""
    yield f'<p class="soft">{text(f"{words.about(phase)} · {words.tally_line(phase.gates)}{now}{began}")}</p>\n'
    if links := [f'<a href="{text(url)}">{text(name)}</a>' for name, url in phase.facts.links]:
        yield f'<p class="soft">Read on: {" · ".join(links)}</p>\n'
    yield _table(("decision", "gate", "seen", "limit", "owner"), map(_row, words.ordered(phase.gates)))
    yield from _signoff(phase)
    yield from _past(phase)
    yield "<h2>Evidence</h2>\n"
    for gate in words.ordered(phase.gates):
        yield from _evidence(gate)


def _table(heads: Iterable[str], rows: Iterable[str], kind: str = "gates") -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f'<table class="{kind}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{"".join(rows)}</tbody>\n</table>\n'


def _row(gate: GateRecord) -> str:
    seen, limit = words.seen_and_limit(gate)
    kind = gate.decision.value if gate.applies else "soft"
    apart = f'<br><span class="soft">{text(words.apart(gate))}</span>' if words.apart(gate) else ""
    mark = f"{words.MARK[gate.decision]} " if gate.applies else ""
    return (
        f'<tr><td class="decision {kind}">{mark}{text(words.headline(gate))}{apart}</td>'
        f"<td>{text(gate.title)}<br><code>{text(gate.id)}</code></td>"
        f'<td data-of="seen">{text(seen)}</td>{_cell("limit", limit)}{_cell("owner", gate.owner)}</tr>\n'
    )


def _cell(name: str, value: str) -> str:
    return f'<td data-of="{name}">{text(value)}</td>' if value else "<td></td>"


def _signoff(phase: PhaseRecord) -> Iterator[str]:
    roles, statements = phase.facts.roles, phase.facts.statements
    if not roles and not statements:
        return
    yield f"<h2>{text(words.signoff_title(phase))}</h2>\n"
    if roles:
        yield _table(HEADS, map(_signature, entries(phase)), "sign")
    for why in refusals(phase):
        yield f'<p class="soft">Does not count: {text(why)}</p>\n'
    for said in statements:
        told = f"“{text(said.says)}”, said by {text(said.by)} on {words.moment(said.at)}" if said.by else _AWAITED
        why = f" ({text(said.refused)})" if said.refused else ""
        yield f"<p>{text(said.topic)}, asked for “{text(said.asked)}”: {told}{why}</p>\n"


_AWAITED = '<span class="awaited">awaited</span>'


def _signature(each: Entry) -> str:
    awaited = "" if each.who else f" {_AWAITED}"
    cells = "".join(_cell(name, value) for name, value in zip(HEADS[1:], each[1:], strict=True))
    return f"<tr><td><strong>{text(each.role)}</strong>{awaited}</td>{cells}</tr>\n"


def _past(phase: PhaseRecord) -> Iterator[str]:
    if not phase.facts.earlier:
        return
    shown = phase.facts.earlier[-10:]
    yield f"<h2>Decided before, in 30 days ({len(phase.facts.earlier)})</h2>\n<ul>\n"
    for each in reversed(shown):
        codes = f"[{', '.join(each.reasons)}]" if each.reasons else ""
        aside = "" if each.mode == "live" else f" ({each.mode}, does not count)"
        yield f"<li>{words.moment(each.at)} {text(each.stage)} {text(each.decision + codes + aside)}</li>\n"
    yield "</ul>\n"


def _evidence(gate: GateRecord) -> Iterator[str]:
    decision = gate.decision.value if gate.applies else "soft"
    yield f'<section class="gate">\n<h3><span class="{decision}">{text(words.headline(gate))}</span> '
    yield f"<code>{text(gate.id)}</code></h3>\n<p>{text(gate.title)}</p>\n"
    if gate.facts.description:
        yield f'<p class="kept soft">{text(gate.facts.description)}</p>\n'
    lines = [line for claim in gate.claims for line in _claim(claim)]
    lines += [f'<span class="kept">{text(gate.facts.message)}</span>'] if gate.facts.message else []
    lines += [text(gate.sentence)] if gate.sentence and not gate.claims and not gate.facts.message else []
    lines += [f"action: <strong>{text(action)}</strong>" for action in gate.actions]
    lines += [f"runbook: {text(runbook)}" for runbook in gate.runbooks]
    lines += [f"in shadow: {text(gate.facts.shadow_why)}"] if gate.facts.shadow_why else []
    lines += [f'<span class="soft">took {gate.facts.seconds:.2f} s</span>'] if gate.facts.seconds is not None else []
    yield "<ul>\n" + "".join(f"<li>{line}</li>\n" for line in lines) + "</ul>\n</section>\n"


def _claim(claim: ClaimFacts) -> Iterator[str]:
    limit = f" · limit {text(claim.limit)}" if claim.limit else ""
    within = f" · bounds {text(words.bounds(claim))}" if words.bounds(claim) else ""
    more = "".join(f"<br>{text(line)}" for line in (claim.why, claim.needs) if line)
    came = f'<br><span class="soft">{text(words.whole_origin(claim))}</span>' if words.whole_origin(claim) else ""
    yield f"<strong>{claim.truth.value}</strong>: {text(claim.subject or claim.text)}{within}{limit}{more}{came}"
