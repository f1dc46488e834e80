"""`rollout verify`: the receipt gives the verdict again, and objects to everything that it is not about."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.cli import main

PLAN = """
rollout: shop
phases:
  phase1: {title: Canary, checkpoint: {name: C1}}
environments:
  test: {sources: {telemetry: {kind: memory, answers: answers.yaml}}}
"""
RECEIPT = ".rollout/verdict.json"
WANTED = ("--rollout", "shop", "--phase", "phase1", "--env", "test", "--max-age", "15m")


def verify(project, *words):
    """Exit code and everything said, after a look that nothing broke."""
    done = project.rollout("verify", RECEIPT, *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("answers", "exit_code", "decision"),
    [
        pytest.param({}, 0, "PROCEED", id="proceed"),
        pytest.param({"latency": 45}, 1, "HOLD", id="hold"),
        pytest.param({"latency": 65}, 20, "ROLLBACK", id="rollback"),
    ],
)
def test_it_answers_with_the_runs_own_code(project, answers, exit_code, decision):
    """Whatever became of the exit code in a pipe."""
    project.answers(**answers)
    assert project.run().ret == exit_code

    code, out, err = verify(project, *WANTED)

    assert code == exit_code
    verdict = "NO GO" if exit_code == 1 else "VERIFIED"
    assert (out or err).startswith(f"{verdict}  {decision}  shop phase1 {decision} · test · ")
    assert (out or err).endswith(f" · exit {exit_code}\n")


def test_pytests_own_status_is_verified_too(project):
    """A run that was interrupted at collection: 2, from both."""
    project.gate("def (:\n")

    assert project.run(lock=False).ret == 2
    assert verify(project, *WANTED)[0] == 2


@pytest.fixture(scope="module")
def receipts():
    """The receipt of one run that PROCEEDs, for all tests that only read or change it."""
    return []


@pytest.fixture
def go(project, receipts):
    """The project after a run that PROCEEDs."""
    if not receipts:
        project.run().proceeds()
        receipts.append((project.folder / RECEIPT).read_text("utf-8"))
    project.write(RECEIPT, receipts[0])
    return project


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        pytest.param(("--phase", "phase2"), "it does not judge phase2; it judged shop phase1", id="phase"),
        pytest.param(("--rollout", "pay"), "it does not judge pay", id="rollout"),
        pytest.param(("--env", "production"), "it judged environment 'test', not 'production'", id="environment"),
        pytest.param(("--max-age", "15m"), "1 h old, and at most 15 min is allowed", id="age"),
    ],
)
def test_a_receipt_about_something_else(go, wanted, said):
    """A PROCEED of another phase, rollout, environment or time is none."""
    if "--max-age" in wanted:
        aged(go, timedelta(hours=1))

    code, out, err = verify(go, *wanted)

    assert code == 1
    assert not out
    assert said in err


def tampered(project, change):
    """Rewrite the receipt."""
    path = project.folder / RECEIPT
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def aged(project, by):
    """Date the receipt back."""
    at = (datetime.now(UTC) - by).isoformat(timespec="seconds")
    tampered(project, lambda document: document.update(evaluated_at=at))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda it: it.update(mode="replay"), id="replay"),
        pytest.param(lambda it: it.update(exit_code=1), id="code-against-decision"),
        pytest.param(lambda it: it.update(verdicts=[]), id="nothing-judged"),
        pytest.param(lambda it: it["verdicts"][0].update(decision="HOLD"), id="phase-holds"),
        pytest.param(lambda it: it["verdicts"][0].update(gates=[]), id="no-gates"),
        pytest.param(lambda it: it["verdicts"][0]["gates"][0].update(decision="HOLD"), id="gate-holds"),
        pytest.param(lambda it: it["verdicts"][0]["gates"][0].update(claims=[]), id="no-claims"),
        pytest.param(lambda it: it["verdicts"][0]["gates"][0]["claims"][0].update(truth="refuted"), id="refuted"),
        pytest.param(lambda it: it["verdicts"][0].update(reasons=[{"code": "stale"}]), id="reasons"),
        pytest.param(lambda it: it.pop("schema"), id="no-schema"),
        pytest.param(lambda it: it.update(evaluated_at="2999-01-01T00:00:00+00:00"), id="from-the-future"),
        pytest.param(lambda it: it.update(evaluated_at="2026-01-01T00:00:00"), id="no-offset"),
    ],
)
def test_a_receipt_that_contradicts_itself(go, change):
    """Whoever edited it, and whatever was forgotten: no go, in words."""
    from pytest_rollout.cli import main

    tampered(go, change)

    assert main(["verify", str(go.folder / RECEIPT), *WANTED]) == 1


NO_RECEIPTS = [
    pytest.param(b"", "empty", id="empty"),
    pytest.param(b'{"schema": "urn:', "not JSON, from line 1, column 12 on", id="cut-off"),
    pytest.param(b"[]", "an object is wanted, not a list", id="list"),
    pytest.param(b"null", "an object is wanted, not null", id="null"),
    pytest.param(b"{}", "'schema' is missing", id="other"),
    pytest.param(b'{"a": 1, "a": 2}', "a key stands there twice", id="twice"),
    pytest.param(b'{"a": NaN}', "not JSON: NaN is no number", id="no-number"),
    pytest.param(b'{"schema": "\xff"}', "not UTF-8", id="binary"),
    pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
    pytest.param(b"9" * 10_000, "a value in it is none that a run writes", id="long"),
]
"""Files that are no receipt, and what is said of them."""
COMMANDS = [
    ("verify", "FILE", "NO GO  FILE is not a receipt: WHY · exit 1", 1),
    ("report", "FOLDER --verdict FILE", "FILE is not a receipt: WHY", 4),
    ("checkpoint", "FOLDER phase1 --rollout-env test --receipt FILE", "FILE is not a receipt: WHY", 4),
    ("approve", "FOLDER phase1 --role sre --verdict FILE", "this is not a verdict: WHY", 4),
]
"""Commands that read a receipt, and what each says of a file that is none."""


@pytest.mark.parametrize(("content", "why"), NO_RECEIPTS)
@pytest.mark.parametrize(("command", "words", "said", "code"), COMMANDS, ids=[each[0] for each in COMMANDS])
def test_what_is_no_receipt(tmp_path, capsys, content, why, command, words, said, code):
    """No receipt, no go, in words that name no exception."""
    file, folder = tmp_path / "verdict.json", tmp_path / "shop"
    file.write_bytes(content)
    folder.mkdir()
    (folder / "rollout.yaml").write_text(PLAN, encoding="utf-8")
    asked = [{"FILE": str(file), "FOLDER": str(folder)}.get(word, word) for word in words.split()]

    assert main([command, *asked]) == code
    assert capsys.readouterr().err == said.replace("FILE", str(file)).replace("WHY", why) + "\n"


def test_a_checkpoint_of_no_phase(tmp_path, capsys):
    """The phase is looked for before the receipt, of which a misspelt one would only say that it is of another."""
    (tmp_path / "rollout.yaml").write_text(PLAN, encoding="utf-8")

    assert main(["checkpoint", str(tmp_path), "phse1", "--rollout-env", "test"]) == 4
    assert capsys.readouterr().err.partition(": ")[2].splitlines()[0] == "no phase 'phse1'"


COMMAND_LINES = [
    "lock", "verify", "preflight", "baseline record", "power", "schema", "world", "approve", "statement", "revoke",
    "history", "status", "ledger check", "ledger export", "ledger import", "start", "percentage", "incident open",
    "incident resolve", "intervention", "report", "message", "guide", "checkpoint",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMAND_LINES)
def test_help_says_what_a_command_and_each_of_its_words_do(capsys, monkeypatch, command):
    """The first paragraph is what the list of commands says, and no argument is left unexplained."""
    monkeypatch.setenv("COLUMNS", "400")

    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])

    said = re.sub("\n {20,}", "  ", capsys.readouterr().out)  # the help of a long argument stands below it
    _, about, *arguments = said.split("\n\n")
    assert about.endswith(".")
    rows = [line for part in arguments for line in part.splitlines()[1:] if line.strip()]
    assert [row for row in rows if len(re.split("  +", row.strip())) < 2] == []


def test_no_file_is_no_receipt(tmp_path, capsys):
    """No receipt, no go, in words."""
    assert main(["verify", str(tmp_path / "verdict.json"), *WANTED]) == 1
    assert capsys.readouterr().err.startswith("NO GO  no receipt, no go: ")


def test_an_older_receipt_is_gone_before_anything_is_refused(go):
    """Yesterday's PROCEED must not answer for a run that could not start."""
    go.write("gates/shop/rollout.yaml", "rollout: [")

    go.run(lock=False).is_refused()

    assert verify(go, *WANTED)[0] == 1


def test_every_rollout_that_was_judged_can_be_asked_for(go):
    """Without wishes any PROCEED will do, from the usual place."""
    done = go.rollout("verify")

    assert done.returncode == 0
    assert done.stdout.startswith("VERIFIED  PROCEED  shop phase1 PROCEED · test · ")
