"""The past, pictured: what a ledger holds and where a rollout stands, as facts of a picture and as a file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import RolloutError
from pytest_rollout.ledger.entries import Entry, Kind
from pytest_rollout.ledger.periods import DAY
from pytest_rollout.ledger.streaks import Streak
from pytest_rollout.ledger.timeline import Status, incidents, shares
from pytest_rollout.quantities import format_number
from pytest_rollout.reports.history import said

if TYPE_CHECKING:
    from pytest_rollout.reports.pictures.standing import Standing
    from pytest_rollout.reports.pictures.timeline import Timeline

_KINDS = ("svg", "png")


def add_picture(parser: argparse.ArgumentParser) -> None:
    """The option that asks for a picture beside the table."""
    parser.add_argument("--picture", type=_file, metavar="FILE", help="also draw it, into a file.svg or file.png")


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix.removeprefix(".") not in _KINDS:
        raise argparse.ArgumentTypeError(f"'{text}' is no picture: name it .svg or .png")
    return path


def save_picture(facts: Timeline | Standing, path: Path) -> None:
    """Draw some facts into a file, of the kind that its name says.

    Raises:
        RolloutError: matplotlib is not installed, or the file cannot be written.
    """
    from pytest_rollout.reports.plots import drawn

    picture = drawn(facts, path.suffix.removeprefix("."))
    try:
        path.write_bytes(picture.content)
    except OSError as error:
        raise RolloutError(f"{path}: the picture cannot be written: {error.strerror or error}") from None


def timeline_of(entries: Sequence[Entry], title: str, until: datetime) -> Timeline:
    """What happened, from the entries of one rollout in one environment, in the order in which they were recorded."""
    from pytest_rollout.reports.pictures.timeline import Change, Judged, Span, Timeline

    known = sorted((entry for entry in entries if entry.at <= until), key=lambda entry: entry.at)
    begun = [entry for entry in known if entry.kind is Kind.PHASE_START]
    ends = [*(entry.at for entry in begun[1:]), None]
    decided = [(entry.at, entry.body.get("decision")) for entry in known if entry.kind is Kind.EVALUATION]
    words = {decision.value: decision for decision in Decision}
    changes = [
        Change(at=each.since, percent=each.percentage, back=each.kind is Kind.ROLLBACK) for each in shares(known)
    ]
    return Timeline(
        title=title,
        until=until,
        changes=changes,
        phases=[Span(name=entry.phase, since=entry.at, until=end) for entry, end in zip(begun, ends, strict=True)]
        if begun
        else [],
        judged=[Judged(at=at, decision=words[word]) for at, word in decided if isinstance(word, str) and word in words],
        incidents=[
            Span(name=f"{each.severity.upper()} {each.name}", since=each.opened, until=each.resolved)
            for each in incidents(known, at=until)
        ],
    )


def standing_of(
    title: str,
    phases: Sequence[tuple[Status, Streak | None, int | None]],
    minimum: Mapping[str, timedelta | None],
) -> Standing:
    """Where a rollout stands, from the facts of each phase, its streak, and how long both must be.

    Args:
        title: The rollout and its environment.
        phases: The facts of each phase, in the plan's order, as `status_lines` takes them.
        minimum: How long each phase must last, by its name.
    """
    from pytest_rollout.reports.pictures.standing import Row, Standing

    share, rows = phases[0][0].share, []
    for status, streak, wanted in phases:
        last = status.evaluated
        word = last.body.get("decision") if last else None
        rows.append(
            Row(
                phase=status.phase,
                held=status.held_for,
                minimum=minimum.get(status.phase),
                streak=streak.length if streak else None,
                wanted=wanted,
                unit=("green days" if streak.unit == DAY else "clean hours") if streak else "",
                decision=next((each for each in Decision if each.value == word), None),
                said=f"{last.at:%Y-%m-%d %H:%M} {said(last)}" if last else "",
            )
        )
    where = f"{format_number(share.percentage)} % of the traffic" if share else "no percentage recorded"
    notes = [f"{each.severity.upper()} {each.name} is open: {each.title}" for each in phases[0][0].open_incidents]
    return Standing(title=f"{title} · {where}", rows=rows, notes=notes)
