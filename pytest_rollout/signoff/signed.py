"""Signed: a document and the signature under it, in one file that can be reviewed.

The file lies in `approvals/` of the rollout's folder and is committed like
any other. It is read back only if it is byte for byte what would be written;
one that is not is `Unread`, which never counts for anybody and is never
passed over: it may be the one that takes an approval back.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.documents import (
    LARGEST_DOCUMENT_BYTES,
    Approval,
    Document,
    Statement,
    as_json,
    digest_of,
    from_json,
    text_of,
)

FOLDER_NAME = "approvals"
LARGEST_BYTES = 2 * LARGEST_DOCUMENT_BYTES
_MOST_FILES = 2000


@dataclass(frozen=True)
class Signed:
    """A document, and the armoured SSH signature that is said to be under it; `origin` is where it came from."""

    document: Document
    signature: str
    origin: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """The document's digest, by which it is named and revoked."""
        return digest_of(self.document)

    @property
    def text(self) -> str:
        """What the signature is over."""
        return text_of(self.document)

    @property
    def file_name(self) -> str:
        """The name of its file: what it is, who signed, and the start of its digest."""
        document = self.document
        if isinstance(document, Approval):
            what = f"{document.phase}-{document.role}"
        elif isinstance(document, Statement):
            what = f"{document.phase}-statement-{document.topic}"
        else:
            what = "revocation"
        return f"{what}-{document.principal}-{self.digest[:12]}.json"

    def as_json(self) -> dict[str, object]:
        """Document and signature as one JSON object, for a file or a ledger."""
        return {"document": as_json(self.document), "signature": self.signature}

    @classmethod
    def from_json(cls, value: object, *, origin: str = "") -> Signed:
        """What such an object says.

        Raises:
            SignoffError: It is no such object.
        """
        if not isinstance(value, dict) or value.keys() != {"document", "signature"}:
            raise SignoffError("a signed document is an object with 'document' and 'signature', and nothing else")
        if not isinstance(value["signature"], str):
            raise SignoffError("its signature is no text")
        return cls(from_json(value["document"]), value["signature"], origin)

    def render(self) -> str:
        """The text of its file."""
        return json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def parse(cls, data: bytes, *, origin: str = "") -> Signed:
        """Read the bytes of such a file.

        Raises:
            SignoffError: Too large, no JSON, a key twice, or not as `render` writes it.
        """
        if len(data) > LARGEST_BYTES:
            raise SignoffError(f"larger than {LARGEST_BYTES // 1024} KiB: this is no signed document")
        try:
            value = json.loads(data.decode("utf-8"), object_pairs_hook=_each_key_once)
        except RecursionError:
            raise SignoffError("nested too deeply") from None
        except ValueError as error:
            raise SignoffError(f"not JSON that can be read in one way only: {error}") from None
        signed = cls.from_json(value, origin=origin)
        if signed.render().encode("utf-8") != data:
            raise SignoffError(
                "not byte for byte as it was written: an editor, a formatter or git's line endings changed it\n"
                f"in .gitattributes: {FOLDER_NAME}/*.json -text"
            )
        return signed


@dataclass(frozen=True)
class Unread:
    """Something that lies where signed documents lie, and why it cannot be read as one."""

    origin: str
    why: str


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def read_signed(folder: Path) -> tuple[Signed | Unread, ...]:
    """Everything in `approvals/` of a rollout's folder, in the order of the names; nothing where there is none.

    Raises:
        SignoffError: The folder cannot be listed, or holds very much.
    """
    place = folder / FOLDER_NAME
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208 - names that are no text are read, too
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SignoffError(f"{place} cannot be read: {error.strerror}") from None
    if len(names) > _MOST_FILES:
        raise SignoffError(f"{place} holds {len(names)} files, more than {_MOST_FILES}")
    return tuple(_read(place / name) for name in names if not name.startswith("."))


def _read(path: Path) -> Signed | Unread:
    origin = f"{FOLDER_NAME}/{path.name}"
    try:
        if not path.is_file():  # a pipe would let the reader wait
            return Unread(origin, "not an ordinary file")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        return Signed.parse(data, origin=origin)
    except OSError as error:
        return Unread(origin, f"cannot be read: {error.strerror}")
    except SignoffError as error:
        return Unread(origin, str(error))


def write_signed(folder: Path, signed: Signed) -> Path:
    """Write a signed document to `approvals/` of a rollout's folder, whole or not at all.

    Raises:
        SignoffError: The folder cannot be written to.
    """
    place = folder / FOLDER_NAME
    name = ""
    try:
        place.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(signed.render())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(place / signed.file_name)
    except BaseException as error:
        if name:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SignoffError(f"{place} cannot be written to: {error.strerror}") from None
        raise
    return place / signed.file_name
