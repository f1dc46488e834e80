"""Signatures: who has signed for what comes next in a rollout, as facts that a run remembers.

Read offline, at every run, from the files beside the plan. What cannot be
known, such as who made the change, counts in nobody's favour.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from pytest_rollout.errors import SignoffError
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.remembered import Signed, Statement
from pytest_rollout.signoff.approvals import Signoff, Wanted, verify_approvals
from pytest_rollout.signoff.approvers import Register, find_register, read_register
from pytest_rollout.signoff.authors import change_authors
from pytest_rollout.signoff.documents import Approval
from pytest_rollout.signoff.grounds import ELSEWHERE
from pytest_rollout.signoff.signed import Signed as SignedDocument
from pytest_rollout.signoff.signed import Unread, read_signed
from pytest_rollout.signoff.statements import Asked, Heard, verify_statements

Given: TypeAlias = Callable[[Iterable[datetime]], Collection[str]]
"""The digests of verdicts that were really given in these seconds."""


@dataclass(frozen=True, kw_only=True)
class Signatures:
    """What lies signed beside one rollout.

    Args:
        plan: The rollout's plan.
        environment: Where it is judged.
        at: The run's instant, UTC.
    """

    plan: Plan
    environment: Environment
    at: datetime

    @property
    def folder(self) -> Path:
        """Where signatures and `approvers.yaml` are."""
        return self.environment.approvals or self.plan.folder

    def signed(self, phase: Phase, stage: str, roles: Mapping[str, int], given: Given) -> dict[str, Signed]:
        """How far each role has signed for what comes after this stage of a phase.

        Args:
            phase: The phase.
            stage: The stage's name; empty where it has none.
            roles: How many must sign in which role.
            given: The digests of the verdicts that were really given in these seconds.

        Raises:
            SignoffError: Nothing can be known of any signature: no approvers, or no `ssh-keygen`.
            LedgerError: `given` cannot know.
        """
        if not roles:
            return {}
        found, unknown = self.signoff(phase, stage, roles, given)
        return {standing.role: _role(found, standing.role, unknown) for standing in found.roles}

    def signoff(self, phase: Phase, stage: str, roles: Mapping[str, int], given: Given | None) -> tuple[Signoff, str]:
        """Where approvals stand, with who could sign; and why nobody knows who made the change, if so.

        None for `given` looks at no verdict: for what was remarked by those whom `signed` has counted already.

        Raises:
            SignoffError: As for `signed`; also where nobody has to sign.
            LedgerError: As for `signed`.
        """
        authors, unknown = self._authors()
        files = list(self._found())
        approvals = [each.document for each in files if isinstance(each, SignedDocument)]
        moments = {each.evaluated_at for each in approvals if isinstance(each, Approval) and each.phase == phase.name}
        wanted = Wanted(
            rollout=self.plan.rollout,
            phase=phase.name,
            environment=self.environment.name,
            stage=stage,
            roles=roles,
            plan_digest=self.plan.digest,
            max_age=self.plan.evidence_age,
            authors=authors,
            at=self.at,
            known_verdicts=given(moments) if given else None,
        )
        return verify_approvals(files, wanted=wanted, register=self._register()), unknown

    def said(self, phase: Phase) -> tuple[dict[str, Statement], dict[str, str]]:
        """What people have said on each topic that a phase asks about; and, by topic, why that is not enough.

        Raises:
            SignoffError: As for `signed`.
        """
        said: dict[str, Statement] = {}
        refused: dict[str, str] = {}
        for topic, words in phase.conditions.statements.items():
            asked = Asked(
                rollout=self.plan.rollout,
                phase=phase.name,
                environment=self.environment.name,
                topic=topic,
                says=words,
                at=self.at,
            )
            heard = verify_statements(self._found(), asked=asked, register=self._register())
            if heard.complete:
                newest = max(heard.statements, key=lambda each: each.made_at)
                said[topic] = Statement(says=newest.says, by=newest.principal, at=newest.made_at.isoformat())
            elif why := _why(heard):
                refused[topic] = why
        return said, refused

    def _found(self) -> Iterable[SignedDocument | Unread]:
        return read_signed(self.folder)

    def _register(self) -> Register:
        return read_register(find_register(self.folder))

    def _authors(self) -> tuple[frozenset[str] | None, str]:
        """Who made the change; None where that is not known, and why. Nobody made an embedded world's."""
        if self.environment.world is not None and not self.environment.change_since:
            return frozenset(), ""
        try:
            since, paths = self.environment.change_since, self.environment.change_paths
            return change_authors(self.plan.folder, since=since, paths=paths), ""
        except SignoffError as error:
            return None, str(error).replace("\n", "; ")


def _role(found: Signoff, role: str, unknown: str) -> Signed:
    standing = next(each for each in found.roles if each.role == role)
    # What was signed about something else, such as an earlier phase, is no complaint here.
    refused = [each for each in found.refused if each.role in {role, ""} and each.ground not in ELSEWHERE]
    # A file that cannot be read may be one that takes an approval back: until it is mended, nobody has signed.
    by = () if found.unread else tuple(each.principal for each in standing.signed)
    why = [unknown] if unknown else []
    why += [f"{each.what}: {each.sentence}" for each in refused]
    return Signed(needed=standing.needed, by=by, refused=tuple(why))


def _why(heard: Heard) -> str:
    contrary = [f"{each.principal} said “{each.says}”" for each in heard.contrary]
    return "; ".join([*contrary, *(f"{each.what}: {each.sentence}" for each in heard.refused)])
