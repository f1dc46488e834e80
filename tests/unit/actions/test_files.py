"""A backup first, whole or not at all, and nobody else's change is lost."""

from __future__ import annotations

import os
import stat

import pytest

from pytest_rollout.actions import files
from pytest_rollout.actions.files import replaced
from pytest_rollout.errors import SourceError


def test_what_was_there_lies_beside_it(tmp_path):
    path = tmp_path / "flags.json"
    path.write_bytes(b"old")
    path.chmod(0o640)

    done = replaced(path, b"old", b"new", stamp="S", what="x")
    again = replaced(path, b"new", b"old", stamp="S", what="x")

    assert path.read_bytes() == b"old"
    assert done.backup == str(tmp_path / "flags.json.S.bak")
    assert again.backup == str(tmp_path / "flags.json.S-2.bak")
    assert (tmp_path / "flags.json.S.bak").read_bytes() == b"old"
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o640}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "flags.json", tmp_path / "flags.json"
    real.write_bytes(b"old")
    link.symlink_to(real)

    done = replaced(link, b"old", b"new", stamp="S", what="x")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert done.backup == str(real) + ".S.bak"


def test_what_somebody_else_wrote_in_the_meantime_stays(tmp_path):
    path = tmp_path / "flags.json"
    path.write_bytes(b"theirs")

    with pytest.raises(SourceError, match="somebody else changed it in the meantime, so nothing was changed"):
        replaced(path, b"old", b"new", stamp="S", what="x")

    assert path.read_bytes() == b"theirs"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("breaks", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file(tmp_path, monkeypatch, breaks):
    path = tmp_path / "flags.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if breaks == "fsync" else (files.Path, "replace")), fail)
    with pytest.raises(SourceError, match="cannot be replaced: No space left on device"):
        replaced(path, b"old", b"new", stamp="S", what="x")

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".flags.json.")] == []
