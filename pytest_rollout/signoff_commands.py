"""Commands of sign-off: `rollout approve`, `rollout statement`, `rollout revoke`; words in, one signed file out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.arguments import duration, named

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands
    from pytest_rollout.signoff.sealing import Signer


def add_signoff(commands: Commands) -> None:
    """Add the three commands to those of `rollout`."""
    approve = commands.add_parser("approve", help="sign that a phase may go on, with your own SSH key")
    _subject(approve)
    approve.add_argument("--role", required=True, type=named, help="the role in which you sign")
    approve.add_argument("--verdict", type=Path, default=Path(".rollout/verdict.json"), help="what you have read")
    approve.add_argument("--env", default="", help="the environment of the verdict; an embedded world must be named")
    approve.add_argument("--stage", help="the stage of the verdict, such as '25 %%'")
    approve.add_argument("--expires", type=duration, default="7d", help="for how long it counts (7d)")
    approve.add_argument("--comment", default="", help="a line for readers")
    _signer(approve)
    approve.set_defaults(run=_approve)
    statement = commands.add_parser("statement", help="sign what was not measured, such as the result of a survey")
    _subject(statement)
    statement.add_argument("--env", required=True, type=named, help="the environment that it is about")
    statement.add_argument("--topic", required=True, type=named, help="what it is about, such as survey")
    statement.add_argument("--says", required=True, type=named, help="what you state, such as 'neutral or better'")
    statement.add_argument("--role", default="", help="the role in which you state it, if you hold several")
    statement.add_argument("--expires", type=duration, default="30d", help="for how long it counts (30d)")
    _signer(statement)
    statement.set_defaults(run=_statement)
    revoke = commands.add_parser("revoke", help="take a signature back")
    revoke.add_argument("what", metavar="FILE|DIGEST", help="the signed file, or its digest")
    revoke.add_argument("--folder", type=Path, default=Path(), help="the rollout's folder, if a digest is named (.)")
    revoke.add_argument("--why", required=True, type=named, help="the reason, for readers")
    _signer(revoke)
    revoke.set_defaults(run=_revoke)


def _subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    parser.add_argument("phase", metavar="PHASE", help="the phase that it is about")


def _signer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", type=Path, help="your SSH key, or the public half of one in your agent")
    parser.add_argument("--principal", default="", help="who you are in allowed_signers, if the key does not say it")


def _of(options: argparse.Namespace) -> Signer:
    from pytest_rollout.signoff.sealing import Signer

    return Signer(key=options.key, principal=options.principal, home=Path.home())


def _say(line: str) -> None:
    print(line, flush=True)  # before ssh-keygen asks for anything


def _approve(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.signoff.signing import approve

    approve(
        options.folder,
        options.phase,
        role=options.role,
        verdict=options.verdict,
        environment=options.env,
        stage=options.stage,
        expires=options.expires,
        comment=options.comment,
        signer=_of(options),
        now=utc_now(),
        say=_say,
    )
    return 0


def _statement(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.signoff.signing import state

    state(
        options.folder,
        options.phase,
        environment=options.env,
        topic=options.topic,
        says=options.says,
        role=options.role,
        expires=options.expires,
        signer=_of(options),
        now=utc_now(),
        say=_say,
    )
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from pytest_rollout.clock import utc_now
    from pytest_rollout.signoff.revoking import revoke

    revoke(options.what, folder=options.folder, why=options.why, signer=_of(options), now=utc_now(), say=_say)
    return 0
