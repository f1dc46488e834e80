"""What people and pipelines write into a ledger and read from it, by the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.cli import main

PLAN = """
rollout: shop
metrics:
  errors: {unit: 1/h, better: lower, source: telemetry, query: errors}
phases:
  phase1: {title: Canary}
  phase2: {title: Everyone}
environments:
  test: {sources: {telemetry: {kind: memory, answers: {errors: 0}}}, ledger: .rollout/ledger.sqlite}
  production:
    ledger: "${LEDGER:-.rollout/ledger.sqlite}"
    sources: {telemetry: {kind: memory, answers: {errors: "${SECRET_THAT_NOBODY_SET}"}}}
  nothing: {sources: {telemetry: {kind: memory, answers: {errors: 0}}}}
"""


@pytest.fixture
def rollout(tmp_path, monkeypatch, capsys):
    """Run a command on a rollout in `gates`; its exit code and its lines, those of errors behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "rollout.yaml").write_text(PLAN)

    def run(*words, env="production"):
        try:
            code = main([*words, *(["--rollout-env", env] if env else [])])
        except SystemExit as error:
            code = error.code
        said = capsys.readouterr()
        return code, (said.out + said.err).splitlines()

    return run


def test_a_week_by_the_command_line(rollout, tmp_path):
    """Each command says which entry it wrote, and the history shows all of them."""
    day = [datetime.now(UTC) - timedelta(days=days, minutes=1) for days in (7, 6, 5, 4, 3)]
    at = [["--at", moment.isoformat(timespec="minutes"), "--by", "ada"] for moment in day]
    assert rollout("start", "gates", "phase1", "--note", "agreed", *at[0]) == (
        0,
        ["entry 1 of gates/.rollout/ledger.sqlite: phase-start of shop in production"],
    )
    assert rollout("percentage", "gates", "5 %", "--phase", "phase1", "--stage", *at[1])[0] == 0
    assert rollout("incident", "open", "gates", "INC-1", "--severity", "sev2", "--title", "Down", *at[2])[0] == 0
    assert rollout("percentage", "gates", "0%", "--rollback", "INC-1", *at[3])[0] == 0
    assert rollout("incident", "resolve", "gates", "INC-1", *at[4])[0] == 0
    assert rollout("intervention", "gates", "cleared the cache", "--by", "bob")[0] == 0
    code, history = rollout("history", "gates")
    _, of_incidents = rollout("history", "gates", "--kind", "incident")
    _, status = rollout("status", "gates")

    assert code == 0
    assert [line.split()[2] for line in history if line.startswith("20")] == [
        "phase-start", "stage-start", "incident", "rollback", "incident", "intervention",
    ]  # fmt: skip
    assert sum("incident" in line for line in of_incidents) == len(of_incidents) - 1 == 2
    assert status[0] == f"shop · environment production · 0 % since {day[3]:%Y-%m-%d %H:%M} UTC"
    assert status[2].split()[:4] == ["phase1", f"{day[0]:%Y-%m-%d}", f"{day[0]:%H:%M}", "7"]
    assert status[-1].startswith("phase1: 24 of 24 evaluations are missing on ")
    assert not any(line.startswith("SEV2 open") for line in status)
    assert (tmp_path / "gates" / ".rollout" / "ledger.sqlite").exists()


def test_a_misspelt_phase_is_no_empty_history(rollout):
    """Nothing is recorded of a phase that the plan has; of another one there may be entries of an older plan."""
    rollout("start", "gates", "phase1")

    assert rollout("history", "gates", "--phase", "phase2") == (0, ["nothing is recorded"])
    code, lines = rollout("history", "gates", "--phase", "phse1")
    assert (code, lines[0].partition(": ")[2], lines[-1]) == (4, "no phase 'phse1'", "  did you mean 'phase1'?")


