"""History: what a ledger holds, and where a rollout stands, as tables for a screen.

Entries and facts in, lines out. What somebody said is shown as said by
somebody, and never beside measurements without their name.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pytest_rollout.ledger.entries import JSON, Entry, Kind
from pytest_rollout.ledger.evaluations import LIVE
from pytest_rollout.ledger.periods import DAY
from pytest_rollout.ledger.streaks import Streak
from pytest_rollout.ledger.timeline import Status
from pytest_rollout.quantities import format_duration, format_number
from pytest_rollout.reports.table import columns_of, fitted, plain

_LATE = timedelta(minutes=10)
_NEVER = "-"
_LEAST_ROOM = 20


@dataclass(frozen=True, kw_only=True)
class _Line:
    entry: Entry
    said: str
    times: int = 1
    until: datetime | None = None


def history_lines(entries: Sequence[Entry], width: int) -> list[str]:
    """Every entry in a line, in the order in which they were recorded; equal evaluations in a row are one.

    Args:
        entries: Of one rollout in one environment.
        width: Columns of the screen.
    """
    if not entries:
        return ["nothing is recorded"]
    entries = [entry for entry in entries if entry.kind is not Kind.RECEIPT] or entries  # digests, for machines
    heading = ("when (UTC)", "what", "phase", "said")
    return fitted(_wrapped([heading, *(_row(line) for line in _collapsed(entries))], width), width)


def _wrapped(rows: Sequence[tuple[str, str, str, str]], width: int) -> list[tuple[str, ...]]:
    """The rows, with a sentence that is too long for its line continued below itself."""
    before = sum(max(columns_of(row[column]) for row in rows) + 2 for column in range(3))
    room = max(width - before, _LEAST_ROOM)
    found: list[tuple[str, ...]] = []
    for row in rows:
        first, *more = textwrap.wrap(row[3], room) or [""]
        found += [(*row[:3], first), *(("", "", "", each) for each in more)]
    return found


def _collapsed(entries: Iterable[Entry]) -> Iterator[_Line]:
    held: _Line | None = None
    for entry in entries:
        line = _Line(entry=entry, said=said(entry))
        if held and _same(held, line):
            held = replace(held, times=held.times + 1, until=entry.at)
            continue
        if held:
            yield held
        held = line
    if held:
        yield held


def _same(one: _Line, other: _Line) -> bool:
    about = [(each.entry.kind, each.entry.phase, each.entry.stage, each.said) for each in (one, other)]
    return one.entry.kind is Kind.EVALUATION and about[0] == about[1]


def _row(line: _Line) -> tuple[str, str, str, str]:
    entry = line.entry
    phase = f"{entry.phase} {entry.stage}".strip()
    by = _text(entry.body, "by")
    more = f" · {by}" if by else ""
    more += f" · {line.times} times until {_time(line.until)}" if line.until else ""
    late = entry.recorded_at - entry.at
    more += f" · recorded {format_duration(late)} later" if late > _LATE else ""
    return _time(entry.at), entry.kind.value, plain(phase), f"{line.said}{more}"


def said(entry: Entry) -> str:
    """What an entry says, as one line."""
    body = entry.body
    match entry.kind:
        case Kind.EVALUATION:
            return _evaluation(body)
        case Kind.PERCENTAGE | Kind.STAGE_START:
            return _noted(_share(body), body, "note")
        case Kind.ROLLBACK:
            return _noted(f"back to {_share(body)}", body, "why")
        case Kind.ACTION:
            return _action(body)
        case Kind.PHASE_START:
            return _noted("begins", body, "note")
        case Kind.INTERVENTION:
            return _text(body, "what")
        case Kind.INCIDENT if body.get("state") == "resolved":
            return _noted(f"{_text(body, 'incident')} resolved", body, "note")
        case Kind.INCIDENT:
            return _noted(f"{_text(body, 'severity').upper()} {_text(body, 'incident')} opened", body, "title")
        case _:
            words = [f"{key} {value}" for key, value in sorted(body.items()) if key != "by" and isinstance(value, str)]
            return plain(" · ".join(words))


def _evaluation(body: Mapping[str, JSON]) -> str:
    reasons = body.get("reasons")
    codes = ", ".join(str(each) for each in reasons) if isinstance(reasons, list) else ""
    text = _text(body, "decision") + (f"[{plain(codes)}]" if codes else "")
    mode, fault = _text(body, "mode"), _text(body, "fault")
    return text + (f" ({mode}, does not count)" if mode != LIVE else "") + (f" (fault {fault})" if fault else "")


def _action(body: Mapping[str, JSON]) -> str:
    seconds, rto = body.get("seconds"), body.get("rto_seconds")
    timed = isinstance(seconds, int | float) and isinstance(rto, int | float)
    took = f" in {seconds:.1f} s of {rto:g} s" if timed else ""
    where = f" to {_share(body)}" if body.get("percentage") is not None else ""
    return _noted(f"{_text(body, 'event')}{where} {_text(body, 'state')}{took}", body, "why")


def _noted(text: str, body: Mapping[str, JSON], key: str) -> str:
    note = _text(body, key)
    return f"{text}: {note}" if note else text


def _share(body: Mapping[str, JSON]) -> str:
    value = body.get("percentage")
    return f"{format_number(value)} %" if isinstance(value, int | float) else "an unknown percentage"


def _text(body: Mapping[str, JSON], key: str) -> str:
    value = body.get(key, "")
    return plain(value) if isinstance(value, str) else ""


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else _NEVER


def status_lines(
    rollout: str,
    environment: str,
    phases: Sequence[tuple[Status, Streak | None, int | None]],
    width: int,
    people: Sequence[str] = (),
) -> Iterator[str]:
    """Where a rollout stands: its percentage, a line a phase, what is open, and who is awaited.

    Args:
        rollout: Its name.
        environment: Its name.
        phases: The facts of each phase of the plan, its streak (None before it
            begins), and how long that must be (None where nothing asks); in the plan's order.
        width: Columns of the screen.
        people: Who has signed and who is awaited, a sentence each.
    """
    first = phases[0][0]
    share = first.share
    where = f"{format_number(share.percentage)} % since {_time(share.since)} UTC" if share else "no percentage recorded"
    yield from textwrap.wrap(plain(f"{rollout} · environment {environment} · {where}"), width)
    heading = ("phase", "since (UTC)", "held", "streak", "last evaluation")
    rows = [row for status, streak, wanted in phases for row in _standing(status, streak, wanted)]
    yield from fitted([heading, *rows], width)
    notes = [f"{status.phase}: {streak.why}" for status, streak, _ in phases if streak and streak.why]
    for incident in first.open_incidents:
        since = f"{incident.severity.upper()} open since {_time(incident.opened)} UTC"
        notes.append(f"{since}: {incident.title} ({incident.name})")
    for note in [*notes, *people]:
        yield from textwrap.wrap(plain(note), width)


def _standing(status: Status, streak: Streak | None, wanted: int | None) -> Iterator[tuple[str, ...]]:
    last = status.evaluated
    evaluated = f"{_time(last.at)} {said(last)}" if last else _NEVER
    yield plain(status.phase), _time(status.phase_started), _held(status.held_for), _row_of(streak, wanted), evaluated
    if status.stage:
        yield f"  {plain(status.stage)}", _time(status.stage_started), _held(status.stage_held_for), "", ""


def _row_of(streak: Streak | None, wanted: int | None) -> str:
    if streak is None:
        return _NEVER
    what = "green days" if streak.unit == DAY else "clean hours"
    paused = f", {streak.paused} paused" if streak.paused else ""
    return f"{streak.length}{f' of {wanted}' if wanted is not None else ''} {what}{paused}"


def _held(duration: timedelta | None) -> str:
    return _NEVER if duration is None else format_duration(duration)
