"""Revoking: what `rollout revoke` does: a signed document that takes another one back."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import SignoffError
from pytest_rollout.plan.nodes import plan_path, shown_path
from pytest_rollout.signoff.approvers import find_register, read_register
from pytest_rollout.signoff.checking import named, seal_objection
from pytest_rollout.signoff.documents import Revocation
from pytest_rollout.signoff.grounds import Ground, Refused
from pytest_rollout.signoff.keys import choose_key
from pytest_rollout.signoff.sealing import Say, Signer, seal_and_file, whole
from pytest_rollout.signoff.signed import FOLDER_NAME, Signed, read_signed

_DIGEST_PART = re.compile(r"[0-9a-f]{12,64}")


def revoke(what: str, *, folder: Path, why: str, signer: Signer, now: datetime, say: Say) -> Path:
    """Take an approval or a statement back: by its file, or by its digest (12 letters of it or more) in a folder.

    Raises:
        SignoffError: There is no such document, the person is not an approver, or the signature does not hold.
    """
    base, of, shown = _meant(what, folder)
    register = read_register(find_register(base))
    chosen = choose_key(register.signers, key=signer.key, principal=signer.principal, home=signer.home)
    revocation = Revocation(of=of, principal=chosen.principal, why=why, at=whole(now))

    def refused(signed: Signed) -> tuple[Refused, ...]:
        who = chosen.principal
        unknown = None if who in register.people else (Ground.UNKNOWN_PERSON, f"{who} is not in approvers.yaml")
        objection = unknown or seal_objection(signed, register)
        return (Refused(named(revocation), *objection),) if objection else ()

    say(f"{chosen.principal} takes back {shown}")
    say(f"  digest    {of}")
    say(f"  why       {why}")
    return seal_and_file(base, revocation, chosen, refused, say)


def _meant(what: str, folder: Path) -> tuple[Path, str, str]:
    """The folder of the signatures, the digest that is meant, and what it is in words."""
    path = Path(what)
    if path.parent.name == FOLDER_NAME or path.is_file():
        base = path.absolute().parent.parent
        found = [each for each in read_signed(base) if isinstance(each, Signed) and Path(each.origin).name == path.name]
        if not found:
            raise SignoffError(f"{what} is no signed document in a folder '{FOLDER_NAME}'")
    elif _DIGEST_PART.fullmatch(what):
        base = plan_path(folder).parent.absolute()
        found = [each for each in read_signed(base) if isinstance(each, Signed) and each.digest.startswith(what)]
        if not found and len(what) == 64:
            return base, what, "a document that does not lie here"
    else:
        raise SignoffError(f"'{what[:80]}' is neither a file in '{FOLDER_NAME}' nor a digest of 12 to 64 letters")
    digests = {each.digest for each in found}
    if len(digests) != 1:
        raise SignoffError(f"{len(digests)} documents in {shown_path(base / FOLDER_NAME)} have the digest {what}")
    return base, digests.pop(), named(found[0].document)
