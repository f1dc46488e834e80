"""A ledger in one file: what every ledger promises, and what only a file can do wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.ledger_contract import AT, SUBJECT, LedgerContract, codes, note

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger import sqlite
from pytest_rollout.ledger.ledger import open_ledger


@dataclass(frozen=True)
class File:
    """A place for one ledger."""

    path: Path

    @property
    def where(self):
        return str(self.path)

    def open(self, *, create=True):
        return open_ledger(self.where, Path(), create=create)

    def execute(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def forge(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        self.execute(*(f"DROP TRIGGER {name}" for (name,) in triggers), *statements)


@pytest.fixture
def place(tmp_path):
    """A file that is not there yet."""
    return File(tmp_path / "ledger.sqlite")


class TestSqlite(LedgerContract):
    """The contract."""

    @pytest.fixture
    def another(self, tmp_path):
        return File(tmp_path / "another.sqlite")


def test_a_new_ledger_is_one_file_in_a_new_folder(tmp_path):
    """Nothing else stays beside it, and odd names are names."""
    place = File(tmp_path / "new" / "50 % #1?.sqlite")
    with place.open() as ledger:
        ledger.append(note(), recorded_at=AT)

    assert [path.name for path in place.path.parent.iterdir()] == ["50 % #1?.sqlite"]


def test_a_path_starts_at_the_folder_of_the_plan(tmp_path):
    with open_ledger(".rollout/ledger.sqlite", tmp_path) as ledger:
        assert ledger.where == str(tmp_path / ".rollout" / "ledger.sqlite")
        assert repr(ledger) == f"Ledger({ledger.where!r})"
    with pytest.raises(LedgerError, match="the path of the ledger is empty: is the variable set"):
        open_ledger("", tmp_path)


def test_writes_are_synchronised(place):
    """An append that returned is on the disk."""
    with place.open() as ledger:
        asked = {name: ledger._store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}

    assert asked == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "the file is empty, and no ledger", id="empty"),
        pytest.param(b"rollout: shop\n" * 100, "file is not a database\nname a ledger", id="text"),
        pytest.param(b"SQLite format 3\0", "not a database|malformed|no ledger|disk I/O", id="only a beginning"),
    ],
)
def test_a_file_that_is_no_ledger(place, content, said):
    """It stays as it is."""
    place.path.write_bytes(content)
    with pytest.raises(LedgerError, match=said):
        place.open()

    assert place.path.read_bytes() == content


def test_a_database_of_somebody_else(place):
    place.execute("CREATE TABLE users (x)")
    with pytest.raises(LedgerError, match="a SQLite file, and no ledger"):
        place.open()


def test_a_folder_in_its_place(place):
    place.path.mkdir()
    with pytest.raises(LedgerError, match="a folder, and no ledger\nname the file itself"):
        place.open()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="a ledger cannot be made here"):
        open_ledger("file/below/ledger.sqlite", tmp_path)


def test_a_damaged_page(place):
    """A sentence, and what to do; what cannot be read is never taken for nothing."""
    with place.open() as ledger:
        for number in range(200):
            ledger.append(note(number), recorded_at=AT)
    size = place.path.stat().st_size
    with place.path.open("r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 512)
    said = "malformed\nthe file is damaged: keep it, and `rollout ledger import`"
    with pytest.raises(LedgerError, match=said), place.open() as ledger:
        ledger.entries(*SUBJECT)
    with pytest.raises(LedgerError, match="malformed"), place.open() as ledger:
        ledger.append(note(), recorded_at=AT)


def test_a_flipped_bit(place):
    """SQLite does not see it; the digest does."""
    with place.open() as ledger:
        for number in range(100, 150):
            ledger.append(note(number), recorded_at=AT)
    data = place.path.read_bytes()
    assert data.count(b'{"number":123}') == 1
    place.path.write_bytes(data.replace(b'{"number":123}', b'{"number":122}'))

    with place.open() as ledger:
        assert codes(ledger.check()) == [(24, "edited")]
        with pytest.raises(LedgerError, match="entry 24 is not what was written"):
            ledger.entries(*SUBJECT)


def test_what_sqlite_finds_wrong_with_its_file_is_said(place):
    """An index that lost an entry would hide it from a question."""
    with place.open() as ledger:
        ledger.append(note(), recorded_at=AT)
    place.execute(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'kind, at', 'kind, phase') WHERE name = 'rollout_entries_about'",
    )
    with place.open() as ledger:
        assert {code for _, code in codes(ledger.check())} == {"file"}


def as_nobody(script, *arguments):
    """Run Python without the rights of root, for whom every file is writable."""
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] if os.geteuid() == 0 else []
    command = [*become, sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


TRY = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.ledger import open_ledger
try:
    with open_ledger(sys.argv[1], Path()) as ledger:
        print(len(ledger.entries("shop", "production")), flush=True)
        at = datetime(2026, 11, 7, tzinfo=UTC)
        for number in range(int(sys.argv[2])):
            ledger.append(drafts.intervention(rollout="shop", environment="production", by="x", at=at,
                what=str(number) * 500), recorded_at=at)
except LedgerError as error:
    print(error)
"""


