"""Records: the commands that write down what people or pipelines did.

rollout start FOLDER PHASE            a phase begins
rollout percentage FOLDER "25 %"      the share of traffic, a stage's start, or a rollback
rollout incident open|resolve FOLDER  an incident begins or ends
rollout intervention FOLDER WHAT      somebody did something by hand
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from pytest_rollout.arguments import moment, named
from pytest_rollout.errors import QuantityError, UsageError, listed
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Draft, Kind
from pytest_rollout.ledger.ledger import Ledger
from pytest_rollout.ledger.timeline import incidents, shares
from pytest_rollout.quantities import Quantity, format_number
from pytest_rollout.subject import (
    add_subject,
    checked_phase,
    environment_of,
    ledger_of,
    plan_of,
    refused,
)

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands


class _About(TypedDict):
    rollout: str
    environment: str
    at: datetime
    by: str


_Made = Callable[[Ledger, argparse.Namespace, _About], Draft]


def add_records(commands: Commands) -> None:
    """The parsers of these commands."""
    start = _parser(commands.add_parser("start", help="write down that a phase begins"), _start)
    start.add_argument("phase", type=named, metavar="PHASE", help="the phase that begins")
    start.add_argument("--note", default="", help="why, in a sentence")
    percentage = _parser(commands.add_parser("percentage", help="write down the share of traffic"), _percentage)
    percentage.add_argument("percentage", type=_share, metavar="SHARE", help="such as '25 %%'")
    percentage.add_argument("--phase", type=named, help="the phase in which it changed")
    percentage.add_argument("--stage", action="store_true", help="a stage of that phase begins with it")
    percentage.add_argument("--rollback", type=named, metavar="WHY", help="the release was taken back to it")
    percentage.add_argument("--note", default="", help="why, in a sentence")
    both = commands.add_parser("incident", help="write down that an incident begins or ends")
    incident = both.add_subparsers(required=True, metavar="open|resolve")
    opened = _parser(incident.add_parser("open", help="an incident begins"), _opened)
    opened.add_argument("name", type=named, metavar="NAME", help="its name, such as INC-12")
    opened.add_argument("--severity", choices=drafts.SEVERITIES, required=True, help="how bad it is, sev1 the worst")
    opened.add_argument("--title", type=named, required=True, help="what happened, in a sentence")
    resolved = _parser(incident.add_parser("resolve", help="an incident ends"), _resolved)
    resolved.add_argument("name", type=named, metavar="NAME", help="the name under which it was opened")
    resolved.add_argument("--note", default="", help="what ended it, in a sentence")
    by_hand = _parser(commands.add_parser("intervention", help="write down what was done by hand"), _intervention)
    by_hand.add_argument("what", type=named, metavar="WHAT", help="what was done, in a sentence")
    by_hand.add_argument("--phase", type=named, help="the phase in which it was done")


def _parser(parser: argparse.ArgumentParser, made: _Made) -> argparse.ArgumentParser:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    parser.add_argument("--at", type=moment, help="when it happened (now), such as 2026-11-07T09:00Z")
    parser.add_argument("--by", type=named, help="who did it (who is logged in)")
    add_subject(parser)
    parser.set_defaults(run=_record, made=made, phase=None)
    return parser


def _share(text: str) -> float:
    """A percentage: `25 %`, `25%` or `25`."""
    try:
        quantity = Quantity.parse(text)
    except QuantityError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if quantity.unit not in {"", "%"} or quantity.sign or not 0 <= quantity.value <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is no share of the traffic: 0 % to 100 %")
    return quantity.value


def _record(options: argparse.Namespace) -> int:
    """Write one entry and say which."""
    from pytest_rollout.clock import utc_now

    now = utc_now()
    plan = plan_of(options.folder)
    if options.phase:
        checked_phase(plan, options.phase)
    about: _About = {
        "rollout": plan.rollout,
        "environment": environment_of(plan, options.rollout_env),
        "at": options.at or now,
        "by": options.by or getpass.getuser(),
    }
    if about["at"] > now:
        raise UsageError(f"--at {options.at.isoformat()} has not happened yet")
    with ledger_of(plan, about["environment"], options.ledger, create=True) as ledger:
        try:
            draft: Draft = options.made(ledger, options, about)
        except ValueError as error:
            raise refused(error) from error
        entry = ledger.append(draft, recorded_at=now)
        print(f"entry {entry.sequence} of {ledger.where}: {entry.kind} of {entry.rollout} in {entry.environment}")
    return 0


def _start(ledger: Ledger, options: argparse.Namespace, about: _About) -> Draft:
    del ledger
    return drafts.phase_start(**about, phase=options.phase, note=options.note)


def _percentage(ledger: Ledger, options: argparse.Namespace, about: _About) -> Draft:
    """A change of the share, which cannot be put before one that is recorded: what is in force would be unclear."""
    kinds = (Kind.PERCENTAGE, Kind.STAGE_START, Kind.ROLLBACK)
    before = shares(ledger.entries(about["rollout"], about["environment"], kinds=kinds))
    if before and before[-1].since > about["at"]:
        last = f"{format_number(before[-1].percentage)} % since {before[-1].since.isoformat(timespec='seconds')}"
        raise UsageError(f"{ledger.where} has {last}, later than --at: record changes in their order")
    phase, note = options.phase or "", options.note
    if options.rollback:
        return drafts.rollback(**about, to=options.percentage, why=options.rollback, phase=phase)
    if not options.stage:
        return drafts.percentage(**about, percentage=options.percentage, phase=phase, note=note)
    if not phase:
        raise UsageError("a stage is one of a phase: name it with --phase")
    stage = f"{format_number(options.percentage)} %"
    return drafts.stage_start(**about, phase=phase, stage=stage, percentage=options.percentage, note=note)


def _opened(ledger: Ledger, options: argparse.Namespace, about: _About) -> Draft:
    if options.name in _open(ledger, about):
        raise UsageError(f"incident '{options.name}' is open already")
    return drafts.incident_opened(**about, incident=options.name, severity=options.severity, title=options.title)


def _resolved(ledger: Ledger, options: argparse.Namespace, about: _About) -> Draft:
    known = _open(ledger, about)
    if options.name not in known:
        raise UsageError(f"no incident '{options.name}' is open\n  open incidents: {listed(known)}")
    if known[options.name] > about["at"]:
        raise UsageError(f"incident '{options.name}' began at {known[options.name].isoformat()}, after --at")
    return drafts.incident_resolved(**about, incident=options.name, note=options.note)


def _open(ledger: Ledger, about: _About) -> dict[str, datetime]:
    entries = ledger.entries(about["rollout"], about["environment"], kinds=[Kind.INCIDENT])
    end = max((entry.at for entry in entries), default=about["at"])
    return {each.name: each.opened for each in incidents(entries, at=end) if each.resolved is None}


def _intervention(ledger: Ledger, options: argparse.Namespace, about: _About) -> Draft:
    del ledger
    return drafts.intervention(**about, what=options.what, phase=options.phase or "")
