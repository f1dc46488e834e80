"""A run waits for people, believes what they signed, and stops believing what they took back."""

from __future__ import annotations

import json
import os
import shlex
import subprocess

import pytest

PLAN = """
rollout: shop
metrics:
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
phases:
  phase1: {title: Canary, exit: EXIT}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
APPROVERS = """
approvers:
  anna@example.com: {roles: [product], git: [Anna]}
  ben@example.com: {roles: [product, engineering], git: [Ben Bauer]}
  cleo@example.com: {roles: [product], git: [Cleo]}
"""
BEN = {"NAME": "Ben Bauer", "EMAIL": "ben@home.example"}
WHERE = ("gates/shop", "phase1", "--env", "test")


class Office:
    """A rollout by Ben in a git repository, and keys of those who may sign."""

    def __init__(self, project, exits):
        self.project = project
        (project.folder / "keys").mkdir()
        lines = []
        for name in ("anna", "ben", "cleo"):
            key = project.folder / "keys" / name
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
            lines.append(f"{name}@example.com {key.with_suffix('.pub').read_text('utf-8')}")
        project.write("approvers.yaml", APPROVERS)
        project.write("allowed_signers", "".join(lines))
        project.write("gates/shop/rollout.yaml", PLAN.replace("EXIT", exits))
        project.lock()
        self.git("init", "-q")
        self.git("add", "gates")
        self.git("commit", "-q", "-m", "a new checkout")

    def git(self, *words):
        who = {f"GIT_{role}_{what}": said for role in ("AUTHOR", "COMMITTER") for what, said in BEN.items()}
        subprocess.run(["git", "-C", self.project.folder, *words], check=True, timeout=60, env={**os.environ, **who})

    def run(self, *words, env=None):
        return self.project.run(*words, env=env, lock=False)

    def waits(self, *words):
        """A run that people keep waiting, and nothing else."""
        result = self.run(*words)
        result.holds("approval", exit_code=10)
        return result

    def signs(self, who, *words):
        """One of the commands, with somebody's key; the code and what was said."""
        done = self.project.rollout(*words, "--key", f"keys/{who}")
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    @property
    def signed(self):
        """The files that were signed, the oldest first."""
        found = (self.project.gates / "approvals").glob("*.json")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def office(project):
    return lambda exits: Office(project, exits)


def approve(role="product"):
    return ("approve", *WHERE, "--role", role)


def said(result):
    """All that was printed, in one line."""
    return " ".join(result.text.split())


def test_wait_approve_go_revoke_wait(office):
    """The way of a release: 10, a signature, 0, a signature taken back, 10."""
    there = office("{approvals: [product]}")
    assert "awaited: product" in said(there.waits())

    code, told = there.signs("anna", *approve())
    assert code == 0, told
    there.run().proceeds()
    there.run("-n", "2").proceeds()

    code, told = there.signs("anna", "revoke", str(there.signed[0]), "--why", "the graph was another one")
    assert code == 0, told
    result = there.waits()
    assert "awaited: product" in said(result)


def test_the_command_that_a_run_offers_can_be_pasted(office):
    """Folder, phase, stage, environment and all, in one line however narrow the screen is."""
    there = office("{approvals: [product], statements: {survey: neutral or better}}")
    lines = [line.strip() for line in there.run(env={"COLUMNS": "40"}).stdout.lines]
    offered = [shlex.split(line) for line in lines if line.startswith("rollout ")]

    assert [words[:4] for words in offered] == [
        ["rollout", "approve", "gates/shop", "phase1"],
        ["rollout", "statement", "gates/shop", "phase1"],
    ]
    assert "survey, that says “neutral or better”" in " ".join(lines)  # what is no command is wrapped
    for words in offered:
        mine = [each.replace("…", "neutral or better") for each in words[1:]]
        code, told = there.signs("anna", *mine)
        assert code == 0, told
    there.run().proceeds()


