"""Approvers: who may sign what, from `approvers.yaml` and the keys beside it.

Both files lie in the rollout's folder or above it, in one folder, nearest
first and not beyond the repository. Who can change them can approve, so the
repository's rules (code owners, protected branches) are what guards them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import PlanError, Problem, SignoffError
from pytest_rollout.plan.document import MAX_BYTES, read_document
from pytest_rollout.plan.nodes import Findings, Node, Spot, quoted, shown_path
from pytest_rollout.plan.shape import Name, Text
from pytest_rollout.plan.structures import Fields, ListOf, MapOf
from pytest_rollout.signoff.documents import PRINCIPAL, WORD
from pytest_rollout.signoff.signers import SIGNERS_NAME, Signers, read_signers

APPROVERS_NAME = "approvers.yaml"
_START = Spot(1, 1)


@dataclass(frozen=True, kw_only=True)
class Approver:
    """One person: roles, the names and addresses that git knows, and where they may sign (everywhere if empty)."""

    principal: str
    roles: frozenset[str]
    git: frozenset[str]
    rollouts: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()

    def may_sign(self, rollout: str, environment: str) -> bool:
        """Whether the person may sign for this rollout in this environment."""
        return (not self.rollouts or rollout in self.rollouts) and (
            not self.environments or environment in self.environments
        )


@dataclass(frozen=True, kw_only=True)
class Register:
    """The people who may sign and their keys, of one folder."""

    folder: Path
    people: Mapping[str, Approver]
    signers: Signers

    def holders(self, role: str) -> tuple[Approver, ...]:
        """Everybody who holds a role, by name."""
        return tuple(person for _, person in sorted(self.people.items()) if role in person.roles)


def find_register(folder: Path) -> Path:
    """The nearest folder with an `approvers.yaml`, from a rollout's folder up to the root of its repository.

    Outside a repository only the folder itself is looked at: further up, anybody may have put one.

    Raises:
        SignoffError: There is none.
    """
    start = folder.resolve()
    above = [start, *start.parents]
    root = next((each for each in above if (each / ".git").exists()), start)
    for each in above[: above.index(root) + 1]:
        if (each / APPROVERS_NAME).is_file():
            return each
    raise SignoffError(
        f"no {APPROVERS_NAME} in {shown_path(folder)} or above it, up to {root}\n"
        f"it says who may sign, and {SIGNERS_NAME} beside it with which keys: see docs/approvals.md"
    )


def read_register(folder: Path) -> Register:
    """Read `approvers.yaml`, `allowed_signers` and, if it is there, `revoked_keys` of one folder.

    Raises:
        SignoffError: With every problem in all of them, each with its place.
    """
    path = folder / APPROVERS_NAME
    findings = Findings(path, shown_path(path))
    people: dict[str, Approver] = {}
    signers, problems = read_signers(folder)
    with suppress(PlanError):  # what ended the reading is among the findings
        written = read_document(_bytes(path, findings), findings, starts="it starts with 'approvers:'")
        people = _people(written, findings, signers)
    problems += findings.problems
    if problems:
        raise SignoffError("\n".join(str(problem) for problem in sorted(set(problems), key=_by_place)))
    return Register(folder=folder, people=people, signers=signers)


def _by_place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.found


def identity(text: str) -> str:
    """A name or an address as it is compared: without case, with single blanks, and with `ü` written in one way."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def identities(texts: Iterable[str]) -> frozenset[str]:
    """Names and addresses as they are compared; empty ones are nobody's."""
    return frozenset(filter(None, map(identity, texts)))


def _bytes(path: Path, findings: Findings) -> bytes:
    try:
        if not path.is_file():
            findings.fail(_START, "", "no such file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        findings.fail(_START, "", f"cannot be read: {error.strerror}")


def _people(written: Node, findings: Findings, signers: Signers) -> dict[str, Approver]:
    checked = _SHAPE.read(written, findings)
    found: dict[str, Approver] = {}
    for principal, node in (checked.fields_of("approvers") if checked else {}).items():
        person = Approver(
            principal=principal,
            roles=_words(node, "roles"),
            git=identities({principal, *_words(node, "git")}),
            rollouts=_words(node, "rollouts"),
            environments=_words(node, "environments"),
        )
        for other in found.values():
            if shared := person.git & other.git:
                findings.at_key(
                    node,
                    f"{quoted(min(shared))} is {other.principal} in git, too",
                    "one person stands here once: two entries could be a quorum of one",
                )
        if not signers.of(principal):
            findings.at_key(node, f"no key of {principal} in {SIGNERS_NAME}", "add the line, or remove the approver")
        found[principal] = person
    return found


def _words(node: Node, name: str) -> frozenset[str]:
    below = node.get(name)
    return frozenset(item.text for item in below.items) if below is not None else frozenset()


def _names(about: str, each: str, pattern: str, letters: str) -> ListOf:
    return ListOf(about=about, items=Name(about=each, pattern=pattern, letters=letters))


_LETTERS = "lower-case letters, digits, '_' and '-', first a letter"
APPROVER = Fields(
    about="one person: roles, names in git, and where they may sign",
    required={
        "roles": _names("the roles that the person holds", "a role", WORD, _LETTERS),
        "git": ListOf(
            about="the names and addresses under which the person commits, so that nobody approves their own change",
            items=Text(about="a name or an e-mail address, as in `git log`"),
        ),
    },
    optional={
        "rollouts": _names(
            "the rollouts that the person may sign for; all if not said",
            "a rollout's name",
            "[a-z0-9][a-z0-9-]*",
            "lower-case letters, digits and '-'",
        ),
        "environments": _names("the environments; all if not said", "an environment's name", WORD, _LETTERS),
    },
)
"""What may stand below a person."""

_SHAPE = Fields(
    about="who may sign what",
    required={
        "approvers": MapOf(
            about=f"people, by their names in {SIGNERS_NAME}",
            names=Name(
                about="a person",
                pattern=PRINCIPAL,
                letters="letters, digits and . _ @ + -, first a letter or digit, as in allowed_signers",
            ),
            values=APPROVER,
            at_least=1,
        )
    },
)
