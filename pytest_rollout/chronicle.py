"""Chronicle: the commands that read a ledger, check it, and carry it elsewhere.

rollout history FOLDER                           what happened, as a table
rollout status FOLDER…                           where each rollout stands
rollout ledger check|export|import FILE_OR_URL   is it what was written? out, and in again
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.arguments import named
from pytest_rollout.errors import LedgerError, UsageError
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import Ledger, open_ledger
from pytest_rollout.ledger.streaks import Streak, clean_hours, green_days, policy_of
from pytest_rollout.ledger.timeline import Status
from pytest_rollout.presence import row_since
from pytest_rollout.reports.history import history_lines, status_lines
from pytest_rollout.reports.past_pictured import add_picture, save_picture, standing_of, timeline_of
from pytest_rollout.schedule import due
from pytest_rollout.subject import add_subject, checked_phase, environment_of, ledger_of, plan_of, width

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands
    from pytest_rollout.plan.model import Plan
    from pytest_rollout.plan.phase import Phase


_WHICH = "the ledger: the file that the plan calls so, or its address, postgresql://…"


def add_chronicle(commands: Commands) -> None:
    """The parsers of these commands."""
    history = commands.add_parser("history", help="what happened to a rollout, from its ledger")
    history.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    kinds = [kind.value for kind in Kind]
    about = f"only entries of this kind, may be repeated: {', '.join(kinds)}"
    history.add_argument("--kind", action="append", choices=kinds, metavar="KIND", help=about)
    history.add_argument("--phase", type=named, help="only entries about this phase")
    add_picture(history)
    add_subject(history)
    history.set_defaults(run=_history)
    status = commands.add_parser("status", help="where rollouts stand, from their ledgers")
    status.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a rollout's folder")
    add_picture(status)
    add_subject(status)
    status.set_defaults(run=_status)
    ledger = commands.add_parser("ledger", help="check, export or import a ledger")
    actions = ledger.add_subparsers(required=True, metavar="check|export|import")
    check = actions.add_parser("check", help="exits with 1 when it is not what was written")
    check.add_argument("where", type=named, metavar="FILE_OR_URL", help=_WHICH)
    check.add_argument("--head", default="", metavar="DIGEST", help="a digest that was kept, and must be in it")
    check.set_defaults(run=_check)
    export = actions.add_parser("export", help="print all entries as JSON lines")
    export.add_argument("where", type=named, metavar="FILE_OR_URL", help=_WHICH)
    export.set_defaults(run=_export)
    importing = actions.add_parser("import", help="add the lines of an export, all or none")
    importing.add_argument("where", type=named, metavar="FILE_OR_URL", help=_WHICH)
    importing.add_argument("file", type=named, help="the lines; - for the standard input")
    importing.set_defaults(run=_import)


def _history(options: argparse.Namespace) -> int:
    plan = plan_of(options.folder)
    environment = environment_of(plan, options.rollout_env)
    with ledger_of(plan, environment, options.ledger, create=False) as ledger:
        kinds = [Kind(each) for each in options.kind or ()] or None
        entries = ledger.entries(plan.rollout, environment, kinds=kinds, phase=options.phase)
    if options.phase and not entries:
        checked_phase(plan, options.phase)  # which an older plan may have had, and then there are entries
    for line in history_lines(entries, width()):
        print(line)
    if options.picture:
        from pytest_rollout.clock import utc_now

        save_picture(timeline_of(entries, f"{plan.rollout} · {environment}", utc_now()), options.picture)
    return 0


def _status(options: argparse.Namespace) -> int:
    from pytest_rollout.awaiting import awaited_lines
    from pytest_rollout.clock import utc_now

    at = utc_now()
    if options.picture and len(options.folders) > 1:
        raise UsageError("a picture shows one rollout: name one folder")
    for folder in options.folders:
        plan = plan_of(folder)
        environment = environment_of(plan, options.rollout_env)
        phases: list[tuple[Status, Streak | None, int | None]] = []
        with ledger_of(plan, environment, options.ledger, create=False) as ledger:
            for phase in plan.phases.values():
                status = ledger.status(plan.rollout, environment, phase.name, at=at)
                phases.append((status, *_streak(ledger, plan, phase, status, environment)))
            declared, statuses = plan.environments[environment], [status for status, *_ in phases]
            people = list(awaited_lines(plan, declared, ledger, statuses))
        for line in status_lines(plan.rollout, environment, phases, width(), people):
            print(line)
        if options.picture:
            conditions = {phase.name: phase.conditions.minimum for phase in plan.phases.values()}
            save_picture(standing_of(f"{plan.rollout} · {environment}", phases, conditions), options.picture)
        for line in _looks(plan, [status for status, *_ in phases]):
            print(line)
    return 0


def _looks(plan: Plan, phases: Sequence[Status]) -> Iterator[str]:
    """When the phase that began last is looked at next, where its plan says so."""
    begun = [status for status in phases if status.phase_started is not None]
    if not begun:
        return
    status = max(begun, key=lambda each: each.phase_started or each.at)
    since = max([each for each in (status.phase_started, status.share.since if status.share else None) if each])
    judged = status.evaluated.at if status.evaluated else None
    next_look = due(plan.phases[status.phase].schedule, since=since, judged=judged)
    if next_look is not None:
        yield f"{status.phase}: next look {next_look.said(status.at)}"


def _streak(
    ledger: Ledger, plan: Plan, phase: Phase, status: Status, environment: str
) -> tuple[Streak | None, int | None]:
    """The streak that a phase asks for, and how long it must be; green days where it asks for none."""
    wanted, since = phase.conditions, row_since(phase, status)
    if since is None:
        return None, None
    hours = wanted.clean is not None and wanted.green is None
    found = (clean_hours if hours else green_days)(
        ledger.evaluations(plan.rollout, environment, phase.name, since=since, until=status.at),
        at=status.at,
        every=plan.every,
        since=since,
        missing=policy_of(wanted.missing),
        information=policy_of(wanted.information),
    )
    return found, wanted.clean if hours else wanted.green


def _check(options: argparse.Namespace) -> int:
    with open_ledger(options.where, Path(), create=False) as ledger:
        findings = ledger.check(pinned=options.head)
        for finding in findings:
            print(f"{'warning: ' if finding.warning else ''}{finding}")
        if not all(finding.warning for finding in findings):
            return 1
        end = ledger.head()
    print(f"{end.entries} entries, each as it was written; the last has the digest {end.digest or '(none)'}")
    return 0


def _export(options: argparse.Namespace) -> int:
    with open_ledger(options.where, Path(), create=False) as ledger:
        for line in ledger.export():
            print(line)
    return 0


def _import(options: argparse.Namespace) -> int:
    """Add an export to a ledger, which is opened, and made, only when all of its lines are sound."""
    from pytest_rollout.ledger.transfer import first_of

    named = "standard input" if options.file == "-" else options.file
    try:
        with nullcontext(sys.stdin) if options.file == "-" else Path(options.file).open(encoding="utf-8") as file:
            lines = list(file)
        first = first_of(lines)
    except OSError as error:
        raise UsageError(f"{named} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{named} cannot be read: not UTF-8") from error
    except LedgerError as error:
        raise UsageError(f"{named}: {error}\n  an export is wanted, as `rollout ledger export` writes it") from error
    with open_ledger(options.where, Path(), create=first == 1) as ledger:
        try:
            added = ledger.import_(lines)
        except LedgerError as error:
            raise UsageError(f"{named}: {error}") from error
        print(f"{added} entries are new in {ledger.where}; it has {ledger.head().entries}")
    return 0
