"""A process that adds entries to a ledger and says each one that was acknowledged: `ledger_writer.py WHERE NAME COUNT`.

Each line is the sequence and the digest of an entry whose append has returned.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger

START = datetime(2026, 11, 1, tzinfo=UTC)
RECORDED = START + timedelta(days=1)


def main(where: str, name: str, count: int) -> int:
    """Add so many statements, one by one; 3 when the ledger says no."""
    try:
        with open_ledger(where, Path()) as ledger:
            for number in range(count):
                draft = drafts.recorded(
                    Kind.STATEMENT,
                    rollout="shop",
                    environment="production",
                    at=START + timedelta(minutes=number),
                    body={"by": name, "number": number},
                    detail={"text": name * 40},
                    once=f"{name} {number}",
                )
                entry = ledger.append(draft, recorded_at=RECORDED)
                print(entry.sequence, entry.digest, flush=True)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
