"""What a ledger promises on every database: the tests of `LedgerContract` run for each of them.

A subclass has a fixture `place`: `open()` opens the ledger, `where` names it
to another process, `forge(*statements)` changes its tables as somebody would
who may do everything.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Draft, Kind
from pytest_rollout.ledger.schema import MIGRATIONS, migrate, version_of

AT = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)
WRITER = Path(__file__).with_name("ledger_writer.py")
SUBJECT = ("shop", "production")
ABOUT = {"rollout": SUBJECT[0], "environment": SUBJECT[1], "by": "ada"}


def note(number: int = 0, *, hours: float = 0, **more) -> Draft:
    """A statement, told apart by its number."""
    about = {"rollout": SUBJECT[0], "environment": SUBJECT[1]} | more
    return drafts.recorded(Kind.STATEMENT, at=AT + timedelta(hours=hours), body={"number": number}, **about)


def evaluation(
    hours: float = 0, decision: str = "PROCEED", reasons=(), *, phase="phase1", mode="live", **more
) -> Draft:
    """An evaluation, as far as a streak looks."""
    body = {"decision": decision, "reasons": list(reasons), "waiting": False, "mode": mode}
    return Draft(
        kind=Kind.EVALUATION,
        rollout="shop",
        environment="production",
        phase=phase,
        at=AT + timedelta(hours=hours),
        body=body,
        detail={"gates": [hours]},
        **more,
    )


def codes(findings):
    """What a check found, without its sentences."""
    return [(finding.sequence, finding.code) for finding in findings]


def write_together(where, writers, count):
    """So many processes that add so many entries each, at once; what each was told, and how it ended."""
    processes = [
        subprocess.Popen(
            [sys.executable, WRITER, where, f"writer{number}", str(count)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(writers)
    ]
    said = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * writers, said
    return [acknowledged(out) for out, _ in said]


def acknowledged(out):
    """(sequence, digest) of each whole line."""
    lines = [line.split() for line in out.splitlines(keepends=True) if line.endswith("\n")]
    return [(int(line[0]), line[1]) for line in lines if len(line) == 2]


class LedgerContract:
    """Tests for every database."""

    @pytest.fixture
    def ledger(self, place):
        """An empty one."""
        with place.open() as ledger:
            yield ledger

    @pytest.fixture
    def eight(self, place):
        """Eight entries were written, and nobody has it open."""
        with place.open() as ledger:
            for number in range(1, 9):
                ledger.append(evaluation(number), recorded_at=AT + timedelta(hours=number))

    def test_what_was_written_is_read(self, place):
        """All of it, also by another process's connection, and chained."""
        draft = evaluation(1, "HOLD", ["no-data"], stage="25 %", once="a")
        with place.open() as ledger:
            first, second = ledger.append_all([draft, note(2)], recorded_at=AT)
        with place.open(create=False) as ledger:
            found = ledger.entries(*SUBJECT)

        assert found == (first, second)
        assert (first.sequence, first.previous, second.previous) == (1, "", first.digest)
        assert (first.kind, first.phase, first.stage, first.at, first.recorded_at, first.once) == (
            draft.kind,
            "phase1",
            "25 %",
            draft.at,
            AT,
            "a",
        )
        assert first.body == {"decision": "HOLD", "mode": "live", "reasons": ["no-data"], "waiting": False}

    def test_times_are_utc_whatever_zone_they_were_said_in(self, ledger):
        elsewhere = AT.astimezone(tz=datetime.strptime("+0530", "%z").tzinfo)
        entry = ledger.append(evaluation(), recorded_at=elsewhere)

        assert (entry.recorded_at, str(entry.recorded_at.tzinfo)) == (AT, "UTC")

    @pytest.mark.parametrize("text", ["naïve ✓", "a\nb", "\x00", "\ud800", "'; DROP TABLE x; --", ":name %s {}", ""])
    def test_any_text_in_a_body_comes_back(self, place, text):
        with place.open() as ledger:
            draft = drafts.recorded(
                Kind.STATEMENT, rollout="shop", environment="production", at=AT, body={text: text}, detail=[text]
            )
            ledger.append(draft, recorded_at=AT)
            (entry,) = ledger.entries(*SUBJECT)

            assert (dict(entry.body), ledger.detail(entry), ledger.check()) == ({text: text}, [text], ())

    def test_the_same_once_is_one_entry(self, ledger):
        """A step of a pipeline that ran twice."""
        first = ledger.append(evaluation(once="run 7"), recorded_at=AT)
        again = ledger.append(evaluation(-1, once="run 7"), recorded_at=AT)
        twice = ledger.append_all([note(), evaluation(-2, once="run 7")], recorded_at=AT)

        assert again == first == twice[1]
        assert ledger.head().entries == 2
        assert ledger.check() == ()

    def test_all_or_none(self, ledger):
        """What breaks in the middle leaves nothing behind."""
        with pytest.raises(ValueError, match="has no zone"):
            ledger.append_all([note(1), note(2)], recorded_at=AT.replace(tzinfo=None))
        ledger.append(note(3), recorded_at=AT)

        assert [entry.body["number"] for entry in ledger.entries(*SUBJECT)] == [3]

    @pytest.mark.parametrize(
        ("asked", "hours"),
        [
            pytest.param({}, [1, 3, 2, 4], id="in recorded order"),
            pytest.param({"kinds": [Kind.EVALUATION]}, [1, 3, 2], id="kind"),
            pytest.param({"kinds": [Kind.EVALUATION, Kind.STATEMENT]}, [1, 3, 2, 4], id="kinds"),
            pytest.param({"kinds": []}, [], id="no kind"),
            pytest.param({"phase": "phase1"}, [1, 2], id="phase"),
            pytest.param({"phase": ""}, [4], id="of no phase"),
            pytest.param({"stage": "25 %"}, [2], id="stage"),
            pytest.param({"since": AT + timedelta(hours=2), "until": AT + timedelta(hours=3)}, [3, 2], id="times"),
            pytest.param({"since": AT + timedelta(hours=2, microseconds=1)}, [3, 4], id="just after"),
        ],
    )
    def test_entries_by_what_they_are_about(self, ledger, asked, hours):
        wanted = [evaluation(1), evaluation(3, phase="phase2"), evaluation(2, stage="25 %"), note(4, hours=4)]
        others = [note(5, rollout="other"), note(5, environment="demo"), note(5, rollout="Shop")]
        ledger.append_all([*wanted[:2], *others, *wanted[2:]], recorded_at=AT)
        found = [(entry.at - AT).total_seconds() / 3600 for entry in ledger.entries(*SUBJECT, **asked)]
        last = ledger.last(*SUBJECT, **{key: value for key, value in asked.items() if key != "since"})

        assert found == hours
        assert (last is None) == (not hours)
        if hours and "since" not in asked:
            assert (last.at - AT).total_seconds() / 3600 == hours[-1]
        assert ledger.subjects() == (("Shop", "production"), ("other", "production"), ("shop", "demo"), SUBJECT)

    def test_evaluations_are_the_entries_as_a_streak_sees_them(self, ledger):
        ledger.append_all(
            [evaluation(1), evaluation(2, "ROLLBACK", ["critical"]), evaluation(3, mode="replay"), note()],
            recorded_at=AT,
        )
        found = ledger.evaluations(*SUBJECT, "phase1", until=AT + timedelta(hours=3))

        assert [(each.quality.value, each.said) for each in sorted(found)] == [
            ("good", "PROCEED"),
            ("bad", "ROLLBACK[critical]"),
            ("not live", "replay"),
        ]

    def test_status_is_read_from_few_entries(self, ledger):
        start = drafts.phase_start(**ABOUT, phase="phase1", at=AT)
        ledger.append_all([start, evaluation(1), evaluation(2), evaluation(3)], recorded_at=AT)
        found = ledger.status(*SUBJECT, "phase1", at=AT + timedelta(hours=2.5))

        assert found.held_for == timedelta(hours=2.5)
        assert found.evaluated.at == AT + timedelta(hours=2)
        assert ledger.status(*SUBJECT, "phase2", at=AT).phase_started is None

    FORGERIES = (
        pytest.param(
            ["UPDATE rollout_entries SET content = replace(content, 'PROCEED', 'HOLD') WHERE sequence = 3"],
            [(3, "edited")],
            id="edited row",
        ),
        pytest.param(
            ["UPDATE rollout_entries SET at = '2026-11-06T09:00:00.000000+00:00' WHERE sequence = 3"],
            [(3, "edited")],
            id="edited time",
        ),
        pytest.param(
            ["DELETE FROM rollout_entries WHERE sequence = 5", "DELETE FROM rollout_details WHERE sequence = 5"],
            [(5, "missing")],
            id="removed row",
        ),
        pytest.param(
            [
                "UPDATE rollout_entries SET sequence = 99 WHERE sequence = 2",
                "UPDATE rollout_entries SET sequence = 2 WHERE sequence = 3",
                "UPDATE rollout_entries SET sequence = 3 WHERE sequence = 99",
            ],
            [
                (2, "edited"),
                (2, "moved"),
                (2, "detail"),
                *((3, code) for code in ("edited", "moved", "detail", "clock")),
                (4, "moved"),
            ],
            id="reordered rows",
        ),
        pytest.param(
            ["DELETE FROM rollout_entries WHERE sequence > 6", "DELETE FROM rollout_details WHERE sequence > 6"],
            [(7, "cut")],
            id="truncated tail",
        ),
        pytest.param(
            [
                "CREATE TABLE kept AS SELECT content FROM rollout_entries WHERE sequence = 1",
                "UPDATE rollout_entries SET content = '{}' WHERE sequence = 4",
                "UPDATE rollout_entries SET content = '{\"swapped\":1}' WHERE sequence = 1",
            ],
            [(1, "edited"), (4, "edited")],
            id="swapped bodies",
        ),
        pytest.param(
            ["UPDATE rollout_details SET content = '{}' WHERE sequence = 4"], [(4, "detail")], id="edited gates"
        ),
        pytest.param(["DELETE FROM rollout_details WHERE sequence = 4"], [(4, "detail")], id="removed gates"),
        pytest.param(["INSERT INTO rollout_details VALUES (12, '{}')"], [(12, "detail")], id="gates of no entry"),
        pytest.param(["DELETE FROM rollout_head"], [(0, "head")], id="no record of the end"),
        pytest.param(["UPDATE rollout_head SET entries = 7"], [(8, "head")], id="another end"),
        pytest.param(
            ["UPDATE rollout_entries SET previous = '' WHERE sequence = 4"],
            [(4, "edited"), (4, "moved")],
            id="unchained",
        ),
        pytest.param(["DELETE FROM rollout_entries", "DELETE FROM rollout_details"], [(1, "cut")], id="emptied"),
    )

    @pytest.mark.parametrize(("statements", "expected"), FORGERIES)
    def test_a_forgery_is_found_where_it_is(self, place, eight, statements, expected):
        place.forge(*statements)
        with place.open() as ledger:
            assert codes(ledger.check()) == expected

    @pytest.mark.parametrize(("statements", "expected"), FORGERIES)
    def test_a_forgery_of_the_chain_is_found_by_a_run(self, place, eight, statements, expected):
        """Which looks at the entries alone, before it lets anything through."""
        place.forge(*statements)
        with place.open() as ledger:
            assert codes(ledger.check(chain_only=True)) == [each for each in expected if each[1] != "detail"]

    def test_a_sound_ledger_has_no_findings(self, place, eight):
        with place.open() as ledger:
            assert ledger.check(pinned=ledger.head().digest) == ()
            assert ledger.check(chain_only=True) == ()

    def test_it_holds_what_it_once_ended_with(self, place, eight):
        """An end that was kept elsewhere is still in it, however much was added since; one that was cut off is not."""
        with place.open() as ledger:
            kept = ledger.head().digest
            ledger.append(note(9), recorded_at=AT)
            assert [ledger.holds(each) for each in (kept, ledger.head().digest, "")] == [True] * 3
            assert not ledger.holds("0" * 64)
        place.forge(
            "DELETE FROM rollout_entries WHERE sequence > 6",
            "DELETE FROM rollout_details WHERE sequence > 6",
            "UPDATE rollout_head SET entries = 6, digest = (SELECT digest FROM rollout_entries WHERE sequence = 6)",
        )
        with place.open() as ledger:
            assert ledger.check() == ()  # a chain that fits itself
            assert not ledger.holds(kept)

    def test_an_edited_row_is_not_read(self, place, eight):
        """A gate that would believe it holds, whoever checks or not."""
        place.forge("UPDATE rollout_entries SET phase = 'phase2' WHERE sequence = 3")
        with place.open() as ledger:
            with pytest.raises(LedgerError, match=r"entry 3 is not what was written[^\n]*\nrun `rollout ledger check`"):
                ledger.entries(*SUBJECT)
            with pytest.raises(LedgerError, match="entry 3"):
                ledger.evaluations(*SUBJECT, "phase2")
            with pytest.raises(LedgerError, match="entry 3"):
                list(ledger.export())

    def test_an_edited_detail_is_not_read(self, place, eight):
        place.forge("UPDATE rollout_details SET content = '[]' WHERE sequence = 3")
        with place.open() as ledger, pytest.raises(LedgerError, match="entry 3"):
            ledger.detail(ledger.entries(*SUBJECT)[2])

    def test_nothing_is_added_after_a_cut(self, place, eight):
        """Or the next entry would take the place of those that were removed."""
        place.forge("DELETE FROM rollout_entries WHERE sequence = 8")
        with place.open() as ledger:
            with pytest.raises(LedgerError, match="not the one that was written last"):
                ledger.append(note(), recorded_at=AT)
            with pytest.raises(LedgerError, match="not the one that was written last"):
                ledger.head()

    def test_a_tail_that_was_cut_with_its_record_fits_itself(self, place, eight):
        """What a check cannot find by itself, a digest that was kept elsewhere finds."""
        with place.open() as ledger:
            head = ledger.head().digest
        place.forge(
            "DELETE FROM rollout_entries WHERE sequence > 6",
            "DELETE FROM rollout_details WHERE sequence > 6",
            "UPDATE rollout_head SET entries = 6, digest = (SELECT digest FROM rollout_entries WHERE sequence = 6)",
        )
        with place.open() as ledger:
            assert ledger.check() == ()
            assert codes(ledger.check(pinned=head)) == [(0, "head")]

    def test_the_database_itself_refuses_changes(self, place, eight):
        """Nobody removes an entry by accident."""
        for statement in (
            "UPDATE rollout_entries SET phase = ''",
            "DELETE FROM rollout_entries",
            "UPDATE rollout_details SET content = ''",
            "DELETE FROM rollout_details",
        ):
            with pytest.raises(Exception, match="only added to"):
                place.execute(statement)
        with place.open() as ledger:
            assert ledger.check() == ()

    def test_a_clock_that_stepped_back_is_a_warning(self, ledger):
        """Entries keep the order in which they were recorded."""
        ledger.append(note(1), recorded_at=AT)
        ledger.append(note(2, hours=-2), recorded_at=AT - timedelta(hours=2))
        ledger.append(note(3, hours=3), recorded_at=AT)
        first, second = ledger.check()

        assert (first.sequence, first.code, first.warning) == (2, "clock", True)
        assert first.sentence == "was recorded 2 h before the entry that precedes it: a clock stepped back"
        assert second.sentence == "speaks of a time 3 h after it was recorded"
        assert [entry.body["number"] for entry in ledger.entries(*SUBJECT)] == [1, 2, 3]

    def test_export_and_import(self, place, another, eight):
        """The same chain elsewhere; the same lines again; and what came later is added."""
        with place.open() as ledger, another.open() as copy:
            lines = list(ledger.export())
            assert (copy.import_(lines), copy.import_(lines)) == (8, 0)
            ledger.append(note(9), recorded_at=AT + timedelta(hours=9))
            assert copy.import_(ledger.export()) == 1
            assert copy.head() == ledger.head()
            assert list(copy.export()) == list(ledger.export())
            assert copy.entries(*SUBJECT) == ledger.entries(*SUBJECT)
            assert copy.check() == ()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            pytest.param(lambda lines: lines[1:], "line 1: entry 2 does not follow entry 0", id="beginning"),
            pytest.param(lambda lines: lines[:3] + lines[4:], "line 4: entry 5 does not follow entry 3", id="gap"),
            pytest.param(lambda lines: [*lines[:2], lines[3], lines[2]], "line 3: entry 4 does not follow", id="order"),
            pytest.param(lambda lines: [lines[0].replace("PROCEED", "HOLD")], "line 1: entry 1 is not what", id="edit"),
            pytest.param(lambda lines: [lines[0].replace('"gates":[1]', '"gates":[2]')], "entry 1 is not", id="gates"),
            pytest.param(lambda lines: [lines[0][:-20]], "line 1: not an entry of a ledger", id="half a line"),
            pytest.param(lambda lines: ["[1]"], "line 1: not an entry", id="no object"),
            pytest.param(lambda lines: [lines[0].replace('"sequence":1', '"sequence":"1"')], "not an entry", id="type"),
            pytest.param(lambda lines: [lines[0].replace('"once"', '"more":"","once"')], "other keys", id="more"),
            pytest.param(lambda lines: ["[" * 100_000], "line 1: not an entry", id="deep"),
        ],
    )
    def test_lines_that_are_not_what_was_exported(self, place, another, eight, change, said):
        """Refused with the line, and nothing is added."""
        with place.open() as ledger, another.open() as copy:
            lines = change(list(ledger.export()))
            with pytest.raises(LedgerError, match=said):
                copy.import_(lines)
            assert copy.head().entries == 0
            assert copy.check() == ()

    def test_the_lines_of_another_ledger(self, place, another, eight):
        with place.open() as ledger, another.open() as other:
            other.append(note(), recorded_at=AT)
            with pytest.raises(LedgerError, match="line 1: this ledger has another entry 1"):
                other.import_(ledger.export())
            assert other.head().entries == 1

    def test_a_newer_ledger_is_refused(self, place, eight):
        place.forge("INSERT INTO rollout_schema (version) VALUES (99)")

        with pytest.raises(LedgerError, match=f"schema 99, and this version knows {len(MIGRATIONS)}\n.*upgrade"):
            place.open()

    def test_a_migration_runs_whole_or_not_at_all(self, ledger):
        """An older ledger is brought to now in one transaction."""
        more, later = ("CREATE TABLE rollout_more (x INTEGER)",), ("CREATE TABLE rollout_later (x INTEGER)", "no SQL")
        store, done = ledger._store, len(MIGRATIONS)
        with pytest.raises(LedgerError):
            migrate(store, (*MIGRATIONS, more, later))
        assert (version_of(store), store.has("rollout_more")) == (done, False)
        migrate(store, (*MIGRATIONS, more))
        migrate(store, (*MIGRATIONS, more))
        assert (version_of(store), store.has("rollout_more")) == (done + 1, True)

    def test_a_ledger_that_is_not_there(self, place):
        """Who only reads makes none: it would be one without incidents."""
        with pytest.raises(LedgerError, match="there is no"):
            place.open(create=False)

    def test_ten_processes_at_once(self, place):
        """All entries of all, in order, one chain; also the first of them, who all found no ledger."""
        told = write_together(place.where, writers=10, count=200)
        with place.open(create=False) as ledger:
            entries = ledger.entries(*SUBJECT)
            assert ledger.check() == ()
        written = [(entry.sequence, entry.digest) for entry in entries]

        assert [sequence for sequence, _ in written] == list(range(1, 2001))
        assert sorted(each for one in told for each in one) == written
        assert Counter(entry.body["by"] for entry in entries) == {f"writer{n}": 200 for n in range(10)}
        for number in range(10):
            mine = [entry.body["number"] for entry in entries if entry.body["by"] == f"writer{number}"]
            assert mine == list(range(200))

    @pytest.mark.parametrize("seed", range(5))
    def test_killed_while_it_writes(self, place, seed):
        """`kill -9` at a random moment of 200 writes: what was acknowledged is there, and the chain is whole."""
        chance = random.Random(seed)
        told = []
        for life in range(4):
            process = subprocess.Popen(
                [sys.executable, WRITER, place.where, f"life{seed}{life}", "200"], stdout=subprocess.PIPE, text=True
            )
            told += acknowledged("".join(process.stdout.readline() for _ in range(chance.randrange(1, 150))))
            time.sleep(chance.uniform(0.0, 0.01))
            process.kill()
            # Not communicate(), which reads past what readline() has taken out of the pipe and not given yet.
            with process:
                told += acknowledged(process.stdout.read())
            with place.open(create=False) as ledger:
                assert ledger.check() == ()
                there = [(entry.sequence, entry.digest) for entry in ledger.entries(*SUBJECT)]
            assert set(told) <= set(there)
            assert len(there) <= len(told) + life + 1  # at most one a life was on the disk and not yet said

    def test_lines_are_json_that_others_can_read(self, place, eight):
        """The chain can be checked by anybody who has SHA-256."""
        with place.open() as ledger:
            documents = [json.loads(line) for line in ledger.export()]

        assert [each["sequence"] for each in documents] == list(range(1, 9))
        assert documents[0]["details"] == {"gates": [1]}
        assert [each["previous"] for each in documents[1:]] == [each["digest"] for each in documents[:-1]]
