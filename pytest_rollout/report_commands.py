"""Commands of reports: `rollout report` and `rollout message` tell of a stored run, `rollout guide` of a plan."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.arguments import named
from pytest_rollout.errors import UsageError, did_you_mean
from pytest_rollout.reports.files import FORMATS
from pytest_rollout.reports.messages import BUILT_IN, Message, known_messages, post, render
from pytest_rollout.subject import plan_of

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands
    from pytest_rollout.plan.model import Plan
    from pytest_rollout.record import Record


def add_reports(commands: Commands) -> None:
    """Add these commands to those of `rollout`."""
    report = commands.add_parser("report", help="a run as a page: Markdown, a comment, or HTML to be signed")
    _subject(report)
    report.add_argument("--format", choices=list(FORMATS), default="markdown", help="which page (markdown)")
    report.set_defaults(run=_report)
    message = commands.add_parser("message", help="a message about a run, whatever its phase: printed, and sent")
    _subject(message)
    message.add_argument("name", metavar="NAME", help=f"{', '.join(BUILT_IN)}, or one of the plan's templates")
    message.add_argument("--post", type=named, metavar="URL", help="send it there, too; may hold ${NAME}")
    message.set_defaults(run=_message)
    guide = commands.add_parser("guide", help="a plan for its readers: phases, limits, and what to do, as Markdown")
    guide.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    guide.add_argument("--page", type=Path, metavar="FILE", help="the page on which it stands, for its links")
    does = guide.add_mutually_exclusive_group()
    does.add_argument("--write", action="store_true", help="put it between the marks of that page")
    does.add_argument("--check", action="store_true", help="write nothing; exit 1 when that page would change")
    guide.set_defaults(run=_guide)


def _subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    parser.add_argument("--verdict", type=Path, default=Path(".rollout/verdict.json"), help="the run's receipt")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there, not to the screen")


def _report(options: argparse.Namespace) -> int:
    _, record = _stored(options)
    return _left(FORMATS[options.format](record), options.output)


def _message(options: argparse.Namespace) -> int:
    plan, record = _stored(options)
    if options.name not in known_messages(plan.reports.templates):
        known = known_messages(plan.reports.templates)
        lines = [f"there is no message '{options.name}'", f"messages: {', '.join(known)}"]
        raise UsageError("\n  ".join([*lines, *did_you_mean(options.name, known)]))
    message = render(record, options.name, templates=plan.reports.templates)
    code = _left(message.text, options.output)
    if options.post:
        _post(message, options.post, plan)
    return code


def _guide(options: argparse.Namespace) -> int:
    from pytest_rollout.reports.guide import guide, placed

    page: Path | None = options.page
    made = guide(plan_of(options.folder), page)
    if not (options.write or options.check):
        return _left(made, None)
    if page is None:
        raise UsageError("which page? name it with --page FILE")
    try:
        was = page.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{page} cannot be read: {error}") from error
    now = placed(was, page, made)
    if options.write:
        return _left(now, page)
    if now != was:
        print(
            f"{page}: its guide is not what the plan says now\n  rollout guide {options.folder} --page {page} --write"
        )
    return int(now != was)


def _post(message: Message, url: str, plan: Plan) -> None:
    from pytest_rollout.environment import open_environment, secrets_of
    from pytest_rollout.errors import RolloutError
    from pytest_rollout.plan.expand import expand_text
    from pytest_rollout.plan.nodes import Place
    from pytest_rollout.sources import BUILT_IN as KINDS

    address = expand_text(url, os.environ, Place(Path("--post"), 1, 1, "--post"))
    secrets: set[str] = set()
    for declared in plan.environments.values():
        try:
            secrets |= secrets_of(open_environment(declared), KINDS)
        except RolloutError:
            continue  # its variables are not set here, so nothing of them can be in the message
    post(message, address, secrets=secrets)


def _stored(options: argparse.Namespace) -> tuple[Plan, Record]:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.stored import stored_record

    plan = plan_of(options.folder)
    return plan, stored_record(plan, options.verdict, now=utc_now())


def _left(text: str, output: Path | None) -> int:
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return 0
    try:
        output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    return 0
