"""A real PostgreSQL for a few tests: its own folder, a free port, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support.servers import free_port, need

PASSWORD = "p%w/hunter22"
"""Of the role `gate`; its percent and slash must be encoded in a URL."""

_ENCODED = "p%25w%2Fhunter22"
_HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Postgres:
    """A running server.

    `folder` holds its data and its socket; through the socket one is its
    superuser, over TCP the role `gate`, with a password.
    """

    binaries: Path
    folder: Path
    port: int

    def url(self, *, user="gate", password=_ENCODED, database="postgres", parameters=""):
        """As a plan would have it."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}{parameters}"

    def admin(self):
        """A connection that may do everything; each statement is a transaction of its own."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname="postgres", autocommit=True
        )

    def execute(self, *statements):
        """Run statements as the superuser; the rows of the last one that has any."""
        with self.admin() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def stop(self, mode="immediate"):
        """Stop it at once, as a crash would."""
        self.control("stop", "-m", mode)

    def start(self):
        """Start it, on the same port; durability is of no use here."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self.control("start", "-o", options, "-l", str(self.folder / "log"))

    def control(self, *arguments):
        """Run pg_ctl and wait for what it does."""
        _as_postgres(self.binaries / "pg_ctl", "-D", str(self.folder), "-w", *arguments)


def _as_postgres(*command):
    # The server refuses to run as root.
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*become, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60)


def binaries():
    """The folder of initdb and pg_ctl, which Debian keeps off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return (found[-1] if found else Path(need("initdb", package="postgresql")).resolve()).parent


@contextmanager
def running() -> Iterator[Postgres]:
    """A new, empty server with the role `gate`."""
    # Not pytest's folder: the path of a socket is short, and the server's user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Postgres(binaries(), folder, free_port())
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        _as_postgres(server.binaries / "initdb", "-D", str(folder), "-U", "postgres", "-A", "trust", "--no-sync")
        (folder / "pg_hba.conf").write_text(_HBA)
        server.start()
        server.execute(f"CREATE ROLE gate LOGIN PASSWORD '{PASSWORD}'")
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):  # a test has stopped it already
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
