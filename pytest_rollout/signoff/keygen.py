"""Keygen: `ssh-keygen`, which signs and which has the last word on whether a signature holds.

Agents, hardware keys and passphrases work because it does the work; no key
is read here. It is run without a shell, with a time limit, and what it needs
as a file is given to it as an open descriptor, so nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import SignoffError, SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.process import run

_CHECK_SECONDS = 20.0
_SIGN_SECONDS = 180.0
"""Long enough to find a hardware key and touch it."""

_GOOD = 'Good "{namespace}" signature for {principal} with '


def sign(text: str, *, namespace: str, key: Path) -> str:
    """Sign a text with a person's own key: a private key, or a public one whose private half an agent holds.

    `ssh-keygen` asks for a passphrase or a touch at the terminal by itself.

    Raises:
        SignoffError: It is not installed, could not sign, or took three minutes.
    """
    argv = [_program(), "-q", "-Y", "sign", "-f", str(key.absolute()), "-n", namespace]
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            argv,
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,  # but not stderr: what it asks for is meant for the person
            timeout=_SIGN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SignoffError(f"ssh-keygen did not sign within {_SIGN_SECONDS:g} s, and was ended") from None
    except (OSError, ValueError) as error:
        raise SignoffError(f"ssh-keygen cannot be started: {error}") from None
    if done.returncode != 0:
        raise SignoffError(
            f"ssh-keygen did not sign with {key} (status {done.returncode}): it says why above\n"
            "name your key with --key: a private key, or a public one whose private half is in your agent"
        )
    return done.stdout.decode("utf-8", errors="replace").replace("\r\n", "\n")


def objection(
    text: str,
    signature: str,
    *,
    namespace: str,
    principal: str,
    allowed: str,
    at: datetime,
    krl: Path | None = None,
) -> str:
    """Why a signature does not hold, in `ssh-keygen`'s words; empty if it holds.

    Args:
        text: What it should be over.
        signature: The armoured signature.
        namespace: What it should be for.
        principal: Whose it should be.
        allowed: The lines of an `allowed_signers` file.
        at: The time at which the key must have been valid.
        krl: A binary list of revoked keys, if there is one.

    Raises:
        SignoffError: `ssh-keygen` is not installed or did not answer: nothing is known of the signature.
    """
    with _open(allowed) as signers, _open(signature) as armour:
        argv = [_program(), "-Y", "verify", "-f", f"/dev/fd/{signers}", "-I", principal, "-n", namespace]
        argv += ["-s", f"/dev/fd/{armour}", "-O", f"verify-time={at:%Y%m%d%H%M%S}"]
        argv += ["-r", str(krl.absolute())] if krl else []
        # Times without a zone in allowed_signers are read as UTC, on every machine.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", "LC_ALL": "C"}
        try:
            done = run(
                argv,
                where="ssh-keygen -Y verify",
                folder=Path("/"),
                environment=environment,
                timeout_seconds=_CHECK_SECONDS,
                given=text.encode("utf-8"),
                keep=(signers, armour),
            )
        except SourceError as error:
            raise SignoffError(str(error)) from None
    said = done.output.decode("utf-8", errors="replace")
    if done.status == 0 and said.startswith(_GOOD.format(namespace=namespace, principal=principal)):
        return ""
    errors = done.errors.decode("utf-8", errors="replace").replace(f"/dev/fd/{signers}:", "allowed_signers:")
    return first_line(errors) or first_line(said) or f"ssh-keygen ended with status {done.status}"


@contextmanager
def _open(text: str) -> Iterator[int]:
    """A text as a descriptor of a file without a name."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode("utf-8"))
        file.flush()
        file.seek(0)
        yield file.fileno()


def _program() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise SignoffError(
            "ssh-keygen is not installed: without it no signature can be made or checked\n"
            "Debian, Ubuntu: apt-get install openssh-client; Alpine: apk add openssh-keygen; "
            "Fedora: dnf install openssh; OpenSSH 8.9 or newer"
        )
    return found
