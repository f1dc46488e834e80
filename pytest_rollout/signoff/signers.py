"""Signers: whose keys are whose, read strictly from `allowed_signers` and `revoked_keys`.

OpenSSH's formats, of which only what names one person for one key is taken:
a pattern such as `*` or a certificate authority would let one key speak for
anybody. `ssh-keygen` is later shown only what was understood here, so the
two cannot read the file differently.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import Problem
from pytest_rollout.plan.nodes import clipped, quoted, shown_path
from pytest_rollout.signoff.armour import fingerprint
from pytest_rollout.signoff.documents import PRINCIPAL

SIGNERS_NAME = "allowed_signers"
REVOKED_NAME = "revoked_keys"
_LARGEST_BYTES = 1 << 20
_KRL = b"SSHKRL\n\0"
_OPTIONS = r'(?:valid-after|valid-before)="[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?Z?"|namespaces="[A-Za-z0-9@.*,_-]+"'
_TYPE = r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+"
_LINE = re.compile(
    rf"(?P<principals>\S+)[ \t]+(?:(?P<options>(?:{_OPTIONS})(?:,(?:{_OPTIONS}))*)[ \t]+)?"
    rf"(?P<type>{_TYPE})[ \t]+(?P<key>[A-Za-z0-9+/=]+)(?:[ \t].*)?"
)
_REVOKED = re.compile(
    rf"(?P<print>SHA256:[A-Za-z0-9+/]{{43}})|(?P<type>{_TYPE})[ \t]+(?P<key>[A-Za-z0-9+/=]+)(?:[ \t].*)?"
)
_FIX = (
    'a line is: anna@example.com [valid-before="20270101"] ssh-ed25519 AAAA…, '
    "as `man ssh-keygen` says below ALLOWED SIGNERS"
)


@dataclass(frozen=True)
class Key:
    """One key of one person: the line of `allowed_signers` that says so, and the key's fingerprint."""

    principal: str
    fingerprint: str
    line: str


@dataclass(frozen=True, kw_only=True)
class Signers:
    """The keys of each person, and those that count for nobody any more.

    `revoked` are fingerprints; `krl` is a binary list that only `ssh-keygen` reads.
    """

    keys: tuple[Key, ...]
    revoked: frozenset[str] = frozenset()
    krl: Path | None = None

    def of(self, principal: str) -> tuple[Key, ...]:
        """The keys that are listed for a person."""
        return tuple(key for key in self.keys if key.principal == principal)

    def owner(self, print_: str) -> str:
        """Whose key this is, empty if it is nobody's."""
        return next((key.principal for key in self.keys if key.fingerprint == print_), "")


def read_signers(folder: Path) -> tuple[Signers, list[Problem]]:
    """The signers of a folder, and every problem in its two files."""
    keys: list[Key] = []
    problems: list[Problem] = []
    path = folder / SIGNERS_NAME
    for number, line in _lines(_bytes(path, problems), path, problems):
        keys += _keys(line, number, path, keys, problems)
    revoked_path = folder / REVOKED_NAME
    data = _bytes(revoked_path, problems) if revoked_path.exists() or revoked_path.is_symlink() else b""
    if data.startswith(_KRL):
        return Signers(keys=tuple(keys), krl=revoked_path), problems
    revoked = set()
    for number, line in _lines(data, revoked_path, problems):
        match = _REVOKED.fullmatch(line)
        print_ = (match["print"] or _fingerprint(match["type"], match["key"])) if match else ""
        if print_:
            revoked.add(print_)
        else:
            fix = "a line is a public key, or a fingerprint SHA256:… as `ssh-keygen -l -f key.pub` prints it"
            problems.append(_problem(revoked_path, number, f"no key that could be revoked: {quoted(line)}", fix))
    return Signers(keys=tuple(keys), revoked=frozenset(revoked)), problems


def _keys(line: str, number: int, path: Path, known: list[Key], problems: list[Problem]) -> list[Key]:
    """The keys of one line: one for each person that it names."""
    match = _LINE.fullmatch(line)
    print_ = _fingerprint(match["type"], match["key"]) if match else ""
    if match is None or not print_:
        found = f"no key of a person: {quoted(line)}"
        if "cert-authority" in line:
            found = "a certificate authority may name anybody: list the key of each person"
        problems.append(_problem(path, number, found, _FIX))
        return []
    principals = match["principals"].split(",")
    for principal in principals:
        if re.fullmatch(PRINCIPAL, principal) is None:
            found = f"{quoted(principal)} does not name one person: a pattern would let one key sign for many"
            problems.append(_problem(path, number, found, "write the person's name as in approvers.yaml"))
    owners = {*principals, *(key.principal for key in known if key.fingerprint == print_)}
    if len(owners) > 1:
        found = f"one key for two persons: {clipped(', '.join(sorted(owners)))}"
        problems.append(_problem(path, number, found, "each person signs with a key of their own"))
    middle = f" {match['options']}" if match["options"] else ""
    return [Key(each, print_, f"{each}{middle} {match['type']} {match['key']}\n") for each in principals]


def _fingerprint(kind: str, key: str) -> str:
    """The fingerprint of a key in base64, empty if it is no key of this kind."""
    try:
        blob = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return ""
    name = kind.encode("ascii")
    return fingerprint(blob) if blob.startswith(len(name).to_bytes(4) + name) and len(blob) > len(name) + 4 else ""


def _bytes(path: Path, problems: list[Problem]) -> bytes:
    try:
        if not path.is_file():
            found = "a folder, not a file" if path.is_dir() else "no such file"
            problems.append(_problem(path, 1, found, "list each person's public key in it: see docs/approvals.md"))
            return b""
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        problems.append(_problem(path, 1, f"cannot be read: {error.strerror}"))
        return b""
    if len(data) > _LARGEST_BYTES:
        problems.append(_problem(path, 1, "larger than 1 MiB"))
        return b""
    return data


def _lines(data: bytes, path: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.append(_problem(path, data[: error.start].count(b"\n") + 1, "not UTF-8"))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _problem(path: Path, line: int, found: str, *fix: str) -> Problem:
    return Problem(shown_path(path), line, 1, "", found, fix)
