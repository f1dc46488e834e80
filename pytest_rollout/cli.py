"""The command line: `rollout`, for what is not a test run.

rollout lock gates/x [--check]     write or check gates.lock
rollout verify verdict.json        read a verdict again, with an exit code of its own
rollout preflight gates/x --rollout-env production   can its gates be judged there at all?
rollout baseline record gates/x --rollout-env production   write the days before a rollout into its ledger
rollout power gates/x phase3 --rollout-env production      what each comparison of a phase can see
rollout schema plan|verdict        print a JSON Schema, for editors and for readers of the file
rollout world gates/x [--fault F]  keep an embedded world running, to look around in
rollout checkpoint gates/x PHASE --rollout-env E  print what a checkpoint holds, from a run's receipt
rollout approve gates/x PHASE --role R   sign that a phase may go on; also `statement` and `revoke`
rollout report gates/x [--format html]   a run as a page, from the files that it left; also `message`
rollout guide gates/x              the plan for its readers: phases, limits, and what to do, as Markdown

What is written into a ledger and read from it is in `records` and `chronicle`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.arguments import duration, named
from pytest_rollout.errors import RolloutError, UsageError

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands

_NOBODY_READS = 141
"""What a shell says of a program that a closed pipe has ended; never a code that means something here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is returned, and errors are one message without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a screen that knows ASCII only is no reason to break
    words = sys.argv[1:] if arguments is None else [*arguments]
    options = _parser(words[0] if words else "").parse_args(words)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except RolloutError as error:
        print(error, file=sys.stderr)
        return 4
    except BrokenPipeError:
        # Who reads has read enough, as `head` does. What is still to be written goes nowhere, or Python complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    return code


