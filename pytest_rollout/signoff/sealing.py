"""Sealing: a document is checked, signed, checked again, and only then filed.

What would not count is not signed, and what does not hold is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import SignoffError
from pytest_rollout.plan.nodes import shown_path
from pytest_rollout.signoff.approvers import find_register
from pytest_rollout.signoff.documents import Document, digest_of, text_of
from pytest_rollout.signoff.grounds import Ground, Refused
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.keys import Chosen
from pytest_rollout.signoff.signed import Signed, write_signed

Say = Callable[[str], object]
"""Where lines for the person go."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signs: a key and a person, as far as they were named, and the folder in which `.ssh` is."""

    key: Path | None
    principal: str
    home: Path


def seal_and_file(
    base: Path, document: Document, chosen: Chosen, refused: Callable[[Signed], tuple[Refused, ...]], say: Say
) -> Path:
    """Sign a document and write it below `base`; `refused` says why a signed one would not count.

    Raises:
        SignoffError: It would not count, could not be signed, or does not hold; nothing was written.
    """
    # Before: everything but the signature must hold, so that nobody is asked to touch a key for nothing.
    if early := [each for each in refused(Signed(document, "")) if each.ground is not Ground.UNSIGNED]:
        raise SignoffError(_sentence(early))
    signed = Signed(document, sign(text_of(document), namespace=document.namespace, key=chosen.key))
    if late := refused(signed):
        raise SignoffError(_sentence(late))
    path = write_signed(base, signed)
    say(f"signed, and verified against {shown_path(find_register(base))}/allowed_signers")
    say(f"{shown_path(path)}: written; commit it. Its digest is {digest_of(document)}")
    return path


def _sentence(refused: Sequence[Refused]) -> str:
    return "\n".join(["nothing was written:", *(f"  {each}" for each in refused)])


def whole(instant: datetime) -> datetime:
    """An instant in whole seconds, as documents have them."""
    return instant.replace(microsecond=0)
