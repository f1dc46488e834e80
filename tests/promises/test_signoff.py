"""`rollout approve`, `statement`, `revoke`: what is signed is shown, checked at once, and only then written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.signoff.approvals import Wanted, verify_approvals
from pytest_rollout.signoff.approvers import find_register, read_register
from pytest_rollout.signoff.authors import change_authors
from pytest_rollout.signoff.grounds import Ground
from pytest_rollout.signoff.signed import read_signed
from pytest_rollout.signoff.statements import Asked, verify_statements

APPROVE = ("approve", "gates/shop", "phase1", "--role", "product", "--env", "test")
APPROVERS = """
approvers:
  anna@example.com: {roles: [product], git: [Anna]}
  ben@example.com: {roles: [product, engineering], git: [Ben Bauer]}
"""


@pytest.fixture(scope="module")
def office(new_project):
    """A rollout by Ben that was judged PROCEED, in a repository, and keys of Anna and Ben."""
    project = new_project()
    (project.folder / "keys").mkdir()
    lines = []
    for name in ("anna", "ben", "eve"):
        key = project.folder / "keys" / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
        lines.append(f"{name}@example.com {key.with_suffix('.pub').read_text('utf-8')}")
    project.write("approvers.yaml", APPROVERS)
    project.write("allowed_signers", "".join(lines[:2]))
    project.run().proceeds()
    git(project, "init", "-q")
    git(project, "add", "gates")
    git(project, "commit", "-q", "-m", "a new checkout")
    return project


def git(project, *words):
    who = {f"GIT_{role}_{what}": said for role in ("AUTHOR", "COMMITTER") for what, said in BEN.items()}
    subprocess.run(["git", "-C", project.folder, *words], check=True, timeout=60, env={**os.environ, **who})


BEN = {"NAME": "Ben Bauer", "EMAIL": "ben@home.example"}


@pytest.fixture
def signed(office):
    """Run a command of sign-off: exit code, output, and what lies there afterwards; all is as before after the test."""
    kept = {
        path: path.read_bytes() for path in [office.gates / "rollout.yaml", office.folder / ".rollout/verdict.json"]
    }

    def signed(*words, **more):
        done = office.rollout(*words, **more)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr, read_signed(office.gates)

    yield signed
    shutil.rmtree(office.gates / "approvals", ignore_errors=True)
    for path, data in kept.items():
        path.write_bytes(data)


def standing(office):
    """What a run would find."""
    verdict = json.loads((office.folder / ".rollout" / "verdict.json").read_text("utf-8"))["verdicts"][0]
    wanted = Wanted(
        rollout="shop",
        phase="phase1",
        environment="test",
        roles={"product": 1},
        plan_digest=verdict["plan_digest"],
        max_age=timedelta(hours=1),
        authors=change_authors(office.gates),
        at=datetime.now(UTC),
    )
    return verify_approvals(read_signed(office.gates), wanted=wanted, register=read_register(office.folder))


def test_an_approval_is_shown_signed_and_written(office, signed):
    """In words, with every digest that it names; and it counts."""
    code, said, found = signed(*APPROVE, "--key", "keys/anna", "--comment", "looks right", "--expires", "2d")

    assert code == 0
    (approval,) = found
    assert said.splitlines()[0] == "anna@example.com, as product, approves shop phase1 in test"
    for words in ("on a verdict PROCEED with 3 gates", "looks right", "signed, and verified against", approval.digest):
        assert words in said
    assert f"gates/shop/approvals/phase1-product-anna@example.com-{approval.digest[:12]}.json: written" in said
    assert approval.document.expires_at - approval.document.signed_at == timedelta(days=2)
    assert approval.document.evidence_digest
    assert standing(office).complete


def test_the_key_is_found_where_ssh_keeps_it(office, signed, tmp_path):
    """The one in ~/.ssh that allowed_signers lists, and with it the person."""
    (tmp_path / ".ssh").mkdir()
    for name in ("anna", "anna.pub", "eve.pub"):
        shutil.copy(office.folder / "keys" / name, tmp_path / ".ssh" / name)

    code, said, found = signed(*APPROVE, env={"HOME": str(tmp_path)})

    assert (code, len(found)) == (0, 1), said


def test_a_key_in_an_agent(office, signed, tmp_path):
    """Its public half is named; the private one lies nowhere."""
    public = shutil.copy(office.folder / "keys" / "anna.pub", tmp_path / "anna.pub")
    started = ["ssh-agent", "-s", "-a", str(tmp_path / "socket")]
    said = subprocess.run(started, check=True, capture_output=True, text=True, timeout=30).stdout
    agent = {
        "SSH_AUTH_SOCK": str(tmp_path / "socket"),
        "SSH_AGENT_PID": said.partition("SSH_AGENT_PID=")[2].partition(";")[0],
    }
    try:
        add = ["ssh-add", "-q", office.folder / "keys" / "anna"]
        subprocess.run(add, check=True, env={**os.environ, **agent}, timeout=30)
        code, said, found = signed(*APPROVE, "--key", str(public), env=agent)
    finally:
        subprocess.run(["ssh-agent", "-k"], check=True, env={**os.environ, **agent}, capture_output=True, timeout=30)

    assert (code, len(found)) == (0, 1), said
    assert standing(office).complete


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--key", "keys/ben"), "does not count[author]: ben@example.com made a part", id="author"),
        pytest.param(
            ("--key", "keys/anna", "--role", "legal"), "does not count[role]: anna@example.com does", id="role"
        ),
        pytest.param(("--key", "keys/eve"), "say who you are with --principal", id="stranger"),
        pytest.param(
            ("--key", "keys/eve", "--principal", "anna@example.com"), "does not count[unknown-key]", id="pretends"
        ),
        pytest.param(("--key", "keys/ben", "--principal", "anna@example.com"), "is the key of ben@", id="other-key"),
        pytest.param(("--key", "keys/nobody", "--principal", "anna@example.com"), "ssh-keygen did not sign", id="none"),
        pytest.param(("--key", "keys/anna", "--env", "production"), "it judged environment 'test', not", id="env"),
        pytest.param(("--key", "keys/anna", "--stage", "25 %"), "it judged stage none, not 25 %", id="stage"),
        pytest.param(("--key", "keys/anna", "--verdict", "none.json"), "none.json: no such file", id="no-verdict"),
        pytest.param(("--key", "keys/anna", "--expires", "soon"), "'soon' is not a duration", id="expires"),
        pytest.param(("--key", "keys/anna", "--comment", "a\nb"), "comment: longer than 1000 characters", id="comment"),
    ],
)
def test_what_would_not_count_is_not_signed(signed, words, said):
    """Nothing is written, and the reason is the one that a run would give."""
    code, told, found = signed(*APPROVE, *words)

    assert code in {2, 4}
    assert said in told
    assert found == ()


@pytest.mark.parametrize(("folder", "phase"), [("gates/shop", "phase9"), ("gates", "phase1")])
def test_no_such_phase_or_rollout(signed, folder, phase):
    """With those that there are."""
    code, told, _ = signed("approve", folder, phase, "--role", "product", "--key", "keys/anna")

    assert code == 4
    assert "phases: phase1, phase2" in told or "name the rollout's folder" in told


def test_a_plan_that_changed_since_its_verdict(office, signed):
    """The verdict is of another plan."""
    plan = office.gates / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").replace("60 ms", "90 ms"), "utf-8")

    code, told, found = signed(*APPROVE, "--key", "keys/anna")

    assert (code, found) == (4, ())
    assert "rollout.yaml has changed since this verdict: judge again, then sign" in told


def test_a_verdict_that_was_edited_to_be_better(office, signed):
    """Contradictions are seen before anything is signed."""
    path = office.folder / ".rollout" / "verdict.json"
    path.write_text(path.read_text("utf-8").replace('"truth": "proven"', '"truth": "refuted"', 1), "utf-8")

    code, told, found = signed(*APPROVE, "--key", "keys/anna")

    assert (code, found) == (4, ())
    assert "this verdict cannot be approved" in told


def test_a_statement_is_signed_as_what_it_is(office, signed):
    """Said on the screen, in the file, and to whoever asks."""
    words = ("statement", "gates/shop", "phase1", "--env", "test", "--topic", "survey", "--says", "neutral or better")

    code, told, (found,) = signed(*words, "--key", "keys/anna")

    assert code == 0
    assert "  survey: 'neutral or better': a human statement, not a measurement" in told
    asked = Asked(
        rollout="shop",
        phase="phase1",
        environment="test",
        topic="survey",
        says="neutral or better",
        at=datetime.now(UTC),
    )
    assert verify_statements([found], asked=asked, register=read_register(office.folder)).complete
    assert not standing(office).complete


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--env", "tset", "--key", "keys/anna"),
            "has no environment 'tset'\n  environments: test\n  did you mean 'test'?",
        ),
        (("--env", "test", "--key", "keys/ben"), "holds engineering, product: say which with --role"),
        (("--env", "test", "--key", "keys/ben", "--role", "legal"), "does not count[role]"),
        (("--env", "test", "--key", "keys/anna", "--topic", "User survey"), "'User survey' cannot be a topic"),
    ],
)
def test_a_statement_that_would_not_count(signed, words, said):
    """Is not signed."""
    subject = ("statement", "gates/shop", "phase1", "--topic", "survey", "--says", "worse")

    code, told, found = signed(*subject, *words)

    assert (code, found) == (4, ())
    assert said in told


@pytest.mark.parametrize("how", ["file", "digest", "start"])
def test_a_revocation(office, signed, how):
    """By the file, the digest or the start of it; afterwards the approval does not count."""
    _, _, (approval,) = signed(*APPROVE, "--key", "keys/anna")
    what = {
        "file": (f"gates/shop/approvals/{approval.file_name}",),
        "digest": (approval.digest, "--folder", "gates/shop"),
        "start": (approval.digest[:12], "--folder", "gates/shop"),
    }

    code, told, found = signed("revoke", *what[how], "--why", "I had not seen the graph", "--key", "keys/ben")

    assert (code, len(found)) == (0, 2), told
    assert "ben@example.com takes back approval by anna@example.com as product" in told
    assert [each.ground for each in standing(office).refused] == [Ground.REVOKED]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (("abc",), "'abc' is neither a file in 'approvals' nor a digest of 12 to 64 letters"),
        (("a" * 12, "--folder", "gates/shop"), "0 documents in gates/shop/approvals have the digest"),
        (("gates/shop/approvals/x.json",), "is no signed document in a folder 'approvals'"),
        (("gates/shop/rollout.yaml",), "is no signed document in a folder 'approvals'"),
    ],
)
def test_a_revocation_of_nothing(signed, what, said):
    """Would be believed by whoever made it."""
    code, told, found = signed("revoke", *what, "--why", "x", "--key", "keys/ben")

    assert (code, found) == (4, ())
    assert said in told


def test_a_document_that_lies_in_the_ledger_only(signed):
    """Its whole digest suffices."""
    code, _, (found,) = signed("revoke", "a" * 64, "--folder", "gates/shop", "--why", "x", "--key", "keys/ben")

    assert code == 0
    assert found.document.of == "a" * 64


def test_the_register_is_the_one_above_the_rollout(office):
    """Where the repository keeps it."""
    assert find_register(office.gates) == office.folder


def test_without_ssh_keygen(office, signed, tmp_path):
    """The message says how to install it."""
    (tmp_path / "git").symlink_to(shutil.which("git"))

    code, told, found = signed(*APPROVE, "--key", "keys/anna", env={"PATH": str(tmp_path)})

    assert (code, found) == (4, ())
    assert "apt-get install openssh-client" in told


def committed(office, change):
    """Change the plan, commit it, and judge again; as it was before after the test."""
    plan = office.gates / "rollout.yaml"
    plan.write_text(change(plan.read_text("utf-8")), "utf-8")
    office.lock()
    git(office, "commit", "-q", "-a", "-m", "change", "--allow-empty")


@pytest.fixture
def stricter(office, signed):
    """The plan asks for two roles and a statement, and its verdict is a healthy HOLD."""
    before = subprocess.run(
        ["git", "-C", office.folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
    exits = "{approvals: [engineering, product], statements: {survey: neutral or better}}"
    ledger = "test:\n    ledger: ../../ledger.db\n"
    committed(
        office,
        lambda text: text.replace("{title: Canary}", f"{{title: Canary, exit: {exits}}}").replace("test:\n", ledger),
    )
    yield office
    git(office, "reset", "-q", "--hard", before)


def test_a_role_that_the_plan_does_not_ask_for(stricter, signed):
    """Would never be looked at."""
    stricter.run(lock=False)

    code, told, found = signed(*APPROVE, "--key", "keys/anna", "--role", "produkt")

    assert (code, found) == (4, ())
    assert "phase1 asks for engineering, product, not for 'produkt'\ndid you mean 'product'?" in told


def test_a_hold_that_waits_for_approval_is_approved(stricter, signed):
    """Which is what approvals are for: HOLD[approval] now, and one signature less to wait for afterwards."""
    held = stricter.run(lock=False)
    held.holds("approval", exit_code=10)

    code, told, found = signed(*APPROVE, "--key", "keys/anna")
    assert (code, len(found)) == (0, 1), told
    assert "on a verdict HOLD with" in told
    assert "approval: " in told

    held = stricter.run(lock=False)
    held.holds("approval", exit_code=10)
    assert "product: anna@example.com" in json.dumps(held.verdict)


@pytest.mark.parametrize(
    ("topic", "says", "said"),
    [
        ("survey", "worse than before", "  phase1 wants to hear 'neutral or better', so it holds"),
        ("tickets", "not rising", "  phase1 asks for no statement about it, but about: survey"),
    ],
)
def test_a_statement_beside_what_the_plan_asks_for(stricter, signed, topic, says, said):
    """May be made (the truth must be sayable), and says what it does."""
    words = ("statement", "gates/shop", "phase1", "--env", "test", "--topic", topic, "--says", says)

    code, told, found = signed(*words, "--key", "keys/anna")

    assert (code, len(found)) == (0, 1)
    assert said in told


def test_who_made_the_change_is_asked_as_the_plan_says(office, signed):
    """Since the commit that is released now, which a variable may name."""
    before = subprocess.run(
        ["git", "-C", office.folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
    change = "test:\n    change: {since: '${RELEASED}', paths: [.]}\n"
    committed(office, lambda text: text.replace("test:\n", change))
    try:
        office.run(lock=False, env={"RELEASED": before})
        code, told, _ = signed(*APPROVE, "--key", "keys/anna")
        assert code == 4
        assert "environment variable 'RELEASED' is not set" in told
        code, told, _ = signed(*APPROVE, "--key", "keys/ben", env={"RELEASED": before})
        assert "does not count[author]" in told
        code, told, found = signed(*APPROVE, "--key", "keys/anna", env={"RELEASED": before})
        assert (code, len(found)) == (0, 1), told
    finally:
        git(office, "reset", "-q", "--hard", before)