def _parser(command: str) -> argparse.ArgumentParser:
    """All commands; `verify`, which a pipeline runs after every run of gates, alone: others' modules take a second."""
    parser = argparse.ArgumentParser(prog="rollout", description="Phased rollouts as tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    if command == "verify":
        _add_verify(commands)
    else:
        _add_all(commands)
    _describe(parser)
    return parser


def _add_all(commands: Commands) -> None:
    from pytest_rollout.checkpoints import add_checkpoints
    from pytest_rollout.chronicle import add_chronicle
    from pytest_rollout.records import add_records
    from pytest_rollout.report_commands import add_reports
    from pytest_rollout.signoff_commands import add_signoff

    _add_lock(commands)
    _add_verify(commands)
    _add_preflight(commands)
    _add_baseline(commands)
    _add_power(commands)
    _add_schema(commands)
    _add_world(commands)
    add_signoff(commands)
    add_chronicle(commands)
    add_records(commands)
    add_reports(commands)
    add_checkpoints(commands)


def _describe(parser: argparse.ArgumentParser) -> None:
    """Let the help of each command begin with the line that the list of commands has of it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for listed in action._choices_actions:
                command = action.choices[listed.dest]
                command.description = f"{listed.help}." if listed.help else None
                _describe(command)


def _add_lock(commands: Commands) -> None:
    lock = commands.add_parser("lock", help="write gates.lock, the list of gates that a run must meet")
    lock.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a rollout's folder, or one above several"
    )
    lock.add_argument("--check", action="store_true", help="write nothing; exit 1 when a lock would change")
    lock.set_defaults(run=_lock)


def _lock(options: argparse.Namespace) -> int:
    from pytest_rollout.locking import lock_folders

    return lock_folders(options.folders, check=options.check, say=print)


def _add_verify(commands: Commands) -> None:
    verify = commands.add_parser("verify", help="read verdict.json again; exits with its code, or 1")
    receipt = Path(".rollout/verdict.json")
    verify.add_argument("file", type=Path, nargs="?", default=receipt, metavar="FILE", help=f"the receipt ({receipt})")
    verify.add_argument("--rollout", type=named, help="the rollout that must have been judged")
    verify.add_argument("--phase", type=named, help="the phase that must have been judged")
    verify.add_argument("--env", type=named, help="the environment in which it must have been judged")
    verify.add_argument("--max-age", type=duration, default="1h", help="how old it may be, such as 15m (1h)")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.verification import Wanted, verify

    wanted = Wanted(
        rollout=options.rollout or "",
        phase=options.phase or "",
        environment=options.env or "",
        max_age=options.max_age,
    )
    code, lines = verify(options.file, wanted, now=utc_now())
    # Objections end with 1, so these are the codes of a receipt that holds, and a pipeline acts on them.
    word = "VERIFIED" if code in {0, 10, 20} else "NO GO"
    for line in lines:
        print(f"{word}  {line} · exit {code}", file=sys.stderr if code else sys.stdout)
    return code


def _add_preflight(commands: Commands) -> None:
    preflight = commands.add_parser("preflight", help="ask everything that gates would ask; exits like a phase")
    preflight.add_argument("folders", nargs="+", metavar="FOLDER", help="a rollout's folder, or one above several")
    preflight.add_argument("--rollout-env", default="", metavar="NAME", help="the environment to ask")
    preflight.set_defaults(run=_preflight)


def _preflight(options: argparse.Namespace) -> int:
    import subprocess

    from pytest_rollout.discovery import find_plans

    # Whatever pytest may find is looked for; what it makes of it, it says itself.
    here = Path.cwd()
    if not find_plans(options.folders, start=here, root=Path(here.anchor), skip=()):
        raise UsageError(f"no rollout.yaml in or below {', '.join(options.folders)}")
    environment = ["--rollout-env", options.rollout_env] if options.rollout_env else []
    command = [sys.executable, "-m", "pytest", "-m", "preflight", *environment, *options.folders]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - pytest, with the words of whoever runs this


def _add_baseline(commands: Commands) -> None:
    baseline = commands.add_parser("baseline", help="what metrics were before a rollout")
    record = baseline.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "record", help="write the days before a rollout into its ledger"
    )
    record.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    record.add_argument("--rollout-env", required=True, type=named, metavar="NAME", help="the environment to ask")
    record.add_argument("--window", type=duration, help="how far back, such as 14d (what the plan says)")
    record.add_argument("--metric", action="append", default=[], metavar="NAME", help="this metric; may be repeated")
    record.set_defaults(run=_record)


def _record(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.recording import record_baselines
    from pytest_rollout.subject import plan_and_kinds

    return record_baselines(
        options.folder,
        options.rollout_env,
        at=utc_now(),
        window=options.window,
        only=options.metric,
        say=print,
        kinds=plan_and_kinds(options.folder)[1],
    )


def _add_power(commands: Commands) -> None:
    power = commands.add_parser("power", help="what each comparison of a phase can see at the traffic that there is")
    power.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    power.add_argument("phase", metavar="PHASE", help="the phase that is planned")
    power.add_argument("--rollout-env", required=True, type=named, metavar="NAME", help="the environment to look at")
    power.set_defaults(run=_power)


def _power(options: argparse.Namespace) -> int:
    import shutil

    from pytest_rollout.clock import utc_now
    from pytest_rollout.powering import say_power
    from pytest_rollout.subject import plan_and_kinds

    width = min(160, shutil.get_terminal_size((100, 24)).columns)
    return say_power(
        options.folder.resolve(),
        options.phase,
        options.rollout_env,
        at=utc_now(),
        width=width,
        say=print,
        kinds=plan_and_kinds(options.folder)[1],
    )


def _add_world(commands: Commands) -> None:
    world = commands.add_parser("world", help="keep an embedded world running until Ctrl-C")
    world.add_argument("place", type=Path, metavar="FOLDER", help="a folder with a world.py, or the file itself")
    world.add_argument("--fault", help="a fault to inject, by name")
    world.add_argument("--port", type=int, default=0, help="a fixed port for the service; a free one otherwise")
    world.set_defaults(run=_world)


def _world(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.world.showing import show_world

    def say(line: str) -> None:
        print(line, flush=True)  # also where the output is a pipe, since this command does not end

    return show_world(options.place, at=utc_now(), fault=options.fault, port=options.port, say=say)


def _add_schema(commands: Commands) -> None:
    schema = commands.add_parser("schema", help="print a JSON Schema")
    schema.add_argument("of", choices=["plan", "verdict"], help="of rollout.yaml, or of verdict.json")
    schema.set_defaults(run=_schema)


def _schema(options: argparse.Namespace) -> int:
    schema = _plan_schema() if options.of == "plan" else _receipt_schema()
    print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0


def _plan_schema() -> dict[str, object]:
    from pytest_rollout.plan.schema import plan_schema
    from pytest_rollout.sources import FLAG_KINDS, KINDS

    return plan_schema(kinds=KINDS, flag_kinds=FLAG_KINDS)


def _receipt_schema() -> dict[str, object]:
    from pytest_rollout.receipt_schema import receipt_schema

    return receipt_schema()


if __name__ == "__main__":
    sys.exit(main())