def test_the_allure_report_names_who_signed(office):
    """Beside the gate of signatures and beside the verdict: in words, and as a table."""
    there = office("{approvals: [product, engineering]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0

    there.waits("-p", "allure_pytest", "--alluredir", "results")
    results = [json.loads(path.read_text("utf-8")) for path in (there.project.folder / "results").glob("*-result.json")]
    names = {each["name"]: each for each in results}

    for name in ("Whoever must sign has signed", "VERDICT HOLD: shop phase1"):
        assert "product: anna@example.com, signed 2" in names[name]["description"].replace("\\", "")
        assert "engineering: awaited" in names[name]["description"]
        (table,) = (each for each in names[name]["attachments"] if each["name"] == "Sign-off")
        rows = (there.project.folder / "results" / table["source"]).read_text("utf-8").splitlines()
        assert rows[0] == "role,who,signed,counts until,remark"
        assert sorted(row.split(",")[:2] for row in rows[1:]) == [
            ["engineering", "awaited"],
            ["product", "anna@example.com"],
        ]
    told = [name for name, each in names.items() if "Sign-off" in json.dumps(each)]
    assert sorted(told) == ["VERDICT HOLD: shop phase1", "Whoever must sign has signed"]


def test_the_author_cannot_approve(office):
    """The command refuses, and the run waits on."""
    there = office("{approvals: [product]}")
    there.waits()

    code, told = there.signs("ben", *approve())

    assert code == 4
    assert "does not count[author]" in told
    assert there.signed == []
    there.waits()


def test_who_becomes_an_author_has_not_approved(office, monkeypatch):
    """Anna signs, then commits to the change: at the next run her signature does not count."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    there.run().proceeds()
    monkeypatch.setitem(BEN, "NAME", "Anna")
    there.project.write("gates/shop/notes.md", "by Anna\n")
    there.git("add", "gates/shop/notes.md")
    there.git("commit", "-q", "-m", "notes")

    result = there.waits()

    assert "awaited: product" in said(result)


def test_outside_of_a_repository_nobody_has_approved(office):
    """Who made the change cannot be known, so it may be the one who signed."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    for name in ("approvers.yaml", "allowed_signers"):
        (there.project.folder / name).rename(there.project.gates / name)
    there.run().proceeds()
    (there.project.folder / ".git").rename(there.project.folder / "git-that-was")

    there.waits()


def test_status_says_who_is_awaited(office):
    """Which role, how many of how many, and who could sign: not Ben, who made the change."""
    there = office("{approvals: {product: 2}, statements: {survey: neutral or better}}")

    def status():
        done = there.project.rollout("status", "gates/shop", "--rollout-env", "test", env={"COLUMNS": "200"})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    there.waits()
    lines = status()
    assert "phase1: product: 0 of 2 signed; awaited: 2 of anna@example.com, cleo@example.com" in lines
    assert "phase1: survey: awaited, a signed statement that says “neutral or better”" in lines
    assert there.signs("anna", *approve())[0] == 0
    assert there.signs("cleo", "statement", *WHERE, "--topic", "survey", "--says", "neutral or better")[0] == 0

    (product,) = [line for line in status() if "product:" in line]
    assert product.startswith("phase1: product: 1 of 2 signed by anna@example.com (")
    assert product.endswith("; awaited: 1 of cleo@example.com")
    assert any(
        line.startswith("phase1: survey: “neutral or better”, said by cleo@example.com on ") for line in status()
    )
    (there.project.folder / "approvers.yaml").unlink()
    assert any(line.startswith("phase1: nothing is known of signatures: ") for line in status())


def test_two_people_of_a_role(office):
    """One who signs twice is one."""
    there = office("{approvals: {product: 2}}")
    assert "awaited: product (2)" in said(there.waits())
    assert there.signs("anna", *approve())[0] == 0
    there.signs("anna", *approve())
    assert "product: anna@example.com" in str(there.waits().verdict)

    assert there.signs("cleo", *approve())[0] == 0

    there.run().proceeds()


def test_an_approval_heals_nothing(office):
    """A signed release with errors is no go, and one whose trigger fires goes back."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0

    there.project.answers(errors=3)
    there.git("commit", "-q", "-a", "-m", "worse")
    there.run().holds("failed")
    there.project.answers(orders=1)
    there.git("commit", "-q", "-a", "-m", "ill")
    there.run().holds("trigger", exit_code=20)


def test_what_is_not_committed_has_no_author(office):
    """So nobody has approved it: it may be the work of whoever signed."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    there.project.answers(orders=501)

    assert "not committed, so the author is not known" in said(there.waits())


def test_a_file_that_was_changed(office):
    """What was signed is what counts, to the letter; nobody has signed until it is mended."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    (path,) = there.signed
    path.write_text(path.read_text("utf-8").replace("anna@", "cleo@"), "utf-8")

    result = there.run()

    assert result.ret in {1, 10}, result.text
    assert result.verdict["decision"] == "HOLD"
    result.is_calm()


def test_an_approval_of_another_plan(office):
    """The limits changed after it was signed."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    there.run().proceeds()
    there.project.write("gates/shop/rollout.yaml", PLAN.replace("EXIT", "{approvals: [product], incidents: sev2}"))

    there.project.run().holds("approval", exit_code=10)


@pytest.mark.parametrize("gone", ["approvers.yaml", "allowed_signers"])
def test_without_a_register(office, gone):
    """Nobody may sign, and a run says which file is missing."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    (there.project.folder / gone).unlink()

    result = there.run()

    result.holds("no-data")
    assert gone in said(result)
    there.project.answers(orders=1)
    there.run().holds("trigger", "no-data", exit_code=20)


@pytest.mark.parametrize("how", ["edited", "lost"])
def test_a_verdict_that_was_never_given(office, how):
    """One that somebody has written, and one whose run the ledger does not know any more: nobody has approved it."""
    there = office("{approvals: [product]}")
    there.waits()
    receipt, ledger = there.project.folder / ".rollout" / "verdict.json", there.project.gates / "ledger.sqlite"
    if how == "edited":
        receipt.write_text(receipt.read_text("utf-8").replace("makes no errors", "is better than ever"), "utf-8")
    code, told = there.signs("anna", *approve())
    assert code == 0, told
    if how == "lost":
        receipt.unlink()  # which would tell of it by itself
        ledger.unlink()

    result = there.waits()

    assert "was never given here" in said(result)


def test_a_statement(office):
    """Somebody says it and signs; the report says who, when, and their words."""
    there = office("{statements: {survey: neutral or better}}")
    assert "awaited: survey" in said(there.waits())

    words = ("statement", *WHERE, "--topic", "survey", "--says", "neutral or better")
    code, told = there.signs("anna", *words)
    assert code == 0, told
    result = there.run()

    result.proceeds()
    assert "survey: “neutral or better”, said by anna@example.com on" in str(result.verdict)


def test_a_statement_to_the_contrary(office):
    """Is heard: it holds, with what was said."""
    there = office("{statements: {survey: neutral or better}}")
    there.waits()

    assert there.signs("anna", "statement", *WHERE, "--topic", "survey", "--says", "worse")[0] == 0

    assert "anna@example.com said “worse”" in str(there.waits().verdict)


def test_a_replay_knows_who_had_signed(office, tmp_path):
    """From its evidence, also when all of it was taken back since."""
    there = office("{approvals: [product]}")
    there.waits()
    assert there.signs("anna", *approve())[0] == 0
    live = there.run()
    live.proceeds()
    bundle = (there.project.folder / ".rollout" / "evidence.zip").rename(tmp_path / "bundle.zip")
    there.signed[0].unlink()

    replayed = there.run("--rollout-replay", str(bundle))

    replayed.holds("stale")
    assert [gate["claims"] for gate in replayed.verdict["verdicts"][0]["gates"]] == [
        gate["claims"] for gate in live.verdict["verdicts"][0]["gates"]
    ]


def test_a_page_shows_who_has_signed_and_who_is_awaited(office):
    """Made after the run: signatures are looked at again, and the receipt stays what it was."""
    there = office("{approvals: [product]}")
    there.waits()
    before = there.project.rollout("report", "gates/shop").stdout
    assert there.signs("anna", *approve())[0] == 0

    after = there.project.rollout("report", "gates/shop").stdout

    assert "| product | *awaited* |" in before
    assert "| product | anna@<!-- -->example.com | 20" in after
    assert "*awaited*" not in after
    assert before.partition("\n")[0] == after.partition("\n")[0]