def test_environments_are_kept_apart(rollout):
    rollout("incident", "open", "gates", "INC-1", "--severity", "sev1", "--title", "Down", env="test")

    assert rollout("history", "gates") == (0, ["nothing is recorded"])
    assert rollout("incident", "resolve", "gates", "INC-1")[0] == 4


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["start", "gates", "phase3"], 4, "no phase 'phase3'"),
        (["start", "gates", "phase1", "--at", "2999-01-01T00:00Z"], 4, "has not happened yet"),
        (["start", "gates", "phase1", "--at", "2026-01-01T00:00"], 2, "has no zone"),
        (["start", "gates", "phase1", "--at", "yesterday"], 2, "is no moment"),
        (["start", "gates", "phase1", "--by", ""], 2, "is the variable set?"),
        (["start", "nowhere", "phase1"], 4, "no such file"),
        (["percentage", "gates", "101 %"], 2, "is no share of the traffic"),
        (["percentage", "gates", "+5 %"], 2, "is no share of the traffic"),
        (["percentage", "gates", "5 ms"], 2, "is no share of the traffic"),
        (["percentage", "gates", "5 %", "--stage"], 4, "a stage is one of a phase"),
        (["incident", "resolve", "gates", "INC-1"], 4, "no incident 'INC-1' is open"),
        (["incident", "open", "gates", "I", "--severity", "sev9", "--title", "x"], 2, "invalid choice"),
        (["intervention", "gates", "x\ny", "--phase", "phase9"], 4, "no phase 'phase9'"),
        (["history", "gates"], 4, "there is no such ledger"),
        (["status", "gates"], 4, "there is no such ledger"),
        (["history", "gates", "--kind", "incidents"], 2, "invalid choice: 'incidents' (choose from"),
        (["history", "gates", "--ledger", "mysql://h/d"], 4, "a ledger is a SQLite file or postgresql://"),
    ],
)
def test_what_cannot_be_recorded_or_shown(rollout, tmp_path, words, code, said):
    """A sentence, a code that is no go, and no ledger that nobody wanted."""
    found, lines = rollout(*words)

    assert found == code
    assert said in "\n".join(lines)
    assert not any("Traceback" in line for line in lines)


def test_the_ledger_is_the_one_of_the_environment(rollout, tmp_path, monkeypatch):
    """From the plan's folder on, with its variables; or the one that is named, from here on."""
    monkeypatch.setenv("LEDGER", "elsewhere.sqlite")
    assert rollout("start", "gates", "phase1")[1][0].startswith("entry 1 of gates/elsewhere.sqlite")
    assert rollout("start", "gates", "phase1", "--ledger", "here.sqlite")[1][0].startswith("entry 1 of here.sqlite")
    code, lines = rollout("start", "gates", "phase1", env="nothing")
    assert (code, lines[0].endswith("environment 'nothing' names no ledger")) == (4, True)
    assert sorted(path.name for path in tmp_path.rglob("*.sqlite")) == ["elsewhere.sqlite", "here.sqlite"]


def test_an_environment_must_be_named(rollout):
    """Nothing is written into the history of another one."""
    assert rollout("start", "gates", "phase1", env="")[1][1:] == ["  environments: nothing, production, test"]
    assert rollout("start", "gates", "phase1", env="prodction")[1][-1] == "  did you mean 'production'?"


def test_an_incident_is_opened_once(rollout):
    words = ("incident", "open", "gates", "INC-1", "--severity", "sev2", "--title", "Down")
    rollout(*words)

    assert rollout(*words) == (4, ["incident 'INC-1' is open already"])
    code, lines = rollout("incident", "resolve", "gates", "INC-1", "--at", "2020-01-01T00:00Z")
    assert (code, lines[0].endswith("after --at")) == (4, True)


def test_changes_of_the_percentage_are_recorded_in_their_order(rollout):
    """An earlier one after a later one would leave it unclear which is in force."""
    rollout("percentage", "gates", "25 %")
    code, lines = rollout("percentage", "gates", "50 %", "--at", "2026-01-01T00:00Z")

    assert code == 4
    assert lines[0].endswith("later than --at: record changes in their order")


def test_check_export_and_import(rollout, tmp_path):
    """The exit code is the answer; what was cut shows against a digest that was kept."""
    rollout("start", "gates", "phase1")
    rollout("percentage", "gates", "5 %")
    where = "gates/.rollout/ledger.sqlite"
    code, (said,) = rollout("ledger", "check", where, env="")
    digest = said.split()[-1]
    _, lines = rollout("ledger", "export", where, env="")
    (tmp_path / "all.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "cut.jsonl").write_text(lines[0] + "\n")

    assert (code, said) == (0, f"2 entries, each as it was written; the last has the digest {digest}")
    assert rollout("ledger", "import", "all.sqlite", "all.jsonl", env="") == (
        0,
        ["2 entries are new in all.sqlite; it has 2"],
    )
    assert rollout("ledger", "check", "all.sqlite", "--head", digest, env="")[0] == 0
    rollout("ledger", "import", "cut.sqlite", "cut.jsonl", env="")
    assert rollout("ledger", "check", "cut.sqlite", env="")[0] == 0
    assert rollout("ledger", "check", "cut.sqlite", "--head", digest, env="") == (
        1,
        [f"head: no entry has the digest {digest} that was kept"],
    )
    assert rollout("ledger", "check", "none.sqlite", env="") == (4, ["none.sqlite: there is no such ledger"])
    assert rollout("ledger", "import", "all.sqlite", "none.jsonl", env="")[0] == 4
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert rollout("ledger", "import", "all.sqlite", "binary", env="")[0] == 4
    assert not (tmp_path / "none.sqlite").exists()


WANTED = "  an export is wanted, as `rollout ledger export` writes it"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema": 1}', ["FILE: line 1: not an entry of a ledger: other keys than those of an entry", WANTED]),
        ("{\n", ["FILE: line 1: not an entry of a ledger: not JSON", WANTED]),
        ("", ["FILE: no entry of a ledger is in it", WANTED]),
        ("\xff", ["FILE cannot be read: not UTF-8"]),
        ("GAP", ["FILE: line 2: entry 3 does not follow entry 1 of this export", WANTED]),
        ("LATE", ["new/x.sqlite: there is no such ledger"]),
    ],
    ids=["a receipt", "no JSON", "empty", "no UTF-8", "a gap", "not from its start"],
)
def test_what_is_no_export_makes_no_ledger(rollout, tmp_path, content, said):
    """Not even an empty one, which a check would find sound; and its folder is not made."""
    for _ in range(3):
        rollout("intervention", "gates", "something")
    lines = rollout("ledger", "export", "gates/.rollout/ledger.sqlite", env="")[1]
    content = {"GAP": f"{lines[0]}\n{lines[2]}\n", "LATE": f"{lines[1]}\n"}.get(content, content)
    (tmp_path / "verdict.json").write_text(content, encoding="latin-1")

    assert rollout("ledger", "import", "new/x.sqlite", "verdict.json", env="") == (
        4,
        [line.replace("FILE", "verdict.json") for line in said],
    )
    assert not (tmp_path / "new").exists()


