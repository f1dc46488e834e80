"""Who made a change: everybody whom git knows of it, or an error; never fewer."""

from __future__ import annotations

import os
import subprocess

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.authors import change_authors

ANNA = "Anna Schmidt <anna@example.com>"
BEN = "Ben Bauer <ben@example.com>"


class Repository:
    """A repository with a rollout's folder in it."""

    def __init__(self, folder):
        self.folder = folder / "repository"
        self.rollout = self.folder / "gates" / "shop"
        self.rollout.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words, committer=ANNA):
        name, _, mail = committer.partition(" <")
        who = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail.rstrip(">")}
        who |= {"GIT_AUTHOR_NAME": "Anna Schmidt", "GIT_AUTHOR_EMAIL": "anna@example.com"}
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            env={**os.environ, **who, **quiet},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, file="rollout.yaml", author=ANNA, committer=ANNA, message="a change"):
        path = self.rollout / file
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"{path.read_text('utf-8') if path.exists() else ''}x\n", "utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, "--author", author, committer=committer)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    """A repository of one commit by Anna."""
    repository = Repository(tmp_path)
    repository.commit()
    return repository


def test_authors_committers_and_co_authors(repository):
    """With names and addresses."""
    trailers = "a change\n\nCo-authored-by: Cem Can <cem@example.com>\nco-authored-by: dora"
    repository.commit(author="Zoe Z <zoe@example.com>", committer=BEN, message=trailers)

    assert change_authors(repository.rollout) == {
        *("anna schmidt", "anna@example.com", "ben bauer", "ben@example.com", "zoe z", "zoe@example.com"),
        *("cem can", "cem@example.com", "dora"),
    }


def test_only_since_a_commit(repository):
    """What is released already is no part of the change."""
    base = repository.commit(author=ANNA)
    repository.commit(author=BEN, committer=BEN)

    assert change_authors(repository.rollout, since=base) == {"ben bauer", "ben@example.com"}


def test_whoever_commits_a_signature_is_no_author_of_the_change(repository):
    """Or committing one's approval would refuse it."""
    base = repository.git("rev-parse", "HEAD")
    repository.commit("test_canary.py", author=BEN, committer=BEN)
    repository.commit("approvals/canary.json", author=ANNA, committer=ANNA)

    assert change_authors(repository.rollout, since=base) == {"ben bauer", "ben@example.com"}


def test_what_the_change_is_can_be_said(repository):
    """The code that is rolled out lies elsewhere in the repository."""
    base = repository.git("rev-parse", "HEAD")
    repository.commit("../../src/shop.py", author=BEN, committer=BEN)

    assert change_authors(repository.rollout, since=base, paths=["../../src"]) == {"ben bauer", "ben@example.com"}
    with pytest.raises(SignoffError, match="git knows no commit of the change"):
        change_authors(repository.rollout, since=base)


def test_a_path_that_is_misspelt(repository):
    """Would leave out the authors of what was meant."""
    with pytest.raises(SignoffError, match=r"git has never heard of '\.\./\.\./scr', where the change should be"):
        change_authors(repository.rollout, paths=[".", "../../scr"])


def test_a_side_branch_that_ended_the_same_way_counts(repository):
    """git's usual log leaves out branches whose result is that of another parent."""
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("a.py", author=BEN, committer=BEN)
    repository.git("checkout", "-q", "main")
    repository.commit("a.py", author=ANNA)
    repository.git("merge", "-q", "--no-edit", "side")

    assert "ben bauer" in change_authors(repository.rollout)


def test_a_mailmap_hides_nobody(repository):
    """Both what was written and what the map makes of it."""
    repository.commit(author=BEN, committer=ANNA)
    (repository.folder / ".mailmap").write_text(f"Zoe Z <zoe@example.com> {BEN}\n", "utf-8")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "map")

    assert {"ben bauer", "ben@example.com", "zoe z"} <= change_authors(repository.rollout)


def test_a_replaced_commit_hides_nobody(repository):
    """`git replace` shows another commit in its place."""
    base = repository.git("rev-parse", "HEAD")
    mine = repository.commit(author=BEN, committer=BEN)
    repository.git("replace", mine, base)

    assert "ben bauer" in change_authors(repository.rollout)


def test_variables_that_lead_git_elsewhere_are_left_out(repository, tmp_path, monkeypatch):
    """A hook sets them."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))

    assert "anna schmidt" in change_authors(repository.rollout)


def test_a_shallow_clone_is_refused(repository, tmp_path):
    """As CI systems make them: the authors beyond the cut are not known."""
    repository.commit(author=BEN)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository.folder}", clone], check=True, timeout=60)

    with pytest.raises(SignoffError, match=r"the history is cut .*\n.*fetch-depth: 0"):
        change_authors(clone / "gates" / "shop")


def test_what_is_not_committed_is_refused(repository):
    """Its author may be whoever sits there."""
    (repository.rollout / "rollout.yaml").write_text("changed", "utf-8")

    with pytest.raises(SignoffError, match=r"not committed, so the author is not known: M gates/shop/rollout\.yaml"):
        change_authors(repository.rollout)


def test_outside_a_repository(tmp_path):
    """Nobody is known."""
    with pytest.raises(SignoffError, match=r"(?i)not a git repository.*\n.*are not known"):
        change_authors(tmp_path)


def test_a_commit_that_is_not_there(repository):
    """Nor is an option taken for one."""
    with pytest.raises(SignoffError, match=r"git log in .*(unknown|bad) revision"):
        change_authors(repository.rollout, since="abcdef1")
    with pytest.raises(SignoffError, match="'--all' is no name of a commit"):
        change_authors(repository.rollout, since="--all")


def test_no_git(repository, monkeypatch):
    """With what it means."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SignoffError, match="git is not installed, so the authors"):
        change_authors(repository.rollout)
