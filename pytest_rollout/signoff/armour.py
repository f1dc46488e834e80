"""Armour: what an SSH signature says about itself, read to be able to say why one is refused.

Which key made it and for which namespace stand in the signature (OpenSSH's
PROTOCOL.sshsig). Nothing is believed for it: whether it holds is decided by
`ssh-keygen` alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from pytest_rollout.errors import SignoffError

_ARMOUR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n(?P<body>(?:[A-Za-z0-9+/=]{1,76}\n)+)-----END SSH SIGNATURE-----\n"
)
_MAGIC = b"SSHSIG"
_VERSION = 1


@dataclass(frozen=True)
class Armour:
    """The public key in a signature, as SSH's bytes, and the namespace that it is for."""

    key: bytes
    namespace: str

    @property
    def fingerprint(self) -> str:
        """The key as `ssh-keygen -l` names it."""
        return fingerprint(self.key)


def fingerprint(key: bytes) -> str:
    """A public key's SHA-256 fingerprint, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")


def read_armour(signature: str) -> Armour:
    """Key and namespace of an armoured signature.

    Raises:
        SignoffError: It is no SSH signature.
    """
    match = _ARMOUR.fullmatch(signature)
    if match is None:
        raise SignoffError("no SSH signature stands there")
    try:
        data = base64.b64decode(match["body"].replace("\n", ""), validate=True)
        if data[:6] != _MAGIC or int.from_bytes(data[6:10]) != _VERSION:
            raise SignoffError("its SSH signature is of no version that is known")
        key, rest = _string(data[10:])
        namespace, _ = _string(rest)
        return Armour(key, namespace.decode("utf-8"))
    except (binascii.Error, ValueError):
        raise SignoffError("its SSH signature is damaged") from None


def _string(data: bytes) -> tuple[bytes, bytes]:
    """The first of SSH's strings (its length in four bytes before it), and what comes after it."""
    length = int.from_bytes(data[:4])
    if len(data) < 4 + length or len(data) < 4:
        raise ValueError
    return data[4 : 4 + length], data[4 + length :]
