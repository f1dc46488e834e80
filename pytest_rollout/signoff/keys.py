"""Keys: which of a person's keys signs, and whose it is; only public halves are read."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import SignoffError, listed
from pytest_rollout.signoff.armour import fingerprint
from pytest_rollout.signoff.signers import Signers

_LARGEST_BYTES = 32 * 1024


@dataclass(frozen=True)
class Chosen:
    """The person who signs, and the file that `ssh-keygen` is given: a key, or the public half of one in an agent."""

    principal: str
    key: Path


def choose_key(signers: Signers, *, key: Path | None, principal: str, home: Path) -> Chosen:
    """The key to sign with and its person: as named, or the one in `~/.ssh` that `allowed_signers` lists.

    Raises:
        SignoffError: There is none, there are several persons' keys, or the key is somebody else's.
    """
    if key is not None:
        owner = signers.owner(_fingerprint(_public(key)))
        if not owner and not principal:
            raise SignoffError(
                f"{key}: its public half is not in allowed_signers, or not in {_public(key)}\n"
                "say who you are with --principal, or add your key to allowed_signers"
            )
        if owner and principal and owner != principal:
            raise SignoffError(f"{key} is the key of {owner}, not of {principal}")
        return Chosen(principal or owner, key)
    publics = sorted((home / ".ssh").glob("*.pub"))
    found = {path: signers.owner(_fingerprint(path)) for path in publics}
    mine = {path: owner for path, owner in found.items() if owner and owner == (principal or owner)}
    if len(set(mine.values())) != 1:
        whose = f"keys of {listed(set(mine.values()))}" if mine else "no key that allowed_signers lists"
        raise SignoffError(f"in ~/.ssh there are {whose}\nname your key with --key")
    public, owner = next(iter(mine.items()))
    private = public.with_suffix("")
    return Chosen(owner, private if private.is_file() else public)


def _public(key: Path) -> Path:
    return key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")


def _fingerprint(path: Path) -> str:
    """The fingerprint of a public key in a file, empty where there is none."""
    try:
        with path.open("rb") as file:
            words = file.read(_LARGEST_BYTES).split()
        return fingerprint(base64.b64decode(words[1], validate=True))
    except (OSError, IndexError, binascii.Error, ValueError):
        return ""
