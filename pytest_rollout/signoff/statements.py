"""Statements: what people said that nothing has measured, and whether all of them say what is wanted.

A statement is a person's word, shown with date and name wherever it appears,
and never a number among measured ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.quantities import format_duration
from pytest_rollout.signoff.approvers import Register
from pytest_rollout.signoff.checking import (
    Objection,
    named,
    person_objection,
    revoked_objection,
    seal_objection,
    sort_out,
    time_objection,
)
from pytest_rollout.signoff.documents import Statement
from pytest_rollout.signoff.grounds import Ground, Refused
from pytest_rollout.signoff.signed import Signed, Unread


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody must have said: about which topic, and in which words.

    `role`, if given, is the role in which it must have been said; `needed` is
    how many persons must have said it.
    """

    rollout: str
    phase: str
    environment: str
    topic: str
    says: str
    at: datetime
    role: str = ""
    needed: int = 1
    max_age: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was said about a topic: the newest valid statement of each person, and what does not count."""

    asked: Asked
    statements: tuple[Statement, ...]
    refused: tuple[Refused, ...]

    @property
    def contrary(self) -> tuple[Statement, ...]:
        """Statements that say something else than what is wanted."""
        return tuple(each for each in self.statements if not same_words(each.says, self.asked.says))

    @property
    def complete(self) -> bool:
        """Whether enough persons said it, nobody said anything else, and every file could be read."""
        unread = any(each.ground is Ground.UNREAD for each in self.refused)
        enough = len(self.statements) >= max(self.asked.needed, 1)
        return enough and not self.contrary and not unread

    def sentences(self) -> tuple[str, ...]:
        """What was said, a line a statement, each marked as a human statement."""
        return tuple(said(each) for each in self.statements)


def said(statement: Statement) -> str:
    """A statement as every screen and report shows it: marked as what it is, with name and date."""
    return (
        f"human statement, not measured: {statement.topic}: '{statement.says}', said by {statement.principal}"
        f" ({statement.role}) at {statement.made_at:%Y-%m-%d %H:%M} UTC, until {statement.expires_at:%Y-%m-%d %H:%M}"
    )


def verify_statements(found: Iterable[Signed | Unread], *, asked: Asked, register: Register) -> Heard:
    """What people have validly said about a topic.

    Raises:
        SignoffError: `ssh-keygen` is missing or did not answer.
    """
    pile = sort_out(found)
    refused = list(pile.unread)
    newest: dict[str, Statement] = {}
    heard: list[Statement] = []
    for each in reversed(pile.statements):
        statement = each.document
        assert isinstance(statement, Statement)
        if statement.topic != asked.topic:
            continue
        objection = (
            _subject_objection(statement, asked)
            or person_objection(statement, register)
            or revoked_objection(each, pile, register)
            or seal_objection(each, register)
            or _replaced(statement, newest)
        )
        if objection is None:
            # Also one that has expired: what a person said before it does not become true again.
            newest[statement.principal] = statement
            objection = time_objection(statement, asked.at) or _age_objection(statement, asked)
        if objection is None:
            heard.append(statement)
        else:
            refused.append(Refused(named(statement), *objection, role=statement.role, origin=each.origin))
    return Heard(asked=asked, statements=tuple(reversed(heard)), refused=tuple(refused))


def _subject_objection(statement: Statement, asked: Asked) -> Objection | None:
    pairs = (
        (Ground.OTHER_ROLLOUT, "rollout", statement.rollout, asked.rollout),
        (Ground.OTHER_PHASE, "phase", statement.phase, asked.phase),
        (Ground.OTHER_ENVIRONMENT, "environment", statement.environment, asked.environment),
        (Ground.OTHER_ROLE, "role", statement.role, asked.role or statement.role),
    )
    for ground, name, told, wanted in pairs:
        if told != wanted:
            return ground, f"it is about {name} {told}, not {wanted}"
    return None


def _age_objection(statement: Statement, asked: Asked) -> Objection | None:
    age = asked.at - statement.made_at
    if asked.max_age is not None and age > asked.max_age:
        return Ground.OLD, f"it is {format_duration(age)} old, and at most {format_duration(asked.max_age)} is allowed"
    return None


def _replaced(statement: Statement, newest: dict[str, Statement]) -> Objection | None:
    newer = newest.get(statement.principal)
    if newer is None:
        return None
    return Ground.REPLACED, f"{newer.principal} said '{newer.says}' at {newer.made_at.isoformat()}"


def same_words(told: str, wanted: str) -> bool:
    """Whether two texts say the same, whatever their case and blanks."""
    return " ".join(told.split()).casefold() == " ".join(wanted.split()).casefold()
