"""What the ledger costs: `python tests/benchmarks/ledger.py`.

A year of hourly evaluations with 30 gates each is written, and the questions
of a verdict are asked of it. An append is compared with a bare insert of the
same texts into SQLite with the same settings, in turns, so that whatever else
the machine does falls on both. Nothing here is a test: a timed test fails on
a busy machine and passes on a fast one.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.book import PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Draft, canonical
from pytest_rollout.ledger.ledger import Ledger, open_ledger
from pytest_rollout.ledger.periods import HOUR
from pytest_rollout.ledger.streaks import clean_hours, green_days
from pytest_rollout.verdict import Because, Verdict
from pytest_rollout.versions import versions

START = datetime(2025, 11, 25, tzinfo=UTC)
HOURS, GATES, APPENDS = 8760, 30, 300
SUBJECT = ("dual-memory", "production")
BARE = "CREATE TABLE bare (sequence INTEGER PRIMARY KEY, content TEXT NOT NULL, detail TEXT NOT NULL)"


def verdict() -> Verdict:
    """A phase of 30 proven gates that waits for its minimum time."""
    claims = tuple(
        ClaimFacts(text=f"latency < {limit}", truth=Truth.PROVEN, subject="latency", value=4.0) for limit in (5, 6)
    )
    gates = tuple(
        GateVerdict(
            gate=PlannedGate(id=f"test_phase1_shadow.py::test_promise_{n}", nodeid="", rollout="", phases=("phase1",)),
            decision=Decision.PROCEED,
            claims=claims,
        )
        for n in range(GATES)
    )
    return Verdict(
        rollout=SUBJECT[0],
        phase="phase1",
        decision=Decision.HOLD,
        reasons=(Because("hold-time", "3 d of 14 d are left"), Because("streak", "5 of 7 green days")),
        gates=gates,
        plan_digest="a" * 64,
        lock_digest="b" * 64,
        evidence_digest="c" * 64,
    )


JUDGED = verdict()


def evaluation(hour: int) -> Draft:
    """The evaluation of one hour."""
    run = drafts.Run(run_id=f"{hour:032x}", mode="live", exit_code=10, git={"commit": "d" * 40})
    at = START + timedelta(hours=hour, minutes=17)
    return drafts.evaluation(JUDGED, run, environment=SUBJECT[1], at=at)


def year(folder: Path) -> Ledger:
    """A ledger with a year in it, and a few entries of other kinds."""
    ledger = open_ledger("ledger.sqlite", folder)
    about = {"rollout": SUBJECT[0], "environment": SUBJECT[1], "by": "ada"}
    ledger.append(drafts.phase_start(**about, phase="phase1", at=START), recorded_at=START)
    for day in range(HOURS // 24):
        end = START + timedelta(days=day + 1)
        ledger.append_all([evaluation(hour) for hour in range(day * 24, day * 24 + 24)], recorded_at=end)
        if day % 30 == 0:
            ledger.append(drafts.percentage(**about, percentage=day / 4, at=end), recorded_at=end)
    return ledger


def milliseconds(ask: Callable[[], object], times: int = 25) -> tuple[float, float]:
    """The least processor time and the median time by the clock of one question.

    Nothing in a question waits: the first is what it costs, the second what
    it took beside everything else that this machine did.
    """
    spent, taken = [], []
    for _ in range(times):
        start, processor = time.perf_counter(), time.process_time()
        ask()
        spent.append((time.process_time() - processor) * 1000)
        taken.append((time.perf_counter() - start) * 1000)
    return min(spent), statistics.median(taken)


def questions(ledger: Ledger) -> None:
    """What a verdict asks, of the whole year."""
    at = START + timedelta(hours=HOURS)

    def days() -> int:
        return green_days(ledger.evaluations(*SUBJECT, "phase1", until=at), at=at, every=HOUR).days

    def hours() -> int:
        return clean_hours(ledger.evaluations(*SUBJECT, "phase1", until=at), at=at, every=HOUR).hours

    if (days(), hours()) != (HOURS // 24, HOURS):
        raise SystemExit("the streaks of a year without a fault are not a year long")
    for name, ask in (
        ("green days of a year", days),
        ("clean hours of a year", hours),
        ("status", lambda: ledger.status(*SUBJECT, "phase1", at=at)),
    ):
        least, middle = milliseconds(ask)
        meets = "meets" if least <= 100 else "MISSES"
        print(f"{name}: {least:.0f} ms (target ≤ 100 ms, {meets} it)   by the clock {middle:.0f} ms")
    least, middle = milliseconds(lambda: ledger.check(chain_only=True), 5)
    print(f"what a run looks at before a go, the whole chain: {least:.0f} ms   by the clock {middle:.0f} ms")
    least, middle = milliseconds(ledger.check, 5)
    print(f"check of all entries and pages: {least:.0f} ms   by the clock {middle:.0f} ms")


def appends(ledger: Ledger, folder: Path) -> None:
    """One evaluation at a time, against a bare insert, in turns."""
    bare = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", BARE):
        bare.execute(statement)
    plain, ours = [], []
    for number in range(APPENDS):
        draft = evaluation(HOURS + number)
        texts = (canonical(draft.body), canonical(draft.detail))
        start = time.perf_counter()
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("INSERT INTO bare (content, detail) VALUES (?, ?)", texts)
        bare.execute("COMMIT")
        middle = time.perf_counter()
        ledger.append(draft, recorded_at=draft.at)
        plain.append(middle - start)
        ours.append(time.perf_counter() - middle)
    bare.close()
    base, measured = statistics.median(plain), statistics.median(ours)
    verdict = "meets" if measured <= 3 * base else "MISSES"
    spent = f"{measured * 1000:.2f} ms against {base * 1000:.2f} ms, {APPENDS} each"
    print(f"an append against a bare insert: {measured / base:.2f} times (target ≤ 3, {verdict} it)   {spent}")


def main() -> None:
    """Measure everything once."""
    tools = ", ".join(f"{name} {version}" for name, version in versions().items())
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {tools}")
    print(f"SQLite {sqlite3.sqlite_version}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, year(Path(name)) as ledger:
        questions(ledger)
        appends(ledger, Path(name))


if __name__ == "__main__":
    main()