def test_the_file_is_named_that_is_the_export_of_another_ledger(rollout, tmp_path):
    """Of several exports, a backup's for one, it is known which."""
    rollout("intervention", "gates", "something")
    (tmp_path / "all.jsonl").write_text(
        "\n".join(rollout("ledger", "export", "gates/.rollout/ledger.sqlite", env="")[1])
    )
    rollout("intervention", "gates", "another thing", "--ledger", "other.sqlite")

    code, (said,) = rollout("ledger", "import", "other.sqlite", "all.jsonl", env="")

    assert code == 4
    assert said == "all.jsonl: line 1: this ledger has another entry 1: it is the export of another ledger"


def test_who_reads_an_export_may_stop_early(rollout, tmp_path):
    """As `head` does: no traceback, and an exit code that is no verdict."""
    for number in range(200):
        assert rollout("intervention", "gates", f"{number} {'x' * 900}")[0] == 0
    export = [sys.executable, "-m", "pytest_rollout.cli", "ledger", "export", "gates/.rollout/ledger.sqlite"]

    with subprocess.Popen(export, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout.readline().startswith(b"{")
        done.stdout.close()
        assert done.stderr.read() == b""
        assert done.wait(60) == 141


def test_export_into_import_by_a_pipe(rollout, tmp_path):
    """As a nightly backup would do it."""
    for _ in range(3):
        rollout("intervention", "gates", "something")
    command = [sys.executable, "-m", "pytest_rollout.cli", "ledger"]
    shell = f"{' '.join(command)} export gates/.rollout/ledger.sqlite | {' '.join(command)} import copy.sqlite -"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=60)

    assert done.stdout == "3 entries are new in copy.sqlite; it has 3\n"


def test_who_did_it_is_who_is_logged_in(rollout, monkeypatch):
    monkeypatch.setenv("LOGNAME", "grace")
    rollout("intervention", "gates", "something")

    assert rollout("history", "gates")[1][1].endswith("something · grace")


def test_a_clock_that_stepped_back_does_not_fail_a_check(rollout, tmp_path):
    """It is a warning: the chain is whole."""
    from pytest_rollout.ledger import drafts
    from pytest_rollout.ledger.ledger import open_ledger

    at = datetime(2026, 11, 7, tzinfo=UTC)
    with open_ledger("clock.sqlite", Path()) as ledger:
        for moment in (at, at - timedelta(hours=2)):
            draft = drafts.intervention(rollout="shop", environment="test", at=moment, what="x", by="ada")
            ledger.append(draft, recorded_at=moment)
    code, lines = rollout("ledger", "check", "clock.sqlite", env="")

    assert code == 0
    assert lines[0].startswith("warning: entry 2: clock: was recorded 2 h before the entry that precedes it")


def test_without_the_extra_the_message_names_it(tmp_path):
    """PostgreSQL is for teams that have it; nobody else installs a driver."""
    script = """
import sys
sys.modules["sqlalchemy"] = None
from pytest_rollout.cli import main
sys.exit(main(["ledger", "check", "postgresql://gate:hunter2@127.0.0.1/ledger"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False, env=os.environ
    )

    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "postgresql://127.0.0.1/ledger: a ledger on PostgreSQL needs the extra 'postgres'",
        "pip install 'pytest-rollout[postgres]'",
    ]
