"""Authors: who made a change, as git knows it.

Nobody approves their own change, so the names and addresses of everybody who
wrote or committed a part of it are asked of git. Where git cannot tell all
of them (a shallow clone, changes that are not committed) nobody is known to
be somebody else, and that is an error.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pytest_rollout.errors import SignoffError, SourceError
from pytest_rollout.plan.nodes import shown_path
from pytest_rollout.signoff.approvers import identities
from pytest_rollout.signoff.signed import FOLDER_NAME
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.process import run

_SECONDS = 60.0
# As written and as .mailmap has it: a mailmap must not make an author somebody else.
_FORMAT = "%an%n%ae%n%aN%n%aE%n%cn%n%ce%n%cN%n%cE%n%(trailers:key=Co-authored-by,valueonly)"
_CO_AUTHOR = re.compile(r"(?P<name>[^<>]*)<(?P<mail>[^<>]*)>")
_ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "COMMON_DIR", "INDEX_FILE", "NAMESPACE", "OBJECT_DIRECTORY", "GRAFT_FILE")
)


def change_authors(folder: Path, *, since: str = "", paths: Sequence[str] = (".",)) -> frozenset[str]:
    """Names and addresses of all authors, co-authors and committers of a change, as `identity` compares them.

    Args:
        folder: The rollout's folder; `paths` start there.
        since: The commit before the change (what is released now); without it every commit counts.
        paths: What the change is; the signed documents themselves are no part of it.

    Raises:
        SignoffError: git is not installed, the folder is in no repository, the
            history is cut, something is not committed, or one of the paths or the
            whole change is nothing that git knows.
    """
    where = shown_path(folder)
    if since and re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._/-]*", since) is None:
        raise SignoffError(f"{since[:60]!r} is no name of a commit")
    what = ["--", *paths, f":(exclude){FOLDER_NAME}"]
    if _git(folder, "rev-parse", "--is-shallow-repository").strip() != "false":
        raise SignoffError(
            f"{where}: the history is cut (a shallow clone), so the authors of the change are not known\n"
            "fetch all of it: git fetch --unshallow; GitHub Actions: fetch-depth: 0; GitLab: GIT_DEPTH: 0"
        )
    if changed := _git(folder, "status", "--porcelain", "--untracked-files=no", *what).strip():
        raise SignoffError(
            f"{where}: not committed, so the author is not known: {first_line(changed)}\ncommit it, or take it back"
        )
    for path in paths:
        if not _git(folder, "log", "-1", "--format=%H", "--", path).strip():
            raise SignoffError(f"{where}: git has never heard of '{path}', where the change should be: is it misspelt?")
    commits = [f"{since}..HEAD"] if since else ["HEAD"]
    said = _git(folder, "log", "--full-history", "--no-show-signature", f"--format={_FORMAT}", *commits, *what)
    found = identities(part for line in said.splitlines() for part in _parts(line))
    if not found:
        raise SignoffError(f"{where}: git knows no commit of the change ({' '.join(commits)})")
    return found


def _parts(line: str) -> tuple[str, ...]:
    match = _CO_AUTHOR.fullmatch(line.strip())
    return (match["name"], match["mail"]) if match else (line,)


def _git(folder: Path, *words: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise SignoffError("git is not installed, so the authors of the change are not known")
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    argv = [program, "--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false", "-C", str(folder.absolute())]
    try:
        done = run(
            [*argv, *words],
            where=f"git {words[0]}",
            folder=folder,
            environment={**environment, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            timeout_seconds=_SECONDS,
        )
    except SourceError as error:
        raise SignoffError(f"{error}\nso the authors of the change are not known") from None
    if done.status != 0:
        said = first_line(done.errors.decode("utf-8", errors="replace"))
        raise SignoffError(
            f"git {words[0]} in {shown_path(folder)}: {said}\nso the authors of the change are not known"
        )
    return done.output.decode("utf-8", errors="replace")