@pytest.fixture
def open_folder(tmp_path_factory):
    """A folder that everybody may enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="ledger"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "said"),
    [
        pytest.param(0o444, 0o755, "the file and its folder must be", id="file"),
        pytest.param(0o666, 0o555, "the file and its folder must be", id="folder"),
        pytest.param(0o000, 0o755, "the file and its folder must be", id="secret"),
    ],
)
def test_what_may_not_be_written_says_so(open_folder, file_mode, folder_mode, said):
    place = File(open_folder / "ledger.sqlite")
    with place.open() as ledger:
        ledger.append(note(), recorded_at=AT)
    place.path.chmod(file_mode)
    open_folder.chmod(folder_mode)
    done = as_nobody(TRY, place.path, 1)
    open_folder.chmod(0o755)

    assert said in done.stdout, (done.stdout, done.stderr)
    with place.open() as ledger:
        assert (ledger.head().entries, ledger.check()) == (1, ())


def test_a_disk_that_is_full(tmp_path):
    """A clear sentence; what was acknowledged is there, and it goes on where there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        place, ballast = File(disk / "ledger.sqlite"), disk / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        written = []
        with place.open() as ledger:
            with pytest.raises(LedgerError, match="disk is full\nfree some room and run again: nothing was written"):
                written.extend(ledger.append(note(number, phase="x" * 200), recorded_at=AT) for number in range(10_000))
            assert len(written) > 10
            assert ledger.entries(*SUBJECT) == tuple(written)
            ballast.unlink()
            again = ledger.append(note(1), recorded_at=AT)
            assert ledger.entries(*SUBJECT) == (*written, again)
            assert ledger.check() == ()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_writer_that_was_stopped_holds_the_others_up_for_a_while_only(place, monkeypatch):
    """Nobody waits for ever; nothing is lost."""
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.2)
    with place.open() as first, place.open() as second:
        with first._store.writing(), pytest.raises(LedgerError, match="locked\nothers have written for"):
            second.append(note(), recorded_at=AT)
        assert second.append(note(), recorded_at=AT).sequence == 1


def test_a_process_that_dies_while_it_makes_a_ledger(place):
    """The file with the ledger's name is whole or not there."""
    script = """
import os, signal, sys
from pathlib import Path
from pytest_rollout.ledger import sqlite
from pytest_rollout.ledger.ledger import open_ledger
sqlite.os.link = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
open_ledger(sys.argv[1], Path())
"""
    done = subprocess.run([sys.executable, "-c", script, place.where], capture_output=True, timeout=60, check=False)

    assert done.returncode == -9
    assert not place.path.exists()
    with place.open() as ledger:
        assert ledger.append(note(), recorded_at=AT).sequence == 1
