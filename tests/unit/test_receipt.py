"""`verdict.json`: whole or absent."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from pytest_rollout.decisions import Decision
from pytest_rollout.lastword import LastWord
from pytest_rollout.receipt import RECEIPT_NAME, receipt, receipt_digest, write_receipt
from pytest_rollout.receipt_schema import receipt_schema
from pytest_rollout.verdict import Because, RunVerdict
from pytest_rollout.verification import Wanted, verify

PROCEED, HOLD, ROLLBACK = Decision.PROCEED, Decision.HOLD, Decision.ROLLBACK
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
WANTED = Wanted(rollout="shop", phase="phase1", environment="production", max_age=timedelta(minutes=15))


@pytest.mark.parametrize("decision", Decision)
def test_a_receipt_comes_back(tmp_path, make_run, decision):
    """With the exit code of the run and the decision in a line."""
    path = write_receipt(tmp_path / "new" / "folder", make_run(decision))
    code, lines = verify(path, WANTED, now=AT)

    assert code == {PROCEED: 0, HOLD: 1, ROLLBACK: 20}[decision]
    assert lines == [f"{decision.value}  shop phase1 {decision.value} · production · 2026-11-20T09:00:00+00:00"]


@pytest.mark.parametrize("decision", Decision)
def test_every_receipt_fits_the_published_schema(make_run, decision):
    document = json.loads(json.dumps(receipt(make_run(decision, reasons=[Because("missing", "x")], git=None))))

    jsonschema.Draft202012Validator.check_schema(receipt_schema())
    jsonschema.Draft202012Validator(receipt_schema()).validate(document)


@pytest.mark.parametrize("decision", Decision)
def test_the_file_holds_the_document(tmp_path, make_run, decision):
    """However its lines are laid out for people."""
    run = make_run(decision, reasons=[Because("missing", "x"), Because("stale", "y")], verdicts=2)

    assert json.loads(write_receipt(tmp_path, run).read_bytes()) == receipt(run)


def test_a_receipt_is_written_whole(tmp_path, make_run):
    """Nothing else is left in the folder, and everybody may read it."""
    for _ in range(2):
        path = write_receipt(tmp_path, make_run())

    assert [each.name for each in tmp_path.iterdir()] == [RECEIPT_NAME]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_nothing(tmp_path, make_run, monkeypatch, step):
    """Not a half, and not an older one under a new name."""

    def broken(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", broken)
    else:
        monkeypatch.setattr(Path, "replace", broken)

    with pytest.raises(OSError, match="No space"):
        write_receipt(tmp_path, make_run())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_json_is_not_written(tmp_path, make_run):
    """NaN would be read by some and refused by others."""
    run = make_run()
    verdict = run.verdict.verdicts[0]
    claim = replace(verdict.gates[0].claims[0], value=math.nan)
    verdict = replace(verdict, gates=(replace(verdict.gates[0], claims=(claim,)),))

    with pytest.raises(ValueError, match="JSON compliant"):
        write_receipt(tmp_path, replace(run, verdict=RunVerdict(verdicts=(verdict,))))
    assert list(tmp_path.iterdir()) == []


def test_odd_characters_do_not_lose_the_receipt(tmp_path, make_run):
    """A server may answer half a surrogate pair; the verdict is written all the same."""
    odd = "größe \ud800 ☃ \x00 \u2028"
    path = write_receipt(tmp_path, make_run(HOLD, reasons=[Because("missing", odd)]))

    assert json.loads(path.read_bytes())["reasons"][0]["sentence"] == odd
    assert "größe" in path.read_text(encoding="utf-8")
    assert verify(path, WANTED, now=AT)[0] == 1


def test_the_instant_is_utc(make_run):
    east = AT.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)

    assert receipt(make_run(evaluated_at=east))["evaluated_at"] == "2026-11-20T09:00:00+00:00"


def test_an_earlier_receipt_is_removed(tmp_path, make_run):
    LastWord.clear(tmp_path)
    write_receipt(tmp_path, make_run())
    LastWord.clear(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_receipt_that_cannot_be_removed_is_said(tmp_path):
    (tmp_path / RECEIPT_NAME).mkdir()

    with pytest.raises(pytest.UsageError, match=RECEIPT_NAME):
        LastWord.clear(tmp_path)


def test_its_digest_is_known_before_it_is_written(make_run, tmp_path):
    """So that the ledger can say which receipt was given."""
    run = make_run(reasons=[Because("failed", "a surrogate \udcff and a snowman ☃")])

    assert receipt_digest(run) == hashlib.sha256(write_receipt(tmp_path, run).read_bytes()).hexdigest()
