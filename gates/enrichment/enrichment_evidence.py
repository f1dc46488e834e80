"""What phase 0 looks at besides the telemetry: the database, test results, backups; and their faults."""

from dataclasses import replace

from pytest_rollout.world import Fault, Junit, Rows, Table, Tables

CHUNKS = 1200
MIGRATIONS = Table(
    columns={"version": str, "name": str},
    rows=[
        {"version": "001", "name": "artifacts"},
        {"version": "002", "name": "enrichment"},
        {"version": "003", "name": "relations"},
    ],
    hours_ago=72,
)
ARTIFACTS = Table(
    columns={"id": int, "title": str},
    rows=[{"id": number, "title": f"artifact {number}"} for number in range(1, 151)],
    hours_ago=60,
)
CHUNK_ROWS = [
    {"id": number, "artifact": 1 + number % 150, "embedding": f"{number * 7919 % 10007:05d}"}
    for number in range(1, CHUNKS + 1)
]
STORE = Tables(
    tables={
        "schema_migrations": MIGRATIONS,
        "artifacts": ARTIFACTS,
        "chunks": Table(
            columns={"id": int, "artifact": int, "embedding": str},
            rows=CHUNK_ROWS,
            hours_ago=48,
        ),
        "index_builds": Table(columns={"chunks": int}, rows=[{"chunks": CHUNKS}], hours_ago=24),
    }
)
SUITE = Junit(tests=318, file="suite.xml")
BACKUPS = Rows(
    file="backups.csv",
    rows=[
        {"what": "database", "bytes": 48_100_000, "restored": True},
        {"what": "artifacts", "bytes": 910_000_000, "restored": True},
        {"what": "settings", "bytes": 412, "restored": True},
    ],
    hours_ago=3,
)
FILES = {"store": STORE, "suite": SUITE, "backups": BACKUPS}
MODELS = ["nomic-embed-text", "llama3"]


def with_table(name: str, **changed: object) -> dict[str, Tables]:
    """The database with one table otherwise."""
    return {"store": replace(STORE, tables={**STORE.tables, name: replace(STORE.tables[name], **changed)})}


FAULTS = {
    "migration_missing": Fault(
        about="migration 003 is not applied", files=with_table("schema_migrations", rows=MIGRATIONS.rows[:-1])
    ),
    "chunks_empty": Fault(about="the chunks were not imported", files=with_table("chunks", rows=[])),
    "embedding_missing": Fault(
        about="three chunks have no embedding",
        files=with_table("chunks", rows=[{**row, "embedding": None} for row in CHUNK_ROWS[:3]] + CHUNK_ROWS[3:]),
    ),
    "index_old": Fault(
        about="the index was built before the chunks were imported", files=with_table("index_builds", hours_ago=50)
    ),
    "model_missing": Fault(about="the model llama3 is not there", state={"models": MODELS[:1]}),
    "settings_unsafe": Fault(about="the settings have multi-hop on", flags={"ENABLE_MULTI_HOP": True}),
    "smoke_fails": Fault(about="queries are answered without sources", state={"sources": []}),
    "backup_old": Fault(about="the newest backup is 30 hours old", files={"backups": replace(BACKUPS, hours_ago=30)}),
    "backup_unproven": Fault(
        about="the backup of the database was not restored",
        files={"backups": replace(BACKUPS, rows=[{**BACKUPS.rows[0], "restored": False}, *BACKUPS.rows[1:]])},
    ),
    "test_failure": Fault(about="a test fails", files={"suite": replace(SUITE, failed=["test_two_hops"])}),
    "load_collapse": Fault(about="the service fails when more than 64 connections are open", state={"capacity": 64}),
}
