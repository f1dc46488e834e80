"""A play over virtual days: dual_memory from its first run to the end of shadow mode, with every verdict asserted.

Each scene is a run of pytest in a process of its own, at the instant that a
plugin of this play gives it, against one ledger and one folder of signatures
that stay. Between the scenes a scheduler evaluates every hour: those entries
are written through the ledger's own API. It is played on a file and on
PostgreSQL, and to its end by tests/promises/test_play_whole.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.plan.load import load_plan
from pytest_rollout.signoff.documents import Approval, Statement, text_of
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.signed import Signed, write_signed
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.verdict import Because, Verdict
from support.others import WITHOUT

REPOSITORY = Path(__file__).parents[2]
CLOCK = """
import os
from datetime import datetime

import pytest_rollout.clock as clock

clock.PLAY_AT = datetime.fromisoformat(os.environ["PLAY_AT"])
clock.utc_now.__code__ = (lambda: PLAY_AT).__code__  # whoever has the function already has this one
os.environ["PYTHONPATH"] = os.getcwd()  # for the world, which is a process of its own
"""
WORLDS_CLOCK = """
import http.server
import os
from datetime import datetime
from email.utils import format_datetime

said = format_datetime(datetime.fromisoformat(os.environ["PLAY_AT"]), usegmt=True)
http.server.BaseHTTPRequestHandler.date_time_string = lambda self, timestamp=None: said
"""
"""The world's clock is compared with ours."""
PEOPLE = {"ada": "engineering", "grace": "product", "iris": "internal-team"}
ENVIRONMENT = "\nenvironments:\n  play: {world: world.py, ledger: WHERE, approvals: ../../office}\n"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPENING = datetime(2026, 9, 1, 8, tzinfo=UTC)
PATIENT = (Reason.HOLD_TIME, Reason.STREAK, Reason.APPROVAL)


def clean() -> dict[str, str]:
    """This process's environment without what would change how a scene is judged."""
    foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name != "CI"}


def hourly_digest(moment):
    """That of the verdict which the scheduler's run left at this hour."""
    return hashlib.sha256(moment.isoformat().encode()).hexdigest()


