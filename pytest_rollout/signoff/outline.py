"""Outline: the little of a plan that a signature names, read without the kinds of sources that only pytest finds.

The plan is checked as a whole when it is judged; here it is looked up what
its rollout is called, where its signatures lie, and what it asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import PlanError, SignoffError, did_you_mean, listed
from pytest_rollout.plan.document import MAX_BYTES, read_document
from pytest_rollout.plan.expand import expand_text
from pytest_rollout.plan.nodes import Findings, Kind, Node, plan_path, shown_path


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A plan's name, digest, phases and environments; `node` is its document, as it was written."""

    path: Path
    rollout: str
    digest: str
    node: Node
    findings: Findings

    @property
    def folder(self) -> Path:
        """The rollout's folder."""
        return self.path.parent

    def has(self, what: str, name: str) -> None:
        """Refuse a phase or an environment that the plan does not have.

        Raises:
            SignoffError: With those that it has.
        """
        known = self.node.fields_of(f"{what}s")
        if name not in known:
            lines = [f"{shown_path(self.path)} has no {what} '{name}'", f"{what}s: {listed(known)}"]
            raise SignoffError("\n  ".join([*lines, *did_you_mean(name, known)]))

    def base(self, environment: str) -> Path:
        """The folder of an environment's signatures: the plan's own, if the plan names no other."""
        stated = self.node.get("environments", environment)
        other = stated.text_of("approvals") if stated is not None else ""
        return (self.folder / other).resolve() if other else self.folder

    def change(self, environment: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        """Since which commit, and in which paths, git has what is rolled out; variables are filled in.

        Raises:
            SignoffError: A variable is not set.
        """
        since = self.node.get("environments", environment, "change", "since")
        paths = self.node.get("environments", environment, "change", "paths")
        try:
            text = expand_text(since.text, environ, self.findings.place_of_value(since)) if since is not None else ""
        except PlanError as error:
            raise SignoffError(str(error)) from None
        return text, tuple(item.text for item in paths.items) if paths is not None else (".",)

    def roles(self, phase: str) -> frozenset[str]:
        """The roles that must sign in a phase, at any of its stages or at its end."""
        stages = self.node.get("phases", phase, "stages")
        asked = [self.node.get("phases", phase, "exit", "approvals")]
        asked += [stage.get("approvals") for stage in (stages.items if stages is not None else ())]
        return frozenset(
            name for node in asked if node is not None for name in (*node.fields, *(item.text for item in node.items))
        )

    def words(self, phase: str) -> Mapping[str, str]:
        """What must be stated in a phase, by topic."""
        return {name: node.text for name, node in self.node.fields_of("phases", phase, "exit", "statements").items()}


def read_outline(folder: Path) -> Outline:
    """The outline of the plan in a rollout's folder.

    Raises:
        SignoffError: There is none, or it is no YAML that a plan could be.
    """
    path = plan_path(folder)
    findings = Findings(path, shown_path(path))
    try:
        if not path.is_file():
            raise SignoffError(f"{path}: no such file: name the rollout's folder")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        node = read_document(data, findings)
        _check_mappings(node, findings)
        findings.settle()
    except OSError as error:
        raise SignoffError(f"{path}: {error.strerror}") from None
    except PlanError as error:
        raise SignoffError(str(error)) from None
    digest = hashlib.sha256(data).hexdigest()
    return Outline(path=path, rollout=node.text_of("rollout"), digest=digest, node=node, findings=findings)


def _check_mappings(node: Node, findings: Findings) -> None:
    """A list in the place of a mapping has no phase and no environment, which is not what is wrong with it."""
    for part in (node, node.get("phases"), node.get("environments")):
        if part is not None and part.kind not in {Kind.MAPPING, Kind.UNREAD} and not part.is_nothing:
            findings.at(part, f"a mapping is wanted here, not {part.kind.value}")