class Play:
    """The stage: a copy of the rollout, its ledger, three people with keys, and the time.

    Args:
        folder: A new folder for everything.
        run: Runs a Python module in a process of its own: as `WarmPython.run`.
        where: The ledger, a file in the folder or a URL.
    """

    def __init__(self, folder: Path, run: Callable[..., subprocess.CompletedProcess[str]], where: str) -> None:
        self.run, self.where = run, where if "://" in where else str(folder / where)
        self.folder, self.gates, self.at = folder, folder / "gates" / "dual_memory", OPENING
        shutil.copytree(REPOSITORY / "gates" / "dual_memory", self.gates, ignore=shutil.ignore_patterns("__pycache__"))
        plan = self.gates / "rollout.yaml"
        environments = ENVIRONMENT.replace("WHERE", self.where)
        plan.write_text(plan.read_text("utf-8").replace("\nenvironments:\n", environments), "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "play_clock.py").write_text(CLOCK)
        (folder / "sitecustomize.py").write_text(WORLDS_CLOCK)
        self.office = folder / "office"
        self.office.mkdir()
        signers, approvers = [], ["approvers:\n"]
        for name, role in PEOPLE.items():
            key = self.office / f"key-of-{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
            signers.append(f"{name}@example.com {key.with_suffix('.pub').read_text('utf-8')}")
            approvers.append(f"  {name}@example.com: {{roles: [{role}], git: [{name}]}}\n")
        (self.office / "allowed_signers").write_text("".join(signers))
        (self.office / "approvers.yaml").write_text("".join(approvers))
        locked = self.python("pytest_rollout.cli", "lock", "gates")
        assert locked.returncode == 0, locked.stdout + locked.stderr
        self.plan = load_plan(plan, kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
        self.receipt = {}

    def python(self, module, *words):
        return self.run(module, words, cwd=self.folder, env=clean() | {"PLAY_AT": self.at.isoformat()}, timeout=600)

    def scene(self, phase, *, exit_code, bad=(), at=None, fault=""):
        """A run now: its exit code, and exactly these gates that do not say PROCEED, with their reasons."""
        self.at = at or self.at
        words = ["gates", "-m", phase, "--rollout-env", "play", "-p", "play_clock", "-p", "no:cacheprovider"]
        words += ["--rollout-fault", fault] if fault else []
        done = self.python("pytest", *words, *WITHOUT)
        assert done.returncode == exit_code, done.stdout + done.stderr
        self.receipt = json.loads((self.folder / ".rollout" / "verdict.json").read_text("utf-8"))
        (verdict,) = self.receipt["verdicts"]
        found = {
            gate["id"].rpartition("::")[2]: gate["reason"] for gate in verdict["gates"] if gate["decision"] != "PROCEED"
        }
        assert found == dict(bad), done.stdout
        assert self.receipt["evaluated_at"] == self.at.isoformat(timespec="seconds")
        assert self.receipt["exit_code"] == exit_code
        assert verdict["decision"] == {0: "PROCEED", 1: "HOLD", 10: "HOLD", 20: "ROLLBACK"}[exit_code]
        return verdict, " ".join(done.stdout.split())

    def hours_until(self, phase, until, *reasons):
        """A scheduler judges every hour, and the phase waits."""
        because = tuple(Because(reason, "as it was then") for reason in reasons)
        moment, written = self.at + HOUR / 2, []
        while moment < until:
            verdict = Verdict(
                rollout=self.plan.rollout,
                phase=phase,
                decision=Decision.HOLD,
                reasons=because,
                gates=(),
                plan_digest=self.plan.digest,
            )
            run = drafts.Run(run_id=f"hourly {moment}", mode="live", exit_code=10, embedded=True)
            written.append(drafts.evaluation(verdict, run, environment="play", at=moment))
            written.append(self._hourly_receipt(phase, moment))
            moment += HOUR
        with closing(open_ledger(self.where, self.folder)) as ledger:
            ledger.append_all(written, recorded_at=until)
        self.at = until

    def approves(self, phase, *names, stage="", verdict_of=None):
        """People sign, now, for what a verdict of the last hours said; the last scene's if nothing else is said."""
        receipt = (self.folder / ".rollout" / "verdict.json").read_bytes()
        digest = hourly_digest(verdict_of) if verdict_of else hashlib.sha256(receipt).hexdigest()
        for name in names or ("ada",):
            self._signs(
                name,
                Approval(
                    **self._about(phase, name),
                    stage=stage,
                    role=PEOPLE[name],
                    verdict_digest=digest,
                    plan_digest=self.plan.digest,
                    evaluated_at=verdict_of or datetime.fromisoformat(self.receipt["evaluated_at"]),
                    signed_at=self.at,
                    expires_at=self.at + 7 * DAY,
                ),
            )

    def states(self, phase, topic, says):
        """Ada says something that nobody measured, and signs it."""
        moment = {"made_at": self.at, "expires_at": self.at + 7 * DAY}
        self._signs("ada", Statement(**self._about(phase, "ada"), topic=topic, says=says, role="engineering", **moment))

    def serves(self, percentage, phase):
        """An operator sets the traffic, and writes it down."""
        about = ["--phase", phase, "--stage", "--rollout-env", "play", "--at", self.at.isoformat(), "--by", "ada"]
        done = self.python("pytest_rollout.cli", "percentage", "gates/dual_memory", percentage, *about)
        assert done.returncode == 0, done.stdout + done.stderr

    def _hourly_receipt(self, phase, moment):
        about = {"rollout": self.plan.rollout, "environment": "play", "phase": phase}
        return drafts.receipt(**about, at=moment, digest=hourly_digest(moment), by="scheduler")

    def _about(self, phase, name):
        environment = {"rollout": self.plan.rollout, "environment": "play"}
        return {**environment, "phase": phase, "principal": f"{name}@example.com"}

    def _signs(self, name, document):
        seal = sign(text_of(document), namespace=document.namespace, key=self.office / f"key-of-{name}")
        write_signed(self.office, Signed(document, seal))

    def entries(self, *kinds):
        with closing(open_ledger(self.where, self.folder, create=False)) as ledger:
            return ledger.entries(self.plan.rollout, "play", kinds=kinds)


WAITING = {"minimum": "hold-time", "green": "streak", "approvals": "approval"}
PEOPLE_MISSING = {"approvals": "approval", "statements": "approval"}
MEMORY = {"memory_rss_bytes": "critical"}
FIRST_DAY = dict.fromkeys(("memory_rss_bytes", "cpu", "result_count"), "information")
"""No whole day has passed that a baseline could be compared with."""


def walk(play: Play) -> None:
    """From the first run to the end of shadow mode: fifteen days, one fault, one recovery, two approvals."""
    before_deployment(play)
    shadow_mode(play)

    decisions = [each.body["decision"] for each in play.entries(Kind.EVALUATION)]
    assert (decisions.count("ROLLBACK"), decisions.count("PROCEED")) == (1, 2)
    assert play.python("pytest_rollout.cli", "ledger", "check", play.where).returncode == 0


def before_deployment(play):
    """Everything is measured, and people have not spoken."""
    unknown = {"after": "prerequisite", "incidents": "no-data"}  # the ledger begins with this run
    play.scene("phase1", exit_code=1, bad=WAITING | PEOPLE_MISSING | FIRST_DAY | unknown, at=OPENING)
    assert play.entries(Kind.PHASE_START) == ()
    play.scene("phase0", exit_code=10, bad=PEOPLE_MISSING, at=OPENING + HOUR / 4)
    play.states("phase0", "operators-trained", "trained and signed off")
    play.approves("phase0")
    play.scene("phase0", exit_code=10, bad={"statements": "approval"}, at=OPENING + HOUR / 3)
    play.states("phase0", "deployment-windows", "approved")
    play.scene("phase0", exit_code=0, at=OPENING + HOUR)


def shadow_mode(play):
    """Waits for everything that takes time, and breaks once."""
    began = OPENING + 2 * HOUR
    verdict, _ = play.scene("phase1", exit_code=10, bad=WAITING | PEOPLE_MISSING | FIRST_DAY, at=began)
    assert (verdict["current_percentage"], verdict["rollback_percentage"]) == (0, None)
    assert [each.at for each in play.entries(Kind.PHASE_START) if each.phase == "phase1"] == [began]

    # Day 3: two whole days are green.
    play.hours_until("phase1", began + 3 * DAY, *PATIENT)
    _, said = play.scene("phase1", exit_code=10, bad=WAITING | PEOPLE_MISSING)
    assert "green days in a row = 2" in said

    # Day 5: memory grows by a quarter. The release goes back, and the row is broken.
    play.hours_until("phase1", began + 5 * DAY, *PATIENT)
    fault = began + 5 * DAY
    verdict, _ = play.scene("phase1", exit_code=20, bad=WAITING | PEOPLE_MISSING | MEMORY, fault="memory_25")
    assert verdict["rollback_percentage"] == 0

    # An hour later it is well again, and the row begins anew.
    play.at = fault + HOUR
    _, said = play.scene("phase1", exit_code=10, bad=WAITING | PEOPLE_MISSING)
    assert "green days in a row = 0" in said
    assert f"at {fault:%Y-%m-%d %H:%M} UTC" in said

    # Day 13: seven green days since, and the minimum is not over.
    play.hours_until("phase1", began + 13 * DAY, *PATIENT)
    _, said = play.scene("phase1", exit_code=10, bad={"minimum": "hold-time"} | PEOPLE_MISSING)
    assert "green" not in {each["gate"] for each in play.receipt["verdicts"][0]["reasons"]}

    # The last day: only people are awaited; then they have spoken.
    play.hours_until("phase1", began + 14 * DAY + HOUR, Reason.HOLD_TIME, Reason.APPROVAL)
    play.scene("phase1", exit_code=10, bad=PEOPLE_MISSING)
    play.at += HOUR / 4
    play.states("phase1", "satisfaction", "no regression")
    play.approves("phase1")
    play.scene("phase1", exit_code=0, at=play.at + HOUR / 12)
